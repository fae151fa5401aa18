/*
 * conn: one connection to PostgreSQL. Internal to db/. Not thread-safe.
 *
 * Statements are queued and go out together (libpq's pipeline mode); a flush waits for all
 * their results. A connection that failed stays failed: close it and open another.
 */
#ifndef DB_CONN_H
#define DB_CONN_H

#include <libpq-fe.h>

#include "db/db.h"

struct conn;

/* Plans are made once for each statement, and go by key (decision 0009). */
MUST_CHECK bool conn_open(
    const char *url, const char *application, struct conn **out, struct error *err);
void conn_close(struct conn *conn); /* NULL is fine */
bool conn_failed(const struct conn *conn);
/* An idle connection without LISTEN from which something is to be read: the server closed it. */
bool conn_stale(const struct conn *conn);
int conn_socket(const struct conn *conn);
/* A notification has arrived since the last call. */
bool conn_notified(struct conn *conn);

/* Text without parameters that is ours and fixed: BEGIN, COMMIT, ROLLBACK, LISTEN, migrations. */
MUST_CHECK bool conn_run_text(struct conn *conn, const char *sql, struct error *err);

/* `params` NULL: none. */
MUST_CHECK bool conn_queue(
    struct conn *conn, const struct stmt *stmt, const struct params *params, struct error *err);
size_t conn_queued(const struct conn *conn);
/*
 * Sends what is queued and waits. out[i] (or NULL to drop all) gets the i-th result; on failure
 * none is given, and conn_sqlstate() is that of the first that failed.
 */
MUST_CHECK bool conn_flush(struct conn *conn, struct rows **out, size_t count, struct error *err);
const char *conn_sqlstate(const struct conn *conn); /* "" when the connection itself failed */

struct rows *rows_new(PGresult *result); /* takes it over */

/* A transaction on this connection, which stays the caller's. */
void tx_begin_on(struct conn *conn, struct tx **out);

#endif
