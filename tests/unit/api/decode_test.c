#include "tests/support/cmocka_all.h"

#include <string.h>

#include "api/decode.h"
#include "api/http.h"

#define NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* What a text is decoded as. */
typedef bool (*decoder)(const json_t *body, struct error *err);

static bool
as_enrollment(const json_t *body, struct error *err)
{
	struct enroll_request out = {0};

	return decode_enrollment(body, &out, err);
}

static bool
as_revocation(const json_t *body, struct error *err)
{
	struct revoke_request out = {0};

	return decode_revocation(body, &out, err);
}

static bool
as_batch(const json_t *body, struct error *err)
{
	struct batch *out = calloc(1, sizeof *out);
	bool decoded;

	assert_non_null(out);
	decoded = decode_batch(body, NOW_S, out, err);
	free(out);
	return decoded;
}

#define ID "{\"type\":\"mac48\",\"value\":\"00:1b:63:84:45:e6\"}"
#define LOT "\"id\":\"lot-1\",\"model\":\"m1\",\"quota\":10"

/* clang-format off */
static const struct reject {
	const char *why;
	decoder decode;
	const char *body;
	enum error_code want;
	const char *pointer;
} REJECTS[] = {
	{ "nothing", as_enrollment, "", E_BAD_SYNTAX, NULL },
	{ "no object", as_enrollment, "[]", E_BAD_SYNTAX, NULL },
	{ "more after the object", as_enrollment, "{\"csr\":\"x\"} {}", E_BAD_SYNTAX, NULL },
	{ "a member twice", as_enrollment, "{\"csr\":\"x\",\"csr\":\"y\"}", E_BAD_SYNTAX, NULL },
	{ "an unknown member", as_enrollment, "{\"csr\":\"x\",\"batch\":\"b\",\"admin\":true}", E_BAD_SYNTAX, NULL },
	{ "no CSR", as_enrollment, "{\"batch\":\"b\"}", E_INCOMPLETE, "/csr" },
	{ "a CSR that is a number", as_enrollment, "{\"batch\":\"b\",\"csr\":1}", E_BAD_SYNTAX, "/csr" },
	{ "an empty CSR", as_enrollment, "{\"batch\":\"b\",\"csr\":\"\"}", E_BAD_SYNTAX, "/csr" },
	{ "a batch that is null", as_enrollment, "{\"batch\":null,\"csr\":\"x\"}", E_BAD_SYNTAX, "/batch" },
	{ "a text with a NUL", as_enrollment, "{\"batch\":\"b\\u0000c\",\"csr\":\"x\"}", E_BAD_SYNTAX, NULL },
	{ "replace as a text", as_enrollment, "{\"csr\":\"x\",\"replace\":\"true\"}", E_BAD_SYNTAX, "/replace" },
	{ "hardware ids as an object", as_enrollment, "{\"csr\":\"x\",\"hardware_ids\":{}}", E_BAD_SYNTAX, "/hardware_ids" },
	{ "too many hardware ids", as_enrollment, "{\"csr\":\"x\",\"hardware_ids\":[" ID "," ID "," ID "," ID "," ID "]}", E_BAD_SYNTAX, "/hardware_ids" },
	{ "a hardware id that is a text", as_enrollment, "{\"csr\":\"x\",\"hardware_ids\":[\"mac\"]}", E_BAD_SYNTAX, NULL },
	{ "a hardware id without a value", as_enrollment, "{\"csr\":\"x\",\"hardware_ids\":[{\"type\":\"mac48\"}]}", E_INCOMPLETE, "/hardware_ids" },
	{ "a hardware id with more", as_enrollment, "{\"csr\":\"x\",\"hardware_ids\":[{\"type\":\"a\",\"value\":\"b\",\"c\":1}]}", E_BAD_SYNTAX, NULL },

	{ "no selection", as_revocation, "{\"action\":\"revoke\"}", E_INCOMPLETE, "/select" },
	{ "an empty selection", as_revocation, "{\"select\":{},\"action\":\"revoke\"}", E_BAD_SYNTAX, "/select" },
	{ "two selectors", as_revocation, "{\"select\":{\"serial\":\"01\",\"handle\":\"a\"},\"action\":\"revoke\"}", E_BAD_SYNTAX, "/select" },
	{ "a whole batch", as_revocation, "{\"select\":{\"batch\":\"lot-1\"},\"action\":\"revoke\"}", E_BAD_SYNTAX, "/select" },
	{ "a device and a batch", as_revocation, "{\"select\":{\"handle\":\"a\",\"batch\":\"lot-1\"},\"action\":\"revoke\"}", E_BAD_SYNTAX, "/select" },
	{ "a serial that is a number", as_revocation, "{\"select\":{\"serial\":1},\"action\":\"revoke\"}", E_BAD_SYNTAX, "/select/serial" },
	{ "an unknown action", as_revocation, "{\"select\":{\"handle\":\"a\"},\"action\":\"delete\"}", E_BAD_SYNTAX, "/action" },
	{ "an unknown reason", as_revocation, "{\"select\":{\"handle\":\"a\"},\"action\":\"revoke\",\"reason\":\"bored\"}", E_BAD_SYNTAX, "/reason" },
	{ "an unknown detail", as_revocation, "{\"select\":{\"handle\":\"a\"},\"action\":\"revoke\",\"why\":\"BORED\"}", E_BAD_SYNTAX, "/why" },
	{ "dry_run as a number", as_revocation, "{\"select\":{\"handle\":\"a\"},\"action\":\"revoke\",\"dry_run\":1}", E_BAD_SYNTAX, "/dry_run" },

	{ "no quota", as_batch, "{\"id\":\"lot-1\",\"model\":\"m1\"}", E_INCOMPLETE, "/quota" },
	{ "a quota of none", as_batch, "{\"id\":\"lot-1\",\"model\":\"m1\",\"quota\":0}", E_BAD_SYNTAX, "/quota" },
	{ "a quota with a fraction", as_batch, "{\"id\":\"lot-1\",\"model\":\"m1\",\"quota\":1.5}", E_BAD_SYNTAX, "/quota" },
	{ "an unknown mode", as_batch, "{" LOT ",\"mode\":\"anonymous\"}", E_BAD_SYNTAX, "/mode" },
	{ "closing before opening", as_batch, "{" LOT ",\"opens_at\":\"2026-02-01T00:00:00Z\",\"closes_at\":\"2026-01-31T23:59:59Z\"}", E_BAD_SYNTAX, "/closes_at" },
	{ "closing in the past", as_batch, "{" LOT ",\"closes_at\":\"2025-01-01T00:00:00Z\"}", E_BAD_SYNTAX, "/closes_at" },
	{ "a time in another zone", as_batch, "{" LOT ",\"opens_at\":\"2026-02-01T00:00:00+01:00\"}", E_BAD_SYNTAX, "/opens_at" },
	{ "hours without an end", as_batch, "{" LOT ",\"hours_from\":480}", E_INCOMPLETE, "/hours_until" },
	{ "hours beyond the day", as_batch, "{" LOT ",\"hours_from\":0,\"hours_until\":1441}", E_BAD_SYNTAX, "/hours_until" },
	{ "stations by number", as_batch, "{" LOT ",\"stations\":[1]}", E_BAD_SYNTAX, "/stations" },
};
/* clang-format on */

static void
bad_bodies_are_refused_and_say_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(REJECTS); i++) {
		DEFER(json_release) json_t *body = NULL;
		struct error err = {0};

		if (json_parse(bytes_of_text(REJECTS[i].body), &body, &err) &&
		    REJECTS[i].decode(body, &err))
			fail_msg("%s was taken", REJECTS[i].why);
		if (err.code != REJECTS[i].want)
			fail_msg("%s: %s", REJECTS[i].why, error_info(err.code)->name);
		if (REJECTS[i].pointer == NULL)
			continue;
		if (err.pointer == NULL || strcmp(err.pointer, REJECTS[i].pointer) != 0)
			fail_msg("%s: at %s", REJECTS[i].why, err.pointer);
	}
}

static json_t *
parsed(const char *text)
{
	json_t *body = NULL;
	struct error err = {0};

	assert_true(json_parse(bytes_of_text(text), &body, &err));
	return body;
}

static void
an_enrollment_is_read_whole(void **state)
{
	DEFER(json_release)
	json_t *body = parsed("{\"batch\":\"lot-1\",\"csr\":\"PEM\",\"token\":\"mk1.x\","
			      "\"replace\":true,\"profile\":\"device\","
			      "\"hardware_ids\":[" ID "]}");
	struct enroll_request out = {0};
	struct error err = {0};

	(void)state;
	assert_true(decode_enrollment(body, &out, &err));
	assert_string_equal(out.batch, "lot-1");
	assert_octets_text(out.csr, "PEM");
	assert_string_equal(out.token, "mk1.x");
	assert_string_equal(out.profile, "device");
	assert_true(out.replace);
	assert_int_equal(out.hardware_id_count, 1);
	assert_octets_text(out.hardware_ids[0].type, "mac48");
	assert_octets_text(out.hardware_ids[0].value, "00:1b:63:84:45:e6");
}

static void
an_enrollment_needs_a_csr_only(void **state)
{
	DEFER(json_release) json_t *body = parsed("{\"csr\":\"PEM\"}");
	struct enroll_request out = {0};
	struct error err = {0};

	(void)state;
	assert_true(decode_enrollment(body, &out, &err));
	assert_null(out.batch);
	assert_null(out.token);
	assert_null(out.profile);
	assert_false(out.replace);
	assert_int_equal(out.hardware_id_count, 0);
}

static const struct selector {
	const char *body;
	enum revoke_select select;
	enum status_action action;
	enum reason reason;
} SELECTORS[] = {
    {"{\"select\":{\"serial\":\"x\"},\"action\":\"revoke\"}", REVOKE_BY_SERIAL, STATUS_REVOKE,
	REASON_UNSPECIFIED},
    {"{\"select\":{\"pseudonym\":\"x\"},\"action\":\"hold\"}", REVOKE_BY_PSEUDONYM, STATUS_HOLD,
	REASON_HOLD},
    {"{\"select\":{\"handle\":\"x\"},\"action\":\"revoke\",\"reason\":\"keyCompromise\"}",
	REVOKE_BY_HANDLE, STATUS_REVOKE, REASON_KEY_COMPROMISE},
    {"{\"select\":{\"handle\":\"x\"},\"action\":\"readmit\",\"reason\":\"SUPERSEDED\"}",
	REVOKE_BY_HANDLE, STATUS_READMIT, REASON_SUPERSEDED},
};

static void
a_revocation_selects_one_device(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(SELECTORS); i++) {
		DEFER(json_release) json_t *body = parsed(SELECTORS[i].body);
		struct revoke_request out = {0};
		struct error err = {0};

		assert_true(decode_revocation(body, &out, &err));
		assert_int_equal(out.select, SELECTORS[i].select);
		assert_int_equal(out.action, SELECTORS[i].action);
		assert_int_equal(out.reason, SELECTORS[i].reason);
		assert_string_equal(out.value, "x");
		assert_false(out.dry_run);
	}
}

static void
a_batch_is_pseudonymous_open_and_strict_unless_it_says_otherwise(void **state)
{
	DEFER(json_release) json_t *body = parsed("{" LOT "}");
	struct batch *out = calloc(1, sizeof *out);
	struct error err = {0};

	(void)state;
	assert_non_null(out);
	assert_true(decode_batch(body, NOW_S, out, &err));
	assert_string_equal(out->name, "lot-1");
	assert_int_equal(out->mode, BATCH_PSEUDONYMOUS);
	assert_int_equal(out->quota, 10);
	assert_int_equal(out->opens_at_s, 0); /* from now on */
	assert_int_equal(out->closes_at_s, 0);
	assert_int_equal(out->hours_from, -1);
	assert_true(out->hardware_ids_required);
	assert_true(out->replace_same_station);
	assert_int_equal(out->station_count, 0);
	free(out);
}

static void
an_export_is_of_all_leaves_unless_it_says_otherwise(void **state)
{
	DEFER(json_release) json_t *none = json_object();
	DEFER(json_release)
	json_t *some = json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s}", "log", "node1-2026",
	    "after", 7, "limit", 9, "from", "2026-01-01T00:00:00Z", "to", "2026-01-02T00:00:00Z",
	    "ev", "enroll.*", "rc", "BAD_PROOF", "act", "station:b");
	struct export_scope scope = {0};
	struct error err = {0};
	const char *log = "";

	(void)state;
	assert_true(decode_export(none, &scope, &log, &err));
	assert_null(log);
	assert_true(
	    scope.after == -1 && scope.limit == -1 && scope.from_s == -1 && scope.to_s == -1);
	assert_true(export_scope_is_complete(&scope));
	assert_true(decode_export(some, &scope, &log, &err));
	assert_string_equal(log, "node1-2026");
	assert_true(scope.after == 7 && scope.limit == 9);
	assert_int_equal(scope.to_s - scope.from_s, 86400);
	assert_string_equal(scope.event, "enroll.*");
	assert_string_equal(scope.code, "BAD_PROOF");
	assert_string_equal(scope.actor, "station:b");
	assert_false(export_scope_is_complete(&scope));
}

static void
only_json_is_taken_as_json(void **state)
{
	static const char *const OTHERS[] = {
	    "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"};

	(void)state;
	for (size_t i = 0; i < COUNT(OTHERS); i++) {
		struct http_request request = {.body = bytes_of_text("{}")};
		struct error err = {0};
		json_t *body = NULL;

		(void)snprintf(request.content_type, sizeof request.content_type, "%s", OTHERS[i]);
		assert_false(decode_json(&request, &body, &err));
		assert_int_equal(err.code, E_BAD_TYPE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_bodies_are_refused_and_say_where),
	    cmocka_unit_test(an_enrollment_is_read_whole),
	    cmocka_unit_test(an_enrollment_needs_a_csr_only),
	    cmocka_unit_test(a_revocation_selects_one_device),
	    cmocka_unit_test(a_batch_is_pseudonymous_open_and_strict_unless_it_says_otherwise),
	    cmocka_unit_test(an_export_is_of_all_leaves_unless_it_says_otherwise),
	    cmocka_unit_test(only_json_is_taken_as_json),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
