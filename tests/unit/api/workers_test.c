#include "tests/support/cmocka_all.h"

#include <pthread.h>
#include <sched.h>

#include "api/workers.h"
#include "base/bytes.h"

/* A job that holds its worker until it may go on. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int begun, done;
	int patient; /* of those that have begun: whose threads interrupt nobody when they wake */
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
	if (sched_getscheduler(0) == SCHED_BATCH)
		gate->patient++;
	pthread_cond_broadcast(&gate->changed);
	while (!gate->open)
		pthread_cond_wait(&gate->changed, &gate->mutex);
	gate->done++;
	pthread_cond_broadcast(&gate->changed);
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
gate_wait_done(struct gate *gate, int count)
{
	pthread_mutex_lock(&gate->mutex);
	while (gate->done < count)
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

/* Whether the worker that is given a job when nothing else is to be done is patient. */
static bool
alone_is_patient(struct workers *workers)
{
	struct gate gate = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .open = true};
	struct held_job job = {.job.run = run_held, .gate = &gate};

	assert_true(workers_submit(workers, &job.job));
	gate_wait_done(&gate, 1);
	return gate.patient == 1;
}

static void
only_the_seventeenth_at_once_is_patient(void **state)
{
	struct gate gate = {
	    .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	struct held_job jobs[20];
	struct workers *workers = NULL;
	struct error err = {0};

	(void)state;
	assert_true(workers_new(COUNT(jobs), COUNT(jobs), &workers, &err));
	for (size_t i = 0; i < COUNT(jobs); i++) {
		jobs[i] = (struct held_job){.job.run = run_held, .gate = &gate};
		assert_true(workers_submit(workers, &jobs[i].job));
	}
	gate_wait_begun(&gate, COUNT(jobs));
	assert_int_equal(gate.patient, COUNT(jobs) - 16);
	gate_open(&gate);
	gate_wait_done(&gate, COUNT(jobs));
	/* Until the first of the others has gone back to wait. */
	while (alone_is_patient(workers))
		sched_yield();
	workers_free(workers);
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
	    cmocka_unit_test(only_the_seventeenth_at_once_is_patient),
	    cmocka_unit_test(nobody_is_freed_in_peace),
	};

	return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
