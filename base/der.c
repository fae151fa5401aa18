#include "base/der.h"

#include "base/text.h"

#define YEAR_2050_AT_S INT64_C(2524608000)

enum { TAG_CLASS = 0xc0, TAG_CONSTRUCTED = 0x20, TAG_NUMBER = 0x1f };

struct der
der_of(struct bytes input)
{
	return (struct der){.rest = input, .ok = true};
}

/* Tag and minimal definite length of the next element; false: none, or not DER. */
static bool
peek_header(struct bytes rest, int *out_tag, size_t *out_header_len, size_t *out_len)
{
	size_t len;
	size_t length_octets;

	if (rest.len < 2 || rest.data[0] == 0 || (rest.data[0] & 0x1f) == 0x1f)
		return false; /* end-of-contents is BER; multi-octet tags are in nothing we read */
	*out_tag = rest.data[0];
	len = rest.data[1];
	if (len < 0x80) {
		*out_header_len = 2;
		*out_len = len;
		return len <= rest.len - 2;
	}
	length_octets = len & 0x7f;
	if (length_octets == 0 || length_octets > 4 || rest.len < 2 + length_octets)
		return false; /* indefinite, or larger than anything we read */
	len = 0;
	for (size_t i = 0; i < length_octets; i++)
		len = len << 8 | rest.data[2 + i];
	if (len < 0x80 || rest.data[2] == 0)
		return false; /* X.690 10.1: the fewest octets */
	*out_header_len = 2 + length_octets;
	*out_len = len;
	return len <= rest.len - *out_header_len;
}

int
der_peek(const struct der *der)
{
	return der->ok && der->rest.len > 0 ? der->rest.data[0] : 0;
}

struct bytes
der_take_any(struct der *der, int *out_tag, struct bytes *out_contents)
{
	struct bytes whole = {0};
	size_t header_len = 0;
	size_t len = 0;
	int tag = 0;

	if (!der->ok || !peek_header(der->rest, &tag, &header_len, &len)) {
		der->ok = false;
		tag = 0;
		header_len = len = 0;
	} else {
		whole = bytes_of(der->rest.data, header_len + len);
		der->rest = bytes_of(der->rest.data + whole.len, der->rest.len - whole.len);
	}
	if (out_tag != NULL)
		*out_tag = tag;
	if (out_contents != NULL)
		*out_contents = whole.data == NULL ? whole : bytes_of(whole.data + header_len, len);
	return whole;
}

struct bytes
der_take_whole(struct der *der, int tag)
{
	if (der_peek(der) != tag)
		der->ok = false;
	return der_take_any(der, NULL, NULL);
}

struct bytes
der_take(struct der *der, int tag)
{
	struct bytes contents = {0};

	if (der_peek(der) != tag)
		der->ok = false;
	(void)der_take_any(der, NULL, &contents);
	return contents;
}

struct der
der_enter(struct der *der, int tag)
{
	const struct bytes contents = der_take(der, tag);

	return (struct der){.rest = contents, .ok = der->ok};
}

bool
der_end(const struct der *der)
{
	return der->ok && der->rest.len == 0;
}

/* ---- elements that nobody reads ---- */

static bool
integer_minimal(struct bytes value)
{
	if (value.len < 2)
		return value.len == 1;
	return (value.data[0] != 0x00 || (value.data[1] & 0x80) != 0) &&
	       (value.data[0] != 0xff || (value.data[1] & 0x80) == 0);
}

/* Unused bits are fewer than an octet's, and zero. */
static bool
bits_plain(struct bytes value)
{
	if (value.len < 2)
		return value.len == 1 && value.data[0] == 0;
	return value.data[0] < 8 && (value.data[value.len - 1] & ((1U << value.data[0]) - 1)) == 0;
}

/* Whole subidentifiers, none with leading zeros. */
static bool
oid_whole(struct bytes value)
{
	bool at_start = true;

	for (size_t i = 0; i < value.len; i++) {
		if (at_start && value.data[i] == 0x80)
			return false;
		at_start = (value.data[i] & 0x80) == 0;
	}
	return value.len > 0 && at_start;
}

/* The form of a universal type, and the spelling of those that have one. */
static bool
universal_plain(int tag, struct bytes value)
{
	const bool constructed = (tag & TAG_CONSTRUCTED) != 0;

	switch (tag & TAG_NUMBER) {
	case DER_BOOLEAN:
		return !constructed && value.len == 1 &&
		       (value.data[0] == 0 || value.data[0] == 0xff);
	case DER_INTEGER:
	case DER_ENUMERATED: return !constructed && integer_minimal(value);
	case DER_BIT_STRING: return !constructed && bits_plain(value);
	case DER_NULL: return !constructed && value.len == 0;
	case DER_OID: return !constructed && oid_whole(value);
	case DER_SEQUENCE &TAG_NUMBER:
	case DER_SET &TAG_NUMBER: return constructed;
	case 8:  /* EXTERNAL */
	case 11: /* EMBEDDED PDV */
	case 29: /* CHARACTER STRING */ return constructed;
	default: return !constructed;
	}
}

/* Calls itself at most `depth` times. */
static bool
well_formed(struct bytes input, int depth) /* NOLINT(misc-no-recursion) */
{
	struct der der = der_of(input);
	struct bytes contents;
	int tag;

	while (der.ok && der.rest.len > 0) {
		der_take_any(&der, &tag, &contents);
		if (!der.ok || ((tag & TAG_CLASS) == 0 && !universal_plain(tag, contents)))
			return false;
		if ((tag & TAG_CONSTRUCTED) != 0 &&
		    (depth == DER_DEPTH_MAX || !well_formed(contents, depth + 1)))
			return false;
	}
	return der.ok;
}

bool
der_well_formed(struct bytes input)
{
	return well_formed(input, 0);
}

/* ---- typed values ---- */

struct bytes
der_take_unsigned(struct der *der)
{
	struct bytes value = der_take(der, DER_INTEGER);

	if (value.len == 0 || (value.data[0] & 0x80) != 0 ||
	    (value.len > 1 && value.data[0] == 0 && (value.data[1] & 0x80) == 0)) {
		der->ok = false; /* empty, negative, or not minimal */
		return (struct bytes){0};
	}
	if (value.len > 1 && value.data[0] == 0)
		value = bytes_of(value.data + 1, value.len - 1);
	return value;
}

int64_t
der_take_int(struct der *der)
{
	const struct bytes magnitude = der_take_unsigned(der);
	uint64_t value = 0;

	if (magnitude.len > 8 || (magnitude.len == 8 && (magnitude.data[0] & 0x80) != 0)) {
		der->ok = false;
		return 0;
	}
	for (size_t i = 0; i < magnitude.len; i++)
		value = value << 8 | magnitude.data[i];
	return (int64_t)value;
}

bool
der_take_bool(struct der *der)
{
	const struct bytes value = der_take(der, DER_BOOLEAN);

	if (value.len != 1 || (value.data[0] != 0 && value.data[0] != 0xff)) {
		der->ok = false;
		return false;
	}
	return value.data[0] == 0xff;
}

struct bytes
der_take_bits(struct der *der)
{
	const struct bytes value = der_take(der, DER_BIT_STRING);

	if (value.len == 0 || value.data[0] != 0) {
		der->ok = false;
		return (struct bytes){0};
	}
	return bytes_of(value.data + 1, value.len - 1);
}

int64_t
der_take_time(struct der *der)
{
	const int tag = der_peek(der);
	const struct bytes value =
	    der_take(der, tag == DER_UTC_TIME ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	const size_t year_len = tag == DER_UTC_TIME ? 2 : 4;
	char text[TIME_TEXT_LEN + 1] = "....-..-..T..:..:..Z";
	int64_t at_s = 0;

	if (value.len != year_len + 11 || value.data[value.len - 1] != 'Z') {
		der->ok = false;
		return 0;
	}
	/* RFC 5280 section 4.1.2.5.1: two digits from 50 on are 19xx. */
	memcpy(text, value.data[0] < '5' ? "20" : "19", 2);
	memcpy(text + 4 - year_len, value.data, year_len);
	for (int i = 0; i < 5; i++)
		memcpy(text + 5 + i * 3, value.data + year_len + (size_t)i * 2, 2);
	if (!time_decode(bytes_of(text, TIME_TEXT_LEN), &at_s) ||
	    (tag == DER_GENERALIZED_TIME && at_s < YEAR_2050_AT_S)) {
		der->ok = false; /* RFC 5280 section 4.1.2.5: UTCTime before 2050 */
		return 0;
	}
	return at_s;
}

void
der_expect(struct der *der, struct bytes whole)
{
	if (!bytes_equal(der_take_any(der, NULL, NULL), whole))
		der->ok = false;
}
