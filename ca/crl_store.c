#include "ca/crl_store.h"

#include "base/mem.h"
#include "ca/crl.h"
#include "keeper/crl_numbers.h"

#define PART_BYTES ((size_t)1 << 20) /* of a list that is stored: what is in memory at a time */

/* $1 issuer, $2 shard */
static const struct stmt CRL_ENSURE = STMT("crl_ensure", 2, 0,
    "INSERT INTO crl (issuer, shard) VALUES ($1::bytea, $2::int2) ON CONFLICT DO NOTHING");

/* $1 how many */
static const struct stmt CRL_LIST = STMT("crl_list", 1, 10,
    "SELECT issuer, shard, full_number, this_update_at_s, next_update_at_s, status_seq,"
    " delta_number, delta_this_update_at_s, delta_next_update_at_s, delta_status_seq FROM crl"
    " WHERE full_number > 0 LIMIT $1::int4");

/* $1 issuer, $2 shard, $3 delta */
static const struct stmt CRL_GET = STMT("crl_get", 3, 4,
    "SELECT CASE WHEN $3::bool THEN delta_number ELSE full_number END,"
    " CASE WHEN $3::bool THEN delta_this_update_at_s ELSE this_update_at_s END,"
    " CASE WHEN $3::bool THEN delta_next_update_at_s ELSE next_update_at_s END,"
    " CASE WHEN $3::bool THEN delta_status_seq ELSE status_seq END FROM crl"
    " WHERE issuer = $1::bytea AND shard = $2::int2");

/* $1 issuer, $2 shard, $3 delta, $4 part */
static const struct stmt CRL_PART_GET = STMT("crl_part_get", 4, 1,
    "SELECT octets FROM crl_part WHERE issuer = $1::bytea AND shard = $2::int2"
    " AND delta = $3::bool AND part = $4::int4");

/* $1 issuer, $2 shard, $3 node, $4 now, $5 until, $6 numbers a second */
static const struct stmt CRL_LEASE = STMT("crl_lease", 6, 8,
    "UPDATE crl SET lease_owner = $3::text, lease_until_at_s = $5::int8,"
    " number = greatest(number / $6::int8 + 1, $4::int8) * $6::int8"
    " WHERE issuer = $1::bytea AND shard = $2::int2"
    " AND (lease_owner IS NULL OR lease_owner = $3::text OR lease_until_at_s <= $4::int8)"
    " RETURNING number, this_update_at_s, base_number, base_at_s, base_status_seq,"
    " next_base_number, next_base_at_s, next_base_status_seq");

/* $1 issuer, $2 shard, $3 node, $4 number */
static const struct stmt CRL_RELEASE = STMT("crl_release", 4, 0,
    "UPDATE crl SET lease_owner = NULL, lease_until_at_s = 0 WHERE issuer = $1::bytea"
    " AND shard = $2::int2 AND lease_owner = $3::text AND number = $4::int8");

/* $1 issuer, $2 shard, $3 node, $4 number, $5 this, $6 next update, $7 status_seq */
static const struct stmt CRL_KEEP_DELTA = STMT("crl_keep_delta", 7, 0,
    "UPDATE crl SET delta_number = $4::int8, delta_this_update_at_s = $5::int8,"
    " delta_next_update_at_s = $6::int8, delta_status_seq = $7::int8,"
    " lease_owner = NULL, lease_until_at_s = 0"
    " WHERE issuer = $1::bytea AND shard = $2::int2 AND lease_owner = $3::text"
    " AND number = $4::int8");

/* $1 issuer, $2 shard, $3 number, $4 this, $5 next update, $6 status_seq, $7 to $9 base,
 * $10 to $12 next base: number, at, status_seq */
static const struct stmt CRL_KEEP_FULL = STMT("crl_keep_full", 12, 0,
    "UPDATE crl SET full_number = $3::int8, this_update_at_s = $4::int8,"
    " next_update_at_s = $5::int8, status_seq = $6::int8, base_number = $7::int8,"
    " base_at_s = $8::int8, base_status_seq = $9::int8, next_base_number = $10::int8,"
    " next_base_at_s = $11::int8, next_base_status_seq = $12::int8"
    " WHERE issuer = $1::bytea AND shard = $2::int2");

/* $1 issuer, $2 shard, $3 delta */
static const struct stmt CRL_PARTS_DELETE = STMT("crl_parts_delete", 3, 0,
    "DELETE FROM crl_part WHERE issuer = $1::bytea AND shard = $2::int2 AND delta = $3::bool");

/* $1 issuer, $2 shard, $3 delta, $4 part, $5 octets */
static const struct stmt CRL_PART_INSERT = STMT("crl_part_insert", 5, 0,
    "INSERT INTO crl_part (issuer, shard, delta, part, octets)"
    " VALUES ($1::bytea, $2::int2, $3::bool, $4::int4, $5::bytea)");

/* Pages of one CRL must be of one snapshot: a hold that becomes a revocation moves to the end. */
static const struct stmt CRL_SNAPSHOT =
    STMT("crl_snapshot", 0, 0, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");

static const struct stmt STATUS_HEAD_READ =
    STMT("status_head_read", 0, 1, "SELECT seq FROM status_head");

/* $1 issuer, $2 after seq, $3 not_after from, $4 how many */
static const struct stmt REVOCATIONS_PAGE = STMT("revocations_page", 4, 4,
    "SELECT seq, serial, revoked_at_s, reason FROM revocation"
    " WHERE issuer = $1::bytea AND seq > $2::int8 AND not_after_at_s >= $3::int8"
    " ORDER BY seq LIMIT $4::int4");

/* $1 issuer, $2 since seq, $3 after seq, $4 how many */
static const struct stmt RELEASED_PAGE = STMT("released_page", 4, 3,
    "SELECT max(c.seq), c.serial, max(c.at_s) FROM status_change AS c"
    " WHERE c.issuer = $1::bytea AND c.state = 'good' AND c.seq > $2::int8 AND NOT EXISTS"
    " (SELECT FROM revocation AS r WHERE r.month = c.month AND r.serial = c.serial)"
    " GROUP BY c.serial HAVING max(c.seq) > $3::int8 ORDER BY max(c.seq) LIMIT $4::int4");

/* $1 after seq, $2 how many */
static const struct stmt STATUS_CHANGES = STMT("crl_status_changes", 2, 3,
    "SELECT seq, issuer, serial FROM status_change WHERE seq > $1::int8 ORDER BY seq"
    " LIMIT $2::int4");

static const struct stmt *const STATEMENTS[] = {
    &CRL_ENSURE,
    &CRL_LIST,
    &CRL_GET,
    &CRL_PART_GET,
    &CRL_LEASE,
    &CRL_RELEASE,
    &CRL_KEEP_DELTA,
    &CRL_KEEP_FULL,
    &CRL_PARTS_DELETE,
    &CRL_PART_INSERT,
    &CRL_SNAPSHOT,
    &STATUS_HEAD_READ,
    &REVOCATIONS_PAGE,
    &RELEASED_PAGE,
    &STATUS_CHANGES,
    NULL,
};

const struct stmt *const *
crl_statements(void)
{
	return STATEMENTS;
}

static void
bind_key(struct params *out, struct crl_key key)
{
	params_bytea(out, bytes_of(key.issuer, ISSUER_ID_BYTES));
	params_int2(out, (int16_t)key.shard);
}

bool
crl_store_ensure(struct db *db, struct crl_key key, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_key(&params, key);
	return db_query(db, &CRL_ENSURE, &params, &rows, err);
}

/* ---- the lists in force ---- */

/* Four columns. */
static void
take_list(const struct rows *rows, size_t row, int column, struct crl_list *out)
{
	out->number = (uint64_t)rows_int(rows, row, column);
	out->this_update_s = rows_int(rows, row, column + 1);
	out->next_update_s = rows_int(rows, row, column + 2);
	out->status_seq = rows_int(rows, row, column + 3);
}

bool
crl_store_list(struct db *db, struct crl_row *out, size_t max, size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int4(&params, (int32_t)max);
	if (!db_query(db, &CRL_LIST, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		memcpy(out[i].issuer, rows_bytes(rows, i, 0).data, ISSUER_ID_BYTES);
		out[i].shard = (int)rows_int(rows, i, 1);
		take_list(rows, i, 2, &out[i].lists[CRL_FULL]);
		take_list(rows, i, 6, &out[i].lists[CRL_DELTA]);
	}
	*out_count = rows_count(rows);
	return true;
}

/* *out_len 0: there is no such part. */
static bool
part_get(struct tx *tx, struct crl_key key, enum crl_kind kind, int32_t part, struct crl_file *file,
    size_t *out_len, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_key(&params, key);
	params_bool(&params, kind == CRL_DELTA);
	params_int4(&params, part);
	if (!tx_query(tx, &CRL_PART_GET, &params, &rows, err))
		return false;
	*out_len = rows_count(rows) == 0 ? 0 : rows_bytes(rows, 0, 0).len;
	return *out_len == 0 || crl_file_append(file, rows_bytes(rows, 0, 0), err);
}

static bool
list_get(
    struct tx *tx, struct crl_key key, enum crl_kind kind, struct crl_list *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	const struct params none = {0};

	bind_key(&params, key);
	params_bool(&params, kind == CRL_DELTA);
	if (!tx_run(tx, &CRL_SNAPSHOT, &none, err) || !tx_query(tx, &CRL_GET, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0 || rows_int(rows, 0, 0) == 0)
		return error_set(err, E_NOT_FOUND, "there is no such CRL yet");
	take_list(rows, 0, 0, out);
	return true;
}

bool
crl_store_get(struct db *db, struct crl_key key, enum crl_kind kind, const char *dir,
    struct crl_list *out, struct crl_file **out_file, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(crl_file_free) struct crl_file *file = NULL;
	struct crl_list list;
	size_t len = 0;

	if (!tx_begin(db, &tx, err) || !list_get(tx, key, kind, &list, err) ||
	    !crl_file_new(dir, 0, &file, err))
		return false;
	for (int32_t part = 0; part == 0 || len > 0; part++)
		if (!part_get(tx, key, kind, part, file, &len, err))
			return false;
	if (!crl_file_seal(file, err))
		return false;
	if (crl_file_size(file) == 0)
		return error_set(err, E_INTERNAL, "a CRL has no parts");
	*out = list;
	*out_file = TAKE(file);
	return true;
}

/* ---- building ---- */

/* Three columns. */
static void
take_base(const struct rows *rows, int column, struct crl_base *out)
{
	out->number = (uint64_t)rows_int(rows, 0, column);
	out->at_s = rows_int(rows, 0, column + 1);
	out->status_seq = rows_int(rows, 0, column + 2);
}

bool
crl_store_lease(struct db *db, struct crl_key key, const char *node, int64_t now_s, int64_t until_s,
    struct crl_lease *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_key(&params, key);
	params_text(&params, node);
	params_int8(&params, now_s);
	params_int8(&params, until_s);
	params_int8(&params, (int64_t)CRL_NUMBERS_PER_S);
	if (!db_query(db, &CRL_LEASE, &params, &rows, err))
		return false;
	*out = (struct crl_lease){0};
	if (rows_count(rows) == 1) {
		out->number = (uint64_t)rows_int(rows, 0, 0);
		out->last_this_update_s = rows_int(rows, 0, 1);
		take_base(rows, 2, &out->base);
		take_base(rows, 5, &out->next_base);
	}
	return true;
}

bool
crl_store_release(
    struct db *db, struct crl_key key, const char *node, uint64_t number, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_key(&params, key);
	params_text(&params, node);
	params_int8(&params, (int64_t)number);
	return db_query(db, &CRL_RELEASE, &params, &rows, err);
}

/* One part in memory at a time. */
static bool
parts_put(
    struct tx *tx, struct crl_key key, enum crl_kind kind, struct crl_file *file, struct error *err)
{
	DEFER(mem_free) uint8_t *room = xcalloc(1, PART_BYTES);
	DEFER(params_clear) struct params old = {0};
	const size_t size = crl_file_size(file);
	int32_t part = 0;

	bind_key(&old, key);
	params_bool(&old, kind == CRL_DELTA);
	if (!tx_run(tx, &CRL_PARTS_DELETE, &old, err))
		return false;
	for (size_t at = 0, len; at < size; at += len, part++) {
		DEFER(params_clear) struct params params = {0};
		DEFER(rows_free) struct rows *rows = NULL;

		len = size - at < PART_BYTES ? size - at : PART_BYTES;
		if (!crl_file_copy(file, at, room, len, err))
			return false;
		bind_key(&params, key);
		params_bool(&params, kind == CRL_DELTA);
		params_int4(&params, part);
		params_bytea(&params, bytes_of(room, len));
		/* Not queued: each would wait in memory for the last. */
		if (!tx_query(tx, &CRL_PART_INSERT, &params, &rows, err))
			return false;
	}
	return true;
}

static void
bind_base(struct params *out, const struct crl_base *base)
{
	params_int8(out, (int64_t)base->number);
	params_int8(out, base->at_s);
	params_int8(out, base->status_seq);
}

static bool
keep_full(struct tx *tx, const struct crl_publication *from, struct error *err)
{
	const struct crl_list *list = from->lists[CRL_FULL];
	DEFER(params_clear) struct params params = {0};

	bind_key(&params, from->key);
	params_int8(&params, (int64_t)list->number);
	params_int8(&params, list->this_update_s);
	params_int8(&params, list->next_update_s);
	params_int8(&params, list->status_seq);
	bind_base(&params, &from->base);
	bind_base(&params, &from->next_base);
	return tx_run(tx, &CRL_KEEP_FULL, &params, err) &&
	       parts_put(tx, from->key, CRL_FULL, from->files[CRL_FULL], err);
}

/* The delta is always there, so it is the one that ends the lease. */
static bool
keep_delta(struct tx *tx, const struct crl_publication *from, bool *out_held, struct error *err)
{
	const struct crl_list *list = from->lists[CRL_DELTA];
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_key(&params, from->key);
	params_text(&params, from->node);
	params_int8(&params, (int64_t)from->number);
	params_int8(&params, list->this_update_s);
	params_int8(&params, list->next_update_s);
	params_int8(&params, list->status_seq);
	if (!tx_query(tx, &CRL_KEEP_DELTA, &params, &rows, err))
		return false;
	*out_held = rows_affected(rows) == 1;
	return !*out_held || parts_put(tx, from->key, CRL_DELTA, from->files[CRL_DELTA], err);
}

bool
crl_store_keep(
    struct db *db, const struct crl_publication *publication, bool *out_kept, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	bool held = false;

	if (!tx_begin(db, &tx, err) || !keep_delta(tx, publication, &held, err))
		return false;
	if (held && ((publication->lists[CRL_FULL] != NULL && !keep_full(tx, publication, err)) ||
			!tx_commit(&tx, err)))
		return false;
	*out_kept = held;
	return true;
}

/* ---- what is listed ---- */

bool
crl_store_snapshot(struct tx *tx, int64_t *out_status_seq, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	const struct params none = {0};

	if (!tx_run(tx, &CRL_SNAPSHOT, &none, err) ||
	    !tx_query(tx, &STATUS_HEAD_READ, &none, &rows, err))
		return false;
	*out_status_seq = rows_count(rows) == 0 ? 0 : rows_int(rows, 0, 0);
	return true;
}

bool
crl_store_page(
    struct tx *tx, struct crl_key key, int shard_count, struct crl_page *page, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(key.issuer, ISSUER_ID_BYTES));
	params_int8(&params, page->after_seq);
	params_int8(&params, page->not_after_from_s);
	params_int4(&params, CRL_PAGE_MAX);
	if (!tx_query(tx, &REVOCATIONS_PAGE, &params, &rows, err))
		return false;
	page->count = 0;
	page->read = rows_count(rows);
	for (size_t i = 0; i < page->read; i++) {
		struct crl_entry *entry = &page->entries[page->count];

		memcpy(entry->serial, rows_bytes(rows, i, 1).data, SERIAL_BYTES);
		entry->revoked_at_s = rows_int(rows, i, 2);
		entry->reason = (enum reason)rows_int(rows, i, 3);
		entry->removed = false;
		page->after_seq = rows_int(rows, i, 0);
		page->count += serial_shard(entry->serial, shard_count) == key.shard;
	}
	return true;
}

bool
crl_store_released(struct tx *tx, struct crl_key key, int shard_count, int64_t since_seq,
    struct crl_page *page, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_bytea(&params, bytes_of(key.issuer, ISSUER_ID_BYTES));
	params_int8(&params, since_seq);
	params_int8(&params, page->after_seq);
	params_int4(&params, CRL_PAGE_MAX);
	if (!tx_query(tx, &RELEASED_PAGE, &params, &rows, err))
		return false;
	page->count = 0;
	page->read = rows_count(rows);
	for (size_t i = 0; i < page->read; i++) {
		struct crl_entry *entry = &page->entries[page->count];

		memcpy(entry->serial, rows_bytes(rows, i, 1).data, SERIAL_BYTES);
		entry->revoked_at_s = rows_int(rows, i, 2);
		entry->reason = REASON_UNSPECIFIED;
		entry->removed = true;
		page->after_seq = rows_int(rows, i, 0);
		page->count += serial_shard(entry->serial, shard_count) == key.shard;
	}
	return true;
}

bool
crl_store_changes(struct db *db, int64_t after_seq, struct crl_change *out, size_t max,
    size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, after_seq);
	params_int4(&params, (int32_t)max);
	if (!db_query(db, &STATUS_CHANGES, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		out[i].seq = rows_int(rows, i, 0);
		memcpy(out[i].issuer, rows_bytes(rows, i, 1).data, ISSUER_ID_BYTES);
		memcpy(out[i].serial, rows_bytes(rows, i, 2).data, SERIAL_BYTES);
	}
	*out_count = rows_count(rows);
	return true;
}
