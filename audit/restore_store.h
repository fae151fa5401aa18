/* restore_store: what `moniker restore` reads and writes. */
#ifndef AUDIT_RESTORE_STORE_H
#define AUDIT_RESTORE_STORE_H

#include "db/db.h"

struct restore_head {
	int id; /* 0: there is no such log */
	int64_t size;
	bool retired;
};
/* Locked: no writer takes the log over meanwhile. */
MUST_CHECK bool restore_lock(
    struct tx *tx, const char *origin, struct restore_head *out, struct error *err);
/* The newest leaf that the database has of a log. *out empty: it has none */
MUST_CHECK bool restore_last_leaf(
    struct tx *tx, const struct restore_head *head, struct buf *out, struct error *err);

/* Leaves from `first_seq` on, of one part of the table (RETENTION_PART_LEAVES). */
MUST_CHECK bool restore_put(struct tx *tx, int log, int64_t first_seq, const struct bytes *leaves,
    size_t count, struct error *err);
MUST_CHECK bool restore_advance(
    struct tx *tx, int log, int64_t size, int64_t last_st_s, struct error *err);
MUST_CHECK bool restore_end_tokens(struct tx *tx, int64_t *out_count, struct error *err);
MUST_CHECK bool restore_end_batches(
    struct tx *tx, int64_t now_s, int64_t *out_count, struct error *err);

const struct stmt *const *restore_statements(void);

#endif
