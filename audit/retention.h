/*
 * retention: what is old is dropped from the database by whole parts of a log, and a hold stops it.
 *
 * A part is 1,048,576 leaves (db/migrations/0001_audit.sql). What is dropped stays in the log's
 * folder, which its caller has verified; proofs need only hashes. All of it is for the database's
 * owner, and each leaves a leaf.
 */
#ifndef AUDIT_RETENTION_H
#define AUDIT_RETENTION_H

#include "audit/retention_store.h"
#include "base/rng.h"

#define RETENTION_PARTS_MAX 64 /* dropped in one transaction: the rest next time */

struct retention_request {
	const char *origin;
	enum retention_what what;
	int64_t before_s;   /* only parts whose newest leaf is older */
	uint64_t published; /* and that end at or below this size, for which the caller has proof */
};
struct retention_result { /* leaves `first` to `last`; count 0: nothing is old enough */
	int64_t first, last;
	size_t parts;
};
/*
 * Drops the oldest parts in a row, and adds log.prune to the outbox if there are any.
 * E_NOT_FOUND        there is no such log
 * E_STATE_CONFLICT   it is held: whatever is old enough
 * E_RECORD_UNAVAILABLE   a part's newest leaf is not there
 */
MUST_CHECK bool retention_prune(struct tx *tx, const struct retention_request *request,
    int64_t now_s, const struct rng *rng, struct retention_result *out, struct error *err);

/* 1 to RETENTION_NAME_MAX of [A-Za-z0-9._-], the first a letter or digit. */
bool retention_is_name(const char *name);
bool retention_no_name(struct error *err); /* E_BAD_SYNTAX that says so: false */

/*
 * Holds a log, or all of them for an `origin` of NULL, until the hold of this name is released. By
 * the database's owner; by the API: audit/holds.h.
 * E_BAD_SYNTAX       the name is none
 * E_NOT_FOUND        no such log; no such hold in force
 * E_STATE_CONFLICT   a hold of this name is in force, or RETENTION_HOLDS_MAX are
 */
MUST_CHECK bool retention_hold(struct tx *tx, const char *name, const char *origin, int64_t now_s,
    const struct rng *rng, struct error *err);
MUST_CHECK bool retention_release(
    struct tx *tx, const char *name, int64_t now_s, const struct rng *rng, struct error *err);

/* Of those in force: the one of this name, or NULL; and whether one of this name may be placed. */
const struct hold *retention_find(const struct hold *holds, size_t count, const char *name);
MUST_CHECK bool retention_may_hold(
    const struct hold *holds, size_t count, const char *name, struct error *err);

/* log.hold or log.release of a hold; `origin` "": of all logs. `refused`: NULL, or why not. */
void retention_hold_leaf(struct leaf *out, enum leaf_event event, const struct hold *hold,
    const struct error *refused, int64_t now_s);

#endif
