/* shred_store: the keys' table. Its database may be another one than the records'. */
#ifndef PROVISIONING_SHRED_STORE_H
#define PROVISIONING_SHRED_STORE_H

#include "db/db.h"
#include "provisioning/escrow_keep.h"

MUST_CHECK bool shred_store_insert(struct db *db, const struct escrow_sealed *const *sealed,
    size_t count, int64_t now_s, struct error *err);
/* *out_found false: it was shredded. */
MUST_CHECK bool shred_store_find(struct db *db, const uint8_t id[static SHRED_ID_BYTES],
    uint8_t out[static SHRED_KEY_BYTES], bool *out_found, struct error *err);
/* Those that are not there are no error. */
MUST_CHECK bool shred_store_delete(struct db *db, const uint8_t (*ids)[SHRED_ID_BYTES],
    size_t count, size_t *out_count, struct error *err);
/* At most `max` ids made in [from_s, until_s), in order, after `after` (16 zeros: from the start).
 */
MUST_CHECK bool shred_store_list(struct db *db, int64_t from_s, int64_t until_s,
    const uint8_t after[static SHRED_ID_BYTES], size_t max, uint8_t (*out)[SHRED_ID_BYTES],
    size_t *out_count, struct error *err);
/* Writes the table anew, without the pages that had deleted keys. */
MUST_CHECK bool shred_store_rewrite(struct db *db, struct error *err);
/* Drops the write-ahead log so far. *out_flushed false: the cluster does not let us. */
MUST_CHECK bool shred_store_flush(struct db *db, bool *out_flushed, struct error *err);

const struct stmt *const *shred_statements(void);

#endif
