#include "tests/support/cmocka_all.h"

#include "db/db.h"
#include "db/migrate.h"
#include "tests/support/test_db.h"

static enum error_code
apply(const struct test_db *test, struct migrate_report *out)
{
	struct error err = {0};

	if (migrate_apply(test->owner_url, out, &err))
		return E_NONE;
	print_message("%s (%s)\n", err.detail, err.cause);
	return err.code;
}

static enum error_code
check(const struct test_db *test)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){.url = test->service_url,
	    .application = "test",
	    .connections_max = 1,
	    .wait_ms = 1000});
	struct error err = {0};

	return migrate_check(db, &err) ? E_NONE : err.code;
}

static void
a_second_run_applies_nothing(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	struct migrate_report first, second;

	(void)state;
	test_db_init_empty(&test);
	assert_int_equal(apply(&test, &first), E_NONE);
	assert_true(first.total >= 2);
	assert_int_equal(first.applied, first.total);
	assert_int_equal(apply(&test, &second), E_NONE);
	assert_int_equal(second.applied, 0);
	assert_int_equal(second.total, first.total);
	assert_int_equal(check(&test), E_NONE);
}

static void
an_empty_database_is_no_schema(void **state)
{
	DEFER(test_db_clear) struct test_db test;

	(void)state;
	test_db_init_empty(&test);
	assert_int_equal(check(&test), E_CONFIG_INVALID);
}

/* What somebody may do to schema_migration, and what the service says. */
static const struct {
	const char *why, *sql;
	enum error_code want_apply;
} DAMAGES[] = {
    {"one was changed after it was applied",
	"UPDATE schema_migration SET sha256 = repeat('0', 64) WHERE number = 1", E_CONFIG_INVALID},
    {"one is of another name", "UPDATE schema_migration SET name = '0002_other' WHERE number = 2",
	E_CONFIG_INVALID},
    {"one is unknown to this program",
	"INSERT INTO schema_migration (number, name, sha256) VALUES (9999, '9999_new', '')",
	E_CONFIG_INVALID},
};

static void
a_schema_that_is_not_ours_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(DAMAGES); i++) {
		DEFER(test_db_clear) struct test_db test;
		struct migrate_report report;

		print_message("%s\n", DAMAGES[i].why);
		test_db_init(&test);
		test_db_run(&test, DAMAGES[i].sql);
		assert_int_equal(apply(&test, &report), DAMAGES[i].want_apply);
		assert_int_equal(check(&test), E_CONFIG_INVALID);
	}
}

static void
a_migration_that_fails_leaves_nothing(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	struct migrate_report report;

	(void)state;
	test_db_init_empty(&test);
	/* The first migration makes a table of this name, after others. */
	test_db_run(&test, "CREATE TABLE status_head ()");
	assert_int_equal(apply(&test, &report), E_INTERNAL);
	assert_int_equal(
	    test_db_int(&test, "SELECT count(*) FROM pg_tables WHERE tablename = 'audit_log'"), 0);
	assert_int_equal(check(&test), E_CONFIG_INVALID);
	test_db_run(&test, "DROP TABLE status_head");
	assert_int_equal(apply(&test, &report), E_NONE);
	assert_int_equal(report.applied, report.total);
}

static void
no_server_is_unavailable(void **state)
{
	struct migrate_report report;
	struct error err = {0};

	(void)state;
	assert_false(migrate_apply("host=/nonexistent dbname=none", &report, &err));
	assert_int_equal(err.code, E_DATABASE_UNAVAILABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_second_run_applies_nothing),
	    cmocka_unit_test(an_empty_database_is_no_schema),
	    cmocka_unit_test(a_schema_that_is_not_ours_is_refused),
	    cmocka_unit_test(a_migration_that_fails_leaves_nothing),
	    cmocka_unit_test(no_server_is_unavailable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
