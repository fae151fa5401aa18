/* What anybody may fetch: CRLs and CA certificates, and that the service lives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "base/log.h"
#include "base/text.h"

#define CRL_MAX_AGE_S 60
#define SHARD_DIGITS 4

/* "0007" */
static bool
parse_shard(const char *text, int *out)
{
	int shard = 0;

	if (strlen(text) != SHARD_DIGITS)
		return false;
	for (int i = 0; i < SHARD_DIGITS; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		shard = shard * 10 + (text[i] - '0');
	}
	*out = shard;
	return true;
}

static void
release_list(void *context)
{
	crl_file_free(context);
}

static bool
read_list(void *context, size_t from, uint8_t *out, size_t len)
{
	struct error err = {0};

	if (crl_file_copy(context, from, out, len, &err))
		return true;
	log_error(LOG_LEVEL_ERROR, "crl.read", NULL, &err);
	return false;
}

/* Sends what the view has, piece by piece: the response holds it until it is sent. */
static void
share_list(struct crl_view *view, bool gzip, struct http_response *response)
{
	struct crl_file *file = gzip ? TAKE(view->gzip) : TAKE(view->der);

	response->read = read_list;
	response->read_len = crl_file_size(file);
	response->release = release_list;
	response->release_context = file;
	response->content_type = "application/pkix-crl";
	response->status = 200;
}

/* Whether the client has it: by its tag, or else by its exact date (RFC 9110 section 13.2.2). */
static bool
is_known(const struct http_request *request, const char *etag, const char *date)
{
	if (request->if_none_match[0] != '\0')
		return http_etag_named(request, etag);
	return strcmp(request->if_modified_since, date) == 0;
}

static bool
answer_list(const struct app *app, const struct http_request *request, enum crl_kind kind,
    struct http_response *response, struct error *err)
{
	DEFER(crl_view_clear) struct crl_view view = {0};
	const int64_t now_s = clock_now_s(app->clock);
	char etag[48], date[HTTP_DATE_LEN + 1], expires[HTTP_DATE_LEN + 1];
	int shard = 0;
	bool gzip;

	if (!parse_shard(request->params[1], &shard))
		return error_set(err, E_NOT_FOUND, "there is no such CRL");
	if (!crl_get(app->crls, request->params[0], shard, kind, &view, err))
		return false;
	gzip = view.gzip != NULL && http_accepts_gzip(request);
	(void)snprintf(etag, sizeof etag, "\"%llu%s\"", (unsigned long long)view.info.number,
	    gzip ? "-gzip" : "");
	http_date(date, view.info.this_update_s);
	http_date(expires, now_s + CRL_MAX_AGE_S);
	http_header(response, "ETag", "%s", etag);
	http_header(response, "Cache-Control", "max-age=%d", CRL_MAX_AGE_S);
	http_header(response, "Expires", "%s", expires);
	http_header(response, "Last-Modified", "%s", date);
	http_header(response, "Vary", "Accept-Encoding");
	share_list(&view, gzip, response);
	if (is_known(request, etag, date))
		return http_not_modified(response);
	if (gzip)
		http_header(response, "Content-Encoding", "gzip");
	return true;
}

bool
get_crl(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	return answer_list(app, request, CRL_FULL, response, err);
}

bool
get_delta_crl(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	return answer_list(app, request, CRL_DELTA, response, err);
}

bool
get_ca(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	for (size_t i = 0; i < issuers_count(app->issuers); i++) {
		const struct issuer *issuer = issuers_at(app->issuers, i);

		if (strcmp(issuer->id_text, request->params[0]) != 0)
			continue;
		buf_append(&response->body, buf_bytes(&issuer->der));
		response->content_type = "application/pkix-cert";
		response->status = 200;
		http_header(response, "Cache-Control", "max-age=86400");
		return true;
	}
	return error_set(err, E_NOT_FOUND, "there is no such authority");
}

bool
get_health(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	(void)app;
	(void)request;
	(void)err;
	return http_ok(response, json_pack("{s:s}", "status", "alive"));
}
