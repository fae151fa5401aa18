#include "tests/support/cmocka_all.h"

#include "base/buckets.h"

#define S INT64_C(1000000) /* in microseconds */

static const struct bucket_rate TEN = {.per_s = 10, .burst = 20};

static struct buckets *
make(size_t count, const struct bucket_rate *rate)
{
	const struct rng rng = rng_repeatable(1);

	return buckets_new(count, rate, &rng);
}

static bool
take(struct buckets *buckets, int64_t key, int64_t cost, int64_t now_us)
{
	int64_t wait_us = 0;
	const bool taken =
	    buckets_take(buckets, bytes_of(&key, sizeof key), cost, now_us, &wait_us);

	assert_true(taken ? wait_us == 0 : wait_us > 0);
	return taken;
}

/* How many of `tries` pass at this instant. */
static int
passed(struct buckets *buckets, int64_t key, int tries, int64_t now_us)
{
	int count = 0;

	for (int i = 0; i < tries; i++)
		count += take(buckets, key, 1, now_us);
	return count;
}

static void
a_burst_passes_then_the_rate(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);

	(void)state;
	assert_int_equal(passed(buckets, 1, 100, 0), 20);
	assert_int_equal(passed(buckets, 1, 100, S), 10);
	assert_int_equal(passed(buckets, 1, 100, S + S / 10), 1);
	assert_int_equal(passed(buckets, 1, 100, 60 * S), 20);
}

static void
no_rate_is_no_limit(void **state)
{
	DEFER(buckets_free)
	struct buckets *buckets = make(BUCKETS_WAYS, &(struct bucket_rate){.per_s = 0, .burst = 1});

	(void)state;
	assert_int_equal(passed(buckets, 1, 1000, 0), 1000);
}

static void
keys_have_buckets_of_their_own(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(64 * BUCKETS_WAYS, &TEN);

	(void)state;
	assert_int_equal(passed(buckets, 1, 100, 0), 20);
	assert_int_equal(passed(buckets, 2, 100, 0), 20);
	assert_int_equal(passed(buckets, 1, 100, 0), 0);
}

static void
the_wait_that_is_told_is_enough_and_no_longer(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);
	const uint8_t key[] = {1};
	int64_t wait_us = 0;

	(void)state;
	assert_true(buckets_take(buckets, bytes_of(key, 1), 20, S, &wait_us));
	assert_false(buckets_take(buckets, bytes_of(key, 1), 3, S, &wait_us));
	assert_int_equal(wait_us, 3 * S / 10);
	assert_false(buckets_take(buckets, bytes_of(key, 1), 3, S + wait_us - 1, &wait_us));
	assert_true(buckets_take(buckets, bytes_of(key, 1), 3, S + 3 * S / 10, &wait_us));
}

static void
what_is_refused_costs_nothing(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);

	(void)state;
	assert_true(take(buckets, 1, 15, 0));
	assert_int_equal(passed(buckets, 1, 1, 0), 1);
	for (int i = 0; i < 100; i++)
		assert_false(take(buckets, 1, 5, 0));
	assert_int_equal(passed(buckets, 1, 100, 0), 4);
}

static void
more_than_a_burst_needs_a_full_bucket_and_leaves_a_debt(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);

	(void)state;
	assert_true(take(buckets, 1, 120, 0)); /* full again in 12 s */
	assert_false(take(buckets, 1, 1, 10 * S));
	assert_true(take(buckets, 1, 1, 10 * S + S / 10));
	assert_false(take(buckets, 1, 120, 12 * S));
	assert_true(take(buckets, 1, 120, 13 * S));
}

static void
another_rate_holds_from_then_on(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);

	(void)state;
	assert_true(take(buckets, 1, 6000, 0));
	buckets_set_rate(buckets, &TEN);
	assert_int_equal(passed(buckets, 1, 100, 60 * S), 0);
	buckets_set_rate(buckets, &(struct bucket_rate){.per_s = 100, .burst = 5});
	assert_int_equal(passed(buckets, 1, 100, 60 * S), 5);
	assert_int_equal(passed(buckets, 1, 100, 60 * S + S / 100), 1);
	buckets_set_rate(buckets, &(struct bucket_rate){.per_s = 0, .burst = 5});
	assert_int_equal(passed(buckets, 1, 100, 60 * S + S / 100), 100);
}

/* The table has one set; a thousand others come, then the first again. */
static void
many_keys_free_nobody_from_its_bucket(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);

	(void)state;
	assert_int_equal(passed(buckets, 1, 100, 0), 20);
	for (int64_t key = 2; key < 1000; key++)
		(void)passed(buckets, key, 1, 0);
	assert_int_equal(passed(buckets, 1, 100, 0), 0);
}

static void
many_keys_together_pass_no_more_than_the_places_hold(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);
	int count = 0;

	(void)state;
	for (int64_t key = 1; key < 2000; key++)
		count += passed(buckets, key, 3, 0);
	assert_int_equal(count, BUCKETS_WAYS * 20);
	for (int64_t key = 2000; key < 4000; key++)
		count += passed(buckets, key, 1, S);
	assert_int_equal(count, BUCKETS_WAYS * (20 + 10));
}

static void
a_bucket_that_is_full_again_gives_way(void **state)
{
	DEFER(buckets_free) struct buckets *buckets = make(BUCKETS_WAYS, &TEN);

	(void)state;
	for (int64_t key = 1; key <= BUCKETS_WAYS; key++)
		assert_int_equal(passed(buckets, key, 100, 0), 20);
	for (int64_t key = 101; key <= 100 + BUCKETS_WAYS; key++)
		assert_int_equal(passed(buckets, key, 100, 3 * S), 20);
}

static void
the_largest_numbers_do_not_overflow(void **state)
{
	const struct bucket_rate slow = {.per_s = 1, .burst = BUCKETS_BURST_MAX};
	const struct bucket_rate fast = {.per_s = BUCKETS_PER_S_MAX, .burst = 1};
	DEFER(buckets_free) struct buckets *a = make(BUCKETS_WAYS, &slow);
	DEFER(buckets_free) struct buckets *b = make(BUCKETS_WAYS, &fast);
	const int64_t late_us = INT64_C(100) * 365 * 86400 * S; /* a century after start */

	(void)state;
	for (int64_t taken = 0; taken < BUCKETS_BURST_MAX; taken += BUCKETS_COST_MAX)
		assert_true(take(a, 1, BUCKETS_COST_MAX, late_us));
	assert_false(take(a, 1, BUCKETS_COST_MAX, late_us));
	assert_true(take(b, 1, BUCKETS_COST_MAX, late_us));
	assert_false(take(b, 1, 1, late_us + S - 2));
	assert_true(take(b, 1, 1, late_us + S));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_burst_passes_then_the_rate),
	    cmocka_unit_test(no_rate_is_no_limit),
	    cmocka_unit_test(keys_have_buckets_of_their_own),
	    cmocka_unit_test(the_wait_that_is_told_is_enough_and_no_longer),
	    cmocka_unit_test(what_is_refused_costs_nothing),
	    cmocka_unit_test(more_than_a_burst_needs_a_full_bucket_and_leaves_a_debt),
	    cmocka_unit_test(another_rate_holds_from_then_on),
	    cmocka_unit_test(many_keys_free_nobody_from_its_bucket),
	    cmocka_unit_test(many_keys_together_pass_no_more_than_the_places_hold),
	    cmocka_unit_test(a_bucket_that_is_full_again_gives_way),
	    cmocka_unit_test(the_largest_numbers_do_not_overflow),
	};

	return cmocka_run_group_tests_name("buckets", tests, NULL, NULL);
}
