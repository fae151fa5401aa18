#include "cmd/seat_trust.h"

#include <openssl/pem.h>
#include <stdio.h>

#include "base/defer_openssl.h"
#include "base/hash.h"
#include "ca/ecdsa.h"

static bool
signed_by(const X509 *root, struct bytes body, struct bytes signature)
{
	EVP_PKEY *key = X509_get0_pubkey(root);
	uint8_t digest[SHA256_BYTES];

	sha256(body, digest);
	return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	       ecdsa_verify(key, bytes_of(digest, sizeof digest), signature);
}

bool
seat_trust_verify(const char *cacert, struct bytes body, struct bytes signature,
    struct seat_set *out, struct error *err)
{
	FILE *file = fopen(cacert, "re");
	size_t count = 0;
	bool good = false;

	for (X509 *root = NULL; file != NULL && !good; X509_free(root), root = NULL) {
		root = PEM_read_X509(file, NULL, NULL, NULL);
		if (root == NULL)
			break;
		count++;
		good = signed_by(root, body, signature);
	}
	if (file != NULL)
		(void)fclose(file);
	if (count == 0)
		return error_set(err, E_FILE_FAILED, "%s: no certificates to trust in", cacert);
	if (!good)
		return error_set(
		    err, E_BAD_PROOF, "a seat set is not signed by the Operations Root");
	if (seat_set_parse(body, out, err))
		return true;
	err->code = E_BAD_PROOF;
	return false;
}
