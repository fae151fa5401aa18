#include "tests/support/cmocka_all.h"

#include "audit/note.h"
#include "fake_ledger.h"

static const struct error DUPLICATE = {.code = E_DUPLICATE_HARDWARE};

static void
a_success_is_informational_and_ok(void **state)
{
	struct leaf leaf;

	(void)state;
	note_leaf(&leaf, LEAF_BATCH_OPEN, "admin:aaaaaaaaaaaaaaaa", "b:bbbbbbbbbbbbbbbb", NULL, 7);
	assert_int_equal(leaf.event, LEAF_BATCH_OPEN);
	assert_string_equal(leaf.code, "");
	assert_int_equal(leaf.severity, 1);
	assert_false(leaf.failure);
	assert_int_equal(leaf.at_s, 7);
	assert_string_equal(leaf.actor, "admin:aaaaaaaaaaaaaaaa");
	assert_string_equal(leaf.subject, "b:bbbbbbbbbbbbbbbb");
}

static void
a_refusal_takes_code_and_severity_from_its_error(void **state)
{
	struct leaf leaf;

	(void)state;
	note_leaf(&leaf, LEAF_ENROLL_REFUSED, "station:aaaaaaaaaaaaaaaa", "", &DUPLICATE, 7);
	assert_string_equal(leaf.code, "DUPLICATE_HARDWARE");
	assert_int_equal(leaf.severity, 3);
	assert_true(leaf.failure);
}

static void
a_leaf_that_was_used_before_keeps_nothing(void **state)
{
	struct leaf leaf = {.count = 9, .window_s = 60, .has_commitment = true, .seq = 4};

	(void)state;
	leaf.details[0].key = "why";
	note_leaf(&leaf, LEAF_SVC_START, "", "", NULL, 7);
	assert_int_equal(leaf.count, 0);
	assert_int_equal(leaf.window_s, 0);
	assert_false(leaf.has_commitment);
	assert_null(leaf.details[0].key);
}

static void
an_actor_that_is_too_long_is_cut_within_bounds(void **state)
{
	struct leaf leaf;
	char actor[200];

	(void)state;
	memset(actor, 'a', sizeof actor - 1);
	actor[sizeof actor - 1] = '\0';
	note_leaf(&leaf, LEAF_SVC_START, actor, actor, NULL, 7);
	assert_int_equal(strlen(leaf.actor), LEAF_VALUE_MAX);
	assert_int_equal(strlen(leaf.subject), LEAF_VALUE_MAX);
}

static void
the_kind_decides_the_same_at_every_try(void **state)
{
	struct note_proposal good = {.base.kind = note_kind()};
	struct note_proposal bad = {.base.kind = note_kind(), .refused = DUPLICATE};
	struct proposal *const proposals[] = {&good.base, &bad.base};
	struct ledger_batch batch = {.proposals = proposals, .count = 2};

	(void)state;
	for (int tries = 0; tries < 3; tries++) {
		note_kind()->decide(NULL, &batch);
		assert_int_equal(good.base.err.code, E_NONE);
		assert_int_equal(bad.base.err.code, E_DUPLICATE_HARDWARE);
		assert_int_equal(good.base.record_count, 1);
		assert_int_equal(bad.base.record_count, 1);
		assert_false(bad.record.dropped);
		assert_false(good.base.changes_status);
		bad.record.dropped = true; /* by a try that was rolled back */
	}
}

static void
note_record_hands_one_leaf_over(void **state)
{
	struct ledger *ledger = fake_ledger_begin();
	struct error err = {0};
	struct leaf leaf;

	(void)state;
	note_leaf(&leaf, LEAF_CRL_PUBLISH, "system:aaaaaaaaaaaaaaaa", "", NULL, 7);
	assert_true(note_record(ledger, &leaf, &err));
	assert_int_equal(fake_ledger.count, 1);
	assert_int_equal(fake_ledger.leaves[0].event, LEAF_CRL_PUBLISH);
}

static void
note_record_fails_with_the_ledger(void **state)
{
	struct ledger *ledger = fake_ledger_begin();
	struct error err = {0};
	struct leaf leaf;

	(void)state;
	fake_ledger.away = true;
	note_leaf(&leaf, LEAF_CRL_PUBLISH, "system:aaaaaaaaaaaaaaaa", "", NULL, 7);
	assert_false(note_record(ledger, &leaf, &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_success_is_informational_and_ok),
	    cmocka_unit_test(a_refusal_takes_code_and_severity_from_its_error),
	    cmocka_unit_test(a_leaf_that_was_used_before_keeps_nothing),
	    cmocka_unit_test(an_actor_that_is_too_long_is_cut_within_bounds),
	    cmocka_unit_test(the_kind_decides_the_same_at_every_try),
	    cmocka_unit_test(note_record_hands_one_leaf_over),
	    cmocka_unit_test(note_record_fails_with_the_ledger),
	};

	return cmocka_run_group_tests_name("audit/note", tests, NULL, NULL);
}
