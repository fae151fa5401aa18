#include "tests/support/cmocka_all.h"

#include <string.h>

#include "api/routes.h"

static void
every_route_is_whole(void **state)
{
	size_t count;
	const struct route *routes = routes_all(&count);

	(void)state;
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++) {
		const struct route *route = &routes[i];
		size_t params = 0;

		for (const char *c = route->pattern; *c != '\0'; c++)
			params += *c == '{';
		assert_int_equal(route->pattern[0], '/');
		assert_true(params <= HTTP_PARAMS_MAX);
		assert_true(strlen(route->pattern) <= HTTP_PATH_MAX);
		assert_int_not_equal(route->callers, 0);
		assert_int_not_equal(route->ports, 0);
		assert_true(route->body_max <= ROUTE_BODY_MAX);
		assert_true(route->handler != NULL);
	}
}

static void
no_two_routes_are_alike(void **state)
{
	size_t count;
	const struct route *routes = routes_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			assert_false(routes[i].method == routes[j].method &&
				     strcmp(routes[i].pattern, routes[j].pattern) == 0);
}

static void
only_what_changes_something_takes_a_body(void **state)
{
	size_t count;
	const struct route *routes = routes_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(routes[i].body_max > 0, routes[i].method == HTTP_POST);
}

static void
the_plain_port_serves_crls_and_authorities_only(void **state)
{
	size_t count, plain = 0;
	const struct route *routes = routes_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		if ((routes[i].ports & ROUTE_PLAIN) == 0)
			continue;
		plain++;
		assert_int_equal(routes[i].callers, CALLER_ANY);
		assert_true(strncmp(routes[i].pattern, "/crl/", 5) == 0 ||
			    strncmp(routes[i].pattern, "/ca/", 4) == 0 ||
			    strncmp(routes[i].pattern, "/ocsp", 5) == 0);
	}
	assert_int_equal(plain, 5);
}

static void
the_port_for_old_est_clients_serves_est_only(void **state)
{
	size_t count, est = 0;
	const struct route *routes = routes_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const bool is_est = strncmp(routes[i].pattern, "/.well-known/est/", 17) == 0;

		assert_int_equal((routes[i].ports & ROUTE_EST) != 0, is_est);
		assert_true(!is_est || routes[i].ports == (ROUTE_TLS | ROUTE_EST));
		est += is_est;
	}
	assert_int_equal(est, 10);
}

static const struct found {
	const char *path, *pattern, *first, *second;
	enum http_method method;
} FOUND[] = {
    {"/healthz", "/healthz", "", "", HTTP_GET},
    {"/v1/batches", "/v1/batches", "", "", HTTP_POST},
    {"/v1/batches/lot-7.a", "/v1/batches/{id}", "lot-7.a", "", HTTP_GET},
    {"/v1/batches/lot-7/tokens", "/v1/batches/{id}/tokens", "lot-7", "", HTTP_POST},
    {"/v1/operators/anna/certificate", "/v1/operators/{name}/certificate", "anna", "", HTTP_GET},
    {"/v1/operators/anna", "/v1/operators/{name}", "anna", "", HTTP_DELETE},
    {"/v1/operators/renewals", "/v1/operators/renewals", "", "", HTTP_POST},
    {"/v1/operators/renewals", "/v1/operators/{name}", "renewals", "", HTTP_GET},
    {"/v1/operators/renewals/0a1b", "/v1/operators/renewals/{serial}", "0a1b", "", HTTP_GET},
    {"/v1/operators/renewals/certificate", "/v1/operators/{name}/certificate", "renewals", "",
	HTTP_GET},
    {"/crl/0123456789abcdef/0000.crl", "/crl/{issuer}/{shard}.crl", "0123456789abcdef", "0000",
	HTTP_GET},
    {"/crl/0123456789abcdef/0000/delta.crl", "/crl/{issuer}/{shard}/delta.crl", "0123456789abcdef",
	"0000", HTTP_GET},
    {"/ca/0123456789abcdef.cer", "/ca/{issuer}.cer", "0123456789abcdef", "", HTTP_GET},
    {"/.well-known/est/cacerts", "/.well-known/est/cacerts", "", "", HTTP_GET},
    {"/.well-known/est/lot-7/cacerts", "/.well-known/est/{label}/cacerts", "lot-7", "", HTTP_GET},
    {"/.well-known/est/cacerts/csrattrs", "/.well-known/est/{label}/csrattrs", "cacerts", "",
	HTTP_GET},
    {"/.well-known/est/simpleenroll", "/.well-known/est/simpleenroll", "", "", HTTP_POST},
    {"/.well-known/est/lot-7/simplereenroll", "/.well-known/est/{label}/simplereenroll", "lot-7",
	"", HTTP_POST},
    {"/ocsp", "/ocsp", "", "", HTTP_POST},
    {"/ocsp/MEMwQTA/AbC+x-_Y=", "/ocsp/{+request}", "", "", HTTP_GET},
    {"/ocsp//", "/ocsp/{+request}", "", "", HTTP_GET},
    {"/ocsp/MEMw\r\nQTA? {no base64}.", "/ocsp/{+request}", "", "", HTTP_GET},
    {"/audit/node1-2026/checkpoint", "/audit/{log}/checkpoint", "node1-2026", "", HTTP_GET},
    {"/audit/node1-2026/tile/0/000", "/audit/{log}/tile/{/path}", "node1-2026", "", HTTP_GET},
};

static struct http_request
request_of(enum http_method method, const char *path)
{
	struct http_request request = {.method = method};

	(void)snprintf(request.path, sizeof request.path, "%s", path);
	return request;
}

static void
paths_find_their_routes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(FOUND); i++) {
		struct http_request request = request_of(FOUND[i].method, FOUND[i].path);
		const struct route *route = NULL;
		struct error err = {0};

		assert_true(routes_find(&request, ROUTE_TLS, &route, &err));
		assert_string_equal(route->pattern, FOUND[i].pattern);
		assert_string_equal(request.params[0], FOUND[i].first);
		assert_string_equal(request.params[1], FOUND[i].second);
	}
}

static const struct lost {
	const char *why, *path;
	enum http_method method;
	enum route_port port;
	enum error_code want;
} LOST[] = {
    {"the root", "/", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"nothing", "", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"a prefix of a path", "/v1", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"a path and more", "/healthz/more", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"a slash at the end", "/v1/batches/", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"two slashes", "/v1//batches", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"an empty parameter", "/v1/batches//tokens", HTTP_POST, ROUTE_TLS, E_NOT_FOUND},
    {"a parameter with a space", "/v1/batches/a b", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"a parameter with a quote", "/v1/batches/a'b", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"a parameter of two segments", "/v1/batches/a/b", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"octets beyond ASCII", "/v1/batches/\xc3\xa4", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"a suffix alone", "/ca/.cer", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"another suffix", "/ca/0123456789abcdef.pem", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"capitals", "/HEALTHZ", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"another method", "/healthz", HTTP_POST, ROUTE_TLS, E_METHOD_NOT_ALLOWED},
    {"a deletion of all", "/v1/operators", HTTP_DELETE, ROUTE_TLS, E_METHOD_NOT_ALLOWED},
    {"no rest of a path", "/ocsp/", HTTP_GET, ROUTE_PLAIN, E_NOT_FOUND},
    {"a rest that is no text", "/ocsp/MEMw\tQTA", HTTP_GET, ROUTE_PLAIN, E_NOT_FOUND},
    {"a rest beyond ASCII", "/ocsp/MEMw\xc3\xa4", HTTP_GET, ROUTE_PLAIN, E_NOT_FOUND},
    {"a path that leads upward", "/audit/a/tile/../checkpoint", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"a rest that leads upward", "/ocsp/../ca", HTTP_GET, ROUTE_PLAIN, E_NOT_FOUND},
    {"OCSP without a request", "/ocsp", HTTP_GET, ROUTE_PLAIN, E_METHOD_NOT_ALLOWED},
    {"the API on the plain port", "/v1/batches", HTTP_GET, ROUTE_PLAIN, E_NOT_FOUND},
    {"EST on the plain port", "/.well-known/est/cacerts", HTTP_GET, ROUTE_PLAIN, E_NOT_FOUND},
    {"two labels", "/.well-known/est/a/b/cacerts", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"no label", "/.well-known/est//cacerts", HTTP_GET, ROUTE_TLS, E_NOT_FOUND},
    {"what EST has and we have not", "/.well-known/est/fullcmc", HTTP_POST, ROUTE_TLS, E_NOT_FOUND},
    {"to fetch what is sent", "/.well-known/est/simpleenroll", HTTP_GET, ROUTE_TLS,
	E_METHOD_NOT_ALLOWED},
    {"the API on the port for old EST clients", "/v1/batches", HTTP_GET, ROUTE_EST, E_NOT_FOUND},
    {"liveness on the port for old EST clients", "/healthz", HTTP_GET, ROUTE_EST, E_NOT_FOUND},
    {"CRLs on the port for old EST clients", "/crl/0123456789abcdef/0000.crl", HTTP_GET, ROUTE_EST,
	E_NOT_FOUND},
    {"liveness on the plain port", "/healthz", HTTP_GET, ROUTE_PLAIN, E_NOT_FOUND},
};

static void
other_paths_find_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(LOST); i++) {
		struct http_request request = request_of(LOST[i].method, LOST[i].path);
		const struct route *route = NULL;
		struct error err = {0};

		if (routes_find(&request, LOST[i].port, &route, &err))
			fail_msg("%s found %s", LOST[i].why, route->pattern);
		assert_int_equal(err.code, LOST[i].want);
		assert_string_equal(request.params[0], "");
		assert_null(request.tail);
	}
}

static void
the_rest_of_a_path_is_as_long_as_a_path(void **state)
{
	struct http_request request = request_of(HTTP_GET, "/ocsp/");
	const size_t start = strlen(request.path);
	const struct route *route = NULL;
	struct error err = {0};

	(void)state;
	memset(&request.path[start], '/', HTTP_PATH_MAX - start);
	assert_true(routes_find(&request, ROUTE_PLAIN, &route, &err));
	assert_ptr_equal(request.tail, &request.path[start]);
	assert_int_equal(strlen(request.tail), HTTP_PATH_MAX - start);
}

static void
a_parameter_that_is_too_long_finds_none(void **state)
{
	struct http_request request = request_of(HTTP_GET, "/v1/batches/");
	const struct route *route = NULL;
	struct error err = {0};
	const size_t start = strlen(request.path);

	(void)state;
	memset(&request.path[start], 'a', HTTP_VALUE_MAX);
	assert_true(routes_find(&request, ROUTE_TLS, &route, &err));
	request.path[start + HTTP_VALUE_MAX] = 'a';
	assert_false(routes_find(&request, ROUTE_TLS, &route, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
}

static void
a_path_says_what_it_takes(void **state)
{
	const struct http_request batches = request_of(HTTP_DELETE, "/v1/batches");
	const struct http_request person = request_of(HTTP_POST, "/v1/operators/anna");
	const struct http_request none = request_of(HTTP_GET, "/v2");
	char methods[ROUTES_METHODS_LEN];

	(void)state;
	routes_methods(&batches, ROUTE_TLS, methods);
	assert_string_equal(methods, "POST, GET, HEAD");
	routes_methods(&person, ROUTE_TLS, methods);
	assert_string_equal(methods, "GET, HEAD, DELETE");
	routes_methods(&none, ROUTE_TLS, methods);
	assert_string_equal(methods, "");
	routes_methods(&batches, ROUTE_PLAIN, methods);
	assert_string_equal(methods, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_route_is_whole),
	    cmocka_unit_test(no_two_routes_are_alike),
	    cmocka_unit_test(only_what_changes_something_takes_a_body),
	    cmocka_unit_test(the_plain_port_serves_crls_and_authorities_only),
	    cmocka_unit_test(the_port_for_old_est_clients_serves_est_only),
	    cmocka_unit_test(paths_find_their_routes),
	    cmocka_unit_test(other_paths_find_none),
	    cmocka_unit_test(a_parameter_that_is_too_long_finds_none),
	    cmocka_unit_test(the_rest_of_a_path_is_as_long_as_a_path),
	    cmocka_unit_test(a_path_says_what_it_takes),
	};

	return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
