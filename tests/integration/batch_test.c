/* The batch of a station that names none: the only one that is open to it. */
#include "tests/support/cmocka_all.h"

#include <string.h>

#include "db/db.h"
#include "provisioning/batch.h"
#include "tests/support/test_db.h"

#define NOW_S 1000
#define ANNA 1
#define BERT 2

/* A batch of this name, open from `opens` until `closes`; "NULL": for ever. */
static void
make_batch(const struct test_db *test, const char *name, int opens, const char *closes)
{
	char sql[512];

	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO batch (name, handle, model, mode, profile, quota, opens_at_s, closes_at_s,"
	    " hardware_ids, replace_policy, created_at_s) SELECT '%s', translate(substr(md5('%s'), "
	    "1,"
	    " 16), '0189', 'wxyz'), 'M', 'pseudonymous', 'device', 1, %d, %s, 'required', 'never', "
	    "0",
	    name, name, opens, closes);
	test_db_run(test, sql);
}

static void
is_for(const struct test_db *test, const char *name, int person)
{
	char sql[256];

	(void)snprintf(sql, sizeof sql,
	    "INSERT INTO batch_station SELECT id, %d FROM batch WHERE name = '%s'", person, name);
	test_db_run(test, sql);
}

static const char *
only_open(struct db *db, int person, char name[static BATCH_NAME_MAX + 1])
{
	struct error err = {0};

	if (batch_get_only_open(db, person, NOW_S, name, &err))
		return name;
	assert_int_equal(err.code, E_INCOMPLETE);
	return strstr(err.detail, "several") != NULL ? "several" : "none";
}

static void
it_is_the_only_one_that_is_open_to_the_station(void **state)
{
	DEFER(test_db_clear) struct test_db test;
	DEFER(db_free) struct db *db = NULL;
	char name[BATCH_NAME_MAX + 1];

	(void)state;
	test_db_init(&test);
	test_db_run(&test,
	    "INSERT INTO person (id, name, handle, created_at_s) OVERRIDING SYSTEM VALUE"
	    " VALUES (1, 'anna', 'aaaaaaaaaaaaaaaa', 0), (2, 'bert', 'bbbbbbbbbbbbbbbb', 0)");
	db = db_new(&(struct db_options){
	    .url = test.service_url, .application = "test", .connections_max = 1, .wait_ms = 1000});
	assert_string_equal(only_open(db, ANNA, name), "none");
	make_batch(&test, "later", NOW_S + 1, "NULL");
	make_batch(&test, "over", 0, "1000");
	make_batch(&test, "closed", 0, "NULL");
	test_db_run(&test, "UPDATE batch SET closed_at_s = 1 WHERE name = 'closed'");
	assert_string_equal(only_open(db, ANNA, name), "none");

	make_batch(&test, "anna", NOW_S, "1001");
	is_for(&test, "anna", ANNA);
	assert_string_equal(only_open(db, ANNA, name), "anna");
	assert_string_equal(only_open(db, BERT, name), "none");
	make_batch(&test, "all", 0, "NULL");
	assert_string_equal(only_open(db, ANNA, name), "several");
	assert_string_equal(only_open(db, BERT, name), "all");
	make_batch(&test, "more", 0, "NULL");
	assert_string_equal(only_open(db, BERT, name), "several");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_the_only_one_that_is_open_to_the_station),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
