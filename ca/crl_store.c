#include "ca/crl_store.h"

#include "ca/crl.h"

/* $1 issuer, $2 shard */
static const struct stmt CRL_ENSURE = STMT("crl_ensure", 2, 0,
    "INSERT INTO crl (issuer, shard) VALUES ($1::bytea, $2::int2) ON CONFLICT DO NOTHING");

/* $1 how many */
static const struct stmt CRL_LIST = STMT("crl_list", 1, 5,
    "SELECT issuer, shard, this_update_at_s, next_update_at_s, status_seq FROM crl"
    " WHERE this_update_at_s > 0 LIMIT $1::int4");

/* $1 issuer, $2 shard */
static const struct stmt CRL_GET = STMT("crl_get", 2, 4,
    "SELECT this_update_at_s, next_update_at_s, status_seq, der FROM crl"
    " WHERE issuer = $1::bytea AND shard = $2::int2 AND der IS NOT NULL");

/* $1 issuer, $2 shard, $3 node, $4 now, $5 until */
static const struct stmt CRL_LEASE = STMT("crl_lease", 5, 2,
    "UPDATE crl SET lease_owner = $3::text, lease_until_at_s = $5::int8,"
    " number = greatest(number + 1, $4::int8)"
    " WHERE issuer = $1::bytea AND shard = $2::int2"
    " AND (lease_owner IS NULL OR lease_owner = $3::text OR lease_until_at_s <= $4::int8)"
    " RETURNING number, this_update_at_s");

/* $1 issuer, $2 shard, $3 node, $4 number, $5 this, $6 next update, $7 status_seq, $8 der */
static const struct stmt CRL_KEEP = STMT("crl_keep", 8, 0,
    "UPDATE crl SET der = $8::bytea, this_update_at_s = $5::int8, next_update_at_s = $6::int8,"
    " status_seq = $7::int8, lease_owner = NULL, lease_until_at_s = 0"
    " WHERE issuer = $1::bytea AND shard = $2::int2 AND lease_owner = $3::text"
    " AND number = $4::int8");

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

/* $1 after seq, $2 how many */
static const struct stmt STATUS_CHANGES = STMT("crl_status_changes", 2, 2,
    "SELECT issuer, max(seq) FROM status_change WHERE seq > $1::int8 GROUP BY issuer"
    " LIMIT $2::int4");

static const struct stmt *const STATEMENTS[] = {
    &CRL_ENSURE,
    &CRL_LIST,
    &CRL_GET,
    &CRL_LEASE,
    &CRL_KEEP,
    &CRL_SNAPSHOT,
    &STATUS_HEAD_READ,
    &REVOCATIONS_PAGE,
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
		out[i].this_update_s = rows_int(rows, i, 2);
		out[i].next_update_s = rows_int(rows, i, 3);
		out[i].status_seq = rows_int(rows, i, 4);
	}
	*out_count = rows_count(rows);
	return true;
}

bool
crl_store_get(
    struct db *db, struct crl_key key, struct crl_row *out, struct buf *out_der, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_key(&params, key);
	if (!db_query(db, &CRL_GET, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "there is no such CRL yet");
	memcpy(out->issuer, key.issuer, ISSUER_ID_BYTES);
	out->shard = key.shard;
	out->this_update_s = rows_int(rows, 0, 0);
	out->next_update_s = rows_int(rows, 0, 1);
	out->status_seq = rows_int(rows, 0, 2);
	buf_append(out_der, rows_bytes(rows, 0, 3));
	return true;
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
	if (!db_query(db, &CRL_LEASE, &params, &rows, err))
		return false;
	*out = (struct crl_lease){0};
	if (rows_count(rows) == 1) {
		out->number = (uint64_t)rows_int(rows, 0, 0);
		out->last_this_update_s = rows_int(rows, 0, 1);
	}
	return true;
}

bool
crl_store_keep(struct db *db, const struct crl_row *row, uint64_t number, const char *node,
    struct bytes der, bool *out_kept, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	bind_key(&params, (struct crl_key){row->issuer, row->shard});
	params_text(&params, node);
	params_int8(&params, (int64_t)number);
	params_int8(&params, row->this_update_s);
	params_int8(&params, row->next_update_s);
	params_int8(&params, row->status_seq);
	params_bytea(&params, der);
	if (!db_query(db, &CRL_KEEP, &params, &rows, err))
		return false;
	*out_kept = rows_affected(rows) == 1;
	return true;
}

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
		memcpy(out[i].issuer, rows_bytes(rows, i, 0).data, ISSUER_ID_BYTES);
		out[i].seq = rows_int(rows, i, 1);
	}
	*out_count = rows_count(rows);
	return true;
}
