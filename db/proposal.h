/*
 * proposal: what a worker asks the ledger to record, and what a kind of proposals has to know how
 * to do with a batch of them.
 */
#ifndef DB_PROPOSAL_H
#define DB_PROPOSAL_H

#include "base/error.h"
#include "db/db.h"
#include "keeper/key.h"
#include "proof/leaf.h"

/* What certificate_signature is keyed on: month (2 octets, big endian), serial (20 octets). */
#define CERTIFICATE_REF_BYTES 22

/* One leaf of a proposal, and the TBSCertificate that it lets the keeper sign. */
struct record {
	struct leaf
	    leaf; /* decide fills all but seq, sequenced_at_s and nonce, which are the ledger's */
	struct bytes
	    tail; /* instead of `leaf`, if not empty: the leaf's bytes after `"st":"...",` */

	struct bytes tbs; /* to be signed, or empty; borrowed from the proposal's owner */
	uint8_t nonce[COMMITMENT_NONCE_BYTES]; /* of leaf.commitment, when tbs is not empty */
	uint8_t issuer[ISSUER_ID_BYTES];
	uint8_t ref[CERTIFICATE_REF_BYTES];

	bool dropped; /* set by the sift hook: counted in a refusal window instead */
	int64_t seq;  /* set before `write`; -1 when dropped */
	uint8_t signature[KEY_SIGNATURE_MAX]; /* after ledger_submit */
	size_t signature_len;
};

struct ledger_kind;

/* Embedded as the first member of a kind's own proposal struct. */
struct proposal {
	const struct ledger_kind *kind;
	struct error
	    err; /* the outcome: E_NONE, or why it was refused (err.recorded is then set) */
	/*
	 * Made by decide, at every try anew; storage belongs to the proposal's owner and lives
	 * until ledger_submit returns.
	 */
	struct record *records;
	size_t record_count;
	bool changes_status; /* decide: takes the global status order (status_head) before the fence
			      */
};

struct ledger_batch {
	struct tx *tx;
	int log;       /* audit_log.id */
	int64_t now_s; /* one clock reading per try: `st` of all its leaves, and the time of
			  decisions */
	struct proposal *const *proposals; /* all of one kind, in order of arrival */
	size_t count;
	void *snapshot; /* the kind's own, between its steps */
};

struct ledger_kind {
	const char *name;
	void *context;
	bool signs; /* its records carry TBSCertificates: nothing is recorded without a keeper */
	/*
	 * Rows of one transaction can be told to belong together for ever. What this kind writes
	 * shares none with other kinds: not its rows, and not its signatures afterwards.
	 */
	bool apart;
	/* One proposal in a transaction, so that none meets another in it. For what is rare. */
	bool alone;
	/* Locks rows in sorted order and reads; makes batch->snapshot. NULL: nothing to read. */
	bool (*lock_and_read)(void *context, struct ledger_batch *batch, struct error *err);
	/* Pure: sets err, records and changes_status of every proposal. */
	void (*decide)(void *context, struct ledger_batch *batch);
	/* Writes the winners; *out_lost_race when fewer rows came back than were written. NULL:
	 * nothing. */
	bool (*write)(
	    void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err);
	void (*snapshot_free)(void *snapshot); /* NULL: there is none */
	/* After COMMIT, on the ledger's thread: wake others, invalidate caches. NULL: nothing. */
	void (*committed)(void *context, const struct ledger_batch *batch);
};

#endif
