/*
 * escrow_keep: sealed records as they are kept: each in a wrap of its own, whose key is deleted to
 * erase it. The audit log commits to what is in the wrap.
 */
#ifndef PROVISIONING_ESCROW_KEEP_H
#define PROVISIONING_ESCROW_KEEP_H

#include "proof/leaf.h"
#include "provisioning/escrow.h"

#define SHRED_ID_BYTES 16
#define SHRED_KEY_BYTES 32

struct escrow_sealed { /* of one enrollment, on its way into the database */
	struct buf wrapped;
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	uint8_t commitment[SHA256_BYTES]; /* the leaf's `e` */
	uint8_t shred_key[SHRED_KEY_BYTES];
	uint8_t shred_id[SHRED_ID_BYTES]; /* shred_keep() gives it */
	uint32_t seat_set;
};
void escrow_sealed_free(struct escrow_sealed *sealed); /* wipes; NULL is fine */
DEFER_DECLARE(struct escrow_sealed, escrow_sealed_free)

/* Seals, commits and wraps. E_INTERNAL */
MUST_CHECK bool escrow_keep(const struct escrow_identity *identity, const struct seat_set *set,
    const struct rng *rng, struct escrow_sealed **out, struct error *err);

/* The same of a record that a station has sealed, to the set of this number. */
void escrow_keep_brought(
    struct bytes record, uint32_t seat_set, const struct rng *rng, struct escrow_sealed **out);

/* Appends the sealed record. E_ESCROW_UNREADABLE: another key, or it was changed */
MUST_CHECK bool escrow_unwrap(struct bytes wrapped, const uint8_t key[static SHRED_KEY_BYTES],
    struct buf *out, struct error *err);

#endif
