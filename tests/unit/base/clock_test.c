#include "tests/support/cmocka_all.h"

#include <time.h>

#include "base/clock.h"

static void
the_system_clock_says_unix_seconds(void **state)
{
	const struct clock clock = clock_system();
	const int64_t before_s = time(NULL);
	const int64_t now_s = clock_now_s(&clock);

	(void)state;
	/* time(2) may read a coarser clock than clock_gettime(2). */
	assert_true(now_s >= before_s && now_s <= time(NULL) + 1);
}

static void
a_fixed_clock_stands(void **state)
{
	const struct clock clock = clock_fixed(1767225600);
	const struct clock copy = clock;

	(void)state;
	assert_true(clock_now_s(&clock) == 1767225600);
	assert_true(clock_now_s(&copy) == 1767225600);
}

static void
the_monotonic_clocks_agree_and_never_step_back(void **state)
{
	const int64_t first_us = clock_monotonic_us();
	const int64_t then_ms = clock_monotonic_ms();
	const int64_t last_us = clock_monotonic_us();

	(void)state;
	assert_true(first_us / 1000 <= then_ms && then_ms <= last_us / 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_system_clock_says_unix_seconds),
	    cmocka_unit_test(a_fixed_clock_stands),
	    cmocka_unit_test(the_monotonic_clocks_agree_and_never_step_back),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
