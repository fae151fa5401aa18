#include "api/workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

/* Measured: OpenSSL on a 4096-bit request and jansson take 14 KiB, our largest frame 20 KiB; twice
 * that would do, and the rest is for glibc's resolver beneath libpq and for sanitizers. Pages that
 * are not touched cost nothing. */
#define STACK_BYTES ((size_t)256 * 1024)

struct workers {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct job *head, **tail;
	int queued, queue_max;
	bool stopping;
	pthread_t *threads;
	int thread_count;
};

static void *
worker_main(void *context)
{
	struct workers *workers = context;

	for (;;) {
		struct job *job;

		(void)pthread_mutex_lock(&workers->mutex);
		while (workers->head == NULL && !workers->stopping)
			(void)pthread_cond_wait(&workers->changed, &workers->mutex);
		job = workers->head;
		if (job != NULL) {
			workers->head = job->next;
			if (workers->head == NULL)
				workers->tail = &workers->head;
			workers->queued--;
		}
		(void)pthread_mutex_unlock(&workers->mutex);
		if (job == NULL)
			return NULL;
		job->run(job);
	}
}

bool
workers_new(int thread_count, int queue_max, struct workers **out, struct error *err)
{
	DEFER(workers_free) struct workers *workers = xcalloc(1, sizeof *workers);
	pthread_attr_t attributes;
	int failed = 0;

	workers->tail = &workers->head;
	workers->queue_max = queue_max;
	workers->threads = xcalloc((size_t)thread_count, sizeof *workers->threads);
	(void)pthread_mutex_init(&workers->mutex, NULL);
	(void)pthread_cond_init(&workers->changed, NULL);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	while (failed == 0 && workers->thread_count < thread_count) {
		failed = pthread_create(
		    &workers->threads[workers->thread_count], &attributes, worker_main, workers);
		workers->thread_count += failed == 0;
	}
	(void)pthread_attr_destroy(&attributes);
	if (failed != 0)
		return error_set(err, E_INTERNAL, "cannot start %d workers", thread_count);
	*out = TAKE(workers);
	return true;
}

void
workers_free(struct workers *workers)
{
	if (workers == NULL)
		return;
	(void)pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	(void)pthread_cond_broadcast(&workers->changed);
	(void)pthread_mutex_unlock(&workers->mutex);
	for (int i = 0; i < workers->thread_count; i++)
		(void)pthread_join(workers->threads[i], NULL);
	(void)pthread_cond_destroy(&workers->changed);
	(void)pthread_mutex_destroy(&workers->mutex);
	free(workers->threads);
	free(workers);
}

bool
workers_submit(struct workers *workers, struct job *job)
{
	bool taken;

	(void)pthread_mutex_lock(&workers->mutex);
	taken = workers->queued < workers->queue_max && !workers->stopping;
	if (taken) {
		job->next = NULL;
		*workers->tail = job;
		workers->tail = &job->next;
		workers->queued++;
		(void)pthread_cond_signal(&workers->changed);
	}
	(void)pthread_mutex_unlock(&workers->mutex);
	return taken;
}
