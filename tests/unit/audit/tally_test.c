#include "tests/support/cmocka_all.h"

#include "audit/tally.h"
#include "base/mem.h"
#include "fake_ledger.h"

static struct tally *
tally_of(const uint64_t forged, const uint64_t foreign)
{
	struct tally *tally = xcalloc(1, sizeof *tally);

	for (uint64_t i = 0; i < forged; i++)
		tally_add(tally, LEAF_ENROLL_REFUSED, E_TOKEN_INVALID);
	for (uint64_t i = 0; i < foreign; i++)
		tally_add(tally, LEAF_ADMIN_LOGIN_REFUSED, E_CALLER_UNKNOWN);
	return tally;
}

static void
a_flood_becomes_one_leaf_a_reason(void **state)
{
	DEFER(mem_free) struct tally *tally = tally_of(5000, 3);
	struct ledger *ledger = fake_ledger_begin();
	struct error err = {0};

	(void)state;
	assert_true(tally_flush(tally, ledger, 1767225540, 60, &err));
	assert_int_equal(fake_ledger.count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct leaf *leaf = &fake_ledger.leaves[i];
		bool forged = leaf->event == LEAF_ENROLL_REFUSED;

		assert_string_equal(leaf->actor, "nobody");
		assert_string_equal(leaf->code, forged ? "TOKEN_INVALID" : "CALLER_UNKNOWN");
		assert_int_equal(leaf->count, forged ? 5000 : 3);
		assert_int_equal(leaf->window_s, 60);
		assert_int_equal(leaf->at_s, 1767225540);
		assert_true(leaf->failure);
	}
}

static void
what_was_taken_is_not_counted_again(void **state)
{
	DEFER(mem_free) struct tally *tally = tally_of(2, 2);
	struct ledger *ledger = fake_ledger_begin();
	struct error err = {0};

	(void)state;
	assert_true(tally_flush(tally, ledger, 0, 60, &err));
	assert_true(tally_flush(tally, ledger, 60, 60, &err));
	assert_int_equal(fake_ledger.count, 2);
}

static void
without_a_ledger_counts_wait_for_the_next_minute(void **state)
{
	DEFER(mem_free) struct tally *tally = tally_of(7, 0);
	struct ledger *ledger = fake_ledger_begin();
	struct error err = {0};

	(void)state;
	fake_ledger.away = true;
	assert_false(tally_flush(tally, ledger, 0, 60, &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
	fake_ledger.away = false;
	tally_add(tally, LEAF_ENROLL_REFUSED, E_TOKEN_INVALID);
	assert_true(tally_flush(tally, ledger, 60, 60, &(struct error){0}));
	assert_int_equal(fake_ledger.count, 1);
	assert_int_equal(fake_ledger.leaves[0].count, 8);
}

static void
more_reasons_than_one_submission_holds_are_all_recorded(void **state)
{
	DEFER(mem_free) struct tally *tally = xcalloc(1, sizeof *tally);
	struct ledger *ledger = fake_ledger_begin();
	struct error err = {0};
	size_t want = 0;

	(void)state;
	for (int event = LEAF_EVENT_NONE + 1; event < 4; event++)
		for (int code = E_NONE + 1; code < E_COUNT; code++, want++)
			tally_add(tally, (enum leaf_event)event, (enum error_code)code);
	assert_true(tally_flush(tally, ledger, 0, 60, &err));
	assert_int_equal(fake_ledger.count, want);
}

static void
no_failures_no_leaves(void **state)
{
	DEFER(mem_free) struct tally *tally = xcalloc(1, sizeof *tally);
	struct ledger *ledger = fake_ledger_begin();
	struct error err = {0};

	(void)state;
	assert_true(tally_flush(tally, ledger, 0, 60, &err));
	assert_int_equal(fake_ledger.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flood_becomes_one_leaf_a_reason),
	    cmocka_unit_test(what_was_taken_is_not_counted_again),
	    cmocka_unit_test(without_a_ledger_counts_wait_for_the_next_minute),
	    cmocka_unit_test(more_reasons_than_one_submission_holds_are_all_recorded),
	    cmocka_unit_test(no_failures_no_leaves),
	};

	return cmocka_run_group_tests_name("audit/tally", tests, NULL, NULL);
}
