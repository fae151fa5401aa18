/* What the keeper does not sign: for ever, or not now. */
#include "tests/support/bench.h"

#include <stdlib.h>

#define MANY 300 /* more than a batch gives up, and more than a start asks for at once */

#define ABORTS                                                                   \
	"SELECT count(*) FROM audit_leaf WHERE convert_from(body, 'UTF8') LIKE " \
	"'%\"ev\":\"cert.abort\"%'"

static void
an_abort_frees_what_was_taken_before_anything_else_is_recorded(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	for (int64_t id = 1; id <= 20; id++) {
		struct item bad, again;
		struct error err = {0};

		item_init(&bad, &bench.world, id, "X bad");
		assert_done(bench_submit(&bench, &bad, &err), &err);
		assert_int_equal(bad.base.err.code, E_INTERNAL);
		assert_false(bad.base.err.recorded);
		item_init(&again, &bench.world, id, "good"); /* at once: it must not be a replay */
		assert_done(bench_submit(&bench, &again, &err), &err);
		assert_false(again.replayed);
		assert_signed(&again);
	}
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, ABORTS), 20);
	assert_int_equal(
	    test_db_int(&bench.db,
		"SELECT count(*) FROM audit_leaf WHERE convert_from(body, 'UTF8') LIKE"
		" '%\"ev\":\"cert.abort\",\"rc\":\"KEEPER_REFUSED\"%\"sub\":\"h:7\"%'"),
	    1);
	bench_check_log(&bench);
}

static void
the_others_of_a_batch_are_signed(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item bad, good;
	struct proposal *both[] = {&bad.base, &good.base};
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&bad, &bench.world, 8, "X eight");
	item_init(&good, &bench.world, 9, "nine");
	assert_done(ledger_submit(bench.ledger, both, 2, &err), &err);
	assert_int_equal(bad.base.err.code, E_INTERNAL);
	assert_int_equal(good.base.err.code, E_NONE);
	assert_signed(&good);
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, ABORTS), 1);
	bench_check_log(&bench);
}

struct crowd {
	struct item items[MANY + 3];
	struct proposal *proposals[MANY + 3];
};

/* The first MANY begin with `initial`, the last three are good. */
static void
crowd_init(struct crowd *crowd, struct bench *bench, char initial)
{
	for (size_t i = 0; i < MANY + 3; i++) {
		char tbs[32];

		(void)snprintf(tbs, sizeof tbs, "%c %zu", i < MANY ? initial : 'g', i);
		item_init(&crowd->items[i], &bench->world, (int64_t)i, tbs);
		crowd->proposals[i] = &crowd->items[i].base;
	}
}

static void
however_many_are_refused_none_is_lost(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(mem_free) struct crowd *crowd = xcalloc(1, sizeof *crowd);
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	crowd_init(crowd, &bench, FAKE_KEEPER_REFUSED);
	assert_done(ledger_submit(bench.ledger, crowd->proposals, MANY + 3, &err), &err);
	for (size_t i = MANY; i < MANY + 3; i++)
		assert_signed(&crowd->items[i]);
	bench_await(&bench, "SELECT count(*) FROM aborted", MANY);
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, ABORTS), MANY);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM item"), 3);
	bench_check_log(&bench);
}

/* Recorded, and the keeper died of it: the next one is asked. */
static void
submit_to_a_dying_keeper(struct bench *bench, struct crowd *crowd)
{
	struct error err = {0};

	fake_keeper_die_at(bench->keeper, 1, false);
	assert_false(ledger_submit(bench->ledger, crowd->proposals, MANY + 3, &err));
	assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
	fake_keeper_revive(bench->keeper);
}

static void
the_refused_hide_nothing_at_a_start_and_are_asked_for_once(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(mem_free) struct crowd *crowd = xcalloc(1, sizeof *crowd);
	unsigned asked;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	crowd_init(crowd, &bench, FAKE_KEEPER_REFUSED);
	submit_to_a_dying_keeper(&bench, crowd);
	bench_await(&bench, "SELECT count(*) FROM kept", 3);
	bench_await(&bench, "SELECT count(*) FROM aborted", MANY);
	asked = fake_keeper_signed_recorded(bench.keeper);
	assert_int_equal(asked, MANY + 3);
	bench_stop(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	assert_int_equal(fake_keeper_signed_recorded(bench.keeper), asked);
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, ABORTS), MANY);
	bench_check_log(&bench);
}

static void
what_has_no_key_here_waits_hides_nothing_and_is_signed_later(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(mem_free) struct crowd *crowd = xcalloc(1, sizeof *crowd);

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	crowd_init(crowd, &bench, FAKE_KEEPER_NOT_NOW);
	submit_to_a_dying_keeper(&bench, crowd);
	bench_await(&bench, "SELECT count(*) FROM kept", 3);
	fake_keeper_learn(bench.keeper);
	fake_keeper_revive(bench.keeper);
	bench_await(&bench, "SELECT count(*) FROM kept", MANY + 3);
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, ABORTS), 0);
	bench_check_log(&bench);
}

static void
a_key_that_is_not_here_is_a_reason_to_try_again(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 1, "K one");
	assert_done(bench_submit(&bench, &item, &err), &err);
	assert_int_equal(item.base.err.code, E_KEEPER_UNAVAILABLE);
	assert_int_equal(item.base.err.retry_after_s, 1);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM item"), 1);
}

/*
 * What is committed reaches the journal, if its answer was lost with the connection by the next
 * recovery. An end does not wait for that: the next start does it.
 */
static void
await_journal(struct bench *bench)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	while ((int64_t)fake_keeper_size(bench->keeper) !=
	       test_db_int(&bench->db, "SELECT size FROM audit_log"))
		(void)nanosleep(&pause, NULL);
}

/* A keeper that refuses, and connections that are lost: one leaf for each that is given up. */
static void
lost_connections_abort_nothing_twice(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(mem_free) struct crowd *crowd = xcalloc(1, sizeof *crowd);
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	crowd_init(crowd, &bench, FAKE_KEEPER_REFUSED);
	(void)!ledger_submit(bench.ledger, crowd->proposals, MANY + 3, &err);
	for (int i = 0; i < 5; i++) {
		const struct timespec pause = {.tv_nsec = 3000000};

		test_db_run(&bench.db,
		    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		    " WHERE datname = current_database() AND application_name = 'monikerd ledger'");
		(void)nanosleep(&pause, NULL);
	}
	bench_await(&bench, "SELECT count(*) FROM aborted", MANY);
	await_journal(&bench);
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, ABORTS), MANY);
	bench_check_log(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_abort_frees_what_was_taken_before_anything_else_is_recorded),
	    cmocka_unit_test(the_others_of_a_batch_are_signed),
	    cmocka_unit_test(however_many_are_refused_none_is_lost),
	    cmocka_unit_test(the_refused_hide_nothing_at_a_start_and_are_asked_for_once),
	    cmocka_unit_test(what_has_no_key_here_waits_hides_nothing_and_is_signed_later),
	    cmocka_unit_test(a_key_that_is_not_here_is_a_reason_to_try_again),
	    cmocka_unit_test(lost_connections_abort_nothing_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
