/* Disclosures: asked for, agreed to, handed out sealed, closed. */
#include <stdio.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/shapes.h"
#include "base/text.h"

/* ---- who, and in which of the two roles ---- */

static bool
find_role(const struct caller *caller, const char *wanted, enum seat_role *out, struct error *err)
{
	const bool legal = (caller->mask & ROLE_LEGAL) != 0;
	const bool officer = (caller->mask & ROLE_OFFICER) != 0;

	if (wanted == NULL && legal && officer)
		return error_set_field(
		    err, E_INCOMPLETE, "/role", "you have both roles: say which counts");
	*out = legal ? SEAT_LEGAL : SEAT_OFFICER;
	if (wanted == NULL)
		return true;
	if (!seat_role_of(bytes_of_text(wanted), out))
		return error_set_field(err, E_BAD_SYNTAX, "/role", "legal or officer");
	return (*out == SEAT_LEGAL ? legal : officer) ||
	       error_set_field(err, E_ROLE_DENIED, "/role", "you do not have this role");
}

struct asking { /* the caller, as disclosures see it */
	struct disclosure_caller caller;
	char actor[CALLER_ACTOR_LEN];
};

static bool
ask_as(const struct http_request *request, const char *role, struct asking *out, struct error *err)
{
	const struct caller *caller = request->caller;

	if (!find_role(caller, role, &out->caller.role, err))
		return false;
	caller_actor(
	    caller, out->caller.role == SEAT_LEGAL ? ROLE_LEGAL : ROLE_OFFICER, out->actor);
	out->caller.person = caller->person;
	out->caller.handle = caller->handle;
	out->caller.actor = out->actor;
	out->caller.serial = caller->serial;
	return true;
}

/* ---- shapes ---- */

static json_t *
shape_approvals(const struct disclosure *disclosure)
{
	json_t *list = json_array();

	for (size_t i = 0; i < disclosure->approval_count; i++)
		(void)json_array_append_new(list,
		    json_pack("{s:s, s:s}", "role", seat_role_name(disclosure->approvals[i].role),
			"person", disclosure->approvals[i].handle));
	return list;
}

static json_t *
shape_disclosure(const struct disclosure *disclosure)
{
	return json_pack("{s:s, s:s, s:s?, s:s%, s:o, s:o, s:o}", "id", disclosure->id, "status",
	    disclosure_state_name(disclosure->state), "outcome",
	    disclosure_outcome_name(disclosure->outcome), "request",
	    (const char *)disclosure->body.data, disclosure->body.len, "approvals",
	    shape_approvals(disclosure), "requested_at", shape_time(disclosure->at_s), "expires_at",
	    shape_time(disclosure->expires_at_s));
}

static bool
answer(const struct app *app, struct http_response *response, const char *id, bool created,
    struct error *err)
{
	DEFER(disclosure_clear) struct disclosure disclosure = {0};
	char location[64];

	if (!disclosure_get(app->db, id, &disclosure, err))
		return false;
	(void)snprintf(location, sizeof location, "/v1/disclosures/%s", id);
	return created ? http_created(response, location, shape_disclosure(&disclosure))
		       : http_ok(response, shape_disclosure(&disclosure));
}

/* ---- ask ---- */

struct request_members {
	json_t *pseudonyms, *sample;
	const char *basis, *case_number, *order_sha256, *role;
};
#define AT(member) offsetof(struct request_members, member)
static const struct json_member REQUEST[] = {
    {"pseudonyms", "/pseudonyms", JSON_MEMBER_ARRAY, AT(pseudonyms), 0, false, 1,
	DISCLOSURE_DEVICES_MAX},
    {"sample", "/sample", JSON_MEMBER_OBJECT, AT(sample), 0, false, 0, 0},
    {"basis", "/basis", JSON_MEMBER_TEXT, AT(basis), 0, true, 0, 32},
    {"case", "/case", JSON_MEMBER_TEXT, AT(case_number), 0, true, 0, DISCLOSURE_CASE_MAX},
    {"order_sha256", "/order_sha256", JSON_MEMBER_TEXT, AT(order_sha256), 0, true, 0, 64},
    {"role", "/role", JSON_MEMBER_TEXT, AT(role), 0, false, 0, 16},
};
#undef AT

struct sample_members {
	int64_t count;
	const char *log;
};
#define AT(member) offsetof(struct sample_members, member)
static const struct json_member SAMPLE[] = {
    {"count", "/sample/count", JSON_MEMBER_INT, AT(count), 0, true, 1, DISCLOSURE_SAMPLE_MAX},
    {"log", "/sample/log", JSON_MEMBER_TEXT, AT(log), 0, false, 0, CHECKPOINT_ORIGIN_MAX},
};
#undef AT

static bool
decode_sample(const json_t *object, struct disclosure_text *out, struct error *err)
{
	struct sample_members in = {0};

	if (!json_read(object, SAMPLE, COUNT(SAMPLE), &in, err))
		return false;
	out->sample_count = (uint32_t)in.count;
	if (in.log != NULL)
		(void)snprintf(out->sample_origin, sizeof out->sample_origin, "%s", in.log);
	return true;
}

/* An audit opens what the log draws: whoever could name pseudonyms for it would pick. */
static bool
decode_what(const struct request_members *in, struct disclosure_text *out, struct error *err)
{
	const bool audit = out->basis == BASIS_ESCROW_AUDIT;

	if (audit ? in->pseudonyms != NULL : in->sample != NULL)
		return error_set_field(err, E_BAD_SYNTAX, audit ? "/pseudonyms" : "/sample",
		    audit ? "nobody picks what an escrow audit opens: give sample"
			  : "a sample is for ESCROW_AUDIT");
	if (audit ? in->sample == NULL : in->pseudonyms == NULL)
		return error_set_field(err, E_INCOMPLETE, audit ? "/sample" : "/pseudonyms",
		    "required for this basis");
	return audit ? decode_sample(in->sample, out, err)
		     : decode_pseudonyms(in->pseudonyms, out->devices, &out->device_count, err);
}

static bool
decode_request(const struct request_members *in, struct disclosure_text *out, struct error *err)
{
	if (!disclosure_basis_of(bytes_of_text(in->basis), &out->basis))
		return error_set_field(err, E_BAD_SYNTAX, "/basis",
		    "COURT_ORDER, STATUTE, VITAL_INTEREST, RECALL, SUBJECT_ACCESS, INCIDENT or "
		    "ESCROW_AUDIT");
	if (!disclosure_case_valid(bytes_of_text(in->case_number)))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/case", "letters, digits and ._:/@+=- alone");
	if (!hex_decode(bytes_of_text(in->order_sha256), out->order_sha256, SHA256_BYTES))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/order_sha256", "not a SHA-256 digest in hex");
	(void)snprintf(out->case_number, sizeof out->case_number, "%s", in->case_number);
	return decode_what(in, out, err);
}

bool
post_disclosure(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct request_members in = {0};
	struct disclosure_text text = {0};
	struct asking asking = {0};

	return decode_json(request, &body, err) &&
	       json_read(body, REQUEST, COUNT(REQUEST), &in, err) &&
	       decode_request(&in, &text, err) && ask_as(request, in.role, &asking, err) &&
	       disclosure_submit(&app->disclosures, &text, &asking.caller, err) &&
	       answer(app, response, text.id, true, err);
}

bool
get_disclosure(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	return answer(app, response, request->params[0], false, err);
}

/* ---- agree, refuse, close ---- */

struct step_members {
	json_t *found;
	const char *signature, *package_sha256, *role;
};
#define AT(member) offsetof(struct step_members, member)
static const struct json_member APPROVAL[] = {
    {"signature", "/signature", JSON_MEMBER_TEXT, AT(signature), 0, true, 0, 128},
    {"role", "/role", JSON_MEMBER_TEXT, AT(role), 0, false, 0, 16},
};
static const struct json_member REJECTION[] = {
    {"role", "/role", JSON_MEMBER_TEXT, AT(role), 0, false, 0, 16},
};
static const struct json_member RECEIPT[] = {
    {"package_sha256", "/package_sha256", JSON_MEMBER_TEXT, AT(package_sha256), 0, true, 0, 64},
    {"found", "/found", JSON_MEMBER_OBJECT, AT(found), 0, false, 0, 0},
    {"role", "/role", JSON_MEMBER_TEXT, AT(role), 0, false, 0, 16},
};
#undef AT

static bool
decode_step(const struct http_request *request, const struct json_member *members, size_t count,
    json_t **out_body, struct step_members *out, struct asking *out_asking, struct error *err)
{
	return decode_json(request, out_body, err) &&
	       json_read(*out_body, members, count, out, err) &&
	       ask_as(request, out->role, out_asking, err);
}

bool
post_disclosure_approval(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(buf_clear_public) struct buf signature = {0};
	struct step_members in = {0};
	struct asking asking = {0};
	const char *id = request->params[0];

	if (!decode_step(request, APPROVAL, COUNT(APPROVAL), &body, &in, &asking, err))
		return false;
	if (!base64_decode(bytes_of_text(in.signature), &signature) ||
	    signature.len > KEY_SIGNATURE_MAX)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/signature", "not a signature in base64");
	return disclosure_approve(
		   &app->disclosures, id, &asking.caller, buf_bytes(&signature), err) &&
	       answer(app, response, id, false, err);
}

bool
post_disclosure_rejection(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct step_members in = {0};
	struct asking asking = {0};
	const char *id = request->params[0];

	return decode_step(request, REJECTION, COUNT(REJECTION), &body, &in, &asking, err) &&
	       disclosure_step(
		   &app->disclosures, id, &asking.caller, STEP_REJECT, (struct bytes){0}, err) &&
	       answer(app, response, id, false, err);
}

struct found_members {
	int64_t opened, erased, other_seats;
	json_t *faults;
};
#define AT(member) offsetof(struct found_members, member)
static const struct json_member FOUND[] = {
    {"opened", "/found/opened", JSON_MEMBER_INT, AT(opened), 0, true, 0, DISCLOSURE_SAMPLE_MAX},
    {"erased", "/found/erased", JSON_MEMBER_INT, AT(erased), 0, true, 0, DISCLOSURE_SAMPLE_MAX},
    {"other_seats", "/found/other_seats", JSON_MEMBER_INT, AT(other_seats), 0, true, 0,
	DISCLOSURE_SAMPLE_MAX},
    {"faults", "/found/faults", JSON_MEMBER_ARRAY, AT(faults), 0, true, 0, DISCLOSURE_SAMPLE_MAX},
};
#undef AT

static bool
decode_found(const json_t *object, struct disclosure_receipt *out, struct error *err)
{
	struct found_members in = {0};
	const json_t *item;
	size_t i;

	out->audited = object != NULL;
	if (object == NULL)
		return true;
	if (!json_read(object, FOUND, COUNT(FOUND), &in, err))
		return false;
	out->opened = in.opened;
	out->erased = in.erased;
	out->other_seats = in.other_seats;
	json_array_foreach(in.faults, i, item)
	{
		out->faults[i] = json_integer_value(item);
		if (!json_is_integer(item) || out->faults[i] < 0 ||
		    (i > 0 && out->faults[i] <= out->faults[i - 1]))
			return error_set_field(
			    err, E_BAD_SYNTAX, "/found/faults", "numbers of leaves, ascending");
	}
	out->fault_count = json_array_size(in.faults);
	return true;
}

bool
post_disclosure_receipt(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct step_members in = {0};
	struct asking asking = {0};
	struct disclosure_receipt receipt = {0};
	const char *id = request->params[0];

	if (!decode_step(request, RECEIPT, COUNT(RECEIPT), &body, &in, &asking, err))
		return false;
	if (!hex_decode(bytes_of_text(in.package_sha256), receipt.package_sha256,
		sizeof receipt.package_sha256))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/package_sha256", "not a SHA-256 digest in hex");
	return decode_found(in.found, &receipt, err) &&
	       disclosure_fulfill(&app->disclosures, id, &asking.caller, &receipt, err) &&
	       answer(app, response, id, false, err);
}

/* ---- the package ---- */

bool
get_disclosure_package(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct asking asking = {0};

	if (!ask_as(request, http_query(request, "role"), &asking, err) ||
	    !disclosure_export(
		&app->disclosures, request->params[0], &asking.caller, &response->body, err))
		return false;
	return http_ok_json(response);
}
