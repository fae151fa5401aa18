/*
 * Who may call what: every route with every caller, on both ports. The table is written by hand,
 * from docs/api.md, and compared with the service's own: a route without a row fails.
 */
#include "tests/integration/hostile/world.h"

#include <stdlib.h>

#include "api/routes.h"

#define MAY(who) (1U << (who))
#define ANYBODY 0xffffU
#define STATIONS (MAY(STATION) | MAY(STATION2))
#define PERSONS (STATIONS | MAY(VERIFIER) | MAY(OFFICER) | MAY(AUDITOR) | MAY(LEGAL) | MAY(ADMIN))

/* clang-format off */
static const struct row {
	enum http_method method;
	const char *pattern, *path; /* `path` stands for it: names nothing, or nothing secret */
	unsigned may;
	bool plain;      /* on the plain port, too */
	int status;      /* for those who may: nothing is changed by it */
	const char *code;
	const char *pointer;
	const char *event; /* of that refusal */
} ROWS[] = {
	{ HTTP_POST,   "/v1/enrollments", "/v1/enrollments", STATIONS, false, 400, "INCOMPLETE", "/batch", "enroll.refused" },
	{ HTTP_POST,   "/v1/renewals", "/v1/renewals", MAY(DEVICE), false, 400, "BAD_SYNTAX", "/csr", "renew.refused" },
	{ HTTP_POST,   "/v1/pseudonyms", "/v1/pseudonyms", MAY(DEVICE), false, 422, "PROFILE_DENIED", NULL, "rotate.refused" },
	{ HTTP_POST,   "/v1/verifications", "/v1/verifications", MAY(VERIFIER), false, 400, "BAD_SYNTAX", NULL, NULL },
	{ HTTP_GET,    "/v1/devices/{pseudonym}", "/v1/devices/00000000-0000-4000-8000-000000000000", MAY(VERIFIER) | MAY(OFFICER), false, 404, "UNKNOWN_DEVICE", NULL, NULL },
	{ HTTP_GET,    "/v1/certificates/{serial}", "/v1/certificates/4000480000000000000000000000000000000000", MAY(VERIFIER) | MAY(OFFICER), false, 404, "UNKNOWN_CERTIFICATE", NULL, NULL },
	{ HTTP_GET,    "/v1/changes", "/v1/changes?after=x", MAY(VERIFIER), false, 400, "BAD_SYNTAX", "/after", NULL },
	{ HTTP_GET,    "/v1/changes/snapshot", "/v1/changes/snapshot", MAY(VERIFIER), false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/v1/trust-bundle", "/v1/trust-bundle", ANYBODY, false, 200, NULL, NULL, NULL },
	{ HTTP_POST,   "/v1/revocations", "/v1/revocations", MAY(OFFICER), false, 400, "INCOMPLETE", "/select", "cert.refused" },
	{ HTTP_GET,    "/v1/revocations/{id}", "/v1/revocations/aaaaaaaaaaaaaaaa", MAY(OFFICER), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_POST,   "/v1/batches", "/v1/batches", MAY(ADMIN), false, 400, "INCOMPLETE", "/id", "batch.refused" },
	{ HTTP_GET,    "/v1/batches", "/v1/batches", MAY(ADMIN) | STATIONS, false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/v1/batches/{id}", "/v1/batches/no-such-lot", MAY(ADMIN) | STATIONS, false, 404, "UNKNOWN_BATCH", NULL, NULL },
	{ HTTP_POST,   "/v1/batches/{id}/tokens", "/v1/batches/no-such-lot/tokens", MAY(ADMIN), false, 400, "BAD_SYNTAX", NULL, "batch.refused" },
	{ HTTP_POST,   "/v1/batches/{id}/manifest", "/v1/batches/no-such-lot/manifest", MAY(ADMIN), false, 400, "INCOMPLETE", "/kid", "batch.refused" },
	{ HTTP_GET,    "/v1/batches/{id}/manifest", "/v1/batches/no-such-lot/manifest", MAY(ADMIN), false, 404, "UNKNOWN_BATCH", NULL, NULL },
	{ HTTP_GET,    "/v1/seat-sets", "/v1/seat-sets", MAY(ADMIN) | MAY(LEGAL) | MAY(OFFICER) | STATIONS, false, 200, NULL, NULL, NULL },
	{ HTTP_POST,   "/v1/hardware-tags/evaluate", "/v1/hardware-tags/evaluate", MAY(ADMIN) | STATIONS, false, 400, "INCOMPLETE", "/points", "enroll.refused" },
	{ HTTP_POST,   "/v1/disclosures", "/v1/disclosures", MAY(LEGAL) | MAY(OFFICER), false, 400, "INCOMPLETE", "/basis", "disclosure.refused" },
	{ HTTP_GET,    "/v1/disclosures/{id}", "/v1/disclosures/aaaaaaaaaaaaaaaa", MAY(LEGAL) | MAY(OFFICER), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_POST,   "/v1/disclosures/{id}/approval", "/v1/disclosures/aaaaaaaaaaaaaaaa/approval", MAY(LEGAL) | MAY(OFFICER), false, 400, "INCOMPLETE", "/signature", "disclosure.refused" },
	{ HTTP_POST,   "/v1/disclosures/{id}/rejection", "/v1/disclosures/aaaaaaaaaaaaaaaa/rejection", MAY(LEGAL) | MAY(OFFICER), false, 404, "NOT_FOUND", NULL, "disclosure.refused" },
	{ HTTP_GET,    "/v1/disclosures/{id}/package", "/v1/disclosures/aaaaaaaaaaaaaaaa/package", MAY(LEGAL) | MAY(OFFICER), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_POST,   "/v1/disclosures/{id}/receipt", "/v1/disclosures/aaaaaaaaaaaaaaaa/receipt", MAY(LEGAL) | MAY(OFFICER), false, 400, "INCOMPLETE", "/package_sha256", "disclosure.refused" },
	{ HTTP_POST,   "/v1/erasures", "/v1/erasures", MAY(LEGAL), false, 400, "INCOMPLETE", "/pseudonyms", "privacy.refused" },
	{ HTTP_GET,    "/v1/erasures/{id}", "/v1/erasures/aaaaaaaaaaaaaaaa", MAY(LEGAL), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/v1/seats/shares", "/v1/seats/shares", MAY(LEGAL) | MAY(OFFICER), false, 400, "INCOMPLETE", "/role", "seat.refused" },
	{ HTTP_POST,   "/v1/seats/shares", "/v1/seats/shares", MAY(LEGAL) | MAY(OFFICER), false, 400, "INCOMPLETE", "/role", "seat.refused" },
	{ HTTP_POST,   "/v1/operators", "/v1/operators", MAY(ADMIN), false, 400, "INCOMPLETE", "/name", "admin.login.refused" },
	{ HTTP_GET,    "/v1/operators", "/v1/operators", MAY(ADMIN), false, 200, NULL, NULL, NULL },
	{ HTTP_POST,   "/v1/operators/renewals", "/v1/operators/renewals", PERSONS, false, 400, "BAD_SYNTAX", "/csr", "admin.login.refused" },
	{ HTTP_GET,    "/v1/operators/{name}", "/v1/operators/nobody-here", MAY(ADMIN), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/v1/operators/{name}/certificate", "/v1/operators/nobody-here/certificate", MAY(ADMIN), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/v1/operators/renewals/{serial}", "/v1/operators/renewals/0000000000000000000000000000000000000000", PERSONS, false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_DELETE, "/v1/operators/{name}", "/v1/operators/nobody-here", MAY(ADMIN), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/v1/audit/events", "/v1/audit/events?limit=1", MAY(AUDITOR), false, 200, NULL, NULL, NULL },
	{ HTTP_POST,   "/v1/audit/exports", "/v1/audit/exports", MAY(AUDITOR), false, 400, "BAD_SYNTAX", NULL, "log.export" },
	{ HTTP_GET,    "/v1/audit/exports", "/v1/audit/exports", MAY(AUDITOR), false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/v1/audit/exports/{id}", "/v1/audit/exports/aaaaaaaaaaaaaaaa", MAY(AUDITOR), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/v1/audit/exports/{id}/result", "/v1/audit/exports/aaaaaaaaaaaaaaaa/result", MAY(AUDITOR), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_DELETE, "/v1/audit/exports/{id}", "/v1/audit/exports/aaaaaaaaaaaaaaaa", MAY(AUDITOR), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_POST,   "/v1/audit/holds", "/v1/audit/holds", MAY(LEGAL), false, 400, "INCOMPLETE", "/name", "log.hold" },
	{ HTTP_GET,    "/v1/audit/holds", "/v1/audit/holds", MAY(LEGAL) | MAY(AUDITOR), false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/v1/audit/holds/{name}", "/v1/audit/holds/no-such-hold", MAY(LEGAL) | MAY(AUDITOR), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_DELETE, "/v1/audit/holds/{name}", "/v1/audit/holds/no-such-hold", MAY(LEGAL), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/v1/audit/proofs/inclusion", "/v1/audit/proofs/inclusion", MAY(AUDITOR), false, 400, "INCOMPLETE", NULL, NULL },
	{ HTTP_GET,    "/v1/audit/proofs/consistency", "/v1/audit/proofs/consistency?old=2&new=1", MAY(AUDITOR), false, 400, "BAD_SYNTAX", NULL, NULL },
	{ HTTP_GET,    "/audit/{log}/tile/{/path}", "/audit/no-such-log/tile/0/000", MAY(AUDITOR), false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/audit/logs", "/audit/logs", MAY(AUDITOR), false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/audit/{log}/checkpoint", "/audit/no-such-log/checkpoint", ANYBODY, false, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/.well-known/est/cacerts", "/.well-known/est/cacerts", ANYBODY, false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/.well-known/est/csrattrs", "/.well-known/est/csrattrs", ANYBODY, false, 200, NULL, NULL, NULL },
	{ HTTP_POST,   "/.well-known/est/simpleenroll", "/.well-known/est/simpleenroll", STATIONS, false, 415, "BAD_TYPE", NULL, "enroll.refused" },
	{ HTTP_POST,   "/.well-known/est/simplereenroll", "/.well-known/est/simplereenroll", MAY(DEVICE), false, 415, "BAD_TYPE", NULL, "renew.refused" },
	{ HTTP_POST,   "/.well-known/est/serverkeygen", "/.well-known/est/serverkeygen", ANYBODY, false, 501, "NOT_OFFERED", NULL, NULL },
	{ HTTP_GET,    "/.well-known/est/{label}/cacerts", "/.well-known/est/no-such-lot/cacerts", ANYBODY, false, 404, "UNKNOWN_BATCH", NULL, NULL },
	{ HTTP_GET,    "/.well-known/est/{label}/csrattrs", "/.well-known/est/no-such-lot/csrattrs", ANYBODY, false, 404, "UNKNOWN_BATCH", NULL, NULL },
	{ HTTP_POST,   "/.well-known/est/{label}/simpleenroll", "/.well-known/est/no-such-lot/simpleenroll", STATIONS, false, 415, "BAD_TYPE", NULL, "enroll.refused" },
	{ HTTP_POST,   "/.well-known/est/{label}/simplereenroll", "/.well-known/est/no-such-lot/simplereenroll", MAY(DEVICE), false, 415, "BAD_TYPE", NULL, "renew.refused" },
	{ HTTP_POST,   "/.well-known/est/{label}/serverkeygen", "/.well-known/est/no-such-lot/serverkeygen", ANYBODY, false, 501, "NOT_OFFERED", NULL, NULL },
	{ HTTP_GET,    "/crl/{issuer}/{shard}.crl", "/crl/0000000000000000/0000.crl", ANYBODY, true, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/crl/{issuer}/{shard}/delta.crl", "/crl/0000000000000000/0000/delta.crl", ANYBODY, true, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/ca/{issuer}.cer", "/ca/0000000000000000.cer", ANYBODY, true, 404, "NOT_FOUND", NULL, NULL },
	{ HTTP_GET,    "/ocsp/{+request}", "/ocsp/MAA=", ANYBODY, true, 200, NULL, NULL, NULL },
	{ HTTP_POST,   "/ocsp", "/ocsp", ANYBODY, true, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/healthz", "/healthz", ANYBODY, false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/readyz", "/readyz", ANYBODY, false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/v1/openapi.yaml", "/v1/openapi.yaml", ANYBODY, false, 200, NULL, NULL, NULL },
	{ HTTP_GET,    "/metrics", "/metrics", ANYBODY, false, 200, NULL, NULL, NULL }, /* from the host itself */
};
/* clang-format on */

static const char *
method_name(enum http_method method)
{
	static const char *const names[] = {
	    [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};

	return names[method];
}

static void
every_route_has_a_row(void **state)
{
	size_t count;
	const struct route *routes = routes_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		size_t rows = 0;

		for (size_t k = 0; k < COUNT(ROWS); k++)
			rows += routes[i].method == ROWS[k].method &&
				strcmp(routes[i].pattern, ROWS[k].pattern) == 0;
		if (rows != 1)
			fail_msg("%s %s has %zu rows", method_name(routes[i].method),
			    routes[i].pattern, rows);
	}
	assert_int_equal(count, COUNT(ROWS));
}

/* A body that the handler refuses, whoever sends it: enough to get past what needs no caller. */
static struct bytes
body_of(const struct row *row)
{
	if (strcmp(row->path, "/v1/enrollments") == 0)
		return bytes_of_text("{\"csr\":\"x\"}");
	if (row->status == 400 && strcmp(row->code, "BAD_SYNTAX") == 0)
		return bytes_of_text(row->pointer != NULL ? "{\"csr\":1}" : "{\"x\":1}");
	return bytes_of_text("{}");
}

static struct refusal
refusal_for(const struct row *row, enum who who)
{
	if ((row->may & MAY(who)) != 0)
		return (struct refusal){row->status, row->code, row->pointer, row->event};
	if (who == NOBODY)
		return (struct refusal){401, "CALLER_MISSING", NULL, NULL};
	return (struct refusal){403, "ROLE_DENIED", NULL, "admin.login.refused"};
}

static void
judge_caller(struct world *world, const struct row *row, enum who who)
{
	const struct refusal wanted = refusal_for(row, who);
	const bool posts = row->method == HTTP_POST;
	const char *type = posts ? JSON_TYPE : NULL;
	const struct bytes body = posts ? body_of(row) : (struct bytes){0};
	struct raw_answer answer;
	struct recorded before;
	char claim[128];

	(void)snprintf(
	    claim, sizeof claim, "%s %s as %s", method_name(row->method), row->path, who_name(who));
	if (wanted.status >= 400) {
		judge_refused(
		    world, claim, who, method_name(row->method), row->path, type, body, &wanted);
		return;
	}
	recorded_read(world, NULL, NULL, &before);
	world_call(world, who, method_name(row->method), row->path, type, body, &answer);
	JUDGE(world, claim, answer.status == wanted.status, "status %d", answer.status);
	judge_recorded(world, claim, NULL, NULL, &before, 0);
	judge_state(world, claim);
}

static void
every_caller_may_what_its_role_allows_and_no_more(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(ROWS); i++)
		for (enum who who = NOBODY; who < WHO_COUNT; who++)
			judge_caller(world, &ROWS[i], who);
}

static void
the_plain_port_knows_no_other_path(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const struct row *row = &ROWS[i];
		const struct refusal wanted = {.status = 404, .code = "NOT_FOUND"};
		DEFER(raw_clear) struct raw raw = {0};
		DEFER(buf_clear_public) struct buf request = {0};
		struct raw_answer answer;

		buf_append_format(&request, "%s %s HTTP/1.1\r\nHost: a\r\n\r\n",
		    method_name(row->method), row->path);
		assert_true(raw_connect(&raw, world->http_port, 0));
		(void)raw_send(&raw, buf_bytes(&request));
		(void)raw_answer(&raw, false, &answer);
		if (row->plain && row->status < 400) {
			JUDGE(world, row->path, answer.status == row->status, "status %d",
			    answer.status);
			continue;
		}
		judge_problem(world, row->path, &answer, &wanted);
		JUDGE(world, row->path,
		    (strstr(buf_text(&raw.got), "there is no such path") == NULL) == row->plain,
		    "%s", buf_text(&raw.got));
	}
	judge_state(world, "the plain port");
}

/* ---- names and queries ---- */

#define PSEUDONYM "/v1/devices/"
#define NO_PATH                              \
	{                                    \
		404, "NOT_FOUND", NULL, NULL \
	}
#define NO_BATCH                                 \
	{                                        \
		404, "UNKNOWN_BATCH", NULL, NULL \
	}
#define NO_QUERY                              \
	{                                     \
		400, "BAD_SYNTAX", NULL, NULL \
	}

/* clang-format off */
static const struct asked {
	const char *claim;
	enum who who;
	const char *path;
	struct refusal wanted;
} ASKED[] = {
	{ "a quote", OFFICER, PSEUDONYM "%27", NO_PATH },
	{ "SQL", OFFICER, PSEUDONYM "x%27%20OR%20%27%27=%27", NO_PATH },
	{ "SQL without spaces", ADMIN, "/v1/batches/1);DROP", NO_PATH },
	{ "a percent sign", OFFICER, PSEUDONYM "%25", NO_PATH },
	{ "a line break and a header", ADMIN, "/v1/batches/x%0d%0aX-Y:%20z", NO_PATH },
	{ "an underscore", ADMIN, "/v1/batches/________", NO_BATCH },
	{ "a path", ADMIN, "/v1/batches/..", NO_BATCH },
	{ "a path out of the log's folder", NOBODY, "/audit/../checkpoint", NO_PATH },
	{ "a path out of it, encoded", NOBODY, "/audit/..%2f..%2fetc%2fpasswd/checkpoint", NO_PATH },
	{ "dots for a log", NOBODY, "/audit/./checkpoint", NO_PATH },
	{ "an empty name", OFFICER, PSEUDONYM, NO_PATH },
	{ "no pseudonym", OFFICER, PSEUDONYM "x", { 400, "BAD_SYNTAX", "/pseudonym", NULL } },
	{ "a pseudonym in capitals", OFFICER, PSEUDONYM "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA", { 400, "BAD_SYNTAX", "/pseudonym", NULL } },
	{ "a pseudonym that is too long", OFFICER, PSEUDONYM "00000000-0000-4000-8000-0000000000000", { 400, "BAD_SYNTAX", "/pseudonym", NULL } },
	{ "a revocation's id that is none", OFFICER, "/v1/revocations/-1", NO_PATH },
	{ "a shard that is none", NOBODY, "/crl/0000000000000000/9999.crl", NO_PATH },
	{ "a delta of no shard", NOBODY, "/crl/0000000000000000//delta.crl", NO_PATH },
	{ "a shard with a sign", NOBODY, "/crl/0000000000000000/-001.crl", NO_PATH },
	{ "a person's name nobody has", ADMIN, "/v1/operators/admin%40", NO_PATH },
	{ "a forged cursor", ADMIN, "/v1/batches?after=x", NO_QUERY },
	{ "a negative cursor", ADMIN, "/v1/batches?after=-1", NO_QUERY },
	{ "a cursor with SQL in it", ADMIN, "/v1/batches?after=0;DROP", NO_QUERY },
	{ "a cursor beyond 64 bits", ADMIN, "/v1/operators?after=9223372036854775808", NO_QUERY },
	{ "an empty cursor", ADMIN, "/v1/operators?after=", NO_QUERY },
	{ "a cursor in hexadecimal", ADMIN, "/v1/operators?after=0x10", NO_QUERY },
	{ "a cursor with a space", ADMIN, "/v1/operators?after=+1", NO_QUERY },
	{ "a cursor twice", ADMIN, "/v1/operators?after=1&after=2", NO_QUERY },
	{ "a leaf below the first", AUDITOR, "/v1/audit/events?after=-2", NO_QUERY },
	{ "0 leaves", AUDITOR, "/v1/audit/events?limit=0", NO_QUERY },
	{ "10,001 leaves", AUDITOR, "/v1/audit/events?limit=10001", NO_QUERY },
	{ "a tree size beyond the log", AUDITOR, "/v1/audit/events?size=9223372036854775807", { 400, "BAD_SYNTAX", "/after", NULL } },
	{ "a time that is none", AUDITOR, "/v1/audit/events?from=yesterday", NO_QUERY },
	{ "an event nobody knows", AUDITOR, "/v1/audit/events?ev=x", { 400, "BAD_SYNTAX", "/ev", NULL } },
	{ "a reason in small letters", AUDITOR, "/v1/audit/events?rc=ok", { 400, "BAD_SYNTAX", "/rc", NULL } },
	{ "a log nobody knows", AUDITOR, "/v1/audit/events?log=%27", { 404, "NOT_FOUND", "/log", NULL } },
};
/* clang-format on */

static void
names_and_queries_of_nobodys_making_find_nothing(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(ASKED); i++)
		judge_refused(world, ASKED[i].claim, ASKED[i].who, "GET", ASKED[i].path, NULL,
		    (struct bytes){0}, &ASKED[i].wanted);
}

static void
a_name_of_10000_characters_finds_nothing(void **state)
{
	static const char *const PREFIXES[] = {
	    "/v1/devices/", "/v1/batches/", "/v1/operators/", "/v1/revocations/"};
	static const struct refusal wanted = NO_PATH;
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(PREFIXES); i++) {
		DEFER(buf_clear_public) struct buf path = {0};

		buf_append_text(&path, PREFIXES[i]);
		memset(buf_extend(&path, 10000), 'a', 10000);
		judge_refused(world, PREFIXES[i], ADMIN, "GET", buf_text(&path), NULL,
		    (struct bytes){0}, &wanted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_route_has_a_row),
	    WORLD_TEST(every_caller_may_what_its_role_allows_and_no_more),
	    WORLD_TEST(the_plain_port_knows_no_other_path),
	    WORLD_TEST(names_and_queries_of_nobodys_making_find_nothing),
	    WORLD_TEST(a_name_of_10000_characters_finds_nothing),
	};

	return cmocka_run_group_tests_name("hostile routes", tests, NULL, NULL);
}
