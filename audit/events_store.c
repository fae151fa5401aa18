#include "audit/events_store.h"

#include "audit/events.h"

/* $1 how many */
static const struct stmt LOGS_READ = STMT("events_logs_read", 1, 4,
    "SELECT id, origin, size, public_key FROM audit_log ORDER BY id LIMIT $1::int8");

/* $1 log, $2 after, $3 size, $4 how many */
static const struct stmt LEAVES_READ = STMT("events_leaves_read", 4, 2,
    "SELECT seq, body FROM audit_leaf WHERE log = $1::int2 AND seq > $2::int8 AND seq < $3::int8"
    " ORDER BY seq LIMIT $4::int8");

static const struct stmt *const STATEMENTS[] = {
    &LOGS_READ,
    &LEAVES_READ,
    NULL,
};

const struct stmt *const *
events_statements(void)
{
	return STATEMENTS;
}

bool
events_read_logs(struct db *db, size_t max, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, (int64_t)max);
	return db_query(db, &LOGS_READ, &params, out, err);
}

bool
events_read_leaves(struct db *db, int log, int64_t after, int64_t size, int64_t max,
    struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int2(&params, (int16_t)log);
	params_int8(&params, after);
	params_int8(&params, size);
	params_int8(&params, max);
	return db_query(db, &LEAVES_READ, &params, out, err);
}
