#include "provisioning/enroll.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/work.h"
#include "ca/certificate_store.h"
#include "provisioning/enroll_kind.h"
#include "provisioning/renew.h"
#include "provisioning/token.h"

#define DER_SEQUENCE 0x30 /* no PEM and no base64 of a CSR begins with it */
#define RECALL_WAIT_MS 5000
#define RECALL_POLL_MS 20

void
enrolled_clear(struct enrolled *enrolled)
{
	buf_clear_public(&enrolled->certificate);
}

/* ---- who asks ---- */

/* A forged token costs no database access and leaves no record of its own: the edge counts it. */
static bool
find_credential(const struct enroll_service *service, const struct enroll_request *request,
    struct enroll_proposal *out, struct error *err)
{
	struct token token;

	if (request->token == NULL) {
		if (request->station_person == 0)
			return error_set(
			    err, E_CALLER_MISSING, "a station's certificate or a token is needed");
		out->input.person = request->station_person;
		out->station_handle = request->station_handle;
		return true;
	}
	if (!token_open(service->keeper, request->token, &token, err))
		return false;
	out->input.has_token = true;
	out->input.token = token.id;
	out->input.token_expires_at_s = token.expires_at_s;
	memcpy(out->input.token_random_sha256, token.random_sha256, SHA256_BYTES);
	out->input.batch = token.batch; /* unless the request names another: see find_batch */
	return true;
}

/* ---- into what batch ---- */

static bool
find_batch(const struct enroll_service *service, const struct enroll_request *request,
    struct enroll_proposal *out, struct batch_facts *out_facts, struct error *err)
{
	int64_t of_token = out->input.batch;

	out->input.batch = 0;
	if (request->batch == NULL && !out->input.has_token)
		return error_set_field(
		    err, E_INCOMPLETE, "/batch", "name the batch, or send a token");
	if (!batch_cache_get(service->batches, request->batch, of_token, out_facts, err))
		return false;
	out->input.batch = out_facts->id;
	memcpy(out->batch_handle, out_facts->handle, sizeof out->batch_handle);
	return true;
}

/* ---- whose key, and what for ---- */

static bool
read_csr(struct bytes text, struct enroll_proposal *out, struct csr **out_csr, struct error *err)
{
	bool is_der = text.len > 0 && text.data[0] == DER_SEQUENCE;

	if (!(is_der ? csr_parse(text, out_csr, err) : csr_parse_text(text, out_csr, err)))
		return false;
	memcpy(out->input.spki_sha256, csr_spki_sha256(*out_csr), SHA256_BYTES);
	return true;
}

static bool
find_profile(const struct enroll_request *request, const struct batch_facts *facts,
    const struct csr *csr, const struct profile **out, struct error *err)
{
	const struct profile *profile = profile_find(facts->profile);

	if (profile == NULL || !profile->for_devices || facts->mode != BATCH_PSEUDONYMOUS)
		return error_set_field(
		    err, E_PROFILE_DENIED, "/batch", "the batch's profile is not offered here");
	if (request->profile != NULL && strcmp(request->profile, facts->profile) != 0)
		return error_set_field(err, E_PROFILE_DENIED, "/profile",
		    "it is not the batch's profile: leave it out");
	if (!profile_check_key(profile, csr, err))
		return false;
	*out = profile;
	return true;
}

/* ---- which hardware: ids become tags, and are wiped ---- */

struct hardware {
	struct hwid ids[HWID_COUNT_MAX];
	struct bytes messages[HWID_COUNT_MAX];
	size_t count;
};

static void
hardware_clear(struct hardware *hardware)
{
	for (size_t i = 0; i < HWID_COUNT_MAX; i++)
		hwid_clear(&hardware->ids[i]);
}
DEFER_DECLARE_CLEAR(struct hardware, hardware_clear)

static bool
parse_hardware(const struct enroll_request *request, struct hardware *out, struct error *err)
{
	assert(request->hardware_id_count <= HWID_COUNT_MAX);
	for (; out->count < request->hardware_id_count; out->count++) {
		const struct enroll_hardware_id *given = &request->hardware_ids[out->count];
		struct hwid *id = &out->ids[out->count];

		if (!hwid_parse(given->type, given->value, id, err))
			return false;
		out->messages[out->count] = bytes_of(id->message, id->len);
		for (size_t k = 0; k < out->count; k++)
			if (bytes_equal(out->messages[k], out->messages[out->count]))
				return error_set_field(err, E_HARDWARE_ID_INVALID, "/hardware_ids",
				    "one hardware id is given twice");
	}
	return true;
}

static bool
tag_hardware(const struct enroll_service *service, const struct enroll_request *request,
    struct enroll_proposal *out, struct error *err)
{
	DEFER(hardware_clear) struct hardware hardware = {0};
	uint8_t tags[HWID_COUNT_MAX][TAG_BYTES];
	uint8_t kid;

	if (request->hardware_id_count == 0)
		return true;
	if (!parse_hardware(request, &hardware, err) ||
	    !keeper_tags(service->keeper, hardware.messages, hardware.count, tags, &kid, err))
		return false;

	for (size_t i = 0; i < hardware.count; i++) {
		out->input.tags[i].kid = kid;
		memcpy(out->input.tags[i].tag, tags[i], TAG_BYTES);
	}
	out->input.tag_count = hardware.count;
	return true;
}

/* ---- what is to be signed ---- */

static bool
draw(const struct enroll_service *service, const struct profile *profile, const struct csr *csr,
    struct enroll_proposal *out, struct error *err)
{
	char uuid[UUID_TEXT_LEN + 1];

	rng_fill(service->rng, out->pseudonym, sizeof out->pseudonym);
	uuid_stamp(out->pseudonym);
	uuid_encode(uuid, out->pseudonym);
	out->input.profile = profile->name;
	return issue_prepare(
	    &(struct issue_request){
		.profile = profile,
		.issuer = issuers_active(service->issuers, ISSUER_DEVICE_CA),
		.spki = csr_spki(csr),
		.common_name = uuid,
		.uuid = uuid,
		.now_s = clock_now_s(service->clock),
	    },
	    service->rng, &out->issued, err);
}

static bool
describe(const struct enroll_service *service, const struct enroll_request *request,
    struct enroll_proposal *out, struct error *err)
{
	DEFER(csr_free) struct csr *csr = NULL;
	const struct profile *profile;
	struct batch_facts facts;

	return find_batch(service, request, out, &facts, err) &&
	       read_csr(request->csr, out, &csr, err) &&
	       find_profile(request, &facts, csr, &profile, err) &&
	       tag_hardware(service, request, out, err) && draw(service, profile, csr, out, err);
}

/* ---- propose ---- */

/*
 * A refusal that must be on record travels to the ledger in place of what it refuses; any other
 * failure ends the request here.
 */
static bool
prepare(const struct enroll_service *service, const struct enroll_request *request,
    struct enroll_proposal *out, struct error *err)
{
	out->base.kind = service->kind;
	out->input.replace = request->replace;
	out->input.profile = "";
	if (!find_credential(service, request, out, err))
		return false;
	if (describe(service, request, out, &out->refused))
		return true;
	if (!error_info(out->refused.code)->audit) {
		*err = out->refused;
		return false;
	}
	out->input.refused = &out->refused;
	return true;
}

/* ---- encode ---- */

static bool
encode_issued(const struct enroll_proposal *proposal, struct enrolled *out, struct error *err)
{
	const struct issued *issued = &proposal->issued;
	const struct record *record = &proposal->records[0];

	if (record->signature_len == 0) {
		err->retry_after_s = 1;
		return error_set(err, E_KEEPER_UNAVAILABLE, "recorded, but not signed yet");
	}
	out->created = true;
	uuid_encode(out->pseudonym, proposal->pseudonym);
	memcpy(out->serial, issued->serial, SERIAL_BYTES);
	issue_certificate(
	    issued, bytes_of(record->signature, record->signature_len), &out->certificate);
	out->issuer = issued->issuer;
	out->not_before_s = issued->not_before_s;
	out->not_after_s = issued->not_after_s;
	out->renew_after_s = renew_after_s(issued->not_before_s, issued->not_after_s);
	return true;
}

static bool
encode_recorded(const struct enroll_service *service, const uint8_t issuer[static ISSUER_ID_BYTES],
    struct buf *der, struct enrolled *out, struct error *err)
{
	struct certificate certificate;
	struct bytes name;

	if (!certificate_parse(buf_bytes(der), &certificate, err))
		return false;
	out->issuer = issuers_find(service->issuers, issuer);
	if (out->issuer == NULL || !certificate_common_name(&certificate, &name) ||
	    name.len != UUID_TEXT_LEN || certificate.serial.len != SERIAL_BYTES)
		return error_set(err, E_INTERNAL, "the recorded certificate is no device's");

	out->created = false;
	memcpy(out->pseudonym, name.data, UUID_TEXT_LEN);
	out->pseudonym[UUID_TEXT_LEN] = '\0';
	memcpy(out->serial, certificate.serial.data, SERIAL_BYTES);
	out->not_before_s = certificate.not_before_s;
	out->not_after_s = certificate.not_after_s;
	out->renew_after_s = renew_after_s(out->not_before_s, out->not_after_s);
	out->certificate = *der;
	*der = (struct buf){0};
	return true;
}

static const struct timespec RECALL_PAUSE = {.tv_nsec = RECALL_POLL_MS * 1000000L};

/* Reads the certificate that a retry is about; its signature may still be on its way. */
static bool
recall(const struct enroll_service *service, const struct enroll_proposal *proposal,
    int64_t deadline_ms, struct enrolled *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	uint8_t issuer[ISSUER_ID_BYTES];

	for (;;) {
		if (!certificate_find_der(
			service->db, proposal->replayed_serial, &der, issuer, err))
			return false;
		if (der.len > 0)
			return encode_recorded(service, issuer, &der, out, err);
		if (clock_monotonic_ms() >= deadline_ms) {
			err->retry_after_s = 1;
			return error_set(err, E_KEEPER_UNAVAILABLE, "recorded, but not signed yet");
		}
		(void)nanosleep(&RECALL_PAUSE, NULL);
	}
}

static bool
encode(const struct enroll_service *service, const struct enroll_proposal *proposal,
    int64_t deadline_ms, struct enrolled *out, struct error *err)
{
	if (proposal->base.err.code != E_NONE) {
		*err = proposal->base.err;
		err->recorded = proposal->base.record_count > 0;
		return false;
	}
	if (proposal->output.decision == DECIDE_REPLAY)
		return recall(service, proposal, deadline_ms, out, err);
	return encode_issued(proposal, out, err);
}

/* ---- one, and many ---- */

bool
enroll(const struct enroll_service *service, const struct enroll_request *request,
    struct enrolled *out, struct error *err)
{
	DEFER(enroll_proposal_clear) struct enroll_proposal proposal = {0};
	struct proposal *const proposals[] = {&proposal.base};

	return prepare(service, request, &proposal, err) &&
	       ledger_submit(service->ledger, proposals, COUNT(proposals), err) &&
	       encode(service, &proposal, clock_monotonic_ms() + RECALL_WAIT_MS, out, err);
}

struct many {
	const struct enroll_service *service;
	const struct enroll_request *requests;
	struct enroll_proposal *proposals; /* [i] belongs to requests[i], outs[i] and errs[i] */
	size_t count;
	struct enrolled *outs;
	struct error *errs;
	int64_t deadline_ms; /* for all that wait for a signature */
};

static void
many_clear(struct many *many)
{
	for (size_t i = 0; i < many->count; i++)
		enroll_proposal_clear(&many->proposals[i]);
	free(many->proposals);
}
DEFER_DECLARE_CLEAR(struct many, many_clear)

static void
prepare_item(void *context, size_t i)
{
	const struct many *many = context;

	if (!prepare(many->service, &many->requests[i], &many->proposals[i], &many->errs[i]))
		assert(many->errs[i].code != E_NONE);
}

static void
encode_item(void *context, size_t i)
{
	const struct many *many = context;

	if (many->errs[i].code == E_NONE && !encode(many->service, &many->proposals[i],
						many->deadline_ms, &many->outs[i], &many->errs[i]))
		assert(many->errs[i].code != E_NONE);
}

static bool
submit_prepared(const struct many *many, struct error *err)
{
	DEFER(mem_free)
	struct proposal **prepared = xcalloc(many->count, sizeof(struct proposal *));
	size_t count = 0;

	for (size_t i = 0; i < many->count; i++)
		if (many->errs[i].code == E_NONE)
			prepared[count++] = &many->proposals[i].base;
	return count == 0 || ledger_submit(many->service->ledger, prepared, count, err);
}

bool
enroll_many(const struct enroll_service *service, struct work_pool *pool,
    const struct enroll_request *requests, size_t count, struct enrolled *outs, struct error *errs,
    struct error *err)
{
	DEFER(many_clear)
	struct many many = {.service = service, .requests = requests, .outs = outs, .errs = errs};

	if (count > ENROLL_MANY_MAX)
		return error_set(err, E_TOO_LARGE, "more than %d enrollments", ENROLL_MANY_MAX);
	if (count == 0)
		return true;
	many.proposals = xcalloc(count, sizeof *many.proposals);
	many.count = count;

	work_pool_run(pool, count, prepare_item, &many);
	if (!submit_prepared(&many, err))
		return false;
	many.deadline_ms = clock_monotonic_ms() + RECALL_WAIT_MS;
	work_pool_run(pool, count, encode_item, &many);
	return true;
}
