#include "db/ledger.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/ledger_core.h"

#define RECOVER_PAUSE_MS 200
#define IDLE_MS 1000

/* ---- finishing ---- */

/* With the mutex held. */
static void
finish_locked(struct entry *entry, const struct error *failed)
{
	struct submission *submission = entry->submission;

	if (failed != NULL && submission->failed.code == E_NONE)
		submission->failed = *failed;
	if (--submission->left == 0)
		(void)pthread_cond_signal(&submission->done);
}

void
ledger_finish(struct ledger *ledger, struct entry *entry, const struct error *failed)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	finish_locked(entry, failed);
	(void)pthread_mutex_unlock(&ledger->mutex);
}

void
ledger_not_ready(struct ledger *ledger, const char *why)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	ledger->ready = false;
	(void)snprintf(ledger->why_not, sizeof ledger->why_not, "%s", why);
	(void)pthread_mutex_unlock(&ledger->mutex);
}

/* ---- the queue ---- */

static void
wake_writer(struct ledger *ledger)
{
	const uint64_t one = 1;

	(void)!write(ledger->wake, &one, sizeof one);
}

/* Takes proposals of the oldest one's kind, in order, as many as a batch may have. */
static void
take_batch(struct ledger *ledger, struct batch *batch)
{
	const struct ledger_kind *kind;
	struct entry **at = &ledger->queue_head;

	batch->count = 0;
	(void)pthread_mutex_lock(&ledger->mutex);
	kind = ledger->queue_head != NULL ? ledger->queue_head->proposal->kind : NULL;
	while (*at != NULL && batch->count < LEDGER_BATCH_MAX) {
		struct entry *entry = *at;

		if (entry->proposal->kind != kind) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		batch->entries[batch->count++] = entry;
		ledger->queued--;
	}
	if (*at == NULL)
		ledger->queue_tail = at;
	(void)pthread_mutex_unlock(&ledger->mutex);
}

static void
fail_queue(struct ledger *ledger, const struct error *failed)
{
	struct entry *entry;

	(void)pthread_mutex_lock(&ledger->mutex);
	entry = ledger->queue_head;
	ledger->queue_head = NULL;
	ledger->queue_tail = &ledger->queue_head;
	ledger->queued = 0;
	while (entry != NULL) {
		struct entry *next = entry->next; /* the entry is gone once finished */

		finish_locked(entry, failed);
		entry = next;
	}
	(void)pthread_mutex_unlock(&ledger->mutex);
}

/* ---- the writer's thread ---- */

struct work {
	bool stopping, queued, unkept, aborts, must_recover, fenced;
};

static struct work
look(struct ledger *ledger)
{
	struct work work;

	(void)pthread_mutex_lock(&ledger->mutex);
	work = (struct work){.stopping = ledger->stopping,
	    .queued = ledger->queue_head != NULL,
	    .unkept = ledger->unkept_count > 0,
	    .aborts = ledger->abort_count > 0,
	    .must_recover = !ledger->ready || ledger->keeper_lost,
	    .fenced = ledger->fenced};
	(void)pthread_mutex_unlock(&ledger->mutex);
	return work;
}

/* Sleeps until there is work: a proposal, a NOTIFY, or time to keep signatures. */
static void
wait_for_work(struct ledger *ledger, int wait_ms)
{
	struct pollfd fds[2] = {{.fd = ledger->wake, .events = POLLIN},
	    {.fd = ledger->conn != NULL ? conn_socket(ledger->conn) : -1, .events = POLLIN}};
	uint64_t count;

	if (poll(fds, COUNT(fds), wait_ms) <= 0)
		return;
	if ((fds[0].revents & POLLIN) != 0)
		(void)!read(ledger->wake, &count, sizeof count);
	if (fds[1].revents == 0 || ledger->conn == NULL)
		return;
	if (conn_notified(ledger->conn))
		ledger->drain = true;
	if (conn_failed(ledger->conn))
		ledger_not_ready(ledger, "the connection to the database is lost");
}

static void
try_to_recover(struct ledger *ledger)
{
	struct error err = {0};

	if (ledger_recover(ledger, &err)) {
		log_info(
		    "ledger.ready", "the log is taken over at size %lld", (long long)ledger->size);
		return;
	}
	log_error(LOG_LEVEL_WARNING, "ledger.not_ready", NULL, &err);
	err.recorded = false;
	if (err.retry_after_s == 0)
		err.retry_after_s = 1;
	if (error_info(err.code)->kind != ERROR_KIND_UNAVAILABLE)
		err.code = E_RECORD_UNAVAILABLE;
	fail_queue(ledger, &err);
	wait_for_work(ledger, RECOVER_PAUSE_MS);
}

static void
refuse_fenced(struct ledger *ledger)
{
	struct error err = {0};

	(void)error_set(&err, E_RECORD_UNAVAILABLE, "another process owns the log");
	err.retry_after_s = 5;
	fail_queue(ledger, &err);
	wait_for_work(ledger, IDLE_MS);
}

static void *
writer_main(void *context)
{
	struct ledger *ledger = context;
	struct batch *batch = batch_new();
	int64_t idle_since_ms = clock_monotonic_ms();

	for (;;) {
		const struct work work = look(ledger);
		const bool idle_long = clock_monotonic_ms() - idle_since_ms >= LEDGER_KEEP_AFTER_MS;

		if (work.stopping && !work.queued && (!work.unkept || work.must_recover))
			break;
		if (work.fenced)
			refuse_fenced(ledger);
		else if (work.must_recover)
			try_to_recover(ledger);
		else if (work.queued || ledger->drain || work.aborts ||
			 (work.unkept && (idle_long || work.stopping))) {
			keeper_wait_for_slot(ledger);
			take_batch(ledger, batch);
			batch_run(ledger, batch);
			idle_since_ms = clock_monotonic_ms();
		} else
			wait_for_work(ledger, work.unkept ? LEDGER_KEEP_AFTER_MS : IDLE_MS);
	}
	batch_free(batch);
	(void)pthread_mutex_lock(&ledger->mutex);
	ledger->writer_done = true;
	(void)pthread_cond_broadcast(&ledger->flight_changed);
	(void)pthread_mutex_unlock(&ledger->mutex);
	return NULL;
}

/* ---- the callers' side ---- */

static bool
enqueue(struct ledger *ledger, struct entry *entries, size_t count, struct error *err)
{
	bool room;

	(void)pthread_mutex_lock(&ledger->mutex);
	room = ledger->queued + count <= LEDGER_QUEUE_MAX && !ledger->stopping;
	for (size_t i = 0; room && i < count; i++) {
		*ledger->queue_tail = &entries[i];
		ledger->queue_tail = &entries[i].next;
		ledger->queued++;
	}
	(void)pthread_mutex_unlock(&ledger->mutex);
	if (room)
		return true;
	(void)error_set(err, E_RECORD_UNAVAILABLE, "too much waits to be recorded");
	err->retry_after_s = 1;
	return false;
}

bool
ledger_submit(
    struct ledger *ledger, struct proposal *const *proposals, size_t count, struct error *err)
{
	struct submission submission = {.left = count, .done = PTHREAD_COND_INITIALIZER};
	struct entry *entries = xcalloc(count, sizeof *entries);
	bool queued;

	for (size_t i = 0; i < count; i++)
		entries[i] = (struct entry){.proposal = proposals[i], .submission = &submission};
	queued = enqueue(ledger, entries, count, err);
	if (queued) {
		wake_writer(ledger);
		(void)pthread_mutex_lock(&ledger->mutex);
		while (submission.left > 0)
			(void)pthread_cond_wait(&submission.done, &ledger->mutex);
		(void)pthread_mutex_unlock(&ledger->mutex);
		if (submission.failed.code != E_NONE)
			*err = submission.failed;
	}
	(void)pthread_cond_destroy(&submission.done);
	free(entries);
	return queued && submission.failed.code == E_NONE;
}

bool
ledger_wait_ready(struct ledger *ledger, int wait_ms, struct error *err)
{
	struct timespec until;
	bool ready;
	char why[sizeof ledger->why_not];

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	(void)pthread_mutex_lock(&ledger->mutex);
	while (!ledger->ready &&
	       pthread_cond_timedwait(&ledger->ready_changed, &ledger->mutex, &until) != ETIMEDOUT)
		continue;
	ready = ledger->ready;
	(void)snprintf(why, sizeof why, "%s", ledger->why_not);
	(void)pthread_mutex_unlock(&ledger->mutex);
	return ready || error_set(err, E_RECORD_UNAVAILABLE, "the log is not ready: %s", why);
}

void
ledger_status(struct ledger *ledger, struct ledger_status *out)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	*out = (struct ledger_status){.ready = ledger->ready && !ledger->keeper_lost,
	    .size = ledger->size,
	    .batches = ledger->batches,
	    .proposals = ledger->proposals,
	    .retries = ledger->retries,
	    .queued = ledger->queued};
	(void)snprintf(out->why_not, sizeof out->why_not, "%s",
	    ledger->keeper_lost ? "the keeper is lost" : ledger->why_not);
	(void)pthread_mutex_unlock(&ledger->mutex);
}

bool
ledger_new(const struct ledger_options *options, struct ledger **out, struct error *err)
{
	struct ledger *ledger = xcalloc(1, sizeof *ledger);
	pthread_condattr_t attributes;

	ledger->options = *options;
	ledger->url = xstrdup(options->url);
	ledger->origin = xstrdup(options->origin);
	ledger->queue_tail = &ledger->queue_head;
	ledger->flight_tail = &ledger->flights;
	(void)snprintf(ledger->why_not, sizeof ledger->why_not, "starting");
	(void)pthread_mutex_init(&ledger->mutex, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&ledger->ready_changed, &attributes);
	(void)pthread_cond_init(&ledger->flight_changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	ledger->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ledger->wake < 0 || pthread_create(&ledger->writer, NULL, writer_main, ledger) != 0)
		abort(); /* as running out of memory: nothing can be done without threads */
	if (pthread_create(&ledger->receiver, NULL, keeper_receiver, ledger) != 0)
		abort();
	*out = ledger;
	(void)err;
	return true;
}

void
ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	(void)pthread_mutex_lock(&ledger->mutex);
	ledger->stopping = true;
	(void)pthread_mutex_unlock(&ledger->mutex);
	wake_writer(ledger);
	(void)pthread_join(ledger->writer, NULL);
	(void)pthread_join(ledger->receiver, NULL);
	conn_close(ledger->conn);
	(void)close(ledger->wake);
	(void)pthread_cond_destroy(&ledger->flight_changed);
	(void)pthread_cond_destroy(&ledger->ready_changed);
	(void)pthread_mutex_destroy(&ledger->mutex);
	free(ledger->unkept);
	free(ledger->url);
	free(ledger->origin);
	free(ledger);
}
