/*
 * opening: the first leaf of a log. "log.open"; where the log continues another of its node, as one
 * of a new year does, its `d` is that one's last checkpoint: {"log":name,"size":n,"root":base64}.
 */
#ifndef AUDIT_OPENING_H
#define AUDIT_OPENING_H

#include "db/db.h"
#include "proof/leaf.h"

struct opening {
	bool due;                     /* the log has no leaf yet */
	bool continues;               /* another log, which is: */
	char log[LEAF_VALUE_MAX + 1]; /* its name, the last part of its origin */
	int64_t size;
	char root[LEAF_VALUE_MAX + 1]; /* base64 */
};

/*
 * Whether the log of this origin has to be opened, and after what: the checkpoint published in
 * "<dir>/<log>/" has all leaves that the database has of that log.
 * E_NOT_FOUND        there is no such log
 * E_STATE_CONFLICT   the log before is not closed: leaves of it are not published yet
 * E_BAD_PROOF, E_BAD_SYNTAX   its checkpoint is none of it
 */
MUST_CHECK bool opening_read(
    struct db *db, const char *origin, const char *dir, struct opening *out, struct error *err);

/* The leaf; it borrows the texts of `opening` until it is encoded. */
void opening_leaf(
    const struct opening *opening, const char *actor, int64_t now_s, struct leaf *out);

/* In the transaction of that leaf: the log before has ended. Lost race: it is not as it was. */
MUST_CHECK bool opening_end_before(
    struct tx *tx, int log, const struct opening *opening, int64_t now_s, struct error *err);

#endif
