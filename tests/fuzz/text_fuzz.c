/* Every decoder of base/text.h takes one spelling a value: what was taken is written the same. */
#include <time.h>

#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static void
hex(struct bytes text)
{
	uint8_t octets[64];
	char again[2 * sizeof(octets) + 1];

	if (text.len / 2 > sizeof(octets) || !hex_decode(text, octets, text.len / 2))
		return;
	MUST(text.len % 2 == 0);
	hex_encode(again, bytes_of(octets, text.len / 2));
	for (size_t i = 0; i < text.len; i++)
		MUST(again[i] == (text.data[i] >= 'A' && text.data[i] <= 'F' ? text.data[i] + 32
									     : text.data[i]));
}

typedef bool (*decoder)(struct bytes text, struct buf *out);
typedef void (*encoder)(struct buf *out, struct bytes data);

static void
base64(struct bytes text, decoder decode, encoder encode)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	DEFER(buf_clear_public) struct buf again = {0};

	buf_append_text(&octets, "before");
	if (!decode(text, &octets)) {
		MUST(bytes_equal(buf_bytes(&octets), bytes_of_text("before")));
		return;
	}
	encode(&again, bytes_of(octets.data + 6, octets.len - 6));
	MUST(bytes_equal(buf_bytes(&again), text));
}

/* Without a buffer: the same octets, or the same refusal. */
static void
exact(struct bytes text, decoder decode, bool (*decode_exact)(struct bytes, uint8_t *, size_t))
{
	DEFER(buf_clear_public) struct buf octets = {0};
	uint8_t out[64];
	const bool taken = decode(text, &octets);

	if (octets.len > sizeof(out))
		return;
	for (size_t len = 0; len <= sizeof(out); len++)
		MUST(decode_exact(text, out, len) == (taken && len == octets.len));
	if (octets.len > 0) {
		MUST(decode_exact(text, out, octets.len));
		MUST(memcmp(out, octets.data, octets.len) == 0);
	}
}

static void
instant(struct bytes text)
{
	char again[TIME_TEXT_LEN + 1];
	struct tm utc;
	int64_t at_s;
	time_t time;

	if (!time_decode(text, &at_s))
		return;
	MUST(at_s >= 0 && at_s <= TIME_MAX_AT_S);
	time_encode(again, at_s);
	MUST(bytes_equal(bytes_of_text(again), text));
	time = (time_t)at_s; /* and the C library reads the clock alike */
	MUST(gmtime_r(&time, &utc) != NULL);
	MUST(strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%SZ", &utc) == TIME_TEXT_LEN);
	MUST(bytes_equal(bytes_of_text(again), text));
	MUST(time_day_start(at_s) % 86400 == 0 && at_s - time_day_start(at_s) < 86400);
	if (utc.tm_year >= 120) {
		const int month = (utc.tm_year - 120) * 12 + utc.tm_mon;

		MUST(time_month(at_s) == (month > UINT16_MAX ? UINT16_MAX : month));
		MUST(time_month_start(time_month(at_s)) <= at_s);
	}
}

static void
ids(struct bytes text)
{
	uint8_t uuid[UUID_BYTES];
	char again[UUID_TEXT_LEN + 1];

	MUST(!handle_valid(text) || text.len == HANDLE_TEXT_LEN);
	if (!uuid_decode(text, uuid))
		return;
	uuid_encode(again, uuid);
	MUST(bytes_equal(bytes_of_text(again), text));
}

/* PEM has many spellings; its octets have one. */
static void
pem(struct bytes text)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	DEFER(buf_clear_public) struct buf der_again = {0};
	struct error err = {0};

	if (!fuzz_verdict(pem_decode(text, "CERTIFICATE", &der, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX && der.len == 0);
		return;
	}
	MUST(der.len > 0);
	pem_encode(&again, "CERTIFICATE", buf_bytes(&der));
	MUST(pem_decode(buf_bytes(&again), "CERTIFICATE", &der_again, &err));
	MUST(bytes_equal(buf_bytes(&der), buf_bytes(&der_again)));
	MUST(!pem_decode(buf_bytes(&again), "X509 CRL", &der_again, &err));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = bytes_of(data, size);

	hex(text);
	base64(text, base64_decode, base64_encode);
	base64(text, base64url_decode, base64url_encode);
	exact(text, base64_decode, base64_decode_exact);
	exact(text, base64url_decode, base64url_decode_exact);
	instant(text);
	ids(text);
	pem(text);
	return 0;
}
