#include "audit/audit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/audit_store.h"
#include "audit/log_folder.h"
#include "audit/note.h"
#include "audit/opening.h"
#include "audit/outbox.h"
#include "audit/outbox_store.h"
#include "audit/proofs.h"
#include "audit/publish_store.h"
#include "audit/refusal.h"
#include "audit/start.h"
#include "audit/tally.h"
#include "audit/watch.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "proof/checkpoint.h"

struct audit {
	struct db *db;
	const struct clock *clock;
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	char *dir;
	char actor[LEAF_VALUE_MAX + 1]; /* "system:<node>" */
	int64_t created_at_s;

	struct refusals *refusals; /* the ledger's thread only */
	struct rows *drained;      /* the same: the present try borrows its tails */
	struct opening opening;    /* the same, after audit_prepare() */
	struct buf subject;        /* of leaves that tell of this log: for others to take */
	struct tally tally;
	struct publish_leaves leaves; /* the publisher's thread only */
	struct publisher *publisher;
	struct keeper_client *keeper;
	uint64_t keeper_generation; /* at the watch's last look */
	const char *const *disks;
	int64_t room_min_bytes;
	struct watch *watch; /* NULL: not begun */
	const struct syslog_target *syslog;
	char *node, *syslog_cursor;
	struct forward *forward; /* NULL: not begun, or none */

	struct ledger *ledger; /* NULL before audit_begin() and after audit_end() */
	pthread_t thread;
	struct stop stop;
};

static const char *
last_part(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash == NULL ? origin : slash + 1;
}

bool
audit_new(const struct audit_options *options, struct audit **out, struct error *err)
{
	DEFER(audit_free) struct audit *audit = xcalloc(1, sizeof *audit);

	stop_init(&audit->stop);
	if (strlen(options->origin) >= sizeof audit->origin)
		return error_set(err, E_CONFIG_INVALID, "the log's origin is too long");
	(void)snprintf(audit->origin, sizeof audit->origin, "%s", options->origin);
	audit->db = options->db;
	audit->clock = options->clock;
	audit->created_at_s = clock_now_s(options->clock);
	audit->keeper = options->keeper;
	audit->disks = options->disks;
	audit->room_min_bytes = options->room_min_bytes;
	audit->dir = xstrdup(options->dir);
	audit->node = xstrdup(options->node);
	audit->syslog = options->syslog;
	if (options->syslog != NULL)
		audit->syslog_cursor = xstrdup(options->syslog_cursor);
	(void)snprintf(audit->actor, sizeof audit->actor, "system:%s", options->node);
	audit->refusals = refusals_new();
	outbox_subject(last_part(audit->origin), &audit->subject);
	audit->leaves.db = options->db;
	if (!publisher_new(&(struct publisher_options){.dir = options->dir,
			       .origin = options->origin,
			       .clock = options->clock,
			       .source = options->leaves != NULL ? *options->leaves
								 : publish_source(&audit->leaves),
			       .witnesses = options->witnesses},
		&audit->publisher, err))
		return false;
	*out = TAKE(audit);
	return true;
}

void
audit_free(struct audit *audit)
{
	if (audit == NULL)
		return;
	publisher_free(audit->publisher);
	refusals_free(audit->refusals);
	rows_free(audit->drained);
	buf_clear_public(&audit->subject);
	free(audit->dir);
	free(audit->node);
	free(audit->syslog_cursor);
	stop_clear(&audit->stop);
	free(audit);
}

/* ---- the ledger's hooks ---- */

bool
audit_prepare(struct audit *audit, struct error *err)
{
	return opening_read(audit->db, audit->origin, audit->dir, &audit->opening, err);
}

/* The first leaf of the log, before all others. */
static bool
drain_opening(struct audit *audit, struct ledger_batch *batch, struct record *out,
    size_t *out_count, struct error *err)
{
	*out_count = 0;
	if (!audit->opening.due)
		return true;
	out[0] = (struct record){0};
	opening_leaf(&audit->opening, audit->actor, batch->now_s, &out[0].leaf);
	*out_count = 1;
	return opening_end_before(batch->tx, batch->log, &audit->opening, batch->now_s, err);
}

static bool
hook_drain(void *context, struct ledger_batch *batch, struct record *out, size_t max,
    size_t *out_count, struct error *err)
{
	struct audit *audit = context;
	size_t first = 0;

	rows_free(TAKE(audit->drained));
	if (!drain_opening(audit, batch, out, &first, err) ||
	    !outbox_take(batch->tx, max - first, buf_bytes(&audit->subject), &audit->drained, err))
		return false;
	for (size_t i = 0; i < rows_count(audit->drained); i++)
		out[first + i] = (struct record){.tail = rows_bytes(audit->drained, i, 0)};
	*out_count = first + rows_count(audit->drained);
	return true;
}

static void
hook_sift(void *context, struct ledger_batch *batch)
{
	struct audit *audit = context;

	refusals_sift(audit->refusals, batch);
}

static bool
hook_write_windows(void *context, struct ledger_batch *batch, struct error *err)
{
	const struct audit *audit = context;

	return refusals_write_windows(audit->refusals, batch, err);
}

static void
hook_settled(void *context, bool committed)
{
	struct audit *audit = context;

	refusals_settled(audit->refusals, committed);
	if (committed)
		audit->opening.due = false; /* whatever was committed first had it */
}

static void
hook_published(void *context, struct bytes checkpoint_note)
{
	struct audit *audit = context;

	publisher_offer(audit->publisher, checkpoint_note);
}

void
audit_hooks(struct audit *audit, struct ledger_hooks *hooks)
{
	hooks->audit = audit;
	hooks->drain = hook_drain;
	hooks->sift = hook_sift;
	hooks->write_windows = hook_write_windows;
	hooks->settled = hook_settled;
	hooks->published = hook_published;
}

/* ---- start, heartbeats, stop ---- */

static bool
record_event(const struct audit *audit, enum leaf_event event, struct error *err)
{
	struct leaf leaf;

	note_leaf(&leaf, event, audit->actor, "", NULL, clock_now_s(audit->clock));
	return note_record(audit->ledger, &leaf, err);
}

/* What the publisher found wrong with the log is told by the log itself. */
static void
record_fault(const struct audit *audit)
{
	struct error fault, silent = {0};
	struct leaf leaf;

	if (!publisher_take_fault(audit->publisher, &fault))
		return;
	note_leaf(&leaf, LEAF_DATA_FAULT, audit->actor, "tile", &fault, clock_now_s(audit->clock));
	leaf.severity = 5;
	if (!note_record(audit->ledger, &leaf, &silent))
		log_error(LOG_LEVEL_WARNING, "audit.fault", NULL, &silent);
}

/* Each part on its own: what fails now is done with the next minute. */
static void
tick(struct audit *audit)
{
	int64_t now_s = clock_now_s(audit->clock);
	struct error unclosed = {0}, unflushed = {0}, silent = {0};

	if (!refusals_close(audit->db, audit->ledger, audit->origin, now_s, &unclosed))
		log_error(LOG_LEVEL_WARNING, "audit.windows", NULL, &unclosed);
	if (!tally_flush(&audit->tally, audit->ledger, now_s - REFUSAL_WINDOW_S, REFUSAL_WINDOW_S,
		&unflushed))
		log_error(LOG_LEVEL_WARNING, "audit.tally", NULL, &unflushed);
	record_fault(audit);
	if (!record_event(audit, LEAF_SVC_HEARTBEAT, &silent))
		log_error(LOG_LEVEL_WARNING, "audit.heartbeat", NULL, &silent);
}

/* Until one second into the next minute, when the windows of this one are over. True: stop. */
static bool
wait_minute(struct audit *audit)
{
	return stop_rest(&audit->stop,
	    (HEARTBEAT_S + 1 - clock_now_s(audit->clock) % HEARTBEAT_S) * INT64_C(1000));
}

static void *
audit_run(void *context)
{
	struct audit *audit = context;

	while (!wait_minute(audit))
		tick(audit);
	return NULL;
}

/* ---- the parts of the service ---- */

static bool
database_is_well(void *context)
{
	const struct audit *audit = context;
	struct error away = {0};

	return audit_ask_database(audit->db, &away);
}

/* One that is started again and again has channels, each time, and does not stay. */
static bool
keeper_is_well(void *context)
{
	struct audit *audit = context;
	const uint64_t before = audit->keeper_generation;
	bool alive = false;

	audit->keeper_generation = keeper_client_generation(audit->keeper, &alive);
	return alive && audit->keeper_generation == before;
}

/* A disk that cannot be asked is not well either. */
static bool
disk_is_well(void *context)
{
	const struct audit *audit = context;
	int64_t room_bytes;

	for (const char *const *folder = audit->disks; *folder != NULL; folder++)
		if (!file_room(*folder, &room_bytes) || room_bytes < audit->room_min_bytes)
			return false;
	return true;
}

static bool
publisher_is_well(void *context)
{
	const struct audit *audit = context;

	return !publisher_failing(audit->publisher);
}

/* Without any there is none to miss. */
static bool
witnesses_are_well(void *context)
{
	DEFER(mem_free) struct cosign_health *health = xcalloc(1, sizeof *health);

	return !audit_witnesses(context, health) || (health->has_quorum && !health->contradicted);
}

static bool
forwarder_is_well(void *context)
{
	struct forward_health health;

	return !audit_forwarding(context, &health) || !health.failing;
}

static bool
record_owed(void *context, const struct leaf *leaf, struct error *err)
{
	const struct audit *audit = context;

	return note_record(audit->ledger, leaf, err);
}

static bool
begin_watch(struct audit *audit, struct error *err)
{
	struct watch_options options = {.clock = audit->clock,
	    .actor = audit->actor,
	    .looks = {[COMPONENT_DATABASE] = {database_is_well, audit},
		[COMPONENT_PUBLISHER] = {publisher_is_well, audit},
		[COMPONENT_WITNESS] = {witnesses_are_well, audit},
		[COMPONENT_FORWARDER] = {forwarder_is_well, audit}},
	    .record = record_owed,
	    .record_context = audit};

	if (audit->keeper != NULL)
		options.looks[COMPONENT_KEEPER] = (struct watch_look){keeper_is_well, audit};
	if (audit->disks != NULL)
		options.looks[COMPONENT_DISK] = (struct watch_look){disk_is_well, audit};
	return watch_new(&options, &audit->watch, err);
}

/* ---- forwarding ---- */

static uint64_t
published_size(void *context)
{
	const struct audit *audit = context;

	return publisher_size(audit->publisher);
}

static bool
begin_forwarding(struct audit *audit, struct error *err)
{
	return audit->syslog == NULL ||
	       forward_new(&(struct forward_options){.origin = audit->origin,
			       .node = audit->node,
			       .path = audit->syslog_cursor,
			       .target = *audit->syslog,
			       .dir = audit->dir,
			       .size = published_size,
			       .size_context = audit},
		   &audit->forward, err);
}

bool
audit_forwarding(struct audit *audit, struct forward_health *out)
{
	if (audit->forward == NULL)
		return false;
	forward_health(audit->forward, out);
	return true;
}

bool
audit_component(struct audit *audit, enum component_id id, int64_t *out_down_s)
{
	return audit->watch != NULL && watch_component(audit->watch, id, out_down_s);
}

bool
audit_begin(struct audit *audit, struct ledger *ledger, struct error *err)
{
	const struct start start = {.db = audit->db,
	    .origin = audit->origin,
	    .actor = audit->actor,
	    .at_s = audit->created_at_s};

	if (!refusals_close(audit->db, ledger, audit->origin, clock_now_s(audit->clock), err) ||
	    !start_record(&start, ledger, err))
		return false;
	audit->ledger = ledger;
	if (pthread_create(&audit->thread, NULL, audit_run, audit) != 0) {
		audit->ledger = NULL;
		return error_set(err, E_INTERNAL, "no thread for the audit log");
	}
	return begin_forwarding(audit, err) && begin_watch(audit, err);
}

void
audit_end(struct audit *audit)
{
	struct error unflushed = {0}, silent = {0};

	if (audit->ledger == NULL)
		return;
	watch_free(TAKE(audit->watch));
	forward_free(TAKE(audit->forward));
	stop_tell(&audit->stop);
	pthread_join(audit->thread, NULL);
	if (!tally_flush(&audit->tally, audit->ledger, clock_now_s(audit->clock) - REFUSAL_WINDOW_S,
		REFUSAL_WINDOW_S, &unflushed))
		log_error(LOG_LEVEL_WARNING, "audit.tally", NULL, &unflushed);
	if (!record_event(audit, LEAF_SVC_STOP, &silent))
		log_error(LOG_LEVEL_WARNING, "audit.stop", NULL, &silent);
	audit->ledger = NULL;
}

/* ---- refusals at the edge, checkpoints ---- */

static bool
record_refusals(struct audit *audit, const char *actor, const struct audit_refusal *refusals,
    size_t count, struct error *err)
{
	DEFER(mem_free) struct note_proposal *notes = xcalloc(count, sizeof *notes);
	DEFER(mem_free) struct proposal **proposals = xcalloc(count, sizeof(struct proposal *));

	for (size_t i = 0; i < count; i++) {
		notes[i] = (struct note_proposal){
		    .base.kind = note_kind(), .refused = *refusals[i].refused};
		note_leaf(&notes[i].record.leaf, refusals[i].event, actor, "", refusals[i].refused,
		    clock_now_s(audit->clock));
		proposals[i] = &notes[i].base;
	}
	return ledger_submit(audit->ledger, proposals, count, err);
}

bool
audit_refuse_all(struct audit *audit, const char *actor, const struct audit_refusal *refusals,
    size_t count, struct error *err)
{
	const bool nobody = actor[0] == '\0' || strcmp(actor, "nobody") == 0;

	if (!nobody && audit->ledger == NULL)
		return error_set(err, E_RECORD_UNAVAILABLE, "the audit log is not open");
	if (!nobody && !record_refusals(audit, actor, refusals, count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (nobody)
			tally_add(&audit->tally, refusals[i].event, refusals[i].refused->code);
		refusals[i].refused->recorded = true;
	}
	return true;
}

bool
audit_refuse(struct audit *audit, enum leaf_event event, const char *actor,
    struct error *err_refused, struct error *err)
{
	const struct audit_refusal refusal = {event, err_refused};

	return audit_refuse_all(audit, actor, &refusal, 1, err);
}

bool
audit_checkpoint(struct audit *audit, struct buf *out_note, struct error *err)
{
	return publisher_get(audit->publisher, out_note, err);
}

static bool
log_folder(const struct audit *audit, const char *log, struct buf *out, struct error *err)
{
	if (!log_folder_name_valid(log))
		return error_set(err, E_NOT_FOUND, "there is no such log");
	buf_append_format(out, "%s/%s", audit->dir, log);
	return true;
}

/* Appends a file of a log's folder. */
static bool
read_log_file(const struct audit *audit, const char *log, const char *path, size_t len_max,
    struct buf *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf folder = {0};
	struct tile_files files;
	bool found = false;

	if (!log_folder(audit, log, &folder, err))
		return false;
	files = log_folder_files(buf_text(&folder));
	if (!files.read(files.context, path, len_max, out, &found, err))
		return false;
	return found || error_set(err, E_NOT_FOUND, "the log has no such file here");
}

bool
audit_log_checkpoint(struct audit *audit, const char *log, struct buf *out_note, struct error *err)
{
	if (strcmp(log, last_part(audit->origin)) == 0)
		return audit_checkpoint(audit, out_note, err);
	return read_log_file(audit, log, "checkpoint", NOTE_MAX, out_note, err);
}

bool
audit_log_tile(struct audit *audit, const char *log, const struct tile *tile, struct buf *out,
    struct error *err)
{
	char path[TILE_PATH_MAX + 1];

	tile_path_encode(tile, path);
	return read_log_file(audit, log, path, TILE_LEN_MAX, out, err);
}

bool
audit_proofs(struct audit *audit, const char *log, struct proofs **out, struct error *err)
{
	const char *name = last_part(log == NULL ? audit->origin : log);
	DEFER(buf_clear_public) struct buf folder = {0};
	DEFER(buf_clear_public) struct buf note = {0};

	return log_folder(audit, name, &folder, err) &&
	       audit_log_checkpoint(audit, name, &note, err) &&
	       proofs_new(buf_text(&folder), buf_bytes(&note), out, err);
}

bool
audit_proofs_with(
    struct audit *audit, uint64_t seq, int64_t wait_ms, struct proofs **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf note = {0};

	return publisher_wait(audit->publisher, seq, wait_ms, &note, err) &&
	       proofs_new(publisher_folder(audit->publisher), buf_bytes(&note), out, err);
}

const char *
audit_origin(const struct audit *audit)
{
	return audit->origin;
}

int64_t
audit_checkpoint_age_s(struct audit *audit)
{
	return publisher_age_s(audit->publisher);
}

bool
audit_witnesses(struct audit *audit, struct cosign_health *out)
{
	return publisher_witnesses(audit->publisher, out);
}

int64_t
audit_refusals_windowed(const struct audit *audit)
{
	return refusals_windowed(audit->refusals);
}
