/* Enrollment and renewal: what stations and devices call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/credential.h"
#include "api/decode.h"
#include "api/dispatch.h"
#include "api/handlers.h"
#include "api/http_metrics.h"
#include "api/problem.h"
#include "api/receipt.h"
#include "api/shapes.h"
#include "api/tier.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "base/work.h"
#include "provisioning/renew.h"

#define SINGLE_MAX 32768u /* octets of one enrollment's JSON */

static int
status_of(const struct enrolled *enrolled)
{
	return enrolled->created ? 201 : 200;
}

static bool
post_one(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(enrolled_clear) struct enrolled out = {0};
	struct enroll_request in = {0};
	bool proof = false;
	char location[64];

	if (request->body.len > SINGLE_MAX)
		return error_set(
		    err, E_TOO_LARGE, "one enrollment is at most %u octets", SINGLE_MAX);
	if (!receipt_wanted(request, &proof, err) || !decode_json(request, &body, err) ||
	    !decode_enrollment(body, &in, err) ||
	    !credential_take(app, request->caller, &in, err) ||
	    !enroll(&app->enrollment, &in, &out, err))
		return false;
	metrics_add(app->metrics, HTTP_ENROLLMENTS, credential_result(&out), 1);
	if (proof)
		receipt_add(app, request->request_id, &(struct enrolled *){&out}, 1);
	(void)snprintf(location, sizeof location, "/v1/devices/%s", out.pseudonym);
	shape_enrolled(&out, &response->body);
	return out.created ? http_created_json(response, location) : http_ok_json(response);
}

/* ---- many in one call: a line of request, a line of result, in order ---- */

struct line { /* one of the call */
	struct bytes text;
	json_t *body;
	bool readable; /* it goes to the ledger */
	struct enroll_request request;
	struct enrolled out;
	struct error err;
	struct buf result;
};

struct many {
	const struct app *app;
	const struct http_request *request;
	struct line *lines;
	size_t count;
};

static void
many_clear(struct many *many)
{
	for (size_t i = 0; i < many->count; i++) {
		json_decref(many->lines[i].body);
		enrolled_clear(&many->lines[i].out);
		buf_clear_public(&many->lines[i].result);
	}
	free(many->lines);
}
DEFER_DECLARE_CLEAR(struct many, many_clear)

static bool
many_init(struct many *many, struct error *err)
{
	struct bytes rest = many->request->body;
	const size_t count = http_lines(many->request);

	if (count == 0 || count > ENROLL_MANY_MAX)
		return error_set(err, E_BAD_SYNTAX, "1 to %d lines", ENROLL_MANY_MAX);
	many->count = count;
	many->lines = xcalloc(count, sizeof *many->lines);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *end = rest.len == 0 ? NULL : memchr(rest.data, '\n', rest.len);
		const size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;

		many->lines[i].text = bytes_of(rest.data, len);
		rest = end != NULL ? bytes_of(end + 1, rest.len - len - 1) : (struct bytes){0};
	}
	return true;
}

static void
decode_line(void *context, size_t i)
{
	const struct many *many = context;
	struct line *line = &many->lines[i];

	if (line->text.len > SINGLE_MAX)
		(void)error_set(
		    &line->err, E_TOO_LARGE, "one enrollment is at most %u octets", SINGLE_MAX);
	else
		line->readable =
		    json_parse(line->text, &line->body, &line->err) &&
		    decode_enrollment(line->body, &line->request, &line->err) &&
		    credential_take(many->app, many->request->caller, &line->request, &line->err);
}

static bool
many_enroll(const struct app *app, struct many *many, struct error *err)
{
	struct enroll_request *requests = xcalloc(many->count, sizeof *requests);
	struct error *errs = xcalloc(many->count, sizeof *errs);
	struct enrolled *outs = xcalloc(many->count, sizeof *outs);
	size_t count = 0, next = 0;
	bool done;

	for (size_t i = 0; i < many->count; i++)
		if (many->lines[i].readable)
			requests[count++] = many->lines[i].request;
	done = enroll_many(&app->enrollment, app->work, requests, count, outs, errs, err);
	for (size_t i = 0; i < many->count; i++) {
		if (!many->lines[i].readable)
			continue;
		many->lines[i].out = outs[next];
		many->lines[i].err = errs[next++];
	}
	free(requests);
	free(errs);
	free(outs);
	return done;
}

static void
encode_line(void *context, size_t i)
{
	const struct many *many = context;
	struct line *line = &many->lines[i];
	DEFER(json_release) json_t *refusal = NULL;

	if (line->err.code == E_NONE) {
		buf_append_format(&line->result, "{\"status\":%d,\"body\":", status_of(&line->out));
		shape_enrolled(&line->out, &line->result);
		buf_append_text(&line->result, "}\n");
		return;
	}
	refusal = json_pack("{s:i, s:o}", "status", problem_status(&line->err), "problem",
	    problem_to_json(&line->err, many->request->request_id));
	json_write(&line->result, refusal);
	buf_append_u8(&line->result, '\n');
}

/* One wait for all, and one look at the database. */
static void
add_receipts(const struct app *app, const struct many *many)
{
	DEFER(mem_free)
	struct enrolled **enrolled = xcalloc(many->count, sizeof(struct enrolled *));
	size_t count = 0;

	for (size_t i = 0; i < many->count; i++)
		if (many->lines[i].err.code == E_NONE)
			enrolled[count++] = &many->lines[i].out;
	receipt_add(app, many->request->request_id, enrolled, count);
}

/* What never reached the ledger is recorded as any refusal at the edge is. */
static void
note_refusals(const struct app *app, const struct many *many)
{
	DEFER(mem_free) struct error **errs = xcalloc(many->count, sizeof(struct error *));
	size_t count = 0;

	for (size_t i = 0; i < many->count; i++)
		if (many->lines[i].err.code != E_NONE)
			errs[count++] = &many->lines[i].err;
	dispatch_note_all(app, LEAF_ENROLL_REFUSED, ROLE_STATION, many->request, errs, count);
}

static bool
post_many(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(many_clear) struct many many = {.app = app, .request = request};
	bool proof = false;

	if (!receipt_wanted(request, &proof, err) || !many_init(&many, err))
		return false;
	work_pool_run(app->work, many.count, decode_line, &many);
	if (!many_enroll(app, &many, err))
		return false;
	if (proof)
		add_receipts(app, &many);
	work_pool_run(app->work, many.count, encode_line, &many);
	note_refusals(app, &many);
	for (size_t i = 0; i < many.count; i++) {
		if (many.lines[i].err.code == E_NONE)
			metrics_add(app->metrics, HTTP_ENROLLMENTS,
			    credential_result(&many.lines[i].out), 1);
		buf_append(&response->body, buf_bytes(&many.lines[i].result));
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
	struct renew_request in = {.presented_spki_sha256 = request->caller->spki_sha256,
	    .presented = &request->caller->device};
	bool proof = false;

	memcpy(in.serial, request->caller->serial, SERIAL_BYTES);
	if (!tier_may_renew(request->caller, err) || !receipt_wanted(request, &proof, err) ||
	    !decode_json(request, &body, err) ||
	    !json_read(body, RENEWAL, COUNT(RENEWAL), &members, err))
		return false;
	in.csr = bytes_of_text(members.csr);
	if (!renew(&app->renewal, &in, &out, err))
		return false;
	metrics_add(app->metrics, HTTP_RENEWALS, credential_result(&out), 1);
	if (proof)
		receipt_add(app, request->request_id, &(struct enrolled *){&out}, 1);
	shape_enrolled(&out, &response->body);
	return out.created ? http_created_json(response, NULL) : http_ok_json(response);
}
