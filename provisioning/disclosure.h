/*
 * disclosure: the way to an identity in escrow: asked for on a legal basis, agreed to by one person
 * of each role, handed out sealed, closed. Every step is a leaf before it counts.
 *
 *   submitted -> approved -> exported -> closed (fulfilled)
 *   submitted, approved, exported -> closed (rejected before the export, expired after 72 hours)
 *
 * The package holds sealed records and proofs: the service cannot open it. `moniker disclose open`
 * does, with a seat of each role, and checks all of this again from the log's proofs alone.
 */
#ifndef PROVISIONING_DISCLOSURE_H
#define PROVISIONING_DISCLOSURE_H

#include "audit/audit.h"
#include "ca/issuer.h"
#include "provisioning/disclosure_draw.h"
#include "provisioning/disclosure_text.h"
#include "provisioning/shred.h"

#define DISCLOSURE_EXPIRES_S (72 * 3600)

enum disclosure_state {
	DISCLOSURE_SUBMITTED,
	DISCLOSURE_APPROVED,
	DISCLOSURE_EXPORTED,
	DISCLOSURE_CLOSED,
	DISCLOSURE_STATE_COUNT
};
enum disclosure_outcome {
	DISCLOSURE_OPEN, /* not closed */
	DISCLOSURE_FULFILLED,
	DISCLOSURE_REJECTED,
	DISCLOSURE_EXPIRED,
	DISCLOSURE_OUTCOME_COUNT
};
const char *disclosure_state_name(enum disclosure_state state);       /* "submitted" */
const char *disclosure_outcome_name(enum disclosure_outcome outcome); /* NULL: open */

struct disclosure_approval {
	enum seat_role role;
	int64_t person;
	char handle[HANDLE_TEXT_LEN + 1]; /* of the person */
	struct buf signature, certificate;
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	int log;
	int64_t seq;
};
struct disclosure { /* as it is on record */
	char id[HANDLE_TEXT_LEN + 1];
	int64_t person;
	struct buf body; /* disclosure_text.h */
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	int log;
	int64_t seq;
	enum disclosure_state state;
	enum disclosure_outcome outcome;
	int64_t at_s, expires_at_s;
	struct disclosure_approval approvals[2];
	size_t approval_count;
};
void disclosure_clear(struct disclosure *disclosure);
DEFER_DECLARE_CLEAR(struct disclosure, disclosure_clear)

enum disclosure_step {
	STEP_SUBMIT,
	STEP_APPROVE,
	STEP_REJECT,
	STEP_EXPORT,
	STEP_FULFILL,
	STEP_EXPIRE,
	STEP_COUNT
};
/*
 * What the step makes of the state. Pure.
 * E_STATE_CONFLICT   not in this state; expired: then *out_outcome is DISCLOSURE_EXPIRED
 * E_SAME_PERSON      an approval by who asked, or by who gave the other one
 */
MUST_CHECK bool disclosure_judge(const struct disclosure *disclosure, enum disclosure_step step,
    int64_t person, enum seat_role role, int64_t now_s, enum disclosure_state *out_state,
    enum disclosure_outcome *out_outcome, struct error *err);

struct disclosure_service {
	struct db *db;
	struct ledger *ledger;
	const struct issuers *issuers;
	struct audit *audit;
	struct shred *shred;
	const struct clock *clock;
	const struct rng *rng;
};
struct disclosure_caller {
	int64_t person;
	const char *handle; /* of the person */
	const char *actor;  /* "legal:<handle>" */
	enum seat_role role;
	const uint8_t *serial; /* of the certificate that was shown */
};

/*
 * `text` has basis, case, order, and devices or, for an audit, sample_count and perhaps the name of
 * a log; the rest is filled in here.
 * E_UNKNOWN_DEVICE, E_ERASED
 * E_NOT_FOUND   no such log here, or nothing of it is published yet
 */
MUST_CHECK bool disclosure_submit(const struct disclosure_service *service,
    struct disclosure_text *text, const struct disclosure_caller *caller, struct error *err);
/* E_NOT_FOUND */
MUST_CHECK bool disclosure_get(
    struct db *db, const char *id, struct disclosure *out, struct error *err);
/*
 * `signature`: ECDSA over disclosure_approval_encode(), by the key of the caller's certificate.
 * E_BAD_PROOF, and what disclosure_judge() says
 */
MUST_CHECK bool disclosure_approve(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, struct bytes signature, struct error *err);
/* STEP_REJECT, STEP_EXPORT (`body`: the package) or STEP_EXPIRE. */
MUST_CHECK bool disclosure_step(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, enum disclosure_step step, struct bytes body,
    struct error *err);
struct disclosure_receipt { /* of a package that was opened */
	uint8_t package_sha256[SHA256_BYTES];
	bool audited; /* what an escrow audit found follows */
	int64_t opened, erased, other_seats;
	int64_t faults[DISCLOSURE_SAMPLE_MAX]; /* leaves whose record does not open, ascending */
	size_t fault_count;
};
/*
 * STEP_FULFILL. Each fault is a leaf data.fault of its own, in the same transaction.
 * E_BAD_SYNTAX   an audit's receipt tells what was found, and no other does; not of this log's size
 */
MUST_CHECK bool disclosure_fulfill(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, const struct disclosure_receipt *receipt,
    struct error *err);
/*
 * Appends the package, JSON, after its leaf is on record.
 * E_RECORD_UNAVAILABLE   a proof cannot be had now: there is no package without the log's proofs
 */
MUST_CHECK bool disclosure_export(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, struct buf *out, struct error *err);
/* What both sides check of an approval. E_BAD_PROOF, E_BAD_ALGORITHM: the key is not one of P-256
 */
MUST_CHECK bool disclosure_signature_verify(
    struct bytes certificate_der, struct bytes message, struct bytes signature, struct error *err);
/* The `e` of its leaf. */
void disclosure_approval_commit(const uint8_t nonce[static COMMITMENT_NONCE_BYTES],
    struct bytes message, struct bytes signature, uint8_t out[static SHA256_BYTES]);
/* Closes what has expired; the leaves say so. */
MUST_CHECK bool disclosure_sweep(
    const struct disclosure_service *service, size_t *out_count, struct error *err);

const struct stmt *const *disclosure_statements(void);

#endif
