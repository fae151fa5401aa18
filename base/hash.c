/*
 * The low-level calls are deprecated in OpenSSL 3, but they are the only ones that keep their
 * state in the caller's storage and look up no provider, so that a digest cannot fail.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <openssl/sha.h>

_Static_assert(sizeof(struct sha256) >= sizeof(SHA256_CTX), "room for OpenSSL's state");

static SHA256_CTX *
inner(struct sha256 *ctx)
{
	return (SHA256_CTX *)(void *)ctx->state;
}

void
sha256_init(struct sha256 *ctx)
{
	(void)SHA256_Init(inner(ctx));
}

void
sha256_update(struct sha256 *ctx, struct bytes data)
{
	(void)SHA256_Update(inner(ctx), data.data, data.len);
}

void
sha256_final(struct sha256 *ctx, uint8_t out[static SHA256_BYTES])
{
	(void)SHA256_Final(out, inner(ctx));
}

void
sha256(struct bytes data, uint8_t out[static SHA256_BYTES])
{
	struct sha256 ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, data);
	sha256_final(&ctx, out);
}
