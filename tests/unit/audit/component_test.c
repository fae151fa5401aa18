#include "audit/component.h"

#include "audit/watch.h"
#include "tests/support/cmocka_all.h"

#define T0_S INT64_C(1800000000)

/* One look at `ms` after the beginning. */
static bool
look(struct component *component, bool well, int64_t ms)
{
	return component_look(component, well, ms, T0_S + ms / 1000);
}

static bool
pays(struct component *component, struct leaf *out)
{
	if (!component_owes(component, COMPONENT_KEEPER, T0_S + 999, out))
		return false;
	component_paid(component);
	return true;
}

static void
a_short_interval_is_not_told(void **state)
{
	struct component component = {0};
	struct leaf leaf;

	(void)state;
	assert_false(look(&component, true, 0));
	assert_false(look(&component, false, 1000));
	assert_false(look(&component, false, 1000 + COMPONENT_DOWN_MS - 1));
	assert_false(look(&component, true, 1000 + COMPONENT_DOWN_MS));
	/* And the next one begins anew. */
	assert_false(look(&component, false, 7000));
	assert_false(look(&component, true, 8000));
	assert_false(component_owes(&component, COMPONENT_KEEPER, T0_S, &leaf));
}

static void
what_was_told_as_degraded_is_told_as_restored(void **state)
{
	struct component component = {0};
	struct leaf leaf;

	(void)state;
	assert_false(look(&component, false, 2000));
	assert_true(look(&component, false, 2000 + COMPONENT_DOWN_MS));
	assert_false(look(&component, false, 9000)); /* once */
	assert_true(pays(&component, &leaf));
	assert_int_equal(leaf.event, LEAF_SVC_DEGRADED);
	assert_string_equal(leaf.subject, "keeper");
	assert_int_equal(leaf.at_s, T0_S + 2);
	assert_true(leaf.failure);
	assert_false(pays(&component, &leaf));
	assert_true(look(&component, true, 62000));
	assert_true(pays(&component, &leaf));
	assert_int_equal(leaf.event, LEAF_SVC_DOWN);
	assert_int_equal(leaf.at_s, T0_S + 2);
	assert_int_equal(leaf.window_s, 60);
	assert_int_equal(leaf.count, 1);
	assert_int_equal(leaf.severity, 4);
	assert_true(pays(&component, &leaf));
	assert_int_equal(leaf.event, LEAF_SVC_RESTORED);
	assert_false(leaf.failure);
	assert_false(pays(&component, &leaf));
}

/* The database was what was away: nothing could be written meanwhile. */
static void
what_could_not_be_told_is_told_as_one_interval(void **state)
{
	struct component component = {0};
	struct leaf leaf;

	(void)state;
	assert_false(look(&component, false, 0));
	assert_true(look(&component, false, 10000));
	assert_true(look(&component, true, 20000));
	assert_false(look(&component, false, 21000));
	assert_true(look(&component, false, 30000));
	assert_true(look(&component, true, 50000));
	assert_true(pays(&component, &leaf));
	assert_int_equal(leaf.event, LEAF_SVC_DOWN);
	assert_int_equal(leaf.at_s, T0_S);
	assert_int_equal(leaf.window_s, 50);
	assert_int_equal(leaf.count, 2);
	assert_false(pays(&component, &leaf)); /* neither degraded nor restored */
}

static void
an_interval_may_begin_while_one_is_owed(void **state)
{
	struct component component = {0};
	struct leaf leaf;

	(void)state;
	assert_false(look(&component, false, 0));
	assert_true(look(&component, false, 6000));
	assert_true(look(&component, true, 7000));
	assert_false(look(&component, false, 8000));
	assert_true(look(&component, false, 14000));
	assert_true(pays(&component, &leaf));
	assert_int_equal(leaf.event, LEAF_SVC_DOWN);
	assert_int_equal(leaf.window_s, 7);
	assert_true(pays(&component, &leaf));
	assert_int_equal(leaf.event, LEAF_SVC_DEGRADED);
	assert_int_equal(leaf.at_s, T0_S + 8);
}

static void
every_leaf_that_is_owed_can_be_written(void **state)
{
	(void)state;
	for (enum component_id id = 0; id < COMPONENT_COUNT; id++) {
		struct component component = {0};
		struct leaf leaf;

		assert_false(look(&component, false, 0));
		assert_true(look(&component, false, 6000));
		for (int i = 0; i < 2; i++) {
			while (component_owes(&component, id, T0_S, &leaf)) {
				DEFER(buf_clear_public) struct buf text = {0};
				struct error err = {0};

				leaf.sequenced_at_s = T0_S;
				assert_true(leaf_encode(&leaf, &text, &err));
				component_paid(&component);
			}
			(void)look(&component, true, 7000);
		}
	}
}

/* ---- the clock ---- */

static const struct tick {
	const char *what;
	int64_t now_s, monotonic_s, jump_s;
	bool well;
} TICKS[] = {
    {"the first look", T0_S, 100, 0, true},
    {"a second", T0_S + 1, 101, 0, true},
    {"a look that was late", T0_S + 61, 161, 0, true},
    {"slewed", T0_S + 63, 162, 0, true},
    {"set ahead", T0_S + 3663, 163, 3599, true},
    {"goes on", T0_S + 3664, 164, 0, true},
    {"set back", T0_S + 66, 165, -3599, false},
    {"still behind", T0_S + 67, 166, 0, false},
    {"much later", T0_S + 3664, 3763, 0, true},
};

static void
a_clock_that_jumps_is_seen_and_one_that_is_set_back_is_not_well(void **state)
{
	struct watch_time time = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(TICKS); i++) {
		const struct tick *tick = &TICKS[i];
		int64_t jump_s;
		const bool well =
		    watch_time_look(&time, tick->now_s, tick->monotonic_s * 1000, &jump_s);

		if (well != tick->well || jump_s != tick->jump_s)
			fail_msg("%s: %s, %lld", tick->what, well ? "well" : "not well",
			    (long long)jump_s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_short_interval_is_not_told),
	    cmocka_unit_test(what_was_told_as_degraded_is_told_as_restored),
	    cmocka_unit_test(what_could_not_be_told_is_told_as_one_interval),
	    cmocka_unit_test(an_interval_may_begin_while_one_is_owed),
	    cmocka_unit_test(every_leaf_that_is_owed_can_be_written),
	    cmocka_unit_test(a_clock_that_jumps_is_seen_and_one_that_is_set_back_is_not_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
