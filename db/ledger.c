#include "db/ledger.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/condition.h"
#include "base/mem.h"
#include "db/ledger_core.h"
#include "db/ledger_keeper.h"

#define WRITER_STACK_BYTES (512 * 1024) /* the kinds' code runs on it */
#define RECEIVER_STACK_BYTES (256 * 1024)

/* All proposals of one ledger_submit(). */
struct submission {
	size_t left;         /* proposals that are not finished */
	struct error failed; /* E_NONE, or why not all could be */
	sem_t done;
};

void
ledger_lock(struct ledger *ledger)
{
	(void)pthread_mutex_lock(&ledger->mutex);
}

void
ledger_unlock(struct ledger *ledger)
{
	(void)pthread_mutex_unlock(&ledger->mutex);
}

void
ledger_wake(struct ledger *ledger)
{
	const uint64_t one = 1;

	(void)!write(ledger->wake, &one, sizeof one);
}

void
ledger_not_ready(struct ledger *ledger, const char *why)
{
	ledger_lock(ledger);
	ledger->ready = false;
	(void)snprintf(ledger->why_not, sizeof ledger->why_not, "%s", why);
	ledger_unlock(ledger);
}

/* ---- finishing ---- */

/*
 * Each waiter sleeps on a semaphore of its own, so that a batch that wakes many does not make them
 * queue for the ledger's mutex. The waiter may free the submission as soon as it is posted.
 */
void
ledger_finish(struct ledger *ledger, struct entry *entry, const struct error *failed)
{
	struct submission *submission = entry->submission;
	bool last;

	ledger_lock(ledger);
	if (failed != NULL && submission->failed.code == E_NONE)
		submission->failed = *failed;
	last = --submission->left == 0;
	ledger_unlock(ledger);
	if (last)
		(void)sem_post(&submission->done);
}

void
ledger_fail_queue(struct ledger *ledger, const struct error *failed, bool signing_only)
{
	struct entry *failing = NULL, **tail = &failing, **at = &ledger->queue_head, *next;

	ledger_lock(ledger);
	while (*at != NULL) {
		struct entry *entry = *at;

		if (signing_only && !entry->proposal->kind->signs) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		*tail = entry;
		tail = &entry->next;
		ledger->queued--;
	}
	*tail = NULL;
	ledger->queue_tail = at;
	ledger_unlock(ledger);
	for (; failing != NULL; failing = next) {
		next = failing->next;
		ledger_finish(ledger, failing, failed);
	}
}

/* ---- the queue ---- */

void
ledger_take_batch(struct ledger *ledger, struct batch *batch, bool unsigned_only)
{
	struct entry **at = &ledger->queue_head;
	size_t max;

	batch->count = 0;
	ledger_lock(ledger);
	while (*at != NULL && unsigned_only && (*at)->proposal->kind->signs)
		at = &(*at)->next;
	batch->kind = *at != NULL ? (*at)->proposal->kind : NULL;
	max = batch->kind != NULL && batch->kind->alone ? 1 : LEDGER_BATCH_MAX;
	while (*at != NULL && batch->count < max) {
		struct entry *entry = *at;

		if (entry->proposal->kind != batch->kind) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		batch->entries[batch->count++] = entry;
	}
	if (*at == NULL)
		ledger->queue_tail = at;
	ledger->queued -= batch->count;
	ledger_unlock(ledger);
}

void
ledger_put_back(struct ledger *ledger, struct batch *batch, size_t from)
{
	ledger_lock(ledger);
	while (batch->count > from) {
		struct entry *entry = batch->entries[--batch->count];

		entry->next = ledger->queue_head;
		if (ledger->queue_head == NULL)
			ledger->queue_tail = &entry->next;
		ledger->queue_head = entry;
		ledger->queued++;
	}
	ledger_unlock(ledger);
}

static bool
enqueue(struct ledger *ledger, struct entry *entries, size_t count, struct error *err)
{
	const int64_t now_us = clock_monotonic_us();
	bool room, first;

	ledger_lock(ledger);
	first = ledger->queue_head == NULL;
	room = ledger->queued + count <= LEDGER_QUEUE_MAX && !ledger->stopping;
	for (size_t i = 0; room && i < count; i++) {
		entries[i].queued_at_us = now_us;
		*ledger->queue_tail = &entries[i];
		ledger->queue_tail = &entries[i].next;
		ledger->queued++;
	}
	ledger_unlock(ledger);
	if (room && first)
		ledger_wake(ledger); /* else whoever came first has */
	if (room)
		return true;
	(void)error_set(err, E_BUSY, "too much waits to be recorded");
	err->retry_after_s = 1;
	return false;
}

bool
ledger_submit(
    struct ledger *ledger, struct proposal *const *proposals, size_t count, struct error *err)
{
	struct submission submission = {.left = count};
	DEFER(mem_free) struct entry *entries = xcalloc(count + 1, sizeof *entries);

	for (size_t i = 0; i < count; i++)
		entries[i] = (struct entry){.proposal = proposals[i], .submission = &submission};
	if (count == 0)
		return true;
	(void)sem_init(&submission.done, 0, 0);
	if (!enqueue(ledger, entries, count, err))
		return false;
	while (sem_wait(&submission.done) != 0)
		continue; /* EINTR */
	(void)sem_destroy(&submission.done);
	if (submission.failed.code != E_NONE)
		*err = submission.failed;
	return submission.failed.code == E_NONE;
}

/* ---- status ---- */

static const char *
why_not_locked(const struct ledger *ledger)
{
	if (ledger->ready && !ledger->keeper_lost)
		return "";
	return ledger->ready ? "the key keeper is away" : ledger->why_not;
}

bool
ledger_wait_ready(struct ledger *ledger, int wait_ms, struct error *err)
{
	const struct timespec until = condition_in_ms(wait_ms);
	char why[sizeof ledger->why_not];
	int rc = 0;

	ledger_lock(ledger);
	while (why_not_locked(ledger)[0] != '\0' && rc == 0)
		rc = pthread_cond_timedwait(&ledger->ready_changed, &ledger->mutex, &until);
	(void)snprintf(why, sizeof why, "%s", why_not_locked(ledger));
	ledger_unlock(ledger);
	if (why[0] == '\0')
		return true;
	(void)error_set(err, E_RECORD_UNAVAILABLE, "the log is not ready: %s", why);
	err->retry_after_s = 1;
	return false;
}

void
ledger_status(struct ledger *ledger, struct ledger_status *out)
{
	ledger_lock(ledger);
	*out = (struct ledger_status){.ready = ledger->ready && !ledger->keeper_lost,
	    .size = ledger->size,
	    .batches = ledger->batches,
	    .proposals = ledger->proposals,
	    .retries = ledger->retries,
	    .queued = ledger->queued,
	    .unkept = ledger->unkept_count};
	(void)snprintf(out->why_not, sizeof out->why_not, "%s", why_not_locked(ledger));
	ledger_unlock(ledger);
}

/* ---- beginning and end ---- */

static struct ledger *
ledger_init(const struct ledger_options *options)
{
	struct ledger *ledger = xcalloc(1, sizeof *ledger);
	const char *name = strrchr(options->origin, '/');

	ledger->options = *options;
	ledger->url = xstrdup(options->url);
	ledger->origin = xstrdup(options->origin);
	(void)snprintf(ledger->actor, sizeof ledger->actor, "system:%.50s",
	    name != NULL ? name + 1 : options->origin);
	ledger->queue_tail = &ledger->queue_head;
	ledger->flight_tail = &ledger->flights;
	ledger->drain = true; /* the tools may have written while nobody was looking */
	(void)snprintf(ledger->why_not, sizeof ledger->why_not, "starting");
	(void)pthread_mutex_init(&ledger->mutex, NULL);
	condition_init(&ledger->ready_changed);
	condition_init(&ledger->flight_changed);
	ledger->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return ledger;
}

static void
ledger_destroy(struct ledger *ledger)
{
	conn_close(ledger->conn);
	if (ledger->wake >= 0)
		(void)close(ledger->wake);
	(void)pthread_cond_destroy(&ledger->flight_changed);
	(void)pthread_cond_destroy(&ledger->ready_changed);
	(void)pthread_mutex_destroy(&ledger->mutex);
	free(ledger->unkept);
	free(ledger->aborts);
	free(ledger->url);
	free(ledger->origin);
	free(ledger);
}

static int
start_thread(
    pthread_t *out, size_t stack_bytes, void *(*thread_main)(void *), struct ledger *ledger)
{
	pthread_attr_t attributes;
	int rc;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, stack_bytes);
	rc = pthread_create(out, &attributes, thread_main, ledger);
	(void)pthread_attr_destroy(&attributes);
	return rc;
}

bool
ledger_new(const struct ledger_options *options, struct ledger **out, struct error *err)
{
	struct ledger *ledger = ledger_init(options);

	if (ledger->wake < 0 ||
	    start_thread(&ledger->receiver, RECEIVER_STACK_BYTES, keeper_receiver, ledger) != 0) {
		ledger_destroy(ledger);
		return error_set(err, E_INTERNAL, "the ledger's threads cannot be started");
	}
	if (start_thread(&ledger->writer, WRITER_STACK_BYTES, ledger_writer, ledger) != 0) {
		ledger_lock(ledger);
		ledger->writer_done = true;
		(void)pthread_cond_broadcast(&ledger->flight_changed);
		ledger_unlock(ledger);
		(void)pthread_join(ledger->receiver, NULL);
		ledger_destroy(ledger);
		return error_set(err, E_INTERNAL, "the ledger's threads cannot be started");
	}
	*out = ledger;
	return true;
}

void
ledger_free(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	ledger_lock(ledger);
	ledger->stopping = true;
	ledger_unlock(ledger);
	ledger_wake(ledger);
	(void)pthread_join(ledger->writer, NULL);
	(void)pthread_join(ledger->receiver, NULL);
	ledger_destroy(ledger);
}
