/* Erasures: identities in escrow made unreadable for good. */
#include <stdio.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/shapes.h"

struct erasure_members {
	json_t *pseudonyms;
	const char *basis, *case_number;
};
#define AT(member) offsetof(struct erasure_members, member)
static const struct json_member REQUEST[] = {
    {"pseudonyms", "/pseudonyms", JSON_MEMBER_ARRAY, AT(pseudonyms), 0, true, 1,
	ERASURE_DEVICES_MAX},
    {"basis", "/basis", JSON_MEMBER_TEXT, AT(basis), 0, true, 0, 32},
    {"case", "/case", JSON_MEMBER_TEXT, AT(case_number), 0, true, 0, DISCLOSURE_CASE_MAX},
};
#undef AT

static bool
decode_request(const struct erasure_members *in, struct erasure_request *out, struct error *err)
{
	if (!erasure_basis_of(bytes_of_text(in->basis), &out->basis))
		return error_set_field(err, E_BAD_SYNTAX, "/basis",
		    "SUBJECT_REQUEST, RETENTION_END, STATUTE or COURT_ORDER");
	if (!disclosure_case_valid(bytes_of_text(in->case_number)))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/case", "letters, digits and ._:/@+=- alone");
	out->case_number = in->case_number;
	return decode_pseudonyms(in->pseudonyms, out->devices, &out->device_count, err);
}

static json_t *
shape_erasure(const struct erasure *erasure)
{
	return json_pack("{s:s, s:s, s:s%, s:I, s:o, s:o, s:b}", "id", erasure->id, "status",
	    erasure->erased ? "erased" : "recorded", "request", (const char *)erasure->body.data,
	    erasure->body.len, "records", (json_int_t)erasure->record_count, "recorded_at",
	    shape_time(erasure->at_s), "erased_at",
	    erasure->erased ? shape_time(erasure->erased_at_s) : json_null(), "flushed",
	    erasure->flushed);
}

/* 201 when it is recorded and done, 202 while the keys are still to be deleted. */
static bool
respond(struct http_response *response, const struct erasure *erasure)
{
	char location[64];

	(void)snprintf(location, sizeof location, "/v1/erasures/%s", erasure->id);
	return erasure->erased ? http_created(response, location, shape_erasure(erasure))
			       : http_accepted(response, location, shape_erasure(erasure));
}

bool
post_erasure(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(erasure_clear) struct erasure erasure = {0};
	struct erasure_members in = {0};
	struct erasure_request wanted = {0};
	char actor[CALLER_ACTOR_LEN];
	const struct erasure_caller caller = {request->caller->person, actor};
	bool created;

	caller_actor(request->caller, ROLE_LEGAL, actor);
	if (!decode_json(request, &body, err) ||
	    !json_read(body, REQUEST, COUNT(REQUEST), &in, err) ||
	    !decode_request(&in, &wanted, err) ||
	    !erasure_submit(&app->erasures, &wanted, &caller, &created, &erasure, err))
		return false;
	return created || !erasure.erased ? respond(response, &erasure)
					  : http_ok(response, shape_erasure(&erasure));
}

bool
get_erasure(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(erasure_clear) struct erasure erasure = {0};

	return erasure_get(app->db, request->params[0], &erasure, err) &&
	       http_ok(response, shape_erasure(&erasure));
}
