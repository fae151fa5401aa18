#include "base/work.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

struct job { /* on the stack of the caller that waits for it */
	void (*do_item)(void *context, size_t i);
	void *context;
	size_t count, next, done;
	struct job *after; /* in the queue */
};

struct work_pool {
	pthread_mutex_t lock;
	pthread_cond_t queued, finished;
	struct job *first; /* jobs that still have items to hand out */
	bool stopping;
	int thread_count;
	pthread_t threads[];
};

static void
enqueue(struct work_pool *pool, struct job *job)
{
	struct job **slot = &pool->first;

	while (*slot != NULL)
		slot = &(*slot)->after;
	*slot = job;
}

static void
dequeue(struct work_pool *pool, const struct job *job)
{
	struct job **slot = &pool->first;

	while (*slot != job)
		slot = &(*slot)->after;
	*slot = job->after;
}

/* Does one item of `job`, which has one left. Called and returns with the lock held. */
static void
do_one(struct work_pool *pool, struct job *job)
{
	size_t i = job->next++;

	if (job->next == job->count)
		dequeue(pool, job);

	pthread_mutex_unlock(&pool->lock);
	job->do_item(job->context, i);
	pthread_mutex_lock(&pool->lock);

	if (++job->done == job->count)
		pthread_cond_broadcast(&pool->finished);
}

static void *
work(void *context)
{
	struct work_pool *pool = context;

	pthread_mutex_lock(&pool->lock);
	while (!pool->stopping) {
		if (pool->first != NULL)
			do_one(pool, pool->first);
		else
			pthread_cond_wait(&pool->queued, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct work_pool *
work_pool_new(int thread_count)
{
	struct work_pool *pool;

	assert(thread_count >= 0);
	pool = xcalloc(1, sizeof *pool + (size_t)thread_count * sizeof pool->threads[0]);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->queued, NULL);
	pthread_cond_init(&pool->finished, NULL);
	/* Fewer threads than asked for are fine: the caller works, too. */
	while (pool->thread_count < thread_count &&
	       pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0)
		pool->thread_count++;
	return pool;
}

void
work_pool_free(struct work_pool *pool)
{
	if (pool == NULL)
		return;

	pthread_mutex_lock(&pool->lock);
	assert(pool->first == NULL);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->queued);
	pthread_mutex_unlock(&pool->lock);

	for (int i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->finished);
	pthread_cond_destroy(&pool->queued);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void
work_pool_run(
    struct work_pool *pool, size_t count, void (*do_item)(void *context, size_t i), void *context)
{
	struct job job = {.do_item = do_item, .context = context, .count = count};

	if (count == 0)
		return;

	pthread_mutex_lock(&pool->lock);
	enqueue(pool, &job);
	pthread_cond_broadcast(&pool->queued);
	while (job.next < job.count)
		do_one(pool, &job);
	while (job.done < job.count)
		pthread_cond_wait(&pool->finished, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}
