/* Adoption in the database: who may adopt what, and that of two at once one does. */
#include "tests/support/cmocka_all.h"

#include <pthread.h>

#include "audit/logs.h"
#include "ca/adoption_store.h"
#include "tests/support/test_db.h"

#define SERIAL(n) "decode('40' || '0050' || repeat('" n "', 17), 'hex')" /* month 80 */
#define KEY(n) "decode(repeat('" n "', 32), 'hex')"
#define LEAF(seq, subject)                                                                   \
	"INSERT INTO audit_leaf VALUES (1, " seq ", convert_to('{\"seq\":" seq               \
	",\"st\":\"2026-11-22T23:01:27Z\",\"v\":1,\"ev\":"                                   \
	"\"enroll.ok\",\"rc\":\"OK\",\"sev\":1,\"out\":\"success\","                         \
	"\"t\":\"2026-11-22T23:01:27Z\",\"n\":\"Djp8yJ-1B-ngHUVmVtIWmw\",\"sub\":\"" subject \
	"\"}', 'UTF8'));"
#define BODY(n, seq)                                        \
	"INSERT INTO certificate_body VALUES (80, " SERIAL( \
	    n) ", decode('0102030405060708', 'hex'), 1, " seq ", " KEY(n) ", 'tbs" n "');"

/* Three logs; what 1 recorded: 11 (signed), 22, 33 (given up), 44. */
static void
world_init(struct test_db *db)
{
	static const uint8_t PUBLIC_KEY[32] = {1};

	test_db_init(db);
	test_db_open_log(db, "test.example/node1-2026", PUBLIC_KEY);
	test_db_open_log(db, "test.example/node2-2026", PUBLIC_KEY);
	test_db_open_log(db, "test.example/node3-2026", PUBLIC_KEY);
	test_db_run(db,
	    "SELECT partition_ensure(80::int2);"
	    "SELECT audit_partition_ensure(1::int2, 0);" LEAF("0", "h:a") LEAF("1", "h:b") LEAF(
		"2", "h:c") LEAF("3", "b:x/h:d") BODY("11", "0") BODY("22", "1") BODY("33", "2")
		BODY("44", "3") "INSERT INTO certificate_signature VALUES (80, " SERIAL(
		    "11") ", 'signature');"
			  "INSERT INTO certificate_abort VALUES (80, " SERIAL(
			      "33") ");"
				    "UPDATE audit_log SET size = 4, last_st_at_s = 1000 WHERE id = "
				    "1");
}

static void
retire(struct test_db *test, const char *origin)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){
	    .url = test->owner_url, .application = "test", .connections_max = 1, .wait_ms = 5000});
	const struct rng rng = rng_repeatable(1);
	DEFER(tx_free) struct tx *tx = NULL;
	struct logs_retired retired;
	struct error err = {0};

	assert_true(tx_begin(db, &tx, &err));
	assert_true(logs_retire(tx, origin, false, 2000, &rng, &retired, &err));
	assert_false(retired.was_so);
	assert_true(tx_commit(&tx, &err));
}

static struct db *
open_service(const struct test_db *test)
{
	return db_new(&(struct db_options){.url = test->service_url,
	    .application = "test",
	    .connections_max = 2,
	    .wait_ms = 5000});
}

static size_t
read_all(struct db *db, struct orphan *orphans, size_t max)
{
	struct error err = {0};
	size_t count = 0;

	assert_true(adoption_read(db, orphans, max, &count, &err));
	return count;
}

static void
clear_all(struct orphan *orphans, size_t count)
{
	for (size_t i = 0; i < count; i++)
		orphan_clear(&orphans[i]);
}

/* For this log, all of them; false: the transaction lost. */
static bool
adopt(struct tx *tx, int log, struct orphan *orphans, size_t count, struct error *err)
{
	struct orphan *pointers[8];

	for (size_t i = 0; i < count; i++) {
		pointers[i] = &orphans[i];
		orphans[i].seq = (int64_t)i;
	}
	return adoption_insert(tx, log, pointers, count, err);
}

static size_t
adoptable(struct db *db, struct orphan *orphans, size_t count)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct orphan *pointers[8];
	struct error err = {0};
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		pointers[i] = &orphans[i];
	assert_true(tx_begin(db, &tx, &err));
	assert_true(adoption_look(tx, pointers, count, &err));
	for (size_t i = 0; i < count; i++)
		found += orphans[i].adoptable ? 1 : 0;
	return found;
}

static void
adopts_what_is_unsigned_once(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	DEFER(db_free) struct db *db = NULL;
	DEFER(tx_free) struct tx *tx = NULL;
	struct orphan orphans[8] = {0};
	struct error err = {0};
	bool due = true;

	(void)state;
	world_init(&test);
	db = open_service(&test);
	assert_true(adoption_due(db, &due, &err));
	assert_false(due);
	assert_int_equal(read_all(db, orphans, 8), 0); /* its node lives */

	retire(&test, "test.example/node1-2026");
	assert_true(adoption_due(db, &due, &err));
	assert_true(due);
	assert_int_equal(read_all(db, orphans, 8), 2); /* neither the signed nor the given up */
	assert_string_equal(orphans[0].subject, "h:b");
	assert_string_equal(orphans[1].subject, "b:x/h:d");
	assert_memory_equal(orphans[1].tbs.data, "tbs44", 5);
	assert_int_equal(adoptable(db, orphans, 2), 2);

	assert_true(tx_begin(db, &tx, &err));
	assert_true(adopt(tx, 2, orphans, 2, &err));
	assert_true(tx_commit(&tx, &err));
	assert_int_equal(adoptable(db, orphans, 2), 0);
	clear_all(orphans, 2);
	assert_int_equal(read_all(db, orphans, 8), 0);

	/* The adopter is lost, too: the next turn, and the first stays on record. */
	retire(&test, "test.example/node2-2026");
	assert_int_equal(read_all(db, orphans, 8), 2);
	assert_int_equal(adoptable(db, orphans, 2), 2);
	assert_true(tx_begin(db, &tx, &err));
	assert_true(adopt(tx, 3, orphans, 2, &err));
	assert_true(tx_commit(&tx, &err));
	assert_int_equal(
	    test_db_int(&test, "SELECT sum(log * (turn + 1)) FROM certificate_adoption"),
	    2 * 1 + 2 * 1 + 3 * 2 + 3 * 2);
	clear_all(orphans, 2);
	assert_int_equal(read_all(db, orphans, 8), 0);
}

struct rival {
	struct db *db;
	struct orphan *orphans;
	bool committed;
};

static void *
rival_main(void *context)
{
	struct rival *rival = context;
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	rival->committed = tx_begin(rival->db, &tx, &err) &&
			   adopt(tx, 3, rival->orphans, 2, &err) && tx_commit(&tx, &err);
	return NULL;
}

/* Both found the same; the second waits for the first, and then has nothing to write. */
static void
one_of_two_adopts(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	DEFER(db_free) struct db *db = NULL;
	DEFER(tx_free) struct tx *tx = NULL;
	struct orphan first[8] = {0}, second[8] = {0};
	struct rival rival = {.orphans = second, .committed = true};
	struct error err = {0};
	pthread_t thread;

	(void)state;
	world_init(&test);
	retire(&test, "test.example/node1-2026");
	rival.db = db = open_service(&test);
	assert_int_equal(read_all(db, first, 8), 2);
	assert_int_equal(read_all(db, second, 8), 2);
	assert_int_equal(adoptable(db, first, 2), 2);
	assert_int_equal(adoptable(db, second, 2), 2);
	assert_true(tx_begin(db, &tx, &err));
	assert_true(adopt(tx, 2, first, 2, &err));
	assert_true(tx_flush(tx, NULL, 0, &err)); /* written, not committed */
	assert_int_equal(pthread_create(&thread, NULL, rival_main, &rival), 0);
	while (test_db_int(&test,
		   "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
		   " AND datname = current_database()") == 0)
		continue;
	assert_true(tx_commit(&tx, &err));
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(rival.committed);
	assert_int_equal(test_db_int(&test, "SELECT count(*) FROM certificate_adoption"), 2);
	assert_int_equal(test_db_int(&test, "SELECT sum(log) FROM certificate_adoption"), 4);
	clear_all(first, 2);
	clear_all(second, 2);
}

static void
retires_with_care(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	DEFER(db_free) struct db *db = NULL;
	const struct rng rng = rng_repeatable(1);
	static const struct row {
		const char *what, *before, *origin;
		bool force;
		int64_t now_s;
		enum error_code want;
	} ROWS[] = {
	    {"unknown", "SELECT 1", "test.example/other", true, 2000, E_NOT_FOUND},
	    {"young", "SELECT 1", "test.example/node1-2026", false, 1179, E_STATE_CONFLICT},
	    {"old", "SELECT 1", "test.example/node1-2026", false, 1180, E_NONE},
	    {"young, by force", "SELECT 1", "test.example/node1-2026", true, 1000, E_NONE},
	    {"the only one", "UPDATE audit_log SET gone_at_s = 1 WHERE id <> 1",
		"test.example/node1-2026", true, 2000, E_STATE_CONFLICT},
	    {"twice", "UPDATE audit_log SET gone_at_s = 1", "test.example/node1-2026", true, 2000,
		E_NONE},
	};

	(void)state;
	world_init(&test);
	db = db_new(&(struct db_options){
	    .url = test.owner_url, .application = "test", .connections_max = 1, .wait_ms = 5000});
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(tx_free) struct tx *tx = NULL;
		struct logs_retired retired = {0};
		struct error err = {0};
		bool done;

		test_db_run(&test, "UPDATE audit_log SET gone_at_s = NULL");
		test_db_run(&test, ROWS[i].before);
		assert_true(tx_begin(db, &tx, &err));
		done = logs_retire(
		    tx, ROWS[i].origin, ROWS[i].force, ROWS[i].now_s, &rng, &retired, &err);
		if (err.code != ROWS[i].want)
			print_error("%s\n", ROWS[i].what);
		assert_int_equal(err.code, ROWS[i].want);
		assert_int_equal(done, ROWS[i].want == E_NONE);
		assert_int_equal(retired.size, done ? 4 : 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(adopts_what_is_unsigned_once),
	    cmocka_unit_test(one_of_two_adopts),
	    cmocka_unit_test(retires_with_care),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
