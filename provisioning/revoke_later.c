#include "provisioning/revoke_later.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/condition.h"
#include "base/log.h"
#include "base/mem.h"
#include "provisioning/spool.h"

#define ACTOR_PREFIX "officer:"

struct revoke_later {
	struct revoke_later_options options;
	const struct revoke_service *service; /* NULL: not begun */
	pthread_t thread;
	enum error_code failed; /* the thread's own: what keeps one from its record, said once */

	pthread_mutex_t mutex; /* of all below */
	pthread_cond_t changed;
	struct spool *spool;
	struct status_entry *lost; /* by the database, from a copy; the first lost_done are done */
	size_t lost_count, lost_done;
	bool stopping;
};

/* ---- in force ---- */

/* In the name of every authority that may have issued it: the others never gave that number. */
static bool
put_in_force(struct revoke_later *later, const struct spool_entry *entry)
{
	struct status_entry status = {
	    .state = CERTIFICATE_REVOKED, .reason = entry->reason, .at_s = entry->at_s};
	bool good = true;

	memcpy(status.serial, entry->serial, sizeof status.serial);
	for (size_t i = 0; i < issuers_count(later->options.issuers); i++) {
		const struct issuer *issuer = issuers_at(later->options.issuers, i);

		if (issuer->kind != ISSUER_DEVICE_CA)
			continue;
		memcpy(status.issuer, issuer->id, sizeof status.issuer);
		good = status_index_force(later->options.statuses, &status) && good;
	}
	return good;
}

/* ---- recording ---- */

static struct revoke_request
request_of(const struct spool_entry *entry, char *serial, char *actor)
{
	hex_encode(serial, bytes_of(entry->serial, SERIAL_BYTES));
	(void)snprintf(
	    actor, sizeof ACTOR_PREFIX + HANDLE_TEXT_LEN, ACTOR_PREFIX "%s", entry->officer);
	return (struct revoke_request){.select = REVOKE_BY_SERIAL,
	    .value = serial,
	    .action = STATUS_REVOKE,
	    .reason = entry->reason,
	    .detail = entry->detail,
	    .officer_person = entry->person,
	    .actor = actor,
	    .spooled_id = entry->id,
	    .since_s = entry->at_s};
}

static bool
record(const struct revoke_later *later, const struct spool_entry *entry, struct error *err)
{
	char serial[SERIAL_TEXT_LEN + 1], actor[sizeof ACTOR_PREFIX + HANDLE_TEXT_LEN];
	const struct revoke_request request = request_of(entry, serial, actor);
	struct error refused;

	if (!revoke_replay(later->service, &request, &refused, err))
		return false;
	if (refused.code != E_NONE)
		log_error(LOG_LEVEL_WARNING, "revoke.spooled_refused", NULL, &refused);
	return true;
}

/*
 * The spool is emptied when all of it is on record and in the index: until then a restart finds it,
 * and finds on record what is. So is what was lost no longer looked for.
 */
static void
settle(struct revoke_later *later, size_t done)
{
	const size_t lost = later->lost_count;
	struct error err = {0};
	bool settled = false;

	if (!status_index_sync(later->options.statuses, STATUS_INDEX_SYNC_MS))
		return;
	(void)pthread_mutex_lock(&later->mutex);
	if (spool_count(later->spool) == done) { /* else there is more, and another round */
		settled = done == 0 || spool_empty(later->spool, &err);
		if (settled) {
			status_index_settle(later->options.statuses);
			later->lost_count = later->lost_done = 0;
		} else {
			log_error(LOG_LEVEL_ERROR, "revoke.spool", NULL, &err);
		}
	}
	(void)pthread_mutex_unlock(&later->mutex);
	if (!settled)
		return;
	if (lost > 0 && later->options.copy != NULL)
		status_copy_settle(later->options.copy);
	log_info("revoke.recorded",
	    "%zu spooled revocations are on record, and %zu that the database had lost", done,
	    lost);
}

static void
tell(struct revoke_later *later, const struct error *err)
{
	if (err->code != later->failed)
		log_error(LOG_LEVEL_WARNING, "revoke.spool_waits", NULL, err);
	later->failed = err->code;
}

static bool
is_stopping(struct revoke_later *later)
{
	bool stopping;

	(void)pthread_mutex_lock(&later->mutex);
	stopping = later->stopping;
	(void)pthread_mutex_unlock(&later->mutex);
	return stopping;
}

/* An authority's doing once more: nobody's request, and as long ago as it was. */
static bool
record_lost(const struct revoke_later *later, const struct status_entry *entry, struct error *err)
{
	const bool held = entry->state == CERTIFICATE_HELD;
	char serial[SERIAL_TEXT_LEN + 1], actor[LEAF_VALUE_MAX + 1];
	const struct revoke_request request = {.select = REVOKE_BY_SERIAL,
	    .value = serial,
	    .action = held ? STATUS_HOLD : STATUS_REVOKE,
	    .reason = held ? REASON_UNSPECIFIED : entry->reason,
	    .actor = actor,
	    .since_s = entry->at_s};
	struct error refused;

	hex_encode(serial, bytes_of(entry->serial, SERIAL_BYTES));
	(void)snprintf(actor, sizeof actor, "system:%.50s", later->options.node);
	if (!revoke_again(later->service, &request, &refused, err))
		return false;
	if (refused.code != E_NONE)
		log_error(LOG_LEVEL_WARNING, "revoke.lost_refused", NULL, &refused);
	return true;
}

/* Before anything that officers ask for now. False: not now. */
static bool
record_all_lost(struct revoke_later *later)
{
	while (later->lost_done < later->lost_count && !is_stopping(later)) {
		struct error err = {0};

		if (!record_lost(later, &later->lost[later->lost_done], &err)) {
			tell(later, &err);
			if (error_info(err.code)->kind == ERROR_KIND_UNAVAILABLE)
				return false;
		}
		(void)pthread_mutex_lock(&later->mutex);
		later->lost_done++;
		(void)pthread_mutex_unlock(&later->mutex);
	}
	return !is_stopping(later);
}

/* True: there are `count`, and *out is that at `i`. Entries are only added while this looks. */
static bool
peek(struct revoke_later *later, size_t i, struct spool_entry *out)
{
	bool there;

	(void)pthread_mutex_lock(&later->mutex);
	there = i < spool_count(later->spool) && !later->stopping;
	if (there)
		*out = *spool_at(later->spool, i);
	(void)pthread_mutex_unlock(&later->mutex);
	return there;
}

/* One that cannot be recorded keeps the spool, but not the others. */
static void
record_all(struct revoke_later *later)
{
	struct spool_entry entry;
	size_t count, done = 0;

	if (!record_all_lost(later))
		return;
	for (count = 0; peek(later, count, &entry); count++) {
		struct error err = {0};

		if (record(later, &entry, &err)) {
			done++;
			continue;
		}
		tell(later, &err);
		if (error_info(err.code)->kind == ERROR_KIND_UNAVAILABLE)
			return;
	}
	if (done < count || (done == 0 && later->lost_count == 0))
		return;
	later->failed = E_NONE;
	settle(later, done);
}

/* Until there is something, and then until it is time to try. True: stop. */
static bool
wait_for_work(struct revoke_later *later)
{
	const struct timespec until = condition_in_ms(REVOKE_LATER_TRY_MS);
	bool stopping;
	int rc = 0;

	(void)pthread_mutex_lock(&later->mutex);
	while (!later->stopping && spool_count(later->spool) == 0 && later->lost_count == 0)
		(void)pthread_cond_wait(&later->changed, &later->mutex);
	while (!later->stopping && rc == 0)
		rc = pthread_cond_timedwait(&later->changed, &later->mutex, &until);
	stopping = later->stopping;
	(void)pthread_mutex_unlock(&later->mutex);
	return stopping;
}

static void *
run(void *context)
{
	struct revoke_later *later = context;

	do
		record_all(later);
	while (!wait_for_work(later));
	return NULL;
}

/* ---- from the start to the end ---- */

/* A hold waits for its record: what is forced is revoked. */
static void
take_lost(struct revoke_later *later)
{
	const size_t count = later->options.lost_count;

	later->lost = xcalloc(count + 1, sizeof *later->lost);
	if (count > 0)
		memcpy(later->lost, later->options.lost, count * sizeof *later->lost);
	later->lost_count = count;
	for (size_t i = 0; i < count; i++)
		if (later->lost[i].state == CERTIFICATE_REVOKED &&
		    !status_index_force(later->options.statuses, &later->lost[i]))
			log_warning("revoke.lost", "an entry cannot be put in force");
}

bool
revoke_later_new(
    const struct revoke_later_options *options, struct revoke_later **out, struct error *err)
{
	DEFER(spool_close) struct spool *spool = NULL;
	struct revoke_later *later;

	if (!spool_open(options->path, &spool, err))
		return false;
	later = xcalloc(1, sizeof *later);
	later->options = *options;
	later->spool = TAKE(spool);
	(void)pthread_mutex_init(&later->mutex, NULL);
	condition_init(&later->changed);
	take_lost(later);
	for (size_t i = 0; i < spool_count(later->spool); i++)
		if (!put_in_force(later, spool_at(later->spool, i)))
			log_warning("revoke.spool", "an entry cannot be put in force");
	*out = later;
	return true;
}

bool
revoke_later_begin(
    struct revoke_later *later, const struct revoke_service *service, struct error *err)
{
	later->service = service;
	if (pthread_create(&later->thread, NULL, run, later) == 0)
		return true;
	later->service = NULL;
	return error_set(err, E_INTERNAL, "no thread for spooled revocations");
}

void
revoke_later_end(struct revoke_later *later)
{
	if (later == NULL || later->service == NULL)
		return;
	(void)pthread_mutex_lock(&later->mutex);
	later->stopping = true;
	(void)pthread_cond_signal(&later->changed);
	(void)pthread_mutex_unlock(&later->mutex);
	(void)pthread_join(later->thread, NULL);
	later->service = NULL;
}

void
revoke_later_free(struct revoke_later *later)
{
	if (later == NULL)
		return;
	revoke_later_end(later);
	spool_close(later->spool);
	free(later->lost);
	(void)pthread_cond_destroy(&later->changed);
	(void)pthread_mutex_destroy(&later->mutex);
	free(later);
}

/* ---- for other threads ---- */

bool
revoke_later_may(const struct revoke_later *later, const struct revoke_request *request)
{
	return later != NULL && request->action == STATUS_REVOKE &&
	       request->select == REVOKE_BY_SERIAL && !request->dry_run;
}

bool
revoke_later_add(struct revoke_later *later, const struct revoke_request *request, const char *id,
    struct error *err)
{
	struct spool_entry entry = {.reason = request->reason,
	    .detail = request->detail,
	    .at_s = clock_now_s(later->options.clock),
	    .person = request->officer_person};
	bool added;

	if (!serial_parse(bytes_of_text(request->value), entry.serial, err))
		return false;
	(void)snprintf(entry.id, sizeof entry.id, "%s", id);
	(void)snprintf(
	    entry.officer, sizeof entry.officer, "%s", request->actor + sizeof ACTOR_PREFIX - 1);
	(void)pthread_mutex_lock(&later->mutex);
	added = spool_append(later->spool, &entry, err);
	if (added && !put_in_force(later, &entry))
		log_warning("revoke.spool", "an entry cannot be put in force");
	(void)pthread_cond_signal(&later->changed);
	(void)pthread_mutex_unlock(&later->mutex);
	if (added)
		log_info("revoke.spooled", "a revocation waits to be recorded");
	return added;
}

bool
revoke_later_find(struct revoke_later *later, const char *id, struct revoke_record *out)
{
	const struct spool_entry *entry;

	if (later == NULL)
		return false;
	(void)pthread_mutex_lock(&later->mutex);
	entry = spool_find(later->spool, id);
	if (entry != NULL) {
		*out = (struct revoke_record){.outcome = REVOKE_SPOOLED,
		    .action = STATUS_REVOKE,
		    .reason = entry->reason,
		    .count = 1,
		    .at_s = entry->at_s};
		(void)snprintf(out->id, sizeof out->id, "%s", id);
	}
	(void)pthread_mutex_unlock(&later->mutex);
	return entry != NULL;
}

void
revoke_later_health(struct revoke_later *later, struct revoke_later_health *out)
{
	*out = (struct revoke_later_health){0};
	if (later == NULL)
		return;
	(void)pthread_mutex_lock(&later->mutex);
	*out = (struct revoke_later_health){
	    .count = spool_count(later->spool) + later->lost_count - later->lost_done,
	    .damaged = spool_damaged(later->spool)};
	if (spool_count(later->spool) > 0)
		out->oldest_at_s = spool_at(later->spool, 0)->at_s;
	(void)pthread_mutex_unlock(&later->mutex);
}
