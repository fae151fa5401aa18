#include "audit/logs_store.h"

#include "audit/outbox.h"

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

/* $1 origin */
static const struct stmt LOG_BEFORE = STMT("audit_log_before", 1, 4,
    "SELECT l.size, b.origin, b.size, b.public_key FROM audit_log AS l"
    " LEFT JOIN audit_log AS b ON b.id = l.follows WHERE l.origin = $1::text");

/* $1 log, $2 size of the one before, $3 now */
static const struct stmt LOG_CONTINUE = STMT(
    "audit_log_continue", 3, 1, "SELECT log_continue($1::int8::int2, $2::int8, $3::int8) IS NULL");

/* $1 origin */
static const struct stmt LOG_NEXT = STMT("audit_log_next", 1, 1,
    "SELECT n.origin FROM audit_log AS n JOIN audit_log AS l ON n.follows = l.id"
    " WHERE l.origin = $1::text AND n.size = 0");

/* $1 origin, $2 the one before */
static const struct stmt LOG_FOLLOWS = STMT("audit_log_follows", 2, 0,
    "UPDATE audit_log SET follows = (SELECT id FROM audit_log WHERE origin = $2::text)"
    " WHERE origin = $1::text");

/* $1 the octets of its subject */
static const struct stmt LOG_WAITING = STMT("audit_log_waiting", 1, 1,
    "SELECT count(*) FROM audit_outbox WHERE position($1::bytea IN tail) > 0");

static const struct stmt *const STATEMENTS[] = {
    &LOG_INSERT,
    &LOGS_LOCK,
    &LOG_GONE,
    &LOG_BEFORE,
    &LOG_CONTINUE,
    &LOG_NEXT,
    &LOG_FOLLOWS,
    &LOG_WAITING,
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

static void
take_text(char *out, size_t room, struct bytes text)
{
	const size_t len = text.len < room ? text.len : room - 1;

	if (len > 0)
		memcpy(out, text.data, len);
	out[len] = '\0';
}

bool
logs_read_before(struct db *db, const char *origin, struct logs_before *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes key;

	*out = (struct logs_before){0};
	params_text(&params, origin);
	if (!db_query(db, &LOG_BEFORE, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "there is no log %s", origin);
	out->own_size = rows_int(rows, 0, 0);
	out->found = !rows_null(rows, 0, 1);
	if (!out->found)
		return true;
	key = rows_bytes(rows, 0, 3);
	take_text(out->origin, sizeof out->origin, rows_bytes(rows, 0, 1));
	out->size = rows_int(rows, 0, 2);
	if (key.len != sizeof out->public_key)
		return error_set(err, E_INTERNAL, "the log's key is none");
	memcpy(out->public_key, key.data, sizeof out->public_key);
	return true;
}

bool
logs_continue(struct tx *tx, int log, int64_t size, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, log);
	params_int8(&params, size);
	params_int8(&params, now_s);
	return tx_query(tx, &LOG_CONTINUE, &params, &rows, err);
}

bool
logs_find_next(struct tx *tx, const char *origin, bool *out_found,
    char out_next[static CHECKPOINT_ORIGIN_MAX + 1], struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, origin);
	if (!tx_query(tx, &LOG_NEXT, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) > 0;
	if (*out_found)
		take_text(out_next, CHECKPOINT_ORIGIN_MAX + 1, rows_bytes(rows, 0, 0));
	return true;
}

bool
logs_set_follows(struct tx *tx, const char *origin, const char *before, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, origin);
	params_text(&params, before);
	return tx_run(tx, &LOG_FOLLOWS, &params, err);
}

bool
logs_count_waiting(struct db *db, const char *name, int64_t *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(buf_clear_public) struct buf subject = {0};

	outbox_subject(name, &subject);
	params_bytea(&params, buf_bytes(&subject));
	if (!db_query(db, &LOG_WAITING, &params, &rows, err))
		return false;
	*out = rows_int(rows, 0, 0);
	return true;
}
