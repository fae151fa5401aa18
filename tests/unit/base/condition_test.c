#include "tests/support/cmocka_all.h"

#include <errno.h>

#include "base/condition.h"

static void
an_instant_lies_ahead_by_what_was_asked(void **state)
{
	static const int64_t ROWS[] = {
	    0, 1, 999, 1000, 1001, 86400999, INT64_C(100) * 366 * 86400000};

	(void)state;
	for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
		struct timespec before, at, after;

		(void)clock_gettime(CLOCK_MONOTONIC, &before);
		at = condition_in_ms(ROWS[i]);
		(void)clock_gettime(CLOCK_MONOTONIC, &after);
		assert_in_range(at.tv_nsec, 0, 999999999);
		at.tv_sec -= ROWS[i] / 1000;
		at.tv_nsec -= ROWS[i] % 1000 * 1000000;
		if (at.tv_nsec < 0) {
			at.tv_nsec += 1000000000;
			at.tv_sec--;
		}
		assert_true(at.tv_sec > before.tv_sec ||
			    (at.tv_sec == before.tv_sec && at.tv_nsec >= before.tv_nsec));
		assert_true(at.tv_sec < after.tv_sec ||
			    (at.tv_sec == after.tv_sec && at.tv_nsec <= after.tv_nsec));
	}
}

/* By the clock of the day it would be over before it began, or never. */
static void
a_condition_waits_by_that_clock(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition;
	struct timespec until, after;

	(void)state;
	condition_init(&condition);
	until = condition_in_ms(20);
	(void)pthread_mutex_lock(&lock);
	while (pthread_cond_timedwait(&condition, &lock, &until) != ETIMEDOUT)
		continue;
	(void)pthread_mutex_unlock(&lock);
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec > until.tv_sec ||
		    (after.tv_sec == until.tv_sec && after.tv_nsec >= until.tv_nsec));
	(void)pthread_cond_destroy(&condition);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_instant_lies_ahead_by_what_was_asked),
	    cmocka_unit_test(a_condition_waits_by_that_clock),
	};

	return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
