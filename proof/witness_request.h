/*
 * witness_request: what a log sends to a witness (C2SP tlog-witness, add-checkpoint), and what the
 * witness has to say to it. Pure: the witness keeps its state elsewhere (audit/witness.h).
 *
 *   old <size>, hashes of the consistency proof a line, an empty line, the signed checkpoint.
 */
#ifndef PROOF_WITNESS_REQUEST_H
#define PROOF_WITNESS_REQUEST_H

#include "proof/checkpoint.h"
#include "proof/note.h"
#include "proof/tlog_proof.h"

#define WITNESS_REQUEST_MAX 24576 /* octets: 63 hashes and a note */

struct witness_request {
	uint64_t old_size;
	struct buf hashes; /* 32 octets each */
	struct bytes note; /* the signed checkpoint; borrowed */
};
void witness_request_clear(struct witness_request *request);
DEFER_DECLARE_CLEAR(struct witness_request, witness_request_clear)

void witness_request_encode(const struct witness_request *request, struct buf *out);
/* Borrows `text`. E_BAD_SYNTAX */
MUST_CHECK bool witness_request_parse(
    struct bytes text, struct witness_request *out, struct error *err);

/* The newest checkpoint of a log that a witness has cosigned. */
struct witness_state {
	uint64_t size; /* 0: none */
	uint8_t root[SHA256_BYTES];
};
void witness_state_init(struct witness_state *out); /* of the empty tree */

enum witness_verdict { /* as HTTP has them */
	WITNESS_COSIGNS = 200,
	WITNESS_MALFORMED = 400,
	WITNESS_UNSIGNED = 403, /* not by the log's key */
	WITNESS_UNKNOWN_LOG = 404,
	WITNESS_CONFLICT = 409,    /* another size is the newest here; or this size, another root */
	WITNESS_INCONSISTENT = 422 /* the proof does not lead from the old to the new root */
};
/*
 * Holds a request against the log's key and the state. On WITNESS_COSIGNS *out is what the state
 * has to become before anything is answered; otherwise *err says why not.
 */
enum witness_verdict witness_decide(const struct witness_request *request,
    const struct note_key *key, const struct witness_state *state, struct checkpoint *out,
    struct error *err);

#endif
