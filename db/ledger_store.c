#include "db/ledger_store.h"
#include "db/ledger_core.h"

/* $1 origin. Locked, so that a take-over can be decided on what it says. */
static const struct stmt LOG_GET = STMT("ledger_log_get", 1, 6,
    "SELECT id, owner, size, last_st_at_s, public_key, gone_at_s IS NOT NULL FROM audit_log"
    " WHERE origin = $1::text FOR UPDATE");

/* $1 origin. From here on the owner before cannot commit. */
static const struct stmt TAKE_OVER = STMT("ledger_take_over", 1, 4,
    "SELECT log, owner, size, last_st_at_s FROM ledger_take_over($1::text)");

/* The one order of all changes of status, on all nodes. */
static const struct stmt STATUS_LOCK =
    STMT("ledger_status_lock", 0, 1, "SELECT seq FROM status_head FOR UPDATE");

/*
 * $1 log, $2 owner, $3 size, $4 `st` of the last leaf, $5 bodies. No leaf is written, and MK001
 * raised, unless owner and size match.
 */
static const struct stmt FENCE = STMT("ledger_fence", 5, 1,
    "WITH fenced AS (UPDATE audit_log"
    "  SET size = size + cardinality($5::bytea[]), last_st_at_s = $4::int8"
    "  WHERE id = $1::int2 AND owner = $2::int8 AND size = $3::int8 RETURNING 1"
    " ), placed AS (INSERT INTO audit_leaf (log, seq, body)"
    "  SELECT $1::int2, $3::int8 + leaf.i - 1, leaf.body"
    "  FROM fenced, unnest($5::bytea[]) WITH ORDINALITY AS leaf(body, i))"
    " SELECT expect_owner(count(*)) IS NULL FROM fenced");

/* $1 log, $2 seq. */
static const struct stmt PARTITION_ENSURE = STMT(
    "ledger_partition_ensure", 2, 1, "SELECT audit_partition_ensure($1::int2, $2::int8) IS NULL");

/* $1 log, $2 first seq, $3 how many. */
static const struct stmt LEAVES_READ = STMT("ledger_leaves_read", 3, 2,
    "SELECT seq, body FROM audit_leaf WHERE log = $1::int2 AND seq >= $2::int8"
    " ORDER BY seq LIMIT $3::int4");

static const struct stmt *const STATEMENTS[] = {
    &LOG_GET,
    &TAKE_OVER,
    &STATUS_LOCK,
    &FENCE,
    &PARTITION_ENSURE,
    &LEAVES_READ,
    NULL,
};

const struct stmt *const *
ledger_statements(void)
{
	return STATEMENTS;
}

bool
ledger_get(struct tx *tx, const char *origin, struct ledger_row *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, origin);
	if (!tx_query(tx, &LOG_GET, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_RECORD_UNAVAILABLE, "the database has no such log");
	*out = (struct ledger_row){.log = (int)rows_int(rows, 0, 0),
	    .owner = rows_int(rows, 0, 1),
	    .size = rows_int(rows, 0, 2),
	    .last_st_s = rows_int(rows, 0, 3),
	    .retired = rows_bool(rows, 0, 5)};
	memcpy(out->public_key, rows_bytes(rows, 0, 4).data, sizeof out->public_key);
	return true;
}

bool
ledger_take_over(struct tx *tx, const char *origin, struct ledger_row *inout, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, origin);
	if (!tx_query(tx, &TAKE_OVER, &params, &rows, err))
		return false;
	inout->owner = rows_int(rows, 0, 1);
	inout->size = rows_int(rows, 0, 2);
	inout->last_st_s = rows_int(rows, 0, 3);
	return true;
}

bool
ledger_queue_status_lock(struct tx *tx, struct error *err)
{
	return tx_queue(tx, &STATUS_LOCK, NULL, err);
}

bool
ledger_queue_fence(struct tx *tx, const struct ledger *ledger, const struct bytes *leaves,
    size_t count, int64_t last_st_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)ledger->log);
	params_int8(&params, ledger->owner);
	params_int8(&params, ledger->size);
	params_int8(&params, last_st_s);
	params_bytea_array(&params, leaves, count);
	return tx_queue(tx, &FENCE, &params, err);
}

bool
ledger_ensure_partition(struct tx *tx, int log, int64_t seq, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)log);
	params_int8(&params, seq);
	return tx_run(tx, &PARTITION_ENSURE, &params, err);
}

bool
ledger_read_leaves(
    struct tx *tx, int log, int64_t from_seq, size_t max, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)log);
	params_int8(&params, from_seq);
	params_int4(&params, (int32_t)max);
	return tx_query(tx, &LEAVES_READ, &params, out, err);
}
