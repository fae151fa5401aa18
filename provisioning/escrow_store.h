/* escrow_store: the rows of sealed records. */
#ifndef PROVISIONING_ESCROW_STORE_H
#define PROVISIONING_ESCROW_STORE_H

#include "db/ledger.h"
#include "provisioning/escrow_keep.h"

struct escrow_row { /* of one enrollment that won */
	const struct escrow_sealed *sealed;
	int64_t seq; /* of its leaf */
};
/* No round trip. */
MUST_CHECK bool escrow_store_insert(
    struct tx *tx, int log, const struct escrow_row *rows, size_t count, struct error *err);

/* Those ids that no record names. `out` has room for all. */
MUST_CHECK bool escrow_store_orphans(struct db *db, const uint8_t (*ids)[SHRED_ID_BYTES],
    size_t count, uint8_t (*out)[SHRED_ID_BYTES], size_t *out_count, struct error *err);

/* Keys of records that went with their part of the log, in order: at most `max` after this one; and
 * that they are deleted. */
MUST_CHECK bool escrow_store_pruned(struct db *db, const uint8_t after[static SHRED_ID_BYTES],
    size_t max, uint8_t (*out)[SHRED_ID_BYTES], size_t *out_count, struct error *err);
MUST_CHECK bool escrow_store_pruned_done(
    struct db *db, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count, struct error *err);

const struct stmt *const *escrow_statements(void);

#endif
