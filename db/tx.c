#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/conn.h"
#include "db/db_metrics.h"
#include "db/pool.h"

#define QUEUED_MAX 128 /* statements that travel together */

struct tx {
	struct db *db; /* NULL: the connection is somebody else's */
	struct conn *conn;
	bool lost_race, begun, failed;
	bool wanted[QUEUED_MAX]; /* of each queued statement: somebody looks at its rows */
	size_t queued;
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

static void
note_failure(struct tx *tx)
{
	const char *state = conn_sqlstate(tx->conn);

	tx->failed = true;
	tx->lost_race = db_race_of(state) != DB_RACE_LOST;
	if (tx->lost_race && tx->db != NULL) /* else the ledger counts its own */
		pool_lost_race(tx->db, state);
}

/* Gives the wanted results in their order, and drops the others. */
static void
sort_out(struct tx *tx, struct rows *const *all, struct rows **out, size_t count)
{
	size_t given = 0;

	for (size_t i = 0; i < tx->queued; i++) {
		if (!tx->wanted[i])
			rows_free(all[i]);
		else
			out[given++] = all[i];
	}
	assert(given == count);
}

bool
tx_flush(struct tx *tx, struct rows **out, size_t count, struct error *err)
{
	struct rows *all[QUEUED_MAX];
	const bool done = conn_flush(tx->conn, all, tx->queued, err);

	if (done)
		sort_out(tx, all, out, count);
	else
		note_failure(tx);
	tx->queued = 0;
	return done;
}

static bool
queue_one(struct tx *tx, const struct stmt *stmt, const struct params *params, bool wanted,
    struct error *err)
{
	tx->wanted[tx->queued++] = wanted;
	return conn_queue(tx->conn, stmt, params, err);
}

/* BEGIN travels with the first statement. */
static bool
ensure_begun(struct tx *tx, struct error *err)
{
	if (tx->begun)
		return true;
	tx->begun = true;
	return queue_one(tx, &BEGIN, NULL, false, err);
}

bool
tx_queue(struct tx *tx, const struct stmt *stmt, const struct params *params, struct error *err)
{
	assert(tx->queued < QUEUED_MAX);
	return ensure_begun(tx, err) && queue_one(tx, stmt, params, true, err);
}

bool
tx_run(struct tx *tx, const struct stmt *stmt, const struct params *params, struct error *err)
{
	/* tx_queue() comes after what a caller runs, or flushes before it: none is wanted here. */
	return ensure_begun(tx, err) &&
	       (tx->queued < QUEUED_MAX / 2 || tx_flush(tx, NULL, 0, err)) &&
	       queue_one(tx, stmt, params, false, err);
}

bool
tx_query(struct tx *tx, const struct stmt *stmt, const struct params *params, struct rows **out,
    struct error *err)
{
	return tx_queue(tx, stmt, params, err) && tx_flush(tx, out, 1, err);
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
