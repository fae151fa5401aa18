#include "tests/support/bench.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 64
#define PER_THREAD 50

static void
a_recorded_proposal_has_a_place_and_its_own_signature(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	item_init(&item, &bench.world, 7, "seven");
	bench_ready(&bench);
	assert_done(bench_submit(&bench, &item, &err), &err);
	assert_int_equal(item.base.err.code, E_NONE);
	assert_int_equal(item.record.seq, 0);
	assert_signed(&item);
	bench_check_log(&bench);
}

static void
a_refusal_is_recorded_and_says_so(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 1, "one");
	item.refuse = true;
	assert_done(bench_submit(&bench, &item, &err), &err);
	assert_int_equal(item.base.err.code, E_QUOTA_EXHAUSTED);
	assert_true(item.base.err.recorded);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM item"), 0);
	bench_check_log(&bench);
}

static void
a_change_of_status_goes_through_the_one_order(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 1, "");
	item.changes_status = true;
	assert_done(bench_submit(&bench, &item, &err), &err);
	bench_await(&bench, "SELECT size FROM audit_log", 1);
}

static void
an_idle_ledger_keeps_signatures_soon(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};
	struct ledger_status status;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 3, "three");
	assert_done(bench_submit(&bench, &item, &err), &err);
	bench_await(&bench, "SELECT count(*) FROM kept WHERE id = 3", 1);
	ledger_status(bench.ledger, &status);
	assert_true(status.ready);
	assert_int_equal(status.size, 1); /* and without a leaf */
}

static void
an_end_keeps_the_last_signatures(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 3, "three");
	assert_done(bench_submit(&bench, &item, &err), &err);
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM kept"), 1);
}

/* ---- many at once ---- */

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
		uint8_t want[FAKE_KEEPER_SIGNATURE_BYTES];
		struct error err = {0};
		struct item item;
		char tbs[32];

		(void)snprintf(tbs, sizeof tbs, "tbs %lld", (long long)worker->first_id + i);
		item_init(&item, &worker->bench->world, worker->first_id + i, tbs);
		fake_keeper_sign(bytes_of_text(tbs), want);
		if (!bench_submit(worker->bench, &item, &err) || item.base.err.code != E_NONE ||
		    item.record.signature_len != sizeof want ||
		    memcmp(item.record.signature, want, sizeof want) != 0)
			worker->good = false;
	}
	return NULL;
}

static void
sixty_four_threads_get_gapless_places_and_their_own_signatures(void **state)
{
	DEFER(bench_clear) struct bench bench;
	const struct worker none = {0};
	struct worker workers[THREADS];
	struct ledger_status status;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	for (int i = 0; i < THREADS; i++) {
		workers[i] = none;
		workers[i].bench = &bench;
		workers[i].first_id = (int64_t)i * PER_THREAD;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_true(workers[i].good);
	}
	ledger_status(bench.ledger, &status);
	assert_int_equal(status.size, THREADS * PER_THREAD);
	assert_int_equal(status.proposals, THREADS * PER_THREAD);
	assert_true(status.batches < THREADS * PER_THREAD / 2); /* it is a group commit */
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM item"), THREADS * PER_THREAD);
	bench_check_log(&bench);
	bench_stop(&bench);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM kept"), THREADS * PER_THREAD);
}

static void
submit_many(struct bench *bench, size_t count, size_t leaf_count)
{
	DEFER(mem_free) struct item *items = xcalloc(count, sizeof *items);
	DEFER(mem_free) struct record *records = xcalloc(count * leaf_count, sizeof *records);
	DEFER(mem_free) struct proposal **proposals = xcalloc(count, sizeof(struct proposal *));
	struct error err = {0};

	for (size_t i = 0; i < count; i++) {
		item_init(&items[i], &bench->world, (int64_t)i, "");
		items[i].leaf_count = leaf_count;
		items[i].records = records + i * leaf_count;
		proposals[i] = &items[i].base;
	}
	assert_done(ledger_submit(bench->ledger, proposals, count, &err), &err);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(items[i].base.err.code, E_NONE);
		assert_int_equal(records[i * leaf_count].seq, i * leaf_count); /* in order */
	}
}

static void
a_submission_larger_than_a_batch_is_recorded_in_order(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	submit_many(&bench, LEDGER_BATCH_MAX + 500, 1);
	assert_int_equal(bench.world.largest_batch, LEDGER_BATCH_MAX);
	bench_stop(&bench);
	bench_check_log(&bench);
}

static void
proposals_of_a_kind_that_is_alone_are_recorded_one_by_one(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	bench.world.kind.alone = true;
	bench_start(&bench);
	bench_ready(&bench);
	submit_many(&bench, 20, 1);
	assert_int_equal(bench.world.largest_batch, 1);
	bench_stop(&bench);
	bench_check_log(&bench);
}

static void
proposals_with_too_many_leaves_for_one_transaction_take_several_in_order(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct ledger_status status;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	submit_many(&bench, 10, 1000); /* three fit */
	ledger_status(bench.ledger, &status);
	assert_int_equal(status.size, 10000);
	bench_stop(&bench);
	bench_check_log(&bench);
}

static void
a_full_queue_refuses_at_once(void **state)
{
	DEFER(bench_clear) struct bench bench;
	const size_t count = LEDGER_QUEUE_MAX + 1;
	DEFER(mem_free) struct item *items = xcalloc(count, sizeof *items);
	DEFER(mem_free) struct proposal **proposals = xcalloc(count, sizeof(struct proposal *));
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	for (size_t i = 0; i < count; i++) {
		item_init(&items[i], &bench.world, (int64_t)i, "");
		proposals[i] = &items[i].base;
	}
	assert_false(ledger_submit(bench.ledger, proposals, count, &err));
	assert_int_equal(err.code, E_BUSY);
	assert_int_equal(err.retry_after_s, 1);
}

/* ---- the outbox ---- */

#define OUTBOX_ADD(event)                                                                \
	"INSERT INTO audit_outbox (tail) VALUES (convert_to('\"v\":1,\"ev\":\"" event    \
	"\",\"rc\":\"OK\",\"sev\":1,\"out\":\"success\",\"t\":\"2026-01-01T00:00:00Z\"," \
	"\"n\":\"AAAAAAAAAAAAAAAAAAAAAA\"}', 'UTF8'))"

static void
what_a_tool_left_before_the_start_comes_first(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	test_db_run(&bench.db, OUTBOX_ADD("config.change"));
	bench_start(&bench);
	bench_ready(&bench);
	item_init(&item, &bench.world, 1, "one");
	assert_done(bench_submit(&bench, &item, &err), &err);
	assert_int_equal(item.record.seq, 1);
	assert_int_equal(test_db_int(&bench.db, "SELECT count(*) FROM audit_outbox"), 0);
	bench_check_log(&bench);
}

static void
an_idle_ledger_hears_of_the_outbox(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	bench_await(&bench, "SELECT size FROM audit_log", 0);
	test_db_run(&bench.db, OUTBOX_ADD("batch.open"));
	bench_await(&bench, "SELECT size FROM audit_log", 1);
	test_db_run(&bench.db, OUTBOX_ADD("batch.close"));
	bench_await(&bench, "SELECT size FROM audit_log", 2);
	bench_stop(&bench);
	bench_check_log(&bench);
}

/* The word comes with the answer to a statement of the ledger's own, and never again. */
static void
it_hears_of_the_outbox_in_the_middle_of_a_transaction(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct item item;
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	test_db_run(&bench.db,
	    "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS"
	    " $$ BEGIN PERFORM pg_notify('audit_outbox', ''); RETURN NULL; END $$;"
	    "CREATE TRIGGER tell AFTER INSERT ON item FOR EACH STATEMENT EXECUTE FUNCTION tell();"
	    "ALTER TABLE audit_outbox DISABLE TRIGGER outbox_notify");
	bench_start(&bench);
	bench_ready(&bench);
	bench_await(&bench, "SELECT size FROM audit_log", 0);
	test_db_run(&bench.db, OUTBOX_ADD("batch.open"));
	item_init(&item, &bench.world, 1, "");
	assert_done(bench_submit(&bench, &item, &err), &err);
	bench_await(&bench, "SELECT count(*) FROM audit_outbox", 0);
	bench_stop(&bench);
	bench_check_log(&bench);
}

static void
what_is_no_leaf_becomes_a_data_fault(void **state)
{
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	bench_start(&bench);
	bench_ready(&bench);
	test_db_run(&bench.db,
	    "INSERT INTO audit_outbox (tail) VALUES (convert_to('\"v\":1,\"ev\":\"evil', 'UTF8'))");
	bench_await(&bench, "SELECT size FROM audit_log", 1);
	assert_int_equal(test_db_int(&bench.db,
			     "SELECT count(*) FROM audit_leaf"
			     " WHERE convert_from(body, 'UTF8') LIKE '%\"ev\":\"data.fault\"%'"),
	    1);
	bench_stop(&bench);
	bench_check_log(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_recorded_proposal_has_a_place_and_its_own_signature),
	    cmocka_unit_test(a_refusal_is_recorded_and_says_so),
	    cmocka_unit_test(a_change_of_status_goes_through_the_one_order),
	    cmocka_unit_test(an_idle_ledger_keeps_signatures_soon),
	    cmocka_unit_test(an_end_keeps_the_last_signatures),
	    cmocka_unit_test(sixty_four_threads_get_gapless_places_and_their_own_signatures),
	    cmocka_unit_test(a_submission_larger_than_a_batch_is_recorded_in_order),
	    cmocka_unit_test(proposals_of_a_kind_that_is_alone_are_recorded_one_by_one),
	    cmocka_unit_test(
		proposals_with_too_many_leaves_for_one_transaction_take_several_in_order),
	    cmocka_unit_test(a_full_queue_refuses_at_once),
	    cmocka_unit_test(what_a_tool_left_before_the_start_comes_first),
	    cmocka_unit_test(an_idle_ledger_hears_of_the_outbox),
	    cmocka_unit_test(it_hears_of_the_outbox_in_the_middle_of_a_transaction),
	    cmocka_unit_test(what_is_no_leaf_becomes_a_data_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
