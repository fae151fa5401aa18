#include "tests/support/folder.h"

#include <string.h>

#include "api/dispatch.h"
#include "api/limits.h"

/* An app whose log is not open: refusals of nobody are counted, and nothing else can be. */
struct fixture {
	struct folder folder;
	struct clock clock;
	struct audit *audit;
	struct app app;
	struct caller_memory memory;
	struct http_request request;
	struct http_response response;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error err = {0};

	assert_non_null(f);
	folder_init(&f->folder);
	f->clock = clock_fixed(1767225600);
	assert_true(audit_new(&(struct audit_options){.clock = &f->clock,
				  .dir = f->folder.path,
				  .origin = "moniker.example/n1-2026",
				  .node = "n1"},
	    &f->audit, &err));
	f->app = (struct app){.clock = &f->clock,
	    .audit = f->audit,
	    .callers = caller_cache_new(NULL, NULL, NULL, &f->clock)};
	f->request.request_id = "abcdefghijklmnop";
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	http_response_clear(&f->response);
	caller_memory_clear(&f->memory);
	caller_cache_free(f->app.callers);
	audit_free(f->audit);
	folder_clear(&f->folder);
	free(f);
	return 0;
}

static bool
says_hello(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	(void)app;
	(void)err;
	assert_non_null(request->caller);
	return http_ok(response, json_pack("{s:s}", "hello", "world"));
}

static bool
fails_half_way(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	(void)app;
	(void)request;
	buf_append_text(&response->body, "half");
	http_header(response, "Location", "/nowhere");
	return error_set_field(err, E_WEAK_KEY, "/csr", "1024 bits");
}

static void
what_anybody_may_have_is_answered(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = CALLER_ANY, .handler = says_hello};

	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 200);
	assert_null(f->request.caller);
}

/* The cache has no database to ask: whoever asked it would crash. */
static void
what_anybody_may_have_does_not_depend_on_who_asks(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = CALLER_ANY, .handler = says_hello};

	buf_append_text(&f->memory.certificate, "a certificate");
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 200);
}

static void
what_this_host_may_have_is_not_for_others(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = ROLE_ADMIN | CALLER_LOCAL, .handler = says_hello};

	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 401);
	http_response_clear(&f->response);
	f->request.local = true;
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 200);
}

static void
this_host_alone_is_no_credential(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = ROLE_ADMIN, .handler = says_hello};

	f->request.local = true;
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 401);
}

static void
nobody_is_asked_for_a_credential(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = ROLE_OFFICER, .handler = says_hello};

	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 401);
	assert_non_null(strstr(buf_text(&f->response.body), "\"code\":\"CALLER_MISSING\""));
}

static bool
has_header(const struct http_response *response, const char *name, const char *value)
{
	for (size_t i = 0; i < response->header_count; i++)
		if (strcmp(response->headers[i].name, name) == 0)
			return strcmp(response->headers[i].value, value) == 0;
	return false;
}

static void
where_a_token_will_do_nobody_is_asked_for_one(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = ROLE_STATION | CALLER_TOKEN, .handler = says_hello};

	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 401);
	assert_int_equal(f->response.header_count, 1);
	assert_true(has_header(&f->response, "WWW-Authenticate", "Basic realm=\"moniker\""));
	assert_int_equal(f->response.body.len, 0);
	assert_null(f->response.content_type);
}

/* Bouncy Castle says nothing, and fails at a body; whoever says what it takes gets words. */
static void
who_takes_words_is_told_which_token(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = ROLE_STATION | CALLER_TOKEN, .handler = says_hello};

	f->request.accepts = true;
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 401);
	assert_true(has_header(&f->response, "WWW-Authenticate", "Basic realm=\"moniker\""));
	assert_non_null(strstr(buf_text(&f->response.body), "one-time token"));
}

/* Whether it is a good one is the handler's to find out. */
static void
where_a_token_will_do_who_sends_one_is_heard(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = ROLE_STATION | CALLER_TOKEN, .handler = says_hello};

	f->request.authorization = bytes_of_text("Basic eA==");
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 200);
}

static void
elsewhere_a_token_is_no_credential(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = ROLE_STATION, .handler = says_hello};

	f->request.authorization = bytes_of_text("Basic eA==");
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 401);
	assert_true(
	    has_header(&f->response, "WWW-Authenticate", "ClientCertificate realm=\"moniker\""));
}

/* Of nobody the address is all there is, and the server counted one when the request began. */
static void
each_line_of_nobody_s_enrollments_counts(void **state)
{
	struct fixture *f = *state;
	const struct route route = {.callers = CALLER_ANY | ROLE_STATION,
	    .event = LEAF_ENROLL_REFUSED,
	    .handler = says_hello};
	const struct limits limits = {.of = {[LIMIT_ADDRESS] = {.per_s = 1, .burst = 4}}};
	const struct rng rng = rng_repeatable(1);
	DEFER(limiter_free) struct limiter *limiter = limiter_new(&limits, &rng);

	f->app.limiter = limiter;
	(void)snprintf(
	    f->request.content_type, sizeof f->request.content_type, "application/x-ndjson");
	f->request.body = bytes_of_text("{}\n{}\n{}\n{}");
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 200);
	http_response_clear(&f->response);
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 429);
	assert_string_equal(f->response.headers[0].name, "Retry-After");
	assert_string_equal(f->response.headers[0].value, "2");
	http_response_clear(&f->response);
	f->request.network[1] = 1; /* somebody else */
	f->response.header_count = 0;
	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 200);
}

static void
a_handler_s_error_becomes_the_whole_answer(void **state)
{
	struct fixture *f = *state;
	const struct route route = {
	    .callers = CALLER_ANY, .event = LEAF_ENROLL_REFUSED, .handler = fails_half_way};

	dispatch(&f->app, &route, &f->request, &f->memory, &f->response);
	assert_int_equal(f->response.status, 422);
	assert_string_equal(f->response.content_type, "application/problem+json");
	assert_int_equal(f->response.header_count, 0);
	assert_int_equal(f->response.body.data[0], '{');
}

static const struct note {
	const char *claim;
	enum error_code code;
	enum leaf_event event;
	bool recorded;
} NOTES[] = {
    {"a refusal is recorded", E_WEAK_KEY, LEAF_ENROLL_REFUSED, true},
    {"where the route has no event, it is not", E_WEAK_KEY, LEAF_EVENT_NONE, false},
    {"a denied caller is recorded on every route", E_CALLER_MISSING, LEAF_EVENT_NONE, true},
    {"who is held back is recorded, as what", E_RATE_LIMITED, LEAF_ENROLL_REFUSED, true},
    {"and on every route", E_RATE_LIMITED, LEAF_EVENT_NONE, true},
    {"that there is too much to do is no refusal", E_BUSY, LEAF_ENROLL_REFUSED, false},
    {"a wrong path is nothing to record", E_NOT_FOUND, LEAF_ENROLL_REFUSED, false},
    {"our own failure is no refusal", E_INTERNAL, LEAF_ENROLL_REFUSED, false},
};

static void
refusals_are_recorded_where_the_tables_say_so(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(NOTES); i++) {
		struct error err = {.code = NOTES[i].code, .site = "here"};

		dispatch_note_all(
		    &f->app, NOTES[i].event, CALLER_ANY, &f->request, &(struct error *){&err}, 1);
		if (err.recorded != NOTES[i].recorded)
			fail_msg("not so: %s", NOTES[i].claim);
	}
}

static void
a_refusal_that_cannot_be_recorded_is_answered_all_the_same(void **state)
{
	struct fixture *f = *state;
	const struct caller officer = {
	    .kind = CALLER_IS_OPERATOR, .mask = ROLE_OFFICER, .handle = "abcdefghijklmnop"};
	struct error err = {0};

	f->request.caller = &officer;
	(void)error_set(&err, E_STATE_CONFLICT, "it is revoked");
	dispatch_refuse(&f->app,
	    &(struct route){.callers = ROLE_OFFICER, .event = LEAF_CERT_REFUSED}, &f->request, &err,
	    &f->response);
	assert_false(err.recorded);
	assert_int_equal(f->response.status, 409);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    TEST(what_anybody_may_have_is_answered),
	    TEST(what_anybody_may_have_does_not_depend_on_who_asks),
	    TEST(what_this_host_may_have_is_not_for_others),
	    TEST(this_host_alone_is_no_credential),
	    TEST(nobody_is_asked_for_a_credential),
	    TEST(where_a_token_will_do_nobody_is_asked_for_one),
	    TEST(who_takes_words_is_told_which_token),
	    TEST(where_a_token_will_do_who_sends_one_is_heard),
	    TEST(elsewhere_a_token_is_no_credential),
	    TEST(each_line_of_nobody_s_enrollments_counts),
	    TEST(a_handler_s_error_becomes_the_whole_answer),
	    TEST(refusals_are_recorded_where_the_tables_say_so),
	    TEST(a_refusal_that_cannot_be_recorded_is_answered_all_the_same),
	};

	return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
