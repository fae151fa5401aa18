/* What anybody may fetch: CRLs, CA certificates, how the service is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/handlers.h"
#include "base/text.h"
#include "ca/certificate_store.h"

#define CRL_MAX_AGE_S 60
#define CRL_AGE_MAX_S (2 * 3600) /* rebuilt every hour */
#define CHECKPOINT_AGE_MAX_S 180 /* a heartbeat every 60 s */
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

/* RFC 9110 section 5.6.7. */
static void
put_date(struct http_response *response, const char *name, int64_t at_s)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {
	    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	const time_t time = (time_t)at_s;
	struct tm utc;

	(void)gmtime_r(&time, &utc);
	http_header(response, name, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
	    utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
	    utc.tm_sec);
}

bool
get_crl(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	struct crl_info info;
	char etag[32];
	int shard = 0;

	if (!parse_shard(request->params[1], &shard))
		return error_set(err, E_NOT_FOUND, "there is no such CRL");
	if (!crl_get(app->crls, request->params[0], shard, &response->body, &info, err))
		return false;
	(void)snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)info.number);
	http_header(response, "ETag", "%s", etag);
	http_header(response, "Cache-Control", "max-age=%d", CRL_MAX_AGE_S);
	put_date(response, "Last-Modified", info.this_update_s);
	response->content_type = "application/pkix-crl";
	response->status = 200;
	/* A list of tags, weak or strong, or any: RFC 9110 section 13.1.2. */
	if (strstr(request->if_none_match, etag) != NULL ||
	    strcmp(request->if_none_match, "*") == 0) {
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

/* ---- readiness: each component by its own look ---- */

static void
put_component(json_t *components, const char *name, bool *all, bool ready, const char *detail)
{
	*all = *all && ready;
	(void)json_object_set_new(components, name,
	    json_pack("{s:b, s:s*}", "ready", ready, "detail",
		detail != NULL && detail[0] != '\0' ? detail : NULL));
}

static void
look_at_keeper(const struct app *app, json_t *components, bool *all)
{
	bool alive = false;

	(void)keeper_client_generation(app->keeper, &alive);
	put_component(components, "keeper", all, alive, alive ? NULL : "it does not answer");
}

static void
look_at_database(const struct app *app, json_t *components, bool *all)
{
	struct error err = {0};
	int months = -1;
	const bool up = certificate_months_ahead(app->db, clock_now_s(app->clock), &months, &err);

	put_component(components, "database", all, up, up ? NULL : err.detail);
	put_component(components, "partitions", all, up && months >= 1,
	    up && months >= 1 ? NULL : "less than a month ahead");
}

static void
look_at_log(const struct app *app, json_t *components, bool *all)
{
	const int64_t age_s = audit_checkpoint_age_s(app->audit);
	struct ledger_status status;

	ledger_status(app->ledger, &status);
	put_component(components, "ledger", all, status.ready, status.why_not);
	put_component(components, "checkpoint", all, age_s >= 0 && age_s <= CHECKPOINT_AGE_MAX_S,
	    age_s < 0                      ? "none yet"
	    : age_s > CHECKPOINT_AGE_MAX_S ? "stale"
					   : NULL);
}

static void
look_at_crls(const struct app *app, json_t *components, bool *all)
{
	const int64_t oldest_s = crl_oldest_update_s(app->crls);
	const bool fresh = oldest_s > 0 && clock_now_s(app->clock) - oldest_s <= CRL_AGE_MAX_S;

	put_component(components, "crl", all, fresh,
	    fresh           ? NULL
	    : oldest_s == 0 ? "one is missing"
			    : "one is stale");
}

bool
get_ready(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	json_t *components = json_object();
	bool all = true;

	(void)request;
	(void)err;
	look_at_database(app, components, &all);
	look_at_keeper(app, components, &all);
	look_at_log(app, components, &all);
	look_at_crls(app, components, &all);
	(void)http_ok(response, json_pack("{s:b, s:o}", "ready", all, "components", components));
	response->status = all ? 200 : 503;
	return true;
}
