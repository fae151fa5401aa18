#include "tests/support/cmocka_all.h"

#include <pthread.h>

#include "base/mem.h"
#include "db/db.h"
#include "tests/support/test_db.h"

struct bench {
	struct test_db test;
	struct db *db;
};

static void
bench_init(struct bench *bench, int connections_max)
{
	test_db_init_empty(&bench->test);
	test_db_run(&bench->test, "CREATE TABLE item (id bigint PRIMARY KEY CHECK (id >= 0));"
				  "GRANT ALL ON item TO moniker_service;"
				  "CREATE FUNCTION lose() RETURNS void LANGUAGE plpgsql AS"
				  " $$BEGIN RAISE 'lost' USING ERRCODE = '40001'; END$$");
	bench->db = db_new(&(struct db_options){.url = bench->test.service_url,
	    .application = "db_test",
	    .connections_max = connections_max,
	    .wait_ms = 50});
}

static void
bench_clear(struct bench *bench)
{
	db_free(bench->db);
	test_db_clear(&bench->test);
}
DEFER_DECLARE_CLEAR(struct bench, bench_clear)

#define assert_done(done, err)                                                 \
	do {                                                                   \
		const bool done_ = (done);                                     \
		if (!done_)                                                    \
			print_error("%s (%s)\n", (err)->detail, (err)->cause); \
		assert_true(done_);                                            \
	} while (0)

static const struct stmt SCALARS = STMT("t_scalars", 9, 9,
    "SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::text, $6::bytea, $7::uuid, $8::bytea,"
    " $9::text");
static const struct stmt INT2S = STMT("t_int2s", 1, 1, "SELECT unnest($1::int2[])");
static const struct stmt INT4S = STMT("t_int4s", 1, 1, "SELECT unnest($1::int4[])");
static const struct stmt INT8S = STMT("t_int8s", 1, 1, "SELECT unnest($1::int8[])");
static const struct stmt BOOLS = STMT("t_bools", 1, 1, "SELECT unnest($1::bool[])");
static const struct stmt TEXTS = STMT("t_texts", 1, 1, "SELECT unnest($1::text[])");
static const struct stmt BYTEAS = STMT("t_byteas", 1, 1, "SELECT unnest($1::bytea[])");
static const struct stmt UUIDS = STMT("t_uuids", 1, 1, "SELECT unnest($1::uuid[])");
static const struct stmt ECHO = STMT("t_echo", 1, 1, "SELECT $1::bytea");
static const struct stmt INSERT = STMT("t_insert", 1, 0, "INSERT INTO item VALUES ($1::int8)");
static const struct stmt DELETE = STMT("t_delete", 0, 0, "DELETE FROM item");
static const struct stmt COUNT_ITEMS = STMT("t_count", 0, 1, "SELECT count(*) FROM item");
static const struct stmt LOSE = STMT("t_lose", 0, 1, "SELECT lose() IS NULL");
static const struct stmt CAST = STMT("t_cast", 1, 1, "SELECT $1::text::int8");
static const struct stmt WRONG = STMT("t_wrong", 0, 1, "SELECT nothing FROM nowhere");
static const struct stmt SETTINGS = STMT("t_settings", 0, 3,
    "SELECT current_setting('idle_in_transaction_session_timeout'),"
    " current_setting('client_min_messages'), current_setting('application_name')");

static struct rows *
query(struct bench *bench, const struct stmt *stmt, const struct params *params)
{
	struct rows *rows = NULL;
	struct error err = {0};

	assert_done(db_query(bench->db, stmt, params, &rows, &err), &err);
	return rows;
}

/* ---- parameters and results ---- */

static void
every_scalar_comes_back_as_it_went(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	const struct bytes octets = BYTES_LITERAL("a\0b");
	const uint8_t uuid[16] = {1, 2, 3, [15] = 255};
	char text[8];

	(void)state;
	bench_init(&bench, 1);
	params_bool(&params, true);
	params_int2(&params, INT16_MIN);
	params_int4(&params, INT32_MIN);
	params_int8(&params, INT64_MIN);
	params_text(&params, "t\xc3\xa4xt");
	params_bytea(&params, octets);
	params_uuid(&params, uuid);
	params_bytea(&params, (struct bytes){0});
	params_text(&params, NULL);
	rows = query(&bench, &SCALARS, &params);
	assert_int_equal(rows_count(rows), 1);
	assert_true(rows_bool(rows, 0, 0));
	assert_int_equal(rows_int(rows, 0, 1), INT16_MIN);
	assert_int_equal(rows_int(rows, 0, 2), INT32_MIN);
	assert_true(rows_int(rows, 0, 3) == INT64_MIN);
	rows_text(rows, 0, 4, text, sizeof text);
	assert_string_equal(text, "t\xc3\xa4xt");
	assert_octets(rows_bytes(rows, 0, 5), octets);
	assert_octets(rows_bytes(rows, 0, 6), bytes_of(uuid, 16));
	assert_false(rows_null(rows, 0, 7)); /* empty is not NULL */
	assert_int_equal(rows_bytes(rows, 0, 7).len, 0);
	assert_true(rows_null(rows, 0, 8));
	assert_null(rows_bytes(rows, 0, 8).data);
}

static void
arrays_of_numbers_come_back_as_they_went(void **state)
{
	static const int64_t WIDE[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
	static const int32_t MIDDLE[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
	static const int16_t NARROW[] = {INT16_MIN, -1, 0, 1, INT16_MAX};
	static const bool BITS[] = {true, false, true, true, false};
	const struct stmt *const stmts[] = {&INT8S, &INT4S, &INT2S, &BOOLS};
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench, 1);
	for (size_t i = 0; i < COUNT(stmts); i++) {
		DEFER(params_clear) struct params params = {0};
		DEFER(rows_free) struct rows *rows = NULL;
		int64_t want[4];

		switch (i) {
		case 0: params_int8_array(&params, WIDE, COUNT(WIDE)); break;
		case 1: params_int4_array(&params, MIDDLE, COUNT(MIDDLE)); break;
		case 2: params_int2_array(&params, NARROW, COUNT(NARROW)); break;
		default: params_bool_array(&params, BITS, COUNT(BITS)); break;
		}
		rows = query(&bench, stmts[i], &params);
		assert_int_equal(rows_count(rows), 5);
		for (size_t k = 0; k < 5; k++) {
			want[0] = WIDE[k];
			want[1] = MIDDLE[k];
			want[2] = NARROW[k];
			want[3] = BITS[k];
			if (i < 3)
				assert_true(rows_int(rows, k, 0) == want[i]);
			else
				assert_int_equal(rows_bool(rows, k, 0), want[i]);
		}
	}
}

static void
check_octets_array(struct bench *bench, const struct stmt *stmt,
    void (*put)(struct params *params, const struct bytes *values, size_t count),
    const struct bytes *values, size_t count)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;

	put(&params, values, count);
	rows = query(bench, stmt, &params);
	assert_int_equal(rows_count(rows), count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows_null(rows, i, 0), values[i].data == NULL);
		assert_octets(rows_bytes(rows, i, 0), values[i]);
	}
}

static void
arrays_of_octets_keep_nulls_and_empty_values_apart(void **state)
{
	static const struct bytes VALUES[] = {BYTES_LITERAL("one"), {0}, BYTES_LITERAL("")};
	static const struct bytes UUID_VALUES[] = {BYTES_LITERAL("0123456789abcdef"), {0}};
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench, 1);
	check_octets_array(&bench, &TEXTS, params_text_array, VALUES, COUNT(VALUES));
	check_octets_array(&bench, &BYTEAS, params_bytea_array, VALUES, COUNT(VALUES));
	check_octets_array(&bench, &UUIDS, params_uuid_array, UUID_VALUES, COUNT(UUID_VALUES));
	check_octets_array(&bench, &BYTEAS, params_bytea_array, VALUES, 0);
}

/* ---- errors ---- */

static void
an_error_never_carries_a_value(void **state)
{
	DEFER(bench_clear) struct bench bench;
	const struct stmt *const stmts[] = {&CAST, &INSERT, &INSERT};
	struct error err;

	(void)state;
	bench_init(&bench, 1);
	for (size_t i = 0; i < COUNT(stmts); i++) {
		DEFER(params_clear) struct params params = {0};
		DEFER(rows_free) struct rows *rows = NULL;

		if (i == 0)
			params_text(&params, "4711x");
		else
			params_int8(&params, -4711);
		err = (struct error){0};
		assert_false(db_query(bench.db, stmts[i], &params, &rows, &err));
		assert_int_equal(err.code, E_INTERNAL);
		assert_null(strstr(err.cause, "4711"));
		assert_null(strstr(err.detail, "4711"));
		assert_true(strlen(err.cause) > 5); /* but the SQLSTATE */
	}
}

static void
a_statement_that_cannot_be_prepared_spoils_no_other(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench, 1);
	for (int i = 0; i < 2; i++) {
		DEFER(rows_free) struct rows *none = NULL;
		struct error err = {0};

		rows_free(query(&bench, &COUNT_ITEMS, NULL));
		assert_false(db_query(bench.db, &WRONG, NULL, &none, &err));
		assert_int_equal(err.code, E_INTERNAL);
	}
}

static void
connections_are_set_up_for_the_ledger(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(rows_free) struct rows *rows = NULL;

	(void)state;
	bench_init(&bench, 1);
	rows = query(&bench, &SETTINGS, NULL);
	assert_octets_text(rows_bytes(rows, 0, 0), "10s");
	assert_octets_text(rows_bytes(rows, 0, 1), "error");
	assert_octets_text(rows_bytes(rows, 0, 2), "db_test");
}

/* ---- the pool ---- */

static void
no_free_connection_is_unavailable_after_a_while(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct tx *first = NULL, *second = NULL, *third = NULL;
	struct error err = {0};

	(void)state;
	bench_init(&bench, 2);
	assert_done(tx_begin(bench.db, &first, &err), &err);
	assert_done(tx_begin(bench.db, &second, &err), &err);
	assert_false(tx_begin(bench.db, &third, &err));
	assert_int_equal(err.code, E_DATABASE_UNAVAILABLE);
	assert_int_equal(err.retry_after_s, 1);
	tx_free(first);
	err = (struct error){0};
	assert_done(tx_begin(bench.db, &third, &err), &err);
	tx_free(second);
	tx_free(third);
}

static void
a_connection_that_died_idle_is_replaced(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench, 1);
	rows_free(query(&bench, &COUNT_ITEMS, NULL));
	while (test_db_int(&bench.test,
		   "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		   " WHERE application_name = 'db_test' AND datname = current_database()") > 0)
		continue;
	rows_free(query(&bench, &COUNT_ITEMS, NULL));
}

static void
a_server_that_is_not_there_is_unavailable(void **state)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){
	    .url = "host=/nonexistent", .application = "x", .connections_max = 1, .wait_ms = 10});
	DEFER(rows_free) struct rows *rows = NULL;

	(void)state;
	for (int i = 0; i < 2; i++) { /* the turn is given back */
		struct error err = {0};

		assert_false(db_query(db, &COUNT_ITEMS, NULL, &rows, &err));
		assert_int_equal(err.code, E_DATABASE_UNAVAILABLE);
	}
}

static void *
count_often(void *context)
{
	bool *good = xcalloc(1, sizeof *good);

	*good = true;
	for (int i = 0; i < 100; i++) {
		DEFER(rows_free) struct rows *rows = NULL;
		struct error err = {0};

		if (!db_query(context, &COUNT_ITEMS, NULL, &rows, &err) &&
		    err.code != E_DATABASE_UNAVAILABLE)
			*good = false;
	}
	return good;
}

static void
a_connection_serves_one_thread_at_a_time(void **state)
{
	DEFER(bench_clear) struct bench bench;
	pthread_t threads[8];

	(void)state;
	bench_init(&bench, 3);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_often, bench.db), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *good;

		assert_int_equal(pthread_join(threads[i], &good), 0);
		assert_true(*(bool *)good);
		mem_free(good);
	}
}

/* ---- transactions ---- */

static bool
insert(struct tx *tx, int64_t id, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, id);
	return tx_run(tx, &INSERT, &params, err);
}

static bool
queue_insert(struct tx *tx, int64_t id, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	params_int8(&params, id);
	return tx_queue(tx, &INSERT, &params, err);
}

static void
what_is_not_committed_is_rolled_back(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct tx *tx = NULL;
	struct error err = {0};

	(void)state;
	bench_init(&bench, 1);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(insert(tx, 1, &err), &err);
	tx_free(tx);
	assert_int_equal(test_db_int(&bench.test, "SELECT count(*) FROM item"), 0);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(insert(tx, 1, &err) && tx_commit(&tx, &err), &err);
	assert_null(tx);
	assert_int_equal(test_db_int(&bench.test, "SELECT count(*) FROM item"), 1);
}

static void
an_error_in_the_middle_of_a_pipeline_undoes_all_of_it(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct tx *tx = NULL;
	struct rows *out[3];
	struct error err = {0};

	(void)state;
	bench_init(&bench, 1);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(queue_insert(tx, 1, &err) && queue_insert(tx, -1, &err) &&
			tx_queue(tx, &DELETE, NULL, &err),
	    &err);
	assert_false(tx_flush(tx, out, COUNT(out), &err));
	assert_int_equal(err.code, E_INTERNAL);
	assert_false(tx_lost_race(tx));
	tx_free(tx);
	/* The connection works, and so does the statement that was skipped. */
	err = (struct error){0};
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(queue_insert(tx, 1, &err) && queue_insert(tx, 2, &err) &&
			tx_queue(tx, &DELETE, NULL, &err) && tx_flush(tx, out, COUNT(out), &err),
	    &err);
	assert_int_equal(rows_affected(out[2]), 2);
	for (size_t i = 0; i < COUNT(out); i++)
		rows_free(out[i]);
	assert_done(tx_commit(&tx, &err), &err);
}

static void
what_is_queued_before_commit_goes_with_it(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct tx *tx = NULL;
	struct error err = {0};

	(void)state;
	bench_init(&bench, 1);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(queue_insert(tx, 1, &err) && tx_commit(&tx, &err), &err);
	assert_int_equal(test_db_int(&bench.test, "SELECT count(*) FROM item"), 1);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(queue_insert(tx, 2, &err) && queue_insert(tx, -1, &err), &err);
	assert_false(tx_commit(&tx, &err));
	assert_int_equal(err.code, E_INTERNAL);
	assert_int_equal(test_db_int(&bench.test, "SELECT count(*) FROM item"), 1);
}

static void
a_lost_race_is_told_apart(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	(void)state;
	bench_init(&bench, 1);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(tx_run(tx, &LOSE, NULL, &err), &err); /* it has not been sent yet */
	assert_false(tx_flush(tx, NULL, 0, &err));
	assert_int_equal(err.code, E_DATABASE_UNAVAILABLE);
	assert_true(tx_lost_race(tx));
	tx_free(TAKE(tx));
}

/* Both directions are fuller than any socket buffer: neither side may wait for the other. */
static void
a_pipeline_larger_than_all_buffers_does_not_hang(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(buf_clear_public) struct buf large = {0};
	struct rows *out[8];
	struct error err = {0};

	(void)state;
	bench_init(&bench, 1);
	memset(buf_extend(&large, 3 << 20), 0x5a, 3 << 20);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	for (size_t i = 0; i < COUNT(out); i++) {
		DEFER(params_clear) struct params params = {0};

		params_bytea(&params, buf_bytes(&large));
		assert_done(tx_queue(tx, &ECHO, &params, &err), &err);
	}
	assert_done(tx_flush(tx, out, COUNT(out), &err), &err);
	for (size_t i = 0; i < COUNT(out); i++) {
		assert_octets(rows_bytes(out[i], 0, 0), buf_bytes(&large));
		rows_free(out[i]);
	}
	tx_free(TAKE(tx));
}

static void
a_connection_lost_within_a_transaction_is_unavailable(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct tx *tx = NULL;
	struct error err = {0};

	(void)state;
	bench_init(&bench, 1);
	assert_done(tx_begin(bench.db, &tx, &err), &err);
	assert_done(insert(tx, 1, &err), &err);
	test_db_run(&bench.test,
	    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
	    " WHERE application_name = 'db_test' AND datname = current_database()");
	assert_false(tx_commit(&tx, &err));
	assert_null(tx);
	assert_int_equal(err.code, E_DATABASE_UNAVAILABLE);
	rows_free(query(&bench, &COUNT_ITEMS, NULL));
}

/* ---- durability ---- */

static void
a_commit_that_is_no_promise_is_refused(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct error err = {0};
	char sql[160];

	(void)state;
	bench_init(&bench, 1);
	assert_done(db_check_durable(bench.db, &err), &err);
	db_free(bench.db);
	(void)snprintf(
	    sql, sizeof sql, "ALTER DATABASE %s SET synchronous_commit = off", bench.test.name);
	test_db_run(&bench.test, sql);
	bench.db = db_new(&(struct db_options){.url = bench.test.service_url,
	    .application = "db_test",
	    .connections_max = 1,
	    .wait_ms = 50});
	assert_false(db_check_durable(bench.db, &err));
	assert_int_equal(err.code, E_CONFIG_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_scalar_comes_back_as_it_went),
	    cmocka_unit_test(arrays_of_numbers_come_back_as_they_went),
	    cmocka_unit_test(arrays_of_octets_keep_nulls_and_empty_values_apart),
	    cmocka_unit_test(an_error_never_carries_a_value),
	    cmocka_unit_test(a_statement_that_cannot_be_prepared_spoils_no_other),
	    cmocka_unit_test(connections_are_set_up_for_the_ledger),
	    cmocka_unit_test(no_free_connection_is_unavailable_after_a_while),
	    cmocka_unit_test(a_connection_that_died_idle_is_replaced),
	    cmocka_unit_test(a_server_that_is_not_there_is_unavailable),
	    cmocka_unit_test(a_connection_serves_one_thread_at_a_time),
	    cmocka_unit_test(what_is_not_committed_is_rolled_back),
	    cmocka_unit_test(an_error_in_the_middle_of_a_pipeline_undoes_all_of_it),
	    cmocka_unit_test(what_is_queued_before_commit_goes_with_it),
	    cmocka_unit_test(a_lost_race_is_told_apart),
	    cmocka_unit_test(a_pipeline_larger_than_all_buffers_does_not_hang),
	    cmocka_unit_test(a_connection_lost_within_a_transaction_is_unavailable),
	    cmocka_unit_test(a_commit_that_is_no_promise_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
