/* Enrollment and renewal: what stations and devices call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decode.h"
#include "api/dispatch.h"
#include "api/handlers.h"
#include "api/http_metrics.h"
#include "api/problem.h"
#include "api/shapes.h"
#include "base/mem.h"
#include "provisioning/renew.h"

#define SINGLE_MAX 32768u /* octets of one enrollment's JSON */

/* Who enrolls: a station, or the holder of a token; anybody else needs one of the two. */
static bool
take_credential(const struct caller *caller, struct enroll_request *in, struct error *err)
{
	if (caller->kind == CALLER_IS_OPERATOR && (caller->mask & ROLE_STATION) != 0) {
		in->station_person = caller->person;
		in->station_handle = caller->handle;
		return in->batch != NULL || in->token != NULL ||
		       error_set_field(err, E_INCOMPLETE, "/batch", "is required without a token");
	}
	if (in->token != NULL)
		return true;
	return caller->kind == CALLER_IS_NOBODY
		   ? error_set(
			 err, E_CALLER_MISSING, "a station's certificate or a token is needed")
		   : error_set(
			 err, E_ROLE_DENIED, "the caller is no station, and there is no token");
}

static size_t
result_of(const struct enrolled *enrolled)
{
	return enrolled->created ? ENROLLMENT_ISSUED : ENROLLMENT_REPLAYED;
}

static bool
post_one(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct enroll_request in = {0};
	char location[64];

	if (request->body.len > SINGLE_MAX)
		return error_set(
		    err, E_TOO_LARGE, "one enrollment is at most %u octets", SINGLE_MAX);
	if (!decode_json(request, &body, err) || !decode_enrollment(body, &in, err) ||
	    !take_credential(request->caller, &in, err) ||
	    !enroll(&app->enrollment, &in, &out, err))
		return false;
	metrics_add(app->metrics, HTTP_ENROLLMENTS, result_of(&out), 1);
	(void)snprintf(location, sizeof location, "/v1/devices/%s", out.pseudonym);
	return out.created ? http_created(response, location, shape_enrolled(&out))
			   : http_ok(response, shape_enrolled(&out));
}

/* ---- many in one call: a line of request, a line of result, in order ---- */

struct many {
	size_t count;
	json_t **bodies;
	struct enroll_request *requests;
	struct enrolled *outs;
	struct error *errs;   /* of every line */
	size_t *line_of;      /* requests[i] is this line */
	size_t request_count; /* lines that could be read */
};

static void
many_clear(struct many *many)
{
	for (size_t i = 0; i < many->count; i++) {
		json_decref(many->bodies[i]);
		enrolled_clear(&many->outs[i]);
	}
	free(many->bodies);
	free(many->requests);
	free(many->outs);
	free(many->errs);
	free(many->line_of);
}
DEFER_DECLARE_CLEAR(struct many, many_clear)

static bool
many_init(struct many *many, struct bytes body, struct error *err)
{
	size_t count = 0;

	for (size_t i = 0; i < body.len; i++)
		count += body.data[i] == '\n';
	count += body.len > 0 && body.data[body.len - 1] != '\n';
	if (count == 0 || count > ENROLL_MANY_MAX)
		return error_set(err, E_BAD_SYNTAX, "1 to %d lines", ENROLL_MANY_MAX);
	many->count = count;
	many->bodies = xcalloc(count, sizeof(json_t *));
	many->requests = xcalloc(count, sizeof *many->requests);
	many->outs = xcalloc(count, sizeof *many->outs);
	many->errs = xcalloc(count, sizeof *many->errs);
	many->line_of = xcalloc(count, sizeof *many->line_of);
	return true;
}

static void
many_decode(struct many *many, struct bytes rest, const struct caller *caller)
{
	for (size_t line = 0; line < many->count; line++) {
		const uint8_t *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
		const size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
		struct enroll_request *request = &many->requests[many->request_count];
		struct error *err = &many->errs[line];

		if (len > SINGLE_MAX)
			(void)error_set(
			    err, E_TOO_LARGE, "one enrollment is at most %u octets", SINGLE_MAX);
		else if (json_parse(bytes_of(rest.data, len), &many->bodies[line], err) &&
			 decode_enrollment(many->bodies[line], request, err) &&
			 take_credential(caller, request, err))
			many->line_of[many->request_count++] = line;
		else
			*request = (struct enroll_request){0};
		rest = end != NULL ? bytes_of(end + 1, rest.len - len - 1) : (struct bytes){0};
	}
}

static bool
many_enroll(const struct app *app, struct many *many, struct error *err)
{
	struct error *errs = xcalloc(many->count, sizeof *errs);
	struct enrolled *outs = xcalloc(many->count, sizeof *outs);
	const bool done =
	    many->request_count == 0 || enroll_many(&app->enrollment, app->work, many->requests,
					    many->request_count, outs, errs, err);

	for (size_t i = 0; i < many->request_count; i++) {
		many->errs[many->line_of[i]] = errs[i];
		many->outs[many->line_of[i]] = outs[i];
	}
	free(errs);
	free(outs);
	return done;
}

static json_t *
shape_line(const struct http_request *request, const struct enrolled *out, const struct error *err)
{
	return err->code == E_NONE ? json_pack("{s:i, s:o}", "status", out->created ? 201 : 200,
					 "body", shape_enrolled(out))
				   : json_pack("{s:i, s:o}", "status", problem_status(err),
					 "problem", problem_to_json(err, request->request_id));
}

static void
put_line(struct buf *out, json_t *line)
{
	const size_t len = json_dumpb(line, NULL, 0, JSON_COMPACT);

	(void)json_dumpb(line, (char *)buf_extend(out, len), len, JSON_COMPACT);
	buf_append_u8(out, '\n');
	json_decref(line);
}

static bool
post_many(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(many_clear) struct many many = {0};

	if (!many_init(&many, request->body, err))
		return false;
	many_decode(&many, request->body, request->caller);
	if (!many_enroll(app, &many, err))
		return false;
	for (size_t i = 0; i < many.count; i++) {
		/* Lines that never reached the ledger are recorded as any refusal at the edge is.
		 */
		if (many.errs[i].code != E_NONE)
			dispatch_note(
			    app, LEAF_ENROLL_REFUSED, ROLE_STATION, request, &many.errs[i]);
		else
			metrics_add(app->metrics, HTTP_ENROLLMENTS, result_of(&many.outs[i]), 1);
		put_line(&response->body, shape_line(request, &many.outs[i], &many.errs[i]));
	}
	response->status = 200;
	response->content_type = "application/x-ndjson";
	return true;
}

bool
post_enrollment(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	return strcmp(request->content_type, "application/x-ndjson") == 0
		   ? post_many(app, request, response, err)
		   : post_one(app, request, response, err);
}

/* ---- renewal ---- */

struct renewal_members {
	const char *csr;
};
static const struct json_member RENEWAL[] = {
    {"csr", "/csr", JSON_MEMBER_TEXT, offsetof(struct renewal_members, csr), 0, true, 0,
	CSR_TEXT_MAX},
};

bool
post_renewal(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct renewal_members members = {0};
	struct renew_request in = {.presented_spki_sha256 = request->caller->spki_sha256};

	memcpy(in.serial, request->caller->serial, SERIAL_BYTES);
	if (!decode_json(request, &body, err) ||
	    !json_read(body, RENEWAL, COUNT(RENEWAL), &members, err))
		return false;
	in.csr = bytes_of_text(members.csr);
	if (!renew(&app->renewal, &in, &out, err))
		return false;
	metrics_add(app->metrics, HTTP_RENEWALS, result_of(&out), 1);
	return out.created ? http_created(response, NULL, shape_enrolled(&out))
			   : http_ok(response, shape_enrolled(&out));
}
