#include "db/db.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/mem.h"
#include "db/db_metrics.h"
#include "db/pool.h"

#define CONNECTIONS_MAX 64

struct db {
	char *url, *application;
	int connections_max, wait_ms;
	struct metrics *metrics;
	pthread_mutex_t mutex;
	pthread_cond_t freed;
	struct conn *idle[CONNECTIONS_MAX];
	int idle_count, open_count; /* open: idle and lent */
};

struct db *
db_new(const struct db_options *options)
{
	struct db *db = xcalloc(1, sizeof *db);

	assert(options->connections_max >= 1 && options->connections_max <= CONNECTIONS_MAX);
	db->url = options->url == NULL ? NULL : xstrdup(options->url);
	db->application = xstrdup(options->application);
	db->connections_max = options->connections_max;
	db->wait_ms = options->wait_ms;
	db->metrics = options->metrics;
	(void)pthread_mutex_init(&db->mutex, NULL);
	condition_init(&db->freed);
	return db;
}

void
db_free(struct db *db)
{
	if (db == NULL)
		return;
	assert(db->idle_count == db->open_count); /* nothing is lent */
	while (db->idle_count > 0)
		conn_close(db->idle[--db->idle_count]);
	(void)pthread_cond_destroy(&db->freed);
	(void)pthread_mutex_destroy(&db->mutex);
	free(db->url);
	free(db->application);
	free(db);
}

/* Waits for an idle connection or for leave to open one (*out NULL). False: waited too long. */
static bool
wait_for_turn(struct db *db, struct conn **out)
{
	const struct timespec until = condition_in_ms(db->wait_ms);
	int64_t waiting_since_us = 0;
	bool turn = true;

	*out = NULL;
	(void)pthread_mutex_lock(&db->mutex);
	if (db->idle_count == 0 && db->open_count == db->connections_max)
		waiting_since_us = clock_monotonic_us();
	while (turn && db->idle_count == 0 && db->open_count == db->connections_max)
		turn = pthread_cond_timedwait(&db->freed, &db->mutex, &until) != ETIMEDOUT;
	if (db->idle_count > 0) {
		*out = db->idle[--db->idle_count];
		turn = true;
	} else if (turn) {
		db->open_count++;
		metrics_add(db->metrics, DB_CONNECTIONS, 0, 1);
	}
	(void)pthread_mutex_unlock(&db->mutex);
	if (waiting_since_us > 0)
		metrics_observe(
		    db->metrics, DB_POOL_WAIT, 0, clock_monotonic_us() - waiting_since_us);
	return turn;
}

static void
give_turn_back(struct db *db)
{
	(void)pthread_mutex_lock(&db->mutex);
	db->open_count--;
	metrics_add(db->metrics, DB_CONNECTIONS, 0, -1);
	(void)pthread_mutex_unlock(&db->mutex);
	(void)pthread_cond_signal(&db->freed); /* who wakes needs the mutex at once */
}

bool
pool_acquire(struct db *db, struct conn **out, struct error *err)
{
	if (db->url == NULL)
		return error_set(err, E_DATABASE_UNAVAILABLE, "the service waits for its database");
	if (!wait_for_turn(db, out)) {
		metrics_add(db->metrics, DB_POOL_TIMEOUTS, 0, 1);
		(void)error_set(err, E_DATABASE_UNAVAILABLE, "all connections are in use");
		err->retry_after_s = 1;
		return false;
	}
	/* It may have died while idle: found here, where nothing has been sent yet. */
	if (*out != NULL && conn_stale(*out))
		conn_close(TAKE(*out));
	if (*out == NULL && !conn_open(db->url, db->application, out, err)) {
		metrics_add(db->metrics, DB_CONNECT_FAILURES, 0, 1);
		metrics_set(db->metrics, DB_UP, 0, 0);
		give_turn_back(db);
		return false;
	}
	metrics_add(db->metrics, DB_CONNECTIONS_USED, 0, 1);
	return true;
}

void
pool_release(struct db *db, struct conn *conn)
{
	metrics_add(db->metrics, DB_CONNECTIONS_USED, 0, -1);
	metrics_set(db->metrics, DB_UP, 0, conn_failed(conn) ? 0 : 1);
	if (conn_failed(conn)) {
		conn_close(conn);
		give_turn_back(db);
		return;
	}
	(void)pthread_mutex_lock(&db->mutex);
	db->idle[db->idle_count++] = conn;
	(void)pthread_mutex_unlock(&db->mutex);
	(void)pthread_cond_signal(&db->freed); /* who wakes needs the mutex at once */
}

void
pool_lost_race(struct db *db, const char *sqlstate)
{
	metrics_add(db->metrics, DB_RACES, db_race_of(sqlstate), 1);
}

bool
db_query(struct db *db, const struct stmt *stmt, const struct params *params, struct rows **out,
    struct error *err)
{
	struct conn *conn;
	bool done;

	if (!pool_acquire(db, &conn, err))
		return false;
	done = conn_queue(conn, stmt, params, err) && conn_flush(conn, out, 1, err);
	pool_release(db, conn);
	return done;
}

/* Server version and the settings without which a commit is no promise. */
static const struct stmt DURABILITY = STMT("db_durability", 0, 4,
    "SELECT current_setting('fsync') <> 'off',"
    " current_setting('full_page_writes') <> 'off',"
    " current_setting('synchronous_commit') <> 'off',"
    " current_setting('server_version_num')::int");

bool
db_check_durable(struct db *db, struct error *err)
{
	static const char *const NAMES[] = {"fsync", "full_page_writes", "synchronous_commit"};
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &DURABILITY, NULL, &rows, err))
		return false;
	for (int i = 0; i < (int)COUNT(NAMES); i++)
		if (!rows_bool(rows, 0, i))
			return error_set(err, E_CONFIG_INVALID,
			    "PostgreSQL runs with %s off: what is recorded could be lost",
			    NAMES[i]);
	return rows_int(rows, 0, 3) >= 150000 ||
	       error_set(err, E_CONFIG_INVALID, "PostgreSQL 15 or newer is needed");
}
