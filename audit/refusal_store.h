/* refusal_store: rows of refusal_window: refusals that are counted and have no leaf of their own.
 */
#ifndef AUDIT_REFUSAL_STORE_H
#define AUDIT_REFUSAL_STORE_H

#include "base/error.h"
#include "db/db.h"
#include "proof/leaf.h"

struct refusal_key { /* texts as they stand in leaves */
	int64_t window_at_s;
	char event[32], code[32], actor[LEAF_VALUE_MAX + 1];
};

struct refusal_count {
	struct refusal_key key;
	int64_t count;
};

/* Adds to the rows of one window; the keys differ. */
MUST_CHECK bool refusal_window_add(
    struct tx *tx, int log, const struct refusal_count *counts, size_t count, struct error *err);

#define REFUSAL_LIST_MAX 256
/* The oldest keys, at most REFUSAL_LIST_MAX, of windows that began before `before_s`. */
MUST_CHECK bool refusal_window_list(struct db *db, const char *origin, int64_t before_s,
    struct refusal_key *out, size_t *out_count, struct error *err);

/* Removes a row; *out_count is what it held, 0 when there was none. */
MUST_CHECK bool refusal_window_take(
    struct tx *tx, int log, const struct refusal_key *key, int64_t *out_count, struct error *err);

#endif
