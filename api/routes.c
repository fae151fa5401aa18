#include "api/routes.h"

#include <stdio.h>
#include <string.h>

#include "api/est.h"
#include "api/handlers.h"

#define KB ((size_t)1024)

#define STATION ROLE_STATION
#define VERIFIER ROLE_VERIFIER
#define OFFICER ROLE_OFFICER
#define AUDITOR ROLE_AUDITOR
#define ADMIN ROLE_ADMIN
#define LEGAL ROLE_LEGAL
#define PERSONS (STATION | VERIFIER | OFFICER | AUDITOR | ROLE_LEGAL | ADMIN)
#define DEVICE CALLER_DEVICE
#define ANY CALLER_ANY
#define LOCAL CALLER_LOCAL
#define TOKEN CALLER_TOKEN
#define REMEMBERED CALLER_REMEMBERED
#define TLS ROUTE_TLS
#define EST (ROUTE_TLS | ROUTE_EST)
#define BOTH (ROUTE_TLS | ROUTE_PLAIN)
#define STANDBY ROUTE_STANDBY

/* clang-format off */
static const struct route ROUTES[] = {
	/* method      path                              callers             port  body         refusal's event          handler */
	{ HTTP_POST,   "/v1/enrollments",                STATION | ANY,      TLS,  ROUTE_BODY_MAX, LEAF_ENROLL_REFUSED,  post_enrollment },
	{ HTTP_POST,   "/v1/renewals",                   DEVICE,             TLS,  16 * KB,     LEAF_RENEW_REFUSED,      post_renewal },
	{ HTTP_POST,   "/v1/pseudonyms",                 DEVICE,             TLS,  16 * KB,     LEAF_ROTATE_REFUSED,     post_pseudonym },
	{ HTTP_POST,   "/v1/verifications",              VERIFIER | REMEMBERED, TLS | STANDBY,  ROUTE_BODY_MAX, LEAF_EVENT_NONE,      post_verification },
	{ HTTP_GET,    "/v1/devices/{pseudonym}",        VERIFIER | OFFICER, TLS,  0,           LEAF_EVENT_NONE,         get_device },
	{ HTTP_GET,    "/v1/certificates/{serial}",      VERIFIER | OFFICER, TLS,  0,           LEAF_EVENT_NONE,         get_certificate },
	{ HTTP_GET,    "/v1/changes",                    VERIFIER,           TLS,  0,           LEAF_EVENT_NONE,         get_changes },
	{ HTTP_GET,    "/v1/changes/snapshot",           VERIFIER | REMEMBERED, TLS,  0,           LEAF_EVENT_NONE,         get_snapshot },
	{ HTTP_GET,    "/v1/trust-bundle",               ANY,                TLS,  0,           LEAF_EVENT_NONE,         get_trust_bundle },
	{ HTTP_POST,   "/v1/revocations",                OFFICER | REMEMBERED, TLS | STANDBY,  4 * KB,      LEAF_CERT_REFUSED,       post_revocation },
	{ HTTP_GET,    "/v1/revocations/{id}",           OFFICER | REMEMBERED, TLS | STANDBY,  0,           LEAF_EVENT_NONE,         get_revocation },
	{ HTTP_POST,   "/v1/batches",                    ADMIN,              TLS,  64 * KB,     LEAF_BATCH_REFUSED,      post_batch },
	{ HTTP_GET,    "/v1/batches",                    ADMIN | STATION,    TLS,  0,           LEAF_EVENT_NONE,         get_batches },
	{ HTTP_GET,    "/v1/batches/{id}",               ADMIN | STATION,    TLS,  0,           LEAF_EVENT_NONE,         get_batch },
	{ HTTP_POST,   "/v1/batches/{id}/tokens",        ADMIN,              TLS,  1024 * KB,   LEAF_BATCH_REFUSED,      post_tokens },
	{ HTTP_POST,   "/v1/batches/{id}/manifest",      ADMIN,              TLS,  32 * KB,     LEAF_BATCH_REFUSED,      post_manifest },
	{ HTTP_GET,    "/v1/batches/{id}/manifest",      ADMIN,              TLS,  0,           LEAF_EVENT_NONE,         get_manifest },
	{ HTTP_POST,   "/v1/hardware-tags/evaluate",     STATION | ADMIN,    TLS,  32 * KB,     LEAF_ENROLL_REFUSED,     post_evaluation },
	{ HTTP_GET,    "/v1/seat-sets",                   STATION | ADMIN | LEGAL | OFFICER, TLS,  0,           LEAF_EVENT_NONE,         get_seat_sets },
	{ HTTP_POST,   "/v1/disclosures",                LEGAL | OFFICER,    TLS,  4 * KB,      LEAF_DISCLOSURE_REFUSED, post_disclosure },
	{ HTTP_GET,    "/v1/disclosures/{id}",           LEGAL | OFFICER,    TLS,  0,           LEAF_EVENT_NONE,         get_disclosure },
	{ HTTP_POST,   "/v1/disclosures/{id}/approval",  LEGAL | OFFICER,    TLS,  4 * KB,      LEAF_DISCLOSURE_REFUSED, post_disclosure_approval },
	{ HTTP_POST,   "/v1/disclosures/{id}/rejection", LEGAL | OFFICER,    TLS,  4 * KB,      LEAF_DISCLOSURE_REFUSED, post_disclosure_rejection },
	{ HTTP_GET,    "/v1/disclosures/{id}/package",   LEGAL | OFFICER,    TLS,  0,           LEAF_DISCLOSURE_REFUSED, get_disclosure_package },
	{ HTTP_POST,   "/v1/disclosures/{id}/receipt",   LEGAL | OFFICER,    TLS,  4 * KB,      LEAF_DISCLOSURE_REFUSED, post_disclosure_receipt },
	{ HTTP_POST,   "/v1/erasures",                   LEGAL,              TLS,  4 * KB,      LEAF_PRIVACY_REFUSED,    post_erasure },
	{ HTTP_GET,    "/v1/erasures/{id}",              LEGAL,              TLS,  0,           LEAF_EVENT_NONE,         get_erasure },
	{ HTTP_GET,    "/v1/seats/shares",               LEGAL | OFFICER,    TLS,  0,           LEAF_SEAT_REFUSED,       get_seat_shares },
	{ HTTP_POST,   "/v1/seats/shares",               LEGAL | OFFICER,    TLS,  64 * KB,     LEAF_SEAT_REFUSED,       post_seat_shares },
	{ HTTP_POST,   "/v1/operators",                  ADMIN,              TLS,  32 * KB,     LEAF_ADMIN_LOGIN_REFUSED, post_operator },
	{ HTTP_GET,    "/v1/operators",                  ADMIN,              TLS,  0,           LEAF_EVENT_NONE,         get_operators },
	{ HTTP_POST,   "/v1/operators/renewals",         PERSONS,            TLS,  16 * KB,     LEAF_ADMIN_LOGIN_REFUSED, post_operator_renewal },
	{ HTTP_GET,    "/v1/operators/{name}",           ADMIN,              TLS,  0,           LEAF_EVENT_NONE,         get_operator },
	{ HTTP_GET,    "/v1/operators/{name}/certificate", ADMIN,            TLS,  0,           LEAF_EVENT_NONE,         get_operator_certificate },
	{ HTTP_GET,    "/v1/operators/renewals/{serial}", PERSONS,           TLS,  0,           LEAF_EVENT_NONE,         get_operator_renewal }, /* after {name}/certificate: "renewals" may be a name */
	{ HTTP_DELETE, "/v1/operators/{name}",           ADMIN,              TLS,  0,           LEAF_ADMIN_LOGIN_REFUSED, delete_operator },
	{ HTTP_GET,    "/v1/audit/events",               AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_events },
	{ HTTP_POST,   "/v1/audit/exports",              AUDITOR,            TLS,  4 * KB,      LEAF_LOG_EXPORT,         post_export },
	{ HTTP_GET,    "/v1/audit/exports",              AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_exports },
	{ HTTP_GET,    "/v1/audit/exports/{id}",         AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_export },
	{ HTTP_GET,    "/v1/audit/exports/{id}/result",  AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_export_result },
	{ HTTP_DELETE, "/v1/audit/exports/{id}",         AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         delete_export },
	{ HTTP_POST,   "/v1/audit/holds",                LEGAL,              TLS,  4 * KB,      LEAF_LOG_HOLD,           post_hold },
	{ HTTP_GET,    "/v1/audit/holds",                LEGAL | AUDITOR,    TLS,  0,           LEAF_EVENT_NONE,         get_holds },
	{ HTTP_GET,    "/v1/audit/holds/{name}",         LEGAL | AUDITOR,    TLS,  0,           LEAF_EVENT_NONE,         get_hold },
	{ HTTP_DELETE, "/v1/audit/holds/{name}",         LEGAL,              TLS,  0,           LEAF_LOG_RELEASE,        delete_hold },
	{ HTTP_GET,    "/v1/audit/proofs/inclusion",     AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_inclusion },
	{ HTTP_GET,    "/v1/audit/proofs/consistency",   AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_consistency },
	{ HTTP_GET,    "/audit/{log}/tile/{/path}",      AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_tile },
	{ HTTP_GET,    "/audit/logs",                    AUDITOR,            TLS,  0,           LEAF_EVENT_NONE,         get_logs },
	{ HTTP_GET,    "/audit/{log}/checkpoint",        ANY,                TLS,  0,           LEAF_EVENT_NONE,         get_checkpoint },
	{ HTTP_GET,    "/.well-known/est/cacerts",        ANY,                EST,  0,              LEAF_EVENT_NONE,         get_est_cacerts },
	{ HTTP_GET,    "/.well-known/est/csrattrs",       ANY,                EST,  0,              LEAF_EVENT_NONE,         get_est_csrattrs },
	{ HTTP_POST,   "/.well-known/est/simpleenroll",   STATION | TOKEN,    EST,  EST_BODY_MAX,   LEAF_ENROLL_REFUSED,     post_est_enroll },
	{ HTTP_POST,   "/.well-known/est/simplereenroll", DEVICE,             EST,  EST_BODY_MAX,   LEAF_RENEW_REFUSED,      post_est_reenroll },
	{ HTTP_POST,   "/.well-known/est/serverkeygen",   ANY,                EST,  EST_BODY_MAX,   LEAF_EVENT_NONE,         post_est_serverkeygen },
	{ HTTP_GET,    "/.well-known/est/{label}/cacerts", ANY,                EST,  0,              LEAF_EVENT_NONE,         get_est_cacerts },
	{ HTTP_GET,    "/.well-known/est/{label}/csrattrs", ANY,                EST,  0,              LEAF_EVENT_NONE,         get_est_csrattrs },
	{ HTTP_POST,   "/.well-known/est/{label}/simpleenroll", STATION | TOKEN,    EST,  EST_BODY_MAX,   LEAF_ENROLL_REFUSED,     post_est_enroll },
	{ HTTP_POST,   "/.well-known/est/{label}/simplereenroll", DEVICE,             EST,  EST_BODY_MAX,   LEAF_RENEW_REFUSED,      post_est_reenroll },
	{ HTTP_POST,   "/.well-known/est/{label}/serverkeygen", ANY,                EST,  EST_BODY_MAX,   LEAF_EVENT_NONE,         post_est_serverkeygen },
	{ HTTP_GET,    "/crl/{issuer}/{shard}.crl",      ANY,                BOTH | STANDBY, 0,           LEAF_EVENT_NONE,         get_crl },
	{ HTTP_GET,    "/crl/{issuer}/{shard}/delta.crl", ANY,               BOTH | STANDBY, 0,           LEAF_EVENT_NONE,         get_delta_crl },
	{ HTTP_GET,    "/ca/{issuer}.cer",               ANY,                BOTH | STANDBY, 0,           LEAF_EVENT_NONE,         get_ca },
	{ HTTP_GET,    "/ocsp/{+request}",               ANY,                BOTH | STANDBY, 0,           LEAF_EVENT_NONE,         get_ocsp },
	{ HTTP_POST,   "/ocsp",                          ANY,                BOTH | STANDBY, 16 * KB,     LEAF_EVENT_NONE,         post_ocsp },
	{ HTTP_GET,    "/healthz",                       ANY,                TLS | STANDBY,  0,           LEAF_EVENT_NONE,         get_health },
	{ HTTP_GET,    "/readyz",                        ANY,                TLS | STANDBY,  0,           LEAF_EVENT_NONE,         get_ready },
	{ HTTP_GET,    "/metrics",                       ADMIN | LOCAL,      TLS,  0,           LEAF_EVENT_NONE,         get_metrics },
	{ HTTP_GET,    "/v1/openapi.yaml",               ANY,                TLS | STANDBY,  0,           LEAF_EVENT_NONE,         get_openapi },
};
/* clang-format on */

const struct route *
routes_all(size_t *out_count)
{
	*out_count = COUNT(ROUTES);
	return ROUTES;
}

/* Characters of names, handles, pseudonyms and serials; the rest of a segment never reaches a
 * handler. */
static bool
is_param_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("._@-", c) != NULL;
}

/* One {…} of the pattern against the segment that it stands in, up to what follows it there. */
static bool
match_param(const char **pattern, const char **path, char *out)
{
	const char *suffix = strchr(*pattern, '}') + 1;
	const size_t suffix_len = strcspn(suffix, "/");
	const size_t segment_len = strcspn(*path, "/");
	size_t len;

	if (segment_len <= suffix_len || segment_len - suffix_len > HTTP_VALUE_MAX)
		return false;
	len = segment_len - suffix_len;
	for (size_t i = 0; i < len; i++)
		if ((*path)[i] == '\0' || !is_param_char((*path)[i]))
			return false;
	(void)snprintf(out, HTTP_VALUE_MAX + 1, "%.*s", (int)len, *path);
	*pattern = suffix;
	*path += len;
	return true;
}

/* What text is sent as: printable, with '/', and the ends of its lines. That it is base64, its
 * handler has to find, which has a word of its own for what is none. */
static bool
is_text_char(char c)
{
	return (c >= ' ' && c <= '~') || c == '\r' || c == '\n';
}

/* Of a file's path; what it may be, its handler reads strictly. */
static bool
is_path_char(char c)
{
	return is_param_char(c) || c == '/';
}

static bool
match_rest(const char *path, bool (*is)(char c), const char **out_tail)
{
	for (const char *c = path; *c != '\0'; c++)
		if (!is(*c))
			return false;
	*out_tail = path;
	return *path != '\0' && strstr(path, "..") == NULL;
}

static bool
match(const char *pattern, const char *path, char params[HTTP_PARAMS_MAX][HTTP_VALUE_MAX + 1],
    const char **out_tail)
{
	size_t count = 0;

	*out_tail = NULL;
	while (*pattern != '\0') {
		if (strncmp(pattern, "{+", 2) == 0)
			return match_rest(path, is_text_char, out_tail);
		if (strncmp(pattern, "{/", 2) == 0)
			return match_rest(path, is_path_char, out_tail);
		if (*pattern == '{') {
			if (!match_param(&pattern, &path, params[count++]))
				return false;
		} else if (*pattern++ != *path++)
			return false;
	}
	return *path == '\0';
}

bool
routes_find(
    struct http_request *request, enum route_port port, const struct route **out, struct error *err)
{
	bool path_known = false;

	for (size_t i = 0; i < COUNT(ROUTES); i++) {
		const struct route *route = &ROUTES[i];

		if ((route->ports & port) == 0 ||
		    !match(route->pattern, request->path, request->params, &request->tail))
			continue;
		path_known = true;
		if (route->method != request->method)
			continue;
		*out = route;
		return true;
	}
	memset(request->params, 0, sizeof request->params);
	request->tail = NULL;
	return path_known ? error_set(err, E_METHOD_NOT_ALLOWED, "not with this method")
			  : error_set(err, E_NOT_FOUND, "there is no such path");
}

void
routes_methods(
    const struct http_request *request, enum route_port port, char out[static ROUTES_METHODS_LEN])
{
	static const char *const names[] = {
	    [HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
	char params[HTTP_PARAMS_MAX][HTTP_VALUE_MAX + 1];
	const char *tail;
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < COUNT(ROUTES); i++)
		if ((ROUTES[i].ports & port) != 0 &&
		    match(ROUTES[i].pattern, request->path, params, &tail))
			len += (size_t)snprintf(&out[len], ROUTES_METHODS_LEN - len, "%s%s",
			    len > 0 ? ", " : "", names[ROUTES[i].method]);
}
