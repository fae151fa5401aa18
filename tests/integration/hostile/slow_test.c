/*
 * Clients that take their time. All at once: each connection is ended within its deadline, and
 * others are served meanwhile. Nothing here measures speed: it waits for the end, with a bound.
 */
#include "tests/integration/hostile/world.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

#define PAUSE_MS 300      /* between two octets: it never becomes inactive */
#define PATIENCE_MS 90000 /* deadlines are 10 to 60 s */
#define STEP_MS 250
#define HEAD "POST /v1/enrollments HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

/* clang-format off */
static const struct row {
	const char *claim;
	enum { TLS, PLAIN, TCP } over; /* TCP: to the TLS port, no handshake */
	const char *at_once, *dripping; /* and then `dripping` over and over; "": nothing */
} ROWS[] = {
	{ "no handshake",         TCP,   "", "" },
	{ "a dripping handshake", TCP,   "\x16\x03\x01\x02", "\x01" },
	{ "no request",           TLS,   "", "" },
	{ "half a request line",  TLS,   "GET /healthz", "" },
	{ "a dripping target",    TLS,   "GET /", "a" },
	{ "a dripping header",    TLS,   "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", "a" },
	{ "dripping headers",     TLS,   "GET /healthz HTTP/1.1\r\nHost: a\r\n", "X: y\r\n" },
	{ "half a body",          TLS,   HEAD "Content-Length: 1000\r\n\r\n{", "" },
	{ "a dripping body",      TLS,   HEAD "Content-Length: 1000\r\n\r\n{", " " },
	{ "dripping chunks",      TLS,   HEAD "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n" },
	{ "a dripping chunk size", TLS,  HEAD "Transfer-Encoding: chunked\r\n\r\n", "0" },
	{ "100, and no body",     TLS,   HEAD "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", "" },
	{ "no request in plain",  PLAIN, "", "" },
	{ "a dripping header in plain", PLAIN, "GET /ca/0.cer HTTP/1.1\r\nHost: a\r\nX: ", "a" },
	{ "an idle connection",   TLS,   "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", "" },
};
/* clang-format on */

struct client {
	const struct world *world;
	const struct row *row; /* NULL: reads nothing */
	pthread_t thread;
	struct raw raw;
	bool connected, ended;
};

static bool
open_for(struct client *client)
{
	const struct world *world = client->world;
	const bool plain = client->row->over == PLAIN;

	return raw_connect(&client->raw, plain ? world->http_port : world->tls_port, 0) &&
	       (client->row->over != TLS || raw_handshake(&client->raw, world->contexts[STATION]));
}

static void *
drip(void *context)
{
	struct client *client = context;
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	struct raw *raw = &client->raw;

	client->connected = open_for(client);
	(void)raw_send(raw, bytes_of_text(client->row->at_once));
	while (client->connected && !client->ended && clock_monotonic_ms() < until_ms) {
		(void)raw_send(raw, bytes_of_text(client->row->dripping));
		if (raw_readable(raw, PAUSE_MS))
			client->ended = !raw_receive(raw, PAUSE_MS) && raw->end != RAW_TIMEOUT;
	}
	return NULL;
}

/* ---- who reads nothing ---- */

/* Whether the service still has its side of the connection: the kernel's table says so. */
static bool
is_held(int service_port, int own_port)
{
	FILE *table = fopen("/proc/net/tcp", "r");
	char line[256];
	bool held = false;

	while (table != NULL && fgets(line, sizeof line, table) != NULL) {
		unsigned local, remote, state;

		held = held ||
		       (sscanf(line, " %*d: %*8x:%x %*8x:%x %x", &local, &remote, &state) == 3 &&
			   local == (unsigned)service_port && remote == (unsigned)own_port &&
			   state == 1);
	}
	if (table != NULL)
		(void)fclose(table);
	return held;
}

static int
own_port(const struct raw *raw)
{
	struct sockaddr_in address = {0};
	socklen_t len = sizeof address;

	(void)getsockname(raw->fd, (struct sockaddr *)&address, &len);
	return ntohs(address.sin_port);
}

/* Long answers, asked for again and again: they fill every buffer between us. */
static void
ask_for_much(struct raw *raw)
{
	DEFER(buf_clear_public) struct buf request = {0};

	buf_append_format(&request,
	    "POST /v1/enrollments HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
	    "Content-Length: %d\r\n\r\n",
	    3000);
	for (int i = 0; i < 1000; i++)
		buf_append_text(&request, "{}\n");
	for (int i = 0; i < 40; i++)
		(void)raw_send(raw, buf_bytes(&request));
}

static void *
read_nothing(void *context)
{
	struct client *client = context;
	const int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	const struct world *world = client->world;

	client->connected = raw_connect(&client->raw, world->tls_port, 2048) &&
			    raw_handshake(&client->raw, world->contexts[NOBODY]) &&
			    is_held(world->tls_port, own_port(&client->raw));
	if (!client->connected)
		return NULL;
	ask_for_much(&client->raw);
	while (!client->ended && clock_monotonic_ms() < until_ms) {
		client->ended = !is_held(world->tls_port, own_port(&client->raw));
		(void)nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
	}
	return NULL;
}

/* ---- all at once ---- */

/* An enrollment, as long as they last. */
static void
serve_others(struct world *world)
{
	int status;

	json_decref(world_json(
	    world, STATION2, "POST", "/v1/enrollments", enrollment_new(world, NULL), &status));
	JUDGE(world, "others", status == 201, "status %d", status);
	judge_service(world, "others");
	(void)nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
}

static void
finish(struct world *world, struct client *client)
{
	const char *claim =
	    client->row != NULL ? client->row->claim : "a reader that does not read";

	while (pthread_tryjoin_np(client->thread, NULL) != 0)
		serve_others(world);
	JUDGE(world, claim, client->connected, "no connection: %s", raw_end_name(client->raw.end));
	JUDGE(world, claim, client->ended, "the connection is %s", raw_end_name(client->raw.end));
	JUDGE(world, claim,
	    client->row == NULL || strstr(client->row->at_once, "/readyz") != NULL ||
		strstr(buf_text(&client->raw.got), "HTTP/1.1 2") == NULL,
	    "served: %s", buf_text(&client->raw.got));
	raw_clear(&client->raw);
}

#define NOBODYS 5

/* Refusals of nobody are counted in memory: within a minute or so they are one leaf. */
static void
ask_as_nobody(struct world *world)
{
	static const struct refusal missing = {401, "CALLER_MISSING", NULL, NULL};
	struct raw_answer answer;

	for (int i = 0; i < NOBODYS; i++) {
		world_call(world, NOBODY, "GET", "/v1/batches", NULL, (struct bytes){0}, &answer);
		judge_problem(world, "nobody", &answer, &missing);
	}
}

static int64_t
nobodys_recorded(const struct world *world)
{
	DEFER(buf_clear_public) struct buf sql = {0};

	buf_append_format(&sql,
	    "SELECT coalesce(sum((leaf->>'cnt')::bigint), 0) FROM (SELECT convert_from(body, "
	    "'UTF8')::jsonb AS leaf FROM audit_leaf WHERE seq >= %lld) AS l WHERE leaf->>'act' = "
	    "'nobody' AND leaf->>'ev' = 'admin.login.refused' AND leaf->>'rc' = 'CALLER_MISSING' "
	    "AND leaf->>'win' IS NOT NULL",
	    (long long)world->first_seq);
	return world_count(world, buf_text(&sql));
}

static void
slow_clients_are_ended_and_others_served(void **state)
{
	struct world *world = *state;
	struct client clients[COUNT(ROWS) + 1] = {0};
	int64_t until_ms;

	ask_as_nobody(world);
	for (size_t i = 0; i < COUNT(clients); i++) {
		clients[i].world = world;
		clients[i].row = i < COUNT(ROWS) ? &ROWS[i] : NULL;
		assert_int_equal(pthread_create(&clients[i].thread, NULL,
				     i < COUNT(ROWS) ? drip : read_nothing, &clients[i]),
		    0);
	}
	for (size_t i = 0; i < COUNT(clients); i++)
		finish(world, &clients[i]);
	until_ms = clock_monotonic_ms() + PATIENCE_MS;
	while (nobodys_recorded(world) < NOBODYS && clock_monotonic_ms() < until_ms)
		serve_others(world);
	JUDGE(world, "nobody", nobodys_recorded(world) >= NOBODYS, "%lld in the log's summary",
	    (long long)nobodys_recorded(world));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(slow_clients_are_ended_and_others_served),
	};

	return cmocka_run_group_tests_name("hostile slow", tests, NULL, NULL);
}
