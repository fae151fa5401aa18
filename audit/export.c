#include "audit/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/events_filter.h"
#include "audit/export_run.h"
#include "audit/export_store.h"
#include "audit/log_folder.h"
#include "audit/note.h"
#include "base/condition.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define LOOK_EVERY_S 60 /* at what has expired, and for jobs that could not be told of */
#define RETRY_S 5       /* after the database was away */

struct exports {
	struct exports_options options;
	char *node, *audit_dir, *dir;
	struct ledger_kind kind;

	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stopping, asked; /* under the lock */

	_Atomic int64_t done, failed, runs, bytes;
};

static const char *
last_part(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash == NULL ? origin : slash + 1;
}

static void
wake(struct exports *exports)
{
	pthread_mutex_lock(&exports->lock);
	exports->asked = true;
	pthread_cond_signal(&exports->wake);
	pthread_mutex_unlock(&exports->lock);
}

/* ---- asking for one: the ledger's kind ---- */

struct begin { /* a proposal */
	struct proposal base;
	const struct export_job *job;
	struct bytes note;
	struct record record;
};

static bool
begin_read(void *context, struct ledger_batch *batch, struct error *err)
{
	const struct exports *exports = context;
	int64_t *count = xcalloc(1, sizeof *count);

	batch->snapshot = count;
	return export_store_count(batch->tx, exports->node, count, err);
}

static void
begin_decide_one(struct begin *begin, int64_t already, int64_t now_s)
{
	const struct export_job *job = begin->job;
	char subject[LEAF_VALUE_MAX + 1];
	struct error *refused = &begin->base.err;

	*refused = (struct error){0};
	if (already >= EXPORT_JOBS_MAX)
		(void)error_set(refused, E_STATE_CONFLICT, "there are %d exports: remove one first",
		    EXPORT_JOBS_MAX);
	(void)snprintf(subject, sizeof subject, "x:%s/log:%.40s", job->id, last_part(job->origin));
	begin->record = (struct record){0};
	note_leaf(&begin->record.leaf, LEAF_LOG_EXPORT, job->actor, subject,
	    refused->code == E_NONE ? NULL : refused, now_s);
	begin->record.leaf.details[0] = (struct leaf_detail){.key = "proves",
	    .text = export_scope_is_complete(&job->scope) ? "complete" : "inclusion"};
	begin->record.leaf.details[1] = (struct leaf_detail){.key = "size", .number = job->size};
	begin->base.records = &begin->record;
	begin->base.record_count = 1;
}

static void
begin_decide(void *context, struct ledger_batch *batch)
{
	int64_t already = *(const int64_t *)batch->snapshot;

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct begin *begin = (struct begin *)batch->proposals[i];

		begin_decide_one(begin, already, batch->now_s);
		already += begin->base.err.code == E_NONE ? 1 : 0;
	}
}

static bool
begin_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		const struct begin *begin = (const struct begin *)batch->proposals[i];

		if (begin->base.err.code == E_NONE &&
		    !export_store_insert(batch->tx, begin->job, begin->note, err))
			return false;
	}
	return true;
}

static bool
pick_log(struct exports *exports, const char *name, struct export_job *out, struct error *err)
{
	DEFER(mem_free) struct events_log *logs = xcalloc(EVENTS_LOGS_MAX, sizeof *logs);
	const struct events_log *log;
	size_t count = 0;

	if (!events_logs(exports->options.db, logs, &count, err) ||
	    !events_pick_log(logs, count, name, &log, err))
		return false;
	out->log = log->id;
	(void)snprintf(out->origin, sizeof out->origin, "%s", log->origin);
	return true;
}

/* A log's files are with the node that writes it, or has written it. */
static bool
read_checkpoint(
    struct exports *exports, const char *origin, struct buf *out_note, struct error *err)
{
	struct audit *audit = exports->options.audit;
	struct error absent = {0};

	if (audit_log_checkpoint(audit, last_part(origin), out_note, &absent))
		return true;
	if (absent.code == E_NOT_FOUND && strcmp(origin, audit_origin(audit)) != 0)
		return error_set_field(err, E_STATE_CONFLICT, "/log",
		    "its files are not here: ask the node whose log it is");
	*err = absent;
	return false;
}

/* The newest checkpoint, which the export is pinned to. */
static bool
pin(struct exports *exports, struct export_job *job, struct buf *out_note, struct error *err)
{
	struct checkpoint checkpoint;
	struct bytes text;

	if (!read_checkpoint(exports, job->origin, out_note, err) ||
	    !note_text(buf_bytes(out_note), &text, err) ||
	    !checkpoint_parse(text, &checkpoint, err))
		return false;
	job->size = (int64_t)checkpoint.size;
	return true;
}

static bool
record(struct exports *exports, const struct export_job *job, struct bytes note, struct error *err)
{
	struct begin begin = {.base.kind = &exports->kind, .job = job, .note = note};
	struct proposal *const proposals[] = {&begin.base};

	if (!ledger_submit(exports->options.ledger, proposals, COUNT(proposals), err))
		return false;
	if (begin.base.err.code != E_NONE) {
		*err = begin.base.err;
		return false;
	}
	return true;
}

bool
export_begin(struct exports *exports, const char *actor, const char *log,
    const struct export_scope *scope, struct export_job *out, struct error *err)
{
	struct export_job job = {
	    .scope = *scope, .created_at_s = clock_now_s(exports->options.clock)};
	DEFER(buf_clear_public) struct buf note = {0};
	uint8_t handle[HANDLE_BYTES];

	if (!export_scope_check(scope, err) || !pick_log(exports, log, &job, err) ||
	    !pin(exports, &job, &note, err))
		return false;
	rng_fill(exports->options.rng, handle, sizeof handle);
	handle_encode(job.id, handle);
	(void)snprintf(job.node, sizeof job.node, "%s", exports->node);
	(void)snprintf(job.actor, sizeof job.actor, "%s", actor);
	if (!record(exports, &job, buf_bytes(&note), err))
		return false;
	wake(exports);
	return export_get(exports, job.id, out, err);
}

/* ---- what there is ---- */

static void
set_expiry(const struct exports *exports, struct export_job *job)
{
	if (job->finished_at_s > 0)
		job->expires_at_s = job->finished_at_s + exports->options.keep_s;
}

bool
export_get(struct exports *exports, const char *id, struct export_job *out, struct error *err)
{
	struct export_job job;
	bool found = false;

	if (!handle_valid(bytes_of_text(id)))
		return error_set(err, E_NOT_FOUND, "there is no such export");
	if (!export_store_read(exports->options.db, id, &job, &found, err))
		return false;
	if (!found)
		return error_set(err, E_NOT_FOUND, "there is no such export");
	set_expiry(exports, &job);
	*out = job;
	return true;
}

bool
export_list(struct exports *exports, struct export_job out[static EXPORT_LIST_MAX],
    size_t *out_count, struct error *err)
{
	if (!export_store_list(exports->options.db, out, out_count, err))
		return false;
	for (size_t i = 0; i < *out_count; i++)
		set_expiry(exports, &out[i]);
	return true;
}

bool
export_remove(struct exports *exports, const char *id, struct error *err)
{
	bool found = false;

	if (!handle_valid(bytes_of_text(id)))
		return error_set(err, E_NOT_FOUND, "there is no such export");
	if (!export_store_remove(exports->options.db, id, &found, err))
		return false;
	if (!found)
		return error_set(err, E_NOT_FOUND, "there is no such export");
	wake(exports); /* the thread removes the files: it may be writing them */
	return true;
}

bool
export_open(struct exports *exports, const char *id, struct export_job *out_job, int *out_fd,
    struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};
	struct export_job job;

	if (!export_get(exports, id, &job, err))
		return false;
	if (job.state != EXPORT_DONE)
		return error_set(err, E_STATE_CONFLICT, "the export is not done");
	if (strcmp(job.node, exports->node) != 0)
		return error_set(err, E_STATE_CONFLICT, "ask %s, which made the export", job.node);
	buf_append_format(&path, "%s/%s/%s", exports->dir, job.id, EXPORT_ARCHIVE);
	*out_fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*out_fd < 0) {
		(void)error_set(err, E_INTERNAL, "the export cannot be read");
		error_cause_errno(err);
		return false;
	}
	*out_job = job;
	return true;
}

void
exports_health(const struct exports *exports, struct exports_health *out)
{
	*out = (struct exports_health){.done = atomic_load(&exports->done),
	    .failed = atomic_load(&exports->failed),
	    .running = atomic_load(&exports->runs),
	    .bytes = atomic_load(&exports->bytes)};
}

/* ---- the thread: one job at a time ---- */

static bool
goes_on(void *context)
{
	struct exports *exports = context;
	bool stopping;

	pthread_mutex_lock(&exports->lock);
	stopping = exports->stopping;
	pthread_mutex_unlock(&exports->lock);
	return !stopping;
}

static bool
find_key(struct exports *exports, const char *origin, struct note_key *out, struct error *err)
{
	DEFER(mem_free) struct events_log *logs = xcalloc(EVENTS_LOGS_MAX, sizeof *logs);
	const struct events_log *log;
	size_t count = 0;

	return events_logs(exports->options.db, logs, &count, err) &&
	       events_pick_log(logs, count, origin, &log, err) &&
	       note_key_init(out, log->origin, log->public_key, err);
}

/* A log that is not what was signed is told by the log itself. */
static void
tell_fault(struct exports *exports, const struct error *why)
{
	struct error silent = {0};
	struct leaf leaf;
	char actor[LEAF_VALUE_MAX + 1];

	(void)snprintf(actor, sizeof actor, "system:%.50s", exports->node);
	note_leaf(&leaf, LEAF_DATA_FAULT, actor, "tile", why, clock_now_s(exports->options.clock));
	leaf.severity = 5;
	if (!note_record(exports->options.ledger, &leaf, &silent))
		log_error(LOG_LEVEL_WARNING, "audit.fault", NULL, &silent);
}

static void
remove_folder(const char *dir, const char *id)
{
	static const char STAGED[] = EXPORT_ARCHIVE ".new";
	static const char *const NAMES[] = {
	    EXPORT_ARCHIVE, STAGED, "leaves.part", "csv.part", "tiles.part"};
	DEFER(buf_clear_public) struct buf path = {0};

	for (size_t i = 0; i < COUNT(NAMES); i++) {
		buf_truncate(&path, 0);
		buf_append_format(&path, "%s/%s/%s", dir, id, NAMES[i]);
		(void)unlink(buf_text(&path));
	}
	buf_truncate(&path, 0);
	buf_append_format(&path, "%s/%s", dir, id);
	if (rmdir(buf_text(&path)) != 0 && errno != ENOENT)
		log_warning("audit.export", "cannot remove the folder of an export");
}

/* False: the database is away, and nothing is known to be kept. */
static bool
give_up(struct exports *exports, const char *id, const struct error *why, struct error *err)
{
	log_error(LOG_LEVEL_ERROR, "audit.export", NULL, why);
	if (why->code == E_DATABASE_UNAVAILABLE) {
		*err = *why;
		return false;
	}
	if (why->code == E_BAD_PROOF)
		tell_fault(exports, why);
	remove_folder(exports->dir, id);
	atomic_fetch_add(&exports->failed, 1);
	return export_store_failed(
	    exports->options.db, id, why, clock_now_s(exports->options.clock), err);
}

static bool
run_job(struct exports *exports, const struct export_job *job, struct bytes note, struct error *err)
{
	DEFER(buf_clear_public) struct buf log_folder = {0};
	DEFER(buf_clear_public) struct buf folder = {0};
	DEFER(buf_clear_public) struct buf name = {0};
	enum export_run_end end = EXPORT_RUN_STOPPED;
	struct error why = {0};
	struct note_key key;
	bool made;

	if (!find_key(exports, job->origin, &key, err))
		return false;
	buf_append_format(&log_folder, "%s/%s", exports->audit_dir, last_part(job->origin));
	buf_append_format(&folder, "%s/%s", exports->dir, job->id);
	buf_append_format(&name, "%s-%lld", last_part(job->origin), (long long)job->size);
	atomic_store(&exports->runs, 1);
	made = export_run(&(struct export_run){.db = exports->options.db,
			      .clock = exports->options.clock,
			      .log_folder = buf_text(&log_folder),
			      .folder = buf_text(&folder),
			      .name = buf_text(&name),
			      .len_max = exports->options.len_max,
			      .go_on = goes_on,
			      .context = exports},
	    job, note, &key, &end, &why);
	atomic_store(&exports->runs, 0);
	if (!made)
		return give_up(exports, job->id, &why, err);
	atomic_fetch_add(&exports->done, end == EXPORT_RUN_DONE ? 1 : 0);
	return true;
}

/* *out_found: there was one, so there may be another. */
static bool
run_next(struct exports *exports, bool *out_found, struct error *err)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct export_job job;

	return export_store_next(exports->options.db, exports->node, &job, &note, out_found, err) &&
	       (!*out_found || run_job(exports, &job, buf_bytes(&note), err));
}

/* ---- what is not needed any more ---- */

static bool
is_known(const struct rows *ids, const char *name)
{
	for (size_t i = 0; i < rows_count(ids); i++)
		if (bytes_equal(rows_bytes(ids, i, 0), bytes_of_text(name)))
			return true;
	return false;
}

/* Folders of exports that have no row. */
static void
remove_orphans(const struct exports *exports, const struct rows *ids)
{
	DIR *dir = opendir(exports->dir);
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): its own stream */
		if (handle_valid(bytes_of_text(entry->d_name)) && !is_known(ids, entry->d_name))
			remove_folder(exports->dir, entry->d_name);
	(void)closedir(dir);
}

static bool
clear_up(struct exports *exports, struct error *err)
{
	const int64_t ended_s = clock_now_s(exports->options.clock) - exports->options.keep_s;
	DEFER(rows_free) struct rows *ids = NULL;
	int64_t bytes = 0;

	if (!export_store_expire(exports->options.db, exports->node, ended_s, err) ||
	    !export_store_ids(exports->options.db, exports->node, &ids, err))
		return false;
	remove_orphans(exports, ids);
	for (size_t i = 0; i < rows_count(ids); i++)
		bytes += rows_int(ids, i, 2);
	atomic_store(&exports->bytes, bytes);
	return true;
}

/* Until there is something to do, at most so long. False: stop. */
static bool
wait_for_work(struct exports *exports, int wait_s)
{
	const struct timespec until = condition_in_ms(wait_s * INT64_C(1000));
	bool go_on;
	int rc = 0;

	pthread_mutex_lock(&exports->lock);
	while (!exports->stopping && !exports->asked && rc == 0)
		rc = pthread_cond_timedwait(&exports->wake, &exports->lock, &until);
	exports->asked = false;
	go_on = !exports->stopping;
	pthread_mutex_unlock(&exports->lock);
	return go_on;
}

static void *
exports_run(void *context)
{
	struct exports *exports = context;
	int wait_s;

	do {
		struct error err = {0};
		bool found = true;
		bool fine = true;

		while (fine && found && goes_on(exports))
			fine = run_next(exports, &found, &err) && clear_up(exports, &err);
		if (!fine)
			log_error(LOG_LEVEL_WARNING, "audit.export", NULL, &err);
		wait_s = fine ? LOOK_EVERY_S : RETRY_S;
	} while (wait_for_work(exports, wait_s));
	return NULL;
}

/* ---- life ---- */

static void
init(struct exports *exports, const struct exports_options *options)
{

	exports->options = *options;
	exports->node = xstrdup(options->node);
	exports->audit_dir = xstrdup(options->audit_dir);
	exports->dir = xstrdup(options->dir);
	exports->kind = (struct ledger_kind){.name = "log.export",
	    .context = exports,
	    .lock_and_read = begin_read,
	    .decide = begin_decide,
	    .write = begin_write,
	    .snapshot_free = free};
	pthread_mutex_init(&exports->lock, NULL);
	condition_init(&exports->wake);
}

bool
exports_new(const struct exports_options *options, struct exports **out, struct error *err)
{
	DEFER(exports_free) struct exports *exports = xcalloc(1, sizeof *exports);

	init(exports, options);
	if (!file_make_dir(exports->dir, 0700, err))
		return false;
	exports->running = pthread_create(&exports->thread, NULL, exports_run, exports) == 0;
	if (!exports->running)
		return error_set(err, E_INTERNAL, "no thread for exports");
	*out = TAKE(exports);
	return true;
}

void
exports_free(struct exports *exports)
{
	if (exports == NULL)
		return;
	if (exports->running) {
		pthread_mutex_lock(&exports->lock);
		exports->stopping = true;
		pthread_cond_signal(&exports->wake);
		pthread_mutex_unlock(&exports->lock);
		pthread_join(exports->thread, NULL);
	}
	pthread_cond_destroy(&exports->wake);
	pthread_mutex_destroy(&exports->lock);
	free(exports->node);
	free(exports->audit_dir);
	free(exports->dir);
	free(exports);
}
