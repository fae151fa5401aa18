#include "api/problem.h"

#include <stdio.h>
#include <string.h>

int
problem_status(const struct error *err)
{
	switch (error_info(err->code)->kind) {
	case ERROR_KIND_INVALID: return 400;
	case ERROR_KIND_UNAUTHENTICATED: return 401;
	case ERROR_KIND_FORBIDDEN: return 403;
	case ERROR_KIND_NOT_FOUND: return 404;
	case ERROR_KIND_METHOD: return 405;
	case ERROR_KIND_TIMEOUT: return 408;
	case ERROR_KIND_GONE: return 410;
	case ERROR_KIND_CONFLICT: return 409;
	case ERROR_KIND_TOO_LARGE: return 413;
	case ERROR_KIND_MEDIA_TYPE: return 415;
	case ERROR_KIND_RANGE: return 416;
	case ERROR_KIND_UNPROCESSABLE: return 422;
	case ERROR_KIND_RATE_LIMITED: return 429;
	case ERROR_KIND_NOT_IMPLEMENTED: return 501;
	case ERROR_KIND_UNAVAILABLE: return 503;
	case ERROR_KIND_INTERNAL:
	case ERROR_KIND_NONE: return 500;
	}
	return 500;
}

json_t *
problem_to_json(const struct error *err, const char *request_id)
{
	const struct error_info *info = error_info(err->code);
	/* Of our own failures the client is told no more; what is not done here is none. */
	const bool ours = info->kind == ERROR_KIND_UNAVAILABLE || problem_status(err) == 500;
	json_t *problem = json_pack("{s:s+, s:s, s:i, s:s*, s:s, s:s}", "type",
	    "urn:moniker:problem:", info->slug, "title", info->title, "status", problem_status(err),
	    "detail", ours ? NULL : err->detail, "code", info->name, "request_id", request_id);

	/* An array, as in the example of RFC 9457 section 3, though we stop at one. */
	if (problem != NULL && err->pointer != NULL && !ours)
		(void)json_object_set_new(problem, "errors",
		    json_pack(
			"[{s:s, s:s+}]", "detail", err->detail, "pointer", "#", err->pointer));
	return problem;
}

/* What is not there now is worth another try soon, whoever found it missing. */
static int
retry_after_s(const struct error *err)
{
	if (err->retry_after_s > 0)
		return err->retry_after_s;
	return error_info(err->code)->kind == ERROR_KIND_UNAVAILABLE ? 1 : 0;
}

void
problem_respond(const struct error *err, const char *request_id, struct http_response *response)
{
	const int retry_s = retry_after_s(err);

	buf_clear(&response->body);
	response->header_count = 0;
	(void)http_ok(response, problem_to_json(err, request_id));
	response->status = problem_status(err);
	response->content_type = "application/problem+json";
	if (retry_s > 0)
		http_header(response, "Retry-After", "%d", retry_s);
	if (response->status == 401)
		/* RFC 9110 section 11.6.1 wants a challenge, and TLS has no registered scheme. */
		http_header(response, "WWW-Authenticate", "ClientCertificate realm=\"moniker\"");
}

void
problem_ask_for_token(bool bare, struct http_response *response)
{
	if (bare) {
		buf_clear(&response->body);
		response->content_type = NULL;
	}
	for (size_t i = 0; i < response->header_count; i++) {
		struct http_header *header = &response->headers[i];

		if (strcmp(header->name, "WWW-Authenticate") == 0)
			(void)snprintf(
			    header->value, sizeof header->value, "Basic realm=\"moniker\"");
	}
}
