/* The package: sealed records with all that shows that they may be opened. */
#include <jansson.h>
#include <stdio.h>

#include "audit/proofs.h"
#include "base/json_in.h"
#include "base/mem.h"
#include "ca/certificate.h"
#include "provisioning/disclosure_store.h"
#include "provisioning/shred_store.h"

#define PUBLISH_WAIT_MS 5000 /* for the checkpoint that counts its leaves: 100 ms as a rule */

struct package {
	const struct disclosure_service *service;
	const struct disclosure *disclosure;
	json_t *json;
};

static json_t *
base64(struct bytes octets)
{
	DEFER(buf_clear_public) struct buf text = {0};

	base64_encode(&text, octets);
	return json_stringn((const char *)text.data, text.len);
}

static json_t *
plain(struct bytes text)
{
	return json_stringn((const char *)text.data, text.len);
}

/* The proof of one leaf at a checkpoint that is published: of this node's log once it counts it. */
static bool
add_proof(const struct package *package, json_t *object, const char *origin, int64_t seq,
    struct error *err)
{
	struct audit *audit = package->service->audit;
	DEFER(proofs_free) struct proofs *proofs = NULL;
	DEFER(buf_clear_public) struct buf text = {0};
	const bool own = strcmp(origin, audit_origin(audit)) == 0;

	if ((own ? audit_proofs_with(audit, (uint64_t)seq, PUBLISH_WAIT_MS, &proofs, err)
		 : audit_proofs(audit, origin, &proofs, err)) &&
	    proofs_leaf(proofs, (uint64_t)seq, &text, err)) {
		(void)json_object_set_new(object, "proof", plain(buf_bytes(&text)));
		return true;
	}
	*err = (struct error){.retry_after_s = 2};
	return error_set(err, E_RECORD_UNAVAILABLE,
	    "the log does not prove leaf %lld now, and nothing is disclosed without",
	    (long long)seq);
}

static bool
add_proof_of(const struct package *package, json_t *object, int log, int64_t seq, struct error *err)
{
	char origin[129];

	return disclosure_store_origin(package->service->db, log, origin, sizeof origin, err) &&
	       add_proof(package, object, origin, seq, err);
}

static bool
add_request(const struct package *package, struct error *err)
{
	const struct disclosure *disclosure = package->disclosure;
	json_t *request = json_pack("{s:o, s:o}", "text", plain(buf_bytes(&disclosure->body)),
	    "nonce", base64(bytes_of(disclosure->nonce, sizeof disclosure->nonce)));

	(void)json_object_set_new(package->json, "request", request);
	return add_proof_of(package, request, disclosure->log, disclosure->seq, err);
}

static bool
add_approval(const struct package *package, const struct disclosure_approval *approval,
    json_t *list, struct error *err)
{
	json_t *object =
	    json_pack("{s:s, s:s, s:o, s:o, s:o}", "role", seat_role_name(approval->role), "person",
		approval->handle, "signature", base64(buf_bytes(&approval->signature)),
		"certificate", base64(buf_bytes(&approval->certificate)), "nonce",
		base64(bytes_of(approval->nonce, sizeof approval->nonce)));

	(void)json_array_append_new(list, object);
	return add_proof_of(package, object, approval->log, approval->seq, err);
}

/* The authorities that certified the signers: they hang under the Operations Root. */
static void
add_chain(const struct package *package)
{
	const struct issuers *issuers = package->service->issuers;
	json_t *chain = json_array();

	for (size_t i = 0; i < issuers_count(issuers); i++)
		if (issuers_at(issuers, i)->kind == ISSUER_OPERATORS_CA)
			(void)json_array_append_new(
			    chain, base64(buf_bytes(&issuers_at(issuers, i)->der)));
	(void)json_object_set_new(package->json, "chain", chain);
}

/* ---- records ---- */

static bool
add_shares(const struct package *package, const struct disclosure_record *record, json_t *object,
    struct error *err)
{
	DEFER(mem_free)
	struct disclosure_share *shares = xcalloc(DISCLOSURE_SHARES_MAX, sizeof *shares);
	json_t *list = json_array();
	size_t count;

	(void)json_object_set_new(object, "shares", list);
	if (!disclosure_store_shares(package->service->db, record, shares, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list,
		    json_pack("{s:i, s:i, s:o, s:o}", "role", shares[i].role, "seat",
			shares[i].seat, "key",
			base64(bytes_of(shares[i].public_key, sizeof shares[i].public_key)),
			"sealed", base64(bytes_of(shares[i].sealed, sizeof shares[i].sealed))));
	return true;
}

/* What is in the wrap, and what its leaf's `e` was made with. *out_there false: it says why not. */
static bool
add_unwrapped(const struct package *package, const struct disclosure_record *record, json_t *object,
    bool *out_there, struct error *err)
{
	DEFER(buf_clear_public) struct buf sealed = {0};
	uint8_t key[SHRED_KEY_BYTES];
	struct error damage = {0};

	if (!shred_store_find(
		shred_db(package->service->shred), record->shred_id, key, out_there, err))
		return false;
	*out_there = *out_there && !record->erased;
	if (!*out_there) {
		(void)json_object_set_new(object, "missing", json_string("ERASED"));
		return true;
	}
	*out_there = escrow_unwrap(buf_bytes(&record->wrapped), key, &sealed, &damage);
	if (!*out_there) {
		(void)json_object_set_new(object, "missing", json_string("DAMAGED"));
		return true;
	}
	(void)json_object_set_new(object, "record", base64(buf_bytes(&sealed)));
	(void)json_object_set_new(
	    object, "nonce", base64(bytes_of(record->nonce, sizeof record->nonce)));
	return add_shares(package, record, object, err);
}

static bool
add_sealed(const struct package *package, const struct disclosure_record *record, json_t *object,
    struct error *err)
{
	bool there;

	if (!add_unwrapped(package, record, object, &there, err))
		return false;
	if (!there)
		return true;
	(void)json_object_set_new(object, "tbs", base64(buf_bytes(&record->tbs)));
	(void)json_object_set_new(
	    object, "tbs_nonce", base64(bytes_of(record->tbs_nonce, sizeof record->tbs_nonce)));
	return add_proof(package, object, record->origin, record->seq, err);
}

static bool
add_record(const struct package *package, const uint8_t pseudonym[static UUID_BYTES], json_t *list,
    struct error *err)
{
	DEFER(disclosure_record_clear) struct disclosure_record record = {0};
	char text[UUID_TEXT_LEN + 1];
	json_t *object;

	uuid_encode(text, pseudonym);
	object = json_pack("{s:s}", "pseudonym", text);
	(void)json_array_append_new(list, object);
	if (!disclosure_store_record(package->service->db, pseudonym, &record, err))
		return false;
	if (record.found)
		return add_sealed(package, &record, object, err);
	(void)json_object_set_new(object, "missing", json_string("NO_ESCROW"));
	return true;
}

/* ---- what an escrow audit draws ---- */

/* The set that the record was sealed to: an opener has to know whether its seats are in it. */
static bool
add_seat_set(const struct package *package, const json_t *object, json_t *sets, struct error *err)
{
	DEFER(buf_clear_public) struct buf sealed = {0};
	DEFER(buf_clear_public) struct buf body = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	const json_t *record = json_object_get(object, "record");
	struct escrow_view view;
	struct error unread = {0};
	char number[16];
	bool found;

	if (!json_is_string(record) ||
	    !base64_decode(bytes_of_text(json_string_value(record)), &sealed) ||
	    !escrow_parse(buf_bytes(&sealed), &view, &unread))
		return true; /* the opener finds that, too */
	(void)snprintf(number, sizeof number, "%u", (unsigned)view.seat_set);
	if (json_object_get(sets, number) != NULL)
		return true;
	if (!disclosure_store_seat_set(
		package->service->db, view.seat_set, &body, &signature, &found, err))
		return false;
	if (found)
		(void)json_object_set_new(sets, number,
		    json_pack("{s:o, s:o}", "text", plain(buf_bytes(&body)), "signature",
			base64(buf_bytes(&signature))));
	return true;
}

/* One leaf, proven; what it sealed, if it sealed something. */
static bool
add_drawn(const struct package *package, struct proofs *proofs, uint64_t index, json_t *object,
    bool *out_wanted, struct error *err)
{
	DEFER(disclosure_record_clear) struct disclosure_record record = {0};
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	struct leaf_view leaf;
	bool there;

	if (!proofs_leaf(proofs, index, &text, err) ||
	    !tlog_proof_parse(buf_bytes(&text), &proof, err) ||
	    !leaf_parse(buf_bytes(&proof.extra), &leaf, err))
		return false;
	(void)json_object_set_new(object, "proof", plain(buf_bytes(&text)));
	*out_wanted = disclosure_draw_wants(&leaf);
	if (!*out_wanted)
		return true;
	if (!disclosure_store_record_at(
		package->service->db, proofs_origin(proofs), (int64_t)index, &record, err))
		return false;
	if (record.found)
		return add_unwrapped(package, &record, object, &there, err);
	(void)json_object_set_new(
	    object, "missing", json_string(record.erased ? "ERASED" : "LOST"));
	return true;
}

static bool
draw_all(const struct package *package, const struct disclosure_text *text, struct proofs *proofs,
    struct disclosure_draw *draw, struct error *err)
{
	json_t *records = json_object_get(package->json, "records");
	json_t *sets = json_object();
	uint64_t index;
	uint32_t wanted = 0;

	(void)json_object_set_new(package->json, "seat_sets", sets);
	while (wanted < text->sample_count && disclosure_draw_next(draw, &index)) {
		json_t *object = json_object();
		bool counts;

		(void)json_array_append_new(records, object);
		if (!add_drawn(package, proofs, index, object, &counts, err) ||
		    !add_seat_set(package, object, sets, err))
			return false;
		wanted += counts;
	}
	return true;
}

static bool
add_sample(const struct package *package, const struct disclosure_text *text, struct error *err)
{
	const json_t *request = json_object_get(package->json, "request");
	DEFER(proofs_free) struct proofs *proofs = NULL;
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	DEFER(mem_free) struct disclosure_draw *draw = xcalloc(1, sizeof *draw);

	return tlog_proof_parse(bytes_of_text(json_string_value(json_object_get(request, "proof"))),
		   &proof, err) &&
	       disclosure_draw_begin(&proof, (uint64_t)text->sample_size, draw, err) &&
	       audit_proofs(package->service->audit, text->sample_origin, &proofs, err) &&
	       draw_all(package, text, proofs, draw, err);
}

static bool
fill(const struct package *package, struct error *err)
{
	const struct disclosure *disclosure = package->disclosure;
	json_t *approvals = json_array(), *records = json_array();
	struct disclosure_text text;

	(void)json_object_set_new(
	    package->json, "format", json_string("moniker-disclosure-package/1"));
	(void)json_object_set_new(package->json, "approvals", approvals);
	(void)json_object_set_new(package->json, "records", records);
	add_chain(package);
	if (!disclosure_parse(buf_bytes(&disclosure->body), &text, err) ||
	    !add_request(package, err))
		return false;
	for (size_t i = 0; i < disclosure->approval_count; i++)
		if (!add_approval(package, &disclosure->approvals[i], approvals, err))
			return false;
	if (text.sample_count > 0)
		return add_sample(package, &text, err);
	for (size_t i = 0; i < text.device_count; i++)
		if (!add_record(package, text.devices[i], records, err))
			return false;
	return true;
}

static bool
build(const struct disclosure_service *service, const struct disclosure *disclosure,
    struct buf *out, struct error *err)
{
	DEFER(json_release) json_t *json = json_object();
	const struct package package = {.service = service, .disclosure = disclosure, .json = json};
	char *text;

	if (!fill(&package, err))
		return false;
	text = json_dumps(json, JSON_COMPACT);
	if (text == NULL)
		return error_set(err, E_INTERNAL, "the package cannot be written");
	buf_append_text(out, text);
	mem_free(text);
	return true;
}

/* Judged before it is built, and again under the lock when it is recorded. */
bool
disclosure_export(const struct disclosure_service *service, const char *id,
    const struct disclosure_caller *caller, struct buf *out, struct error *err)
{
	DEFER(disclosure_clear) struct disclosure found = {0};
	DEFER(buf_clear_public) struct buf package = {0};
	enum disclosure_state state;
	enum disclosure_outcome outcome;

	if (!disclosure_get(service->db, id, &found, err) ||
	    !disclosure_judge(&found, STEP_EXPORT, caller->person, caller->role,
		clock_now_s(service->clock), &state, &outcome, err) ||
	    !build(service, &found, &package, err) ||
	    !disclosure_step(service, id, caller, STEP_EXPORT, buf_bytes(&package), err))
		return false;
	buf_append(out, buf_bytes(&package));
	return true;
}
