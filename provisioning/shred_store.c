#include "provisioning/shred_store.h"

#include "base/mem.h"

/* $1 ids, $2 keys, $3 now */
static const struct stmt INSERT = STMT("shred_insert", 3, 0,
    "INSERT INTO shred_key (id, key, made_at_s)"
    " SELECT u.id, u.key, $3::int8 FROM unnest($1::bytea[], $2::bytea[]) AS u(id, key)");

/* $1 id */
static const struct stmt FIND =
    STMT("shred_find", 1, 1, "SELECT key FROM shred_key WHERE id = $1::bytea");

/* $1 ids */
static const struct stmt DELETE =
    STMT("shred_delete", 1, 0, "DELETE FROM shred_key WHERE id = ANY ($1::bytea[])");

/* $1 from, $2 until, $3 after, $4 at most */
static const struct stmt LIST = STMT("shred_list", 4, 1,
    "SELECT id FROM shred_key WHERE made_at_s >= $1::int8 AND made_at_s < $2::int8"
    " AND id > $3::bytea ORDER BY id LIMIT $4::int8");

static const struct stmt REWRITE = STMT("shred_rewrite", 0, 1, "SELECT shred_rewrite() IS NULL");
static const struct stmt FLUSH = STMT("shred_flush", 0, 1, "SELECT shred_flush()");

static const struct stmt *const STATEMENTS[] = {
    &INSERT, &FIND, &DELETE, &LIST, &REWRITE, &FLUSH, NULL};

const struct stmt *const *
shred_statements(void)
{
	return STATEMENTS;
}

bool
shred_store_insert(struct db *db, const struct escrow_sealed *const *sealed, size_t count,
    int64_t now_s, struct error *err)
{
	DEFER(mem_free) struct bytes *ids = xcalloc(count, sizeof *ids);
	DEFER(mem_free) struct bytes *keys = xcalloc(count, sizeof *keys);
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	for (size_t i = 0; i < count; i++) {
		ids[i] = bytes_of(sealed[i]->shred_id, SHRED_ID_BYTES);
		keys[i] = bytes_of(sealed[i]->shred_key, SHRED_KEY_BYTES);
	}
	params_bytea_array(&params, ids, count);
	params_bytea_array(&params, keys, count);
	params_int8(&params, now_s);
	return db_query(db, &INSERT, &params, &rows, err);
}

bool
shred_store_find(struct db *db, const uint8_t id[static SHRED_ID_BYTES],
    uint8_t out[static SHRED_KEY_BYTES], bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(id, SHRED_ID_BYTES));
	if (!db_query(db, &FIND, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (*out_found)
		memcpy(out, rows_bytes(rows, 0, 0).data, SHRED_KEY_BYTES);
	return true;
}

bool
shred_store_delete(struct db *db, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count,
    size_t *out_count, struct error *err)
{
	DEFER(mem_free) struct bytes *list = xcalloc(count, sizeof *list);
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	for (size_t i = 0; i < count; i++)
		list[i] = bytes_of(ids[i], SHRED_ID_BYTES);
	params_bytea_array(&params, list, count);
	if (!db_query(db, &DELETE, &params, &rows, err))
		return false;
	*out_count = rows_affected(rows);
	return true;
}

bool
shred_store_list(struct db *db, int64_t from_s, int64_t until_s,
    const uint8_t after[static SHRED_ID_BYTES], size_t max, uint8_t (*out)[SHRED_ID_BYTES],
    size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, from_s);
	params_int8(&params, until_s);
	params_bytea(&params, bytes_of(after, SHRED_ID_BYTES));
	params_int8(&params, (int64_t)max);
	if (!db_query(db, &LIST, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t i = 0; i < *out_count; i++)
		memcpy(out[i], rows_bytes(rows, i, 0).data, SHRED_ID_BYTES);
	return true;
}

bool
shred_store_rewrite(struct db *db, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	return db_query(db, &REWRITE, NULL, &rows, err);
}

bool
shred_store_flush(struct db *db, bool *out_flushed, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &FLUSH, NULL, &rows, err))
		return false;
	*out_flushed = rows_bool(rows, 0, 0);
	return true;
}
