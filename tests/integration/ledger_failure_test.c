#include "tests/support/bench.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 16
#define PER_THREAD 40

#define KILL_LEDGER                                                 \
	"SELECT count(pg_terminate_backend(pid))"                   \
	" FROM pg_stat_activity WHERE datname = current_database()" \
	" AND application_name = 'monikerd ledger'"

#define COUNT_LEAVES(pattern) \
	"SELECT count(*) FROM audit_leaf WHERE convert_from(body, 'UTF8') LIKE '" pattern "'"

/* Submits until it is done: callers retry what they are told to retry. */
static bool
submit_until_done(struct bench *bench, struct item *item)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	for (;;) {
		struct error err = {0};

		if (bench_submit(bench, item, &err))
			return item->base.err.code == E_NONE;
		if (err.retry_after_s == 0 || error_info(err.code)->kind != ERROR_KIND_UNAVAILABLE)
			return false;
		(void)nanosleep(&pause, NULL);
	}
}

struct worker {
	struct bench *bench;
	int64_t first_id;
	pthread_t thread;
	bool good;
};

static void *
work(void *context)
{
	struct worker *worker = context;

	worker->good = true;
	for (int i = 0; i < PER_THREAD; i++) {
		const struct timespec pause = {.tv_nsec = 5000000};
		struct item item;
		char tbs[32];

		(void)snprintf(tbs, sizeof tbs, "tbs %lld", (long long)worker->first_id + i);
		item_init(&item, &worker->bench->world, worker->first_id + i, tbs);
		worker->good = submit_until_done(worker->bench, &item) && worker->good;
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

static void
run_workers(struct bench *bench, void (*disturb)(struct bench *bench))
{
	struct worker workers[THREADS] = {0};

	for (int i = 0; i < THREADS; i++) {
		workers[i].bench = bench;
		workers[i].first_id = (int64_t)i * PER_THREAD;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	disturb(bench);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_true(workers[i].good);
	}
}

/* Every item once, every signature kept, and a whole log. */
static void
check_all_recorded(struct bench *bench)
{
	bench_ready(bench);
	bench_stop(bench);
	assert_int_equal(
	    test_db_int(&bench->db, "SELECT count(*) FROM item"), THREADS * PER_THREAD);
	assert_int_equal(
	    test_db_int(&bench->db, "SELECT count(*) FROM kept"), THREADS * PER_THREAD);
	bench_check_log(bench);
}

/* ---- the database ---- */

static void
kill_backends(struct bench *bench)
{
	const struct timespec pause = {.tv_nsec = 40000000};

	for (int i = 0; i < 6; i++) {
		(void)nanosleep(&pause, NULL);
		test_db_run(&bench->db, KILL_LEDGER);
	}
}

static void
lost_connections_lose_nothing_and_record_nothing_twice(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	run_workers(&bench, kill_backends);
	check_all_recorded(&bench);
}

static void
an_idle_ledger_takes_a_new_connection(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	test_db_run(&bench.db, KILL_LEDGER);
	item_init(&item, &bench.world, 1, "one");
	assert_true(submit_until_done(&bench, &item));
	assert_int_equal(test_db_int(&bench.db, "SELECT owner FROM audit_log"), 2);
}

static void
a_log_that_is_not_there_is_a_reason_not_to_be_ready(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0}, refused = {0};

	(void)state;
	bench_init(&bench);
	test_db_run(&bench.db, "DELETE FROM audit_log");
	bench_start(&bench);
	assert_false(ledger_wait_ready(bench.ledger, 300, &err));
	assert_string_equal(err.detail, "the log is not ready: the database has no such log");
	item_init(&item, &bench.world, 1, "one");
	assert_false(bench_submit(&bench, &item, &refused));
	assert_int_equal(refused.code, E_RECORD_UNAVAILABLE);
}

/* ---- the fence ---- */

static void
a_second_ledger_takes_the_log_and_the_first_stops_for_good(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct ledger *first;
	struct ledger_status status;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	first = bench.ledger;
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 1, "one");
	{
		struct proposal *proposal = &item.base;

		assert_false(ledger_submit(first, &proposal, 1, &err));
	}
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
	ledger_status(first, &status);
	assert_false(status.ready);
	assert_string_equal(status.why_not, "another process owns the log");
	assert_true(submit_until_done(&bench, &item));
	ledger_free(first);
	bench_check_log(&bench);
}

static void
a_ledger_that_lost_its_connection_does_not_take_the_log_back(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct ledger_status status = {.ready = true};
	const struct timespec pause = {.tv_nsec = 5000000};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	test_db_run(&bench.db, "UPDATE audit_log SET owner = owner + 1"); /* another process */
	test_db_run(&bench.db, KILL_LEDGER);
	while (status.ready || strcmp(status.why_not, "another process owns the log") != 0) {
		(void)nanosleep(&pause, NULL);
		ledger_status(bench.ledger, &status);
	}
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, "SELECT owner FROM audit_log"), 2);
}

/* ---- the keeper ---- */

static void
kill_keeper(struct bench *bench)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	for (unsigned i = 0; i < 6; i++) {
		fake_keeper_die_at(bench->keeper, 1 + i, i % 2 == 0);
		while (fake_keeper_alive(bench->keeper))
			(void)nanosleep(&pause, NULL);
		fake_keeper_revive(bench->keeper);
		/* The next death comes after it is taken up again, or the appends run out. */
		bench_ready(bench);
	}
}

static void
a_keeper_that_keeps_dying_loses_nothing(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	run_workers(&bench, kill_keeper);
	check_all_recorded(&bench);
}

static void
check_lost_keeper(bool takes)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	fake_keeper_die_at(bench.keeper, 1, takes);
	item_init(&item, &bench.world, 5, "five");
	assert_false(bench_submit(&bench, &item, &err));
	assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
	assert_int_equal(err.retry_after_s, 1);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM item"), 1);
	fake_keeper_revive(bench.keeper);
	bench_await(&bench, "SELECT count(*) FROM kept WHERE id = 5", 1);
	assert_int_equal(fake_keeper_signed_recorded(bench.keeper), 1);
	assert_true(submit_until_done(&bench, &item));
	assert_true(item.replayed);
	bench_check_log(&bench);
}

static void
what_died_with_the_keeper_is_signed_by_the_next_one(void **state)
{
	(void)state;
	check_lost_keeper(false); /* the journal lacks the leaf */
	check_lost_keeper(true);
}

static void
a_new_keeper_is_greeted_before_it_is_used(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item items[2];
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&items[0], &bench.world, 1, "one");
	item_init(&items[1], &bench.world, 2, "two");
	assert_done(bench_submit(&bench, &items[0], &err), &err);
	bench_await(&bench, "SELECT count(*) FROM kept", 1);
	fake_keeper_forget(bench.keeper, 0);
	fake_keeper_revive(bench.keeper);
	assert_done(bench_submit(&bench, &items[1], &err), &err);
	assert_signed(&items[1]);
	bench_check_log(&bench);
}

static void
a_crash_before_the_keeper_got_it_is_made_good_at_the_next_start(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	fake_keeper_die_at(bench.keeper, 1, false);
	item_init(&item, &bench.world, 5, "five");
	assert_false(bench_submit(&bench, &item, &err));
	bench_stop(&bench);
	fake_keeper_revive(bench.keeper);
	bench_start(&bench);
	bench_ready(&bench);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM kept"), 1);
	bench_check_log(&bench);
}

static void
a_journal_that_lacks_much_catches_up(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(mem_free) struct item *items = xcalloc(1500, sizeof *items);
	DEFER(mem_free) struct proposal **proposals = xcalloc(1500, sizeof(struct proposal *));
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	for (size_t i = 0; i < 1500; i++) {
		item_init(&items[i], &bench.world, (int64_t)i, "");
		proposals[i] = &items[i].base;
	}
	assert_done(ledger_submit(bench.ledger, proposals, 1500, &err), &err);
	bench_stop(&bench);
	fake_keeper_forget(bench.keeper, 3);
	bench_start(&bench);
	bench_ready(&bench);
	bench_check_log(&bench);
}

static void
a_journal_ahead_of_the_database_stops_everything(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct ledger_status status;
	struct item item;
	struct error err = {0}, refused = {0};

	(void)state;
	bench_init(&bench);
	fake_keeper_run_ahead(bench.keeper);
	bench_start(&bench);
	assert_false(ledger_wait_ready(bench.ledger, 300, &err));
	ledger_status(bench.ledger, &status);
	assert_string_equal(
	    status.why_not, "the keeper's journal has leaf 0, and the database ends before it");
	item_init(&item, &bench.world, 1, "one");
	assert_false(bench_submit(&bench, &item, &refused));
	assert_int_equal(test_db_int(&bench.db, "SELECT size FROM audit_log"), 0);
}

static void
a_keeper_of_another_log_or_key_is_not_used(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	keeper_client_free(bench.keeper);
	bench.keeper = fake_keeper_new("test.example/other-2026");
	bench_start(&bench);
	assert_false(ledger_wait_ready(bench.ledger, 300, &err));
	bench_stop(&bench);
	keeper_client_free(bench.keeper);
	bench.keeper = fake_keeper_new(ITEM_ORIGIN);
	test_db_run(&bench.db, "UPDATE audit_log SET public_key = sha256('another')");
	bench_start(&bench);
	err = (struct error){0};
	assert_false(ledger_wait_ready(bench.ledger, 300, &err));
	assert_string_equal(
	    err.detail, "the log is not ready: the keeper has another key than the log's");
}

/* Whoever writes it is fenced off, and at a start it is told why. */
static void
a_retired_log_is_written_by_nobody(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	assert_true(ledger_wait_ready(bench.ledger, 5000, &err));
	test_db_run(&bench.db, "UPDATE audit_log SET gone_at_s = 1, owner = owner + 1");
	item_init(&item, &bench.world, 1, "one");
	assert_false(bench_submit(&bench, &item, &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
	bench_stop(&bench);
	bench_start(&bench);
	err = (struct error){0};
	assert_false(ledger_wait_ready(bench.ledger, 300, &err));
	assert_string_equal(err.detail, "the log is not ready: the log is retired: open a new one");
	assert_int_equal(test_db_int(&bench.db, "SELECT owner FROM audit_log"), 2);
	assert_int_equal(test_db_int(&bench.db, "SELECT size FROM audit_log"), 0);
}

/* Its journal takes up later what is committed now. */
static void
without_a_keeper_what_needs_no_signature_is_recorded(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item signing, plain;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	fake_keeper_die_at(bench.keeper, 1, false);
	item_init(&signing, &bench.world, 1, "one");
	assert_false(bench_submit(&bench, &signing, &err));
	for (int64_t id = 2; id < 40; id++) { /* through several attempts to find a keeper */
		const struct timespec pause = {.tv_nsec = 10000000};
		struct error failed = {0};

		bench.world.kind.signs = false;
		item_init(&plain, &bench.world, id, "");
		assert_done(bench_submit(&bench, &plain, &failed), &failed);
		bench.world.kind.signs = true;
		item_init(&signing, &bench.world, 100 + id, "one");
		assert_false(bench_submit(&bench, &signing, &failed));
		assert_int_equal(failed.code, E_KEEPER_UNAVAILABLE);
		(void)nanosleep(&pause, NULL);
	}
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM item"), 39);
	fake_keeper_revive(bench.keeper);
	bench_ready(&bench);
	assert_int_equal(fake_keeper_size(bench.keeper), 39);
	bench_await(&bench, "SELECT count(*) FROM kept", 1);
	bench_check_log(&bench);
}

/* A restored backup: what was committed now would be another past. */
static void
with_a_journal_that_was_ahead_nothing_is_recorded(void **state)
{
	DEFER(bench_clear) struct bench bench;
	const struct timespec pause = {.tv_nsec = 5000000};
	struct ledger_status status = {0};
	struct item plain;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	fake_keeper_run_ahead(bench.keeper);
	bench_start(&bench);
	assert_false(ledger_wait_ready(bench.ledger, 300, &err));
	fake_keeper_die(bench.keeper);
	while (strcmp(status.why_not, "the key keeper is away") != 0) {
		(void)nanosleep(&pause, NULL);
		ledger_status(bench.ledger, &status);
	}
	bench.world.kind.signs = false;
	for (int i = 0; i < 5; i++) {
		struct error refused = {0};

		item_init(&plain, &bench.world, i, "");
		assert_false(bench_submit(&bench, &plain, &refused));
	}
	assert_int_equal(test_db_int(&bench.db, "SELECT size FROM audit_log"), 0);
}

/* ---- proposals ---- */

static void
what_cannot_be_written_fails_alone(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item items[3];
	struct proposal *proposals[] = {&items[0].base, &items[1].base, &items[2].base};
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&items[0], &bench.world, 1, "one");
	item_init(&items[1], &bench.world, ITEM_POISON, "poison");
	item_init(&items[2], &bench.world, 2, "two");
	assert_done(ledger_submit(bench.ledger, proposals, 3, &err), &err);
	assert_int_equal(items[0].base.err.code, E_NONE);
	assert_int_equal(items[1].base.err.code, E_INTERNAL);
	assert_int_equal(items[2].base.err.code, E_NONE);
	assert_signed(&items[0]);
	assert_signed(&items[2]);
	bench_await(&bench, COUNT_LEAVES("%\"ev\":\"data.fault\"%"), 1);
	bench_stop(&bench);
	bench_check_log(&bench);
}

static void
a_proposal_with_more_leaves_than_a_transaction_may_have_fails(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(mem_free)
	struct record *records = xcalloc(LEDGER_RECORDS_MAX + 1, sizeof *records);
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 1, "");
	item.records = records;
	item.leaf_count = LEDGER_RECORDS_MAX + 1;
	assert_done(bench_submit(&bench, &item, &err), &err);
	assert_int_equal(item.base.err.code, E_INTERNAL);
}

static void
a_lost_race_is_run_again(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct ledger_status status;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	bench.world.race_count = 3;
	item_init(&item, &bench.world, 1, "one");
	assert_done(bench_submit(&bench, &item, &err), &err);
	assert_signed(&item);
	ledger_status(bench.ledger, &status);
	assert_int_equal(status.retries, 3);
	bench_check_log(&bench);
}

static void
a_race_that_is_always_lost_is_given_up(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	bench.world.race_count = 1000;
	item_init(&item, &bench.world, 1, "one");
	assert_false(bench_submit(&bench, &item, &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
	assert_int_equal(err.retry_after_s, 1);
	assert_int_equal(bench.world.race_count, 1000 - 10);
	assert_int_equal(test_db_int(&bench.db, "SELECT size FROM audit_log"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lost_connections_lose_nothing_and_record_nothing_twice),
	    cmocka_unit_test(an_idle_ledger_takes_a_new_connection),
	    cmocka_unit_test(a_log_that_is_not_there_is_a_reason_not_to_be_ready),
	    cmocka_unit_test(a_second_ledger_takes_the_log_and_the_first_stops_for_good),
	    cmocka_unit_test(a_ledger_that_lost_its_connection_does_not_take_the_log_back),
	    cmocka_unit_test(a_keeper_that_keeps_dying_loses_nothing),
	    cmocka_unit_test(what_died_with_the_keeper_is_signed_by_the_next_one),
	    cmocka_unit_test(a_new_keeper_is_greeted_before_it_is_used),
	    cmocka_unit_test(a_crash_before_the_keeper_got_it_is_made_good_at_the_next_start),
	    cmocka_unit_test(a_journal_that_lacks_much_catches_up),
	    cmocka_unit_test(a_journal_ahead_of_the_database_stops_everything),
	    cmocka_unit_test(without_a_keeper_what_needs_no_signature_is_recorded),
	    cmocka_unit_test(with_a_journal_that_was_ahead_nothing_is_recorded),
	    cmocka_unit_test(a_keeper_of_another_log_or_key_is_not_used),
	    cmocka_unit_test(a_retired_log_is_written_by_nobody),
	    cmocka_unit_test(what_cannot_be_written_fails_alone),
	    cmocka_unit_test(a_proposal_with_more_leaves_than_a_transaction_may_have_fails),
	    cmocka_unit_test(a_lost_race_is_run_again),
	    cmocka_unit_test(a_race_that_is_always_lost_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
