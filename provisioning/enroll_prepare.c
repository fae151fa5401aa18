/* From a request to a proposal: all that needs no lock, and no look at other requests. */
#include "provisioning/enroll_prepare.h"

#include <assert.h>

#include "base/text.h"
#include "ca/certificate_store.h"
#include "provisioning/hardware_tags.h"
#include "provisioning/token.h"

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
	out->names_stations = out_facts->names_stations;
	out->has_manifest = out_facts->manifest;
	memcpy(out->batch_handle, out_facts->handle, sizeof out->batch_handle);
	return true;
}

/* ---- whose key, and what for ---- */

static bool
read_csr(const struct enroll_request *request, struct enroll_proposal *out, struct csr **out_csr,
    struct error *err)
{
	if (!csr_parse_any(request->csr, request->binding, out_csr, err))
		return false;
	memcpy(out->input.spki_sha256, csr_spki_sha256(*out_csr), SHA256_BYTES);
	return true;
}

static bool
find_profile(const struct enroll_request *request, const struct batch_facts *facts,
    const struct csr *csr, const struct profile **out, struct error *err)
{
	const struct profile *profile = profile_find(facts->profile);

	if (facts->mode == BATCH_UNLINKABLE && request->shown)
		return error_set_field(err, E_PROFILE_DENIED, "/batch",
		    "it is unlinkable: this port shows who asks, use the TLS 1.3 port");
	if (profile == NULL || !profile->for_devices ||
	    profile->birth != (facts->mode == BATCH_UNLINKABLE))
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

/* ---- what is to be signed ---- */

static bool
draw(const struct enroll_service *service, const struct profile *profile, const struct csr *csr,
    struct enroll_proposal *out, struct error *err)
{
	char uuid[UUID_TEXT_LEN + 1];
	const struct issuer *issuer;

	assert(profile != NULL); /* nothing was refused */
	issuer = issuers_for_device(service->issuers, profile);
	if (issuer == NULL)
		return error_set(err, E_NOT_OFFERED, "there is no Birth CA");
	rng_fill(service->rng, out->pseudonym, sizeof out->pseudonym);
	uuid_stamp(out->pseudonym);
	uuid_encode(uuid, out->pseudonym);
	out->input.profile = profile->name;
	return issue_prepare(
	    &(struct issue_request){
		.profile = profile,
		.issuer = issuer,
		.spki = csr_spki(csr),
		.common_name = uuid,
		.uuid = uuid,
		.now_s = clock_now_s(service->clock),
	    },
	    service->rng, &out->issued, err);
}

/* ---- one request up to its tags, then all tags, then each to its end ---- */

struct preparation {
	struct enroll_proposal *proposal;
	struct csr *csr;
	const struct profile *profile;
	struct hardware hardware;
	bool escrow;
	struct buf record; /* that a blind station has sealed; empty: the service seals */
	uint32_t seat_set; /* ... to this set */
	char model[BATCH_MODEL_MAX + 1]; /* with escrow */
};

static void
preparation_clear(struct preparation *preparation)
{
	csr_free(preparation->csr);
	buf_clear_public(&preparation->record);
	hardware_clear(&preparation->hardware);
}

static bool
get_seats(const struct enroll_service *service, struct seat_set *out, struct error *err)
{
	if (service->seats != NULL && service->shred != NULL && seats_get(service->seats, out))
		return true;
	err->retry_after_s = 5;
	return error_set(
	    err, E_RECORD_UNAVAILABLE, "no seat set is in force: nothing can be sealed");
}

static bool
read_sealed(const struct enroll_request *request, struct buf *out, struct escrow_view *out_view,
    struct error *err)
{
	struct error why = {0};

	if (request->sealed.len == 0)
		return error_set_field(err, E_INCOMPLETE, "/sealed",
		    "this batch keeps identities in escrow: seal this one to the seats of "
		    "/v1/seat-sets");
	if (!base64_decode(request->sealed, out))
		return error_set_field(err, E_SEALED_INVALID, "/sealed", "not base64");
	return escrow_parse(buf_bytes(out), out_view, &why) ||
	       error_set_field(err, E_SEALED_INVALID, "/sealed", "%s", why.detail);
}

/* What is in it the officers' audits find out. */
static bool
take_sealed(const struct enroll_service *service, const struct enroll_request *request,
    struct preparation *out, struct error *err)
{
	struct decide_input *input = &out->proposal->input;
	struct escrow_view view;
	struct seat_set set;

	if (!read_sealed(request, &out->record, &view, err) || !get_seats(service, &set, err))
		return false;
	if (!escrow_fits(&view, &set, err)) {
		err->retry_after_s = err->code == E_SEAT_SET_CHANGED ? 1 : 0;
		return false;
	}
	input->brings_record = true;
	memcpy(input->record.id, view.id.data, sizeof input->record.id);
	out->seat_set = view.seat_set;
	out->escrow = true;
	return true;
}

/* A token that is bound to hardware stands for its tags, but tags cannot be disclosed. */
static bool
find_escrow(const struct enroll_service *service, const struct enroll_request *request,
    const struct batch_facts *facts, struct preparation *out, struct error *err)
{
	if (facts->escrow && facts->blind)
		return take_sealed(service, request, out, err);
	if (request->sealed.len > 0)
		return error_set_field(err, E_SEALED_INVALID, "/sealed",
		    facts->escrow ? "this batch takes hardware_ids, and the service seals them"
				  : "this batch keeps no identities: leave it out");
	if (!facts->escrow)
		return true;
	if (facts->hardware_ids_required && request->hardware_id_count == 0)
		return error_set_field(err, E_HARDWARE_ID_MISSING, "/hardware_ids",
		    "this batch keeps them in escrow: send them, also with a bound token");
	out->escrow = true;
	memcpy(out->model, facts->model, sizeof out->model);
	return true;
}

/* ---- tags that a station made blind ---- */

static bool
may_bring_tags(
    const struct enroll_request *request, const struct batch_facts *facts, struct error *err)
{
	if (request->hardware_id_count > 0 && facts->blind)
		return error_set_field(err, E_HARDWARE_ID_INVALID, "/hardware_ids",
		    "this batch takes hardware_tags: the service shall not see hardware ids");
	if (request->hardware_tags.count == 0)
		return true;
	if (request->hardware_id_count > 0 || (facts->escrow && !facts->blind))
		return error_set_field(err, E_HARDWARE_ID_INVALID, "/hardware_tags",
		    facts->escrow ? "this batch keeps hardware ids in escrow: send those"
				  : "send hardware_ids or hardware_tags");
	/* A token's holder has no evaluation, so its tags would be of its own making. */
	return request->station_person != 0 || error_set_field(err, E_ROLE_DENIED, "/hardware_tags",
						   "they need a station's certificate");
}

static bool
tags_are_distinct(const struct enroll_hardware_tags *given, struct error *err)
{
	for (size_t i = 0; i < given->count; i++)
		for (size_t k = 0; k < i; k++)
			if (memcmp(given->tags[i], given->tags[k], TAG_BYTES) == 0)
				return error_set_field(err, E_HARDWARE_ID_INVALID, "/hardware_tags",
				    "one hardware id is given twice");
	return true;
}

/* The keeper looks whether they are points, and moves those of a key that is being replaced. */
static bool
take_given_tags(const struct enroll_service *service, const struct enroll_request *request,
    struct enroll_proposal *out, struct error *err)
{
	const struct enroll_hardware_tags *given = &request->hardware_tags;

	if (given->count == 0)
		return true;
	if (!tags_are_distinct(given, err) || !hardware_tags_take(service->keeper, given->kid,
						  given->tags, given->count, out->input.tags, err))
		return false;
	out->input.tag_count = given->count;
	return true;
}

static bool
describe(const struct enroll_service *service, const struct enroll_request *request,
    struct preparation *out, struct error *err)
{
	struct batch_facts facts;

	return find_batch(service, request, out->proposal, &facts, err) &&
	       read_csr(request, out->proposal, &out->csr, err) &&
	       find_profile(request, &facts, out->csr, &out->profile, err) &&
	       may_bring_tags(request, &facts, err) &&
	       find_escrow(service, request, &facts, out, err) &&
	       parse_hardware(request, &out->hardware, err) &&
	       take_given_tags(service, request, out->proposal, err);
}

/* A proposal with an error in `refused` goes no further. */
static void
begin(const struct enroll_service *service, const struct enroll_request *request,
    struct preparation *out, struct error *err)
{
	struct enroll_proposal *proposal = out->proposal;

	proposal->base.kind = service->kind;
	proposal->input.replace = request->replace;
	proposal->input.profile = "";
	if (find_credential(service, request, proposal, err))
		(void)!describe(service, request, out, &proposal->refused);
}

static bool
goes_on(const struct preparation *preparation, const struct error *err)
{
	return err->code == E_NONE && preparation->proposal->refused.code == E_NONE;
}

static void
set_tags(struct preparation *preparation, const struct tag_set *tags, const struct tag_kids *kids)
{
	struct decide_input *input = &preparation->proposal->input;

	input->tag_count = preparation->hardware.count;
	hardware_tags_set(input->tags, tags, kids, input->tag_count);
}

/* One message to the keeper for all. */
static void
tag_all(
    const struct enroll_service *service, struct preparation *all, struct error *errs, size_t count)
{
	struct bytes messages[ENROLL_PREPARE_MAX * HWID_COUNT_MAX];
	struct tag_set tags[ENROLL_PREPARE_MAX * HWID_COUNT_MAX];
	struct tag_kids kids;
	struct error err = {0};
	size_t message_count = 0, next = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; goes_on(&all[i], &errs[i]) && k < all[i].hardware.count; k++)
			messages[message_count++] = all[i].hardware.messages[k];
	if (message_count > 0)
		(void)!keeper_tags(service->keeper, messages, message_count, tags, &kids, &err);
	for (size_t i = 0; i < count; i++) {
		if (!goes_on(&all[i], &errs[i]) || all[i].hardware.count == 0)
			continue;
		if (err.code != E_NONE)
			all[i].proposal->refused = err;
		else
			set_tags(&all[i], tags + next, &kids);
		next += all[i].hardware.count;
	}
}

/*
 * A refusal that must be on record travels to the ledger in place of what it refuses; any other
 * failure ends the request here.
 */
static void
end(const struct enroll_service *service, struct preparation *preparation, struct error *err)
{
	struct enroll_proposal *proposal = preparation->proposal;
	struct error *refused = &proposal->refused;

	if (err->code != E_NONE)
		return;
	if (refused->code == E_NONE)
		(void)!draw(service, preparation->profile, preparation->csr, proposal, refused);
	if (refused->code == E_NONE)
		return;
	if (error_info(refused->code)->audit)
		proposal->input.refused = refused;
	else
		*err = *refused;
}

/* ---- escrow: what the officers may be asked for one day ---- */

static bool
seal(const struct enroll_service *service, const struct preparation *preparation, struct error *err)
{
	struct enroll_proposal *proposal = preparation->proposal;
	struct escrow_identity identity = {.hardware_id_count = preparation->hardware.count,
	    .model = bytes_of_text(preparation->model),
	    .now_s = clock_now_s(service->clock)};
	struct seat_set set;

	if (preparation->record.len > 0) {
		escrow_keep_brought(buf_bytes(&preparation->record), preparation->seat_set,
		    service->rng, &proposal->sealed);
		return true;
	}
	if (!get_seats(service, &set, err))
		return false;
	if (proposal->station_handle != NULL)
		identity.station = bytes_of_text(proposal->station_handle);
	memcpy(identity.hardware_ids, preparation->hardware.messages, sizeof identity.hardware_ids);
	return escrow_keep(&identity, &set, service->rng, &proposal->sealed, err);
}

/* Their wraps' keys are one commit, before the ledger's. */
static void
seal_all(
    const struct enroll_service *service, struct preparation *all, struct error *errs, size_t count)
{
	struct escrow_sealed *sealed[ENROLL_PREPARE_MAX];
	size_t from[ENROLL_PREPARE_MAX];
	struct error err = {0};
	size_t sealed_count = 0;

	for (size_t i = 0; i < count; i++) {
		if (!all[i].escrow || !goes_on(&all[i], &errs[i]) ||
		    !seal(service, &all[i], &errs[i]))
			continue;
		from[sealed_count] = i;
		sealed[sealed_count++] = all[i].proposal->sealed;
	}
	if (sealed_count == 0 || shred_keep(service->shred, sealed, sealed_count, &err))
		return;
	for (size_t i = 0; i < sealed_count; i++)
		errs[from[i]] = err;
}

void
enroll_prepare(const struct enroll_service *service, const struct enroll_request *requests,
    struct enroll_proposal *outs, struct error *errs, size_t count)
{
	struct preparation all[ENROLL_PREPARE_MAX] = {0};

	assert(count <= COUNT(all));
	for (size_t i = 0; i < count; i++) {
		all[i].proposal = &outs[i];
		begin(service, &requests[i], &all[i], &errs[i]);
	}
	tag_all(service, all, errs, count);
	for (size_t i = 0; i < count; i++)
		end(service, &all[i], &errs[i]);
	seal_all(service, all, errs, count);
	for (size_t i = 0; i < count; i++)
		preparation_clear(&all[i]);
}
