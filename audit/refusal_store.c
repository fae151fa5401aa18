#include "audit/refusal_store.h"

#include "audit/refusal.h"
#include "base/mem.h"

/* $1 log, $2 windows, $3 events, $4 codes, $5 actors, $6 counts */
static const struct stmt WINDOW_ADD = STMT("refusal_window_add", 6, 0,
    "INSERT INTO refusal_window AS w (log, window_at_s, event, code, actor, refused_count)"
    " SELECT $1::int2, u.* FROM unnest($2::int8[], $3::text[], $4::text[], $5::text[], $6::int8[])"
    " AS u(window_at_s, event, code, actor, refused_count)"
    " ON CONFLICT (log, window_at_s, event, code, actor)"
    " DO UPDATE SET refused_count = w.refused_count + excluded.refused_count");

/* $1 origin, $2 before when the window began, $3 how many */
static const struct stmt WINDOW_LIST = STMT("refusal_window_list", 3, 4,
    "SELECT w.window_at_s, w.event, w.code, w.actor FROM refusal_window AS w"
    " JOIN audit_log AS l ON l.id = w.log WHERE l.origin = $1::text AND w.window_at_s < $2::int8"
    " ORDER BY w.window_at_s, w.event, w.code, w.actor LIMIT $3::int8");

/* $1 log, $2 window, $3 event, $4 code, $5 actor */
static const struct stmt WINDOW_TAKE = STMT("refusal_window_take", 5, 1,
    "DELETE FROM refusal_window WHERE log = $1::int2 AND window_at_s = $2::int8"
    " AND event = $3::text AND code = $4::text AND actor = $5::text RETURNING refused_count");

static const struct stmt *const STATEMENTS[] = {
    &WINDOW_ADD,
    &WINDOW_LIST,
    &WINDOW_TAKE,
    NULL,
};

const struct stmt *const *
refusal_statements(void)
{
	return STATEMENTS;
}

bool
refusal_window_add(
    struct tx *tx, int log, const struct refusal_count *counts, size_t count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(mem_free) int64_t *numbers = xcalloc(2 * count, sizeof *numbers);
	DEFER(mem_free) struct bytes *texts = xcalloc(3 * count, sizeof *texts);

	for (size_t i = 0; i < count; i++) {
		numbers[i] = counts[i].key.window_at_s;
		numbers[count + i] = counts[i].count;
		texts[i] = bytes_of_text(counts[i].key.event);
		texts[count + i] = bytes_of_text(counts[i].key.code);
		texts[2 * count + i] = bytes_of_text(counts[i].key.actor);
	}
	params_int2(&params, (int16_t)log);
	params_int8_array(&params, numbers, count);
	params_text_array(&params, texts, count);
	params_text_array(&params, texts + count, count);
	params_text_array(&params, texts + 2 * count, count);
	params_int8_array(&params, numbers + count, count);
	return tx_run(tx, &WINDOW_ADD, &params, err);
}

bool
refusal_window_list(struct db *db, const char *origin, int64_t before_s, struct refusal_key *out,
    size_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_text(&params, origin);
	params_int8(&params, before_s);
	params_int8(&params, REFUSAL_LIST_MAX);
	if (!db_query(db, &WINDOW_LIST, &params, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		out[i].window_at_s = rows_int(rows, i, 0);
		rows_text(rows, i, 1, out[i].event, sizeof out[i].event);
		rows_text(rows, i, 2, out[i].code, sizeof out[i].code);
		rows_text(rows, i, 3, out[i].actor, sizeof out[i].actor);
	}
	*out_count = rows_count(rows);
	return true;
}

bool
refusal_window_take(
    struct tx *tx, int log, const struct refusal_key *key, int64_t *out_count, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	params_int2(&params, (int16_t)log);
	params_int8(&params, key->window_at_s);
	params_text(&params, key->event);
	params_text(&params, key->code);
	params_text(&params, key->actor);
	if (!tx_query(tx, &WINDOW_TAKE, &params, &rows, err))
		return false;
	*out_count = rows_count(rows) == 0 ? 0 : rows_int(rows, 0, 0);
	return true;
}
