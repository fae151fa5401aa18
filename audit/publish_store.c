#include "audit/publish_store.h"

#include "audit/events_store.h"

#define READ_AT_ONCE 2048 /* leaves in one statement: 4 MiB at most */

/* $1 origin */
static const struct stmt LOG_READ =
    STMT("publish_log_read", 1, 2, "SELECT id, public_key FROM audit_log WHERE origin = $1::text");

static const struct stmt *const STATEMENTS[] = {
    &LOG_READ,
    NULL,
};

const struct stmt *const *
publish_statements(void)
{
	return STATEMENTS;
}

static bool
read_key(void *context, const char *origin, struct note_key *out, struct error *err)
{
	struct publish_leaves *leaves = context;
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	struct bytes key;

	params_text(&params, origin);
	if (!db_query(leaves->db, &LOG_READ, &params, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "the database has no such log");
	leaves->log = (int)rows_int(rows, 0, 0);
	key = rows_bytes(rows, 0, 1);
	if (key.len != NOTE_PUBLIC_BYTES)
		return error_set(err, E_INTERNAL, "the log's key is none");
	return note_key_init(out, origin, key.data, err);
}

/* One statement's worth; *inout_from is where the next goes on. */
static bool
read_some(const struct publish_leaves *leaves, uint64_t *inout_from, uint64_t to, tiles_take take,
    void *taker, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!events_read_leaves(leaves->db, leaves->log, (int64_t)*inout_from - 1, (int64_t)to,
		READ_AT_ONCE, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		*inout_from = (uint64_t)rows_int(rows, i, 0) + 1;
		if (!take(taker, *inout_from - 1, rows_bytes(rows, i, 1), err))
			return false;
	}
	if (rows_count(rows) == 0)
		*inout_from = to; /* who counts them finds that they end too early */
	return true;
}

static bool
read_leaves(
    void *context, uint64_t from, uint64_t to, tiles_take take, void *taker, struct error *err)
{
	while (from < to)
		if (!read_some(context, &from, to, take, taker, err))
			return false;
	return true;
}

struct tiles_source
publish_source(struct publish_leaves *leaves)
{
	return (struct tiles_source){leaves, read_key, read_leaves};
}
