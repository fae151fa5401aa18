/* logs: the life of a log, told by whoever administers the host: opened, and retired for ever. */
#ifndef AUDIT_LOGS_H
#define AUDIT_LOGS_H

#include "base/rng.h"
#include "db/db.h"
#include "proof/leaf.h"

#define LOGS_LIVING_S \
	180 /* a node writes every minute: one whose newest leaf is younger may live */

/* The row of a new, empty log. One of that origin that is there already ends the transaction. */
MUST_CHECK bool logs_insert(struct tx *tx, const char *origin, const uint8_t public_key[static 32],
    int64_t now_s, struct error *err);

/* The row of another node's log, and a log.open leaf for whichever live log drains it.
 * E_STATE_CONFLICT: there is one of that origin */
MUST_CHECK bool logs_open(struct tx *tx, const char *origin, const uint8_t public_key[static 32],
    int64_t now_s, const struct rng *rng, struct error *err);

struct logs_retired {
	int64_t size; /* of the log, for ever */
	int64_t at_s; /* when it was retired */
	bool was_so;  /* before: nothing is changed */
};
/*
 * Declares the log's node gone: its writer cannot commit from here on, nor ever take the log over
 * again, and live nodes adopt what it did not sign. Leaves log.close for one of them.
 * E_NOT_FOUND        there is no such log
 * E_STATE_CONFLICT   no other log lives; or this one's newest leaf is young, and not `force`
 */
MUST_CHECK bool logs_retire(struct tx *tx, const char *origin, bool force, int64_t now_s,
    const struct rng *rng, struct logs_retired *out, struct error *err);

const struct stmt *const *logs_statements(void);

#endif
