/* ledger_store: the log's row, its leaves and partitions. Internal to db/ledger*.c. */
#ifndef DB_LEDGER_STORE_H
#define DB_LEDGER_STORE_H

#include "db/ledger_core.h"

struct ledger_row {
	int log;
	int64_t owner, size, last_st_s;
	uint8_t public_key[32];
	bool retired; /* its node was declared gone */
};
/* Locks the log's row; its owner before a take-over. E_RECORD_UNAVAILABLE: no such log. */
MUST_CHECK bool ledger_get(
    struct tx *tx, const char *origin, struct ledger_row *out, struct error *err);
MUST_CHECK bool ledger_take_over(
    struct tx *tx, const char *origin, struct ledger_row *inout, struct error *err);
MUST_CHECK bool ledger_queue_status_lock(struct tx *tx, struct error *err);
/* Raises MK001 unless the log is still this ledger's, of the size that it knows; places the leaves.
 */
MUST_CHECK bool ledger_queue_fence(struct tx *tx, const struct ledger *ledger,
    const struct bytes *leaves, size_t count, int64_t last_st_s, struct error *err);
MUST_CHECK bool ledger_ensure_partition(struct tx *tx, int log, int64_t seq, struct error *err);
/* Rows of (seq, body). */
MUST_CHECK bool ledger_read_leaves(
    struct tx *tx, int log, int64_t from_seq, size_t max, struct rows **out, struct error *err);

#endif
