#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/conn.h"
#include "db/pool.h"

struct tx {
	struct db *db; /* NULL: the connection is somebody else's */
	struct conn *conn;
	bool lost_race, begun, failed;
	size_t own; /* queued statements that are ours (BEGIN), not the caller's */
};

static const struct stmt BEGIN = STMT("tx_begin", 0, 0, "BEGIN");
static const struct stmt COMMIT = STMT("tx_commit", 0, 0, "COMMIT");

void
tx_begin_on(struct conn *conn, struct tx **out)
{
	*out = xcalloc(1, sizeof **out);
	(*out)->conn = conn;
}

bool
tx_begin(struct db *db, struct tx **out, struct error *err)
{
	struct conn *conn;

	if (!pool_acquire(db, &conn, err))
		return false;
	tx_begin_on(conn, out);
	(*out)->db = db;
	return true;
}

/* BEGIN travels with the first statement. */
static bool
ensure_begun(struct tx *tx, struct error *err)
{
	if (tx->begun)
		return true;
	tx->begun = true;
	tx->own = 1;
	return conn_queue(tx->conn, &BEGIN, NULL, err);
}

bool
tx_queue(struct tx *tx, const struct stmt *stmt, const struct params *params, struct error *err)
{
	return ensure_begun(tx, err) && conn_queue(tx->conn, stmt, params, err);
}

static void
note_failure(struct tx *tx)
{
	const char *state = conn_sqlstate(tx->conn);

	tx->failed = true;
	tx->lost_race = strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0;
}

bool
tx_flush(struct tx *tx, struct rows **out, size_t count, struct error *err)
{
	struct rows **all = xcalloc(count + 1, sizeof *all);
	const size_t own = tx->own;
	bool done;

	assert(conn_queued(tx->conn) == own + count);
	tx->own = 0;
	done = conn_flush(tx->conn, all, own + count, err);
	if (done)
		memcpy(out, all + own, count * sizeof(struct rows *));
	else
		note_failure(tx);
	if (done && own > 0)
		rows_free(all[0]);
	free(all);
	return done;
}

bool
tx_query(struct tx *tx, const struct stmt *stmt, const struct params *params, struct rows **out,
    struct error *err)
{
	return tx_queue(tx, stmt, params, err) && tx_flush(tx, out, 1, err);
}

bool
tx_run(struct tx *tx, const struct stmt *stmt, const struct params *params, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	return tx_query(tx, stmt, params, &rows, err);
}

/* What is still queued goes out in the same round trip: if one of them fails, COMMIT is not run. */
bool
tx_commit(struct tx **tx, struct error *err)
{
	DEFER(tx_free) struct tx *own = TAKE(*tx);

	/* COMMIT of a failed transaction rolls back and reports no error. */
	assert(!own->failed);
	if (!own->begun)
		return true;
	if (!conn_queue(own->conn, &COMMIT, NULL, err) || !conn_flush(own->conn, NULL, 0, err)) {
		note_failure(own);
		return false;
	}
	own->begun = false;
	return true;
}

void
tx_free(struct tx *tx)
{
	struct error ignored = {0};

	if (tx == NULL)
		return;
	/* Statements that were queued and never sent are read away before the rollback. */
	if (tx->begun && !conn_failed(tx->conn) && conn_queued(tx->conn) > 0)
		(void)!conn_flush(tx->conn, NULL, 0, &ignored);
	ignored = (struct error){0};
	if (tx->begun && !conn_failed(tx->conn))
		(void)!conn_run_text(tx->conn, "ROLLBACK", &ignored);
	if (tx->db != NULL)
		pool_release(tx->db, tx->conn);
	free(tx);
}

bool
tx_lost_race(const struct tx *tx)
{
	return tx->lost_race;
}
