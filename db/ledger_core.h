/* ledger_core: what the rooms of the ledger share. Internal to db/ledger*.c. */
#ifndef DB_LEDGER_CORE_H
#define DB_LEDGER_CORE_H

#include <pthread.h>

#include "db/conn.h"
#include "db/ledger.h"

#define LEDGER_DRAIN_MAX 64     /* leaves of the outbox in one batch */
#define LEDGER_ABORTS_MAX 64    /* cert.abort leaves waiting for the next batch */
#define LEDGER_TRIES_MAX 10     /* of a transaction that lost a race */
#define LEDGER_KEEP_AFTER_MS 50 /* an idle ledger keeps signatures by then */

/* All proposals of one ledger_submit(). */
struct submission {
	size_t left;         /* proposals that are not finished */
	struct error failed; /* E_NONE, or why not all could be */
	pthread_cond_t done;
};

struct entry { /* a proposal on its way; lives in ledger_submit's frame */
	struct proposal *proposal;
	struct submission *submission;
	struct entry *next; /* in the queue */
};

/* One transaction's work. Leaves stand in order of seq. */
struct batch {
	struct ledger_batch public;
	struct entry *entries[LEDGER_BATCH_MAX];
	struct proposal *proposals[LEDGER_BATCH_MAX];
	size_t count;
	struct record
	    *extra; /* outbox and cert.abort leaves, LEDGER_DRAIN_MAX + LEDGER_ABORTS_MAX */
	size_t extra_count;
	struct record **records; /* of all leaves, LEDGER_RECORDS_MAX + extra */
	size_t record_count;
	struct buf leaves; /* their bytes */
	size_t *leaf_at;   /* record_count + 1 offsets into it */
	int64_t first_seq;
	int64_t last_st_s;
	struct ledger_signature *kept; /* signatures that this transaction keeps */
	size_t kept_count;
	size_t abort_count; /* of ledger->aborts that stand in extra */
};

/* An append on its way to the keeper and back. */
struct flight {
	struct entry **entries; /* that wait for it */
	size_t entry_count;
	struct record *
	    *records; /* by leaf; NULL: nothing is signed for it, its owner may be gone */
	size_t count;
	struct flight *next;
};

struct ledger {
	struct ledger_options options;
	char *url, *origin;
	pthread_t writer, receiver;
	int wake; /* eventfd of the writer's poll() */

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t flight_changed, ready_changed;
	struct entry *queue_head, **queue_tail;
	size_t queued;
	bool stopping, writer_done, ready, keeper_lost, fenced;
	char why_not[96];
	struct flight *flights, **flight_tail; /* sent, oldest first */
	size_t flight_count;
	struct ledger_signature *unkept; /* signed, not yet in certificate_signature */
	size_t unkept_count, unkept_capacity;
	char aborts[LEDGER_ABORTS_MAX]
		   [LEAF_VALUE_MAX + 1]; /* subjects of cert.abort leaves to come */
	size_t abort_count;
	uint64_t batches, proposals, retries;

	/* The writer's own. */
	struct conn *conn;
	int log;
	int64_t owner, size, last_st_s, partition_until;
	uint64_t keeper_generation;
	bool drain; /* the outbox may hold leaves */
};

/* ledger.c */
void ledger_finish(struct ledger *ledger, struct entry *entry, const struct error *failed);
void ledger_not_ready(struct ledger *ledger, const char *why);

/* ledger_batch.c: runs the batch to its end: committed and handed over, or every entry finished. */
void batch_run(struct ledger *ledger, struct batch *batch);
struct batch *batch_new(void);
void batch_free(struct batch *batch);

/* ledger_keeper.c */
void keeper_hand_over(
    struct ledger *ledger, struct batch *batch); /* finishes what waits for no signature */
void *keeper_receiver(void *ledger);
void keeper_wait_for_slot(struct ledger *ledger);
void keeper_remember(
    struct ledger *ledger, const uint8_t *ref, const uint8_t *signature, size_t signature_len);

/* ledger_recover.c */
MUST_CHECK bool ledger_recover(struct ledger *ledger, struct error *err);

/* ledger_store.c: `tx` or the writer's connection. */
struct ledger_taken {
	int log;
	int64_t owner, size, last_st_s;
};
MUST_CHECK bool ledger_take_over(
    struct tx *tx, const char *origin, struct ledger_taken *out, struct error *err);
MUST_CHECK bool ledger_queue_fence(struct tx *tx, const struct ledger *ledger, int64_t count,
    int64_t last_st_s, struct error *err);
MUST_CHECK bool ledger_queue_leaves(struct tx *tx, int log, int64_t first_seq,
    const struct bytes *leaves, size_t count, struct error *err);
MUST_CHECK bool ledger_ensure_partition(struct tx *tx, int log, int64_t seq, struct error *err);
MUST_CHECK bool ledger_read_leaves(
    struct tx *tx, int log, int64_t from_seq, size_t max, struct rows **out, struct error *err);
const struct stmt *const *ledger_statements(void);

#endif
