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

/* "<node>-<year>", and "-<n>" where n is above 1: what a node's log is called. */
#define LOGS_NAME_MAX 64
#define LOGS_A_YEAR_MAX 9
void logs_name(const char *node, int64_t now_s, int n, char out[static LOGS_NAME_MAX + 1]);

struct logs_roll {
	const char *name;   /* first part of the origins */
	const char *node;   /* of this host */
	const char *before; /* name of its log, which goes on until the new one's first leaf */
	const uint8_t *public_key; /* 32 octets */
	int64_t now_s;
};
/*
 * The row of a new log that continues this node's, and a log.open leaf for that one, which
 * announces it. Called again before the new one has a leaf it gives the same name and changes
 * nothing. E_NOT_FOUND        there is no log `before` E_STATE_CONFLICT   it is retired; or this
 * year has LOGS_A_YEAR_MAX logs
 */
MUST_CHECK bool logs_roll(struct tx *tx, const struct logs_roll *roll, const struct rng *rng,
    char out_name[static LOGS_NAME_MAX + 1], struct error *err);
/* Whether a live log has the leaf that announces it; only such a one may be written to. */
MUST_CHECK bool logs_is_announced(struct db *db, const char *name, bool *out, struct error *err);

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
