/* What backends ask, and what officers do about the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/http_metrics.h"
#include "api/shapes.h"
#include "base/mem.h"

struct verification_members {
	const char *certificate;
	json_t *certificates;
};
static const struct json_member VERIFICATION[] = {
    {"certificate", "/certificate", JSON_MEMBER_TEXT,
	offsetof(struct verification_members, certificate), 0, false, 0, CERTIFICATE_TEXT_MAX},
    {"certificates", "/certificates", JSON_MEMBER_ARRAY,
	offsetof(struct verification_members, certificates), 0, false, 1, VERIFY_MANY_MAX},
};

static bool
verify_one(
    const struct app *app, const char *text, struct http_response *response, struct error *err)
{
	const struct bytes certificate = bytes_of_text(text);
	struct verification out = {0};

	if (!verify_many(app->db, app->issuers, app->clock, &certificate, 1, &out, err))
		return false;
	metrics_add(app->metrics, HTTP_VERIFICATIONS, out.verdict, 1);
	return http_ok(response, shape_verification(&out));
}

static bool
verify_list(
    const struct app *app, const json_t *list, struct http_response *response, struct error *err)
{
	const size_t count = json_array_size(list);
	DEFER(mem_free) struct bytes *texts = xcalloc(count, sizeof *texts);
	DEFER(mem_free) struct verification *outs = xcalloc(count, sizeof *outs);
	json_t *results;

	for (size_t i = 0; i < count; i++) {
		const json_t *text = json_array_get(list, i);

		if (!json_is_string(text) || json_string_length(text) > CERTIFICATE_TEXT_MAX)
			return error_set_field(err, E_BAD_SYNTAX, "/certificates",
			    "strings of at most %d octets", CERTIFICATE_TEXT_MAX);
		texts[i] = bytes_of(json_string_value(text), json_string_length(text));
	}
	if (!verify_many(app->db, app->issuers, app->clock, texts, count, outs, err))
		return false;
	results = json_array();
	for (size_t i = 0; i < count; i++) {
		metrics_add(app->metrics, HTTP_VERIFICATIONS, outs[i].verdict, 1);
		(void)json_array_append_new(results, shape_verification(&outs[i]));
	}
	return http_ok(response, json_pack("{s:o}", "results", results));
}

bool
post_verification(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct verification_members in = {0};

	if (!decode_json(request, &body, err) ||
	    !json_read(body, VERIFICATION, COUNT(VERIFICATION), &in, err))
		return false;
	if ((in.certificate != NULL) == (in.certificates != NULL))
		return error_set_field(
		    err, E_INCOMPLETE, "/certificate", "one of certificate and certificates");
	return in.certificate != NULL ? verify_one(app, in.certificate, response, err)
				      : verify_list(app, in.certificates, response, err);
}

bool
get_device(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct device_view *device = xcalloc(1, sizeof *device);

	return device_get(app->db, request->params[0], device, err) &&
	       http_ok(response, shape_device(device));
}

/* ---- revocation ---- */

bool
post_revocation(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct revoke_request in = {.officer_person = request->caller->person};
	struct revoke_result out = {0};
	char actor[CALLER_ACTOR_LEN];
	char location[64];

	caller_actor(request->caller, ROLE_OFFICER, actor);
	in.actor = actor;
	if (!decode_json(request, &body, err) || !decode_revocation(body, &in, err) ||
	    !revoke_device(&app->revocation, &in, &out, err))
		return false;
	if (!out.applied)
		return http_ok(response, shape_revocation(&out));
	(void)snprintf(location, sizeof location, "/v1/revocations/%s", out.id);
	return http_created(response, location, shape_revocation(&out));
}

bool
get_revocation(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct revoke_record record;

	return revoke_get(app->db, request->params[0], &record, err) &&
	       http_ok(response, shape_revocation_record(&record));
}
