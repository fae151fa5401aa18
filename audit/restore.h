/*
 * restore: after a database was restored from a backup, what it lost of this node's log.
 *
 * The keeper's journal has every leaf that was ever signed for. They are put back, so that the log
 * goes on where it was and no checkpoint is contradicted; what they tell of (certificates, devices,
 * tokens that were spent) has no rows any more, so whatever could be used a second time is ended:
 * tokens that are free, and batches that are open. Revocations come back by themselves from the
 * service's copy (ca/status_copy.h).
 */
#ifndef AUDIT_RESTORE_H
#define AUDIT_RESTORE_H

#include "base/rng.h"
#include "db/db.h"
#include "keeper/journal.h"

struct restore_request {
	const char *origin; /* of this node's log */
	const struct journal *journal;
	int64_t now_s;
	const struct rng *rng;
};
struct restore_result {
	int64_t size;            /* of the log now */
	int64_t leaves;          /* that were put back; 0: nothing was lost, and nothing is done */
	int64_t certificates;    /* that they issue, and that have no row */
	int64_t tokens, batches; /* that were ended */
};
/*
 * In the caller's transaction, and a leaf backup.restore.
 * E_NOT_FOUND        the database has no such log
 * E_STATE_CONFLICT   the log is retired; or it and the journal are not one log
 * E_BAD_SYNTAX       the journal is damaged
 */
MUST_CHECK bool restore_log(struct tx *tx, const struct restore_request *request,
    struct restore_result *out, struct error *err);

#endif
