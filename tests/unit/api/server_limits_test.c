/* What one address may send, and how many connections it may hold. */
#include "tests/unit/api/serving.h"

#include "api/http_metrics.h"
#include "api/limits.h"

#define HOST "Host: localhost\r\n"
#define GET "GET /healthz HTTP/1.1\r\n" HOST "\r\n"
#define STAYING "GET /ca/none.cer HTTP/1.1\r\n" HOST "\r\n" /* its answer ends no connection */

/* One request a second, and `burst` at once. */
static void
start_limited(struct serving *s, int64_t burst)
{
	const struct limits limits = {.of = {[LIMIT_ADDRESS] = {.per_s = 1, .burst = burst}}};

	s->app.limiter = limiter_new(&limits, &s->rng);
	serving_start(s);
}

static int
tear_down(void **state)
{
	struct serving *s = *state;
	struct limiter *limiter = s->app.limiter;

	(void)serving_tear_down(state);
	limiter_free(limiter);
	return 0;
}

static int
ask(struct client *client, const char *request, const char *last)
{
	buf_clear(&client->got);
	client_say(client, request);
	(void)client_hear(client, last);
	return client_hear_status(client);
}

static void
more_than_a_burst_is_put_off_and_the_connection_stays(void **state)
{
	DEFER(client_clear) struct client client = {0};
	const char *answer;

	start_limited(*state, 2);
	client_open_tls(&client, *state);
	assert_int_equal(ask(&client, GET, "alive"), 200);
	assert_int_equal(ask(&client, GET, "alive"), 200);
	assert_int_equal(ask(&client, GET, "\"RATE_LIMITED\""), 429);
	answer = buf_text(&client.got);
	assert_non_null(strstr(answer, "\r\nRetry-After: 1\r\n"));
	assert_non_null(strstr(answer, "\r\nContent-Type: application/problem+json\r\n"));
	assert_null(strstr(answer, "Connection: close"));
	for (int i = 0; i < 40 && ask(&client, GET, "}") == 429; i++) {
		const struct timespec pause = {.tv_nsec = 100 * 1000000};

		(void)nanosleep(&pause, NULL);
	}
	assert_int_equal(client_hear_status(&client), 200);
}

/* No route is looked up for it, and its body is thrown away unread. */
static void
another_connection_and_port_of_the_address_count(void **state)
{
	DEFER(client_clear) struct client tls = {0};
	DEFER(client_clear) struct client plain = {0};

	start_limited(*state, 1);
	client_open_tls(&tls, *state);
	assert_int_equal(ask(&tls, GET, "alive"), 200);
	client_open_plain(&plain, *state);
	assert_int_equal(ask(&plain, "GET /none HTTP/1.1\r\n" HOST "\r\n", "}"), 429);
	assert_int_equal(
	    ask(&tls, "POST /v1/renewals HTTP/1.1\r\nContent-Length: 5\r\n" HOST "\r\nhello", "}"),
	    429);
	assert_int_equal(ask(&tls, GET, "}"), 429); /* `hello` was no request */
}

static void
what_could_be_read_in_two_ways_ends_the_connection_all_the_same(void **state)
{
	DEFER(client_clear) struct client client = {0};

	start_limited(*state, 1);
	client_open_tls(&client, *state);
	assert_int_equal(ask(&client, GET, "alive"), 200);
	buf_clear(&client.got);
	client_say(&client,
	    "POST /v1/renewals HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n" HOST
	    "\r\n0\r\n\r\n" GET);
	assert_null(strstr(client_hear_all(&client), "HTTP/1.1 429"));
	assert_int_equal(client_hear_status(&client), 400);
}

static void
nobody_s_refusals_are_counted_and_not_recorded_one_by_one(void **state)
{
	struct serving *s = *state;
	DEFER(metrics_free) struct metrics *metrics = http_metrics_new();
	DEFER(client_clear) struct client client = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	s->app.metrics = metrics;
	start_limited(s, 1);
	client_open_tls(&client, s);
	assert_int_equal(ask(&client, GET, "alive"), 200);
	for (int i = 0; i < 20; i++)
		(void)ask(&client,
		    "POST /v1/enrollments HTTP/1.1\r\nContent-Length: 0\r\n" HOST "\r\n", "}");
	server_drain_and_free(s->server, 5000);
	s->server = NULL;
	metrics_write(metrics, &text);
	/* All but those that a bucket's second let through. */
	if (strstr(buf_text(&text), "event=\"enroll.refused\",reason=\"RATE_LIMITED\"") == NULL)
		fail_msg("not counted: %s", buf_text(&text));
}

/* ---- connections ---- */

static bool
is_served(const struct serving *s, struct client *client)
{
	*client = (struct client){0};
	client_connect(client, server_http_port(s->server));
	if (!client_send(client, bytes_of_text(STAYING)))
		return false;
	while (strchr(buf_text(&client->got), '}') == NULL)
		if (!client_receive(client))
			return false;
	return true;
}

/* Of `count` that come at once and stay, how many are served. */
static int
served_of(struct serving *s, int count)
{
	struct client *clients = calloc((size_t)count, sizeof *clients);
	int served = 0;

	assert_non_null(clients);
	for (int i = 0; i < count; i++)
		served += is_served(s, &clients[i]);
	for (int i = 0; i < count; i++)
		client_clear(&clients[i]);
	free(clients);
	return served;
}

static void
an_address_holds_no_more_connections_than_it_may(void **state)
{
	struct serving *s = *state;

	s->options.connections_per_address_max = 5;
	serving_start(s);
	assert_int_equal(served_of(s, 8), 5);
}

/* Those beyond wait for the kernel until one of the others is gone: they are served late, not
 * refused. */
static void
no_more_connections_are_open_than_there_may_be(void **state)
{
	struct serving *s = *state;
	DEFER(client_clear) struct client late = {0};
	struct client clients[5];

	s->options.connections_max = COUNT(clients);
	serving_start(s);
	for (size_t i = 0; i < COUNT(clients); i++)
		assert_true(is_served(s, &clients[i]));
	client_open_plain(&late, s);
	client_say(&late, STAYING);
	for (int i = 0; i < 20; i++) { /* each of them is answered, and so could it have been */
		assert_int_equal(ask(&clients[i % 5], STAYING, "}"), 404);
		assert_int_equal(recv(late.fd, &(char){0}, 1, MSG_DONTWAIT), -1);
	}
	for (size_t i = 0; i < COUNT(clients); i++)
		client_clear(&clients[i]);
	assert_int_equal(client_hear_status(&late), 404);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, serving_set_up, tear_down)
	    TEST(more_than_a_burst_is_put_off_and_the_connection_stays),
	    TEST(another_connection_and_port_of_the_address_count),
	    TEST(what_could_be_read_in_two_ways_ends_the_connection_all_the_same),
	    TEST(nobody_s_refusals_are_counted_and_not_recorded_one_by_one),
	    TEST(an_address_holds_no_more_connections_than_it_may),
	    TEST(no_more_connections_are_open_than_there_may_be),
	};

	return cmocka_run_group_tests_name("server_limits", tests, NULL, NULL);
}
