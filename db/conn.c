#include "db/conn.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define PREPARED_MAX 512
#define QUEUE_MAX 256 /* statements between two flushes */
#define SQLSTATE_LEN 5
#define COMMON_SETTINGS                                                             \
	"-c client_min_messages=error -c statement_timeout=60s -c lock_timeout=20s" \
	" -c idle_in_transaction_session_timeout=10s"                               \
	" -c default_transaction_isolation=read\\ committed"

/*
 * Every statement goes by key into tables that grow by the minute. Plans that follow their
 * statistics would scan them whole until the next ANALYZE, and planning anew costs more than the
 * statement: a lookup by serial is planned over all months.
 */
#define KEYED_PLANS                                                                           \
	" -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off" \
	" -c enable_mergejoin=off -c jit=off"

struct conn {
	PGconn *pg;
	const struct stmt *prepared[PREPARED_MAX]; /* by address: statements are static */
	size_t prepared_count;
	/* Of what was sent and not yet read: what it prepares, or NULL for an execution. */
	const struct stmt *preparing[QUEUE_MAX * 2];
	size_t sent_count, queued_count;
	bool failed, notified;
	char sqlstate[SQLSTATE_LEN + 1];
};

/* PostgreSQL's notices are not for our log: they may repeat values. */
static void
ignore_notice(void *context, const char *message)
{
	(void)context;
	(void)message;
}

/*
 * 08 connection, 40 lost race, 53 resources, 55P03 lock not available, 57 operator intervention
 * (57014: timeout), 25006 a standby, 25P03 idle in transaction; none: the connection is gone.
 */
static bool
is_unavailable(const char *sqlstate)
{
	static const char *const PREFIXES[] = {"08", "40", "53", "55P03", "57", "25006", "25P03"};

	for (size_t i = 0; i < COUNT(PREFIXES); i++)
		if (strncmp(sqlstate, PREFIXES[i], strlen(PREFIXES[i])) == 0)
			return true;
	return sqlstate[0] == '\0';
}

/* Only SQLSTATE and primary message: details and context may hold values. */
static bool
fail_result(struct conn *conn, const PGresult *result, const char *name, struct error *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	(void)snprintf(conn->sqlstate, sizeof conn->sqlstate, "%s", state != NULL ? state : "");
	/* 25006: this server became a standby; the next connection finds the primary. */
	if (PQstatus(conn->pg) != CONNECTION_OK || strcmp(conn->sqlstate, "25006") == 0)
		conn->failed = true;
	if (is_unavailable(conn->sqlstate)) {
		(void)error_set(err, E_DATABASE_UNAVAILABLE, "the database did not do %s", name);
		err->retry_after_s = 1;
	} else {
		(void)error_set(err, E_INTERNAL, "the database did not do %s", name);
	}
	/* The messages of class 22 (data exception) quote the value. */
	if (strncmp(conn->sqlstate, "22", 2) == 0)
		message = "data exception";
	error_cause(err, "%s %s", conn->sqlstate, message != NULL ? message : "connection lost");
	return false;
}

static bool
fail_connection(struct conn *conn, struct error *err)
{
	conn->failed = true;
	conn->sqlstate[0] = '\0';
	(void)error_set(err, E_DATABASE_UNAVAILABLE, "the connection to the database is lost");
	err->retry_after_s = 1;
	return false;
}

bool
conn_open(const char *url, const char *application, struct conn **out, struct error *err)
{
	/* The URL comes first: what follows overrides it. */
	static const char *const KEYWORDS[] = {"dbname", "application_name", "options",
	    "connect_timeout", "tcp_user_timeout", "keepalives_idle", "keepalives_interval",
	    "keepalives_count", NULL};
	const char *const values[COUNT(KEYWORDS)] = {
	    url, application, COMMON_SETTINGS KEYED_PLANS, "5", "10000", "10", "3", "3", NULL};
	struct conn *conn = xcalloc(1, sizeof *conn);

	conn->pg = PQconnectdbParams(KEYWORDS, values, 1);
	if (conn->pg == NULL || PQstatus(conn->pg) != CONNECTION_OK) {
		(void)error_set(err, E_DATABASE_UNAVAILABLE, "cannot connect to the database");
		err->retry_after_s = 1;
		error_cause(err, "%s", conn->pg != NULL ? PQerrorMessage(conn->pg) : "no memory");
		conn_close(conn);
		return false;
	}
	(void)PQsetNoticeProcessor(conn->pg, ignore_notice, NULL);
	*out = conn;
	return true;
}

void
conn_close(struct conn *conn)
{
	if (conn == NULL)
		return;
	PQfinish(conn->pg);
	free(conn);
}

bool
conn_failed(const struct conn *conn)
{
	return conn->failed;
}

int
conn_socket(const struct conn *conn)
{
	return PQsocket(conn->pg);
}

const char *
conn_sqlstate(const struct conn *conn)
{
	return conn->sqlstate;
}

size_t
conn_queued(const struct conn *conn)
{
	return conn->queued_count;
}

static void
take_notifications(struct conn *conn)
{
	PGnotify *notification;

	while ((notification = PQnotifies(conn->pg)) != NULL) {
		conn->notified = true;
		PQfreemem(notification);
	}
}

bool
conn_notified(struct conn *conn)
{
	bool notified;

	if (!conn->failed && PQconsumeInput(conn->pg) == 0)
		conn->failed = true;
	take_notifications(conn);
	notified = conn->notified;
	conn->notified = false;
	return notified;
}

bool
conn_stale(const struct conn *conn)
{
	struct pollfd fd = {.fd = PQsocket(conn->pg), .events = POLLIN};

	return conn->failed || poll(&fd, 1, 0) != 0;
}

bool
conn_run_text(struct conn *conn, const char *sql, struct error *err)
{
	PGresult *result = PQexec(conn->pg, sql);
	const ExecStatusType status = PQresultStatus(result);
	const bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!done)
		(void)fail_result(conn, result, "a command", err);
	PQclear(result);
	return done;
}

/* ---- pipeline ---- */

static bool
is_known(const struct conn *conn, const struct stmt *stmt)
{
	for (size_t i = 0; i < conn->prepared_count; i++)
		if (conn->prepared[i] == stmt)
			return true;
	return false;
}

static bool
enter_pipeline(struct conn *conn, struct error *err)
{
	if (PQpipelineStatus(conn->pg) != PQ_PIPELINE_OFF)
		return true;
	/* Non-blocking, or both sides could wait for the other to read. */
	return (PQenterPipelineMode(conn->pg) == 1 && PQsetnonblocking(conn->pg, 1) == 0) ||
	       fail_connection(conn, err);
}

static bool
send_prepared(struct conn *conn, const struct stmt *stmt, const struct params *params)
{
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX];
	int formats[PARAMS_MAX];
	const int count = params == NULL ? 0 : params->count;

	assert(count == stmt->param_count);
	for (int i = 0; i < count; i++) {
		/* An empty value still needs a pointer: NULL would be SQL NULL. */
		values[i] = params->length[i] < 0 ? NULL
			    : params->length[i] == 0
				? ""
				: (const char *)params->arena.data + params->offset[i];
		lengths[i] = params->length[i] < 0 ? 0 : params->length[i];
		formats[i] = 1;
	}
	return PQsendQueryPrepared(conn->pg, stmt->name, count, values, lengths, formats, 1) == 1;
}

bool
conn_queue(
    struct conn *conn, const struct stmt *stmt, const struct params *params, struct error *err)
{
	assert(conn->queued_count < QUEUE_MAX);
	if (conn->failed)
		return fail_connection(conn, err);
	if (!enter_pipeline(conn, err))
		return false;
	if (!is_known(conn, stmt)) {
		assert(conn->prepared_count < PREPARED_MAX);
		if (PQsendPrepare(conn->pg, stmt->name, stmt->sql, 0, NULL) != 1)
			return fail_connection(conn, err);
		conn->preparing[conn->sent_count++] = stmt;
		conn->prepared[conn->prepared_count++] = stmt;
	}
	if (!send_prepared(conn, stmt, params))
		return fail_connection(conn, err);
	conn->preparing[conn->sent_count++] = NULL;
	conn->queued_count++;
	return true;
}

/* Waits until libpq has a whole result, sending what is still to be sent. */
static bool
wait_for_result(struct conn *conn)
{
	for (;;) {
		const int unsent = PQflush(conn->pg);
		struct pollfd fd = {.fd = PQsocket(conn->pg),
		    .events = (short)(POLLIN | (unsent == 1 ? POLLOUT : 0))};

		if (unsent < 0)
			return false;
		if (unsent == 0 && PQisBusy(conn->pg) == 0)
			return true;
		if (poll(&fd, 1, -1) < 0 && errno != EINTR)
			return false;
		if ((fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0 &&
		    PQconsumeInput(conn->pg) == 0)
			return false;
	}
}

/* Its preparation failed, or was skipped after a failure before it. */
static void
forget_prepared(struct conn *conn, const struct stmt *stmt)
{
	for (size_t i = 0; i < conn->prepared_count; i++)
		if (conn->prepared[i] == stmt) {
			conn->prepared[i] = conn->prepared[--conn->prepared_count];
			return;
		}
}

/* Reads the results of all that was sent, up to the sync. */
static bool
read_results(struct conn *conn, struct rows **out, size_t count, struct error *err)
{
	size_t given = 0;
	bool good = true;

	for (size_t i = 0; i < conn->sent_count; i++) {
		PGresult *result = wait_for_result(conn) ? PQgetResult(conn->pg) : NULL;
		const ExecStatusType status = PQresultStatus(result);
		const bool done = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

		if (result == NULL)
			return good ? fail_connection(conn, err) : false;
		if (!done && good)
			good = fail_result(conn, result, "a statement", err);
		if (!done && conn->preparing[i] != NULL)
			forget_prepared(conn, conn->preparing[i]);
		if (done && conn->preparing[i] == NULL && out != NULL && given < count)
			out[given++] = rows_new(result);
		else
			PQclear(result);
		if (!wait_for_result(conn))
			return good ? fail_connection(conn, err) : false;
		PQclear(PQgetResult(conn->pg)); /* the NULL that ends each statement's results */
	}
	return good;
}

static bool
read_sync(struct conn *conn)
{
	PGresult *result = wait_for_result(conn) ? PQgetResult(conn->pg) : NULL;
	const bool done = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

	PQclear(result);
	return done && PQexitPipelineMode(conn->pg) == 1 && PQsetnonblocking(conn->pg, 0) == 0;
}

bool
conn_flush(struct conn *conn, struct rows **out, size_t count, struct error *err)
{
	bool good;

	assert(out == NULL || count == conn->queued_count);
	if (out != NULL)
		memset(out, 0, count * sizeof(struct rows *));
	if (conn->failed || PQpipelineStatus(conn->pg) == PQ_PIPELINE_OFF)
		return !conn->failed || fail_connection(conn, err);
	if (PQpipelineSync(conn->pg) != 1)
		return fail_connection(conn, err);
	conn->sqlstate[0] = '\0';
	good = read_results(conn, out, count, err);
	if (!conn->failed && !read_sync(conn)) {
		conn->failed = true;
		if (good)
			good = fail_connection(conn, err);
	}
	take_notifications(conn);
	conn->sent_count = conn->queued_count = 0;
	for (size_t i = 0; !good && out != NULL && i < count; i++) {
		rows_free(out[i]);
		out[i] = NULL;
	}
	return good;
}
