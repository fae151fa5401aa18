/*
 * proofs: what a published log proves, from its folder: that a leaf is in it, that it only grew.
 *
 * A struct proofs is pinned to one checkpoint and reads each tile once.
 */
#ifndef AUDIT_PROOFS_H
#define AUDIT_PROOFS_H

#include "base/buf.h"
#include "base/defer.h"
#include "base/error.h"

struct proofs;

/* `note` is the signed checkpoint of the log in `folder`; both are copied. E_BAD_SYNTAX */
MUST_CHECK bool proofs_new(
    const char *folder, struct bytes note, struct proofs **out, struct error *err);
void proofs_free(struct proofs *proofs);
DEFER_DECLARE(struct proofs, proofs_free)

uint64_t proofs_size(const struct proofs *proofs);
const char *proofs_origin(const struct proofs *proofs);

/*
 * Appends the leaf with its way to the checkpoint, which is in it: proof/tlog_proof.h.
 * E_BAD_SYNTAX   the log has no such leaf
 * E_INTERNAL     a tile is missing
 */
MUST_CHECK bool proofs_leaf(
    struct proofs *proofs, uint64_t seq, struct buf *out, struct error *err);
/* Appends the hashes alone, a line of base64 each, for a tree of `size` leaves. */
MUST_CHECK bool proofs_leaf_at(
    struct proofs *proofs, uint64_t seq, uint64_t size, struct buf *out, struct error *err);
/* The same, from a tree of old_size leaves to one of new_size. */
MUST_CHECK bool proofs_growth(struct proofs *proofs, uint64_t old_size, uint64_t new_size,
    struct buf *out, struct error *err);

#endif
