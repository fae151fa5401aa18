#include "provisioning/renew.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "audit/note.h"
#include "base/mem.h"
#include "ca/certificate_store.h"
#include "provisioning/renew_store.h"

#define SIGNATURE_WAIT_MS 5000 /* for the signature of a certificate that is on record */
#define SIGNATURE_LOOK_MS 20

struct renew_proposal {
	struct proposal base;
	struct error refused; /* E_NONE, or why it is refused whatever the tables say */
	uint8_t serial[SERIAL_BYTES];
	struct renew_presented presented;
	uint8_t spki_sha256[SHA256_BYTES]; /* asked for */
	bool same_key;
	const struct issued *issued; /* when not refused */
	char actor[LEAF_VALUE_MAX + 1];

	enum renew_decision decision;
	uint8_t replayed[SERIAL_BYTES];
	struct record record;
};

/* ---- rules ---- */

int64_t
renew_after_s(int64_t not_before_s, int64_t not_after_s)
{
	return not_before_s + (not_after_s - not_before_s) / 3 * 2;
}

static bool
refuse_early(const struct renew_facts *facts, int64_t now_s, struct error *err)
{
	int64_t wait_s = renew_after_s(facts->not_before_s, facts->not_after_s) - now_s;

	(void)error_set(err, E_NOT_DUE, "renewal is possible in %lld seconds", (long long)wait_s);
	err->retry_after_s = wait_s > INT_MAX ? INT_MAX : (int)wait_s;
	return false;
}

/*
 * Status counts before anything else, then what is on record: a device that repeats a renewal gets
 * its answer even when it is late.
 */
enum renew_decision
renew_judge(const struct renew_facts *facts, int64_t now_s, struct error *err)
{
	bool possible;

	if (facts->revoked || facts->device == DEVICE_REVOKED || facts->device == DEVICE_REPLACED)
		possible = error_set(err, E_DEVICE_BLOCKED, "revoked for ever");
	else if (facts->held || facts->device == DEVICE_HELD)
		possible = error_set(err, E_DEVICE_HELD, "on hold until an officer releases it");
	else if (facts->renewed_alike)
		return RENEW_REPLAY;
	else if (facts->renewed)
		possible = error_set_field(
		    err, E_KEY_REUSED, "/csr", "this certificate was renewed with another key");
	else if (facts->key_known && !facts->same_key)
		possible = error_set_field(err, E_KEY_REUSED, "/csr", "the key is on record");
	else if (now_s < renew_after_s(facts->not_before_s, facts->not_after_s))
		possible = refuse_early(facts, now_s, err);
	else if (now_s > facts->not_after_s + RENEW_GRACE_S)
		possible = error_set(err, E_CALLER_EXPIRED, "expired, and the grace is over");
	else
		possible = true;
	return possible ? RENEW_ISSUE : RENEW_REFUSE;
}

/* ---- the ledger's kind ---- */

static struct renew_proposal *
proposal_at(const struct ledger_batch *batch, size_t i)
{
	return (struct renew_proposal *)batch->proposals[i];
}

static bool
renew_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free) struct renew_asked *asked = xcalloc(batch->count, sizeof *asked);
	struct renew_found *found = xcalloc(batch->count, sizeof *found);

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		const struct renew_proposal *proposal = proposal_at(batch, i);

		asked[i].device = proposal->presented.device;
		asked[i].serial = proposal->serial;
		asked[i].spki_sha256 = proposal->spki_sha256;
	}
	batch->snapshot = found;
	return renew_read(batch->tx, asked, batch->count, found, err);
}

/* What an earlier proposal of the batch will have written counts as if it stood there. */
static void
add_earlier(const struct ledger_batch *batch, size_t place, struct renew_found *found)
{
	const struct renew_proposal *mine = proposal_at(batch, place);

	for (size_t i = 0; i < place; i++) {
		const struct renew_proposal *other = proposal_at(batch, i);

		if (other->decision != RENEW_ISSUE)
			continue;
		if (memcmp(other->spki_sha256, mine->spki_sha256, SHA256_BYTES) == 0)
			found->key_known = true;
		if (memcmp(other->serial, mine->serial, SERIAL_BYTES) == 0) {
			found->renewed = true;
			memcpy(found->new_serial, other->issued->serial, SERIAL_BYTES);
			memcpy(found->new_spki_sha256, other->spki_sha256, SHA256_BYTES);
		}
	}
}

static void
judge(const struct ledger_batch *batch, size_t place, struct renew_found *found)
{
	struct renew_proposal *mine = proposal_at(batch, place);
	struct renew_facts facts;

	add_earlier(batch, place, found);
	facts = (struct renew_facts){
	    .device = found->device,
	    .held = found->held,
	    .revoked = found->revoked,
	    .not_before_s = mine->presented.not_before_s,
	    .not_after_s = mine->presented.not_after_s,
	    .same_key = mine->same_key,
	    .key_known = found->key_known,
	    .renewed = found->renewed,
	    .renewed_alike = found->renewed &&
			     memcmp(found->new_spki_sha256, mine->spki_sha256, SHA256_BYTES) == 0,
	};
	mine->decision = renew_judge(&facts, batch->now_s, &mine->base.err);
	memcpy(mine->replayed, found->new_serial, sizeof mine->replayed);
}

static void
make_record(struct renew_proposal *proposal, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1] = "";

	proposal->record = (struct record){0};
	proposal->base.records = &proposal->record;
	proposal->base.record_count = proposal->decision == RENEW_REPLAY ? 0 : 1;
	if (proposal->decision == RENEW_ISSUE) {
		(void)snprintf(subject, sizeof subject, "h:%s/h:%s", proposal->issued->handle,
		    proposal->presented.handle);
		note_leaf(
		    &proposal->record.leaf, LEAF_RENEW_OK, proposal->actor, subject, NULL, now_s);
		issue_fill_record(proposal->issued, &proposal->record);
		return;
	}
	if (proposal->presented.known)
		(void)snprintf(subject, sizeof subject, "h:%s", proposal->presented.handle);
	note_leaf(&proposal->record.leaf, LEAF_RENEW_REFUSED, proposal->actor, subject,
	    &proposal->base.err, now_s);
}

static void
renew_decide(void *context, struct ledger_batch *batch)
{
	struct renew_found *found = batch->snapshot;

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct renew_proposal *proposal = proposal_at(batch, i);

		proposal->base.err = proposal->refused;
		proposal->base.changes_status = false;
		proposal->decision = RENEW_REFUSE;
		if (proposal->refused.code == E_NONE)
			judge(batch, i, &found[i]);
		/* A replay's own error stays empty; a refusal has the leaf. */
		make_record(proposal, batch->now_s);
	}
}

static size_t
collect_winners(const struct ledger_batch *batch, struct renew_row *out)
{
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct renew_proposal *proposal = proposal_at(batch, i);

		if (proposal->decision == RENEW_ISSUE)
			out[count++] = (struct renew_row){
			    .presented = &proposal->presented,
			    .serial = proposal->serial,
			    .issued = proposal->issued,
			    .seq = proposal->record.seq,
			    .same_key = proposal->same_key,
			};
	}
	return count;
}

static bool
renew_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	DEFER(mem_free) struct renew_row *rows = xcalloc(batch->count, sizeof *rows);
	const size_t count = collect_winners(batch, rows);

	(void)context;
	*out_lost_race = false;
	return count == 0 || renew_insert(batch->tx, batch->log, rows, count, err);
}

struct ledger_kind *
renew_kind_new(void)
{
	struct ledger_kind *kind = xcalloc(1, sizeof *kind);

	*kind = (struct ledger_kind){
	    .name = "renew",
	    .signs = true,
	    .lock_and_read = renew_lock_and_read,
	    .decide = renew_decide,
	    .write = renew_write,
	    .snapshot_free = mem_free,
	};
	return kind;
}

void
renew_kind_free(struct ledger_kind *kind)
{
	free(kind);
}

/* ---- the service ---- */

/* Everything that can be known before the ledger: key, profile, the certificate to be. */
static bool
prepare(const struct renew_service *service, const struct renew_request *request,
    struct renew_proposal *proposal, struct issued *out, struct error *err)
{
	DEFER(csr_free) struct csr *csr = NULL;
	const struct profile *profile = profile_find(proposal->presented.profile);
	const struct issuer *issuer =
	    profile != NULL ? issuers_for_device(service->issuers, profile) : NULL;
	char pseudonym[UUID_TEXT_LEN + 1];

	if (!proposal->presented.known)
		return error_set(err, E_UNKNOWN_DEVICE, "the certificate is not on record");
	if (memcmp(request->presented_spki_sha256, proposal->presented.spki_sha256, SHA256_BYTES) !=
	    0)
		return error_set(
		    err, E_CALLER_UNKNOWN, "another key is on record under this serial");
	if (issuer == NULL)
		return error_set(
		    err, E_PROFILE_DENIED, "the device's profile is no longer offered");
	if (!csr_parse_any(request->csr, request->binding, &csr, err) ||
	    !profile_check_key(profile, csr, err))
		return false;
	memcpy(proposal->spki_sha256, csr_spki_sha256(csr), SHA256_BYTES);
	proposal->same_key =
	    memcmp(proposal->spki_sha256, request->presented_spki_sha256, SHA256_BYTES) == 0;
	if (proposal->same_key && !profile->same_key_renewal)
		return error_set_field(
		    err, E_PROFILE_DENIED, "/csr", "the profile wants a new key at renewal");
	uuid_encode(pseudonym, proposal->presented.pseudonym);
	return issue_prepare(
	    &(struct issue_request){
		.profile = profile,
		.issuer = issuer,
		.spki = csr_spki(csr),
		.common_name = pseudonym,
		.uuid = pseudonym,
		.now_s = clock_now_s(service->clock),
	    },
	    service->rng, out, err);
}

static void
describe(const struct renew_proposal *proposal, const struct issuer *issuer, bool created,
    struct enrolled *out)
{
	*out = (struct enrolled){.created = created, .issuer = issuer};
	uuid_encode(out->pseudonym, proposal->presented.pseudonym);
}

static bool
answer_issued(const struct renew_proposal *proposal, struct enrolled *out, struct error *err)
{
	const struct issued *issued = proposal->issued;
	const struct record *record = &proposal->record;

	if (record->signature_len == 0)
		return error_set(err, E_INTERNAL, "the keeper will not sign this certificate");
	describe(proposal, issued->issuer, true, out);
	memcpy(out->serial, issued->serial, sizeof out->serial);
	out->not_before_s = issued->not_before_s;
	out->not_after_s = issued->not_after_s;
	out->renew_after_s = renew_after_s(issued->not_before_s, issued->not_after_s);
	issue_certificate(
	    issued, bytes_of(record->signature, record->signature_len), &out->certificate);
	return true;
}

/* The signature of what was just recorded is kept with the ledger's next batch: wait for it. */
static bool
await_der(struct db *db, const uint8_t serial[static SERIAL_BYTES], struct buf *out,
    uint8_t out_issuer[static ISSUER_ID_BYTES], struct error *err)
{
	const struct timespec pause = {.tv_nsec = SIGNATURE_LOOK_MS * 1000000L};
	int64_t deadline_ms = clock_monotonic_ms() + SIGNATURE_WAIT_MS;

	while (clock_monotonic_ms() < deadline_ms) {
		if (!certificate_find_der(db, serial, out, out_issuer, err))
			return false;
		if (out->len > 0)
			return true;
		nanosleep(&pause, NULL);
	}
	(void)error_set(err, E_KEEPER_UNAVAILABLE, "recorded, but not signed yet");
	err->retry_after_s = 2;
	return false;
}

static bool
answer_replay(const struct renew_service *service, const struct renew_proposal *proposal,
    struct enrolled *out, struct error *err)
{
	DEFER(buf_clear) struct buf der = {0};
	struct certificate certificate;
	uint8_t issuer_id[ISSUER_ID_BYTES];
	const struct issuer *issuer;

	if (!await_der(service->db, proposal->replayed, &der, issuer_id, err) ||
	    !certificate_parse(buf_bytes(&der), &certificate, err))
		return false;
	issuer = issuers_find(service->issuers, issuer_id);
	if (issuer == NULL)
		return error_set(err, E_INTERNAL, "a certificate of an issuer that is not loaded");
	describe(proposal, issuer, false, out);
	memcpy(out->serial, proposal->replayed, sizeof out->serial);
	out->not_before_s = certificate.not_before_s;
	out->not_after_s = certificate.not_after_s;
	out->renew_after_s = renew_after_s(certificate.not_before_s, certificate.not_after_s);
	out->certificate = der;
	der = (struct buf){0};
	return true;
}

bool
renew(const struct renew_service *service, const struct renew_request *request,
    struct enrolled *out, struct error *err)
{
	DEFER(issued_clear) struct issued issued = {0};
	struct renew_proposal proposal = {.base.kind = service->kind, .issued = &issued};
	struct proposal *submitted = &proposal.base;

	memcpy(proposal.serial, request->serial, sizeof proposal.serial);
	proposal.presented = *request->presented;
	(void)snprintf(proposal.actor, sizeof proposal.actor, "device%s%s",
	    proposal.presented.known ? ":" : "", proposal.presented.handle);
	if (!prepare(service, request, &proposal, &issued, &proposal.refused) &&
	    !error_info(proposal.refused.code)->audit) {
		*err = proposal.refused; /* ours, not the device's: nothing to record */
		return false;
	}
	if (!ledger_submit(service->ledger, &submitted, 1, err))
		return false;
	if (proposal.base.err.code != E_NONE) {
		*err = proposal.base.err;
		return false;
	}
	if (proposal.decision == RENEW_REPLAY)
		return answer_replay(service, &proposal, out, err);
	return answer_issued(&proposal, out, err);
}
