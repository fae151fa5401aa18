/*
 * bundle: a trust bundle (docs/status.md), read to the letter and proven.
 *
 * A struct bundle exists only if its certificates are the Device Root's and signed by it, and its
 * status set is signed by one of its status signers. It does not change, so any number of threads
 * may read it. A CA or signer outside its validity is no fault of the bundle: the CA vouches for
 * nothing (see mv_judge), the signer does not count.
 */
#ifndef VERIFY_BUNDLE_H
#define VERIFY_BUNDLE_H

#include <openssl/x509.h>

#include "base/defer.h"
#include "verify/status_set.h"

#define BUNDLE_CAS_MAX 256
#define BUNDLE_SIGNERS_MAX 32

struct bundle {
	X509 *root;
	X509_STORE *store; /* the root */
	STACK_OF(X509) * cas;
	uint8_t *octets; /* of the set */
	struct status_set set;
};

/*
 * `root`: the one that it must have, or NULL. The caller owns *out.
 * MONIKER_LOAD_MALFORMED, MONIKER_LOAD_UNTRUSTED, MONIKER_LOAD_NO_MEMORY
 */
__attribute__((warn_unused_result)) bool mv_bundle_parse(
    struct bytes text, const X509 *root, int64_t now_s, struct bundle **out, struct why *why);
void mv_bundle_free(struct bundle *bundle);
DEFER_DECLARE(struct bundle, mv_bundle_free)

/* The first certificate in PEM text whose subject is its issuer; NULL: there is none. */
X509 *mv_bundle_find_root(struct bytes pem);
/* For OpenSSL's PEM readers: they would ask the terminal for a password. */
int mv_no_password(char *buf, int size, int writing, void *context);
/* First octets of SHA-256 over the key of a CA. False: no memory. */
bool mv_bundle_issuer_id(const X509 *ca, uint8_t out[static STATUS_ISSUER_BYTES]);

#endif
