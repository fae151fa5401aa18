#include "audit/forward.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/forward_log.h"
#include "audit/log_folder.h"
#include "audit/syslog.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "proof/scan.h"

#define CURSOR_LEN_MAX 512

struct forward {
	struct forward_options options;
	pthread_t thread;
	struct forward_progress progress; /* the thread's own, and: */
	uint64_t next;                    /* to be sent */
	int64_t pause_ms;                 /* 0: nothing failed */
	/* The log that is sent: this node's own, or one before it, which has ended. */
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	bool own;                      /* it is known to be */
	char then[LEAF_VALUE_MAX + 1]; /* of one before: the name of the next; "": not known yet */
	uint64_t ended;                /* of one before: its size */

	struct stop stop;
	pthread_mutex_t lock; /* of what follows */
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

static void
begin_own(struct forward *forward)
{
	(void)snprintf(forward->origin, sizeof forward->origin, "%s", forward->options.origin);
	forward->own = true;
}

static const char *
last_part(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash == NULL ? origin : slash + 1;
}

static void
write_cursor(const struct forward *forward)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	buf_append_format(
	    &text, "%s %llu\n", forward->origin, (unsigned long long)forward->progress.settled);
	if (!file_write(forward->options.path, buf_bytes(&text), 0600, &err))
		log_error(LOG_LEVEL_WARNING, "audit.forward", NULL, &err);
}

/* Both are logs of one name: "<name>/<log>". */
static bool
is_sister(const char *origin, const char *other)
{
	const size_t len = (size_t)(last_part(origin) - origin);

	return len > 0 && strncmp(origin, other, len) == 0 && log_folder_name_valid(other + len) &&
	       strlen(other + len) <= LEAF_VALUE_MAX;
}

/* "ORIGIN NEXT\n". A log that this one does not go back to counts as none: all of this one. */
static bool
read_cursor(struct forward *forward, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};
	const char *own = forward->options.origin;
	size_t len;
	struct scan in;
	int64_t next;

	begin_own(forward);
	if (access(forward->options.path, F_OK) != 0) {
		write_cursor(forward); /* the next start may be that of another log */
		return true;
	}
	if (!file_read(forward->options.path, CURSOR_LEN_MAX, &text, err))
		return false;
	len = strcspn(buf_text(&text), " ");
	in.rest = bytes_of(text.data + len, text.len - len);
	if (len > CHECKPOINT_ORIGIN_MAX || !scan_literal(&in, " ") || !scan_number(&in, &next))
		return true;
	(void)snprintf(forward->origin, sizeof forward->origin, "%.*s", (int)len, buf_text(&text));
	forward->own = strcmp(forward->origin, own) == 0;
	if (!forward->own && !is_sister(own, forward->origin)) {
		begin_own(forward);
		return true;
	}
	forward->progress.settled = forward->progress.confirmed = (uint64_t)next;
	return true;
}

/* ---- which log ---- */

static uint64_t
own_size(const struct forward *forward)
{
	return forward->options.size(forward->options.size_context);
}

static uint64_t
published(const struct forward *forward)
{
	return forward->own ? own_size(forward) : forward->ended;
}

static void
switch_to(struct forward *forward, const char *name)
{
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	const char *own = forward->options.origin;

	(void)snprintf(origin, sizeof origin, "%.*s%s", (int)(last_part(own) - own), own, name);
	(void)snprintf(forward->origin, sizeof forward->origin, "%s", origin);
	forward->own = strcmp(origin, own) == 0;
	forward->then[0] = '\0';
	forward->ended = 0;
	forward->progress = (struct forward_progress){0};
	forward->next = 0;
	write_cursor(forward);
}

static void
folder_of(const struct forward *forward, struct buf *out)
{
	buf_append_format(out, "%s/%s", forward->options.dir, last_part(forward->origin));
}

/* Of one before: where it ended, and what comes then. This one does not go back to it: its own. */
static bool
find_next(struct forward *forward, struct error *err)
{
	const char *name = last_part(forward->origin);
	DEFER(buf_clear_public) struct buf folder = {0};
	char then[LEAF_VALUE_MAX + 1];
	uint64_t ended = 0;

	folder_of(forward, &folder);
	if (!forward_log_after(
		forward->options.dir, name, last_part(forward->options.origin), then, err))
		return false;
	if (then[0] == '\0') {
		switch_to(forward, last_part(forward->options.origin));
		return true;
	}
	if (!forward_log_size(buf_text(&folder), &ended, err))
		return false;
	if (ended == 0)
		return error_set(err, E_RECORD_UNAVAILABLE, "the log %.64s is not there", name);
	(void)snprintf(forward->then, sizeof forward->then, "%s", then);
	forward->ended = ended;
	return true;
}

/* On with the next when all of one before is settled. */
static bool
find_place(struct forward *forward, struct error *err)
{
	if (forward->own || own_size(forward) == 0) /* what it continues is in its first leaf */
		return true;
	if (forward->then[0] == '\0' && !find_next(forward, err))
		return false;
	if (!forward->own && forward->progress.settled >= forward->ended) {
		log_info("audit.forward", "the log before is forwarded to its end");
		switch_to(forward, forward->then);
	}
	return true;
}

/* ---- sending ---- */

struct chunk {
	const struct forward *forward;
	struct buf frames;
	uint64_t count;
};

static bool
take_leaf(void *taker, uint64_t seq, struct bytes leaf, struct error *err)
{
	struct chunk *chunk = taker;
	const struct forward *forward = chunk->forward;

	chunk->count++;
	return syslog_frame(forward->origin, forward->options.node, seq, leaf, &chunk->frames, err);
}

static bool
send_chunk(struct forward *forward, struct syslog_session *session, uint64_t to, uint64_t size,
    struct error *err)
{
	DEFER(buf_clear_public) struct buf folder = {0};
	struct chunk chunk = {.forward = forward};
	bool sent;

	folder_of(forward, &folder);
	sent =
	    forward_log_read(buf_text(&folder), forward->next, to, size, take_leaf, &chunk, err) &&
	    syslog_session_send(session, buf_bytes(&chunk.frames), err);
	buf_clear_public(&chunk.frames);
	if (!sent)
		return false;
	(void)pthread_mutex_lock(&forward->lock);
	forward->health.sent += chunk.count;
	(void)pthread_mutex_unlock(&forward->lock);
	forward->next = to;
	return true;
}

static bool
run_session(struct forward *forward, struct error *err)
{
	DEFER(syslog_session_free) struct syslog_session *session = NULL;
	const uint64_t end = forward->next + FORWARD_SESSION_LEAVES;
	uint64_t size;

	if (!syslog_session_open(&forward->options.target, &session, err))
		return false;
	while ((size = published(forward)) > forward->next && forward->next < end &&
	       !stop_told(&forward->stop)) {
		const uint64_t to = (forward->next / TILE_WIDTH + 1) * TILE_WIDTH;

		if (!send_chunk(forward, session, size < to ? size : to, size, err))
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
note_health(struct forward *forward)
{
	const uint64_t size = published(forward);
	uint64_t lag = size > forward->progress.confirmed ? size - forward->progress.confirmed : 0;

	if (!forward->own)
		lag += own_size(forward);
	(void)pthread_mutex_lock(&forward->lock);
	forward->health.failing = forward->pause_ms != 0;
	forward->health.lag = lag;
	(void)pthread_mutex_unlock(&forward->lock);
}

static void
look(struct forward *forward)
{
	struct error err = {0};
	bool good = find_place(forward, &err);
	const uint64_t size = published(forward);
	bool tried;

	if (forward->next > size && size > 0) { /* not the log that the cursor is of: all of it */
		forward->progress = (struct forward_progress){0};
		forward->next = 0;
	}
	tried = good && size > forward->next;
	if (tried)
		good = run_session(forward, &err);
	if (tried || !good)
		note_outcome(forward, good, &err);
	if (forward_settle(&forward->progress, clock_monotonic_ms()))
		write_cursor(forward);
	note_health(forward);
}

static void *
run(void *context)
{
	struct forward *forward = context;

	do
		look(forward);
	while (!stop_rest(
	    &forward->stop, forward->pause_ms != 0 ? forward->pause_ms : FORWARD_LOOK_MS));
	return NULL;
}

static void
release(struct forward *forward)
{
	if (forward == NULL)
		return;
	stop_clear(&forward->stop);
	(void)pthread_mutex_destroy(&forward->lock);
	free(forward);
}
DEFER_DECLARE(struct forward, release)

bool
forward_new(const struct forward_options *options, struct forward **out, struct error *err)
{
	DEFER(release) struct forward *forward = xcalloc(1, sizeof *forward);

	forward->options = *options;
	(void)pthread_mutex_init(&forward->lock, NULL);
	stop_init(&forward->stop);
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
	stop_tell(&forward->stop);
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
