/*
 * test_db: a database of its own for one test, made from a migrated template, on the server that
 * the environment's MONIKER_TEST_PG names (the env file of pg_up.sh). Failures fail the test.
 */
#ifndef TESTS_SUPPORT_TEST_DB_H
#define TESTS_SUPPORT_TEST_DB_H

#include <stdint.h>

#include "base/defer.h"

#define TEST_DB_URL_MAX 256

struct test_db {
	char name[64];
	char admin_url[TEST_DB_URL_MAX];   /* superuser */
	char owner_url[TEST_DB_URL_MAX];   /* moniker_owner */
	char service_url[TEST_DB_URL_MAX]; /* moniker_service */
};

/* With the schema, or empty. */
void test_db_init(struct test_db *db);
void test_db_init_empty(struct test_db *db);
void test_db_clear(struct test_db *db); /* drops it, whoever is connected */
DEFER_DECLARE_CLEAR(struct test_db, test_db_clear)

/* As the superuser. */
void test_db_run(const struct test_db *db, const char *sql);
void test_db_run_server(const char *sql);                       /* in no test's database */
int64_t test_db_int(const struct test_db *db, const char *sql); /* one row, one column */

/* A row of audit_log, as `moniker init` makes it. */
void test_db_open_log(
    const struct test_db *db, const char *origin, const uint8_t public_key[static 32]);

#endif
