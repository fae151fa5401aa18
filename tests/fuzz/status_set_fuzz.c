/*
 * Status sets whose signature holds, whatever they say: without it, nothing behind it would be
 * reached. The first octet says whether count and SHA-256 are put right, too.
 */
#include "tests/fuzz/bundle_fuzz.h"
#include "tests/support/trust.h"

/* The header is what stands before the first empty line, records are what stands behind it. */
static void
split(struct bytes in, struct bytes *out_header, struct bytes *out_records)
{
	size_t len = 0;

	while (len + 1 < in.len && (in.data[len] != '\n' || in.data[len + 1] != '\n'))
		len++;
	*out_header = bytes_of(in.data, len + 1 < in.len ? len + 1 : in.len);
	*out_records =
	    len + 2 < in.len ? bytes_of(in.data + len + 2, in.len - len - 2) : bytes_of(in.data, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t SEED[32] = {1, 2, 3};
	DEFER(EVP_PKEY_free)
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, SEED, sizeof SEED);
	DEFER(buf_clear_public) struct buf header = {0};
	DEFER(buf_clear_public) struct buf octets = {0};
	uint8_t keys[1][STATUS_KEY_BYTES];
	size_t len = STATUS_KEY_BYTES;
	struct bytes in = bytes_of(data, size), text, records;
	const bool seal = (fuzz_take(&in) & 1) != 0;
	struct why why = {.code = MONIKER_LOADED};
	struct status_set set;

	MUST(key != NULL && EVP_PKEY_get_raw_public_key(key, keys[0], &len) == 1);
	split(in, &text, &records);
	buf_append(&header, text);
	if (seal)
		trust_seal(records, &header);
	trust_sign(buf_bytes(&header), key, &octets);
	buf_append(&octets, records);
	bundle_fuzz_told(
	    mv_status_set_parse(buf_bytes(&octets), (const uint8_t(*)[STATUS_KEY_BYTES])keys, 1,
		BUNDLE_FUZZ_NOW_S, &set, &why),
	    &why);
	if (why.code == MONIKER_LOADED)
		bundle_fuzz_set(&set);
	return 0;
}
