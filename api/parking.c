#include "api/parking.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/condition.h"
#include "base/mem.h"

#define IDLE_MS 1000
#define RETRY_MS 2 /* when the workers' queue is full */

struct caller_places {
	int64_t caller;
	size_t count; /* never 0 */
};

struct parking {
	struct status_index *statuses;
	struct workers *workers;
	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t changed;
	struct parked *parked;
	size_t count;
	struct caller_places *callers; /* verifiers are few */
	size_t caller_count, place_count;
	int64_t reached; /* the last place told */
	bool closed, ending, news;
	pthread_t thread;
	bool started;
};

static void
told(void *context, const struct status_entry *changes, size_t count, int64_t from, int64_t to)
{
	struct parking *parking = context;

	(void)changes;
	(void)count;
	(void)from;
	(void)pthread_mutex_lock(&parking->mutex);
	parking->reached = to;
	parking->news = true;
	(void)pthread_cond_signal(&parking->changed);
	(void)pthread_mutex_unlock(&parking->mutex);
}

static bool
is_due(const struct parking *parking, const struct parked *parked, int64_t now_ms)
{
	return parking->closed || atomic_load(&parked->gone) ||
	       parked->beyond_seq < parking->reached || parked->until_ms <= now_ms;
}

/* Gives the due ones to the workers; returns when to look again. */
static int64_t
release_locked(struct parking *parking, int64_t now_ms)
{
	int64_t next_ms = now_ms + IDLE_MS;
	struct parked **at = &parking->parked;

	while (*at != NULL) {
		struct parked *parked = *at;
		struct parked *rest = parked->next;

		if (!is_due(parking, parked, now_ms)) {
			if (parked->until_ms < next_ms)
				next_ms = parked->until_ms;
			at = &parked->next;
			continue;
		}
		/* From here on its owner may park it again, or free it. */
		if (!workers_submit(parking->workers, parked->job))
			return now_ms + RETRY_MS;
		*at = rest;
		parking->count--;
	}
	return next_ms;
}

static void
wait_locked(struct parking *parking, int64_t until_ms)
{
	const struct timespec until = {
	    .tv_sec = until_ms / 1000, .tv_nsec = (long)(until_ms % 1000) * 1000000};

	if (!parking->news && !parking->ending)
		(void)pthread_cond_timedwait(&parking->changed, &parking->mutex, &until);
	parking->news = false;
}

static void *
run(void *context)
{
	struct parking *parking = context;

	(void)pthread_mutex_lock(&parking->mutex);
	while (!parking->ending || parking->count > 0)
		wait_locked(parking, release_locked(parking, clock_monotonic_ms()));
	(void)pthread_mutex_unlock(&parking->mutex);
	return NULL;
}

bool
parking_new(
    struct status_index *statuses, struct workers *workers, struct parking **out, struct error *err)
{
	DEFER(parking_free) struct parking *parking = xcalloc(1, sizeof *parking);
	struct status_index_place place;
	int64_t as_of_s;

	parking->statuses = statuses;
	parking->workers = workers;
	(void)pthread_mutex_init(&parking->mutex, NULL);
	condition_init(&parking->changed);
	status_index_watch(statuses, &(struct status_index_watcher){told, parking});
	status_index_place(statuses, &place, &as_of_s);
	(void)pthread_mutex_lock(&parking->mutex);
	if (parking->reached < place.seq)
		parking->reached = place.seq;
	(void)pthread_mutex_unlock(&parking->mutex);
	if (pthread_create(&parking->thread, NULL, run, parking) != 0)
		return error_set(err, E_INTERNAL, "no thread for those who wait");
	parking->started = true;
	*out = TAKE(parking);
	return true;
}

/* ---- places ---- */

static struct caller_places *
find_caller(struct parking *parking, int64_t caller)
{
	for (size_t i = 0; i < parking->caller_count; i++)
		if (parking->callers[i].caller == caller)
			return &parking->callers[i];
	return NULL;
}

static struct caller_places *
add_caller(struct parking *parking, int64_t caller)
{
	parking->callers =
	    xrealloc(parking->callers, (parking->caller_count + 1) * sizeof *parking->callers);
	parking->callers[parking->caller_count] = (struct caller_places){.caller = caller};
	return &parking->callers[parking->caller_count++];
}

bool
parking_enter(struct parking *parking, int64_t caller)
{
	struct caller_places *places;
	bool taken;

	(void)pthread_mutex_lock(&parking->mutex);
	places = find_caller(parking, caller);
	taken = !parking->closed && parking->place_count < PARKING_MAX &&
		(places == NULL || places->count < PARKING_CALLER_MAX);
	if (taken) {
		if (places == NULL)
			places = add_caller(parking, caller);
		places->count++;
		parking->place_count++;
	}
	(void)pthread_mutex_unlock(&parking->mutex);
	return taken;
}

void
parking_leave(struct parking *parking, int64_t caller)
{
	struct caller_places *places;

	(void)pthread_mutex_lock(&parking->mutex);
	places = find_caller(parking, caller);
	assert(places != NULL);
	parking->place_count--;
	if (--places->count == 0)
		*places = parking->callers[--parking->caller_count];
	(void)pthread_mutex_unlock(&parking->mutex);
}

/* ---- waiting ---- */

bool
parking_add(struct parking *parking, struct parked *parked)
{
	bool taken;

	(void)pthread_mutex_lock(&parking->mutex);
	taken = !parking->closed;
	if (taken) {
		parked->next = parking->parked;
		parking->parked = parked;
		parking->count++;
		parking->news = true; /* it may be due already */
		(void)pthread_cond_signal(&parking->changed);
	}
	(void)pthread_mutex_unlock(&parking->mutex);
	return taken;
}

void
parking_look(struct parking *parking)
{
	(void)pthread_mutex_lock(&parking->mutex);
	parking->news = true;
	(void)pthread_cond_signal(&parking->changed);
	(void)pthread_mutex_unlock(&parking->mutex);
}

void
parking_close(struct parking *parking)
{
	(void)pthread_mutex_lock(&parking->mutex);
	parking->closed = true;
	parking->news = true;
	(void)pthread_cond_signal(&parking->changed);
	(void)pthread_mutex_unlock(&parking->mutex);
}

void
parking_end(struct parking *parking)
{
	if (!parking->started)
		return;
	parking->started = false;
	status_index_unwatch(parking->statuses, parking);
	(void)pthread_mutex_lock(&parking->mutex);
	parking->closed = true;
	parking->ending = true;
	(void)pthread_cond_signal(&parking->changed);
	(void)pthread_mutex_unlock(&parking->mutex);
	(void)pthread_join(parking->thread, NULL);
}

void
parking_free(struct parking *parking)
{
	if (parking == NULL)
		return;
	parking_end(parking);
	status_index_unwatch(parking->statuses, parking);
	(void)pthread_cond_destroy(&parking->changed);
	(void)pthread_mutex_destroy(&parking->mutex);
	free(parking->callers);
	free(parking);
}
