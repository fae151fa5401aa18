/* ledger_core: what the rooms of the ledger share. Internal to db/ledger*.c. */
#ifndef DB_LEDGER_CORE_H
#define DB_LEDGER_CORE_H

#include <pthread.h>

#include "db/conn.h"
#include "db/db_metrics.h"
#include "db/ledger.h"

#define LEDGER_DRAIN_MAX 64      /* leaves of the outbox in one batch */
#define LEDGER_NOTES_MAX 64      /* leaves of the ledger's own that wait for the next batch */
#define LEDGER_ABORTS_MAX 64     /* certificates given up in one batch */
#define LEDGER_TRIES_MAX 10      /* of a transaction that lost a race */
#define LEDGER_KEEP_AFTER_MS 50  /* an idle ledger keeps signatures by then */
#define LEDGER_OWN_PAUSE_MS 5000 /* after what is the ledger's own could not be written */
#define LEDGER_EXTRA_MAX (LEDGER_DRAIN_MAX + LEDGER_NOTES_MAX + LEDGER_ABORTS_MAX)
#define LEDGER_LEAVES_MAX (LEDGER_RECORDS_MAX + LEDGER_EXTRA_MAX)

_Static_assert(LEDGER_LEAVES_MAX <= KEEPER_APPEND_MAX, "a transaction is one append");

struct entry { /* a proposal on its way; lives until its submission has none left */
	struct proposal *proposal;
	struct submission *submission;
	struct entry *next; /* in the queue */
	int64_t queued_at_us;
};

/* A TBSCertificate that the keeper refused for ever. Until its cert.abort is committed it is just
 * unsigned, so that what is lost here is found at the next take-over. */
struct given_up {
	uint8_t ref[CERTIFICATE_REF_BYTES];
	char subject[LEAF_VALUE_MAX + 1]; /* of the leaf that commits to it */
};

struct note { /* a leaf of the ledger's own: data.fault */
	enum leaf_event event;
	enum error_code code;
	char subject[LEAF_VALUE_MAX + 1];
};

/*
 * One transaction's work. Leaves stand in order of seq: outbox, notes, aborts, proposals. Aborts
 * lock rows as enrollments do, so they never share a transaction with proposals; theirs goes first,
 * so that a retry finds what they freed.
 */
struct batch {
	struct ledger_batch public;
	const struct ledger_kind *kind; /* of its proposals; NULL: there are none */
	struct entry *entries[LEDGER_BATCH_MAX];
	struct proposal *proposals[LEDGER_BATCH_MAX];
	size_t count, fit_count; /* fit: of a try that found more leaves than a batch may have */
	bool own;                /* outbox, notes and signatures go with it */
	bool drained_all;
	struct record extra[LEDGER_EXTRA_MAX];
	size_t drained_count, extra_count;
	struct record *records[LEDGER_LEAVES_MAX];
	size_t record_count;
	struct buf text; /* all leaves, one after the other */
	size_t leaf_at[LEDGER_LEAVES_MAX + 1];
	int64_t first_seq;
	struct ledger_signature kept[LEDGER_RECORDS_MAX]; /* what this transaction keeps */
	size_t kept_count, note_count, abort_count;
	uint8_t aborts[LEDGER_ABORTS_MAX][CERTIFICATE_REF_BYTES];
};

struct ledger {
	struct ledger_options options;
	char *url, *origin;
	char actor[LEAF_VALUE_MAX + 1]; /* of notes: "system:<log>" */
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
	struct ledger_signature *unkept; /* signed, not yet in the database; the writer removes */
	size_t unkept_count, unkept_capacity;
	int64_t unkept_since_ms;
	struct note notes[LEDGER_NOTES_MAX]; /* the writer removes */
	size_t note_count;
	struct given_up *aborts; /* the writer removes */
	size_t abort_count, abort_capacity;
	int64_t size; /* written by the writer, who reads it without the mutex */
	uint64_t batches, proposals, retries;

	/* The writer's own. */
	struct conn *conn;
	bool owned, was_owned; /* by this connection; ever */
	bool journal_fits;     /* at the last greeting the journal held no more than is committed */
	int log;
	int64_t owner, owner_to_be, last_st_s, partition_until;
	uint64_t keeper_generation; /* the last one greeted */
	int64_t own_not_before_ms;  /* outbox, notes and signatures rest until then */
	int recover_pause_ms;
	bool drain; /* the outbox may hold leaves */
};

static inline struct bytes
batch_leaf(const struct batch *batch, size_t i)
{
	return bytes_of(
	    batch->text.data + batch->leaf_at[i], batch->leaf_at[i + 1] - batch->leaf_at[i]);
}

/* ledger.c */
void ledger_lock(struct ledger *ledger);
void ledger_unlock(struct ledger *ledger);
void ledger_wake(struct ledger *ledger);
/* The entry's owner may free it from here on. `failed` NULL: proposal->err is the outcome. */
void ledger_finish(struct ledger *ledger, struct entry *entry, const struct error *failed);
/* All that wait, or only those whose kind asks for signatures. */
void ledger_fail_queue(struct ledger *ledger, const struct error *failed, bool signing_only);
/* Takes proposals of the oldest one's kind, in order, as many as a batch may have; if asked, of the
 * kinds that need no signature. */
void ledger_take_batch(struct ledger *ledger, struct batch *batch, bool unsigned_only);
/* Puts the batch's entries from `from` on back to the front of the queue. */
void ledger_put_back(struct ledger *ledger, struct batch *batch, size_t from);
void ledger_not_ready(struct ledger *ledger, const char *why);

/* How many signatures at the front, at most `max`, may share a transaction. */
size_t ledger_count_alike(const struct ledger_signature *signatures, size_t max);

/* ledger_writer.c */
void *ledger_writer(void *ledger);

/* ledger_batch.c: to the end: committed and handed over, finished with an error, or put back. */
void batch_run(struct ledger *ledger, struct batch *batch);

/* ledger_try.c: one transaction. */
enum try_result {
	TRY_COMMITTED,
	TRY_LOST_RACE,   /* rolled back: again from the start */
	TRY_TOO_MANY,    /* rolled back: more leaves than a batch may have, batch->fit_count fit */
	TRY_UNAVAILABLE, /* rolled back: not now (timeout, resources) */
	TRY_LOST,        /* the connection, and with it the outcome */
	TRY_FENCED,      /* rolled back: another writer owns the log */
	TRY_FAULT,       /* rolled back: something in it cannot be written */
};
/* `err` is set unless it was committed, lost a race or had too many. Before the snapshot is freed,
 * TRY_COMMITTED has run the kind's `committed`. */
enum try_result batch_try(struct ledger *ledger, struct batch *batch, struct error *err);

/* ledger_recover.c: every failure leaves the ledger not ready. */
MUST_CHECK bool ledger_recover(struct ledger *ledger, struct error *err);
/* Makes the partitions of the leaves to come, in a transaction of its own. */
MUST_CHECK bool ledger_extend(struct ledger *ledger, struct error *err);

#endif
