/* The shred keys' database: its schema, keys that move there, and keys that are erased. */
#include "tests/support/cmocka_all.h"

#include "db/db.h"
#include "db/migrate.h"
#include "provisioning/shred.h"
#include "provisioning/shred_store.h"
#include "tests/support/test_db.h"

#define KEYS 2500 /* more than two pages */
#define ADD_KEYS                                                    \
	"INSERT INTO shred_key SELECT decode(md5(i::text), 'hex')," \
	" decode(md5('a' || i) || md5('b' || i), 'hex'), i FROM generate_series(1, 2500) AS i"

static struct db *
open_as(const char *url)
{
	return db_new(&(struct db_options){
	    .url = url, .application = "test", .connections_max = 1, .wait_ms = 1000});
}

static enum error_code
apply(const struct test_db *test, struct migrate_report *out)
{
	struct error err = {0};

	return migrate_apply_shred(test->owner_url, out, &err) ? E_NONE : err.code;
}

static enum error_code
check(const struct test_db *test)
{
	DEFER(db_free) struct db *db = open_as(test->service_url);
	struct error err = {0};

	return migrate_check_shred(db, &err) ? E_NONE : err.code;
}

static void
it_has_a_schema_of_its_own(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	struct migrate_report report;

	(void)state;
	test_db_init_empty(&test);
	assert_int_equal(check(&test), E_CONFIG_INVALID);
	assert_int_equal(apply(&test, &report), E_NONE);
	assert_true(report.total >= 1);
	assert_int_equal(report.applied, report.total);
	assert_int_equal(check(&test), E_NONE);
	assert_int_equal(apply(&test, &report), E_NONE);
	assert_int_equal(report.applied, 0);
	assert_int_equal(
	    test_db_int(&test, "SELECT count(*) FROM pg_tables WHERE tablename = 'device'"), 0);
	test_db_run(&test, "UPDATE shred_migration SET sha256 = repeat('0', 64)");
	assert_int_equal(apply(&test, &report), E_CONFIG_INVALID);
	assert_int_equal(check(&test), E_CONFIG_INVALID);
}

/* Whoever names the main database twice, or made the table by hand before there were migrations. */
static void
a_table_that_is_there_is_taken_up(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	struct migrate_report report;

	(void)state;
	test_db_init(&test);
	test_db_run(&test, ADD_KEYS);
	assert_int_equal(apply(&test, &report), E_NONE);
	assert_int_equal(test_db_int(&test, "SELECT count(*) FROM shred_key"), KEYS);
	assert_int_equal(
	    test_db_int(&test, "SELECT attstattarget FROM pg_attribute WHERE attname = 'key' AND"
			       " attrelid = 'shred_key'::regclass"),
	    0);
}

static void
move(const struct test_db *from, const struct test_db *to, size_t want)
{
	struct error err = {0};
	size_t moved = 0;

	if (!shred_move(from->owner_url, to->owner_url, &moved, &err))
		fail_msg("%s", err.detail);
	assert_int_equal(moved, want);
}

static void
keys_are_moved_once_and_whole(void **state)
{
	DEFER(test_db_clear) struct test_db from;
	DEFER(test_db_clear) struct test_db to;
	struct migrate_report report;

	(void)state;
	test_db_init(&from);
	test_db_init_empty(&to);
	assert_int_equal(apply(&to, &report), E_NONE);
	test_db_run(&from, ADD_KEYS);
	/* A run that was cut short: one is there already, and still here. */
	test_db_run(&to, "INSERT INTO shred_key SELECT decode(md5('1'), 'hex'),"
			 " decode(md5('a1') || md5('b1'), 'hex'), 1");
	move(&from, &to, KEYS);
	assert_int_equal(test_db_int(&from, "SELECT count(*) FROM shred_key"), 0);
	assert_int_equal(
	    test_db_int(&to,
		"SELECT count(*) FROM shred_key AS k JOIN generate_series(1, 2500) AS i"
		" ON k.id = decode(md5(i::text), 'hex')"
		" AND k.key = decode(md5('a' || i) || md5('b' || i), 'hex')"
		" AND k.made_at_s = i"),
	    KEYS);
	move(&from, &to, 0);
}

static void
nothing_is_moved_into_a_main_database(void **state)
{
	DEFER(test_db_clear) struct test_db test;

	(void)state;
	test_db_init(&test);
	test_db_run(&test, ADD_KEYS);
	move(&test, &test, 0);
	assert_int_equal(test_db_int(&test, "SELECT count(*) FROM shred_key"), KEYS);
}

static void
open_shred(const struct test_db *test, struct db *db, struct shred **out)
{
	static const struct clock clock = {0};
	const struct rng rng = rng_system();
	struct error err = {0};

	assert_true(shred_new(
	    &(struct shred_options){
		.url = test->service_url, .records = db, .clock = &clock, .rng = &rng},
	    out, &err));
}

/* As the service's role, in a cluster that does not let its owner drop write-ahead log. */
static void
an_erasure_may_be_done_twice(void **state)
{
	static const uint8_t id[1][SHRED_ID_BYTES] = {{0xc4, 0xca, 0x42, 0x38, 0xa0, 0xb9, 0x23,
	    0x82, 0x0d, 0xcc, 0x50, 0x9a, 0x6f, 0x75, 0x84, 0x9b}}; /* md5('1') */
	DEFER(test_db_clear) struct test_db test;
	DEFER(db_free) struct db *db = NULL;
	DEFER(shred_free) struct shred *shred = NULL;
	uint8_t key[SHRED_KEY_BYTES];
	struct error err = {0};
	bool flushed = true, found = true;
	size_t count;

	(void)state;
	test_db_init(&test);
	test_db_run(&test, ADD_KEYS);
	db = open_as(test.service_url);
	open_shred(&test, db, &shred);
	for (size_t want = 1; want != (size_t)-1; want--) {
		if (!shred_erase(shred, id, 1, &count, &flushed, &err))
			fail_msg("%s", err.detail);
		assert_int_equal(count, want);
		assert_false(flushed);
	}
	assert_true(shred_store_find(db, id[0], key, &found, &err));
	assert_false(found);
	assert_int_equal(test_db_int(&test, "SELECT count(*) FROM shred_key"), KEYS - 1);
}

/* Keys of records that went with their part of the log go, however old they are, and no others. */
static void
keys_follow_what_retention_dropped(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	DEFER(db_free) struct db *records = NULL;
	DEFER(shred_free) struct shred *shred = NULL;
	const struct clock clock = clock_system();
	const struct rng rng = rng_repeatable(1);
	struct error err = {0};
	size_t count = 0;

	(void)state;
	test_db_init(&test);
	test_db_run(&test, ADD_KEYS);
	test_db_run(&test, "INSERT INTO shred_pruned SELECT id FROM shred_key WHERE made_at_s > 3");
	records = open_as(test.service_url);
	assert_true(shred_new(
	    &(struct shred_options){
		.url = test.service_url, .records = records, .clock = &clock, .rng = &rng},
	    &shred, &err));
	assert_true(shred_sweep(shred, &count, &err));
	assert_int_equal(count, KEYS - 3);
	assert_int_equal(test_db_int(&test, "SELECT count(*) FROM shred_key"), 3);
	assert_int_equal(test_db_int(&test, "SELECT count(*) FROM shred_pruned"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_has_a_schema_of_its_own),
	    cmocka_unit_test(a_table_that_is_there_is_taken_up),
	    cmocka_unit_test(keys_are_moved_once_and_whole),
	    cmocka_unit_test(nothing_is_moved_into_a_main_database),
	    cmocka_unit_test(an_erasure_may_be_done_twice),
	    cmocka_unit_test(keys_follow_what_retention_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
