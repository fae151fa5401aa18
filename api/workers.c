#include "api/workers.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#include "base/mem.h"

/* Measured: OpenSSL on a 4096-bit request and jansson take 14 KiB, our largest frame 20 KiB; twice
 * that would do, and the rest is for glibc's resolver beneath libpq and for sanitizers. Pages that
 * are not touched cost nothing. */
#define STACK_BYTES ((size_t)256 * 1024)
/* Started at once. The others when work first comes that finds nobody idle: a thread that has only
 * ever waited has 12 KiB all the same. */
#define STARTED_MAX 16

struct worker {
	struct workers *workers;
	pthread_t thread;
	sem_t wake;
	struct job *job;          /* its first, or handed over by who posts `wake`; NULL: stop */
	struct worker *idle_next; /* the one that went idle before */
};

/* The first work at once; the others, needed only when many requests wait at the same time, do not
 * interrupt whoever wakes them: then who is done soonest counts more than who is first. */
enum rank { RANK_FIRST, RANK_OTHERS, RANK_COUNT };

/* An idle worker waits on a semaphore of its own and is given its job with the wake-up: on a common
 * condition each would wake only to queue for the mutex. The last to go idle is the next to work,
 * while its stack is in the cache. */
struct workers {
	pthread_mutex_t mutex;
	struct job *head, **tail; /* waiting because nobody is idle */
	int queued, queue_max;
	bool stopping;
	struct worker *idle[RANK_COUNT];
	struct worker *all;
	int count, count_max; /* started; at most */
};

static enum rank
rank_of(const struct worker *worker)
{
	return worker - worker->workers->all < STARTED_MAX ? RANK_FIRST : RANK_OTHERS;
}

static void
push_idle_locked(struct worker *worker)
{
	struct worker **idle = &worker->workers->idle[rank_of(worker)];

	worker->idle_next = *idle;
	*idle = worker;
}

/* NULL: all work. */
static struct worker *
pop_idle_locked(struct workers *workers)
{
	for (enum rank rank = RANK_FIRST; rank < RANK_COUNT; rank++) {
		struct worker *worker = workers->idle[rank];

		if (worker == NULL)
			continue;
		workers->idle[rank] = worker->idle_next;
		return worker;
	}
	return NULL;
}

static struct job *
take_queued_locked(struct workers *workers)
{
	struct job *job = workers->head;

	workers->head = job->next;
	if (workers->head == NULL)
		workers->tail = &workers->head;
	workers->queued--;
	return job;
}

/* The next job; NULL: there will be none. */
static struct job *
next_job(struct worker *self)
{
	struct workers *workers = self->workers;
	struct job *job = NULL;
	bool waits = false;

	(void)pthread_mutex_lock(&workers->mutex);
	if (workers->head != NULL) {
		job = take_queued_locked(workers);
	} else if (!workers->stopping) {
		push_idle_locked(self);
		waits = true;
	}
	(void)pthread_mutex_unlock(&workers->mutex);
	if (!waits)
		return job;
	while (sem_wait(&self->wake) != 0)
		continue; /* EINTR */
	return self->job;
}

static void *
worker_main(void *context)
{
	struct worker *self = context;
	struct job *job;

	if (rank_of(self) == RANK_OTHERS) /* refused: it is as eager as the first */
		(void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
	job = self->job != NULL ? self->job : next_job(self);
	for (; job != NULL; job = next_job(self))
		job->run(job);
	return NULL;
}

/* With `first` to run, or NULL to wait for work. False: the system gives no thread. */
static bool
start_worker_locked(struct workers *workers, struct job *first)
{
	struct worker *worker = &workers->all[workers->count];
	pthread_attr_t attributes;
	bool started;

	worker->workers = workers;
	worker->job = first;
	(void)sem_init(&worker->wake, 0, 0);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	started = pthread_create(&worker->thread, &attributes, worker_main, worker) == 0;
	(void)pthread_attr_destroy(&attributes);
	if (started)
		workers->count++;
	else
		(void)sem_destroy(&worker->wake);
	return started;
}

bool
workers_new(int thread_count, int queue_max, struct workers **out, struct error *err)
{
	DEFER(workers_free) struct workers *workers = xcalloc(1, sizeof *workers);
	bool started = true;

	workers->tail = &workers->head;
	workers->queue_max = queue_max;
	workers->count_max = thread_count;
	workers->all = xcalloc((size_t)thread_count, sizeof *workers->all);
	(void)pthread_mutex_init(&workers->mutex, NULL);
	(void)pthread_mutex_lock(&workers->mutex);
	while (started && workers->count < thread_count && workers->count < STARTED_MAX)
		started = start_worker_locked(workers, NULL);
	(void)pthread_mutex_unlock(&workers->mutex);
	if (!started)
		return error_set(err, E_INTERNAL, "cannot start %d workers", thread_count);
	*out = TAKE(workers);
	return true;
}

void
workers_free(struct workers *workers)
{
	struct worker *idle;

	if (workers == NULL)
		return;
	(void)pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	while ((idle = pop_idle_locked(workers)) != NULL) {
		idle->job = NULL;
		(void)sem_post(&idle->wake);
	}
	(void)pthread_mutex_unlock(&workers->mutex);
	for (int i = 0; i < workers->count; i++) {
		(void)pthread_join(workers->all[i].thread, NULL);
		(void)sem_destroy(&workers->all[i].wake);
	}
	(void)pthread_mutex_destroy(&workers->mutex);
	free(workers->all);
	free(workers);
}

static bool
accept_locked(struct workers *workers, struct job *job)
{
	if (workers->count < workers->count_max && start_worker_locked(workers, job))
		return true;
	if (workers->queued == workers->queue_max)
		return false;
	job->next = NULL;
	*workers->tail = job;
	workers->tail = &job->next;
	workers->queued++;
	return true;
}

bool
workers_submit(struct workers *workers, struct job *job)
{
	struct worker *idle = NULL;
	bool taken = false;

	(void)pthread_mutex_lock(&workers->mutex);
	if (!workers->stopping) {
		idle = pop_idle_locked(workers);
		taken = idle != NULL || accept_locked(workers, job);
	}
	(void)pthread_mutex_unlock(&workers->mutex);
	if (idle != NULL) {
		idle->job = job;
		(void)sem_post(&idle->wake);
	}
	return taken;
}
