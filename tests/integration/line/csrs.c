/* csrs PREFIX COUNT: keys and requests for certificates of a fleet, PREFIX1.key and PREFIX1.csr,
 * ... (PEM). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/defer_openssl.h"

DEFER_DECLARE(BIO, BIO_free_all)
DEFER_DECLARE(X509_REQ, X509_REQ_free)

static BIO *
file(const char *prefix, long number, const char *suffix)
{
	char path[4096];

	(void)snprintf(path, sizeof path, "%s%ld.%s", prefix, number, suffix);
	return BIO_new_file(path, "w");
}

static bool
write_one(const char *prefix, long number)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
	DEFER(X509_REQ_free) X509_REQ *csr = X509_REQ_new();
	DEFER(BIO_free_all) BIO *key_file = file(prefix, number, "key");
	DEFER(BIO_free_all) BIO *csr_file = file(prefix, number, "csr");

	return key != NULL && csr != NULL && key_file != NULL && csr_file != NULL &&
	       X509_REQ_set_pubkey(csr, key) == 1 && X509_REQ_sign(csr, key, EVP_sha256()) > 0 &&
	       PEM_write_bio_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	       PEM_write_bio_X509_REQ(csr_file, csr) == 1;
}

int
main(int argc, char **argv)
{
	const long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	if (count <= 0) {
		(void)fputs("usage: csrs PREFIX COUNT\n", stderr);
		return 2;
	}
	for (long i = 1; i <= count; i++)
		if (!write_one(argv[1], i)) {
			(void)fprintf(stderr, "csrs: %s%ld failed\n", argv[1], i);
			return 1;
		}
	return 0;
}
