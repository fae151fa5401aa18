/* shred_move_store: what moving keys from one database to another needs. */
#ifndef PROVISIONING_SHRED_MOVE_STORE_H
#define PROVISIONING_SHRED_MOVE_STORE_H

#include "db/db.h"
#include "provisioning/escrow_keep.h"

#define SHRED_PAGE_MAX 1024

struct shred_page {
	size_t count;
	uint8_t ids[SHRED_PAGE_MAX][SHRED_ID_BYTES], keys[SHRED_PAGE_MAX][SHRED_KEY_BYTES];
	int64_t made_at_s[SHRED_PAGE_MAX];
};
/* The first keys that are there. */
MUST_CHECK bool shred_move_store_read(struct db *db, struct shred_page *out, struct error *err);
/* Those that are there already stay as they are. */
MUST_CHECK bool shred_move_store_insert(
    struct db *db, const struct shred_page *page, struct error *err);
/* Sealed records lie in this database. */
MUST_CHECK bool shred_move_store_is_main(struct db *db, bool *out, struct error *err);

const struct stmt *const *shred_move_statements(void);

#endif
