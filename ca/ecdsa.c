#include "ca/ecdsa.h"

#include <openssl/err.h>

#include "base/defer_openssl.h"

/* Not EVP_DigestVerify(): it fetches and keeps a digest that the caller has made already. */
bool
ecdsa_verify(EVP_PKEY *key, struct bytes digest, struct bytes signature)
{
	DEFER(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good =
	    ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	    EVP_PKEY_verify(ctx, signature.data, signature.len, digest.data, digest.len) == 1;

	if (!good)
		ERR_clear_error();
	return good;
}
