#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/unit/api/serving.h"

#define HOST "Host: localhost\r\n"
#define PATIENCE_MS 8000 /* much more than any of these needs */

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

/* A request line that never ends. */
static void
drip_line(struct client *client)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000};
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

	client_say(client, "GET /");
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

/* Nothing of the next request has come when the one before is answered. */
static void
a_kept_connection_has_no_more_time_for_its_next_line(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};

	s->options.request_deadline_ms = 200;
	serving_start(s);
	client_open_tls(&client, s);
	client_say(&client, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
	(void)client_hear(&client, "alive");
	drip_line(&client);
}

/* Requests without end, and no answer is taken: the server stops reading, then closes. */
static void
who_takes_no_answer_is_cut_off(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	const int small = 4096;

	s->options.answer_deadline_ms = 200;
	serving_start(s);
	client_open_plain(&client, s);
	(void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	while (send(client.fd, "GET /x HTTP/1.1\r\n" HOST "\r\n", 36, MSG_NOSIGNAL | MSG_DONTWAIT) >
		   0 ||
	       errno == EAGAIN)
		if (clock_monotonic_ms() > until_ms)
			fail_msg("it is still open");
}

static int64_t
cpu_us(void)
{
	struct timespec used;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
	return used.tv_sec * INT64_C(1000000) + used.tv_nsec / 1000;
}

/* A ClientHello, and nothing after it, since the client never hears an answer. */
static void
begin_handshake(struct client *client, const struct serving *s)
{
	BIO *silence = BIO_new(BIO_s_mem());

	*client = (struct client){0};
	client->context = SSL_CTX_new(TLS_client_method());
	client_connect(client, server_tls_port(s->server));
	client->session = SSL_new(client->context);
	BIO_set_mem_eof_return(silence, -1);
	SSL_set_bio(client->session, silence, BIO_new_socket(client->fd, BIO_NOCLOSE));
	assert_int_equal(SSL_connect(client->session), -1);
}

/* libmicrohttpd alone would spin: all of a core, for each loop, as long as the client likes. */
static void
a_handshake_that_stops_costs_next_to_nothing(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};
	char octets[4096];
	int64_t began_us, spent_us;

	s->options.request_deadline_ms = 1000;
	serving_start(s);
	begin_handshake(&client, s);
	began_us = clock_monotonic_us();
	spent_us = cpu_us();
	while (recv(client.fd, octets, sizeof octets, 0) > 0)
		continue;
	spent_us = cpu_us() - spent_us;
	assert_true(spent_us * 10 < clock_monotonic_us() - began_us);
}

/* ---- what the loops ask of the system, by --wrap in CMakeLists.txt ---- */

static atomic_int lulls;  /* waits so short that libmicrohttpd did not ask for them */
static atomic_int halves; /* segments that something is to follow at once */

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms); /* NOLINT */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms); /* NOLINT */

int
__wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms) /* NOLINT */
{
	if (timeout_ms == 1)
		(void)atomic_fetch_add(&lulls, 1);
	return __real_poll(fds, count, timeout_ms);
}

/* After an answer libmicrohttpd has something left to do before it listens again. */
static void
the_next_request_on_a_connection_waits_for_nothing(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};

	serving_start(s);
	client_open_tls(&client, s);
	client_say(&client, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
	(void)client_hear(&client, "alive");
	atomic_store(&lulls, 0);
	for (int i = 0; i < 50; i++) {
		buf_clear(&client.got);
		client_say(&client, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
		(void)client_hear(&client, "alive");
	}
	assert_in_range(atomic_load(&lulls), 0, 10);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags); /* NOLINT */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags); /* NOLINT */

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags) /* NOLINT */
{
	if ((flags & MSG_MORE) != 0)
		(void)atomic_fetch_add(&halves, 1);
	return __real_sendmsg(fd, message, flags);
}

/* The kernel would hold back a head that nothing follows. */
static void
a_head_is_sent_with_its_body_if_it_has_one(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client client = {0};

	serving_start(s);
	client_open_tls(&client, s);
	atomic_store(&halves, 0);
	client_say(&client, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
	(void)client_hear(&client, "alive");
	assert_int_equal(atomic_load(&halves), 1);
	client_say(&client, "HEAD /healthz HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	(void)client_hear_all(&client);
	assert_int_equal(atomic_load(&halves), 1);
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

/* How many the one worker manages meanwhile is chance; that each is told is not. Nor that the
 * connection stays. */
static void
what_the_workers_cannot_take_is_put_off(void **state)
{
	struct client clients[CLIENTS] = {0};

	open_many(*state, 1, clients);
	ask_all(clients);
	for (size_t i = 0; i < CLIENTS; i++) {
		const char *answer = client_hear(&clients[i], "}");

		if (client_hear_status(&clients[i]) == 503) {
			assert_non_null(strstr(answer, "\r\nRetry-After: 1\r\n"));
			assert_non_null(strstr(answer, "\"code\":\"BUSY\""));
			assert_null(strstr(answer, "\r\nConnection: close\r\n"));
		} else
			assert_int_equal(client_hear_status(&clients[i]), 404);
		client_clear(&clients[i]);
	}
}

/* An answer is whole or absent, also to those whom nobody came to serve. */
static void
stopping_under_load_cuts_no_answer_short(void **state)
{
	struct serving *s = *state;
	struct client clients[CLIENTS] = {0};

	open_many(s, 2, clients);
	ask_all(clients);
	server_drain_and_free(s->server, PATIENCE_MS);
	s->server = NULL;
	for (size_t i = 0; i < CLIENTS; i++) {
		const char *all = client_hear_all(&clients[i]);

		if (all[0] != '\0')
			assert_string_equal(&all[strlen(all) - 2], "\"}");
		client_clear(&clients[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, serving_set_up, serving_tear_down)
	    TEST(who_drips_octets_is_cut_off),
	    TEST(who_says_nothing_is_cut_off),
	    TEST(a_body_that_never_ends_is_cut_off),
	    TEST(a_kept_connection_has_no_more_time_for_its_next_line),
	    TEST(who_takes_no_answer_is_cut_off),
	    TEST(a_handshake_that_stops_costs_next_to_nothing),
	    TEST(the_next_request_on_a_connection_waits_for_nothing),
	    TEST(a_head_is_sent_with_its_body_if_it_has_one),
	    TEST(a_port_that_is_taken_is_an_error),
	    TEST(stopping_leaves_nobody_hanging),
	    TEST(many_connections_are_all_answered),
	    TEST(what_the_workers_cannot_take_is_put_off),
	    TEST(stopping_under_load_cuts_no_answer_short),
	};

	return cmocka_run_group_tests_name("server_loop", tests, NULL, NULL);
}
