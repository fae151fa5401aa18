#include "audit/inspection.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/inspect_log.h"
#include "audit/inspect_status.h"
#include "audit/inspect_store.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "proof/checkpoint.h"

struct inspection {
	struct inspection_options options;
	char *origin, *dir;
	char actor[LEAF_VALUE_MAX + 1];
	pthread_t thread;

	/* The thread's own: the pass that is under way. */
	struct inspect_log *log; /* NULL: none is */
	struct inspect_subject subject;
	char name[CHECKPOINT_ORIGIN_MAX + 1];
	struct inspect_progress progress;
	struct inspect_status status; /* after the leaves of the own log */
	int64_t wait_s;               /* without a pass: until one may be due */
	int64_t kept_at_ms;

	struct stop stop;
	pthread_mutex_t lock; /* of what follows */
	struct inspection_health health;
};

static const char *
last_part(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash != NULL ? slash + 1 : origin;
}

static bool
is_own(const struct inspection *inspection)
{
	return inspection->subject.name == NULL;
}

/* ---- telling ---- */

static void
note_place(struct inspection *inspection, uint64_t looked_at)
{
	(void)pthread_mutex_lock(&inspection->lock);
	inspection->health.leaves += looked_at;
	if (is_own(inspection)) {
		inspection->health.next = (uint64_t)inspection->progress.next_seq;
		inspection->health.done_at_s = inspection->progress.done_at_s;
		if (inspection->log != NULL)
			inspection->health.size = inspect_log_size(inspection->log);
	}
	(void)pthread_mutex_unlock(&inspection->lock);
}

static bool
count_faults(struct inspection *inspection, struct error *err)
{
	int64_t standing = 0;

	if (!inspect_store_count_faults(inspection->options.db, &standing, err))
		return false;
	(void)pthread_mutex_lock(&inspection->lock);
	inspection->health.faults = standing;
	(void)pthread_mutex_unlock(&inspection->lock);
	return true;
}

static bool
tell(struct inspection *inspection, const struct inspect_faults *faults, struct error *err)
{
	const struct inspect_teller teller = {.db = inspection->options.db,
	    .ledger = inspection->options.ledger,
	    .clock = inspection->options.clock,
	    .actor = inspection->actor};

	if (faults->count == 0)
		return true;
	return inspect_faults_tell(&teller, &inspection->subject, faults, err) &&
	       count_faults(inspection, err);
}

static bool
mark_seen(struct inspection *inspection, const struct inspect_faults *faults, struct error *err)
{
	DEFER(mem_free) bool *known = xcalloc(faults->count + 1, sizeof *known);

	return faults->count == 0 || inspect_store_mark_seen(inspection->options.db,
					 &inspection->subject, faults, known, err);
}

/* What may be a restored backup's, or was dropped in order, is not told yet, and not forgotten
 * either. */
static bool
keep_progress(struct inspection *inspection, struct error *err)
{
	DEFER(inspect_faults_clear) struct inspect_faults unsaid = {0};

	inspection->kept_at_ms = clock_monotonic_ms();
	inspect_log_unsaid(inspection->log, &unsaid);
	return mark_seen(inspection, inspect_log_lost(inspection->log), err) &&
	       mark_seen(inspection, &unsaid, err) &&
	       inspect_store_keep_progress(
		   inspection->options.db, inspection->subject.log, &inspection->progress, err);
}

/* ---- a pass ---- */

/* Seconds until a pass over it begins; one that was cut short goes on. */
static int64_t
due_in_s(const struct inspection *inspection)
{
	const int64_t since_s =
	    clock_now_s(inspection->options.clock) - inspection->progress.done_at_s;

	if (inspection->progress.next_seq > 0 || since_s < 0 ||
	    since_s >= inspection->options.rest_s)
		return 0;
	return inspection->options.rest_s - since_s;
}

static void
wait_at_most(struct inspection *inspection, int64_t wait_s)
{
	if (wait_s < inspection->wait_s)
		inspection->wait_s = wait_s;
}

/* A log that has no folder here is looked at where it has one. */
static bool
open_log(struct inspection *inspection, const struct note_key *key, struct error *err)
{
	DEFER(inspect_faults_clear) struct inspect_faults faults = {0};
	DEFER(buf_clear_public) struct buf folder = {0};
	struct error absent = {0};

	buf_append_format(&folder, "%s/%s", inspection->dir, inspection->name);
	if (!inspect_log_open(&(struct inspect_log_options){.db = inspection->options.db,
				  .log = inspection->subject.log,
				  .folder = buf_text(&folder),
				  .key = key},
		&inspection->log, &faults, &absent)) {
		if (is_own(inspection)) /* its first checkpoint is on its way */
			wait_at_most(inspection, INSPECTION_FAILED_MS / 1000);
		if (absent.code == E_NOT_FOUND)
			return true;
		*err = absent;
		return false;
	}
	if (tell(inspection, &faults, err) && inspect_log_size(inspection->log) > 0)
		return true;
	inspect_log_free(TAKE(inspection->log)); /* without a checkpoint there is no pass */
	return err->code == E_NONE;
}

static bool
consider(struct inspection *inspection, const struct rows *rows, size_t row, struct error *err)
{
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	struct note_key key;
	struct bytes public_key = rows_bytes(rows, row, 2);

	rows_text(rows, row, 1, origin, sizeof origin);
	(void)snprintf(inspection->name, sizeof inspection->name, "%s", last_part(origin));
	inspection->subject = (struct inspect_subject){.log = (int)rows_int(rows, row, 0),
	    .name = strcmp(origin, inspection->origin) == 0 ? NULL : inspection->name};
	if (!inspect_store_progress(
		inspection->options.db, inspection->subject.log, &inspection->progress, err))
		return false;
	note_place(inspection, 0);
	inspection->subject.pass = inspection->progress.pass;
	inspection->status = (struct inspect_status){0};
	if (due_in_s(inspection) > 0) {
		wait_at_most(inspection, due_in_s(inspection));
		return true;
	}
	return note_key_init(&key, origin, public_key.data, err) && open_log(inspection, &key, err);
}

/* The first that is due: then `log` is there. */
static bool
choose(struct inspection *inspection, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!count_faults(inspection, err) ||
	    !inspect_store_logs(inspection->options.db, inspection->origin, &rows, err))
		return false;
	inspection->wait_s = INSPECTION_WAIT_MAX_S;
	for (size_t i = 0; inspection->log == NULL && i < rows_count(rows); i++)
		if (!consider(inspection, rows, i, err))
			return false;
	if (inspection->log != NULL)
		note_place(inspection, 0);
	return true;
}

static bool
end_pass(struct inspection *inspection, struct error *err)
{
	DEFER(inspect_faults_clear) struct inspect_faults unsaid = {0};
	size_t mended = 0;

	/* Of a closed log the leaf may stand in any other, also another node's. */
	if (!tell(inspection, inspect_log_lost(inspection->log), err) ||
	    (is_own(inspection) && !inspect_log_judge_unsaid(inspection->log, &unsaid, err)) ||
	    !tell(inspection, &unsaid, err) ||
	    !inspect_store_forget_mended(
		inspection->options.db, &inspection->subject, &mended, err))
		return false;
	if (mended > 0)
		log_info(
		    "audit.inspection", "%zu things are again what the log commits to", mended);
	inspection->progress = (struct inspect_progress){.pass = inspection->progress.pass + 1,
	    .done_at_s = clock_now_s(inspection->options.clock)};
	if (!inspect_store_keep_progress(
		inspection->options.db, inspection->subject.log, &inspection->progress, err) ||
	    !count_faults(inspection, err))
		return false;
	note_place(inspection, 0);
	inspect_log_free(TAKE(inspection->log));
	inspection->wait_s = 0; /* another log may be due */
	return true;
}

static bool
look(
    struct inspection *inspection, struct inspect_faults *faults, bool *out_more, struct error *err)
{
	uint64_t next = (uint64_t)inspection->progress.next_seq;
	const uint64_t before = next;

	*out_more = true;
	if (next >= inspect_log_size(inspection->log)) {
		*out_more = is_own(inspection);
		return !*out_more || inspect_status_step(inspection->options.db,
					 &inspection->status, faults, out_more, err);
	}
	if (!inspect_log_step(inspection->log, &next, faults, err))
		return false;
	inspection->progress.next_seq = (int64_t)next;
	note_place(inspection, next - before);
	return true;
}

static bool
step(struct inspection *inspection, struct error *err)
{
	DEFER(inspect_faults_clear) struct inspect_faults faults = {0};
	const struct inspect_progress before = inspection->progress;
	bool more = false;

	if (!look(inspection, &faults, &more, err))
		return false;
	if (!tell(inspection, &faults, err)) {
		inspection->progress = before; /* looked at again */
		return false;
	}
	if (!more)
		return end_pass(inspection, err);
	return clock_monotonic_ms() - inspection->kept_at_ms < INSPECTION_KEEP_MS ||
	       keep_progress(inspection, err);
}

/* ---- the thread ---- */

static void
note_outcome(struct inspection *inspection, const struct error *err)
{
	bool news;

	(void)pthread_mutex_lock(&inspection->lock);
	news = inspection->health.failing != err->code;
	inspection->health.failing = err->code;
	(void)pthread_mutex_unlock(&inspection->lock);
	if (news && err->code != E_NONE)
		log_error(LOG_LEVEL_WARNING, "audit.inspection", NULL, err);
}

/* How long to rest afterwards, ms. */
static int64_t
work(struct inspection *inspection)
{
	const bool choosing = inspection->log == NULL;
	struct error err = {0};

	if (choosing ? choose(inspection, &err) : step(inspection, &err)) {
		note_outcome(inspection, &err);
		if (inspection->log == NULL)
			return (inspection->wait_s > 0 ? inspection->wait_s : 1) * 1000;
		return choosing ? 0 : INSPECTION_STEP * 1000 / inspection->options.per_s;
	}
	note_outcome(inspection, &err);
	inspect_log_free(TAKE(inspection->log)); /* from where it was written down */
	return INSPECTION_FAILED_MS;
}

static void *
run(void *context)
{
	struct inspection *inspection = context;
	struct error last = {0};
	int64_t pause_ms = INSPECTION_FAILED_MS;

	while (!stop_rest(&inspection->stop, pause_ms))
		pause_ms = work(inspection);
	if (inspection->log != NULL && !keep_progress(inspection, &last))
		log_error(LOG_LEVEL_WARNING, "audit.inspection", NULL, &last);
	inspect_log_free(TAKE(inspection->log));
	return NULL;
}

static void
release(struct inspection *inspection)
{
	stop_clear(&inspection->stop);
	(void)pthread_mutex_destroy(&inspection->lock);
	free(inspection->origin);
	free(inspection->dir);
	free(inspection);
}

bool
inspection_new(const struct inspection_options *options, struct inspection **out, struct error *err)
{
	struct inspection *inspection = xcalloc(1, sizeof *inspection);

	inspection->options = *options;
	inspection->origin = xstrdup(options->origin);
	inspection->dir = xstrdup(options->dir);
	(void)snprintf(inspection->actor, sizeof inspection->actor, "system:%s", options->node);
	(void)pthread_mutex_init(&inspection->lock, NULL);
	stop_init(&inspection->stop);
	if (pthread_create(&inspection->thread, NULL, run, inspection) != 0) {
		release(inspection);
		return error_set(err, E_INTERNAL, "no thread for the inspection");
	}
	*out = inspection;
	return true;
}

void
inspection_free(struct inspection *inspection)
{
	if (inspection == NULL)
		return;
	stop_tell(&inspection->stop);
	(void)pthread_join(inspection->thread, NULL);
	release(inspection);
}

bool
inspection_health(struct inspection *inspection, struct inspection_health *out)
{
	if (inspection == NULL)
		return false;
	(void)pthread_mutex_lock(&inspection->lock);
	*out = inspection->health;
	(void)pthread_mutex_unlock(&inspection->lock);
	return true;
}
