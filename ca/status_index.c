#include "ca/status_index.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/condition.h"
#include "base/log.h"
#include "base/mem.h"
#include "ca/status_index_store.h"
#include "db/listener.h"

#define CHANNEL "status" /* ca/status_store.c notifies it */
#define LOOK_EVERY_MS 1000

struct status_index {
	struct status_index_options options;
	struct listener *listener;

	pthread_rwlock_t lock; /* of what find() answers by */
	struct status_set *set;
	struct status_set *forced; /* not on record yet */
	uint64_t turn;             /* of `forced` */
	struct status_index_place place;
	int64_t as_of_s, as_of_ms;

	pthread_mutex_t mutex; /* of what is waited for */
	pthread_cond_t moved;
	uint64_t looks_begun, looks_done; /* done: the last that succeeded, by when it began */
	int64_t reached;                  /* as seq */
	uint64_t reloads;
	bool listening, stopping;

	pthread_mutex_t watching; /* held while watchers are told */
	struct status_index_watcher watchers[STATUS_INDEX_WATCHERS_MAX];
	size_t watcher_count;

	pthread_t thread;
	bool started;
	bool look_failed; /* the thread's own: said once */
};

/* ---- taking up ---- */

static void
tell(struct status_index *index, const struct status_entry *changes, size_t count, int64_t from,
    int64_t to)
{
	(void)pthread_mutex_lock(&index->watching);
	for (size_t i = 0; i < index->watcher_count; i++)
		index->watchers[i].changed(index->watchers[i].context, changes, count, from, to);
	(void)pthread_mutex_unlock(&index->watching);
}

static bool
read_all(struct status_index *index, struct status_set *out, struct status_index_place *out_place,
    struct error *err)
{
	DEFER(mem_free)
	struct status_entry *page = xcalloc(STATUS_INDEX_PAGE_MAX, sizeof *page);
	DEFER(tx_free) struct tx *tx = NULL;
	uint8_t serial[SERIAL_BYTES] = {0};
	size_t count;

	if (!status_index_store_begin(index->options.db, &tx, out_place, &count, err))
		return false;
	status_set_reserve(out, count);
	do {
		if (!status_index_store_page(tx, serial, page, &count, err))
			return false;
		for (size_t i = 0; i < count; i++)
			if (!status_set_put(out, &page[i]))
				return error_set(err, E_INTERNAL, "a revocation that is not ours");
	} while (count == STATUS_INDEX_PAGE_MAX);
	return true;
}

static bool
reload(struct status_index *index, struct error *err)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	const int64_t now_s = clock_now_s(index->options.clock), now_ms = clock_monotonic_ms();
	struct status_index_place place;
	struct status_set *old;

	if (!read_all(index, set, &place, err))
		return false;
	(void)pthread_rwlock_wrlock(&index->lock);
	old = index->set;
	index->set = TAKE(set);
	index->place = place;
	index->as_of_s = now_s;
	index->as_of_ms = now_ms;
	(void)pthread_rwlock_unlock(&index->lock);
	status_set_free(old);
	(void)pthread_mutex_lock(&index->mutex);
	index->reached = place.seq;
	index->reloads++;
	(void)pthread_mutex_unlock(&index->mutex);
	tell(index, NULL, 0, 0, place.seq);
	return true;
}

/* After `changes`, the index is as of `now`: they are all that there were. */
static bool
apply(struct status_index *index, const struct status_entry *changes, size_t count,
    const struct status_index_place *place, int64_t now_s, int64_t now_ms)
{
	bool good = true;

	(void)pthread_rwlock_wrlock(&index->lock);
	for (size_t i = 0; i < count; i++)
		good = status_set_put(index->set, &changes[i]) && good;
	index->place = *place;
	if (count < STATUS_INDEX_CHANGES_MAX) {
		index->as_of_s = now_s;
		index->as_of_ms = now_ms;
	}
	(void)pthread_rwlock_unlock(&index->lock);
	return good;
}

static bool
follow(struct status_index *index, struct error *err)
{
	DEFER(mem_free)
	struct status_entry *changes = xcalloc(STATUS_INDEX_CHANGES_MAX, sizeof *changes);
	size_t count;

	do {
		const int64_t now_s = clock_now_s(index->options.clock);
		const int64_t now_ms = clock_monotonic_ms(), from = index->place.seq;
		struct status_index_place place = index->place;
		bool gap;

		if (!status_index_store_changes(
			index->options.db, &place, changes, &count, &gap, err))
			return false;
		if (gap) {
			log_warning("status.reload",
			    "the order of changes does not go on from %lld", (long long)from);
			return reload(index, err);
		}
		if (!apply(index, changes, count, &place, now_s, now_ms))
			return error_set(err, E_INTERNAL, "a change of status that is not ours");
		if (count == 0)
			return true;
		(void)pthread_mutex_lock(&index->mutex);
		index->reached = from + (int64_t)count;
		(void)pthread_cond_broadcast(&index->moved);
		(void)pthread_mutex_unlock(&index->mutex);
		tell(index, changes, count, from + 1, from + (int64_t)count);
	} while (count == STATUS_INDEX_CHANGES_MAX);
	return true;
}

/* ---- the thread ---- */

static void
report(struct status_index *index, bool good, const struct error *err)
{
	if (!good && !index->look_failed)
		log_error(LOG_LEVEL_WARNING, "status.late", NULL, err);
	if (good && index->look_failed)
		log_info("status.current", "status changes are followed again");
	index->look_failed = !good;
}

static void
look(struct status_index *index)
{
	struct error err = {0};
	uint64_t this_look;
	bool good;

	(void)pthread_mutex_lock(&index->mutex);
	this_look = ++index->looks_begun;
	(void)pthread_mutex_unlock(&index->mutex);
	good = follow(index, &err);
	report(index, good, &err);
	(void)pthread_mutex_lock(&index->mutex);
	if (good)
		index->looks_done = this_look;
	(void)pthread_cond_broadcast(&index->moved);
	(void)pthread_mutex_unlock(&index->mutex);
}

static bool
goes_on(struct status_index *index)
{
	bool stopping;

	(void)pthread_mutex_lock(&index->mutex);
	index->listening = listener_connected(index->listener);
	stopping = index->stopping;
	(void)pthread_mutex_unlock(&index->mutex);
	return !stopping;
}

static void *
run(void *context)
{
	struct status_index *index = context;

	while (goes_on(index)) {
		look(index);
		listener_wait(index->listener, LOOK_EVERY_MS);
	}
	return NULL;
}

/* ---- from the start to the end ---- */

static void
locks_init(struct status_index *index)
{
	pthread_rwlockattr_t waiting;

	/* A change of status does not wait until nobody asks. */
	(void)pthread_rwlockattr_init(&waiting);
	(void)pthread_rwlockattr_setkind_np(&waiting, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&index->lock, &waiting);
	(void)pthread_rwlockattr_destroy(&waiting);
	condition_init(&index->moved);
	(void)pthread_mutex_init(&index->mutex, NULL);
	(void)pthread_mutex_init(&index->watching, NULL);
}

bool
status_index_new(
    const struct status_index_options *options, struct status_index **out, struct error *err)
{
	DEFER(status_index_free) struct status_index *index = xcalloc(1, sizeof *index);

	index->options = *options;
	locks_init(index);
	index->set = status_set_new();
	index->forced = status_set_new();
	index->as_of_ms = INT64_MIN / 2;
	if (options->db == NULL) {
		*out = TAKE(index);
		return true;
	}
	if (!listener_new(options->url, "monikerd status", CHANNEL, &index->listener, err) ||
	    !reload(index, err))
		return false;
	index->reloads = 0;
	if (pthread_create(&index->thread, NULL, run, index) != 0)
		return error_set(err, E_INTERNAL, "no thread for the order of status changes");
	index->started = true;
	*out = TAKE(index);
	return true;
}

void
status_index_free(struct status_index *index)
{
	if (index == NULL)
		return;
	if (index->started) {
		(void)pthread_mutex_lock(&index->mutex);
		index->stopping = true;
		(void)pthread_mutex_unlock(&index->mutex);
		listener_wake(index->listener);
		(void)pthread_join(index->thread, NULL);
	}
	listener_free(index->listener);
	status_set_free(index->set);
	status_set_free(index->forced);
	(void)pthread_mutex_destroy(&index->watching);
	(void)pthread_cond_destroy(&index->moved);
	(void)pthread_mutex_destroy(&index->mutex);
	(void)pthread_rwlock_destroy(&index->lock);
	free(index);
}

/* ---- watchers ---- */

void
status_index_watch(struct status_index *index, const struct status_index_watcher *watcher)
{
	(void)pthread_mutex_lock(&index->watching);
	assert(index->watcher_count < STATUS_INDEX_WATCHERS_MAX);
	index->watchers[index->watcher_count++] = *watcher;
	(void)pthread_mutex_unlock(&index->watching);
}

void
status_index_unwatch(struct status_index *index, const void *context)
{
	size_t kept = 0;

	(void)pthread_mutex_lock(&index->watching);
	for (size_t i = 0; i < index->watcher_count; i++)
		if (index->watchers[i].context != context)
			index->watchers[kept++] = index->watchers[i];
	index->watcher_count = kept;
	(void)pthread_mutex_unlock(&index->watching);
}

/* ---- asking ---- */

static void
find_locked(const struct status_index *index, const struct status_index_asked *asked,
    struct status_index_found *out)
{
	if (!status_set_find(index->set, asked->serial, asked->issuer, &out->entry) ||
	    out->entry.state != CERTIFICATE_REVOKED)
		out->forced =
		    status_set_find(index->forced, asked->serial, asked->issuer, &out->entry);
}

void
status_index_find_many(struct status_index *index, const struct status_index_asked *asked,
    size_t count, struct status_index_found *out)
{
	int64_t as_of_ms, age_ms;

	(void)pthread_rwlock_rdlock(&index->lock);
	for (size_t i = 0; i < count; i++) {
		out[i] = (struct status_index_found){.entry.state = CERTIFICATE_CLEAR,
		    .seq = index->place.seq,
		    .as_of_s = index->as_of_s};
		find_locked(index, &asked[i], &out[i]);
	}
	as_of_ms = index->as_of_ms;
	(void)pthread_rwlock_unlock(&index->lock);
	age_ms = clock_monotonic_ms() - as_of_ms;
	for (size_t i = 0; i < count; i++)
		out[i].age_ms = age_ms;
}

void
status_index_find(struct status_index *index, const uint8_t serial[static SERIAL_BYTES],
    const uint8_t issuer[static ISSUER_ID_BYTES], struct status_index_found *out)
{
	status_index_find_many(
	    index, &(struct status_index_asked){.serial = serial, .issuer = issuer}, 1, out);
}

void
status_index_wake(struct status_index *index)
{
	listener_wake(index->listener);
}

/* A look that is under way may have read already. */
bool
status_index_sync(struct status_index *index, int wait_ms)
{
	const struct timespec until = condition_in_ms(wait_ms);
	bool in_time = true, done;
	uint64_t wanted;

	(void)pthread_mutex_lock(&index->mutex);
	wanted = index->looks_begun + 1;
	listener_wake(index->listener);
	while (index->looks_done < wanted && in_time && !index->stopping)
		in_time = pthread_cond_timedwait(&index->moved, &index->mutex, &until) == 0;
	done = index->looks_done >= wanted;
	(void)pthread_mutex_unlock(&index->mutex);
	return done;
}

int64_t
status_index_wait_beyond(struct status_index *index, int64_t seq, int wait_ms)
{
	const struct timespec until = condition_in_ms(wait_ms);
	bool in_time = true;
	int64_t reached;

	(void)pthread_mutex_lock(&index->mutex);
	while (index->reached <= seq && in_time && !index->stopping)
		in_time = pthread_cond_timedwait(&index->moved, &index->mutex, &until) == 0;
	reached = index->reached;
	(void)pthread_mutex_unlock(&index->mutex);
	return reached;
}

void
status_index_place(struct status_index *index, struct status_index_place *out, int64_t *out_as_of_s)
{
	(void)pthread_rwlock_rdlock(&index->lock);
	*out = index->place;
	*out_as_of_s = index->as_of_s;
	(void)pthread_rwlock_unlock(&index->lock);
}

/* ---- in force, and not on record yet ---- */

bool
status_index_force(struct status_index *index, const struct status_entry *entry)
{
	bool good;

	(void)pthread_rwlock_wrlock(&index->lock);
	good = status_set_put(index->forced, entry);
	index->turn++;
	(void)pthread_rwlock_unlock(&index->lock);
	return good;
}

void
status_index_settle(struct status_index *index)
{
	struct status_set *fresh = status_set_new();
	struct status_set *old;

	(void)pthread_rwlock_wrlock(&index->lock);
	old = index->forced;
	index->forced = fresh;
	index->turn++;
	(void)pthread_rwlock_unlock(&index->lock);
	status_set_free(old);
}

uint64_t
status_index_turn(struct status_index *index)
{
	uint64_t turn;

	(void)pthread_rwlock_rdlock(&index->lock);
	turn = index->turn;
	(void)pthread_rwlock_unlock(&index->lock);
	return turn;
}

/* ---- copies ---- */

static size_t
count_of(const struct status_set *set)
{
	return status_set_count(set, CERTIFICATE_HELD) + status_set_count(set, CERTIFICATE_REVOKED);
}

static void
put_over(struct status_entry *entries, size_t count, const struct status_entry *forced)
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(entries[i].serial, forced->serial, SERIAL_BYTES) == 0 &&
		    memcmp(entries[i].issuer, forced->issuer, ISSUER_ID_BYTES) == 0)
			entries[i] = *forced;
}

/* Holds the lock. Those that are on record as held are rare, and so is all of this. */
static void
add_forced(const struct status_index *index, struct status_index_snapshot *out)
{
	const size_t forced_count = count_of(index->forced);
	DEFER(mem_free) struct status_entry *forced = xcalloc(forced_count + 1, sizeof *forced);

	status_set_copy(index->forced, forced);
	for (size_t i = 0; i < forced_count; i++) {
		struct status_entry known;

		if (!status_set_find(index->set, forced[i].serial, forced[i].issuer, &known))
			out->entries[out->count++] = forced[i];
		else if (known.state != CERTIFICATE_REVOKED)
			put_over(out->entries, out->count, &forced[i]);
	}
}

void
status_index_forced(struct status_index *index, struct status_entry **out_entries,
    size_t *out_count, uint64_t *out_turn)
{
	struct status_entry *forced;
	size_t count, kept = 0;

	(void)pthread_rwlock_rdlock(&index->lock);
	count = count_of(index->forced);
	forced = xcalloc(count + 1, sizeof *forced);
	status_set_copy(index->forced, forced);
	for (size_t i = 0; i < count; i++) {
		struct status_entry known;

		if (!status_set_find(index->set, forced[i].serial, forced[i].issuer, &known) ||
		    known.state != CERTIFICATE_REVOKED)
			forced[kept++] = forced[i];
	}
	*out_turn = index->turn;
	(void)pthread_rwlock_unlock(&index->lock);
	*out_entries = forced;
	*out_count = kept;
}

void
status_index_snapshot(struct status_index *index, struct status_index_snapshot *out)
{
	(void)pthread_rwlock_rdlock(&index->lock);
	out->count = count_of(index->set);
	out->entries = xcalloc(out->count + count_of(index->forced) + 1, sizeof *out->entries);
	status_set_copy(index->set, out->entries);
	add_forced(index, out);
	out->place = index->place;
	out->turn = index->turn;
	out->as_of_s = index->as_of_s;
	(void)pthread_rwlock_unlock(&index->lock);
}

void
status_index_snapshot_clear(struct status_index_snapshot *snapshot)
{
	free(snapshot->entries);
	snapshot->entries = NULL;
}

void
status_index_health(struct status_index *index, struct status_index_health *out)
{
	(void)pthread_rwlock_rdlock(&index->lock);
	*out = (struct status_index_health){.seq = index->place.seq,
	    .as_of_s = index->as_of_s,
	    .age_ms = index->as_of_ms,
	    .held_count = status_set_count(index->set, CERTIFICATE_HELD),
	    .revoked_count = status_set_count(index->set, CERTIFICATE_REVOKED),
	    .bytes = status_set_bytes(index->set)};
	(void)pthread_rwlock_unlock(&index->lock);
	out->age_ms = clock_monotonic_ms() - out->age_ms;
	(void)pthread_mutex_lock(&index->mutex);
	out->listening = index->listening;
	out->reloads = index->reloads;
	(void)pthread_mutex_unlock(&index->mutex);
}
