/* csr_fuzz: what an accepted request has to be, as OpenSSL sees it. */
#ifndef TESTS_FUZZ_CSR_FUZZ_H
#define TESTS_FUZZ_CSR_FUZZ_H

#include "base/defer_openssl.h"
#include "ca/csr.h"
#include "tests/fuzz/fuzz.h"

DEFER_DECLARE(X509_REQ, X509_REQ_free)

static inline void
csr_key_is_openssls(const struct csr *csr, EVP_PKEY *key)
{
	static const struct {
		enum csr_key_type type;
		int id, bits_min, bits_max;
	} KINDS[] = {
	    {CSR_KEY_P256, EVP_PKEY_EC, 256, 256},
	    {CSR_KEY_P384, EVP_PKEY_EC, 384, 384},
	    {CSR_KEY_ED25519, EVP_PKEY_ED25519, 0, 256},
	    {CSR_KEY_RSA, EVP_PKEY_RSA, 2048, CSR_RSA_BITS_MAX},
	};
	size_t kind = 0;

	while (KINDS[kind].type != csr_key_type(csr))
		MUST(++kind < COUNT(KINDS));
	MUST(key != NULL && EVP_PKEY_get_base_id(key) == KINDS[kind].id);
	MUST(EVP_PKEY_get_bits(key) >= KINDS[kind].bits_min &&
	     EVP_PKEY_get_bits(key) <= KINDS[kind].bits_max);
	MUST(kind == 2 || EVP_PKEY_get_bits(key) == csr_key_bits(csr));
}

/* Names and attributes are not ours to read: where OpenSSL reads them, all else is as it says. */
static inline void
csr_is_openssls(const struct csr *csr, struct bytes der)
{
	const struct bytes spki = csr_spki(csr);
	const uint8_t *at = spki.data, *req_at = der.data;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len);
	DEFER(X509_REQ_free) X509_REQ *req = d2i_X509_REQ(NULL, &req_at, (long)der.len);
	uint8_t digest[SHA256_BYTES];

	MUST(at == spki.data + spki.len);
	csr_key_is_openssls(csr, key);
	sha256(spki, digest);
	MUST(memcmp(digest, csr_spki_sha256(csr), SHA256_BYTES) == 0);
	if (req == NULL)
		return;
	MUST(req_at == der.data + der.len && X509_REQ_get_version(req) == X509_REQ_VERSION_1);
	MUST(X509_REQ_verify(req, key) == 1 && EVP_PKEY_eq(X509_REQ_get0_pubkey(req), key) == 1);
}

static inline bool
csr_is_refused(const struct csr *csr, const struct error *err)
{
	return csr == NULL && err->pointer != NULL && strcmp(err->pointer, "/csr") == 0 &&
	       (err->code == E_BAD_SYNTAX || err->code == E_BAD_ALGORITHM ||
		   err->code == E_WEAK_KEY || err->code == E_BAD_PROOF);
}

#endif
