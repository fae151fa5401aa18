#include "ca/crl.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/condition.h"
#include "base/log.h"
#include "base/mem.h"
#include "ca/crl_slot.h"
#include "ca/crl_spooled.h"

enum {
	POLL_MS = 1000,        /* between looks at what other nodes did */
	BUILD_EVERY_MS = 1000, /* of one shard, at most */
	/* Of a full CRL, besides: one of a million entries costs seconds, here and in PostgreSQL,
	 * so it waits most of a minute for the next change; the delta does not. */
	FULL_OCTETS_PER_MS = 1000,
	BACKOFF_MAX_MS = 60000,
	REBUILD_S = 3600,
	CHANGES_MAX = 4096, /* that are read at once */
};

struct crl_publisher {
	struct crl_options options;
	/* Written by the thread alone, behind the lock: */
	struct crl_slot **slots;
	size_t slot_count;
	int64_t issuers_version; /* of the set that has its slots */
	int64_t looked_seq;      /* changes up to here are in the slots' wanted_seq */
	bool poll_failed;

	pthread_rwlock_t lock; /* of the slots; each has its own besides */
	pthread_mutex_t mutex; /* of the two flags */
	pthread_cond_t wake;
	bool woken, stopping;
	pthread_t thread;
	bool started;
};

static struct crl_key
slot_key(const struct crl_slot *slot)
{
	return (struct crl_key){.issuer = slot->issuer->id, .shard = slot->shard};
}

/* ---- what the table has ---- */

static struct crl_slot *
slot_find(struct crl_publisher *publisher, const uint8_t *issuer, int shard)
{
	for (size_t i = 0; i < publisher->slot_count; i++)
		if (publisher->slots[i]->shard == shard &&
		    memcmp(publisher->slots[i]->issuer->id, issuer, ISSUER_ID_BYTES) == 0)
			return publisher->slots[i];
	return NULL;
}

/* A list that was made without the table is newer than its own: it stays until the next one. */
static bool
slot_load(struct crl_publisher *publisher, struct crl_slot *slot, enum crl_kind kind,
    const struct crl_list *there, struct error *err)
{
	DEFER(crl_file_free) struct crl_file *file = NULL;
	struct crl_list list;

	const struct crl_view *served = &slot->served[kind];
	const bool damaged = crl_file_damaged(served->der) || crl_file_damaged(served->gzip);

	if (there->number == 0 || (!damaged && there->number < served->info.number))
		return true;
	if (!damaged && served->info.number == there->number &&
	    served->info.this_update_s == there->this_update_s) {
		slot->status_seq[kind] = there->status_seq;
		return true;
	}
	if (damaged)
		log_warning("crl.damaged",
		    "a list could not be read back from [service] state_dir; it is loaded anew");
	if (!crl_store_get(publisher->options.db, slot_key(slot), kind, publisher->options.dir,
		&list, &file, err))
		return false;
	crl_slot_serve(slot, kind, &list, NULL, &file);
	return true;
}

/* Loads what another node, or a tool, has put into the table since. */
static bool
reload(struct crl_publisher *publisher, struct error *err)
{
	DEFER(mem_free)
	struct crl_row *rows = xcalloc(publisher->slot_count + 1, sizeof *rows);
	size_t count;

	if (!crl_store_list(publisher->options.db, rows, publisher->slot_count, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct crl_slot *slot = slot_find(publisher, rows[i].issuer, rows[i].shard);

		for (int kind = 0; slot != NULL && kind < CRL_KIND_COUNT; kind++)
			if (!slot_load(
				publisher, slot, (enum crl_kind)kind, &rows[i].lists[kind], err))
				return false;
	}
	return true;
}

/* The slot of a changed certificate, or NULL: an authority that is not taken up yet. */
static struct crl_slot *
slot_of_change(struct crl_publisher *publisher, const struct crl_change *change)
{
	const struct issuer *issuer = issuers_find(publisher->options.issuers, change->issuer);

	return issuer == NULL ? NULL
			      : slot_find(publisher, change->issuer,
				    serial_shard(change->serial, issuer->shard_count));
}

static bool
look_for_changes(struct crl_publisher *publisher, struct error *err)
{
	DEFER(mem_free) struct crl_change *changes = xcalloc(CHANGES_MAX, sizeof *changes);
	size_t count;

	do {
		if (!crl_store_changes(publisher->options.db, publisher->looked_seq, changes,
			CHANGES_MAX, &count, err))
			return false;
		for (size_t i = 0; i < count; i++) {
			struct crl_slot *slot = slot_of_change(publisher, &changes[i]);

			if (slot != NULL)
				slot->wanted_seq = changes[i].seq;
			publisher->looked_seq = changes[i].seq;
		}
	} while (count == CHANGES_MAX);
	return true;
}

static void
load_kept(struct crl_publisher *publisher)
{
	for (size_t i = 0; i < publisher->slot_count; i++)
		crl_slot_load_kept(publisher->slots[i]);
}

/* ---- slots: one for every shard of every authority ---- */

static bool
slot_add(struct crl_publisher *publisher, const struct issuer *issuer, int shard, struct error *err)
{
	struct crl_slot *slot;
	struct crl_key key = {.issuer = issuer->id, .shard = shard};

	if (publisher->options.db != NULL && issuer->in_keeper &&
	    !crl_store_ensure(publisher->options.db, key, err))
		return false;
	slot = crl_slot_new(issuer, shard, publisher->options.dir);
	pthread_rwlock_wrlock(&publisher->lock);
	publisher->slots =
	    xrealloc(publisher->slots, (publisher->slot_count + 1) * sizeof(struct crl_slot *));
	publisher->slots[publisher->slot_count++] = slot;
	pthread_rwlock_unlock(&publisher->lock);
	return true;
}

/* Takes up authorities that are new. After a failure the next call goes on. */
static bool
slots_complete(struct crl_publisher *publisher, struct error *err)
{
	const struct issuers *issuers = publisher->options.issuers;
	const int64_t version = issuers_version(issuers);
	const size_t count = issuers_count(issuers);

	if (version == publisher->issuers_version)
		return true;
	for (size_t i = 0; i < count; i++) {
		const struct issuer *issuer = issuers_at(issuers, i);

		for (int shard = 0; shard < issuer->shard_count; shard++)
			if (slot_find(publisher, issuer->id, shard) == NULL &&
			    !slot_add(publisher, issuer, shard, err))
				return false;
	}
	publisher->issuers_version = version;
	return true;
}

/* ---- the thread ---- */

static bool
slot_is_built(const struct crl_slot *slot)
{
	return slot->issuer->in_keeper && issuer_state(slot->issuer) != ISSUER_RETIRED;
}

static bool
is_stopping(struct crl_publisher *publisher)
{
	bool stopping;

	pthread_mutex_lock(&publisher->mutex);
	stopping = publisher->stopping;
	pthread_mutex_unlock(&publisher->mutex);
	return stopping;
}

static uint64_t
turn_of(const struct crl_publisher *publisher)
{
	struct status_index *statuses = publisher->options.statuses;

	return statuses == NULL ? 0 : status_index_turn(statuses);
}

static bool
list_due(const struct crl_publisher *publisher, const struct crl_slot *slot, enum crl_kind kind)
{
	const int64_t now_s = clock_now_s(publisher->options.clock);
	const struct crl_info *info = &slot->served[kind].info;

	return slot_is_built(slot) &&
	       (info->number == 0 || now_s - info->this_update_s >= REBUILD_S || slot->ahead ||
		   (slot->spooled && slot->turn != turn_of(publisher)) ||
		   slot->wanted_seq > slot->status_seq[kind]);
}

/* *out_full: the full CRL, too. Otherwise a delta, if one is due. */
static bool
slot_due(const struct crl_publisher *publisher, const struct crl_slot *slot, int64_t now_ms,
    bool *out_full)
{
	*out_full = list_due(publisher, slot, CRL_FULL) && now_ms >= slot->next_full_ms;
	return *out_full || list_due(publisher, slot, CRL_DELTA);
}

static void
slot_failed(struct crl_publisher *publisher, struct crl_slot *slot, const struct error *why)
{
	slot->backoff_ms = slot->backoff_ms == 0 ? BUILD_EVERY_MS : 2 * slot->backoff_ms;
	if (slot->backoff_ms > BACKOFF_MAX_MS)
		slot->backoff_ms = BACKOFF_MAX_MS;
	slot->next_try_ms = clock_monotonic_ms() + slot->backoff_ms;
	crl_slot_note(slot, why->code);
	crl_make_failed(&publisher->options, slot->issuer, slot->shard, why);
}

/* What was made without the log is on record before the next list is. */
static bool
slot_record(struct crl_publisher *publisher, struct crl_slot *slot, struct error *err)
{
	size_t done = 0;

	if (slot->unrecorded_count == 0)
		return true;
	while (done < slot->unrecorded_count && crl_make_record(&publisher->options, slot->issuer,
						    slot->shard, &slot->unrecorded[done], err))
		done++;
	slot->unrecorded_count -= done;
	memmove(slot->unrecorded, slot->unrecorded + done,
	    slot->unrecorded_count * sizeof slot->unrecorded[0]);
	return slot->unrecorded_count == 0;
}

static void
slot_build(struct crl_publisher *publisher, struct crl_slot *slot, bool full, int64_t now_ms)
{
	DEFER(crl_made_clear) struct crl_made made = {0};
	struct error err = {0};

	slot->next_try_ms = now_ms + BUILD_EVERY_MS;
	if (!slot_record(publisher, slot, &err) ||
	    !crl_make(&publisher->options, slot->issuer, slot->shard, full, &made, &err)) {
		slot_failed(publisher, slot, &err);
		return;
	}
	slot->backoff_ms = 0;
	crl_slot_note(slot, E_NONE);
	if (!made.done)
		return; /* another node builds, and a later reload finds it */
	full = made.files[CRL_FULL] != NULL;
	crl_slot_serve_made(slot, &made);
	slot->ahead = false;
	if (full)
		slot->next_full_ms =
		    now_ms + BUILD_EVERY_MS +
		    (int64_t)slot->served[CRL_FULL].info.der_len / FULL_OCTETS_PER_MS;
}

/* ---- without database or log: from the lists in force ---- */

static void
slot_extend(struct crl_publisher *publisher, struct crl_slot *slot, struct crl_spooled *spooled,
    uint64_t number)
{
	const struct crl_spooled_base base = {
	    .issuer = slot->issuer, .shard = slot->shard, .served = slot->served, .number = number};
	DEFER(crl_made_clear) struct crl_made made = {0};
	struct crl_unrecorded list;
	struct error err = {0};

	slot->tried = number;
	slot->next_try_ms = clock_monotonic_ms() + BUILD_EVERY_MS;
	if (!crl_spooled_make(&publisher->options, &base, spooled, &made, &err)) {
		slot_failed(publisher, slot, &err);
		return;
	}
	slot->backoff_ms = 0;
	crl_slot_note(slot, E_NONE);
	list = (struct crl_unrecorded){.number = made.lists[CRL_DELTA].number,
	    .base_number = made.ours[CRL_DELTA].base_number,
	    .at_s = made.lists[CRL_DELTA].this_update_s,
	    .entries = (int64_t)made.entry_counts[CRL_FULL],
	    .changes = (int64_t)made.entry_counts[CRL_DELTA]};
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		made.lists[kind].status_seq = slot->status_seq[kind];
	crl_slot_serve_made(slot, &made);
	crl_slot_wait_for_record(slot, &list);
}

static void
extend_all(struct crl_publisher *publisher)
{
	const int64_t now_s = clock_now_s(publisher->options.clock);

	for (size_t i = 0; i < publisher->slot_count && !is_stopping(publisher); i++) {
		DEFER(crl_spooled_clear) struct crl_spooled spooled = {0};
		struct crl_slot *slot = publisher->slots[i];
		const uint64_t number = crl_spooled_number(slot->served, slot->tried, now_s);

		if (slot->turn == turn_of(publisher) || clock_monotonic_ms() < slot->next_try_ms ||
		    !slot_is_built(slot) || number == 0)
			continue;
		crl_spooled_read(publisher->options.statuses, slot->issuer, slot->shard, &spooled);
		if (spooled.count > 0)
			slot_extend(publisher, slot, &spooled, number);
		else
			slot->turn = spooled.turn;
	}
}

/* Logged when it begins and when it ends, not every second. */
static bool
poll_database(struct crl_publisher *publisher)
{
	struct error err = {0};
	bool good = issuers_reload(publisher->options.issuers, publisher->options.db, &err) &&
		    slots_complete(publisher, &err) && reload(publisher, &err) &&
		    look_for_changes(publisher, &err);

	if (!good && !publisher->poll_failed)
		log_error(LOG_LEVEL_WARNING, "crl.poll", NULL, &err);
	if (good && publisher->poll_failed)
		log_info("crl.poll", "status is read again");
	publisher->poll_failed = !good;
	return good;
}

/* Builds what is due; returns how long to wait for the next look. */
static int64_t
look(struct crl_publisher *publisher)
{
	struct ledger_status ledger;
	int64_t wait_ms = POLL_MS;

	ledger_status(publisher->options.ledger, &ledger);
	if (!poll_database(publisher) || !ledger.ready) {
		/* At a start it is no failure that the log is not taken over yet. */
		extend_all(publisher);
		return POLL_MS;
	}
	for (size_t i = 0; i < publisher->slot_count && !is_stopping(publisher); i++) {
		struct crl_slot *slot = publisher->slots[i];
		int64_t now_ms = clock_monotonic_ms();
		bool full;

		if (!slot_due(publisher, slot, now_ms, &full))
			continue;
		if (now_ms >= slot->next_try_ms)
			slot_build(publisher, slot, full, now_ms);
		else if (slot->next_try_ms - now_ms < wait_ms)
			wait_ms = slot->next_try_ms - now_ms;
	}
	return wait_ms;
}

/* False: the publisher ends. */
static bool
wait_for_work(struct crl_publisher *publisher, int64_t wait_ms)
{
	const struct timespec until = condition_in_ms(wait_ms);
	bool stopping;
	int rc = 0;

	pthread_mutex_lock(&publisher->mutex);
	while (!publisher->woken && !publisher->stopping && rc == 0)
		rc = pthread_cond_timedwait(&publisher->wake, &publisher->mutex, &until);
	publisher->woken = false;
	stopping = publisher->stopping;
	pthread_mutex_unlock(&publisher->mutex);
	return !stopping;
}

static void *
run(void *context)
{
	struct crl_publisher *publisher = context;

	while (wait_for_work(publisher, look(publisher)))
		;
	return NULL;
}

/* ---- life ---- */

static void
locks_init(struct crl_publisher *publisher)
{

	pthread_rwlock_init(&publisher->lock, NULL);
	pthread_mutex_init(&publisher->mutex, NULL);
	condition_init(&publisher->wake);
}

/*
 * Where the first look for changes has to begin: at the oldest list that is good for now. What is
 * due anyway will include all that has happened, and a retired authority's nothing new.
 */
static void
looked_init(struct crl_publisher *publisher)
{
	int64_t oldest_seq = INT64_MAX, newest_seq = 0;

	for (size_t i = 0; i < publisher->slot_count; i++) {
		const struct crl_slot *slot = publisher->slots[i];

		for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
			const int64_t seq = slot->status_seq[kind];

			if (seq > newest_seq)
				newest_seq = seq;
			if (slot_is_built(slot) && seq < oldest_seq &&
			    !list_due(publisher, slot, (enum crl_kind)kind))
				oldest_seq = seq;
		}
	}
	publisher->looked_seq = oldest_seq < newest_seq ? oldest_seq : newest_seq;
}

bool
crl_publisher_new(const struct crl_options *options, struct crl_publisher **out, struct error *err)
{
	DEFER(crl_publisher_free)
	struct crl_publisher *publisher = xcalloc(1, sizeof *publisher);

	publisher->options = *options;
	locks_init(publisher);
	publisher->issuers_version = -1;
	if (!slots_complete(publisher, err))
		return false;
	load_kept(publisher);
	if (options->db == NULL) {
		*out = TAKE(publisher);
		return true;
	}
	if (!reload(publisher, err))
		return false;
	looked_init(publisher);
	if (pthread_create(&publisher->thread, NULL, run, publisher) != 0)
		return error_set(err, E_INTERNAL, "no thread for CRLs");
	publisher->started = true;
	*out = TAKE(publisher);
	return true;
}

void
crl_publisher_free(struct crl_publisher *publisher)
{
	if (publisher == NULL)
		return;
	if (publisher->started) {
		pthread_mutex_lock(&publisher->mutex);
		publisher->stopping = true;
		pthread_cond_signal(&publisher->wake);
		pthread_mutex_unlock(&publisher->mutex);
		pthread_join(publisher->thread, NULL);
	}
	for (size_t i = 0; i < publisher->slot_count; i++)
		crl_slot_free(publisher->slots[i]);
	free(publisher->slots);
	pthread_cond_destroy(&publisher->wake);
	pthread_mutex_destroy(&publisher->mutex);
	pthread_rwlock_destroy(&publisher->lock);
	free(publisher);
}

void
crl_publisher_wake(struct crl_publisher *publisher)
{
	pthread_mutex_lock(&publisher->mutex);
	publisher->woken = true;
	pthread_cond_signal(&publisher->wake);
	pthread_mutex_unlock(&publisher->mutex);
}

void
crl_view_clear(struct crl_view *view)
{
	crl_file_free(view->der);
	crl_file_free(view->gzip);
	*view = (struct crl_view){0};
}

bool
crl_get(struct crl_publisher *publisher, const char *issuer_id_text, int shard, enum crl_kind kind,
    struct crl_view *out, struct error *err)
{
	struct crl_slot *slot = NULL;
	struct crl_view view = {0};

	pthread_rwlock_rdlock(&publisher->lock);
	for (size_t i = 0; i < publisher->slot_count && slot == NULL; i++)
		if (publisher->slots[i]->shard == shard &&
		    strcmp(publisher->slots[i]->issuer->id_text, issuer_id_text) == 0)
			slot = publisher->slots[i];
	pthread_rwlock_unlock(&publisher->lock);
	if (slot == NULL)
		return error_set(err, E_NOT_FOUND, "there is no such CRL");
	crl_slot_get(slot, kind, &view);
	if (view.info.number == 0)
		return error_set(err, E_NOT_FOUND, "there is no such CRL yet");
	*out = view;
	return true;
}

bool
crl_at(struct crl_publisher *publisher, size_t i, struct crl_state *out)
{
	bool there;

	pthread_rwlock_rdlock(&publisher->lock);
	there = i < publisher->slot_count;
	if (there)
		crl_slot_state(publisher->slots[i], out);
	pthread_rwlock_unlock(&publisher->lock);
	return there;
}

/* Of one that follows, certificates exist only after all its CRLs do. */
static bool
slot_counts(const struct crl_state *slot)
{
	const enum issuer_state state = issuer_state(slot->issuer);

	return slot->issuer->in_keeper && (state == ISSUER_ACTIVE || state == ISSUER_ROLLED);
}

int64_t
crl_oldest_update_s(struct crl_publisher *publisher)
{
	int64_t oldest_s = INT64_MAX;

	pthread_rwlock_rdlock(&publisher->lock);
	for (size_t i = 0; i < publisher->slot_count; i++) {
		struct crl_state state;

		crl_slot_state(publisher->slots[i], &state);
		if (slot_counts(&state) && state.lists[CRL_FULL].this_update_s < oldest_s)
			oldest_s = state.lists[CRL_FULL].this_update_s;
	}
	pthread_rwlock_unlock(&publisher->lock);
	return oldest_s == INT64_MAX ? 0 : oldest_s;
}
