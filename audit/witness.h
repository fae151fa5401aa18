/*
 * witness: cosigns what continues what it has cosigned, and nothing else (C2SP tlog-witness).
 *
 * Its state is a folder: for each log the newest checkpoint that it cosigned, as the log signed it,
 * "<hex SHA-256 of the origin>.checkpoint". It is on the disk, its folder synced, before a
 * cosignature is made: whatever a crash leaves, the witness never goes back. One lock stands over
 * look and write, so that of two requests at once one wins.
 */
#ifndef AUDIT_WITNESS_H
#define AUDIT_WITNESS_H

#include "base/clock.h"
#include "base/secret.h"
#include "proof/tlog_policy.h"
#include "proof/witness_request.h"

#define WITNESS_SIZE_TYPE "text/x.tlog.size"

struct witness_options {
	const char *dir;                  /* of its state; made if it is missing */
	const struct tlog_policy *policy; /* the logs that it knows; borrowed */
	const struct note_key *key;       /* its own, a cosigner's; borrowed */
	const struct secret *seed;        /* of that key; borrowed */
	const struct clock *clock;
};

struct witness;
/*
 * Reads what it has cosigned.
 * E_FILE_FAILED
 * E_BAD_PROOF, E_BAD_SYNTAX   a checkpoint of the state is none of its log: it must not begin anew
 */
MUST_CHECK bool witness_new(
    const struct witness_options *options, struct witness **out, struct error *err);
void witness_free(struct witness *witness);
DEFER_DECLARE(struct witness, witness_free)

struct witness_answer {
	int status; /* an enum witness_verdict, or 500: its state could not be written */
	const char *content_type;
	struct buf body; /* a cosignature, a size, or why not */
};
void witness_answer_clear(struct witness_answer *answer);
DEFER_DECLARE_CLEAR(struct witness_answer, witness_answer_clear)

/* Answers a body of add-checkpoint. Any thread. */
void witness_add_checkpoint(struct witness *witness, struct bytes body, struct witness_answer *out);

#endif
