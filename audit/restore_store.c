#include "audit/restore_store.h"

#include "base/buf.h"

/* $1 origin */
static const struct stmt LOG_LOCK = STMT("restore_log_lock", 1, 3,
    "SELECT id, size, gone_at_s IS NOT NULL FROM audit_log WHERE origin = $1::text FOR UPDATE");

/* $1 log, $2 seq */
static const struct stmt LEAF_READ = STMT("restore_leaf_read", 2, 1,
    "SELECT body FROM audit_leaf WHERE log = $1::int2 AND seq = $2::int8");

/* $1 log, $2 seq */
static const struct stmt PARTITION_ENSURE = STMT(
    "restore_partition_ensure", 2, 1, "SELECT audit_partition_ensure($1::int2, $2::int8) IS NULL");

/* $1 log, $2 first seq, $3 bodies */
static const struct stmt LEAVES_INSERT = STMT("restore_leaves_insert", 3, 0,
    "INSERT INTO audit_leaf (log, seq, body) SELECT $1::int2, $2::int8 + leaf.i - 1, leaf.body"
    " FROM unnest($3::bytea[]) WITH ORDINALITY AS leaf(body, i)");

/* $1 log, $2 size, $3 st of the newest leaf. Whoever had the log has it no longer. */
static const struct stmt LOG_ADVANCE = STMT("restore_log_advance", 3, 0,
    "UPDATE audit_log SET size = $2::int8, last_st_at_s = $3::int8, owner = owner + 1"
    " WHERE id = $1::int2");

static const struct stmt TOKENS_END =
    STMT("restore_tokens_end", 0, 0, "UPDATE token SET state = 'burnt' WHERE state = 'free'");

/* $1 now */
static const struct stmt BATCHES_END = STMT("restore_batches_end", 1, 0,
    "UPDATE batch SET closed_at_s = $1::int8 WHERE closed_at_s IS NULL"
    " AND (closes_at_s IS NULL OR closes_at_s > $1::int8)");

static const struct stmt *const STATEMENTS[] = {
    &LOG_LOCK,
    &LEAF_READ,
    &PARTITION_ENSURE,
    &LEAVES_INSERT,
    &LOG_ADVANCE,
    &TOKENS_END,
    &BATCHES_END,
    NULL,
};

const struct stmt *const *
restore_statements(void)
{
	return STATEMENTS;
}

bool
restore_lock(struct tx *tx, const char *origin, struct restore_head *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	*out = (struct restore_head){0};
	params_text(&params, origin);
	if (!tx_query(tx, &LOG_LOCK, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	out->id = (int)rows_int(rows, 0, 0);
	out->size = rows_int(rows, 0, 1);
	out->retired = rows_bool(rows, 0, 2);
	return true;
}

bool
restore_last_leaf(
    struct tx *tx, const struct restore_head *head, struct buf *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)head->id);
	params_int8(&params, head->size - 1);
	if (!tx_query(tx, &LEAF_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) > 0)
		buf_append(out, rows_bytes(rows, 0, 0));
	return true;
}

bool
restore_put(struct tx *tx, int log, int64_t first_seq, const struct bytes *leaves, size_t count,
    struct error *err)
{
	DEFER(params_clear) struct params part = {0};
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *ensured = NULL;

	params_int2(&part, (int16_t)log);
	params_int8(&part, first_seq);
	params_int2(&params, (int16_t)log);
	params_int8(&params, first_seq);
	params_bytea_array(&params, leaves, count);
	return tx_query(tx, &PARTITION_ENSURE, &part, &ensured, err) &&
	       tx_run(tx, &LEAVES_INSERT, &params, err);
}

bool
restore_advance(struct tx *tx, int log, int64_t size, int64_t last_st_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)log);
	params_int8(&params, size);
	params_int8(&params, last_st_s);
	return tx_run(tx, &LOG_ADVANCE, &params, err);
}

static bool
run_counted(struct tx *tx, const struct stmt *stmt, const struct params *params, int64_t *out_count,
    struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!tx_query(tx, stmt, params, &rows, err))
		return false;
	*out_count = (int64_t)rows_affected(rows);
	return true;
}

bool
restore_end_tokens(struct tx *tx, int64_t *out_count, struct error *err)
{
	return run_counted(tx, &TOKENS_END, NULL, out_count, err);
}

bool
restore_end_batches(struct tx *tx, int64_t now_s, int64_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, now_s);
	return run_counted(tx, &BATCHES_END, &params, out_count, err);
}
