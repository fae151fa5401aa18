#include "audit/publish.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

struct publisher {
	const struct clock *clock;
	char path[PATH_MAX];
	pthread_t thread;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool stopping;
	bool pending;         /* `offered` is not on disk */
	struct buf offered;   /* the newest signed */
	struct buf published; /* the newest on disk; empty: none */
	int64_t published_at_s;
};

/* The folder is the part of the origin after its last slash. */
static bool
set_path(struct publisher *publisher, const char *dir, const char *origin, struct error *err)
{
	const char *slash = strrchr(origin, '/');
	const char *folder = slash == NULL ? origin : slash + 1;
	int len;

	if (folder[0] == '\0' || folder[0] == '.')
		return error_set(err, E_CONFIG_INVALID, "the origin's last part names no folder");
	len = snprintf(publisher->path, sizeof publisher->path, "%s/%s", dir, folder);
	if (len < 0 || (size_t)len + sizeof "/checkpoint" > sizeof publisher->path)
		return error_set(err, E_CONFIG_INVALID, "the audit folder's path is too long");
	if (!file_make_dir(publisher->path, 0755, err))
		return false;
	memcpy(publisher->path + len, "/checkpoint", sizeof "/checkpoint");
	return true;
}

/* Sleeps out the gap, unless the service is stopping. Holds the lock before and after. */
static void
wait_gap(struct publisher *publisher)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PUBLISH_GAP_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!publisher->stopping &&
	       pthread_cond_timedwait(&publisher->changed, &publisher->lock, &until) == 0)
		continue;
}

/* Holds the lock before and after, not while it writes. */
static void
write_pending(struct publisher *publisher)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};
	bool written;

	buf_append(&note, buf_bytes(&publisher->offered));
	publisher->pending = false;
	pthread_mutex_unlock(&publisher->lock);
	written = file_write(publisher->path, buf_bytes(&note), 0644, &err);
	pthread_mutex_lock(&publisher->lock);
	if (!written) {
		log_error(LOG_LEVEL_ERROR, "audit.publish", NULL, &err);
		publisher->pending = !publisher->stopping; /* the disk may have room again */
		return;
	}
	buf_truncate(&publisher->published, 0);
	buf_append(&publisher->published, buf_bytes(&note));
	publisher->published_at_s = clock_now_s(publisher->clock);
}

static void *
publisher_run(void *context)
{
	struct publisher *publisher = context;

	pthread_mutex_lock(&publisher->lock);
	while (!publisher->stopping || publisher->pending) {
		if (!publisher->pending) {
			pthread_cond_wait(&publisher->changed, &publisher->lock);
			continue;
		}
		write_pending(publisher);
		wait_gap(publisher);
	}
	pthread_mutex_unlock(&publisher->lock);
	return NULL;
}

static void
init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

bool
publisher_new(const char *dir, const char *origin, const struct clock *clock,
    struct publisher **out, struct error *err)
{
	DEFER(mem_free) struct publisher *publisher = xcalloc(1, sizeof *publisher);

	if (!set_path(publisher, dir, origin, err))
		return false;
	publisher->clock = clock;
	pthread_mutex_init(&publisher->lock, NULL);
	init_condition(&publisher->changed);
	if (pthread_create(&publisher->thread, NULL, publisher_run, publisher) != 0)
		return error_set(err, E_INTERNAL, "no thread for publishing");
	*out = TAKE(publisher);
	return true;
}

void
publisher_free(struct publisher *publisher)
{
	if (publisher == NULL)
		return;
	pthread_mutex_lock(&publisher->lock);
	publisher->stopping = true;
	pthread_cond_broadcast(&publisher->changed);
	pthread_mutex_unlock(&publisher->lock);
	pthread_join(publisher->thread, NULL);
	pthread_cond_destroy(&publisher->changed);
	pthread_mutex_destroy(&publisher->lock);
	buf_clear_public(&publisher->offered);
	buf_clear_public(&publisher->published);
	free(publisher);
}

void
publisher_offer(struct publisher *publisher, struct bytes note)
{
	pthread_mutex_lock(&publisher->lock);
	buf_truncate(&publisher->offered, 0);
	buf_append(&publisher->offered, note);
	publisher->pending = true;
	pthread_cond_signal(&publisher->changed);
	pthread_mutex_unlock(&publisher->lock);
}

bool
publisher_get(struct publisher *publisher, struct buf *out, struct error *err)
{
	bool found;

	pthread_mutex_lock(&publisher->lock);
	found = publisher->published.len > 0;
	buf_append(out, buf_bytes(&publisher->published));
	pthread_mutex_unlock(&publisher->lock);
	if (!found)
		return error_set(err, E_NOT_FOUND, "no checkpoint is published yet");
	return true;
}

int64_t
publisher_age_s(struct publisher *publisher)
{
	int64_t at_s;

	pthread_mutex_lock(&publisher->lock);
	at_s = publisher->published.len > 0 ? publisher->published_at_s : -1;
	pthread_mutex_unlock(&publisher->lock);
	return at_s < 0 ? -1 : clock_now_s(publisher->clock) - at_s;
}
