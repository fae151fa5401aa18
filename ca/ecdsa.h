/* ecdsa: one ECDSA signature checked over a digest that is at hand. */
#ifndef CA_ECDSA_H
#define CA_ECDSA_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/error.h"

/* A DER ECDSA-Sig-Value (RFC 3279 section 2.2.3). Thread-safe. */
MUST_CHECK bool ecdsa_verify(EVP_PKEY *key, struct bytes digest, struct bytes signature);

#endif
