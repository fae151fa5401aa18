/*
 * inspect_fault: something stored that is not what the log committed to, and how the log is told:
 * one data.fault leaf for each such thing, however often it is found, with the row that remembers
 * it in the same transaction.
 *
 * A thing is named by its table or file and a number: no pseudonym, serial, handle or hardware id.
 */
#ifndef AUDIT_INSPECT_FAULT_H
#define AUDIT_INSPECT_FAULT_H

#include "base/clock.h"
#include "base/defer.h"
#include "db/ledger.h"

/* That are told; what is found beyond is not, until some of them are mended. */
#define INSPECT_FAULTS_MAX 1000

enum inspect_what {
	/* rows; `seq` is the leaf that commits to them */
	INSPECT_AUDIT_LEAF,
	INSPECT_CERTIFICATE_BODY,
	INSPECT_CERTIFICATE_ADOPTION,
	INSPECT_CERTIFICATE, /* or pseudonym_certificate */
	INSPECT_DEVICE,
	INSPECT_DISCLOSURE,
	INSPECT_ERASURE,
	INSPECT_REVOCATION,
	/* rows; `seq` is a place in the order of status changes */
	INSPECT_REVOCATION_PLACE,
	INSPECT_STATUS_CHANGE,
	/* published files; `seq` is the first leaf of them that is concerned */
	INSPECT_ENTRIES,
	INSPECT_TILE,
	INSPECT_CHECKPOINT,
	INSPECT_WHAT_COUNT
};

struct inspect_fault {
	enum inspect_what what;
	int level; /* of a tile; else 0 */
	int64_t seq;
	bool missing; /* it is not there; false: it is another */
};

struct inspect_faults { /* zero-initialized is empty */
	struct inspect_fault *list;
	size_t count, capacity;
};
/* A thing that is there already is not there twice. */
void inspect_faults_add(struct inspect_faults *faults, struct inspect_fault fault);
void inspect_faults_clear(struct inspect_faults *faults);
DEFER_DECLARE_CLEAR(struct inspect_faults, inspect_faults_clear)

const char *inspect_what_key(enum inspect_what what); /* "audit_leaf": in inspection_fault */

struct inspect_teller {
	struct db *db;
	struct ledger *ledger;
	const struct clock *clock;
	const char *actor;
};
struct inspect_subject { /* whose faults: a log */
	int log;
	const char *name; /* NULL: the one that is written */
	int64_t pass;
};
/*
 * Has the log tell those that it has not told; marks the others as seen in this pass. Blocks until
 * they are recorded.
 */
MUST_CHECK bool inspect_faults_tell(const struct inspect_teller *teller,
    const struct inspect_subject *subject, const struct inspect_faults *faults, struct error *err);

/* The leaf, for tests. */
void inspect_fault_leaf(const struct inspect_fault *fault, const char *actor, const char *log_name,
    int64_t now_s, struct leaf *out);

#endif
