#include "tests/support/cmocka_all.h"

#include "base/stop.h"

#define EVER_MS INT64_C(600000)

static void
a_rest_that_nobody_ends_is_over_by_itself(void **state)
{
	DEFER(stop_clear) struct stop stop;

	(void)state;
	stop_init(&stop);
	assert_false(stop_rest(&stop, 0));
	assert_false(stop_rest(&stop, 1));
	assert_false(stop_told(&stop));
}

static void
who_is_told_rests_no_more(void **state)
{
	DEFER(stop_clear) struct stop stop;

	(void)state;
	stop_init(&stop);
	stop_tell(&stop);
	assert_true(stop_told(&stop));
	assert_true(stop_rest(&stop, EVER_MS));
	assert_true(stop_rest(&stop, 0));
}

static void *
rest(void *context)
{
	return stop_rest(context, EVER_MS) ? context : NULL;
}

static void
who_rests_is_woken(void **state)
{
	DEFER(stop_clear) struct stop stop;
	pthread_t thread;
	void *told = NULL;

	(void)state;
	stop_init(&stop);
	assert_int_equal(pthread_create(&thread, NULL, rest, &stop), 0);
	stop_tell(&stop);
	assert_int_equal(pthread_join(thread, &told), 0);
	assert_ptr_equal(told, &stop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_rest_that_nobody_ends_is_over_by_itself),
	    cmocka_unit_test(who_is_told_rests_no_more),
	    cmocka_unit_test(who_rests_is_woken),
	};

	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
