#include "audit/export_store.h"

#include <stdio.h>

#define COLUMNS                                                                                   \
	" e.id, e.node, e.actor, e.log, l.origin, e.size, e.after_seq, e.leaves_max, e.from_s,"   \
	" e.to_s, e.event, e.code, e.leaf_actor, e.state, e.next_seq, e.leaf_count, e.first_seq," \
	" e.last_seq, e.last_st_s, e.leaves_len, e.csv_len, e.tiles_len, e.archive_len,"          \
	" e.archive_sha256, e.failure, e.detail, e.created_at_s, e.finished_at_s"
#define FROM " FROM audit_export AS e JOIN audit_log AS l ON l.id = e.log"
enum column {
	ID,
	NODE,
	ACTOR,
	LOG,
	ORIGIN,
	SIZE,
	AFTER,
	LEAVES_MAX,
	FROM_S,
	TO_S,
	EVENT,
	CODE,
	LEAF_ACTOR,
	STATE,
	NEXT,
	LEAF_COUNT,
	FIRST,
	LAST,
	LAST_ST,
	LEAVES_LEN,
	CSV_LEN,
	TILES_LEN,
	ARCHIVE_LEN,
	ARCHIVE_SHA256,
	FAILURE,
	DETAIL,
	CREATED_AT,
	FINISHED_AT,
	COLUMN_COUNT
};

/* $1 node */
static const struct stmt COUNT_OF_NODE =
    STMT("export_count", 1, 1, "SELECT count(*) FROM audit_export WHERE node = $1::text");

/* $1 id, $2 node, $3 actor, $4 log, $5 size, $6 note, $7 after, $8 limit, $9 from, $10 to, $11 ev,
 * $12 rc, $13 act, $14 now */
static const struct stmt INSERT = STMT("export_insert", 14, 0,
    "INSERT INTO audit_export (id, node, actor, log, size, note, after_seq, leaves_max, from_s,"
    " to_s, event, code, leaf_actor, created_at_s)"
    " VALUES ($1::text, $2::text, $3::text, $4::int2, $5::int8, $6::bytea, $7::int8, $8::int8,"
    " $9::int8, $10::int8, $11::text, $12::text, $13::text, $14::int8)");

/* $1 id */
static const struct stmt READ =
    STMT("export_read", 1, COLUMN_COUNT, "SELECT" COLUMNS FROM " WHERE e.id = $1::text");

/* $1 how many */
static const struct stmt LIST = STMT("export_list", 1, COLUMN_COUNT,
    "SELECT" COLUMNS FROM " ORDER BY e.created_at_s DESC, e.id LIMIT $1::int8");

/* $1 node */
static const struct stmt NEXT_TO_RUN = STMT("export_next", 1, COLUMN_COUNT + 1,
    "SELECT" COLUMNS ", e.note" FROM " WHERE e.node = $1::text AND e.state = 'running'"
    " ORDER BY e.created_at_s, e.id LIMIT 1");

/* $1 id, $2 next, $3 count, $4 first, $5 last, $6 last st, $7 to $9 lengths */
static const struct stmt PROGRESS = STMT("export_progress", 9, 1,
    "UPDATE audit_export SET next_seq = $2::int8, leaf_count = $3::int8, first_seq = $4::int8,"
    " last_seq = $5::int8, last_st_s = $6::int8, leaves_len = $7::int8, csv_len = $8::int8,"
    " tiles_len = $9::int8 WHERE id = $1::text AND state = 'running' RETURNING id");

/* $1 id, $2 length, $3 sha256, $4 now */
static const struct stmt DONE = STMT("export_done", 4, 0,
    "UPDATE audit_export SET state = 'done', archive_len = $2::int8, archive_sha256 = $3::bytea,"
    " finished_at_s = $4::int8 WHERE id = $1::text AND state = 'running'");

/* $1 id, $2 code, $3 detail, $4 now */
static const struct stmt FAILED = STMT("export_failed", 4, 0,
    "UPDATE audit_export SET state = 'failed', failure = $2::text, detail = $3::text,"
    " finished_at_s = $4::int8 WHERE id = $1::text AND state = 'running'");

/* $1 id */
static const struct stmt REMOVE =
    STMT("export_remove", 1, 1, "DELETE FROM audit_export WHERE id = $1::text RETURNING id");

/* $1 node, $2 ended */
static const struct stmt EXPIRE = STMT("export_expire", 2, 0,
    "DELETE FROM audit_export WHERE node = $1::text AND finished_at_s <= $2::int8");

/* $1 node */
static const struct stmt IDS = STMT("export_ids", 1, 3,
    "SELECT id, state, coalesce(archive_len, 0) FROM audit_export WHERE node = $1::text");

static const struct stmt *const STATEMENTS[] = {&COUNT_OF_NODE, &INSERT, &READ, &LIST, &NEXT_TO_RUN,
    &PROGRESS, &DONE, &FAILED, &REMOVE, &EXPIRE, &IDS, NULL};

const struct stmt *const *
export_statements(void)
{
	return STATEMENTS;
}

/* ---- a row ---- */

static int64_t
number_or_none(const struct rows *rows, size_t row, enum column column)
{
	return rows_null(rows, row, (int)column) ? -1 : rows_int(rows, row, (int)column);
}

static void
text_or_empty(const struct rows *rows, size_t row, enum column column, char *out, size_t out_len)
{
	out[0] = '\0';
	if (!rows_null(rows, row, (int)column))
		rows_text(rows, row, (int)column, out, out_len);
}

static enum export_state
state_of(struct bytes text)
{
	if (bytes_equal(text, bytes_of_text("done")))
		return EXPORT_DONE;
	return bytes_equal(text, bytes_of_text("failed")) ? EXPORT_FAILED : EXPORT_RUNNING;
}

static void
fill_progress(const struct rows *rows, size_t row, struct export_progress *out)
{
	*out = (struct export_progress){.next = (uint64_t)rows_int(rows, row, NEXT),
	    .count = rows_int(rows, row, LEAF_COUNT),
	    .first = rows_int(rows, row, FIRST),
	    .last = rows_int(rows, row, LAST),
	    .last_st_s = rows_int(rows, row, LAST_ST),
	    .leaves_len = (uint64_t)rows_int(rows, row, LEAVES_LEN),
	    .csv_len = (uint64_t)rows_int(rows, row, CSV_LEN),
	    .tiles_len = (uint64_t)rows_int(rows, row, TILES_LEN)};
}

static void
fill(const struct rows *rows, size_t row, struct export_job *out)
{
	const struct bytes hash = rows_bytes(rows, row, ARCHIVE_SHA256);

	*out = (struct export_job){.log = (int)rows_int(rows, row, LOG),
	    .size = rows_int(rows, row, SIZE),
	    .state = state_of(rows_bytes(rows, row, STATE)),
	    .scope = {.after = number_or_none(rows, row, AFTER),
		.limit = number_or_none(rows, row, LEAVES_MAX),
		.from_s = number_or_none(rows, row, FROM_S),
		.to_s = number_or_none(rows, row, TO_S)},
	    .created_at_s = rows_int(rows, row, CREATED_AT),
	    .finished_at_s = rows_int(rows, row, FINISHED_AT)};
	rows_text(rows, row, ID, out->id, sizeof out->id);
	rows_text(rows, row, NODE, out->node, sizeof out->node);
	rows_text(rows, row, ACTOR, out->actor, sizeof out->actor);
	rows_text(rows, row, ORIGIN, out->origin, sizeof out->origin);
	text_or_empty(rows, row, EVENT, out->scope.event, sizeof out->scope.event);
	text_or_empty(rows, row, CODE, out->scope.code, sizeof out->scope.code);
	text_or_empty(rows, row, LEAF_ACTOR, out->scope.actor, sizeof out->scope.actor);
	text_or_empty(rows, row, FAILURE, out->failure, sizeof out->failure);
	text_or_empty(rows, row, DETAIL, out->detail, sizeof out->detail);
	fill_progress(rows, row, &out->progress);
	out->result.len = (uint64_t)rows_int(rows, row, ARCHIVE_LEN);
	if (hash.len == SHA256_BYTES)
		memcpy(out->result.sha256, hash.data, SHA256_BYTES);
}

/* ---- statements ---- */

static void
put_number(struct params *params, int64_t number)
{
	if (number < 0)
		params_null(params);
	else
		params_int8(params, number);
}

static void
put_text(struct params *params, const char *text)
{
	params_text(params, text[0] == '\0' ? NULL : text);
}

bool
export_store_count(struct tx *tx, const char *node, int64_t *out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, node);
	if (!tx_query(tx, &COUNT_OF_NODE, &params, &rows, err))
		return false;
	*out = rows_int(rows, 0, 0);
	return true;
}

bool
export_store_insert(
    struct tx *tx, const struct export_job *job, struct bytes note, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, job->id);
	params_text(&params, job->node);
	params_text(&params, job->actor);
	params_int2(&params, (int16_t)job->log);
	params_int8(&params, job->size);
	params_bytea(&params, note);
	put_number(&params, job->scope.after);
	put_number(&params, job->scope.limit);
	put_number(&params, job->scope.from_s);
	put_number(&params, job->scope.to_s);
	put_text(&params, job->scope.event);
	put_text(&params, job->scope.code);
	put_text(&params, job->scope.actor);
	params_int8(&params, job->created_at_s);
	return tx_run(tx, &INSERT, &params, err);
}

bool
export_store_read(
    struct db *db, const char *id, struct export_job *out, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	if (!db_query(db, &READ, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (*out_found)
		fill(rows, 0, out);
	return true;
}

bool
export_store_list(struct db *db, struct export_job out[static EXPORT_LIST_MAX], size_t *out_count,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int8(&params, EXPORT_LIST_MAX);
	if (!db_query(db, &LIST, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++)
		fill(rows, i, &out[i]);
	*out_count = rows_count(rows);
	return true;
}

bool
export_store_next(struct db *db, const char *node, struct export_job *out, struct buf *out_note,
    bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, node);
	if (!db_query(db, &NEXT_TO_RUN, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	if (*out_found) {
		fill(rows, 0, out);
		buf_append(out_note, rows_bytes(rows, 0, COLUMN_COUNT));
	}
	return true;
}

bool
export_store_progress(struct db *db, const char *id, const struct export_progress *progress,
    bool *out_there, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	params_int8(&params, (int64_t)progress->next);
	params_int8(&params, progress->count);
	params_int8(&params, progress->first);
	params_int8(&params, progress->last);
	params_int8(&params, progress->last_st_s);
	params_int8(&params, (int64_t)progress->leaves_len);
	params_int8(&params, (int64_t)progress->csv_len);
	params_int8(&params, (int64_t)progress->tiles_len);
	if (!db_query(db, &PROGRESS, &params, &rows, err))
		return false;
	*out_there = rows_count(rows) == 1;
	return true;
}

bool
export_store_done(struct db *db, const char *id, const struct export_result *result, int64_t now_s,
    struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	params_int8(&params, (int64_t)result->len);
	params_bytea(&params, bytes_of(result->sha256, SHA256_BYTES));
	params_int8(&params, now_s);
	return db_query(db, &DONE, &params, &rows, err);
}

bool
export_store_failed(
    struct db *db, const char *id, const struct error *why, int64_t now_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	params_text(&params, error_info(why->code)->name);
	params_text(&params, why->detail);
	params_int8(&params, now_s);
	return db_query(db, &FAILED, &params, &rows, err);
}

bool
export_store_remove(struct db *db, const char *id, bool *out_found, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, id);
	if (!db_query(db, &REMOVE, &params, &rows, err))
		return false;
	*out_found = rows_count(rows) == 1;
	return true;
}

bool
export_store_expire(struct db *db, const char *node, int64_t ended_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, node);
	params_int8(&params, ended_s);
	return db_query(db, &EXPIRE, &params, &rows, err);
}

bool
export_store_ids(struct db *db, const char *node, struct rows **out_ids, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, node);
	return db_query(db, &IDS, &params, out_ids, err);
}
