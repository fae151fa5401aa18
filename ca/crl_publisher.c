#include "ca/crl.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "ca/crl_make.h"

enum {
	POLL_MS = 1000,        /* between looks at what other nodes did */
	BUILD_EVERY_MS = 1000, /* of one CRL, at most */
	BACKOFF_MAX_MS = 60000,
	REBUILD_S = 3600,
};

struct slot { /* one CRL that this service answers for */
	const struct issuer *issuer;
	int shard;
	/* Behind the lock: */
	struct crl_build served; /* empty: none yet */
	struct crl_info info;
	/* Of the thread alone: */
	int64_t status_seq; /* that `served` includes */
	int64_t wanted_seq; /* of the last change that it should include */
	int64_t next_try_ms;
	int64_t backoff_ms;
};

struct crl_publisher {
	struct crl_options options;
	/* Written by the thread alone, behind the lock: */
	struct slot **slots;
	size_t slot_count;
	int64_t issuers_version; /* of the set that has its slots */
	int64_t looked_seq;      /* changes up to here are in the slots' wanted_seq */
	bool poll_failed;

	pthread_rwlock_t lock;
	pthread_mutex_t mutex; /* of the two flags */
	pthread_cond_t wake;
	bool woken, stopping;
	pthread_t thread;
	bool started;
};

static void
slot_free(struct slot *slot)
{
	crl_build_clear(&slot->served);
	free(slot);
}

static struct crl_key
slot_key(const struct slot *slot)
{
	return (struct crl_key){.issuer = slot->issuer->id, .shard = slot->shard};
}

/* Takes `build` over. */
static void
slot_serve(struct crl_publisher *publisher, struct slot *slot, struct crl_build *build,
    const struct crl_row *row, uint64_t number)
{
	struct crl_build old;

	pthread_rwlock_wrlock(&publisher->lock);
	old = slot->served;
	slot->served = *build;
	slot->info = (struct crl_info){.number = number,
	    .this_update_s = row->this_update_s,
	    .next_update_s = row->next_update_s,
	    .der_len = crl_build_der(&slot->served).len};
	pthread_rwlock_unlock(&publisher->lock);
	slot->status_seq = row->status_seq;
	memset(build, 0, sizeof *build);
	crl_build_clear(&old);
}

/* ---- what the table has ---- */

static struct slot *
slot_find(struct crl_publisher *publisher, const uint8_t *issuer, int shard)
{
	for (size_t i = 0; i < publisher->slot_count; i++)
		if (publisher->slots[i]->shard == shard &&
		    memcmp(publisher->slots[i]->issuer->id, issuer, ISSUER_ID_BYTES) == 0)
			return publisher->slots[i];
	return NULL;
}

static bool
slot_load(struct crl_publisher *publisher, struct slot *slot, struct error *err)
{
	DEFER(crl_build_clear) struct crl_build build = {0};
	struct crl_row row;
	uint64_t number;

	if (!crl_store_get(publisher->options.db, slot_key(slot), &row, &build.der, err) ||
	    !crl_number_of(crl_build_der(&build), &number, err))
		return false;
	slot_serve(publisher, slot, &build, &row, number);
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
		struct slot *slot = slot_find(publisher, rows[i].issuer, rows[i].shard);

		if (slot == NULL || (slot->info.this_update_s == rows[i].this_update_s &&
					slot->status_seq == rows[i].status_seq))
			continue;
		if (!slot_load(publisher, slot, err))
			return false;
	}
	return true;
}

static bool
look_for_changes(struct crl_publisher *publisher, struct error *err)
{
	struct crl_change changes[ISSUERS_MAX];
	size_t count;
	int64_t last_seq = publisher->looked_seq;

	if (!crl_store_changes(
		publisher->options.db, last_seq, changes, COUNT(changes), &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < publisher->slot_count; j++) {
			struct slot *slot = publisher->slots[j];

			if (memcmp(slot->issuer->id, changes[i].issuer, ISSUER_ID_BYTES) == 0)
				slot->wanted_seq = changes[i].seq;
		}
		if (changes[i].seq > last_seq)
			last_seq = changes[i].seq;
	}
	publisher->looked_seq = last_seq;
	return true;
}

/* ---- slots: one for every shard of every authority ---- */

static bool
slot_add(struct crl_publisher *publisher, const struct issuer *issuer, int shard, struct error *err)
{
	struct slot *slot;
	struct crl_key key = {.issuer = issuer->id, .shard = shard};

	if (issuer->in_keeper && !crl_store_ensure(publisher->options.db, key, err))
		return false;
	slot = xcalloc(1, sizeof *slot);
	slot->issuer = issuer;
	slot->shard = shard;
	pthread_rwlock_wrlock(&publisher->lock);
	publisher->slots =
	    xrealloc(publisher->slots, (publisher->slot_count + 1) * sizeof(struct slot *));
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
slot_due(const struct crl_publisher *publisher, const struct slot *slot)
{
	int64_t now_s = clock_now_s(publisher->options.clock);

	return slot->issuer->in_keeper && issuer_state(slot->issuer) != ISSUER_RETIRED &&
	       (slot->info.number == 0 || now_s - slot->info.this_update_s >= REBUILD_S ||
		   slot->wanted_seq > slot->status_seq);
}

static void
slot_build(struct crl_publisher *publisher, struct slot *slot, int64_t now_ms)
{
	DEFER(crl_made_clear) struct crl_made made = {0};
	struct error err = {0};

	slot->next_try_ms = now_ms + BUILD_EVERY_MS;
	if (crl_make(&publisher->options, slot->issuer, slot->shard, &made, &err)) {
		if (made.done) /* else another node builds, and a later reload finds it */
			slot_serve(publisher, slot, &made.build, &made.row, made.number);
		slot->backoff_ms = 0;
		return;
	}
	slot->backoff_ms = slot->backoff_ms == 0 ? BUILD_EVERY_MS : 2 * slot->backoff_ms;
	if (slot->backoff_ms > BACKOFF_MAX_MS)
		slot->backoff_ms = BACKOFF_MAX_MS;
	slot->next_try_ms = clock_monotonic_ms() + slot->backoff_ms;
	crl_make_failed(&publisher->options, slot->issuer, slot->shard, &err);
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
	if (!poll_database(publisher) || !ledger.ready)
		return POLL_MS; /* at a start it is no failure that the log is not taken over yet */
	for (size_t i = 0; i < publisher->slot_count && !is_stopping(publisher); i++) {
		struct slot *slot = publisher->slots[i];
		int64_t now_ms = clock_monotonic_ms();

		if (!slot_due(publisher, slot))
			continue;
		if (now_ms >= slot->next_try_ms)
			slot_build(publisher, slot, now_ms);
		else if (slot->next_try_ms - now_ms < wait_ms)
			wait_ms = slot->next_try_ms - now_ms;
	}
	return wait_ms;
}

/* False: the publisher ends. */
static bool
wait_for_work(struct crl_publisher *publisher, int64_t wait_ms)
{
	struct timespec until;
	bool stopping;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += (wait_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
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
	pthread_condattr_t monotonic;

	pthread_rwlock_init(&publisher->lock, NULL);
	pthread_mutex_init(&publisher->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&publisher->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* Where the first look for changes has to begin. */
static void
looked_init(struct crl_publisher *publisher)
{
	publisher->looked_seq = INT64_MAX;
	for (size_t i = 0; i < publisher->slot_count; i++) {
		const struct slot *slot = publisher->slots[i];

		if (slot->issuer->in_keeper && slot->status_seq < publisher->looked_seq)
			publisher->looked_seq = slot->status_seq;
	}
}

bool
crl_publisher_new(const struct crl_options *options, struct crl_publisher **out, struct error *err)
{
	DEFER(crl_publisher_free)
	struct crl_publisher *publisher = xcalloc(1, sizeof *publisher);

	publisher->options = *options;
	locks_init(publisher);
	publisher->issuers_version = -1;
	if (!slots_complete(publisher, err) || !reload(publisher, err))
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
		slot_free(publisher->slots[i]);
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

bool
crl_get(struct crl_publisher *publisher, const char *issuer_id_text, int shard, struct buf *out_der,
    struct crl_info *out_info, struct error *err)
{
	const struct slot *slot = NULL;
	struct crl_info info = {0};

	pthread_rwlock_rdlock(&publisher->lock);
	for (size_t i = 0; i < publisher->slot_count && slot == NULL; i++)
		if (publisher->slots[i]->shard == shard &&
		    strcmp(publisher->slots[i]->issuer->id_text, issuer_id_text) == 0)
			slot = publisher->slots[i];
	if (slot != NULL && slot->info.number > 0) {
		info = slot->info;
		buf_append(out_der, crl_build_der(&slot->served));
	}
	pthread_rwlock_unlock(&publisher->lock);
	if (slot == NULL)
		return error_set(err, E_NOT_FOUND, "there is no such CRL");
	if (info.number == 0)
		return error_set(err, E_NOT_FOUND, "there is no such CRL yet");
	*out_info = info;
	return true;
}

bool
crl_at(struct crl_publisher *publisher, size_t i, const struct issuer **out_issuer, int *out_shard,
    struct crl_info *out_info)
{
	bool there;

	pthread_rwlock_rdlock(&publisher->lock);
	there = i < publisher->slot_count;
	if (there) {
		*out_issuer = publisher->slots[i]->issuer;
		*out_shard = publisher->slots[i]->shard;
		*out_info = publisher->slots[i]->info;
	}
	pthread_rwlock_unlock(&publisher->lock);
	return there;
}

/* Of one that follows, certificates exist only after all its CRLs do. */
static bool
slot_counts(const struct slot *slot)
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
		const struct slot *slot = publisher->slots[i];

		if (slot_counts(slot) && slot->info.this_update_s < oldest_s)
			oldest_s = slot->info.this_update_s;
	}
	pthread_rwlock_unlock(&publisher->lock);
	return oldest_s == INT64_MAX ? 0 : oldest_s;
}
