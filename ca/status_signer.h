/*
 * status_signer: the certificate of the key that signs status (docs/status.md), step by step, each
 * on record before the next. Used by `moniker ca status-signer` on the host, as the owner.
 *
 *   a key in the keeper's ring -> status_signer_record() -> the Device Root signs,
 *   status_signer_sign() -> status_signer_install(): bundles have it -> the keeper is started anew
 *
 * After a crash status_signer_pending() says how far it came.
 */
#ifndef CA_STATUS_SIGNER_H
#define CA_STATUS_SIGNER_H

#include "base/rng.h"
#include "ca/authority.h"
#include "db/db.h"

struct status_signer { /* what is recorded of it */
	uint8_t public_key[AUTHORITY_ED25519_BYTES];
	uint8_t parent[ISSUER_ID_BYTES];
	struct buf tbs;
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
};
void status_signer_clear(struct status_signer *signer);
DEFER_DECLARE_CLEAR(struct status_signer, status_signer_clear)

/* Draws the TBS of number 1 or above, under the active Device Root. E_CONFIG_INVALID */
MUST_CHECK bool status_signer_prepare(const struct issuers *issuers,
    const uint8_t public_key[static AUTHORITY_ED25519_BYTES], int number, int64_t now_s,
    const struct rng *rng, struct status_signer *out, struct error *err);
/* Signs exactly what was recorded; appends the certificate's DER. E_NOT_FOUND: not in the ring */
MUST_CHECK bool status_signer_sign(const struct status_signer *signer, const struct keyring *roots,
    struct buf *out_der, struct error *err);

/* ---- in the tool's transactions, under roll_lock() ---- */

/* How many were ever recorded, and when the last one was; 0: none. */
MUST_CHECK bool status_signer_count(
    struct tx *tx, int *out_count, int64_t *out_last_s, struct error *err);
/* Whether this key is recorded, certified or not. */
MUST_CHECK bool status_signer_known(struct tx *tx,
    const uint8_t public_key[static AUTHORITY_ED25519_BYTES], bool *out_known, struct error *err);
/* Row and leaves: key.create, and cert.issue with its commitment. */
MUST_CHECK bool status_signer_record(struct tx *tx, const struct status_signer *signer,
    int64_t now_s, const struct rng *rng, struct error *err);
/* The one that is recorded and not certified yet, if any. */
MUST_CHECK bool status_signer_pending(
    struct tx *tx, struct status_signer *out, bool *out_found, struct error *err);
/* From here on bundles have it; leaf key.rotate. */
MUST_CHECK bool status_signer_install(struct tx *tx, const struct status_signer *signer,
    struct bytes der, int64_t now_s, const struct rng *rng, struct error *err);

const struct stmt *const *status_signer_statements(void);

#endif
