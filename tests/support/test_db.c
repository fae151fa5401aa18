#include "tests/support/test_db.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "db/migrate.h"
#include "tests/support/cmocka_all.h"

#define TEMPLATE "moniker_template"
#define MAKING "SELECT pg_advisory_lock(77)" /* one test process makes databases at a time */

/* "host=... user=postgres dbname=postgres", from the env file. */
static void
read_server(char out[static TEST_DB_URL_MAX])
{
	const char *path = getenv("MONIKER_TEST_PG");
	FILE *file;

	assert_non_null(path);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(out, TEST_DB_URL_MAX, file));
	(void)fclose(file);
	assert_memory_equal(out, "PGURL=", 6);
	memmove(out, out + 6, strlen(out + 6) + 1);
	out[strcspn(out, "\n")] = '\0';
}

static void
url_for(
    const char *server, const char *user, const char *database, char out[static TEST_DB_URL_MAX])
{
	const char *end = strstr(server, " user=");

	assert_non_null(end);
	(void)snprintf(out, TEST_DB_URL_MAX, "%.*s user=%s dbname=%s", (int)(end - server), server,
	    user, database);
}

static PGconn *
connect_to(const char *url)
{
	PGconn *pg = PQconnectdb(url);

	if (PQstatus(pg) != CONNECTION_OK)
		print_error("%s", PQerrorMessage(pg));
	assert_int_equal(PQstatus(pg), CONNECTION_OK);
	return pg;
}

static int64_t
run_on(PGconn *pg, const char *sql)
{
	PGresult *result = PQexec(pg, sql);
	const ExecStatusType status = PQresultStatus(result);
	int64_t value = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		print_error("%s: %s", sql, PQerrorMessage(pg));
	assert_true(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
	if (status == PGRES_TUPLES_OK && PQntuples(result) > 0)
		value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return value;
}

__attribute__((format(printf, 2, 3))) static int64_t
run_format(PGconn *pg, const char *format, ...)
{
	char sql[512];
	va_list ap;

	va_start(ap, format);
	assert_true(vsnprintf(sql, sizeof sql, format, ap) < (int)sizeof sql);
	va_end(ap);
	return run_on(pg, sql);
}

/* A backend that has just been told to go may still be there. */
static void
wait_until_left(PGconn *pg, const char *name)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	while (
	    run_format(pg, "SELECT count(*) FROM pg_stat_activity WHERE datname = '%s'", name) > 0)
		(void)nanosleep(&pause, NULL);
}

static void
ensure_template(PGconn *pg, const char *server)
{
	char url[TEST_DB_URL_MAX];
	struct migrate_report report;
	struct error err = {0};

	if (run_format(pg, "SELECT count(*) FROM pg_database WHERE datname = '%s'", TEMPLATE) > 0)
		return;
	(void)run_format(pg, "CREATE DATABASE %s OWNER moniker_owner", TEMPLATE);
	url_for(server, "moniker_owner", TEMPLATE, url);
	if (!migrate_apply(url, &report, &err)) {
		print_error("%s %s\n", err.detail, err.cause);
		(void)run_format(pg, "DROP DATABASE %s WITH (FORCE)", TEMPLATE);
		fail();
	}
	wait_until_left(pg, TEMPLATE);
}

static void
make(struct test_db *db, bool with_schema)
{
	char server[TEST_DB_URL_MAX];
	struct timespec now;
	PGconn *pg;

	read_server(server);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(db->name, sizeof db->name, "test_%d_%lld_%ld", (int)getpid(),
	    (long long)now.tv_sec, now.tv_nsec);
	url_for(server, "postgres", db->name, db->admin_url);
	url_for(server, "moniker_owner", db->name, db->owner_url);
	url_for(server, "moniker_service", db->name, db->service_url);
	pg = connect_to(server);
	(void)run_on(pg, MAKING);
	if (with_schema) {
		ensure_template(pg, server);
		(void)run_format(
		    pg, "CREATE DATABASE %s OWNER moniker_owner TEMPLATE " TEMPLATE, db->name);
	} else {
		(void)run_format(pg, "CREATE DATABASE %s OWNER moniker_owner", db->name);
	}
	PQfinish(pg);
}

void
test_db_init(struct test_db *db)
{
	make(db, true);
}

void
test_db_init_empty(struct test_db *db)
{
	make(db, false);
}

void
test_db_clear(struct test_db *db)
{
	char server[TEST_DB_URL_MAX];
	PGconn *pg;

	read_server(server);
	pg = connect_to(server);
	(void)run_format(pg, "DROP DATABASE IF EXISTS %s WITH (FORCE)", db->name);
	PQfinish(pg);
}

int64_t
test_db_int(const struct test_db *db, const char *sql)
{
	PGconn *pg = connect_to(db->admin_url);
	const int64_t value = run_on(pg, sql);

	PQfinish(pg);
	return value;
}

void
test_db_run(const struct test_db *db, const char *sql)
{
	(void)test_db_int(db, sql);
}

void
test_db_run_server(const char *sql)
{
	char server[TEST_DB_URL_MAX];
	PGconn *pg;

	read_server(server);
	pg = connect_to(server);
	(void)run_on(pg, sql);
	PQfinish(pg);
}

void
test_db_open_log(const struct test_db *db, const char *origin, const uint8_t public_key[static 32])
{
	char sql[512], hex[65];

	hex_encode(hex, bytes_of(public_key, 32));
	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO audit_log (origin, public_key, opened_at_s) VALUES ('%s', '\\x%s', 1)",
	    origin, hex);
	test_db_run(db, sql);
}
