#include "tests/bench/client.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/report.h"

#define LOAD_US_MAX INT64_C(60000000)
#define ANSWER_MAX (8 << 20)
#define WAIT_US_MAX INT64_C(100000)

struct connection {
	const struct load *load;
	SSL *ssl;
	size_t index, next;    /* of the connections; the call under way */
	int64_t *latencies_us; /* of all calls */
	int64_t began_us;      /* of all; of the call under way, 0: not begun */
	int64_t start_us;
	bool sent;
	struct buf in;       /* the answer so far */
	size_t head, length; /* of the answer; head 0: not known yet */
	size_t good;
};

/* Calls go round the connections, so that an open loop's schedule does. */
static size_t
current_call(const struct connection *c)
{
	return c->next * c->load->connections + c->index;
}

static int64_t
due_us(const struct load *load, int64_t start_us, size_t call)
{
	return load->rate > 0 ? start_us + (int64_t)((double)call * 1e6 / load->rate) : 0;
}

/* ---- one connection ---- */

/* Whether the call only has to be made again when the socket is ready. */
static void
check_waits(const struct connection *c, int result)
{
	const int why = SSL_get_error(c->ssl, result);

	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		die("a connection was lost; the service ends one that is idle for 10 s: is the "
		    "machine busy?");
}

/* Whether the answer is complete. */
static bool
take_chunk(struct connection *c, struct bytes chunk)
{
	if (c->in.len + chunk.len > ANSWER_MAX)
		die("an answer is too long");
	buf_append(&c->in, chunk);
	if (c->head == 0) {
		const char *end = strstr(buf_text(&c->in), "\r\n\r\n");
		const char *at = strcasestr(buf_text(&c->in), "content-length:");

		if (end == NULL)
			return false;
		if (at == NULL)
			die("an answer without Content-Length");
		c->head = (size_t)(end - (const char *)c->in.data) + 4;
		c->length = strtoul(at + 15, NULL, 10);
	}
	return c->in.len >= c->head + c->length;
}

static size_t
count_good(const struct load *load, const char *text)
{
	size_t count = 0;

	if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strncmp(text + 9, load->status, 3) != 0)
		return 0;
	if (load->marker == NULL)
		return 1;
	for (const char *at = text; (at = strstr(at, load->marker)) != NULL; at++)
		count++;
	return count;
}

static void
finish_answer(struct connection *c)
{
	const size_t call = current_call(c);
	const char *text = buf_text(&c->in);

	c->latencies_us[call] = clock_monotonic_us() - c->began_us;
	c->good += count_good(c->load, text);
	if (c->load->answered != NULL)
		c->load->answered(c->load->context, call, text);
	buf_truncate(&c->in, 0);
	c->next++;
	c->head = c->length = 0;
	c->sent = false;
	c->began_us = 0;
}

/* False: the call is not due yet. */
static bool
begin_call(struct connection *c)
{
	const int64_t now_us = clock_monotonic_us();
	const int64_t due = due_us(c->load, c->start_us, current_call(c));

	if (c->began_us == 0 && due > now_us)
		return false;
	if (c->began_us == 0)
		c->began_us = due > 0 ? due : now_us;
	return true;
}

/* As far as socket and schedule allow; false: all its calls are answered. */
static bool
run_connection(struct connection *c)
{
	uint8_t chunk[16384];

	while (c->next < c->load->each) {
		const struct buf *request =
		    &c->load->requests[current_call(c) % c->load->request_count];
		int result;

		if (!c->sent) {
			if (!begin_call(c))
				return true;
			result = SSL_write(c->ssl, request->data, (int)request->len);
			c->sent = result > 0;
		} else {
			result = SSL_read(c->ssl, chunk, sizeof chunk);
			if (result > 0 && take_chunk(c, bytes_of(chunk, (size_t)result)))
				finish_answer(c);
		}
		if (result <= 0) {
			check_waits(c, result);
			return true;
		}
	}
	return false;
}

/* ---- all of them ---- */

struct race {
	const struct load *load;
	struct connection *all;
	int epoll;
	int64_t start_us;
	size_t left;   /* connections with calls to make */
	size_t to_due; /* open loop: the first call that was not due when last looked */
};

static void
step(struct race *race, struct connection *c)
{
	if (c->next < race->load->each && !run_connection(c))
		race->left--;
}

/* Begins what is due where the connection is free; a busy one begins it after its answer. */
static void
start_due(struct race *race)
{
	const size_t calls = race->load->connections * race->load->each;

	while (race->load->rate > 0 && race->to_due < calls &&
	       due_us(race->load, race->start_us, race->to_due) <= clock_monotonic_us())
		step(race, &race->all[race->to_due++ % race->load->connections]);
}

static void
wait_for_events(struct race *race)
{
	const size_t calls = race->load->connections * race->load->each;
	struct epoll_event events[64];
	int64_t wait_us = WAIT_US_MAX;
	struct timespec wait;
	int got;

	if (race->load->rate > 0 && race->to_due < calls)
		wait_us = due_us(race->load, race->start_us, race->to_due) - clock_monotonic_us();
	wait_us = wait_us < 0 ? 0 : wait_us > WAIT_US_MAX ? WAIT_US_MAX : wait_us;
	wait = (struct timespec){.tv_nsec = wait_us * 1000};
	got = epoll_pwait2(race->epoll, events, COUNT(events), &wait, NULL);
	for (int i = 0; i < got; i++)
		step(race, events[i].data.ptr);
}

static void
run_race(struct race *race)
{
	const int64_t until_us = race->start_us + LOAD_US_MAX;

	for (size_t i = 0; i < race->load->connections; i++) {
		struct epoll_event event = {
		    .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &race->all[i]};

		if (epoll_ctl(race->epoll, EPOLL_CTL_ADD, SSL_get_fd(race->all[i].ssl), &event) !=
		    0)
			die("epoll does not take a connection");
	}
	while (race->left > 0) {
		start_due(race);
		wait_for_events(race);
		if (clock_monotonic_us() > until_us)
			die("a round took too long");
	}
}

static struct connection *
connect_all(const struct load *load, int64_t *latencies_us)
{
	struct connection *all = xcalloc(load->connections, sizeof *all);

	for (size_t i = 0; i < load->connections; i++) {
		all[i] = (struct connection){.load = load,
		    .index = i,
		    .ssl = target_connect(load->target, load->tls),
		    .latencies_us = latencies_us};
		if (fcntl(SSL_get_fd(all[i].ssl), F_SETFL, O_NONBLOCK) != 0)
			die("a socket cannot be made non-blocking");
	}
	return all;
}

static int
compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a;
	const int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void
load_run(const struct load *load, struct load_result *out)
{
	struct race race = {
	    .load = load, .left = load->connections, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	struct usage before;

	*out = (struct load_result){.calls = load->connections * load->each};
	out->latencies_us = xcalloc(out->calls, sizeof *out->latencies_us);
	race.all = connect_all(load, out->latencies_us);
	processes_usage(&load->target->processes, &before);
	race.start_us = clock_monotonic_us();
	for (size_t i = 0; i < load->connections; i++)
		race.all[i].start_us = race.start_us;
	run_race(&race);
	out->took_us = clock_monotonic_us() - race.start_us;
	processes_usage(&load->target->processes, &out->used);
	for (size_t i = 0; i < PARTS; i++)
		out->used.cpu_us[i] -= before.cpu_us[i];
	for (size_t i = 0; i < load->connections; i++) {
		out->good += race.all[i].good;
		target_close(race.all[i].ssl);
		buf_clear_public(&race.all[i].in);
	}
	qsort(out->latencies_us, out->calls, sizeof *out->latencies_us, compare);
	free(race.all);
	(void)close(race.epoll);
}

void
load_result_clear(struct load_result *result)
{
	free(result->latencies_us);
}

double
load_percentile_ms(const struct load_result *result, size_t per_cent)
{
	return (double)result->latencies_us[(result->calls * per_cent + 99) / 100 - 1] / 1000;
}

void
client_exchange(SSL *ssl, struct bytes request, struct buf *answer)
{
	struct connection c = {.ssl = ssl};
	uint8_t chunk[16384];
	int got;

	if (SSL_write(ssl, request.data, (int)request.len) <= 0)
		die("a request cannot be sent");
	do {
		got = SSL_read(ssl, chunk, sizeof chunk);
		if (got <= 0)
			die("a connection was lost before its answer");
	} while (!take_chunk(&c, bytes_of(chunk, (size_t)got)));
	buf_clear_public(answer);
	*answer = c.in;
}

void
request_put(const char *path, const char *type, struct bytes body, struct buf *out)
{
	if (type[0] == '\0') {
		buf_append_format(out, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
		return;
	}
	buf_append_format(out,
	    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    path, type, body.len);
	buf_append(out, body);
}
