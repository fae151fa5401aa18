/* What anybody may fetch: CRLs and CA certificates, and that the service lives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
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

bool
get_crl(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	struct crl_info info;
	char etag[32], date[HTTP_DATE_LEN + 1];
	int shard = 0;

	if (!parse_shard(request->params[1], &shard))
		return error_set(err, E_NOT_FOUND, "there is no such CRL");
	if (!crl_get(app->crls, request->params[0], shard, &response->body, &info, err))
		return false;
	(void)snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)info.number);
	http_header(response, "ETag", "%s", etag);
	http_header(response, "Cache-Control", "max-age=%d", CRL_MAX_AGE_S);
	http_date(date, info.this_update_s);
	http_header(response, "Last-Modified", "%s", date);
	response->content_type = "application/pkix-crl";
	response->status = 200;
	if (http_etag_named(request, etag)) {
		buf_clear_public(&response->body);
		response->content_type = NULL;
		response->status = 304;
	}
	return true;
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
