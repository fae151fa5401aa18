/* csr_key: the public key of a certification request: its kind, its soundness, its signature. */
#ifndef CA_CSR_KEY_H
#define CA_CSR_KEY_H

#include "base/defer_openssl.h"
#include "ca/csr.h"

struct csr_key {
	enum csr_key_type type;
	int bits;
	EVP_PKEY *key; /* owned */
};
void csr_key_clear(struct csr_key *key);
DEFER_DECLARE_CLEAR(struct csr_key, csr_key_clear)

/* E_BAD_SYNTAX, E_BAD_ALGORITHM, E_WEAK_KEY with pointer /csr */
MUST_CHECK bool csr_key_parse(struct bytes spki, struct csr_key *out, struct error *err);

/*
 * Whether `signature` over `message` is the key's, under the algorithm whose AlgorithmIdentifier
 * has these contents octets.
 * E_BAD_ALGORITHM   not supported, or not one of this kind of key
 * E_BAD_PROOF       it does not verify
 */
MUST_CHECK bool csr_key_verify(const struct csr_key *key, struct bytes algorithm,
    struct bytes message, struct bytes signature, struct error *err);

#endif
