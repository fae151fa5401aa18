#include "tests/support/cmocka_all.h"

#include "api/http.h"

static void
set_query(struct http_request *request, const char *name, const char *value)
{
	struct http_pair *pair = &request->query[request->query_count++];

	(void)snprintf(pair->name, sizeof pair->name, "%s", name);
	(void)snprintf(pair->value, sizeof pair->value, "%s", value);
}

static const struct reject {
	const char *why, *value;
} NO_NUMBERS[] = {
    {"empty", ""},
    {"a word", "ten"},
    {"trailing characters", "10x"},
    {"leading space", " 10"},
    {"a plus sign", "+10"},
    {"below the least", "-2"},
    {"above the largest", "101"},
    {"beyond 64 bits", "99999999999999999999999"},
    {"hexadecimal", "0x10"},
};

static void
numbers_that_are_none_or_out_of_bounds_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(NO_NUMBERS); i++) {
		struct http_request request = {0};
		struct error err = {0};
		int64_t out = 7;

		set_query(&request, "after", NO_NUMBERS[i].value);
		if (http_query_int(&request, "after", -1, 100, &out, &err))
			fail_msg("%s was taken", NO_NUMBERS[i].why);
		assert_int_equal(err.code, E_BAD_SYNTAX);
		assert_int_equal(out, 7);
	}
}

static void
numbers_within_their_bounds_are_read(void **state)
{
	struct http_request request = {0};
	struct error err = {0};
	int64_t least = 0, absent = 42;

	(void)state;
	set_query(&request, "after", "-1");
	assert_true(http_query_int(&request, "after", -1, 100, &least, &err));
	assert_int_equal(least, -1);
	assert_true(http_query_int(&request, "limit", 1, 100, &absent, &err));
	assert_int_equal(absent, 42);
}

static void
times_are_rfc_3339_or_refused(void **state)
{
	struct http_request request = {0};
	struct error err = {0};
	int64_t at_s = -1;

	(void)state;
	set_query(&request, "from", "2026-01-01T00:00:00Z");
	set_query(&request, "to", "yesterday");
	assert_true(http_query_time(&request, "from", &at_s, &err));
	assert_int_equal(at_s, 1767225600);
	assert_false(http_query_time(&request, "to", &at_s, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
}

/* clang-format off */
static const struct tags { const char *why, *field; bool named; } TAGS[] = {
	{"absent",                     "", false},
	{"the tag",                    "\"7\"", true},
	{"the tag, weak",              "W/\"7\"", true},
	{"anything",                   "*", true},
	{"first of two",               "\"7\", \"8\"", true},
	{"last of two",                "\"6\",W/\"7\"", true},
	{"among empty elements",       ", ,\"7\"\t,", true},
	{"another",                    "\"8\"", false},
	{"part of another",            "\"77\"", false},
	{"inside another",             "\"a 7\"", false},
	{"between two others",         "\"a\",7,\"b\"", false},
	{"quotes of two others",       "\"a\"7\"b\"", false},
	{"without quotes",             "7", false},
	{"not closed",                 "\"7", false},
	{"lower-case w",               "w/\"7\"", false},
	{"anything and something",     "*, \"8\"", false},
	{"followed by another word",   "\"7\" x", false},
	{"before a broken one",        "\"7\", x", false},
	{"a control character inside", "\"\t7\"", false},
};
/* clang-format on */

static void
a_list_of_tags_names_what_it_holds_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(TAGS); i++) {
		struct http_request request = {0};

		(void)snprintf(
		    request.if_none_match, sizeof request.if_none_match, "%s", TAGS[i].field);
		if (http_etag_named(&request, "\"7\"") != TAGS[i].named)
			fail_msg("%s", TAGS[i].why);
	}
}

/* clang-format off */
static const struct coding { const char *field; bool gzip; } CODINGS[] = {
	{"",                              false}, /* absent: we may, but old clients could not */
	{"gzip",                          true},
	{"GZip",                          true},
	{"x-gzip",                        true},
	{"*",                             true},
	{"identity",                      false},
	{"deflate, gzip;q=1.0, *;q=0.5",  true},
	{"gzip;q=0",                      false},
	{"gzip;q=0.000",                  false},
	{"gzip; q=0.001",                 true},
	{"gzip ; q=0.5",                  true},
	{"*;q=0",                         false},
	{"*;q=0, gzip",                   true},
	{"gzip;q=0, *",                   false},
	{" , gzip",                       true},
	{"gzipped",                       false},
	{"gz",                            false},
	{"gzip;level=1",                  false},
	{"gzip;q=2",                      false},
	{"gzip;q=",                       false},
	{"gzip x",                        false},
	{";q=1",                          false},
};
/* clang-format on */

static void
gzip_is_sent_to_whoever_takes_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(CODINGS); i++) {
		struct http_request request = {0};

		(void)snprintf(request.accept_encoding, sizeof request.accept_encoding, "%s",
		    CODINGS[i].field);
		if (http_accepts_gzip(&request) != CODINGS[i].gzip)
			fail_msg("%s", CODINGS[i].field);
	}
}

/* clang-format off */
static const struct accepted { const char *field; bool events; } ACCEPTED[] = {
	{"",                                     false},
	{"text/event-stream",                    true},
	{"Text/Event-Stream",                    true},
	{"text/event-stream;charset=utf-8",      true},
	{"text/plain, text/event-stream;q=0.5",  true},
	{" ,text/event-stream , */*",            true},
	{"text/event-stream;q=0",                false},
	{"text/event-stream; q=0.000, */*",      false},
	{"text/event-stream; Q=0.001",           true},
	{"text/plain;q=0, text/event-stream",    true},
	{"text/event-streams",                   false},
	{"text/event",                           false},
	{"x;text/event-stream",                  false},
	{"text/*",                               false},
	{"*/*",                                  false},
};
/* clang-format on */

static void
events_are_sent_to_who_names_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ACCEPTED); i++) {
		struct http_request request = {0};

		(void)snprintf(request.accept, sizeof request.accept, "%s", ACCEPTED[i].field);
		if (http_accepts_events(&request) != ACCEPTED[i].events)
			fail_msg("%s", ACCEPTED[i].field);
	}
}

static void
count_release(void *context)
{
	(*(int *)context)++;
}

static void
a_shared_body_is_released_once(void **state)
{
	int released = 0;
	struct http_response response = {.shared = bytes_of_text("list"),
	    .release = count_release,
	    .release_context = &released};

	(void)state;
	http_response_clear(&response);
	http_response_clear(&response);
	assert_int_equal(released, 1);
	assert_null(response.shared.data);
}

static void
a_created_resource_says_where_it_is(void **state)
{
	DEFER(http_response_clear) struct http_response response = {0};

	(void)state;
	assert_true(http_created(&response, "/v1/batches/lot-1", json_pack("{s:i}", "a", 1)));
	assert_int_equal(response.status, 201);
	assert_string_equal(response.content_type, "application/json");
	assert_int_equal(response.header_count, 1);
	assert_string_equal(response.headers[0].name, "Location");
	assert_string_equal(response.headers[0].value, "/v1/batches/lot-1");
	assert_octets_text(buf_bytes(&response.body), "{\"a\":1}");
}

static void
no_content_is_empty(void **state)
{
	DEFER(http_response_clear) struct http_response response = {0};

	(void)state;
	assert_true(http_no_content(&response));
	assert_int_equal(response.status, 204);
	assert_int_equal(response.body.len, 0);
}

static void
dates_are_as_http_wants_them(void **state)
{
	char date[HTTP_DATE_LEN + 1];

	(void)state;
	http_date(date, 784111777);
	assert_string_equal(date, "Sun, 06 Nov 1994 08:49:37 GMT");
	http_date(date, 1767225600);
	assert_string_equal(date, "Thu, 01 Jan 2026 00:00:00 GMT");
}

static const struct {
	const char *field;
	bool part;
	uint64_t first, len;
} RANGES[] = {
    {"", false, 0, 1000},
    {"bytes=0-0", true, 0, 1},
    {"bytes=0-", true, 0, 1000},
    {"Bytes=10-19", true, 10, 10},
    {"bytes=990-5000", true, 990, 10},
    {"bytes=999-999", true, 999, 1},
    {"bytes=-1", true, 999, 1},
    {"bytes=-5000", true, 0, 1000},
    {"bytes=5-4", false, 0, 1000},
    {"bytes=-", false, 0, 1000},
    {"bytes=", false, 0, 1000},
    {"bytes= 0-1", false, 0, 1000},
    {"bytes=0-1,3-4", false, 0, 1000},
    {"bytes=0-1 ", false, 0, 1000},
    {"lines=0-1", false, 0, 1000},
    {"bytes=99999999999999999999999999-", false, 0, 1000},
};

static void
one_range_of_octets_is_a_part_and_anything_else_is_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(RANGES); i++) {
		struct http_request request = {0};
		struct http_range range = {0};
		struct error err = {0};

		(void)snprintf(request.range, sizeof request.range, "%s", RANGES[i].field);
		if (!http_range(&request, 1000, &range, &err) || range.part != RANGES[i].part ||
		    range.first != RANGES[i].first || range.len != RANGES[i].len)
			fail_msg("%s", RANGES[i].field);
	}
}

static void
a_range_after_the_end_is_refused(void **state)
{
	static const char *const FIELDS[] = {"bytes=1000-", "bytes=1000-1001", "bytes=-0"};

	(void)state;
	for (size_t i = 0; i < COUNT(FIELDS); i++) {
		struct http_request request = {0};
		struct http_range range = {0};
		struct error err = {0};

		(void)snprintf(request.range, sizeof request.range, "%s", FIELDS[i]);
		assert_false(http_range(&request, 1000, &range, &err));
		assert_int_equal(err.code, E_RANGE_INVALID);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dates_are_as_http_wants_them),
	    cmocka_unit_test(numbers_that_are_none_or_out_of_bounds_are_refused),
	    cmocka_unit_test(numbers_within_their_bounds_are_read),
	    cmocka_unit_test(times_are_rfc_3339_or_refused),
	    cmocka_unit_test(a_list_of_tags_names_what_it_holds_whole),
	    cmocka_unit_test(gzip_is_sent_to_whoever_takes_it),
	    cmocka_unit_test(events_are_sent_to_who_names_them),
	    cmocka_unit_test(a_shared_body_is_released_once),
	    cmocka_unit_test(one_range_of_octets_is_a_part_and_anything_else_is_all),
	    cmocka_unit_test(a_range_after_the_end_is_refused),
	    cmocka_unit_test(a_created_resource_says_where_it_is),
	    cmocka_unit_test(no_content_is_empty),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
