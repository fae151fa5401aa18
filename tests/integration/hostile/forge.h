/* forge: certificates that are wrong in a chosen way, some of them signed by the service's own CAs.
 */
#ifndef TESTS_HOSTILE_FORGE_H
#define TESTS_HOSTILE_FORGE_H

#include "tests/integration/hostile/world.h"

/* Zero: self-signed by a new P-256 key, valid now. Borrows what it names. */
struct forgery {
	const X509_NAME *subject; /* NULL: CN=hostile */
	X509 *issuer;             /* whose name it bears; NULL: its own */
	EVP_PKEY *signer;         /* NULL: its own key */
	EVP_PKEY *key;            /* NULL: a new one */
	int64_t from_s, until_s;  /* from now; 0, 0: an hour each way */
	const char *usage;        /* extended key usage, as OpenSSL spells it */
	size_t names;             /* DNS names in one extension */
	size_t extensions;        /* so many that nobody knows */
	size_t padding;           /* octets in one more */
};
/* The caller owns both. */
void forge(const struct forgery *forgery, X509 **out_certificate, EVP_PKEY **out_key);

/* An authority of the service: its certificate from the database, its key from the ring that
 * `ring` names below the service's state; the caller owns both. */
void forge_authority(const struct world *world, const char *kind, const char *ring,
    const char *passphrase, X509 **out_certificate, EVP_PKEY **out_key);

#endif
