#include "audit/retention_store.h"

#include <stdio.h>

#define BRIEFLY_MS "200"

/* $1 origin. Not locked: a log only grows, and its writer has the row when it wants audit_leaf. */
static const struct stmt LOG_FIND = STMT("retention_log_find", 1, 3,
    "SELECT id, size, public_key FROM audit_log WHERE origin = $1::text");

/* $1 table, $2 log, $3 from part, $4 to before part */
static const struct stmt PART_FIRST = STMT("retention_part_first", 4, 1,
    "SELECT min(n) FROM generate_series($3::int8, $4::int8 - 1) AS n"
    " WHERE to_regclass(format('%s_%s_%s', $1::text, $2::int2, n)) IS NOT NULL");

/* $1 log, $2 seq */
static const struct stmt LEAF_READ = STMT("retention_leaf_read", 2, 1,
    "SELECT body FROM audit_leaf WHERE log = $1::int2 AND seq = $2::int8");

/* $1 table, $2 log, $3 part */
static const struct stmt PART_DROP =
    STMT("retention_part_drop", 3, 1, "SELECT audit_prune($1::text, $2::int2, $3::int8) IS NULL");

/* $1 log */
static const struct stmt HOLD_FIND = STMT("retention_hold_find", 1, 1,
    "SELECT name FROM legal_hold WHERE released_at_s IS NULL AND (log IS NULL OR log = $1::int2)"
    " ORDER BY id LIMIT 1");

/* $1 name, $2 origin ("": all), $3 now, $4 by whom */
static const struct stmt HOLD_INSERT = STMT("retention_hold_insert", 4, 1,
    "INSERT INTO legal_hold (name, log, placed_at_s, placed_by)"
    " SELECT $1::text, (SELECT id FROM audit_log WHERE origin = $2::text), $3::int8, $4::text"
    " WHERE $2::text = '' OR EXISTS (SELECT FROM audit_log WHERE origin = $2::text)"
    " ON CONFLICT (name) WHERE released_at_s IS NULL DO NOTHING RETURNING 1");

/* $1 name, $2 now, $3 by whom */
static const struct stmt HOLD_RELEASE = STMT("retention_hold_release", 3, 1,
    "UPDATE legal_hold SET released_at_s = $2::int8, released_by = $3::text"
    " WHERE name = $1::text AND released_at_s IS NULL RETURNING 1");

/* $1 how many */
static const struct stmt HOLDS = STMT("retention_holds", 1, 4,
    "SELECT h.name, coalesce(l.origin, ''), coalesce(h.placed_by, ''), h.placed_at_s"
    " FROM legal_hold AS h LEFT JOIN audit_log AS l ON l.id = h.log"
    " WHERE h.released_at_s IS NULL ORDER BY h.id LIMIT $1::int8");

/* $1 setting, $2 milliseconds: until the end of the transaction */
static const struct stmt SET_TIMEOUT =
    STMT("retention_set_timeout", 2, 1, "SELECT set_config($1::text, $2::text, true)");

static const struct stmt *const STATEMENTS[] = {
    &LOG_FIND,
    &PART_FIRST,
    &LEAF_READ,
    &PART_DROP,
    &SET_TIMEOUT,
    &HOLD_FIND,
    &HOLD_INSERT,
    &HOLD_RELEASE,
    &HOLDS,
    NULL,
};

const struct stmt *const *
retention_statements(void)
{
	return STATEMENTS;
}

static const char *
table_of(enum retention_what what)
{
	return what == RETENTION_BLOBS ? "audit_blob" : "audit_leaf";
}

bool
retention_find_log(struct tx *tx, const char *origin, struct retention_log *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes key;

	*out = (struct retention_log){0};
	params_text(&params, origin);
	if (!tx_query(tx, &LOG_FIND, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return true;
	out->id = (int)rows_int(rows, 0, 0);
	out->size = rows_int(rows, 0, 1);
	key = rows_bytes(rows, 0, 2);
	if (key.len != sizeof out->public_key)
		return error_set(err, E_INTERNAL, "the log's key is none");
	memcpy(out->public_key, key.data, key.len);
	return true;
}

static bool
find_part(struct tx *tx, const struct retention_log *log, enum retention_what what, int64_t from,
    int64_t to, int64_t *out_part, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, table_of(what));
	params_int2(&params, (int16_t)log->id);
	params_int8(&params, from);
	params_int8(&params, to);
	if (!tx_query(tx, &PART_FIRST, &params, &rows, err))
		return false;
	*out_part = rows_null(rows, 0, 0) ? -1 : rows_int(rows, 0, 0);
	return true;
}

/* The last leaf of a log is never dropped: its part is not full, or not the last one. */
static int64_t
full_parts(const struct retention_log *log)
{
	return log->size > 0 ? (log->size - 1) / RETENTION_PART_LEAVES : 0;
}

bool
retention_first_part(struct tx *tx, const struct retention_log *log, enum retention_what what,
    int64_t *out_part, struct error *err)
{
	return find_part(tx, log, what, 0, full_parts(log), out_part, err);
}

bool
retention_has_part(struct tx *tx, const struct retention_log *log, enum retention_what what,
    int64_t part, bool *out, struct error *err)
{
	int64_t found = -1;

	if (part < full_parts(log) && !find_part(tx, log, what, part, part + 1, &found, err))
		return false;
	*out = found == part;
	return true;
}

bool
retention_read_leaf(struct tx *tx, int log, int64_t seq, struct buf *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)log);
	params_int8(&params, seq);
	if (!tx_query(tx, &LEAF_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) > 0)
		buf_append(out, rows_bytes(rows, 0, 0));
	return true;
}

bool
retention_drop(struct tx *tx, int log, enum retention_what what, int64_t part, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, table_of(what));
	params_int2(&params, (int16_t)log);
	params_int8(&params, part);
	return tx_run(tx, &PART_DROP, &params, err);
}

bool
retention_find_hold(
    struct tx *tx, int log, char out_name[static RETENTION_NAME_MAX + 1], struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes name = {0};

	params_int2(&params, (int16_t)log);
	if (!tx_query(tx, &HOLD_FIND, &params, &rows, err))
		return false;
	if (rows_count(rows) > 0)
		name = rows_bytes(rows, 0, 0);
	(void)snprintf(out_name, RETENTION_NAME_MAX + 1, "%.*s", (int)name.len,
	    name.len > 0 ? (const char *)name.data : "");
	return true;
}

static bool
set_timeout(struct tx *tx, const char *setting, const char *ms, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, setting);
	params_text(&params, ms);
	return tx_query(tx, &SET_TIMEOUT, &params, &rows, err);
}

bool
retention_take_time(struct tx *tx, struct error *err)
{
	return set_timeout(tx, "statement_timeout", "0", err);
}

bool
retention_wait_briefly(struct tx *tx, struct error *err)
{
	return set_timeout(tx, "lock_timeout", BRIEFLY_MS, err);
}

bool
retention_insert_hold(
    struct tx *tx, const struct hold *hold, int64_t now_s, bool *out_placed, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, hold->name);
	params_text(&params, hold->origin);
	params_int8(&params, now_s);
	params_text(&params, hold->actor);
	if (!tx_query(tx, &HOLD_INSERT, &params, &rows, err))
		return false;
	*out_placed = rows_count(rows) > 0;
	return true;
}

bool
retention_release_hold(struct tx *tx, const char *name, const char *actor, int64_t now_s,
    bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, name);
	params_int8(&params, now_s);
	params_text(&params, actor);
	if (!tx_query(tx, &HOLD_RELEASE, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) > 0;
	return true;
}

bool
retention_holds(struct tx *tx, struct hold out[static RETENTION_HOLDS_MAX], size_t *out_count,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, RETENTION_HOLDS_MAX);
	if (!tx_query(tx, &HOLDS, &params, &rows, err))
		return false;
	*out_count = rows_count(rows);
	for (size_t i = 0; i < *out_count; i++) {
		rows_text(rows, i, 0, out[i].name, sizeof out[i].name);
		rows_text(rows, i, 1, out[i].origin, sizeof out[i].origin);
		rows_text(rows, i, 2, out[i].actor, sizeof out[i].actor);
		out[i].placed_at_s = rows_int(rows, i, 3);
	}
	return true;
}
