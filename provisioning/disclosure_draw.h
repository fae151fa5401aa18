/*
 * disclosure_draw: which sealed identities an escrow audit opens. Nobody picks them: the log does.
 * Pure; both who hands them out and who opens them draw the same.
 *
 * What decides is the log's root at the moment when the request's own leaf was its last: it is
 * fixed before the first approval, and nobody who asks knows it. Draw i is the leaf
 *
 *   SHA-256("moniker-escrow-sample/1" root(32) i(8, big endian)), its first 8 octets, modulo size
 *
 * and counts if it is an enrollment whose identity was sealed. Leaves that were drawn before, and
 * all others, are passed over.
 */
#ifndef PROVISIONING_DISCLOSURE_DRAW_H
#define PROVISIONING_DISCLOSURE_DRAW_H

#include "proof/tlog_proof.h"

#define DISCLOSURE_SAMPLE_MAX 50 /* sealed identities */
/* Leaves that are looked at, at most: the proofs of all of them are handed out. */
#define DISCLOSURE_DRAWS_MAX 1000

struct disclosure_draw {
	uint8_t root[SHA256_BYTES];
	uint64_t size; /* of the log that is drawn from */
	uint64_t next; /* i */
	uint64_t drawn[DISCLOSURE_DRAWS_MAX];
	size_t count;
};
/*
 * From the proof of the request's leaf, which the caller has verified, or made.
 * E_BAD_SYNTAX, E_BAD_PROOF: it holds no checkpoint, or has too many hashes
 */
MUST_CHECK bool disclosure_draw_begin(const struct tlog_proof *request, uint64_t size,
    struct disclosure_draw *out, struct error *err);
/* The next leaf. False: that was all. */
bool disclosure_draw_next(struct disclosure_draw *draw, uint64_t *out);
/* That leaf counts. */
bool disclosure_draw_wants(const struct leaf_view *leaf);

#endif
