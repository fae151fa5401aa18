#include "audit/publish.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "audit/log_folder.h"
#include "base/condition.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define FOLDER_LEN_MAX 3900 /* octets; the files in it are longer */

struct publisher {
	const struct clock *clock;
	struct tiles_source source;
	char *origin;
	char *folder;
	pthread_t thread;
	struct tiles *tiles; /* the thread's own; NULL until the first note */
	struct error failed; /* the same: the last failure that was told */
	struct publisher_witnesses witnesses;
	struct cosigners *cosigners;        /* the thread's own; NULL: no witnesses */
	bool lacks_quorum, is_contradicted; /* the same: and it was told */

	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t changed; /* something is offered, or it stops */
	pthread_cond_t written; /* something is published, or it stops */
	bool stopping;
	bool pending;         /* `offered` is not on disk */
	struct buf offered;   /* the newest signed */
	struct buf published; /* the newest on disk; empty: none */
	uint64_t size;        /* of it */
	int64_t published_at_s;
	bool failing;
	struct error fault; /* E_NONE: none that was not taken */
	bool has_health;
	struct cosign_health health;
};

/* The folder is the part of the origin after its last slash. */
static bool
set_folder(struct publisher *publisher, const char *dir, const char *origin, struct error *err)
{
	const char *slash = strrchr(origin, '/');
	const char *name = slash == NULL ? origin : slash + 1;
	DEFER(buf_clear_public) struct buf folder = {0};

	if (!log_folder_name_valid(name))
		return error_set(err, E_CONFIG_INVALID, "the origin's last part names no folder");
	buf_append_format(&folder, "%s/%s", dir, name);
	if (folder.len > FOLDER_LEN_MAX)
		return error_set(err, E_CONFIG_INVALID, "the audit folder's path is too long");
	publisher->folder = xstrdup(buf_text(&folder));
	publisher->origin = xstrdup(origin);
	return file_make_dir(publisher->folder, 0755, err);
}

/* Sleeps, unless the service is stopping, or something is pending that is not to be slept over.
 * Holds the lock before and after. */
static void
wait_unless(struct publisher *publisher, int64_t ms, bool pending)
{
	const struct timespec until = condition_in_ms(ms);

	while (!publisher->stopping && !(pending && publisher->pending) &&
	       pthread_cond_timedwait(&publisher->changed, &publisher->lock, &until) == 0)
		continue;
}

static void
wait_ms(struct publisher *publisher, int64_t ms)
{
	wait_unless(publisher, ms, false);
}

/* ---- the thread ---- */

/* Once when it is lost, and once when it is there again. */
static void
tell_quorum(struct publisher *publisher, bool quorum)
{
	if (quorum != publisher->lacks_quorum)
		return;
	publisher->lacks_quorum = !quorum;
	if (quorum)
		log_info("audit.witness", "checkpoints have a quorum of witnesses again");
	else
		log_warning("audit.witness", "checkpoints have no quorum of witnesses: %s",
		    publisher->witnesses.withhold ? "none is published" : "published without");
}

/* Such a witness may lie; whoever operates the log has to look, and can. */
static void
tell_contradiction(struct publisher *publisher, bool contradicted)
{
	if (contradicted && !publisher->is_contradicted)
		log_write(LOG_LEVEL_ERROR, "audit.witness",
		    "a witness holds a checkpoint that this log does not continue");
	publisher->is_contradicted = contradicted;
}

/* Appends the note with its cosignatures. Neither they nor their absence hold the ledger up. */
static bool
cosign(struct publisher *publisher, struct bytes note, struct buf *out, struct error *err)
{
	bool quorum = false;
	const bool asked = cosigners_collect(publisher->cosigners, note, out, &quorum, err);

	if (!asked)
		return false;
	tell_quorum(publisher, quorum);
	pthread_mutex_lock(&publisher->lock);
	cosigners_health(publisher->cosigners, &publisher->health);
	publisher->has_health = true;
	pthread_mutex_unlock(&publisher->lock);
	tell_contradiction(publisher, publisher->health.contradicted);
	return quorum || !publisher->witnesses.withhold ||
	       error_set(
		   err, E_RECORD_UNAVAILABLE, "the checkpoint is withheld: no quorum of witnesses");
}

static bool
publish(struct publisher *publisher, struct bytes note, struct error *err)
{
	DEFER(buf_clear_public) struct buf cosigned = {0};

	if (publisher->tiles == NULL && !tiles_open(publisher->folder, publisher->origin,
					    &publisher->source, &publisher->tiles, err))
		return false;
	if (publisher->cosigners == NULL)
		return tiles_publish(publisher->tiles, note, err);
	return tiles_write(publisher->tiles, note, err) &&
	       cosign(publisher, note, &cosigned, err) &&
	       tiles_publish(publisher->tiles, buf_bytes(&cosigned), err);
}

/* The same failure every second is told once. */
static void
tell(struct publisher *publisher, const struct error *err)
{
	if (err->code == publisher->failed.code &&
	    strcmp(err->detail, publisher->failed.detail) == 0)
		return;
	publisher->failed = *err;
	log_error(LOG_LEVEL_ERROR, "audit.publish", NULL, err);
}

/* Holds the lock. A disk that is full is the operator's to see; a log that differs, the log's. */
static void
note_failure(struct publisher *publisher, const struct error *err, bool is_news)
{
	publisher->pending = !publisher->stopping; /* the disk may have room again */
	if (is_news && (err->code == E_BAD_PROOF || err->code == E_BAD_SYNTAX))
		publisher->fault = *err;
}

static void
note_published(struct publisher *publisher)
{
	buf_truncate(&publisher->published, 0);
	buf_append(&publisher->published, tiles_note(publisher->tiles));
	if (publisher->published_at_s == 0 || tiles_size(publisher->tiles) > publisher->size)
		publisher->published_at_s = clock_now_s(publisher->clock); /* the same is no news */
	publisher->size = tiles_size(publisher->tiles);
	if (tiles_repaired(publisher->tiles))
		(void)error_set(&publisher->fault, E_STATE_CONFLICT, "a full tile had changed");
	(void)pthread_cond_broadcast(&publisher->written);
}

/* Holds the lock before and after, not while it writes. */
static bool
write_pending(struct publisher *publisher)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};
	bool written, is_news;

	buf_append(&note, buf_bytes(&publisher->offered));
	publisher->pending = false;
	pthread_mutex_unlock(&publisher->lock);
	written = publish(publisher, buf_bytes(&note), &err);
	is_news = !written && strcmp(err.detail, publisher->failed.detail) != 0;
	if (written)
		publisher->failed = (struct error){0};
	else
		tell(publisher, &err);
	pthread_mutex_lock(&publisher->lock);
	publisher->failing = !written;
	if (written)
		note_published(publisher);
	else
		note_failure(publisher, &err, is_news);
	return written;
}

/* From one beginning to the next, as long as the disk gets some rest. */
static int64_t
gap_ms(const struct publisher *publisher, int64_t took_ms)
{
	const int64_t rest_ms =
	    (publisher->cosigners == NULL ? PUBLISH_GAP_MS : publisher->witnesses.gap_ms) - took_ms;

	return rest_ms > PUBLISH_REST_MS ? rest_ms : PUBLISH_REST_MS;
}

/* What is published without a quorum is offered again, until it has one or a newer one comes. */
static void
wait_for_more(struct publisher *publisher)
{
	if (!publisher->lacks_quorum) {
		pthread_cond_wait(&publisher->changed, &publisher->lock);
		return;
	}
	wait_unless(publisher, PUBLISH_QUORUM_MS, true);
	publisher->pending = publisher->pending || !publisher->stopping;
}

static void *
publisher_run(void *context)
{
	struct publisher *publisher = context;

	pthread_mutex_lock(&publisher->lock);
	while (!publisher->stopping || publisher->pending) {
		const int64_t began_ms = clock_monotonic_ms();

		if (!publisher->pending)
			wait_for_more(publisher);
		else if (!write_pending(publisher))
			wait_ms(publisher, publisher->failed.code == E_BAD_PROOF
					       ? PUBLISH_FAULT_MS
					       : PUBLISH_RETRY_MS);
		else
			wait_ms(publisher, gap_ms(publisher, clock_monotonic_ms() - began_ms));
	}
	(void)pthread_cond_broadcast(&publisher->written);
	pthread_mutex_unlock(&publisher->lock);
	return NULL;
}

static void
release(struct publisher *publisher)
{
	if (publisher == NULL)
		return;
	tiles_free(publisher->tiles);
	cosigners_free(publisher->cosigners);
	free(publisher->folder);
	free(publisher->origin);
	buf_clear_public(&publisher->offered);
	buf_clear_public(&publisher->published);
	free(publisher);
}
DEFER_DECLARE(struct publisher, release)

static bool
open_cosigners(struct publisher *publisher, struct error *err)
{
	const struct publisher_witnesses *witnesses = &publisher->witnesses;

	return witnesses->policy == NULL || witnesses->policy->witness_count == 0 ||
	       cosigners_new(&(struct cosign_options){.policy = witnesses->policy,
				 .folder = publisher->folder,
				 .ca_file = witnesses->ca_file,
				 .timeout_ms = witnesses->timeout_ms},
		   &publisher->cosigners, err);
}

bool
publisher_new(const struct publisher_options *options, struct publisher **out, struct error *err)
{
	DEFER(release) struct publisher *publisher = xcalloc(1, sizeof *publisher);

	publisher->clock = options->clock;
	publisher->source = options->source;
	publisher->witnesses = options->witnesses;
	if (!set_folder(publisher, options->dir, options->origin, err) ||
	    !open_cosigners(publisher, err))
		return false;
	pthread_mutex_init(&publisher->lock, NULL);
	condition_init(&publisher->changed);
	condition_init(&publisher->written);
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
	pthread_cond_destroy(&publisher->written);
	pthread_mutex_destroy(&publisher->lock);
	release(publisher);
}

/* ---- for other threads ---- */

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

bool
publisher_wait(
    struct publisher *publisher, uint64_t seq, int64_t ms, struct buf *out, struct error *err)
{
	const struct timespec until = condition_in_ms(ms);
	bool found;
	int rc = 0;

	pthread_mutex_lock(&publisher->lock);
	while (publisher->size <= seq && !publisher->stopping && rc == 0)
		rc = pthread_cond_timedwait(&publisher->written, &publisher->lock, &until);
	found = publisher->size > seq;
	if (found)
		buf_append(out, buf_bytes(&publisher->published));
	pthread_mutex_unlock(&publisher->lock);
	if (!found) {
		(void)error_set(err, E_RECORD_UNAVAILABLE, "the leaf is not published yet");
		err->retry_after_s = 1;
	}
	return found;
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

uint64_t
publisher_size(struct publisher *publisher)
{
	uint64_t size;

	pthread_mutex_lock(&publisher->lock);
	size = publisher->size;
	pthread_mutex_unlock(&publisher->lock);
	return size;
}

bool
publisher_failing(struct publisher *publisher)
{
	bool failing;

	pthread_mutex_lock(&publisher->lock);
	failing = publisher->failing;
	pthread_mutex_unlock(&publisher->lock);
	return failing;
}

bool
publisher_take_fault(struct publisher *publisher, struct error *out)
{
	pthread_mutex_lock(&publisher->lock);
	*out = publisher->fault;
	publisher->fault = (struct error){0};
	pthread_mutex_unlock(&publisher->lock);
	return out->code != E_NONE;
}

bool
publisher_witnesses(struct publisher *publisher, struct cosign_health *out)
{
	bool known;

	pthread_mutex_lock(&publisher->lock);
	known = publisher->has_health;
	*out = publisher->health;
	pthread_mutex_unlock(&publisher->lock);
	return known;
}

const char *
publisher_folder(const struct publisher *publisher)
{
	return publisher->folder;
}
