#include "audit/audit_store.h"

#include "audit/audit.h"

/* $1 origin, $2 how many. Before the first of them are those of the log that it continues. */
static const struct stmt LAST_LEAVES = STMT("audit_last_leaves", 2, 1,
    "SELECT f.body FROM audit_log AS o JOIN audit_log AS l ON l.id IN (o.id, o.follows)"
    " JOIN audit_leaf AS f ON f.log = l.id AND f.seq >= l.size - $2::int8 AND f.seq < l.size"
    " WHERE o.origin = $1::text ORDER BY l.id = o.id DESC, f.seq DESC LIMIT $2::int8");

static const struct stmt ASK = STMT("audit_ask", 0, 1, "SELECT 1");

static const struct stmt *const STATEMENTS[] = {
    &ASK,
    &LAST_LEAVES,
    NULL,
};

const struct stmt *const *
audit_statements(void)
{
	return STATEMENTS;
}

bool
audit_ask_database(struct db *db, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;
	struct params none = {0};

	return db_query(db, &ASK, &none, &rows, err);
}

bool
audit_last_leaves(struct db *db, const char *origin, struct rows **out, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_text(&params, origin);
	params_int8(&params, AUDIT_LAST_MAX);
	return db_query(db, &LAST_LEAVES, &params, out, err);
}
