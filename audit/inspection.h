/*
 * inspection: a quiet, endless look at what is stored: rows of the log, its published files, and
 * the rows that its leaves commit to or speak of. What is not as it was signed is told by the log
 * itself (audit/inspect_fault.h).
 *
 * A thread of its own, a bundle of 256 leaves at a time, with pauses: it never holds a lock, and
 * nobody waits for it. How far it is survives a restart. It looks at the log that this node writes,
 * and at closed ones whose folder is here.
 */
#ifndef AUDIT_INSPECTION_H
#define AUDIT_INSPECTION_H

#include "audit/inspect_fault.h"
#include "base/clock.h"
#include "base/defer.h"
#include "base/error.h"

#define INSPECTION_STEP 256       /* leaves, or rows */
#define INSPECTION_KEEP_MS 5000   /* between two times that progress is written */
#define INSPECTION_FAILED_MS 5000 /* pause after a failure */
#define INSPECTION_WAIT_MAX_S 60  /* without a pass, until the next look whether one is due */

struct inspection_options {
	struct db *db;
	struct ledger *ledger;
	const struct clock *clock;
	const char *origin; /* of the log that this node writes */
	const char *dir;    /* of the published logs */
	const char *node;
	int64_t per_s;  /* leaves a second */
	int64_t rest_s; /* between two passes over a log */
};

struct inspection;
/* E_INTERNAL: no thread */
MUST_CHECK bool inspection_new(
    const struct inspection_options *options, struct inspection **out, struct error *err);
void inspection_free(struct inspection *inspection); /* NULL is fine */
DEFER_DECLARE(struct inspection, inspection_free)

struct inspection_health {
	uint64_t leaves;     /* looked at since the start */
	uint64_t next, size; /* of the log that this node writes: how far, of how many */
	int64_t done_at_s;   /* when a pass over it ended; 0: none has */
	int64_t faults;      /* that stand */
	enum error_code failing;
};
/* False: `inspection` is NULL, none is made. */
bool inspection_health(struct inspection *inspection, struct inspection_health *out);

#endif
