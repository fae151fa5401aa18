#include "audit/logs_store.h"

/* $1 origin, $2 public key, $3 now */
static const struct stmt LOG_INSERT = STMT("audit_log_insert", 3, 0,
    "INSERT INTO audit_log (origin, public_key, opened_at_s)"
    " VALUES ($1::text, $2::bytea, $3::int8)");

/* $1 origin */
static const struct stmt LOGS_LOCK = STMT("audit_logs_lock", 1, 4,
    "SELECT origin = $1::text, size, last_st_at_s, gone_at_s FROM audit_log ORDER BY id FOR "
    "UPDATE");

/*
 * $1 origin, $2 now. The fence knows the owner that was. signed_head: so that the search for what
 * is unsigned ends one day.
 */
static const struct stmt LOG_GONE = STMT("audit_log_gone", 2, 0,
    "WITH gone AS (UPDATE audit_log SET gone_at_s = $2::int8, owner = owner + 1"
    "  WHERE origin = $1::text AND gone_at_s IS NULL RETURNING id)"
    " INSERT INTO signed_head (log, seq) SELECT id, 0 FROM gone ON CONFLICT DO NOTHING");

static const struct stmt *const STATEMENTS[] = {
    &LOG_INSERT,
    &LOGS_LOCK,
    &LOG_GONE,
    NULL,
};

const struct stmt *const *
logs_statements(void)
{
	return STATEMENTS;
}

bool
logs_insert(struct tx *tx, const char *origin, const uint8_t public_key[static 32], int64_t now_s,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, origin);
	params_bytea(&params, bytes_of(public_key, 32));
	params_int8(&params, now_s);
	return tx_run(tx, &LOG_INSERT, &params, err);
}

bool
logs_lock(struct tx *tx, const char *origin, struct logs_row *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	*out = (struct logs_row){0};
	params_text(&params, origin);
	if (!tx_query(tx, &LOGS_LOCK, &params, &rows, err))
		return false;
	for (size_t row = 0; row < rows_count(rows); row++) {
		const bool retired = !rows_null(rows, row, 3);

		if (!rows_bool(rows, row, 0)) {
			out->live += retired ? 0 : 1;
			continue;
		}
		out->found = true;
		out->retired = retired;
		out->size = rows_int(rows, row, 1);
		out->last_st_s = rows_int(rows, row, 2);
		out->gone_at_s = rows_int(rows, row, 3);
	}
	return true;
}

bool
logs_set_gone(struct tx *tx, const char *origin, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, origin);
	params_int8(&params, now_s);
	return tx_run(tx, &LOG_GONE, &params, err);
}
