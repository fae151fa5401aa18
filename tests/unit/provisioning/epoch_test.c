#include "cmocka_all.h"

#include "provisioning/epoch.h"

#define MONDAY_S INT64_C(1795996800) /* 2026-11-30T00:00:00Z, a Monday */

static void
an_epoch_is_a_week_from_monday(void **state)
{
	const uint32_t epoch = epoch_at(MONDAY_S);

	(void)state;
	assert_int_equal(epoch_at(4 * DAY_S), 0);
	assert_true(epoch_start_s(epoch) == MONDAY_S);
	assert_int_equal(epoch_at(MONDAY_S - 1), epoch - 1);
	assert_int_equal(epoch_at(MONDAY_S + 7 * DAY_S - 1), epoch);
	assert_int_equal(epoch_at(MONDAY_S + 7 * DAY_S), epoch + 1);
}

static void
its_certificates_live_a_day_longer_and_are_of_one_shard(void **state)
{
	struct issue_period period, next;

	(void)state;
	epoch_period(epoch_at(MONDAY_S), 4, &period);
	epoch_period(epoch_at(MONDAY_S) + 1, 4, &next);
	assert_true(period.not_before_s == MONDAY_S);
	assert_true(period.not_after_s == MONDAY_S + 8 * DAY_S);
	assert_true(next.not_before_s == period.not_after_s - DAY_S);
	assert_in_range(period.shard, 0, 3);
	assert_int_equal(next.shard, (period.shard + 1) % 4);
}

/* Whatever the hour: all that is valid, or can be fetched already, is among the live ones. */
static void
what_a_device_can_hold_is_live(void **state)
{
	(void)state;
	for (int64_t at_s = MONDAY_S; at_s < MONDAY_S + 7 * DAY_S; at_s += 3600) {
		const uint32_t first = epoch_first_live(at_s);
		struct issue_period before;

		epoch_period(first - 1, 4, &before);
		assert_true(before.not_after_s < at_s);
		assert_true(epoch_at(at_s + EPOCH_AHEAD_S) < first + EPOCH_LIVE_MAX);
	}
}

static void
the_hour_to_ask_is_drawn_anew_within_a_day_and_a_half(void **state)
{
	const struct rng rng = rng_system();
	const uint32_t epoch = epoch_at(MONDAY_S);
	uint64_t seen = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		const int64_t at_s = epoch_renew_after_s(epoch, &rng);
		const int64_t hour = (at_s - (MONDAY_S + 6 * DAY_S)) / 3600;

		assert_in_range(hour, 0, 35);
		assert_true(at_s % 3600 == 0);
		seen |= UINT64_C(1) << hour;
	}
	assert_true(seen == (UINT64_C(1) << 36) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_epoch_is_a_week_from_monday),
	    cmocka_unit_test(its_certificates_live_a_day_longer_and_are_of_one_shard),
	    cmocka_unit_test(what_a_device_can_hold_is_live),
	    cmocka_unit_test(the_hour_to_ask_is_drawn_anew_within_a_day_and_a_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
