#include "tests/support/cmocka_all.h"

#include <pthread.h>

#include "api/workers.h"
#include "base/bytes.h"

/* A job that holds its worker until it may go on. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int begun, done;
	bool open;
};
struct held_job {
	struct job job;
	struct gate *gate;
};

static void
run_held(struct job *job)
{
	struct gate *gate = ((struct held_job *)job)->gate;

	pthread_mutex_lock(&gate->mutex);
	gate->begun++;
	pthread_cond_broadcast(&gate->changed);
	while (!gate->open)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	gate->done++;
	pthread_mutex_unlock(&gate->mutex);
}

static void
gate_wait_begun(struct gate *gate, int count)
{
	pthread_mutex_lock(&gate->mutex);
	while (gate->begun < count)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	pthread_mutex_unlock(&gate->mutex);
}

static void
gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->open = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

static void
a_full_queue_takes_no_more_and_loses_nothing(void **state)
{
	struct gate gate = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct held_job jobs[4];
	struct workers *workers = NULL;
	struct error err = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(jobs); i++)
		jobs[i] = (struct held_job){.job.run = run_held, .gate = &gate};
	assert_true(workers_new(1, 2, &workers, &err));
	assert_true(workers_submit(workers, &jobs[0].job));
	gate_wait_begun(&gate, 1);
	assert_true(workers_submit(workers, &jobs[1].job));
	assert_true(workers_submit(workers, &jobs[2].job));
	assert_false(workers_submit(workers, &jobs[3].job));
	gate_open(&gate);
	workers_free(workers);
	assert_int_equal(gate.done, 3);
}

static void
jobs_run_side_by_side(void **state)
{
	struct gate gate = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct held_job jobs[40]; /* more than start at once */
	struct workers *workers = NULL;
	struct error err = {0};

	(void)state;
	assert_true(workers_new(COUNT(jobs), COUNT(jobs), &workers, &err));
	for (size_t i = 0; i < COUNT(jobs); i++) {
		jobs[i] = (struct held_job){.job.run = run_held, .gate = &gate};
		assert_true(workers_submit(workers, &jobs[i].job));
	}
	gate_wait_begun(&gate, COUNT(jobs));
	gate_open(&gate);
	workers_free(workers);
	assert_int_equal(gate.done, COUNT(jobs));
}

static void
nobody_is_freed_in_peace(void **state)
{
	(void)state;
	workers_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_full_queue_takes_no_more_and_loses_nothing),
	    cmocka_unit_test(jobs_run_side_by_side),
	    cmocka_unit_test(nobody_is_freed_in_peace),
	};

	return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
