/*
 * ceremony: what is done once, or seldom, with keys that the running service never holds.
 * Used by `moniker init`, `moniker ca` and `moniker operator sign` only.
 */
#ifndef CA_CEREMONY_H
#define CA_CEREMONY_H

#include "base/clock.h"
#include "base/rng.h"
#include "ca/issue.h"
#include "db/db.h"
#include "keeper/keyring.h"
#include "keeper/policy.h"

struct ceremony_request {
	const char *name;     /* "Moniker" or the organization's: prefix of the CAs' common names */
	const char *http_url; /* public HTTP address */
	const char *origin;   /* of the first log */
	const struct clock *clock;
	const struct rng *rng;
};

/* Keyrings for three places, and what becomes public. All rings are owned by the result. */
struct ceremony {
	struct keyring *roots;     /* "issuer:<id>" of the two roots: offline */
	struct keyring *operators; /* "issuer:<id>" of the Operators CA: on the admin's host */
	struct keyring
	    *keeper; /* Device CA, Service TLS CA, log, tag:1, token:1, status:1, journal */
	struct policy policy;                       /* the keeper's */
	struct buf certificates[ISSUER_KIND_COUNT]; /* DER, in the order of enum issuer_kind */
	struct buf root_crls[2];                    /* DER: device root, operations root */
	uint8_t log_public_key[32];
	struct buf status_signer; /* DER: of status:1, by the Device Root */
	uint8_t status_public_key[32];
};
/* Roots 25 years, issuing CAs 10, all from one day before now; none outlives its issuer. */
MUST_CHECK bool ceremony_run(
    const struct ceremony_request *request, struct ceremony *out, struct error *err);
void ceremony_clear(struct ceremony *ceremony);
DEFER_DECLARE_CLEAR(struct ceremony, ceremony_clear)

/* Writes ca_issuer, the root CRLs and audit_log, as the owner. */
MUST_CHECK bool ceremony_store(struct tx *tx, const struct ceremony *ceremony, const char *origin,
    int64_t now_s, struct error *err);

/* Signs exactly these octets with a key of `ring`, when the ring holds the issuer's. E_NOT_FOUND */
MUST_CHECK bool ceremony_sign(const struct keyring *ring,
    const uint8_t issuer[static ISSUER_ID_BYTES], struct bytes tbs, struct buf *out_signature,
    struct error *err);

/* Seconds that a root's CRL is in force: it is renewed by hand, so long. */
#define CEREMONY_ROOT_CRL_VALIDITY_S (365 * DAY_S)
/* A root's next CRL, signed with the key that `ring` holds; appends the DER. E_NOT_FOUND */
MUST_CHECK bool ceremony_root_crl(const struct keyring *ring, const struct issuer *root,
    uint64_t number, int64_t now_s, struct buf *out_der, struct error *err);
/* The same into the database, under the next number. E_NOT_FOUND */
MUST_CHECK bool ceremony_renew_root_crl(struct tx *tx, const struct keyring *ring,
    const struct issuer *root, int64_t now_s, struct error *err);

const struct stmt *const *ceremony_statements(void);

#endif
