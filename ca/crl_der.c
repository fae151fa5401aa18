#include "ca/crl_der.h"

#include <assert.h>

#include "base/text.h"
#include "ca/extension.h"
#include "ca/oid.h"

enum {
	PIECE_ROOM = 1024, /* octets that a writer begins with */
	VERSION_2 = 1,
	SERIAL_AT = 4,       /* in an entry, behind its header and the number's */
	REMOVE_FROM_CRL = 8, /* a reason that no revocation has: RFC 5280 section 5.3.1 */
};
#define YEAR_2050_AT_S INT64_C(2524608000)

/* ---- entries: a million of them, so each is copied together instead of written backward ---- */

struct day { /* the last date that was spelled */
	int64_t start_s;
	uint8_t tag;
	uint8_t digits[8]; /* YYMMDD of a UTCTime, YYYYMMDD of a GeneralizedTime */
	size_t digit_count;
};

static void
day_spell(struct day *day, int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];
	const bool utc = at_s < YEAR_2050_AT_S;

	day->start_s = time_day_start(at_s);
	day->tag = utc ? DER_UTC_TIME : DER_GENERALIZED_TIME;
	day->digit_count = 0;
	time_encode(text, day->start_s);
	for (size_t i = utc ? 2 : 0; i < sizeof "YYYY-MM-DD" - 1; i++)
		if (text[i] != '-')
			day->digits[day->digit_count++] = (uint8_t)text[i];
}

static uint8_t *
put_two(uint8_t *at, int64_t number)
{
	at[0] = (uint8_t)('0' + number / 10);
	at[1] = (uint8_t)('0' + number % 10);
	return at + 2;
}

static uint8_t *
put_time(uint8_t *at, int64_t at_s, struct day *day)
{
	int64_t rest_s;

	if (at_s < day->start_s || at_s >= day->start_s + DAY_S)
		day_spell(day, at_s);
	rest_s = at_s - day->start_s;
	*at++ = day->tag;
	*at++ = (uint8_t)(day->digit_count + sizeof "hhmmssZ" - 1);
	memcpy(at, day->digits, sizeof day->digits); /* those that count; the next goes over it */
	at = put_two(at + day->digit_count, rest_s / 3600);
	at = put_two(at, rest_s / 60 % 60);
	at = put_two(at, rest_s % 60);
	*at++ = 'Z';
	return at;
}

/* revokedCertificates, RFC 5280 section 5.1.2.6; `unspecified` has no extension, section 5.3.1. */
static uint8_t *
put_entry(uint8_t *at, const struct crl_entry *entry, struct day *day)
{
	static const uint8_t reason_code[] = {DER_SEQUENCE, 12, DER_SEQUENCE, 10, DER_OID, 3, 0x55,
	    0x1d, 0x15, DER_OCTET_STRING, 3, DER_ENUMERATED, 1};
	uint8_t *const start = at;

	*at++ = DER_SEQUENCE;
	at++; /* its length */
	*at++ = DER_INTEGER;
	*at++ = SERIAL_BYTES;
	memcpy(at, entry->serial, SERIAL_BYTES);
	at = put_time(at + SERIAL_BYTES, entry->revoked_at_s, day);
	if (entry->removed || entry->reason != REASON_UNSPECIFIED) {
		memcpy(at, reason_code, sizeof reason_code);
		at += sizeof reason_code;
		*at++ = entry->removed ? REMOVE_FROM_CRL : (uint8_t)entry->reason;
	}
	start[1] = (uint8_t)(at - start - 2);
	return at;
}

size_t
crl_der_entries(const struct crl_entry *entries, size_t count, uint8_t *out)
{
	struct day day = {.start_s = INT64_MIN};
	uint8_t *at = out;

	for (size_t i = 0; i < count; i++)
		at = put_entry(at, &entries[i], &day);
	return (size_t)(at - out);
}

size_t
crl_der_run(struct bytes entries, size_t len_max)
{
	size_t end = 0;

	while (end + 1 < entries.len) { /* entries of ours are shorter than 128 octets */
		const size_t len = 2 + (size_t)entries.data[end + 1];

		if (end + len > len_max || end + len > entries.len)
			break;
		end += len;
	}
	return end;
}

bool
crl_der_next(struct bytes *inout_entries, struct crl_entry_view *out)
{
	const size_t len = crl_der_run(*inout_entries, CRL_ENTRY_MAX);
	const uint8_t *data = inout_entries->data;

	if (len == 0)
		return false;
	*out = (struct crl_entry_view){
	    .octets = bytes_of(data, 2 + (size_t)data[1]), .serial = data + SERIAL_AT};
	/* Without a reason the last octet is the Z of the time. */
	out->removed = data[out->octets.len - 1] == REMOVE_FROM_CRL;
	*inout_entries = bytes_of(data + out->octets.len, inout_entries->len - out->octets.len);
	return true;
}

/* ---- what stands around them ---- */

/* The fullName that certificates have in their CDP (section 6.3.3 (b)(2)(i)), or the delta's. */
static void
put_full_name(struct der_writer *w, const struct crl_terms *terms, bool delta)
{
	const size_t mark = der_mark(w);

	if (delta)
		extension_put_delta_url(w, &terms->issuer, terms->shard);
	else
		extension_put_crl_url(w, &terms->issuer, terms->shard);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* fullName */
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* distributionPoint */
}

/* Issuing authorities give certificates to end entities only (section 5.2.5). */
static void
put_scope(struct der_writer *w, const struct crl_terms *terms)
{
	static const struct bytes true_value = BYTES_LITERAL("\xff");
	const size_t mark = der_mark(w);

	der_put_element(w, DER_CONTEXT(1), true_value); /* onlyContainsUserCerts */
	put_full_name(w, terms, false);
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_ISSUING_DISTRIBUTION_POINT, true, mark);
}

/* Where what is newer than a full CRL is found (section 5.2.6); never in a delta. */
static void
put_freshest(struct der_writer *w, const struct crl_terms *terms)
{
	const size_t mark = der_mark(w);

	put_full_name(w, terms, true);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_FRESHEST_CRL, false, mark);
}

static void
put_number(struct der_writer *w, struct bytes oid, bool critical, uint64_t number)
{
	const size_t mark = der_mark(w);

	der_put_int(w, number);
	extension_wrap(w, oid, critical, mark);
}

void
crl_der_extensions(const struct crl_terms *terms, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, PIECE_ROOM);
	if (!terms->whole_scope && !terms->delta)
		put_freshest(&w, terms);
	if (!terms->whole_scope)
		put_scope(&w, terms);
	if (terms->delta)
		put_number(&w, OID_DELTA_CRL_INDICATOR, true, terms->base_number);
	put_number(&w, OID_CRL_NUMBER, false, terms->number);
	extension_put_authority_key(&w, terms->issuer.key_identifier);
	der_wrap(&w, DER_SEQUENCE, 0);
	der_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), 0);
	buf_append(out, der_written(&w));
}

/* DER lengths that count what is not in this writer, but stands behind it. */
static void
put_header(struct der_writer *w, size_t contents_len)
{
	uint8_t octets[2 + sizeof contents_len];
	size_t at = sizeof octets;

	if (contents_len < 0x80) {
		octets[--at] = (uint8_t)contents_len;
	} else {
		for (size_t len = contents_len; len > 0; len >>= 8)
			octets[--at] = (uint8_t)(len & 0xff);
		octets[at - 1] = (uint8_t)(0x80 | (sizeof octets - at));
		at--;
	}
	octets[--at] = DER_SEQUENCE;
	der_put(w, bytes_of(octets + at, sizeof octets - at));
}

void
crl_der_head(
    const struct crl_terms *terms, size_t entries_len, size_t extensions_len, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, PIECE_ROOM);
	if (entries_len > 0)
		put_header(&w, entries_len);
	der_put_time(&w, terms->next_update_s);
	der_put_time(&w, terms->this_update_s);
	der_put(&w, terms->issuer.subject);
	der_put(&w, ALGORITHM_ECDSA_SHA256);
	der_put_int(&w, VERSION_2);
	put_header(&w, der_mark(&w) + entries_len + extensions_len);
	buf_append(out, der_written(&w));
}

void
crl_der_tail(struct bytes signature, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, PIECE_ROOM);
	der_put_bits(&w, signature);
	der_put(&w, ALGORITHM_ECDSA_SHA256);
	buf_append(out, der_written(&w));
}

void
crl_der_outer(size_t contents_len, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, PIECE_ROOM);
	put_header(&w, contents_len);
	buf_append(out, der_written(&w));
}
