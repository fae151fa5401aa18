/* What backends ask, and what officers do about the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/http_metrics.h"
#include "api/receipt.h"
#include "api/shapes.h"
#include "api/verify_scan.h"
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

/* One verdict, or the list of them. */
static void
put_verdicts(const struct app *app, const struct verification *verifications, size_t count,
    bool is_list, struct http_response *response)
{
	struct shape_times times = {0};

	buf_reserve(&response->body, count * SHAPE_VERIFICATION_ROOM);
	if (is_list)
		buf_append_text(&response->body, "{\"results\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_append_u8(&response->body, ',');
		metrics_add(app->metrics, HTTP_VERIFICATIONS, verifications[i].verdict, 1);
		shape_verification(&verifications[i], &times, &response->body);
	}
	if (is_list)
		buf_append_text(&response->body, "]}");
}

static bool
verify_texts(const struct app *app, const struct verify_text *texts, size_t count, bool is_list,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct verification *outs = xcalloc(count, sizeof *outs);

	if (!verify_many(&app->verification, texts, count, outs, err))
		return false;
	put_verdicts(app, outs, count, is_list, response);
	return http_ok_json(response);
}

static bool
read_list(const json_t *list, struct verify_text *out, struct error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *text = json_array_get(list, i);

		if (!json_is_string(text) || json_string_length(text) > CERTIFICATE_TEXT_MAX)
			return error_set_field(err, E_BAD_SYNTAX, "/certificates",
			    "strings of at most %d octets", CERTIFICATE_TEXT_MAX);
		out[i].text = bytes_of(json_string_value(text), json_string_length(text));
	}
	return true;
}

/* Any JSON, and what is wrong with it. */
static bool
verify_document(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(mem_free) struct verify_text *texts = NULL;
	struct verification_members in = {0};
	size_t count = 1;

	if (!decode_json(request, &body, err) ||
	    !json_read(body, VERIFICATION, COUNT(VERIFICATION), &in, err))
		return false;
	if ((in.certificate != NULL) == (in.certificates != NULL))
		return error_set_field(
		    err, E_INCOMPLETE, "/certificate", "one of certificate and certificates");
	if (in.certificates != NULL)
		count = json_array_size(in.certificates);
	texts = xcalloc(count, sizeof *texts);
	if (in.certificate != NULL)
		texts[0].text = bytes_of_text(in.certificate);
	else if (!read_list(in.certificates, texts, err))
		return false;
	return verify_texts(app, texts, count, in.certificates != NULL, response, err);
}

bool
post_verification(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct verify_text *texts = xcalloc(VERIFY_MANY_MAX, sizeof *texts);
	struct error not_plain = {0};
	size_t count;
	bool is_list;

	if (strcmp(request->content_type, "application/json") != 0 ||
	    !verify_scan(request->body, texts, &count, &is_list))
		return verify_document(app, request, response, err);
	if (verify_texts(app, texts, count, is_list, response, &not_plain))
		return true;
	if (not_plain.code == E_BAD_SYNTAX)
		return verify_document(app, request, response, err);
	*err = not_plain;
	return false;
}

bool
get_device(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct device_view *device = xcalloc(1, sizeof *device);

	return device_get(app->db, request->params[0], device, err) &&
	       http_ok(response, shape_device(device));
}

bool
get_certificate(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct certificate_view view;

	return certificate_get(app->db, request->params[0], &view, err) &&
	       http_ok(response, shape_certificate(&view));
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
	bool proof = false;
	json_t *shape;

	caller_actor(request->caller, ROLE_OFFICER, actor);
	in.actor = actor;
	if (!receipt_wanted(request, &proof, err) || !decode_json(request, &body, err) ||
	    !decode_revocation(body, &in, err) || !revoke_device(&app->revocation, &in, &out, err))
		return false;
	shape = shape_revocation(&out);
	if (!out.applied && !out.spooled)
		return http_ok(response, shape);
	if (proof && out.applied)
		receipt_add_leaves(app, request->request_id, out.first_seq, out.leaf_count, shape);
	(void)snprintf(location, sizeof location, "/v1/revocations/%s", out.id);
	if (out.spooled)
		return http_accepted(response, location, shape);
	return http_created(response, location, shape);
}

bool
get_revocation(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct revoke_record record;

	return revoke_get(&app->revocation, request->params[0], &record, err) &&
	       http_ok(response, shape_revocation_record(&record));
}
