/*
 * ledger: the one writer of this node's audit log. Record first, sign second, in group commits.
 *
 * Workers submit proposals and block. The ledger's thread takes what queued up during the
 * previous commit, all of one kind, never waits for more, and in one transaction
 *   1. locks and reads (the kind),          2. decides, pure (the kind),
 *   3. writes the winners (the kind),       4. fences and inserts leaves for all, COMMIT.
 * Then the batch's leaves go to the keeper, which appends them to its journal and signs what
 * they commit to; a second thread takes the signatures and wakes the workers. Signatures are
 * kept in the database with the next batch.
 *
 * It knows no domain: a kind is a struct ledger_kind that cmd/ builds.
 */
#ifndef DB_LEDGER_H
#define DB_LEDGER_H

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "db/db.h"
#include "db/proposal.h"
#include "keeper/client.h"
#include "proof/leaf.h"

#define LEDGER_BATCH_MAX 1024   /* proposals in one transaction */
#define LEDGER_QUEUE_MAX 16384  /* proposals waiting; more are refused with E_BUSY */
#define LEDGER_RECORDS_MAX 3072 /* leaves in one transaction */

struct ledger_signature {
	uint8_t ref[CERTIFICATE_REF_BYTES];
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;
	uint8_t issuer[ISSUER_ID_BYTES];
	bool apart; /* goes with no proposals: of a kind that says so, or unknown */
};

struct ledger_unsigned { /* a committed TBSCertificate without a signature */
	uint8_t ref[CERTIFICATE_REF_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	int64_t seq;
	struct buf tbs;
};

/* What the ledger asks of its neighbors to the right (audit/, ca/); each may be NULL. */
struct ledger_hooks {
	void *audit; /* context of the four audit hooks */
	/* Leaves that command-line tools left in audit_outbox: at most `max`, removed in this
	 * transaction. */
	bool (*drain)(void *audit, struct ledger_batch *batch, struct record *out, size_t max,
	    size_t *out_count, struct error *err);
	/* After decide: marks refusals beyond the first ten of their window `dropped`. */
	void (*sift)(void *audit, struct ledger_batch *batch);
	/* Before the fence: writes refusal_window. */
	bool (*write_windows)(void *audit, struct ledger_batch *batch, struct error *err);
	void (*settled)(void *audit, bool committed); /* the last try of a batch is over */
	/*
	 * The keeper signed the log at this size. On the receiving thread, or at the end of a
	 * recovery on the ledger's, never on both at once; copies what it keeps.
	 */
	void (*published)(void *audit, struct bytes checkpoint_note);

	void *certificates; /* context of the certificate hooks */
	bool (*keep_signatures)(void *certificates, struct tx *tx,
	    const struct ledger_signature *signatures, size_t count, struct error *err);
	/* The oldest unsigned of this log with a seq above `after` (-1: all); none that was
	 * aborted.
	 */
	bool (*read_unsigned)(void *certificates, struct tx *tx, int log, int64_t after,
	    struct ledger_unsigned *out, size_t max, size_t *out_count, struct error *err);
	/* The keeper refused these for ever, and a cert.abort leaf for each is in this transaction:
	 * frees what they took. From here on they are not unsigned any more. */
	bool (*abort)(void *certificates, struct tx *tx,
	    const uint8_t (*refs)[CERTIFICATE_REF_BYTES], size_t count, struct error *err);

	void *statuses; /* context of: */
	/* After the COMMIT of a batch that changed a status, before its waiters wake. On the
	 * ledger's thread: never blocks. */
	void (*status_changed)(void *statuses);
};

struct ledger_options {
	const char *url;    /* database, the service's role */
	const char *origin; /* the log's origin: "<name>/<log>" */
	struct keeper_client *keeper;
	const struct clock *clock;
	const struct rng *rng;
	struct ledger_hooks hooks;
	struct metrics *metrics; /* db/db_metrics.h, or NULL */
};

struct ledger;

/*
 * Starts the threads. The first thing they do, and again after a lost connection or a new
 * keeper: take the log over (fence), bring the keeper's journal up to what is committed, sign
 * what is unsigned. Until then ledger_submit() gives E_RECORD_UNAVAILABLE or waits its turn.
 */
MUST_CHECK bool ledger_new(
    const struct ledger_options *options, struct ledger **out, struct error *err);
/* Finishes what is queued, keeps the last signatures, stops. */
void ledger_free(struct ledger *ledger);
DEFER_DECLARE(struct ledger, ledger_free)

/* Waits up to `wait_ms` for the log to be taken over and every recorded certificate signed. */
MUST_CHECK bool ledger_wait_ready(struct ledger *ledger, int wait_ms, struct error *err);

/*
 * Submits proposals of one kind and blocks until each is decided, recorded and, where it asks
 * for it, signed. True: every proposals[i]->err is its outcome. False: nothing may have been
 * recorded, or not all signed; the callers retry (they are idempotent).
 * E_BUSY, E_RECORD_UNAVAILABLE, E_KEEPER_UNAVAILABLE, E_DATABASE_UNAVAILABLE   with retry_after_s
 */
MUST_CHECK bool ledger_submit(
    struct ledger *ledger, struct proposal *const *proposals, size_t count, struct error *err);

struct ledger_status { /* for /readyz and /metrics */
	bool ready;
	char why_not[96];
	int64_t size;
	uint64_t batches, proposals, retries;
	size_t queued; /* proposals that wait for a transaction */
	size_t unkept; /* signatures that the next transaction keeps */
};
void ledger_status(struct ledger *ledger, struct ledger_status *out);

const struct stmt *const *ledger_statements(void);

#endif
