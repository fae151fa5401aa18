/*
 * hash: SHA-256 (FIPS 180-4) in the caller's storage, without allocation or fetch.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

#define SHA256_BYTES 32

struct sha256 {
	uint64_t state[16]; /* opaque: room for OpenSSL's SHA256_CTX */
};

void sha256_init(struct sha256 *ctx);
void sha256_update(struct sha256 *ctx, struct bytes data);
void sha256_final(struct sha256 *ctx, uint8_t out[static SHA256_BYTES]);
void sha256(struct bytes data, uint8_t out[static SHA256_BYTES]);

#endif
