#include "audit/forward.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "audit/syslog.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "proof/scan.h"

#define AT_ONCE 256 /* leaves read and sent together */
#define CURSOR_LEN_MAX 512

struct forward {
	struct forward_options options;
	pthread_t thread;
	struct forward_progress progress; /* the thread's own, and: */
	uint64_t next;                    /* to be sent */
	int64_t pause_ms;                 /* 0: nothing failed */
	bool found;                       /* the log, in the source */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t stop;
	bool stopping;
	struct forward_health health;
};

/* ---- how far it is ---- */

void
forward_confirmed(struct forward_progress *progress, uint64_t next, int64_t now_ms)
{
	progress->confirmed = next;
	if (progress->candidate != 0)
		return;
	progress->candidate = next;
	progress->candidate_at_ms = now_ms;
}

bool
forward_settle(struct forward_progress *progress, int64_t now_ms)
{
	if (progress->candidate == 0 || now_ms - progress->candidate_at_ms < FORWARD_SETTLE_MS)
		return false;
	progress->settled = progress->candidate;
	progress->candidate = 0;
	if (progress->confirmed > progress->settled)
		forward_confirmed(progress, progress->confirmed, now_ms);
	return true;
}

uint64_t
forward_again(struct forward_progress *progress)
{
	progress->confirmed = progress->settled;
	progress->candidate = 0;
	return progress->settled;
}

/* ---- the cursor ---- */

/* "ORIGIN NEXT\n"; another log begins at its beginning. */
static bool
read_cursor(struct forward *forward, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};
	const char *origin = forward->options.origin;
	struct scan in;
	int64_t next;

	if (access(forward->options.path, F_OK) != 0)
		return true;
	if (!file_read(forward->options.path, CURSOR_LEN_MAX, &text, err))
		return false;
	in.rest = buf_bytes(&text);
	if (scan_literal(&in, origin) && scan_literal(&in, " ") && scan_number(&in, &next))
		forward->progress.settled = forward->progress.confirmed = (uint64_t)next;
	return true;
}

static void
write_cursor(const struct forward *forward)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	buf_append_format(&text, "%s %llu\n", forward->options.origin,
	    (unsigned long long)forward->progress.settled);
	if (!file_write(forward->options.path, buf_bytes(&text), 0600, &err))
		log_error(LOG_LEVEL_WARNING, "audit.forward", NULL, &err);
}

/* ---- sending ---- */

struct chunk {
	const struct forward *forward;
	struct buf frames;
	uint64_t next, count;
};

static bool
take_leaf(void *taker, uint64_t seq, struct bytes leaf, struct error *err)
{
	struct chunk *chunk = taker;
	const struct forward_options *options = &chunk->forward->options;

	if (chunk->count++ == 0)
		chunk->next = seq; /* those before were dropped (audit/retention.h) */
	if (seq != chunk->next)
		return error_set(err, E_RECORD_UNAVAILABLE, "the database lacks leaves of the log");
	chunk->next++;
	return syslog_frame(options->origin, options->node, seq, leaf, &chunk->frames, err);
}

/* Of a part of the log that was dropped nothing is there; one that ends early has lost its end. */
static bool
send_chunk(struct forward *forward, struct syslog_session *session, uint64_t to, struct error *err)
{
	const struct tiles_source *source = &forward->options.source;
	struct chunk chunk = {.forward = forward, .next = forward->next};
	const bool sent =
	    source->read(source->context, forward->next, to, take_leaf, &chunk, err) &&
	    syslog_session_send(session, buf_bytes(&chunk.frames), err);

	buf_clear_public(&chunk.frames);
	if (!sent)
		return false;
	if (chunk.count > 0 && chunk.next < to)
		return error_set(err, E_RECORD_UNAVAILABLE, "the database lacks leaves of the log");
	(void)pthread_mutex_lock(&forward->lock);
	forward->health.sent += chunk.count;
	(void)pthread_mutex_unlock(&forward->lock);
	forward->next = to;
	return true;
}

static uint64_t
published(const struct forward *forward)
{
	return forward->options.size(forward->options.size_context);
}

static bool
is_stopping(struct forward *forward)
{
	bool stopping;

	(void)pthread_mutex_lock(&forward->lock);
	stopping = forward->stopping;
	(void)pthread_mutex_unlock(&forward->lock);
	return stopping;
}

/* The source reads the log whose key it was asked for. */
static bool
find_log(struct forward *forward, struct error *err)
{
	const struct tiles_source *source = &forward->options.source;
	struct note_key key;

	if (!forward->found)
		forward->found = source->key(source->context, forward->options.origin, &key, err);
	return forward->found;
}

static bool
run_session(struct forward *forward, struct error *err)
{
	DEFER(syslog_session_free) struct syslog_session *session = NULL;
	const uint64_t end = forward->next + FORWARD_SESSION_LEAVES;
	uint64_t size;

	if (!find_log(forward, err) ||
	    !syslog_session_open(&forward->options.target, &session, err))
		return false;
	while ((size = published(forward)) > forward->next && forward->next < end &&
	       !is_stopping(forward)) {
		const uint64_t to = forward->next + AT_ONCE;

		if (!send_chunk(forward, session, size < to ? size : to, err))
			return false;
	}
	if (!syslog_session_end(session, err))
		return false;
	forward_confirmed(&forward->progress, forward->next, clock_monotonic_ms());
	return true;
}

/* ---- the thread ---- */

static void
note_outcome(struct forward *forward, bool good, const struct error *err)
{
	if (!good && forward->pause_ms == 0)
		log_error(LOG_LEVEL_WARNING, "audit.forward", NULL, err);
	if (good && forward->pause_ms != 0)
		log_info("audit.forward", "the log is forwarded again");
	if (good)
		forward->pause_ms = 0;
	else if (forward->pause_ms == 0)
		forward->pause_ms = FORWARD_PAUSE_MS;
	else
		forward->pause_ms = forward->pause_ms < FORWARD_PAUSE_MAX_MS / 2
					? 2 * forward->pause_ms
					: FORWARD_PAUSE_MAX_MS;
	if (!good)
		forward->next = forward_again(&forward->progress);
}

static void
look(struct forward *forward)
{
	struct error err = {0};
	uint64_t size = published(forward);

	if (forward->next > size && size > 0) { /* not the log that the cursor is of: all of it */
		forward->progress = (struct forward_progress){0};
		forward->next = 0;
	}
	if (size > forward->next) {
		const bool good = run_session(forward, &err);

		note_outcome(forward, good, &err);
	}
	if (forward_settle(&forward->progress, clock_monotonic_ms()))
		write_cursor(forward);
	size = published(forward);
	(void)pthread_mutex_lock(&forward->lock);
	forward->health.failing = forward->pause_ms != 0;
	forward->health.lag =
	    size > forward->progress.confirmed ? size - forward->progress.confirmed : 0;
	(void)pthread_mutex_unlock(&forward->lock);
}

/* True: stop. */
static bool
rest(struct forward *forward)
{
	const int64_t ms = forward->pause_ms != 0 ? forward->pause_ms : FORWARD_LOOK_MS;
	struct timespec until;
	bool stopping;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	(void)pthread_mutex_lock(&forward->lock);
	while (!forward->stopping && rc == 0)
		rc = pthread_cond_timedwait(&forward->stop, &forward->lock, &until);
	stopping = forward->stopping;
	(void)pthread_mutex_unlock(&forward->lock);
	return stopping;
}

static void *
run(void *context)
{
	struct forward *forward = context;

	do
		look(forward);
	while (!rest(forward));
	return NULL;
}

static void
release(struct forward *forward)
{
	if (forward == NULL)
		return;
	(void)pthread_cond_destroy(&forward->stop);
	(void)pthread_mutex_destroy(&forward->lock);
	free(forward);
}
DEFER_DECLARE(struct forward, release)

bool
forward_new(const struct forward_options *options, struct forward **out, struct error *err)
{
	DEFER(release) struct forward *forward = xcalloc(1, sizeof *forward);
	pthread_condattr_t monotonic;

	forward->options = *options;
	(void)pthread_mutex_init(&forward->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&forward->stop, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (!read_cursor(forward, err))
		return false;
	forward->next = forward->progress.settled;
	if (pthread_create(&forward->thread, NULL, run, forward) != 0)
		return error_set(err, E_INTERNAL, "no thread for forwarding");
	*out = TAKE(forward);
	return true;
}

void
forward_free(struct forward *forward)
{
	if (forward == NULL)
		return;
	(void)pthread_mutex_lock(&forward->lock);
	forward->stopping = true;
	(void)pthread_cond_signal(&forward->stop);
	(void)pthread_mutex_unlock(&forward->lock);
	(void)pthread_join(forward->thread, NULL);
	release(forward);
}

void
forward_health(struct forward *forward, struct forward_health *out)
{
	(void)pthread_mutex_lock(&forward->lock);
	*out = forward->health;
	(void)pthread_mutex_unlock(&forward->lock);
}
