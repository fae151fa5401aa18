#include "api/http_metrics.h"
#include "api/openapi.h"
#include "tests/unit/api/serving.h"

#define HOST "Host: localhost\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

/* ---- what is served where ---- */

static void
liveness_is_answered_over_tls(void **state)
{
	DEFER(client_clear) struct client client = {0};
	const char *all;

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client, "GET /healthz HTTP/1.1\r\n" CLOSE);
	all = client_hear_all(&client);
	assert_non_null(strstr(all, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(all, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(all, "Moniker-Request-Id: "));
	assert_non_null(strstr(all, "\r\n\r\n{\"status\":\"alive\"}"));
}

static void
head_is_get_without_the_body(void **state)
{
	DEFER(client_clear) struct client client = {0};
	const char *all;

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client, "HEAD /healthz HTTP/1.1\r\n" CLOSE);
	all = client_hear_all(&client);
	assert_non_null(strstr(all, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(all, "Content-Length: 18\r\n"));
	assert_null(strstr(all, "alive"));
}

static void
another_method_is_told_which_ones_there_are(void **state)
{
	DEFER(client_clear) struct client client = {0};

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client, "DELETE /v1/batches HTTP/1.1\r\n" CLOSE);
	assert_non_null(strstr(client_hear_all(&client), "\r\nAllow: POST, GET, HEAD\r\n"));
	assert_int_equal(client_hear_status(&client), 405);
}

static void
the_plain_port_gives_authorities_and_no_more(void **state)
{
	struct serving *s = *state;
	const struct issuer *issuer = issuers_at(s->authorities.issuers, 0);
	DEFER(client_clear) struct client authority = {0};
	DEFER(client_clear) struct client api = {0};
	char request[128];

	serving_start(s);
	(void)snprintf(
	    request, sizeof request, "GET /ca/%s.cer HTTP/1.1\r\n" CLOSE, issuer->id_text);
	client_open_plain(&authority, s);
	client_say(&authority, request);
	assert_non_null(
	    strstr(client_hear_all(&authority), "Content-Type: application/pkix-cert\r\n"));
	assert_true(authority.got.len > issuer->der.len);
	assert_memory_equal(&authority.got.data[authority.got.len - issuer->der.len],
	    issuer->der.data, issuer->der.len);

	client_open_plain(&api, s);
	client_say(&api, "GET /healthz HTTP/1.1\r\n" CLOSE);
	assert_int_equal(client_hear_status(&api), 404);
}

static void
who_shows_nothing_is_asked_for_a_credential(void **state)
{
	static const char *const CALLS[] = {
	    "GET /v1/batches HTTP/1.1\r\n" CLOSE,
	    "GET /audit/logs HTTP/1.1\r\n" CLOSE,
	    "POST /v1/renewals HTTP/1.1\r\nContent-Type: application/json\r\n"
	    "Content-Length: 2\r\n" HOST "Connection: close\r\n\r\n{}",
	    "POST /v1/enrollments HTTP/1.1\r\nContent-Type: application/json\r\n"
	    "Content-Length: 11\r\n" HOST "Connection: close\r\n\r\n{\"csr\":\"x\"}",
	};

	serving_start(*state);
	for (size_t i = 0; i < COUNT(CALLS); i++) {
		DEFER(client_clear) struct client client = {0};

		client_open_tls(&client, *state);
		client_say(&client, CALLS[i]);
		assert_non_null(strstr(client_hear_all(&client), "\r\nWWW-Authenticate: "));
		assert_int_equal(client_hear_status(&client), 401);
	}
}

static void
the_description_is_served(void **state)
{
	DEFER(client_clear) struct client first = {0}, second = {0};
	struct serving *s = *state;
	char request[160];
	const char *all;

	serving_start(s);
	client_open_tls(&first, s);
	client_say(&first, "GET /v1/openapi.yaml HTTP/1.1\r\n" CLOSE);
	all = client_hear_all(&first);
	assert_non_null(strstr(all, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(all, "Content-Type: application/yaml\r\n"));
	assert_non_null(strstr(all, "Cache-Control: max-age=3600\r\n"));
	assert_true(first.got.len > OPENAPI.len);
	assert_memory_equal(
	    &first.got.data[first.got.len - OPENAPI.len], OPENAPI.data, OPENAPI.len);

	(void)snprintf(request, sizeof request,
	    "GET /v1/openapi.yaml HTTP/1.1\r\nIf-None-Match: \"%s\"\r\n" CLOSE, OPENAPI_TAG);
	client_open_tls(&second, s);
	client_say(&second, request);
	assert_int_equal(client_hear_status(&second), 304);
}

static void
a_304_has_the_length_of_the_200_and_no_body(void **state)
{
	static const char after[] = "GET /healthz HTTP/1.1\r\n" CLOSE;
	DEFER(client_clear) struct client client = {0};
	struct serving *s = *state;
	char request[160], length[64];
	const char *all, *end;

	serving_start(s);
	(void)snprintf(request, sizeof request,
	    "GET /v1/openapi.yaml HTTP/1.1\r\nIf-None-Match: \"%s\"\r\n" HOST "\r\n", OPENAPI_TAG);
	(void)snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", OPENAPI.len);
	client_open_tls(&client, s);
	client_say(&client, request);
	client_say(&client, after);
	all = client_hear_all(&client);
	assert_memory_equal(all, "HTTP/1.1 304 ", 13);
	end = strstr(all, "\r\n\r\n");
	assert_non_null(end);
	assert_memory_equal(end + 4, "HTTP/1.1 200 ", 13); /* the next answer follows at once */
	assert_non_null(strstr(all, length));
	assert_true(strstr(all, length) < end);
}

static void
metrics_need_a_credential_where_this_host_is_not_trusted(void **state)
{
	DEFER(client_clear) struct client client = {0};

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client, "GET /metrics HTTP/1.1\r\n" CLOSE);
	assert_int_equal(client_hear_status(&client), 401);
}

/* They are not let in: the handler would ask a ledger that is not there. */
static void
what_comes_through_a_proxy_is_not_from_this_host(void **state)
{
	static const char *const FIELDS[] = {"Forwarded: for=192.0.2.7", "via: 1.1 proxy",
	    "X-FORWARDED-FOR: 192.0.2.7", "X-Forwarded-Host: a.example", "X-Real-IP: 192.0.2.7"};
	struct serving *s = *state;

	s->options.metrics_local = true;
	serving_start(s);
	for (size_t i = 0; i < COUNT(FIELDS); i++) {
		DEFER(client_clear) struct client client = {0};
		char request[160];

		(void)snprintf(
		    request, sizeof request, "GET /metrics HTTP/1.1\r\n%s\r\n" CLOSE, FIELDS[i]);
		client_open_tls(&client, s);
		client_say(&client, request);
		assert_int_equal(client_hear_status(&client), 401);
	}
}

static const char *const COUNTED[] = {
    "moniker_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1\n",
    "moniker_http_requests_total{method=\"GET\",route=\"/v1/batches\",status=\"401\"} 1\n",
    "moniker_http_request_duration_seconds_count{method=\"GET\",route=\"/healthz\"} 1\n",
    "moniker_http_queue_wait_seconds_count 2\n",
    "moniker_http_requests_waiting 0\n",
    "moniker_http_requests_in_flight 0\n",
    "moniker_http_connections{port=\"tls\",state=\"idle\"} 0\n",
    "moniker_http_connections{port=\"tls\",state=\"arriving\"} 0\n",
    "moniker_http_connections{port=\"tls\",state=\"working\"} 0\n",
    "moniker_http_connections{port=\"tls\",state=\"answering\"} 0\n",
    "moniker_http_connections_total{port=\"tls\"} 3\n",
    "moniker_http_connections_total{port=\"plain\"} 0\n",
    "moniker_tls_handshakes_failed_total 1\n",
    "moniker_refusals_total{event=\"admin.login.refused\",reason=\"CALLER_MISSING\"} 1\n",
};

/* The server counts on threads of its own: until it has stopped, a count may be under way. */
static void
what_happens_is_counted(void **state)
{
	struct serving *s = *state;
	DEFER(metrics_free) struct metrics *metrics = http_metrics_new();
	DEFER(client_clear) struct client good = {0}, bad = {0}, old = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	s->app.metrics = metrics;
	serving_start(s);
	client_open_tls(&good, s);
	client_say(&good, "GET /healthz HTTP/1.1\r\n" CLOSE);
	(void)client_hear_all(&good);
	client_open_tls(&bad, s);
	client_say(&bad, "GET /v1/batches?who=canary HTTP/1.1\r\n" CLOSE);
	(void)client_hear_all(&bad);
	assert_false(
	    client_handshake(&old, server_tls_port(s->server), TLS1_2_VERSION, NULL, NULL));
	client_clear(&old);
	old = (struct client){0};
	server_drain_and_free(s->server, 5000);
	s->server = NULL;
	metrics_write(metrics, &text);
	(void)buf_text(&text);
	for (size_t i = 0; i < COUNT(COUNTED); i++)
		if (strstr(buf_text(&text), COUNTED[i]) == NULL)
			fail_msg("not counted: %s in %s", COUNTED[i], buf_text(&text));
	assert_null(strstr(buf_text(&text), "canary"));
}

static void
lines_of_enrollments_are_refused_one_by_one(void **state)
{
	DEFER(client_clear) struct client client = {0};
	const char *all;

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client,
	    "POST /v1/enrollments HTTP/1.1\r\nContent-Type: application/x-ndjson\r\n"
	    "Content-Length: 14\r\n" HOST "Connection: close\r\n\r\n{\"csr\":\"x\"}\n[]");
	all = client_hear_all(&client);
	assert_int_equal(client_hear_status(&client), 200);
	assert_non_null(strstr(all, "Content-Type: application/x-ndjson\r\n"));
	assert_non_null(strstr(all, "\r\n\r\n{\"status\":401,\"problem\":{"));
	assert_non_null(strstr(all, "}}\n{\"status\":400,\"problem\":{"));
}

/* ---- bodies ---- */

static void
a_chunked_body_is_refused_while_it_arrives(void **state)
{
	DEFER(client_clear) struct client client = {0};
	char chunk[1024 + 8];
	const char *all;

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(
	    &client, "POST /v1/revocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n");
	(void)snprintf(chunk, sizeof chunk, "400\r\n%01024d\r\n", 0);
	for (int i = 0; i < 5; i++) /* 4 KiB are allowed; the end never comes */
		client_say(&client, chunk);
	all = client_hear(&client, "\"TOO_LARGE\"");
	assert_non_null(strstr(all, "HTTP/1.1 413 "));
	assert_non_null(strstr(all, "application/problem+json"));
}

static void
a_chunked_body_is_refused_on_the_plain_port(void **state)
{
	DEFER(client_clear) struct client client = {0};

	serving_start(*state);
	client_open_plain(&client, *state);
	client_say(&client, "GET /ca/0123456789abcdef.cer HTTP/1.1\r\n"
			    "Transfer-Encoding: chunked\r\n" HOST "\r\n1\r\nx\r\n");
	assert_int_equal(client_hear_status(&client), 413);
}

/* ---- TLS ---- */

static void
tls_1_2_is_refused(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};

	serving_start(s);
	assert_false(
	    client_handshake(&client, server_tls_port(s->server), TLS1_2_VERSION, NULL, NULL));
}

static void
no_ticket_is_given(void **state)
{
	DEFER(client_clear) struct client client = {0};

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client, "GET /healthz HTTP/1.1\r\n" CLOSE);
	(void)client_hear_all(&client);
	assert_false(SSL_SESSION_has_ticket(SSL_get_session(client.session)));
}

/* Whether it is a credential is decided later, and for this path not at all. */
static void
any_client_certificate_comes_through(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};
	DEFER(X509_free) X509 *certificate = NULL;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;

	serving_start(s);
	make_certificate("stranger", &certificate, &key);
	assert_true(client_handshake(
	    &client, server_tls_port(s->server), TLS1_3_VERSION, certificate, key));
	client_say(&client, "GET /healthz HTTP/1.1\r\n" CLOSE);
	assert_int_equal(client_hear_status(&client), 200);
}

static void
assert_served_as(const struct serving *s, const char *name)
{
	DEFER(client_clear) struct client client = {0};
	DEFER(X509_free) X509 *certificate = NULL;
	char found[64] = "";

	client_open_tls(&client, s);
	certificate = SSL_get1_peer_certificate(client.session);
	assert_non_null(certificate);
	X509_NAME_get_text_by_NID(
	    X509_get_subject_name(certificate), NID_commonName, found, sizeof found);
	assert_string_equal(found, name);
}

static void
a_new_certificate_serves_later_handshakes(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client old = {0};
	DEFER(buf_clear) struct buf certificate = {0};
	DEFER(buf_clear) struct buf key = {0};
	struct error err = {0};

	serving_start(s);
	assert_served_as(s, "first.example");
	client_open_tls(&old, s);
	make_pems("second.example", &certificate, &key);
	assert_true(
	    server_set_certificate(s->server, buf_text(&certificate), buf_text(&key), &err));
	assert_served_as(s, "second.example");
	client_say(&old, "GET /healthz HTTP/1.1\r\n" CLOSE);
	assert_int_equal(client_hear_status(&old), 200);
}

static void
what_is_no_certificate_changes_nothing(void **state)
{
	struct serving *s = *state;
	struct error err = {0};

	serving_start(s);
	assert_false(server_set_certificate(s->server, "no certificate", "no key", &err));
	assert_int_equal(err.code, E_CONFIG_INVALID);
	assert_served_as(s, "first.example");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, serving_set_up, serving_tear_down)
	    TEST(liveness_is_answered_over_tls),
	    TEST(head_is_get_without_the_body),
	    TEST(another_method_is_told_which_ones_there_are),
	    TEST(the_plain_port_gives_authorities_and_no_more),
	    TEST(who_shows_nothing_is_asked_for_a_credential),
	    TEST(the_description_is_served),
	    TEST(a_304_has_the_length_of_the_200_and_no_body),
	    TEST(metrics_need_a_credential_where_this_host_is_not_trusted),
	    TEST(what_comes_through_a_proxy_is_not_from_this_host),
	    TEST(what_happens_is_counted),
	    TEST(lines_of_enrollments_are_refused_one_by_one),
	    TEST(a_chunked_body_is_refused_while_it_arrives),
	    TEST(a_chunked_body_is_refused_on_the_plain_port),
	    TEST(tls_1_2_is_refused),
	    TEST(no_ticket_is_given),
	    TEST(any_client_certificate_comes_through),
	    TEST(a_new_certificate_serves_later_handshakes),
	    TEST(what_is_no_certificate_changes_nothing),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
