/* What the reader takes, OpenSSL takes as well and sees alike, and the writer writes again. */
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>

#include "base/der.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

enum { CONSTRUCTED = 0x20, CLASS = 0xc0, NUMBER = 0x1f, DEPTH_MAX = 16 };

static void
header_is_openssls(struct bytes whole, struct bytes contents, int tag)
{
	const uint8_t *at = whole.data;
	int number, class;
	long len;
	const int flags = ASN1_get_object(&at, &len, &number, &class, (long)whole.len);

	MUST((flags & 0x81) == 0 && at == contents.data && (size_t)len == contents.len);
	MUST(number == (tag & NUMBER) && class == (tag & CLASS));
	MUST((flags & CONSTRUCTED) == (tag & CONSTRUCTED));
}

static void
integer_is_openssls(struct bytes whole)
{
	struct der der = der_of(whole), again = der;
	const struct bytes magnitude = der_take_unsigned(&der);
	const int64_t value = der_take_int(&again);
	const uint8_t *at = whole.data;
	ASN1_INTEGER *theirs;
	uint64_t their_value = 0;

	MUST(!again.ok || der.ok);
	if (!der.ok)
		return;
	theirs = d2i_ASN1_INTEGER(NULL, &at, (long)whole.len);
	MUST(theirs != NULL && ASN1_STRING_type(theirs) == V_ASN1_INTEGER);
	MUST(bytes_equal(magnitude,
	    bytes_of(ASN1_STRING_get0_data(theirs), (size_t)ASN1_STRING_length(theirs))));
	MUST(!again.ok || (ASN1_INTEGER_get_uint64(&their_value, theirs) == 1 &&
			      their_value == (uint64_t)value));
	ASN1_INTEGER_free(theirs);
}

static void
bits_are_openssls(struct bytes whole)
{
	struct der der = der_of(whole);
	const struct bytes octets = der_take_bits(&der);
	const uint8_t *at = whole.data;
	ASN1_BIT_STRING *theirs;

	if (!der.ok)
		return;
	theirs = d2i_ASN1_BIT_STRING(NULL, &at, (long)whole.len);
	MUST(theirs != NULL);
	MUST(bytes_equal(
	    octets, bytes_of(ASN1_STRING_get0_data(theirs), (size_t)ASN1_STRING_length(theirs))));
	ASN1_BIT_STRING_free(theirs);
}

static void
time_is_openssls(struct bytes whole)
{
	struct der der = der_of(whole);
	const int64_t at_s = der_take_time(&der);
	const uint8_t *at = whole.data;
	ASN1_TIME *theirs;
	struct tm utc;

	if (!der.ok)
		return;
	theirs = d2i_ASN1_TIME(NULL, &at, (long)whole.len);
	MUST(theirs != NULL && ASN1_TIME_to_tm(theirs, &utc) == 1 && timegm(&utc) == at_s);
	ASN1_TIME_free(theirs);
}

/* The one spelling of what was read. */
static void
writes_again(struct bytes whole, struct bytes contents, int tag)
{
	DEFER(der_writer_clear) struct der_writer w, typed;
	struct der integer = der_of(whole), bits = integer, boolean = integer, time = integer;
	const struct bytes magnitude = der_take_unsigned(&integer), octets = der_take_bits(&bits);
	const bool truth = der_take_bool(&boolean);
	const int64_t at_s = der_take_time(&time);

	der_writer_init(&w, 16);
	der_put_element(&w, tag, contents);
	MUST(bytes_equal(der_written(&w), whole));
	der_writer_init(&typed, 16);
	if (integer.ok)
		der_put_unsigned(&typed, magnitude);
	else if (bits.ok)
		der_put_bits(&typed, octets);
	else if (boolean.ok)
		der_put_bool(&typed, truth);
	else if (time.ok)
		der_put_time(&typed, at_s);
	else
		return;
	MUST(bytes_equal(der_written(&typed), whole));
}

static void
walk(struct bytes input, int depth)
{
	struct der der = der_of(input);

	while (der.ok && der.rest.len > 0) {
		const struct bytes before = der.rest;
		struct bytes contents = {0};
		int tag = -1;
		const struct bytes whole = der_take_any(&der, &tag, &contents);

		MUST(der.ok ? whole.len > 0 && whole.data == before.data && tag > 0
			    : whole.len == 0 && contents.len == 0 && tag == 0);
		MUST(der_end(&der) == (der.ok && der.rest.len == 0));
		if (!der.ok)
			return;
		MUST(fuzz_inside(contents, whole) && whole.len + der.rest.len == before.len);
		header_is_openssls(whole, contents, tag);
		integer_is_openssls(whole);
		bits_are_openssls(whole);
		time_is_openssls(whole);
		writes_again(whole, contents, tag);
		if ((tag & CONSTRUCTED) != 0 && depth < DEPTH_MAX)
			walk(contents, depth + 1);
	}
}

/* An element on its own that is well-formed is what OpenSSL takes for that universal type. */
static void
well_formed_is_openssls(struct bytes input)
{
	struct der der = der_of(input);
	const uint8_t *at = input.data;
	ASN1_TYPE *theirs;
	int tag;

	(void)der_take_any(&der, &tag, NULL);
	if (!der_well_formed(input) || !der_end(&der) || (tag & CLASS) != 0 || tag > DER_OID)
		return;
	theirs = d2i_ASN1_TYPE(NULL, &at, (long)input.len);
	MUST(theirs != NULL && at == input.data + input.len);
	ASN1_TYPE_free(theirs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(bytes_of(data, size), 0);
	well_formed_is_openssls(bytes_of(data, size));
	return 0;
}
