/*
 * status_index: what is held or revoked, in memory, kept up with the one order of status changes.
 *
 * At start it reads all of `revocation`, then a thread follows `status_change` without a gap: at
 * once after a commit of this node (status_index_wake), after a NOTIFY of another, and every
 * second. Places in the order are given under the lock of status_head, which is held until COMMIT,
 * so they become visible in order, and none is passed over.
 *
 * It answers always. `as_of_s` says of when that answer is: while the database is there, a second
 * ago at most; while it is not, of the last look that succeeded. A change that this node committed
 * is in force here when status_index_sync() returns true; in other nodes after a NOTIFY, within a
 * second if that is lost.
 */
#ifndef CA_STATUS_INDEX_H
#define CA_STATUS_INDEX_H

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "ca/status_set.h"
#include "db/db.h"

#define STATUS_INDEX_SYNC_MS 1000 /* how long an answer to a change waits for it to be in force */
#define STATUS_INDEX_LATE_MS                                                \
	5000 /* since the last look: it is late, and the database was asked \
	      */

/*
 * Told on the index's thread after each step, when find() answers by it already: never blocks.
 * `changes` in order, of places from `from` to `to`; CERTIFICATE_CLEAR: released. With none, the
 * index was read anew, and anything may have changed.
 */
struct status_index_watcher {
	void (*changed)(void *context, const struct status_entry *changes, size_t count,
	    int64_t from, int64_t to);
	void *context;
};
#define STATUS_INDEX_WATCHERS_MAX 8

struct status_index_place { /* in the order, and the chain up to there (proof/status_note.h) */
	int64_t seq;
	uint8_t hash[SHA256_BYTES];
};

struct status_index;
struct status_index_options {
	struct db *db; /* NULL: none is there. Only what is forced is known, and all else is as old
			  as can be */
	const char *url; /* of the same database, for LISTEN */
	const struct clock *clock;
};
/* Reads everything; starts the thread. */
MUST_CHECK bool status_index_new(
    const struct status_index_options *options, struct status_index **out, struct error *err);
void status_index_free(struct status_index *index);
DEFER_DECLARE(struct status_index, status_index_free)
/* At most STATUS_INDEX_WATCHERS_MAX. It stays until status_index_free() or _unwatch(). */
void status_index_watch(struct status_index *index, const struct status_index_watcher *watcher);
/* After this returns, it is not told any more. Not from within a watcher. */
void status_index_unwatch(struct status_index *index, const void *context);

struct status_index_found {
	struct status_entry entry; /* .state CERTIFICATE_CLEAR: neither held nor revoked */
	bool forced;               /* in force, and not on record yet (status_index_force) */
	int64_t seq;               /* all changes up to here are in this answer */
	int64_t as_of_s;
	int64_t age_ms; /* of as_of_s, by a clock that never jumps */
};
void status_index_find(struct status_index *index, const uint8_t serial[static SERIAL_BYTES],
    const uint8_t issuer[static ISSUER_ID_BYTES], struct status_index_found *out);
/* Of many, at one place of the order. */
struct status_index_asked {
	const uint8_t *serial, *issuer;
};
void status_index_find_many(struct status_index *index, const struct status_index_asked *asked,
    size_t count, struct status_index_found *out);

/* Look now. Any thread; never blocks. */
void status_index_wake(struct status_index *index);
/*
 * Wakes it and waits up to `wait_ms` until it has all that was committed before this call. False:
 * the database did not answer in that time.
 */
bool status_index_sync(struct status_index *index, int wait_ms);
/* Waits up to `wait_ms` for a change after `seq`; returns the last place reached. */
int64_t status_index_wait_beyond(struct status_index *index, int64_t seq, int wait_ms);

/* Where it is now, and of when that is. */
void status_index_place(
    struct status_index *index, struct status_index_place *out, int64_t *out_as_of_s);

/*
 * What was accepted and cannot be put on record yet (provisioning/spool.h) is in force here before
 * it has its place in the order: find() and snapshots have it. It hides nothing that is on record.
 * False: not one of our serial numbers, or too many issuers.
 */
MUST_CHECK bool status_index_force(struct status_index *index, const struct status_entry *entry);
/* A copy of what was forced and is not on record, in no order, and of which turn that is. The
 * caller frees *out_entries (mem_free). */
void status_index_forced(struct status_index *index, struct status_entry **out_entries,
    size_t *out_count, uint64_t *out_turn);
/* All that was forced is on record now, and the index has it (status_index_sync). */
void status_index_settle(struct status_index *index);
/* Counts the calls of both: what was made from a snapshot of another turn may say too little. */
uint64_t status_index_turn(struct status_index *index);

/* A copy of all entries in no order, with the place and the time that it is of. The caller frees
 * *out_entries (mem_free). */
struct status_index_snapshot {
	struct status_entry *entries;
	size_t count;
	struct status_index_place place;
	uint64_t turn;
	int64_t as_of_s;
};
void status_index_snapshot(struct status_index *index, struct status_index_snapshot *out);
void status_index_snapshot_clear(struct status_index_snapshot *snapshot);
DEFER_DECLARE_CLEAR(struct status_index_snapshot, status_index_snapshot_clear)

struct status_index_health { /* for /readyz and /metrics */
	int64_t seq, as_of_s, age_ms;
	size_t held_count, revoked_count, bytes;
	bool listening;   /* to other nodes; else they are heard within a second */
	uint64_t reloads; /* since the start: a gap was found, or an order that went back */
};
void status_index_health(struct status_index *index, struct status_index_health *out);

const struct stmt *const *status_index_statements(void);

#endif
