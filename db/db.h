/*
 * db: named statements on pooled PostgreSQL connections, and transactions.
 *
 * There is deliberately no way to run a text from outside this folder: every statement
 * is a `static const struct stmt` in a *_store.c. Statements are prepared per connection
 * at first use; parameters and results are binary.
 *
 * Every call fails with E_DATABASE_UNAVAILABLE (connection, shutdown, timeout) or E_INTERNAL
 * (anything else; the cause has the SQLSTATE and PostgreSQL's primary message only).
 */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"
#include "db/params.h"

struct stmt {
	const char *name;
	int param_count;
	int column_count;
	const char *sql;
};
#define STMT(name, param_count, column_count, sql)   \
	{                                            \
		name, param_count, column_count, sql \
	}

/* ---- results ---- */

struct rows;
void rows_free(struct rows *rows);
DEFER_DECLARE(struct rows, rows_free)
size_t rows_count(const struct rows *rows); /* NULL: 0 */
bool rows_null(const struct rows *rows, size_t row, int column);
bool rows_bool(const struct rows *rows, size_t row, int column);
int64_t rows_int(const struct rows *rows, size_t row, int column); /* int2, int4, int8; NULL: 0 */
struct bytes rows_bytes(const struct rows *rows, size_t row,
    int column); /* bytea, uuid, text; borrowed; NULL: data NULL */
/* Copies a text with its NUL; longer than out_len - 1 is asserted not to happen (the schema bounds
 * it). */
void rows_text(const struct rows *rows, size_t row, int column, char *out, size_t out_len);
/* Rows that an UPDATE or DELETE without RETURNING touched. */
size_t rows_affected(const struct rows *rows);

/* ---- a pool of connections ---- */

struct db;
struct db_options {
	/* libpq connection string; several hosts are fine. NULL: none, and whoever asks is told
	 * that the database is away */
	const char *url;
	const char *application; /* application_name, e.g. "monikerd" */
	int connections_max;     /* 1 to 64 */
	int wait_ms;             /* for a free connection, then E_DATABASE_UNAVAILABLE */
	struct metrics *metrics; /* db/db_metrics.h, or NULL */
};
/* Connects lazily. */
struct db *db_new(const struct db_options *options);
void db_free(struct db *db);
DEFER_DECLARE(struct db, db_free)

/* One statement in its own transaction. */
MUST_CHECK bool db_query(struct db *db, const struct stmt *stmt, const struct params *params,
    struct rows **out, struct error *err);

/* Refuses fsync, full_page_writes or synchronous_commit off, and servers before 15.
 * E_CONFIG_INVALID */
MUST_CHECK bool db_check_durable(struct db *db, struct error *err);

/* ---- transactions: an owned object whose destructor is rollback ---- */

struct tx;
MUST_CHECK bool tx_begin(struct db *db, struct tx **out, struct error *err);
/* Takes *tx. After E_DATABASE_UNAVAILABLE the outcome is unknown. */
MUST_CHECK bool tx_commit(struct tx **tx, struct error *err);
void tx_free(struct tx *tx); /* rolls back; NULL is fine */
DEFER_DECLARE(struct tx, tx_free)

MUST_CHECK bool tx_query(struct tx *tx, const struct stmt *stmt, const struct params *params,
    struct rows **out, struct error *err);
/*
 * A statement whose result is not looked at: it travels with the next one that is, or with COMMIT,
 * and if it fails, so does that. What must have touched some number of rows says so itself
 * (expect_rows() in SQL), since nobody looks before COMMIT.
 */
MUST_CHECK bool tx_run(
    struct tx *tx, const struct stmt *stmt, const struct params *params, struct error *err);

/*
 * Pipeline: queue statements (at most 64), then flush them in one round trip; out[i] is the result
 * of the i-th queued since the last flush, and `count` their number, those of tx_run() not counted.
 * If one fails, so do all after it.
 */
MUST_CHECK bool tx_queue(
    struct tx *tx, const struct stmt *stmt, const struct params *params, struct error *err);
MUST_CHECK bool tx_flush(struct tx *tx, struct rows **out, size_t count, struct error *err);

/* The last failure was 40001 or 40P01: roll back and do the whole transaction again. */
bool tx_lost_race(const struct tx *tx);

#endif
