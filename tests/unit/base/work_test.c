#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/work.h"

#define ITEMS 2000

struct tally {
	atomic_int times[ITEMS];
};

static void
count_item(void *context, size_t i)
{
	struct tally *tally = context;

	atomic_fetch_add(&tally->times[i], 1);
}

static void
every_item_is_done_exactly_once(void **state)
{
	static const int THREADS[] = {0, 1, 3};

	(void)state;
	for (size_t t = 0; t < sizeof THREADS / sizeof THREADS[0]; t++) {
		DEFER(work_pool_free) struct work_pool *pool = work_pool_new(THREADS[t]);
		struct tally tally = {0};

		work_pool_run(pool, ITEMS, count_item, &tally);
		for (int i = 0; i < ITEMS; i++)
			assert_int_equal(tally.times[i], 1);
	}
}

static void
no_items_are_done_at_once(void **state)
{
	DEFER(work_pool_free) struct work_pool *pool = work_pool_new(2);

	(void)state;
	work_pool_run(pool, 0, NULL, NULL);
	work_pool_free(NULL);
}

struct caller {
	struct work_pool *pool;
	struct tally tally;
};

static void *
call(void *context)
{
	struct caller *caller = context;

	work_pool_run(caller->pool, ITEMS, count_item, &caller->tally);
	return NULL;
}

static void
callers_at_the_same_time_share_the_pool(void **state)
{
	DEFER(work_pool_free) struct work_pool *pool = work_pool_new(2);
	static struct caller callers[4];
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		callers[i].pool = pool;
		assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		for (int item = 0; item < ITEMS; item++)
			assert_int_equal(callers[i].tally.times[item], 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_item_is_done_exactly_once),
	    cmocka_unit_test(no_items_are_done_at_once),
	    cmocka_unit_test(callers_at_the_same_time_share_the_pool),
	};

	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
