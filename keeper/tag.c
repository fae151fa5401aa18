#include "keeper/tag.h"

#include <assert.h>
#include <sodium.h>

/* RFC 9497 section 4.1: "HashToGroup-" || contextString of ristretto255-SHA512 in mode 0. */
static const char DST[] = "HashToGroup-OPRFV1-\0-ristretto255-SHA512";
#define DST_LEN (sizeof(DST) - 1)
#define SHA512_BLOCK_BYTES 128

/* expand_message_xmd for exactly 64 octets, so that there is one output block (RFC 9380 5.3.1). */
static void
expand_message(uint8_t out[static crypto_hash_sha512_BYTES], struct bytes message)
{
	static const uint8_t z_pad[SHA512_BLOCK_BYTES] = {0};
	static const uint8_t length_and_zero[3] = {0, crypto_hash_sha512_BYTES, 0};
	const uint8_t one = 1, dst_len = DST_LEN;
	uint8_t b0[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, z_pad, sizeof(z_pad));
	crypto_hash_sha512_update(&state, message.data, message.len);
	crypto_hash_sha512_update(&state, length_and_zero, sizeof(length_and_zero));
	crypto_hash_sha512_update(&state, (const uint8_t *)DST, DST_LEN);
	crypto_hash_sha512_update(&state, &dst_len, 1);
	crypto_hash_sha512_final(&state, b0);

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, b0, sizeof(b0));
	crypto_hash_sha512_update(&state, &one, 1);
	crypto_hash_sha512_update(&state, (const uint8_t *)DST, DST_LEN);
	crypto_hash_sha512_update(&state, &dst_len, 1);
	crypto_hash_sha512_final(&state, out);
	sodium_memzero(b0, sizeof(b0));
	sodium_memzero(&state, sizeof(state));
}

void
tag_hash_to_group(uint8_t out[static TAG_BYTES], struct bytes message)
{
	uint8_t uniform[crypto_hash_sha512_BYTES];
	int failed;

	assert(message.len <= TAG_MESSAGE_MAX);
	expand_message(uniform, message);
	failed = crypto_core_ristretto255_from_hash(out, uniform);
	assert(failed == 0); /* the one-way map has no failing input */
	sodium_memzero(uniform, sizeof(uniform));
}

bool
tag_compute(uint8_t out[static TAG_BYTES], const uint8_t key[static TAG_KEY_BYTES],
    struct bytes message, struct error *err)
{
	uint8_t point[TAG_BYTES];
	int failed;

	tag_hash_to_group(point, message);
	failed = crypto_scalarmult_ristretto255(out, key, point);
	sodium_memzero(point, sizeof(point));
	if (failed)
		return error_set(err, E_TAG_INVALID, "the tag is the identity");
	return true;
}

bool
tag_multiply(uint8_t out[static TAG_BYTES], const uint8_t scalar[static TAG_KEY_BYTES],
    const uint8_t point[static TAG_BYTES], struct error *err)
{
	/* It refuses what is no canonical encoding, and a product that is the identity. */
	if (crypto_scalarmult_ristretto255(out, scalar, point) != 0)
		return error_set(
		    err, E_TAG_INVALID, "not a point of ristretto255 but the identity");
	return true;
}

bool
tag_ratio(uint8_t out[static TAG_KEY_BYTES], const uint8_t from[static TAG_KEY_BYTES],
    const uint8_t to[static TAG_KEY_BYTES], struct error *err)
{
	uint8_t inverse[TAG_KEY_BYTES];

	if (crypto_core_ristretto255_scalar_invert(inverse, from) != 0 ||
	    sodium_is_zero(to, TAG_KEY_BYTES))
		return error_set(err, E_TAG_INVALID, "a tag key is zero");
	crypto_core_ristretto255_scalar_mul(out, to, inverse);
	sodium_memzero(inverse, sizeof(inverse));
	return true;
}

bool
tag_blind(uint8_t out_point[static TAG_BYTES], uint8_t out_blind[static TAG_KEY_BYTES],
    struct bytes message, struct error *err)
{
	crypto_core_ristretto255_scalar_random(out_blind); /* never zero */
	return tag_compute(out_point, out_blind, message, err);
}

bool
tag_unblind(uint8_t out[static TAG_BYTES], const uint8_t blind[static TAG_KEY_BYTES],
    const uint8_t evaluated[static TAG_BYTES], struct error *err)
{
	uint8_t inverse[TAG_KEY_BYTES];
	bool done;

	if (crypto_core_ristretto255_scalar_invert(inverse, blind) != 0)
		return error_set(err, E_TAG_INVALID, "the blind is zero");
	done = tag_multiply(out, inverse, evaluated, err);
	sodium_memzero(inverse, sizeof(inverse));
	return done;
}
