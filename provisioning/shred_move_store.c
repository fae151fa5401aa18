#include "provisioning/shred_move_store.h"

#include <assert.h>

/* $1 at most */
static const struct stmt READ = STMT(
    "shred_move_read", 1, 3, "SELECT id, key, made_at_s FROM shred_key ORDER BY id LIMIT $1::int8");

/* $1 ids, $2 keys, $3 times */
static const struct stmt INSERT = STMT("shred_move_insert", 3, 0,
    "INSERT INTO shred_key (id, key, made_at_s)"
    " SELECT u.id, u.key, u.made_at_s"
    " FROM unnest($1::bytea[], $2::bytea[], $3::int8[]) AS u(id, key, made_at_s)"
    " ON CONFLICT DO NOTHING");

static const struct stmt IS_MAIN =
    STMT("shred_move_is_main", 0, 1, "SELECT to_regclass('escrow_record') IS NOT NULL");

static const struct stmt *const STATEMENTS[] = {&READ, &INSERT, &IS_MAIN, NULL};

const struct stmt *const *
shred_move_statements(void)
{
	return STATEMENTS;
}

bool
shred_move_store_read(struct db *db, struct shred_page *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, SHRED_PAGE_MAX);
	if (!db_query(db, &READ, &params, &rows, err))
		return false;
	out->count = rows_count(rows);
	assert(out->count <= SHRED_PAGE_MAX);
	for (size_t i = 0; i < out->count; i++) {
		memcpy(out->ids[i], rows_bytes(rows, i, 0).data, SHRED_ID_BYTES);
		memcpy(out->keys[i], rows_bytes(rows, i, 1).data, SHRED_KEY_BYTES);
		out->made_at_s[i] = rows_int(rows, i, 2);
	}
	return true;
}

bool
shred_move_store_insert(struct db *db, const struct shred_page *page, struct error *err)
{
	struct bytes ids[SHRED_PAGE_MAX], keys[SHRED_PAGE_MAX];
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	for (size_t i = 0; i < page->count; i++) {
		ids[i] = bytes_of(page->ids[i], SHRED_ID_BYTES);
		keys[i] = bytes_of(page->keys[i], SHRED_KEY_BYTES);
	}
	params_bytea_array(&params, ids, page->count);
	params_bytea_array(&params, keys, page->count);
	params_int8_array(&params, page->made_at_s, page->count);
	return db_query(db, &INSERT, &params, &rows, err);
}

bool
shred_move_store_is_main(struct db *db, bool *out, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &IS_MAIN, NULL, &rows, err))
		return false;
	*out = rows_bool(rows, 0, 0);
	return true;
}
