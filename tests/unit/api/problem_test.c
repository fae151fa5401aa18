#include "tests/support/cmocka_all.h"

#include <string.h>

#include "api/problem.h"
#include "base/json_in.h"

static const char *
text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static const struct row {
	enum error_code code;
	int status;
} ROWS[] = {
    {E_BAD_SYNTAX, 400},
    {E_CALLER_MISSING, 401},
    {E_ROLE_DENIED, 403},
    {E_NOT_FOUND, 404},
    {E_METHOD_NOT_ALLOWED, 405},
    {E_TIMEOUT, 408},
    {E_KEY_REUSED, 409},
    {E_TOO_LARGE, 413},
    {E_BAD_TYPE, 415},
    {E_WEAK_KEY, 422},
    {E_RATE_LIMITED, 429},
    {E_BINDING_MISMATCH, 422},
    {E_CURSOR_GONE, 410},
    {E_RANGE_INVALID, 416},
    {E_NOT_OFFERED, 501},
    {E_RECORD_UNAVAILABLE, 503},
    {E_INTERNAL, 500},
};

static void
each_kind_of_error_has_its_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const struct error err = {.code = ROWS[i].code};

		assert_int_equal(problem_status(&err), ROWS[i].status);
	}
}

static void
every_error_is_a_whole_problem(void **state)
{
	(void)state;
	for (int code = E_NONE + 1; code < E_COUNT; code++) {
		const struct error err = {.code = (enum error_code)code, .detail = "why"};
		const struct error_info *info = error_info(err.code);
		DEFER(json_release) json_t *problem = problem_to_json(&err, "abcdefghijklmnop");

		assert_non_null(problem);
		assert_string_equal(text_of(problem, "code"), info->name);
		assert_string_equal(text_of(problem, "title"), info->title);
		assert_string_equal(text_of(problem, "request_id"), "abcdefghijklmnop");
		assert_memory_equal(text_of(problem, "type"), "urn:moniker:problem:", 20);
		assert_string_equal(text_of(problem, "type") + 20, info->slug);
		assert_int_equal(
		    json_integer_value(json_object_get(problem, "status")), problem_status(&err));
	}
}

static void
a_bad_member_is_pointed_at(void **state)
{
	struct error err = {0};
	DEFER(json_release) json_t *problem = NULL;
	const json_t *first;

	(void)state;
	(void)error_set_field(&err, E_BAD_SYNTAX, "/csr", "longer than %d octets", 12000);
	problem = problem_to_json(&err, "id");
	assert_int_equal(json_array_size(json_object_get(problem, "errors")), 1);
	first = json_array_get(json_object_get(problem, "errors"), 0);
	assert_string_equal(text_of(first, "pointer"), "#/csr");
	assert_string_equal(text_of(first, "detail"), "longer than 12000 octets");
}

static void
our_own_failures_are_not_explained(void **state)
{
	static const enum error_code OURS[] = {
	    E_INTERNAL, E_DATABASE_UNAVAILABLE, E_RECORD_UNAVAILABLE, E_KEEPER_UNAVAILABLE};

	(void)state;
	for (size_t i = 0; i < COUNT(OURS); i++) {
		struct error err = {.cause = "could not connect to server"};
		DEFER(http_response_clear) struct http_response response = {0};

		(void)error_set_field(&err, OURS[i], "/inside", "socket /run/secret");
		problem_respond(&err, "id", &response);
		assert_true(response.status >= 500);
		assert_null(strstr(buf_text(&response.body), "secret"));
		assert_null(strstr(buf_text(&response.body), "inside"));
		assert_null(strstr(buf_text(&response.body), "connect"));
	}
}

static void
a_problem_takes_the_place_of_a_half_made_answer(void **state)
{
	struct error err = {.retry_after_s = 7};
	DEFER(http_response_clear) struct http_response response = {.status = 200};

	(void)state;
	buf_append_text(&response.body, "half");
	http_header(&response, "Location", "/v1/devices/x");
	(void)error_set(&err, E_NOT_DUE, "the renewal is not due");
	problem_respond(&err, "id", &response);
	assert_int_equal(response.status, 409);
	assert_string_equal(response.content_type, "application/problem+json");
	assert_int_equal(response.body.data[0], '{');
	assert_int_equal(response.header_count, 1);
	assert_string_equal(response.headers[0].name, "Retry-After");
	assert_string_equal(response.headers[0].value, "7");
}

static void
whatever_is_unavailable_says_when_to_try_again(void **state)
{
	static const enum error_code CODES[] = {
	    E_RECORD_UNAVAILABLE, E_KEEPER_UNAVAILABLE, E_DATABASE_UNAVAILABLE};

	(void)state;
	for (size_t i = 0; i < COUNT(CODES); i++) {
		struct error err = {0};
		DEFER(http_response_clear) struct http_response response = {0};

		(void)error_set(&err, CODES[i], "not now");
		problem_respond(&err, "id", &response);
		assert_int_equal(response.status, 503);
		assert_int_equal(response.header_count, 1);
		assert_string_equal(response.headers[0].name, "Retry-After");
		assert_string_equal(response.headers[0].value, "1");
	}
}

static void
a_missing_credential_is_challenged(void **state)
{
	struct error err = {0};
	DEFER(http_response_clear) struct http_response response = {0};

	(void)state;
	(void)error_set(&err, E_CALLER_MISSING, "a client certificate is needed here");
	problem_respond(&err, "id", &response);
	assert_int_equal(response.header_count, 1);
	assert_string_equal(response.headers[0].name, "WWW-Authenticate");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind_of_error_has_its_status),
	    cmocka_unit_test(every_error_is_a_whole_problem),
	    cmocka_unit_test(a_bad_member_is_pointed_at),
	    cmocka_unit_test(our_own_failures_are_not_explained),
	    cmocka_unit_test(a_problem_takes_the_place_of_a_half_made_answer),
	    cmocka_unit_test(whatever_is_unavailable_says_when_to_try_again),
	    cmocka_unit_test(a_missing_credential_is_challenged),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
