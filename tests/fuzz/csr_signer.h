/* csr_signer: signs any octets as a CertificationRequestInfo, with a key that everybody has. */
#ifndef TESTS_FUZZ_CSR_SIGNER_H
#define TESTS_FUZZ_CSR_SIGNER_H

#include <sodium.h>

#include "base/der.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t CSR_SIGNER_SEED[crypto_sign_SEEDBYTES] = {1, 2, 3};

/* Its SubjectPublicKeyInfo. */
static inline void
csr_signer_spki(struct buf *out)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];

	MUST(crypto_sign_seed_keypair(public_key, secret_key, CSR_SIGNER_SEED) == 0);
	buf_append(
	    out, (struct bytes)BYTES_LITERAL("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0"));
	buf_append(out, bytes_of(public_key, sizeof(public_key)));
}

static inline void
csr_sign(struct bytes info, struct buf *out)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	uint8_t signature[crypto_sign_BYTES];
	DEFER(der_writer_clear) struct der_writer w;

	MUST(crypto_sign_seed_keypair(public_key, secret_key, CSR_SIGNER_SEED) == 0);
	MUST(crypto_sign_detached(signature, NULL, info.data, info.len, secret_key) == 0);
	der_writer_init(&w, 1024);
	der_put_bits(&w, bytes_of(signature, sizeof(signature)));
	der_put(&w, (struct bytes)BYTES_LITERAL("\x30\x05\x06\x03\x2b\x65\x70"));
	der_put(&w, info);
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
}

#endif
