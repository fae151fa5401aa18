#include "provisioning/pseudonym.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "audit/note.h"
#include "base/mem.h"
#include "ca/certificate_store.h"
#include "provisioning/pseudonym_store.h"

#define SIGNATURE_WAIT_MS 5000 /* for the signature of a certificate that is on record */
#define SIGNATURE_LOOK_MS 20

/* Whatever certificate it showed: a handle here would say which devices asked when. */
#define ACTOR "device"

struct pseudonym_proposal {
	struct proposal base;
	struct error refused;  /* E_NONE, or why it is refused whatever the tables say */
	const uint8_t *serial; /* presented */
	int64_t device;        /* of a birth certificate; 0: a pseudonym's */
	struct keeper_linked linked;
	uint8_t pseudonym[UUID_BYTES];
	struct issued issued; /* when not refused */

	enum pseudonym_decision decision;
	size_t place;
	struct record record;
};

/* ---- rules ---- */

static size_t
free_place(const struct pseudonym_facts *facts)
{
	size_t place = 0;

	while (place < PSEUDONYM_QUOTA && facts->slot_taken[place])
		place++;
	return place;
}

/* Status counts before anything else. */
enum pseudonym_decision
pseudonym_judge(const struct pseudonym_facts *facts, size_t *out_place, struct error *err)
{
	bool possible;

	*out_place = free_place(facts);
	if (facts->blocked || facts->revoked || facts->device == DEVICE_REVOKED ||
	    facts->device == DEVICE_REPLACED)
		possible = error_set(err, E_DEVICE_BLOCKED, "revoked for ever");
	else if (facts->held || facts->device == DEVICE_HELD)
		possible = error_set(err, E_DEVICE_HELD, "on hold until an officer releases it");
	else if (facts->key_known)
		return PSEUDONYM_RECALL;
	else if (*out_place == PSEUDONYM_QUOTA)
		possible = error_set(err, E_PSEUDONYMS_EXHAUSTED,
		    "%d certificates of one epoch are all that a device gets", PSEUDONYM_QUOTA);
	else
		possible = true;
	return possible ? PSEUDONYM_ISSUE : PSEUDONYM_REFUSE;
}

/* ---- the ledger's kind ---- */

static struct pseudonym_proposal *
proposal_at(const struct ledger_batch *batch, size_t i)
{
	return (struct pseudonym_proposal *)batch->proposals[i];
}

static bool
is_refused(const struct pseudonym_proposal *proposal)
{
	return proposal->refused.code != E_NONE;
}

/* What is refused already is not looked up: its slots and block were never drawn. */
static bool
kind_lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free) struct pseudonym_asked *asked = xcalloc(batch->count, sizeof *asked);
	DEFER(mem_free) struct pseudonym_facts *found = xcalloc(batch->count, sizeof *found);
	struct pseudonym_facts *facts = xcalloc(batch->count, sizeof *facts);
	size_t count = 0, next = 0;

	(void)context;
	batch->snapshot = facts;
	for (size_t i = 0; i < batch->count; i++) {
		const struct pseudonym_proposal *proposal = proposal_at(batch, i);

		if (is_refused(proposal))
			continue;
		asked[count++] = (struct pseudonym_asked){.serial = proposal->serial,
		    .device = proposal->device,
		    .spki_sha256 = proposal->issued.spki_sha256,
		    .block = proposal->linked.block,
		    .month = (int16_t)time_month(proposal->issued.not_before_s),
		    .slots = (const uint8_t(*)[LINK_SLOT_BYTES])proposal->linked.slots};
	}
	if (count > 0 && !pseudonym_read(batch->tx, asked, count, found, err))
		return false;
	for (size_t i = 0; i < batch->count; i++)
		if (!is_refused(proposal_at(batch, i)))
			facts[i] = found[next++];
	return true;
}

/* What an earlier proposal of the batch will have written counts as if it stood there. */
static void
add_earlier(const struct ledger_batch *batch, size_t place, struct pseudonym_facts *facts)
{
	const struct pseudonym_proposal *mine = proposal_at(batch, place);

	for (size_t i = 0; i < place; i++) {
		const struct pseudonym_proposal *other = proposal_at(batch, i);

		if (other->decision != PSEUDONYM_ISSUE)
			continue;
		if (memcmp(other->issued.spki_sha256, mine->issued.spki_sha256, SHA256_BYTES) == 0)
			facts->key_known = true;
		for (size_t slot = 0; slot < PSEUDONYM_QUOTA; slot++)
			if (memcmp(other->linked.slots[other->place], mine->linked.slots[slot],
				LINK_SLOT_BYTES) == 0)
				facts->slot_taken[slot] = true;
	}
}

static void
make_record(struct pseudonym_proposal *proposal, int64_t now_s)
{
	char subject[LEAF_VALUE_MAX + 1] = "";

	proposal->record = (struct record){0};
	proposal->base.records = &proposal->record;
	proposal->base.record_count = proposal->decision == PSEUDONYM_RECALL ? 0 : 1;
	if (proposal->decision != PSEUDONYM_ISSUE) {
		note_leaf(&proposal->record.leaf, LEAF_ROTATE_REFUSED, ACTOR, subject,
		    &proposal->base.err, now_s);
		return;
	}
	(void)snprintf(subject, sizeof subject, "h:%s", proposal->issued.handle);
	note_leaf(&proposal->record.leaf, LEAF_ROTATE_OK, ACTOR, subject, NULL, now_s);
	issue_fill_record(&proposal->issued, &proposal->record);
}

static void
kind_decide(void *context, struct ledger_batch *batch)
{
	struct pseudonym_facts *facts = batch->snapshot;

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		struct pseudonym_proposal *proposal = proposal_at(batch, i);

		proposal->base.err = proposal->refused;
		proposal->base.changes_status = false;
		proposal->decision = PSEUDONYM_REFUSE;
		if (!is_refused(proposal)) {
			add_earlier(batch, i, &facts[i]);
			proposal->decision =
			    pseudonym_judge(&facts[i], &proposal->place, &proposal->base.err);
		}
		make_record(proposal, batch->now_s);
	}
}

static bool
kind_write(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	DEFER(mem_free) struct pseudonym_row *rows = xcalloc(batch->count, sizeof *rows);
	size_t count = 0;

	(void)context;
	*out_lost_race = false;
	for (size_t i = 0; i < batch->count; i++) {
		const struct pseudonym_proposal *proposal = proposal_at(batch, i);

		if (proposal->decision == PSEUDONYM_ISSUE)
			rows[count++] = (struct pseudonym_row){.issued = &proposal->issued,
			    .pseudonym = proposal->pseudonym,
			    .link = proposal->linked.link,
			    .slot = proposal->linked.slots[proposal->place],
			    .seq = proposal->record.seq};
	}
	return count == 0 || pseudonym_insert(batch->tx, batch->log, rows, count, err);
}

struct ledger_kind *
pseudonym_kind_new(void)
{
	struct ledger_kind *kind = xcalloc(1, sizeof *kind);

	*kind = (struct ledger_kind){
	    .name = "rotate",
	    .signs = true,
	    .apart = true,
	    .lock_and_read = kind_lock_and_read,
	    .decide = kind_decide,
	    .write = kind_write,
	    .snapshot_free = mem_free,
	};
	return kind;
}

void
pseudonym_kind_free(struct ledger_kind *kind)
{
	free(kind);
}

/* ---- what is asked for ---- */

static bool
choose_epoch(
    const struct pseudonym_request *request, int64_t now_s, uint32_t *out, struct error *err)
{
	const uint32_t present = epoch_at(now_s);
	const int64_t wait_s = epoch_start_s(present + 1) - EPOCH_AHEAD_S - now_s;

	*out = request->next_epoch ? present + 1 : present;
	if (!request->next_epoch || wait_s <= 0)
		return true;
	(void)error_set_field(err, E_NOT_DUE, "/epoch",
	    "the next epoch's are given in %lld seconds", (long long)wait_s);
	err->retry_after_s = (int)wait_s; /* a week at most */
	return false;
}

static bool
check_presented(const struct pseudonym_request *request, struct error *err)
{
	const bool birth = request->birth != NULL;
	const uint8_t *key = birth ? request->birth->spki_sha256 : request->pseudonym->spki_sha256;

	if (birth ? !request->birth->known : !request->pseudonym->known)
		return error_set(err, E_UNKNOWN_DEVICE, "the certificate is not on record");
	return memcmp(key, request->presented_spki_sha256, SHA256_BYTES) == 0 ||
	       error_set(err, E_CALLER_UNKNOWN, "another key is on record under this serial");
}

static bool
build(const struct pseudonym_service *service, const struct pseudonym_request *request,
    uint32_t epoch, struct pseudonym_proposal *out, struct error *err)
{
	const struct profile *profile = profile_find(PROFILE_PSEUDONYM);
	const struct issuer *issuer = issuers_active(service->issuers, ISSUER_PSEUDONYM_CA);
	DEFER(csr_free) struct csr *csr = NULL;
	struct issue_period period;
	char uuid[UUID_TEXT_LEN + 1];

	if (issuer == NULL)
		return error_set(err, E_NOT_OFFERED, "there is no Pseudonym CA");
	if (!csr_parse_any(request->csr, NULL, &csr, err) || !profile_check_key(profile, csr, err))
		return false;
	rng_fill(service->rng, out->pseudonym, sizeof out->pseudonym);
	uuid_stamp(out->pseudonym);
	uuid_encode(uuid, out->pseudonym);
	epoch_period(epoch, issuer->shard_count, &period);
	return issue_prepare(&(struct issue_request){.profile = profile,
				 .issuer = issuer,
				 .spki = csr_spki(csr),
				 .common_name = uuid,
				 .uuid = uuid,
				 .now_s = clock_now_s(service->clock),
				 .period = &period},
	    service->rng, &out->issued, err);
}

static bool
ask_keeper(const struct pseudonym_service *service, const struct pseudonym_request *request,
    uint32_t epoch, struct pseudonym_proposal *out, struct error *err)
{
	const bool birth = request->birth != NULL;

	return keeper_link(service->keeper,
	    &(struct keeper_link_request){.device = birth ? request->birth->device : 0,
		.link = birth ? NULL : request->pseudonym->link,
		.of_serial = request->serial,
		.serial = out->issued.serial,
		.first_epoch = epoch,
		.epoch_count = 1,
		.place_count = PSEUDONYM_QUOTA},
	    &out->linked, err);
}

static bool
prepare(const struct pseudonym_service *service, const struct pseudonym_request *request,
    struct pseudonym_proposal *out, uint32_t *out_epoch, struct error *err)
{
	return check_presented(request, err) &&
	       choose_epoch(request, clock_now_s(service->clock), out_epoch, err) &&
	       build(service, request, *out_epoch, out, err) &&
	       ask_keeper(service, request, *out_epoch, out, err);
}

/* ---- answers ---- */

static bool
answer_issued(const struct pseudonym_service *service, const struct pseudonym_proposal *proposal,
    uint32_t epoch, struct enrolled *out, struct error *err)
{
	const struct issued *issued = &proposal->issued;
	const struct record *record = &proposal->record;

	if (record->signature_len == 0)
		return error_set(err, E_INTERNAL, "the keeper will not sign this certificate");
	*out = (struct enrolled){.created = true,
	    .issuer = issued->issuer,
	    .not_before_s = issued->not_before_s,
	    .not_after_s = issued->not_after_s,
	    .renew_after_s = epoch_renew_after_s(epoch, service->rng)};
	uuid_encode(out->pseudonym, proposal->pseudonym);
	memcpy(out->serial, issued->serial, sizeof out->serial);
	issue_certificate(
	    issued, bytes_of(record->signature, record->signature_len), &out->certificate);
	return true;
}

/* The signature of what was just recorded is kept soon after: wait for it. */
static bool
await_der(struct db *db, const uint8_t serial[static SERIAL_BYTES], struct buf *out,
    uint8_t out_issuer[static ISSUER_ID_BYTES], struct error *err)
{
	const struct timespec pause = {.tv_nsec = SIGNATURE_LOOK_MS * 1000000L};
	const int64_t deadline_ms = clock_monotonic_ms() + SIGNATURE_WAIT_MS;

	while (clock_monotonic_ms() < deadline_ms) {
		if (!certificate_find_der(db, serial, out, out_issuer, err))
			return false;
		if (out->len > 0)
			return true;
		(void)nanosleep(&pause, NULL);
	}
	(void)error_set(err, E_KEEPER_UNAVAILABLE, "recorded, but not signed yet");
	err->retry_after_s = 2;
	return false;
}

static bool
answer_recorded(const struct pseudonym_service *service, const uint8_t *serial,
    struct enrolled *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	uint8_t issuer_id[ISSUER_ID_BYTES];
	struct certificate certificate;
	struct bytes name;

	if (!await_der(service->db, serial, &der, issuer_id, err) ||
	    !certificate_parse(buf_bytes(&der), &certificate, err))
		return false;
	*out = (struct enrolled){.issuer = issuers_find(service->issuers, issuer_id),
	    .not_before_s = certificate.not_before_s,
	    .not_after_s = certificate.not_after_s,
	    .renew_after_s = epoch_renew_after_s(
		epoch_at(certificate.not_after_s - EPOCH_OVERLAP_S - 1), service->rng)};
	if (out->issuer == NULL || !certificate_common_name(&certificate, &name) ||
	    name.len != UUID_TEXT_LEN)
		return error_set(err, E_INTERNAL, "the recorded certificate is no pseudonym's");
	memcpy(out->pseudonym, name.data, UUID_TEXT_LEN);
	memcpy(out->serial, serial, SERIAL_BYTES);
	out->certificate = der;
	der = (struct buf){0};
	return true;
}

/* The key stands on record: the same device asked before, or another one holds it. */
static bool
recall(const struct pseudonym_service *service, const struct pseudonym_proposal *proposal,
    struct enrolled *out, struct error *err)
{
	struct keeper_linked recorded;
	struct pseudonym_key key;
	bool same;

	if (!pseudonym_find_key(service->db, proposal->issued.spki_sha256, &key, err))
		return false;
	if (!key.known || key.of_device)
		return error_set_field(
		    err, E_KEY_REUSED, "/csr", "the key is on record: make a new one");
	if (!keeper_link(service->keeper,
		&(struct keeper_link_request){
		    .link = key.link, .of_serial = key.serial, .serial = key.serial},
		&recorded, err))
		return false;
	same = memcmp(recorded.block, proposal->linked.block, LINK_BLOCK_BYTES) == 0;
	return same ? answer_recorded(service, key.serial, out, err)
		    : error_set_field(
			  err, E_KEY_REUSED, "/csr", "the key is on record: make a new one");
}

/* ---- the service ---- */

static void
proposal_clear(struct pseudonym_proposal *proposal)
{
	issued_clear(&proposal->issued);
}
DEFER_DECLARE_CLEAR(struct pseudonym_proposal, proposal_clear)

static void
set_retry(struct error *err, uint32_t epoch, int64_t now_s)
{
	if (err->code == E_PSEUDONYMS_EXHAUSTED)
		err->retry_after_s = (int)(epoch_start_s(epoch + 1) - EPOCH_AHEAD_S - now_s > 0
					       ? epoch_start_s(epoch + 1) - EPOCH_AHEAD_S - now_s
					       : 1);
}

bool
pseudonym_issue(const struct pseudonym_service *service, const struct pseudonym_request *request,
    struct enrolled *out, struct error *err)
{
	DEFER(proposal_clear)
	struct pseudonym_proposal proposal = {.base.kind = service->kind,
	    .serial = request->serial,
	    .device = request->birth != NULL ? request->birth->device : 0};
	struct proposal *submitted = &proposal.base;
	uint32_t epoch = 0;

	if (!prepare(service, request, &proposal, &epoch, &proposal.refused) &&
	    !error_info(proposal.refused.code)->audit) {
		*err = proposal.refused; /* ours, not the device's: nothing to record */
		return false;
	}
	if (!ledger_submit(service->ledger, &submitted, 1, err))
		return false;
	if (proposal.base.err.code != E_NONE) {
		*err = proposal.base.err;
		set_retry(err, epoch, clock_now_s(service->clock));
		return false;
	}
	if (proposal.decision == PSEUDONYM_RECALL)
		return recall(service, &proposal, out, err);
	return answer_issued(service, &proposal, epoch, out, err);
}
