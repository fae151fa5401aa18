/*
 * inspect_log: one log at the checkpoint that it had when the pass over it began: its rows, its
 * published files and what stands beside them, 256 leaves at a time.
 */
#ifndef AUDIT_INSPECT_LOG_H
#define AUDIT_INSPECT_LOG_H

#include "audit/inspect_fault.h"
#include "proof/note.h"

struct inspect_log;

struct inspect_log_options {
	struct db *db;
	int log;
	const char *folder; /* of its files */
	const struct note_key *key;
};

/*
 * Takes the checkpoint and the tree's right edge up. A checkpoint that its tiles do not prove is a
 * fault, not an error.
 * E_NOT_FOUND   nothing is published
 */
MUST_CHECK bool inspect_log_open(const struct inspect_log_options *options,
    struct inspect_log **out, struct inspect_faults *faults, struct error *err);
void inspect_log_free(struct inspect_log *log); /* NULL is fine */
DEFER_DECLARE(struct inspect_log, inspect_log_free)

uint64_t inspect_log_size(const struct inspect_log *log);

/* Looks at the bundle that has leaf `*inout_next`, and moves that behind it. E_DATABASE_UNAVAILABLE
 */
MUST_CHECK bool inspect_log_step(struct inspect_log *log, uint64_t *inout_next,
    struct inspect_faults *faults, struct error *err);

/*
 * Bodies that are missing so far, borrowed. Faults only at the end of the pass: a restored backup
 * may have lost them, and a later leaf says so.
 */
const struct inspect_faults *inspect_log_lost(const struct inspect_log *log);

/* Rows that are missing so far as if they had been dropped, and no leaf says so yet. */
void inspect_log_unsaid(const struct inspect_log *log, struct inspect_faults *faults);
/*
 * At the end of a pass over a log that lives: adds them. None of them while a leaf that says so of
 * this log is still on its way, or behind the checkpoint: the next pass has it.
 * E_DATABASE_UNAVAILABLE
 */
MUST_CHECK bool inspect_log_judge_unsaid(
    struct inspect_log *log, struct inspect_faults *faults, struct error *err);

#endif
