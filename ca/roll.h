/*
 * roll: an authority that follows another of its kind, step by step, each on record before the
 * next. Used by `moniker ca` on the host, as the owner.
 *
 *   a key in its ring -> roll_record() -> the root signs, roll_sign() -> the keeper's policy ->
 *   roll_install(): `next`; services build its CRLs -> roll_activate(): `active`, the old `rolled`
 *   -> when all that the old one issued has expired: roll_retire()
 *
 * After a crash roll_pending() and the states say how far it came. An authority whose key is not
 * in the keeper has no CRLs: it is activated at once.
 */
#ifndef CA_ROLL_H
#define CA_ROLL_H

#include "base/clock.h"
#include "base/rng.h"
#include "ca/issuer.h"
#include "db/db.h"
#include "keeper/keyring.h"
#include "proof/leaf.h"

#define ROLL_ACTOR "system:ca"
/* A kind that was rolled so shortly before is taken as done: running a roll again is harmless. */
#define ROLL_AGAIN_S DAY_S

struct roll { /* what is recorded of the one that follows */
	enum issuer_kind kind;
	uint8_t issuer[ISSUER_ID_BYTES], parent[ISSUER_ID_BYTES];
	int shard_count;
	struct buf tbs;
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
};
void roll_clear(struct roll *roll);
DEFER_DECLARE_CLEAR(struct roll, roll_clear)

/* Draws its TBS, under the active root of its kind. E_CONFIG_INVALID */
MUST_CHECK bool roll_prepare(const struct issuers *issuers, enum issuer_kind kind,
    struct bytes spki, int shard_count, int64_t now_s, const struct rng *rng, struct roll *out,
    struct error *err);
/* Signs exactly what was recorded; appends the certificate's DER. E_NOT_FOUND: not in the ring */
MUST_CHECK bool roll_sign(
    const struct roll *roll, const struct keyring *roots, struct buf *out_der, struct error *err);

/* ---- in the tool's transactions ---- */

/* One tool at a time, until the transaction ends. E_STATE_CONFLICT */
MUST_CHECK bool roll_lock(struct tx *tx, struct error *err);
/* A leaf about a key, by way of the outbox; with a TBS: it commits to that. */
struct roll_subject {
	const char *prefix; /* "ca", "status" */
	const uint8_t *id;  /* ISSUER_ID_BYTES: of its SubjectPublicKeyInfo */
	const uint8_t *nonce;
	struct bytes tbs;
};
MUST_CHECK bool roll_leaf(struct tx *tx, enum leaf_event event, const struct roll_subject *subject,
    int64_t now_s, const struct rng *rng, struct error *err);
/* Row and leaves: key.create, and cert.issue with its commitment. */
MUST_CHECK bool roll_record(struct tx *tx, const struct roll *roll, int64_t now_s,
    const struct rng *rng, struct error *err);
/* The one of this kind that is recorded and not installed yet, if any. */
MUST_CHECK bool roll_pending(
    struct tx *tx, enum issuer_kind kind, struct roll *out, bool *out_found, struct error *err);
/* All keys that an authority has, or will have: whether one of a ring is unused. */
MUST_CHECK bool roll_key_used(
    struct tx *tx, const uint8_t issuer[static ISSUER_ID_BYTES], bool *out_used, struct error *err);
/* As `next`, or active at once when its key is not in the keeper. */
MUST_CHECK bool roll_install(struct tx *tx, const struct roll *roll, struct bytes der,
    int64_t now_s, const struct rng *rng, struct error *err);
/* `next` becomes active when all its CRLs are there, with leaf key.rotate. */
MUST_CHECK bool roll_activate(struct tx *tx, enum issuer_kind kind, int64_t now_s,
    const struct rng *rng, bool *out_done, struct error *err);
/* When the newest rolled authority of the kind stopped issuing; 0: none. */
MUST_CHECK bool roll_last(
    struct tx *tx, enum issuer_kind kind, int64_t *out_at_s, struct error *err);
/* From when on it may be retired: nothing that it issued is valid then, or was a day before.
 * INT64_MAX: it is not rolled. */
MUST_CHECK bool roll_retire_from(
    struct tx *tx, const struct issuer *issuer, int64_t *out_at_s, struct error *err);
/* State and leaf key.destroy; the caller takes the key out of ring and policy afterwards. */
MUST_CHECK bool roll_retire(struct tx *tx, const struct issuer *issuer, int64_t now_s,
    const struct rng *rng, struct error *err);

const struct stmt *const *roll_statements(void);

#endif
