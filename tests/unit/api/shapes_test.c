#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "api/shapes.h"

#define AT_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* Takes the value; its members in the order in which they were set. */
static void
assert_json(json_t *value, const char *want)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
	json_decref(value);
}

static void
times_are_rfc_3339_and_never_is_null(void **state)
{
	(void)state;
	assert_json(shape_time(AT_S), "\"2026-01-01T00:00:00Z\"");
	assert_json(shape_time(0), "null");
}

static void
octets_are_lower_case_hex(void **state)
{
	(void)state;
	assert_json(shape_hex("\x00\xab\xff", 3), "\"00abff\"");
}

static void
certificates_are_pem(void **state)
{
	(void)state;
	assert_json(shape_pem(bytes_of("abc", 3)),
	    "\"-----BEGIN CERTIFICATE-----\\nYWJj\\n-----END CERTIFICATE-----\\n\"");
}

static void
an_enrollment_s_answer_has_what_a_device_stores(void **state)
{
	uint8_t der[] = {0x30, 0x00};
	const struct issuer issuer = {.der = {.data = der, .len = sizeof der}};
	const struct enrolled enrolled = {.pseudonym = "00000000-0000-4000-8000-000000000000",
	    .certificate = {.data = der, .len = sizeof der},
	    .issuer = &issuer,
	    .not_after_s = AT_S + 86400,
	    .renew_after_s = AT_S};
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	shape_enrolled(&enrolled, &text);
	assert_string_equal(buf_text(&text),
	    "{\"pseudonym\":\"00000000-0000-4000-8000-000000000000\","
	    "\"serial\":\"0000000000000000000000000000000000000000\","
	    "\"certificate\":\"-----BEGIN CERTIFICATE-----\\nMAA=\\n-----END CERTIFICATE-----\\n\","
	    "\"chain\":[\"-----BEGIN CERTIFICATE-----\\nMAA=\\n-----END CERTIFICATE-----\\n\"],"
	    "\"not_after\":\"2026-01-02T00:00:00Z\",\"renew_after\":\"2026-01-01T00:00:00Z\"}");
}

static void
assert_verdict(const struct verification *verification, const char *want)
{
	struct shape_times times = {.fresh_until = {.at_s = 1, .text = "of another verdict"}};
	DEFER(buf_clear_public) struct buf got = {0};

	for (int i = 0; i < 2; i++) { /* the second time from what is remembered */
		buf_truncate(&got, 0);
		shape_verification(verification, &times, &got);
		assert_string_equal(buf_text(&got), want);
	}
}

static void
a_verdict_gives_a_reason_only_when_there_is_one(void **state)
{
	const struct verification good = {.verdict = VERDICT_GOOD,
	    .pseudonym = "p",
	    .serial = "01",
	    .as_of_s = AT_S,
	    .fresh_until_s = AT_S + 60};
	const struct verification revoked = {.verdict = VERDICT_REVOKED,
	    .pseudonym = "p",
	    .serial = "01",
	    .reason = REASON_KEY_COMPROMISE,
	    .revoked_at_s = AT_S};
	const struct verification malformed = {.verdict = VERDICT_MALFORMED};

	(void)state;
	assert_verdict(&good,
	    "{\"verdict\":\"good\",\"pseudonym\":\"p\",\"serial\":\"01\",\"reason\":null,"
	    "\"revoked_at\":null,\"as_of\":\"2026-01-01T00:00:00Z\","
	    "\"fresh_until\":\"2026-01-01T00:01:00Z\"}");
	assert_verdict(&revoked,
	    "{\"verdict\":\"revoked\",\"pseudonym\":\"p\",\"serial\":\"01\","
	    "\"reason\":\"KEY_COMPROMISE\",\"revoked_at\":\"2026-01-01T00:00:00Z\","
	    "\"as_of\":null,\"fresh_until\":null}");
	assert_verdict(&malformed,
	    "{\"verdict\":\"malformed\",\"pseudonym\":null,\"serial\":null,\"reason\":null,"
	    "\"revoked_at\":null,\"as_of\":null,\"fresh_until\":null}");
}

static void
a_revocation_is_applied_or_a_preview(void **state)
{
	const struct revoke_result preview = {.id = "i",
	    .certificate_count = 2,
	    .pseudonym = "p",
	    .before = DEVICE_ACTIVE,
	    .after = DEVICE_REVOKED};
	struct revoke_result applied = preview;

	(void)state;
	applied.applied = true;
	assert_json(shape_revocation(&preview),
	    "{\"id\":\"i\",\"status\":\"preview\",\"count\":2,\"sample\":[\"p\"],"
	    "\"before\":\"active\",\"after\":\"revoked\",\"crl\":{\"entries\":2}}");
	assert_json(shape_revocation(&applied),
	    "{\"id\":\"i\",\"status\":\"applied\",\"count\":2,\"sample\":[\"p\"],"
	    "\"before\":\"active\",\"after\":\"revoked\",\"crl\":{\"entries\":2}}");
}

static void
a_batch_shows_its_counts_and_that_nothing_is_escrowed(void **state)
{
	struct batch *batch = calloc(1, sizeof *batch);
	json_t *json;

	(void)state;
	assert_non_null(batch);
	strcpy(batch->name, "lot-1");
	strcpy(batch->station_names[0], "line-1");
	batch->station_count = 1;
	batch->quota = 10;
	batch->issued = 3;
	batch->refused = 2;
	batch->revoked = 1;
	json = shape_batch(batch);
	assert_string_equal(json_string_value(json_object_get(json, "id")), "lot-1");
	assert_int_equal(json_integer_value(json_object_get(json, "quota")), 10);
	assert_int_equal(json_integer_value(json_object_get(json, "issued")), 3);
	assert_int_equal(json_integer_value(json_object_get(json, "refused")), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "revoked")), 1);
	assert_true(json_is_false(json_object_get(json, "escrow")));
	assert_true(json_is_null(json_object_get(json, "closed_at")));
	assert_int_equal(json_array_size(json_object_get(json, "stations")), 1);
	json_decref(json);
	free(batch);
}

static void
a_person_is_pending_until_signed(void **state)
{
	struct operator_person person = {.name = "anna",
	    .handle = "abcdefghijklmnop",
	    .roles = ROLE_OFFICER | ROLE_ADMIN,
	    .active = true,
	    .pending = true};

	(void)state;
	assert_json(shape_operator(&person),
	    "{\"name\":\"anna\",\"handle\":\"abcdefghijklmnop\",\"roles\":[\"officer\",\"admin\"],"
	    "\"status\":\"pending\",\"not_after\":null}");
	person.pending = false;
	person.not_after_s = AT_S;
	assert_json(shape_operator(&person),
	    "{\"name\":\"anna\",\"handle\":\"abcdefghijklmnop\",\"roles\":[\"officer\",\"admin\"],"
	    "\"status\":\"signed\",\"not_after\":\"2026-01-01T00:00:00Z\"}");
}

static void
a_list_says_whether_there_is_more(void **state)
{
	(void)state;
	assert_json(shape_list(json_array(), NULL), "{\"items\":[],\"next\":null}");
	assert_json(shape_list(json_array(), json_string("7")), "{\"items\":[],\"next\":\"7\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_rfc_3339_and_never_is_null),
	    cmocka_unit_test(octets_are_lower_case_hex),
	    cmocka_unit_test(certificates_are_pem),
	    cmocka_unit_test(an_enrollment_s_answer_has_what_a_device_stores),
	    cmocka_unit_test(a_verdict_gives_a_reason_only_when_there_is_one),
	    cmocka_unit_test(a_revocation_is_applied_or_a_preview),
	    cmocka_unit_test(a_batch_shows_its_counts_and_that_nothing_is_escrowed),
	    cmocka_unit_test(a_person_is_pending_until_signed),
	    cmocka_unit_test(a_list_says_whether_there_is_more),
	};

	return cmocka_run_group_tests_name("shapes", tests, NULL, NULL);
}
