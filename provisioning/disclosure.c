#include "provisioning/disclosure.h"

#include <assert.h>
#include <stdio.h>

#include "audit/note.h"
#include "audit/proofs.h"
#include "base/defer_openssl.h"
#include "base/mem.h"
#include "ca/ecdsa.h"
#include "provisioning/disclosure_store.h"
#include "provisioning/operator.h"

/* clang-format off */
/* Of one that is open and has not expired. */
static const struct step {
	bool from[DISCLOSURE_STATE_COUNT];
	enum disclosure_state to;
	enum disclosure_outcome outcome;
	enum leaf_event event;
	int severity;
} STEPS[STEP_COUNT] = {
	/*                submitted approved exported */
	[STEP_SUBMIT]  = {{false,   false,   false}, DISCLOSURE_SUBMITTED, DISCLOSURE_OPEN,      LEAF_DISCLOSURE_SUBMIT,  3},
	[STEP_APPROVE] = {{true,    false,   false}, DISCLOSURE_SUBMITTED, DISCLOSURE_OPEN,      LEAF_DISCLOSURE_APPROVE, 3},
	[STEP_REJECT]  = {{true,    true,    false}, DISCLOSURE_CLOSED,    DISCLOSURE_REJECTED,  LEAF_DISCLOSURE_CLOSE,   3},
	[STEP_EXPORT]  = {{false,   true,    true},  DISCLOSURE_EXPORTED,  DISCLOSURE_OPEN,      LEAF_DISCLOSURE_EXPORT,  4},
	[STEP_FULFILL] = {{false,   false,   true},  DISCLOSURE_CLOSED,    DISCLOSURE_FULFILLED, LEAF_DISCLOSURE_CLOSE,   3},
	[STEP_EXPIRE]  = {{true,    true,    true},  DISCLOSURE_CLOSED,    DISCLOSURE_EXPIRED,   LEAF_DISCLOSURE_CLOSE,   3},
};
/* clang-format on */

/* ---- the rules ---- */

static bool
may_approve(
    const struct disclosure *disclosure, int64_t person, enum seat_role role, struct error *err)
{
	if (person == disclosure->person)
		return error_set(
		    err, E_SAME_PERSON, "who asks for a disclosure does not approve it");
	for (size_t i = 0; i < disclosure->approval_count; i++) {
		if (disclosure->approvals[i].person == person)
			return error_set(err, E_SAME_PERSON, "you have approved it already");
		if (disclosure->approvals[i].role == role)
			return error_set(err, E_STATE_CONFLICT,
			    "the role %s has approved it: one of the other is needed",
			    seat_role_name(role));
	}
	return true;
}

bool
disclosure_judge(const struct disclosure *disclosure, enum disclosure_step step, int64_t person,
    enum seat_role role, int64_t now_s, enum disclosure_state *out_state,
    enum disclosure_outcome *out_outcome, struct error *err)
{
	const bool open = disclosure->state != DISCLOSURE_CLOSED;

	*out_state = disclosure->state;
	*out_outcome = disclosure->outcome;
	if (open && now_s >= disclosure->expires_at_s) {
		*out_state = DISCLOSURE_CLOSED;
		*out_outcome = DISCLOSURE_EXPIRED;
		return step == STEP_EXPIRE ||
		       error_set(err, E_STATE_CONFLICT, "the disclosure has expired");
	}
	if (step == STEP_EXPIRE || !open || !STEPS[step].from[disclosure->state])
		return error_set(err, E_STATE_CONFLICT, "the disclosure is %s",
		    open ? disclosure_state_name(disclosure->state)
			 : disclosure_outcome_name(disclosure->outcome));
	if (step == STEP_APPROVE && !may_approve(disclosure, person, role, err))
		return false;
	*out_state = STEPS[step].to;
	*out_outcome = STEPS[step].outcome;
	if (step == STEP_APPROVE && disclosure->approval_count == 1)
		*out_state = DISCLOSURE_APPROVED;
	return true;
}

/* ---- the ledger's kind: one step of one disclosure ---- */

struct disclosure_proposal {
	struct proposal base;
	enum disclosure_step step;
	const char *id, *actor;
	int64_t person;
	enum seat_role role;
	struct disclosure_text *text;             /* of STEP_SUBMIT */
	struct disclosure *row;                   /* of STEP_SUBMIT: the new one */
	struct disclosure_approval *approval;     /* of STEP_APPROVE */
	const struct disclosure_receipt *receipt; /* of STEP_FULFILL */
	bool commits;
	uint8_t commitment[SHA256_BYTES];
	/* made anew at every try */
	struct disclosure found;
	bool is_there;
	enum disclosure_state state;
	enum disclosure_outcome outcome;
	struct record *records; /* its own, and one for each fault */
};

static size_t
records_max(const struct disclosure_proposal *proposal)
{
	return 1 + (proposal->receipt != NULL ? proposal->receipt->fault_count : 0);
}

/* Of one proposal: the kind is alone. */
static struct disclosure_proposal *
proposal_of(const struct ledger_batch *batch)
{
	return (struct disclosure_proposal *)batch->proposals[0];
}

static bool
lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	struct disclosure_proposal *proposal = proposal_of(batch);

	(void)context;
	disclosure_clear(&proposal->found);
	proposal->is_there = false;
	return proposal->step == STEP_SUBMIT || disclosure_store_lock(batch->tx, proposal->id,
						    &proposal->found, &proposal->is_there, err);
}

static bool
judge(struct disclosure_proposal *proposal, int64_t now_s, struct error *err)
{
	if (proposal->step == STEP_SUBMIT)
		return true;
	proposal->outcome = DISCLOSURE_OPEN;
	if (!proposal->is_there)
		return error_set(err, E_NOT_FOUND, "there is no such disclosure");
	return disclosure_judge(&proposal->found, proposal->step, proposal->person, proposal->role,
	    now_s, &proposal->state, &proposal->outcome, err);
}

/* What an audit found: in its own leaf, and a fault for each record that does not open. */
static void
fill_findings(struct disclosure_proposal *proposal, const char *subject, int64_t now_s)
{
	const struct disclosure_receipt *receipt = proposal->receipt;
	const struct error fault = {.code = E_ESCROW_UNREADABLE};
	struct leaf_detail *details = proposal->records[0].leaf.details;

	if (!receipt->audited)
		return;
	details[1] = (struct leaf_detail){.key = "opened", .number = receipt->opened};
	details[2] = (struct leaf_detail){.key = "erased", .number = receipt->erased};
	details[3] = (struct leaf_detail){.key = "other_seats", .number = receipt->other_seats};
	details[4] = (struct leaf_detail){.key = "faults", .number = (int64_t)receipt->fault_count};
	for (size_t i = 0; i < receipt->fault_count; i++) {
		struct leaf *leaf = &proposal->records[1 + i].leaf;

		note_leaf(leaf, LEAF_DATA_FAULT, proposal->actor, subject, &fault, now_s);
		leaf->details[0] =
		    (struct leaf_detail){.key = "leaf", .number = receipt->faults[i]};
	}
	proposal->base.record_count += receipt->fault_count;
}

static void
fill_leaf(struct disclosure_proposal *proposal, int64_t now_s)
{
	static const char *const outcomes[] = {
	    [DISCLOSURE_FULFILLED] = "fulfilled",
	    [DISCLOSURE_REJECTED] = "rejected",
	    [DISCLOSURE_EXPIRED] = "expired",
	};
	const bool expires =
	    proposal->outcome == DISCLOSURE_EXPIRED && proposal->found.state != DISCLOSURE_CLOSED;
	const struct step *step = &STEPS[expires ? STEP_EXPIRE : proposal->step];
	const struct error *err =
	    proposal->base.err.code != E_NONE && !expires ? &proposal->base.err : NULL;
	struct leaf *leaf = &proposal->records[0].leaf;
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(subject, sizeof subject, "d:%s", proposal->id);
	note_leaf(leaf, err != NULL ? LEAF_DISCLOSURE_REFUSED : step->event, proposal->actor,
	    subject, err, now_s);
	if (err != NULL)
		return;
	leaf->severity = step->severity;
	if (step->event == LEAF_DISCLOSURE_CLOSE)
		leaf->details[0] = (struct leaf_detail){.key = "outcome",
		    .text = outcomes[expires ? DISCLOSURE_EXPIRED : step->outcome]};
	if (proposal->receipt != NULL && !expires)
		fill_findings(proposal, subject, now_s);
	leaf->has_second_commitment = proposal->commits && !expires;
	memcpy(leaf->second_commitment, proposal->commitment, SHA256_BYTES);
}

static void
decide(void *context, struct ledger_batch *batch)
{
	struct disclosure_proposal *proposal = proposal_of(batch);

	(void)context;
	proposal->base.err = (struct error){0};
	memset(proposal->records, 0, records_max(proposal) * sizeof *proposal->records);
	proposal->base.records = proposal->records;
	proposal->base.record_count = 1;
	proposal->outcome = DISCLOSURE_OPEN;
	(void)!judge(proposal, batch->now_s, &proposal->base.err);
	fill_leaf(proposal, batch->now_s);
}

static bool
write_step(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	struct disclosure_proposal *proposal = proposal_of(batch);
	const bool refused = proposal->base.err.code != E_NONE;

	(void)context;
	*out_lost_race = false;
	if (refused && proposal->outcome == DISCLOSURE_EXPIRED && proposal->is_there &&
	    proposal->found.state != DISCLOSURE_CLOSED)
		return disclosure_store_set(
		    batch->tx, proposal->id, DISCLOSURE_CLOSED, DISCLOSURE_EXPIRED, err);
	if (refused)
		return true;
	if (proposal->step == STEP_SUBMIT) {
		proposal->row->log = batch->log;
		proposal->row->seq = proposal->records[0].seq;
		return disclosure_store_insert(batch->tx, proposal->row, proposal->text, err);
	}
	if (proposal->step == STEP_APPROVE) {
		proposal->approval->log = batch->log;
		proposal->approval->seq = proposal->records[0].seq;
		if (!disclosure_store_approve(batch->tx, proposal->id, proposal->approval, err))
			return false;
	}
	return disclosure_store_set(
	    batch->tx, proposal->id, proposal->state, proposal->outcome, err);
}

static const struct ledger_kind KIND = {
    .name = "disclosure",
    .alone = true,
    .lock_and_read = lock_and_read,
    .decide = decide,
    .write = write_step,
};

static bool
submit(const struct disclosure_service *service, struct disclosure_proposal *proposal,
    const struct disclosure_caller *caller, struct error *err)
{
	struct proposal *const proposals[] = {&proposal->base};
	DEFER(mem_free)
	struct record *records = xcalloc(records_max(proposal), sizeof *records);
	bool recorded;

	proposal->records = records;
	proposal->base.kind = &KIND;
	proposal->actor = caller->actor;
	proposal->person = caller->person;
	proposal->role = caller->role;
	recorded = ledger_submit(service->ledger, proposals, COUNT(proposals), err);
	disclosure_clear(&proposal->found);
	if (!recorded)
		return false;
	if (proposal->base.err.code != E_NONE) {
		*err = proposal->base.err;
		err->recorded = proposal->base.record_count > 0;
		return false;
	}
	return true;
}

/* ---- the steps ---- */

static bool
devices_exist(
    const struct disclosure_service *service, const struct disclosure_text *text, struct error *err)
{
	int64_t count;

	if (!disclosure_store_count_devices(service->db, text, &count, err))
		return false;
	if (count != (int64_t)text->device_count)
		return error_set_field(
		    err, E_UNKNOWN_DEVICE, "/pseudonyms", "no device has one of them");
	if (!disclosure_store_count_erased(service->db, text, &count, err))
		return false;
	return count == 0 ||
	       error_set_field(err, E_ERASED, "/pseudonyms",
		   "%lld of them have been erased: nobody can disclose them", (long long)count);
}

/* Of an audit: how large the log is that is drawn from. Its approvers see it. */
static bool
find_log(const struct disclosure_service *service, struct disclosure_text *text, struct error *err)
{
	DEFER(proofs_free) struct proofs *proofs = NULL;
	const char *log = text->sample_origin[0] != '\0' ? text->sample_origin : NULL;

	if (!audit_proofs(service->audit, log, &proofs, err))
		return false;
	(void)snprintf(
	    text->sample_origin, sizeof text->sample_origin, "%s", proofs_origin(proofs));
	text->sample_size = (int64_t)proofs_size(proofs);
	return true;
}

bool
disclosure_submit(const struct disclosure_service *service, struct disclosure_text *text,
    const struct disclosure_caller *caller, struct error *err)
{
	DEFER(disclosure_clear) struct disclosure row = {.person = caller->person};
	struct disclosure_proposal proposal = {
	    .step = STEP_SUBMIT, .id = text->id, .text = text, .row = &row, .commits = true};
	uint8_t handle[HANDLE_BYTES];

	if (!(text->sample_count > 0 ? find_log(service, text, err)
				     : devices_exist(service, text, err)))
		return false;
	rng_fill(service->rng, handle, sizeof handle);
	handle_encode(text->id, handle);
	(void)snprintf(text->requester, sizeof text->requester, "%s", caller->actor);
	text->requested_at_s = clock_now_s(service->clock);
	text->expires_at_s = text->requested_at_s + DISCLOSURE_EXPIRES_S;
	disclosure_encode(text, &row.body);
	rng_fill(service->rng, row.nonce, sizeof row.nonce);
	leaf_commit(proposal.commitment, row.nonce, buf_bytes(&row.body));
	return submit(service, &proposal, caller, err);
}

bool
disclosure_get(struct db *db, const char *id, struct disclosure *out, struct error *err)
{
	bool found = false;

	if (handle_valid(bytes_of_text(id)) && !disclosure_store_find(db, id, out, &found, err))
		return false;
	return found || error_set(err, E_NOT_FOUND, "there is no such disclosure");
}

bool
disclosure_signature_verify(
    struct bytes certificate_der, struct bytes message, struct bytes signature, struct error *err)
{
	struct certificate certificate;
	const uint8_t *der;
	EVP_PKEY *key;
	uint8_t digest[SHA256_BYTES];
	bool good;

	if (!certificate_parse(certificate_der, &certificate, err))
		return false;
	der = certificate.spki.data;
	key = d2i_PUBKEY(NULL, &der, (long)certificate.spki.len);
	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
		EVP_PKEY_free(key);
		return error_set(err, E_BAD_ALGORITHM, "approvals are signed by keys of P-256");
	}
	sha256(message, digest);
	good = ecdsa_verify(key, bytes_of(digest, sizeof digest), signature);
	EVP_PKEY_free(key);
	return good || error_set_field(err, E_BAD_PROOF, "/signature",
			   "not the approval of this request by the key of your certificate");
}

void
disclosure_approval_commit(const uint8_t nonce[static COMMITMENT_NONCE_BYTES], struct bytes message,
    struct bytes signature, uint8_t out[static SHA256_BYTES])
{
	DEFER(buf_clear_public) struct buf both = {0};

	buf_append(&both, message);
	buf_append(&both, signature);
	leaf_commit(out, nonce, buf_bytes(&both));
}

bool
disclosure_approve(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, struct bytes signature, struct error *err)
{
	DEFER(disclosure_clear) struct disclosure found = {0};
	DEFER(buf_clear_public) struct buf message = {0};
	DEFER(buf_clear_public) struct buf certificate = {0};
	DEFER(buf_clear_public) struct buf signature_copy = {0};
	struct disclosure_approval approval = {.role = caller->role, .person = caller->person};
	struct disclosure_proposal proposal = {
	    .step = STEP_APPROVE, .id = id, .approval = &approval, .commits = true};

	if (!disclosure_get(service->db, id, &found, err) ||
	    !operator_certificate_find(service->db, caller->serial, &certificate, err))
		return false;
	disclosure_approval_encode(buf_bytes(&found.body), caller->role, caller->handle, &message);
	if (!disclosure_signature_verify(
		buf_bytes(&certificate), buf_bytes(&message), signature, err))
		return false;
	buf_append(&signature_copy, signature);
	approval.signature = signature_copy;
	approval.certificate = certificate;
	rng_fill(service->rng, approval.nonce, sizeof approval.nonce);
	disclosure_approval_commit(
	    approval.nonce, buf_bytes(&message), signature, proposal.commitment);
	return submit(service, &proposal, caller, err);
}

bool
disclosure_step(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, enum disclosure_step step, struct bytes body,
    struct error *err)
{
	static const uint8_t nonce[COMMITMENT_NONCE_BYTES];
	struct disclosure_proposal proposal = {.step = step, .id = id, .commits = body.len > 0};

	if (!handle_valid(bytes_of_text(id)))
		return error_set(err, E_NOT_FOUND, "there is no such disclosure");
	/* Of a package: it is full of random octets, so its digest tells nothing. */
	leaf_commit(proposal.commitment, nonce, body);
	return submit(service, &proposal, caller, err);
}

static bool
receipt_fits(const struct disclosure *disclosure, const struct disclosure_receipt *receipt,
    struct error *err)
{
	struct disclosure_text text;

	if (!disclosure_parse(buf_bytes(&disclosure->body), &text, err))
		return false;
	if (receipt->audited != (text.sample_count > 0))
		return error_set_field(err, E_BAD_SYNTAX, "/found",
		    "an escrow audit's receipt tells what was found, and no other");
	for (size_t i = 0; i < receipt->fault_count; i++)
		if (receipt->faults[i] >= text.sample_size)
			return error_set_field(
			    err, E_BAD_SYNTAX, "/found/faults", "no such leaf was drawn from");
	return true;
}

bool
disclosure_fulfill(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, const struct disclosure_receipt *receipt,
    struct error *err)
{
	static const uint8_t nonce[COMMITMENT_NONCE_BYTES];
	DEFER(disclosure_clear) struct disclosure found = {0};
	struct disclosure_proposal proposal = {
	    .step = STEP_FULFILL, .id = id, .receipt = receipt, .commits = true};

	if (!disclosure_get(service->db, id, &found, err) || !receipt_fits(&found, receipt, err))
		return false;
	leaf_commit(proposal.commitment, nonce,
	    bytes_of(receipt->package_sha256, sizeof receipt->package_sha256));
	return submit(service, &proposal, caller, err);
}

bool
disclosure_sweep(const struct disclosure_service *service, size_t *out_count, struct error *err)
{
	char ids[64][HANDLE_TEXT_LEN + 1];
	const struct disclosure_caller nobody = {.actor = "system:disclosure"};
	size_t count;

	*out_count = 0;
	if (!disclosure_store_expired(
		service->db, clock_now_s(service->clock), COUNT(ids), ids, &count, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct error passed = {0};

		/* E_STATE_CONFLICT: somebody was there first. */
		if (disclosure_step(
			service, ids[i], &nobody, STEP_EXPIRE, (struct bytes){0}, &passed))
			++*out_count;
	}
	return true;
}
