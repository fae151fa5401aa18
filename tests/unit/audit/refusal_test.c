#include "tests/support/cmocka_all.h"

#include "audit/audit.h"
#include "audit/note.h"
#include "audit/refusal.h"
#include "base/mem.h"

#define NOW_S INT64_C(1767225605)

struct round { /* a batch of notes as the ledger would bring it */
	struct note_proposal notes[64];
	struct proposal *proposals[64];
	struct ledger_batch batch;
};

static void
round_init(struct round *round, size_t count, int64_t now_s)
{
	*round = (struct round){0};
	for (size_t i = 0; i < count; i++) {
		struct note_proposal *note = &round->notes[i];

		note->base.kind = note_kind();
		note->refused.code = E_BAD_PROOF;
		note_leaf(&note->record.leaf, LEAF_ENROLL_REFUSED, "station:aaaaaaaaaaaaaaaa", "",
		    &note->refused, now_s);
		round->proposals[i] = &note->base;
	}
	round->batch.now_s = now_s;
	round->batch.proposals = round->proposals;
	round->batch.count = count;
}

/* One try; returns how many of its records were dropped. */
static size_t
round_try(struct round *round, struct refusals *refusals)
{
	size_t dropped = 0;

	note_kind()->decide(NULL, &round->batch);
	refusals_sift(refusals, &round->batch);
	for (size_t i = 0; i < round->batch.count; i++)
		dropped += round->notes[i].record.dropped;
	assert_int_equal(refusals_dropped(refusals), dropped);
	return dropped;
}

static size_t
commit(struct refusals *refusals, size_t count, int64_t now_s)
{
	struct round round;
	size_t dropped;

	round_init(&round, count, now_s);
	dropped = round_try(&round, refusals);
	refusals_settled(refusals, true);
	return dropped;
}

static void
the_first_ten_of_a_minute_are_leaves(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();

	(void)state;
	for (int i = 0; i < REFUSALS_PER_WINDOW; i++)
		assert_int_equal(commit(refusals, 1, NOW_S), 0);
	assert_int_equal(commit(refusals, 1, NOW_S), 1);
	assert_int_equal(commit(refusals, 7, NOW_S), 7);
}

static void
the_limit_holds_within_one_batch(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();
	struct round round;

	(void)state;
	round_init(&round, 25, NOW_S);
	assert_int_equal(round_try(&round, refusals), 15);
	for (size_t i = 0; i < 25; i++) /* the first are the ones that stay */
		assert_int_equal(round.notes[i].record.dropped, i >= REFUSALS_PER_WINDOW);
}

static void
a_batch_that_is_rolled_back_uses_nothing_up(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();
	struct round round;

	(void)state;
	round_init(&round, 10, NOW_S);
	assert_int_equal(round_try(&round, refusals), 0);
	refusals_settled(refusals, false);
	assert_int_equal(commit(refusals, 10, NOW_S), 0);
	assert_int_equal(commit(refusals, 1, NOW_S), 1);
}

static void
a_batch_that_is_tried_again_counts_once(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();
	struct round round;

	(void)state;
	round_init(&round, 6, NOW_S);
	for (int tries = 0; tries < 5; tries++)
		assert_int_equal(round_try(&round, refusals), 0);
	refusals_settled(refusals, true);
	assert_int_equal(commit(refusals, 6, NOW_S), 2);
}

static void
the_next_minute_starts_anew(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();

	(void)state;
	assert_int_equal(commit(refusals, 12, NOW_S), 2);
	assert_int_equal(commit(refusals, 10, NOW_S + 60), 0);
	assert_int_equal(commit(refusals, 1, NOW_S + 60), 1);
}

static void
a_clock_that_is_set_back_drops_nothing_unseen(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();

	(void)state;
	assert_int_equal(commit(refusals, 10, NOW_S), 0);
	assert_int_equal(commit(refusals, 10, NOW_S - 3600), 0);
}

/* clang-format off */
static const struct other {
	const char *why;
	enum leaf_event event;
	enum error_code code;
	const char *actor;
} OTHERS[] = {
	{"another actor",  LEAF_ENROLL_REFUSED, E_BAD_PROOF, "station:bbbbbbbbbbbbbbbb"},
	{"another event",  LEAF_RENEW_REFUSED,  E_BAD_PROOF, "station:aaaaaaaaaaaaaaaa"},
	{"another reason", LEAF_ENROLL_REFUSED, E_WEAK_KEY,  "station:aaaaaaaaaaaaaaaa"},
};
/* clang-format on */

static void
other_actors_events_and_reasons_are_counted_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(OTHERS); i++) {
		DEFER(refusals_free) struct refusals *refusals = refusals_new();
		struct round round;

		assert_int_equal(commit(refusals, 20, NOW_S), 10);
		round_init(&round, 1, NOW_S);
		round.notes[0].refused.code = OTHERS[i].code;
		note_leaf(&round.notes[0].record.leaf, OTHERS[i].event, OTHERS[i].actor, "",
		    &round.notes[0].refused, NOW_S);
		if (round_try(&round, refusals) != 0)
			fail_msg("%s was dropped", OTHERS[i].why);
	}
}

static void
what_is_no_refusal_is_never_dropped(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();
	struct round round;

	(void)state;
	round_init(&round, 40, NOW_S);
	for (size_t i = 0; i < 40; i++)
		round.notes[i].refused = (struct error){0}; /* a summary of failures, say */
	assert_int_equal(round_try(&round, refusals), 0);
}

static void
beyond_the_table_refusals_are_leaves(void **state)
{
	DEFER(refusals_free) struct refusals *refusals = refusals_new();
	struct round round;

	(void)state;
	for (int i = 0; i < REFUSAL_KEYS_MAX; i++) {
		round_init(&round, 1, NOW_S);
		snprintf(round.notes[0].record.leaf.actor, LEAF_VALUE_MAX, "device:%d", i);
		assert_int_equal(round_try(&round, refusals), 0);
		refusals_settled(refusals, true);
	}
	assert_int_equal(commit(refusals, 60, NOW_S), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_ten_of_a_minute_are_leaves),
	    cmocka_unit_test(the_limit_holds_within_one_batch),
	    cmocka_unit_test(a_batch_that_is_rolled_back_uses_nothing_up),
	    cmocka_unit_test(a_batch_that_is_tried_again_counts_once),
	    cmocka_unit_test(the_next_minute_starts_anew),
	    cmocka_unit_test(a_clock_that_is_set_back_drops_nothing_unseen),
	    cmocka_unit_test(other_actors_events_and_reasons_are_counted_apart),
	    cmocka_unit_test(what_is_no_refusal_is_never_dropped),
	    cmocka_unit_test(beyond_the_table_refusals_are_leaves),
	};

	return cmocka_run_group_tests_name("audit/refusal", tests, NULL, NULL);
}
