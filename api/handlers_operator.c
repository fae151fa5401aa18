/* Persons and stations. */
#include <stdio.h>
#include <stdlib.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/shapes.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/csr.h"

#define LIST_LIMIT 100

struct operator_members {
	const char *name, *csr;
	json_t *roles;
};
#define AT(member) offsetof(struct operator_members, member)
static const struct json_member OPERATOR[] = {
    {"name", "/name", JSON_MEMBER_TEXT, AT(name), 0, true, 0, OPERATOR_NAME_MAX},
    {"roles", "/roles", JSON_MEMBER_ARRAY, AT(roles), 0, true, 0, ROLE_COUNT},
    {"csr", "/csr", JSON_MEMBER_TEXT, AT(csr), 0, true, 0, CSR_TEXT_MAX},
};
#undef AT

static bool
decode_roles(const json_t *list, unsigned *out, struct error *err)
{
	const json_t *name;
	size_t i;

	json_array_foreach(list, i, name)
	{
		unsigned role = 0;

		if (!json_is_string(name) || !operator_role_of(json_string_value(name), &role))
			return error_set_field(err, E_BAD_SYNTAX, "/roles",
			    "station, verifier, officer, auditor, legal or admin");
		*out |= role;
	}
	return true;
}

bool
post_operator(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(csr_free) struct csr *csr = NULL;
	struct operator_members members = {0};
	struct operator_request in = {0};
	struct operator_pending out = {0};
	char actor[CALLER_ACTOR_LEN];
	char location[96];

	caller_actor(request->caller, ROLE_ADMIN, actor);
	if (!decode_json(request, &body, err) ||
	    !json_read(body, OPERATOR, COUNT(OPERATOR), &members, err) ||
	    !decode_roles(members.roles, &in.roles, err) ||
	    !csr_parse_text(bytes_of_text(members.csr), &csr, err))
		return false;
	in.name = members.name;
	in.csr = csr;
	in.actor = actor;
	if (!operator_add(&app->operators, &in, &out, err))
		return false;
	caller_cache_bump(app->callers);
	(void)snprintf(location, sizeof location, "/v1/operators/%s", out.person.name);
	return out.created ? http_created(response, location, shape_operator(&out.person))
			   : http_ok(response, shape_operator(&out.person));
}

bool
get_operators(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct operator_person *list = xcalloc(LIST_LIMIT, sizeof *list);
	json_t *items;
	json_t *next = NULL;
	size_t count = 0;
	int64_t after = 0;

	if (!http_query_int(request, "after", 0, INT64_MAX, &after, err) ||
	    !operator_list(app->db, after, LIST_LIMIT, list, &count, err))
		return false;
	items = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(items, shape_operator(&list[i]));
	if (count == LIST_LIMIT)
		next = json_sprintf("%lld", (long long)list[count - 1].id);
	return http_ok(response, shape_list(items, next));
}

bool
get_operator(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	struct operator_person person;
	json_t *json;

	if (!operator_get(app->db, request->params[0], &person, err) ||
	    !operator_certificate_newest(app->db, request->params[0], &der, err))
		return false;
	json = shape_operator(&person);
	(void)json_object_set_new(
	    json, "certificate", der.len > 0 ? shape_pem(buf_bytes(&der)) : json_null());
	return http_ok(response, json);
}

/* Alone, for scripts. */
bool
get_operator_certificate(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};
	struct operator_person person;

	if (!operator_get(app->db, request->params[0], &person, err) ||
	    !operator_certificate_newest(app->db, person.name, &der, err))
		return false;
	if (der.len == 0)
		return error_set(err, E_NOT_FOUND, "the certificate is not signed yet");
	pem_encode(&response->body, "CERTIFICATE", buf_bytes(&der));
	response->content_type = "application/pem-certificate-chain"; /* RFC 8555 section 9.1 */
	response->status = 200;
	return true;
}

bool
delete_operator(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	char actor[CALLER_ACTOR_LEN];

	caller_actor(request->caller, ROLE_ADMIN, actor);
	if (!operator_remove(&app->operators, request->params[0], actor, err))
		return false;
	caller_cache_bump(app->callers);
	return http_no_content(response);
}

/* ---- the next certificate of the caller itself ---- */

struct renewal_members {
	const char *csr;
};
static const struct json_member RENEWAL[] = {
    {"csr", "/csr", JSON_MEMBER_TEXT, offsetof(struct renewal_members, csr), 0, true, 0,
	CSR_TEXT_MAX},
};

static bool
answer_renewal(const struct app *app, const struct http_request *request,
    const uint8_t serial[static SERIAL_BYTES], struct http_response *response, struct error *err)
{
	DEFER(operator_renewal_clear) struct operator_renewal renewal = {0};
	char text[SERIAL_TEXT_LEN + 1];
	char location[96];
	json_t *json;

	if (!operator_renewal_find(app->db, request->caller->person, serial, &renewal, err))
		return false;
	json =
	    shape_operator_renewal(&renewal, issuers_find(app->operators.issuers, renewal.issuer));
	if (renewal.certificate.len > 0)
		return http_ok(response, json);
	hex_encode(text, bytes_of(serial, SERIAL_BYTES));
	(void)snprintf(location, sizeof location, "/v1/operators/renewals/%s", text);
	return http_accepted(response, location, json);
}

bool
post_operator_renewal(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(csr_free) struct csr *csr = NULL;
	struct renewal_members members = {0};
	struct operator_pending pending = {0};
	char actor[CALLER_ACTOR_LEN];

	caller_actor(request->caller, 0, actor);
	if (!decode_json(request, &body, err) ||
	    !json_read(body, RENEWAL, COUNT(RENEWAL), &members, err) ||
	    !csr_parse_text(bytes_of_text(members.csr), &csr, err))
		return false;
	return operator_renew(&app->operators,
		   &(struct operator_request){
		       .csr = csr, .actor = actor, .renews = request->caller->serial},
		   &pending, err) &&
	       answer_renewal(app, request, pending.serial, response, err);
}

bool
get_operator_renewal(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	uint8_t serial[SERIAL_BYTES];

	if (!hex_decode(bytes_of_text(request->params[0]), serial, sizeof serial))
		return error_set(
		    err, E_NOT_FOUND, "a serial has %d hexadecimal digits", SERIAL_TEXT_LEN);
	return answer_renewal(app, request, serial, response, err);
}
