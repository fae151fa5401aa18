#include "tests/unit/api/serving.h"

#define HOST "Host: localhost\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"
#define PATIENCE_MS 8000 /* much more than any of these needs */

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

/* ---- time ---- */

/* A header line that never ends, an octet at a time, until the server has had enough. */
static void
drip(struct client *client)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000};
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

	client_say(client, "GET /healthz HTTP/1.1\r\nX: ");
	while (client_send(client, bytes_of("a", 1))) {
		if (clock_monotonic_ms() > until_ms)
			fail_msg("it is still open");
		(void)nanosleep(&pause, NULL);
	}
}

static void
who_drips_octets_is_cut_off(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client tls = {0};
	DEFER(client_clear) struct client plain = {0};

	s->options.request_deadline_ms = 200;
	serving_start(s);
	client_open_tls(&tls, s);
	drip(&tls);
	client_open_plain(&plain, s);
	drip(&plain);
}

static void
who_says_nothing_is_cut_off(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};

	s->options.request_deadline_ms = 200;
	serving_start(s);
	client_open_plain(&client, s);
	assert_string_equal(client_hear_all(&client), "");
}

static void
a_body_that_never_ends_is_cut_off(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};

	s->options.request_deadline_ms = 200;
	serving_start(s);
	client_open_tls(&client, s);
	client_say(&client, "POST /v1/revocations HTTP/1.1\r\nContent-Length: 10\r\n" HOST "\r\nx");
	assert_string_equal(client_hear_all(&client), "");
}

/* ---- start and stop ---- */

static void
a_port_that_is_taken_is_an_error(void **state)
{
	struct serving *s = *state;
	struct server_options options;
	struct server *second = NULL;
	struct error err = {0};

	serving_start(s);
	options = s->options;
	options.tls_port = server_tls_port(s->server);
	assert_false(server_new(&s->app, &options, &second, &err));
	assert_int_equal(err.code, E_CONFIG_INVALID);
}

static void
stopping_leaves_nobody_hanging(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client idle = {0};
	DEFER(client_clear) struct client half = {0};

	serving_start(s);
	client_open_tls(&idle, s);
	client_say(&idle, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
	(void)client_hear(&idle, "alive");
	client_open_plain(&half, s);
	client_say(&half, "GET /ca/");
	server_drain_and_free(s->server, 1000);
	s->server = NULL;
	(void)client_hear_all(&idle);
	assert_string_equal(client_hear_all(&half), "");
}

/* As many events at once as libmicrohttpd takes from epoll, twice over. */
#define CLIENTS 256

static void
open_many(struct serving *s, int worker_count, struct client clients[static CLIENTS])
{
	s->options.connections_max = CLIENTS;
	s->options.connections_per_address_max = CLIENTS;
	s->options.worker_count = worker_count;
	serving_start(s);
	for (size_t i = 0; i < CLIENTS; i++)
		client_open_plain(&clients[i], s);
}

static void
ask_all(struct client clients[static CLIENTS])
{
	for (size_t i = 0; i < CLIENTS; i++)
		client_say(&clients[i], "GET /ca/none.cer HTTP/1.1\r\n" HOST "\r\n");
}

static void
many_connections_are_all_answered(void **state)
{
	struct client clients[CLIENTS] = {0};

	open_many(*state, 16, clients);
	for (int round = 0; round < 3; round++) {
		ask_all(clients);
		for (size_t i = 0; i < CLIENTS; i++) {
			(void)client_hear(&clients[i], "\"NOT_FOUND\"");
			assert_int_equal(client_hear_status(&clients[i]), 404);
			buf_clear(&clients[i].got);
		}
	}
	for (size_t i = 0; i < CLIENTS; i++)
		client_clear(&clients[i]);
}

/* How many the one worker manages meanwhile is chance; that each is told is not. */
static void
what_the_workers_cannot_take_is_put_off(void **state)
{
	struct client clients[CLIENTS] = {0};

	open_many(*state, 1, clients);
	ask_all(clients);
	for (size_t i = 0; i < CLIENTS; i++) {
		const char *answer = client_hear(&clients[i], "}");

		if (client_hear_status(&clients[i]) == 503)
			assert_non_null(strstr(answer, "\r\nRetry-After: 1\r\n"));
		else
			assert_int_equal(client_hear_status(&clients[i]), 404);
		client_clear(&clients[i]);
	}
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
	    TEST(lines_of_enrollments_are_refused_one_by_one),
	    TEST(a_chunked_body_is_refused_while_it_arrives),
	    TEST(a_chunked_body_is_refused_on_the_plain_port),
	    TEST(tls_1_2_is_refused),
	    TEST(no_ticket_is_given),
	    TEST(any_client_certificate_comes_through),
	    TEST(a_new_certificate_serves_later_handshakes),
	    TEST(what_is_no_certificate_changes_nothing),
	    TEST(who_drips_octets_is_cut_off),
	    TEST(who_says_nothing_is_cut_off),
	    TEST(a_body_that_never_ends_is_cut_off),
	    TEST(a_port_that_is_taken_is_an_error),
	    TEST(stopping_leaves_nobody_hanging),
	    TEST(many_connections_are_all_answered),
	    TEST(what_the_workers_cannot_take_is_put_off),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
