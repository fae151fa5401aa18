/*
 * feed: from a revocation to all who follow the changes, by long polls and by streams. Time counts
 * from when the officer's request is sent, so all of the revocation is in it, its commit, too.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/bench/client.h"
#include "tests/bench/devices.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define WAITERS 1000
#define FEW_WAITERS 60
#define WAIT_MS_MAX 50000
#define CURSOR_LEN 16
#define SIGNATURE "\xe2\x80\x94 " /* how a note's last line begins */

struct follower {
	SSL *ssl;
	struct buf in;
	int64_t heard_us; /* 0: not yet */
};

struct bench {
	size_t count;
	struct target target;
	SSL_CTX *verifier, *officer;
	struct devices devices;
};

/* The rest of the line that follows `name` in an answer. */
static void
copy_value(const char *text, const char *name, char *out, size_t len)
{
	const char *at = strcasestr(text, name);

	if (at == NULL)
		die("there is no %s in %s", name, text);
	(void)snprintf(out, len, "%s", at + strlen(name));
	out[strcspn(out, "\r\n")] = '\0';
}

static void
ask(SSL *ssl, const char *path, struct buf *answer)
{
	DEFER(buf_clear_public) struct buf request = {0};

	request_put(path, "", bytes_of(NULL, 0), &request);
	client_exchange(ssl, buf_bytes(&request), answer);
	if (strncmp(buf_text(answer), "HTTP/1.1 200", 12) != 0)
		die("%s is answered with %.80s", path, buf_text(answer));
}

/* Where the order is now. */
static void
read_cursor(const struct bench *bench, char out[static CURSOR_LEN + 1])
{
	DEFER(buf_clear_public) struct buf answer = {0};
	SSL *ssl = target_connect(&bench->target, bench->verifier);

	ask(ssl, "/v1/changes/snapshot", &answer);
	copy_value(buf_text(&answer), "moniker-next: ", out, CURSOR_LEN + 1);
	target_close(ssl);
}

/* As the service counts them. */
static size_t
count_waiting(SSL *ssl, const char *kind)
{
	DEFER(buf_clear_public) struct buf answer = {0};
	char name[64], value[16];

	(void)snprintf(name, sizeof name, "\nmoniker_changes_waiting{kind=\"%s\"} ", kind);
	ask(ssl, "/metrics", &answer);
	copy_value(buf_text(&answer), name, value, sizeof value);
	return strtoul(value, NULL, 10);
}

static void
wait_until_they_are(const struct bench *bench, const char *kind, size_t count)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	const int64_t until_ms = clock_monotonic_ms() + WAIT_MS_MAX;
	SSL *ssl = target_connect(&bench->target, bench->verifier);

	while (count_waiting(ssl, kind) != count) {
		if (clock_monotonic_ms() > until_ms)
			die("not %zu of kind %s", count, kind);
		(void)nanosleep(&pause, NULL);
	}
	target_close(ssl);
}

static void
follow(const struct bench *bench, bool stream, const char *cursor, struct follower *out)
{
	DEFER(buf_clear_public) struct buf request = {0};

	buf_append_format(&request,
	    "GET /v1/changes?after=%s&wait=60 HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n\r\n",
	    cursor, stream ? "text/event-stream" : "text/plain");
	out->ssl = target_connect(&bench->target, bench->verifier);
	if (SSL_write(out->ssl, request.data, (int)request.len) <= 0)
		die("a request cannot be sent");
	if (fcntl(SSL_get_fd(out->ssl), F_SETFL, O_NONBLOCK) != 0)
		die("a socket cannot be made non-blocking");
}

/* Whether it has the whole page with the revocation, its signature included. */
static bool
has_heard(struct follower *follower)
{
	const char *text = buf_text(&follower->in);
	const char *line = strstr(text, " revoked ");

	return line != NULL && strstr(line, SIGNATURE) != NULL &&
	       follower->in.data[follower->in.len - 1] == '\n';
}

static bool
hear(struct follower *follower)
{
	uint8_t chunk[16384];
	int got;

	while ((got = SSL_read(follower->ssl, chunk, sizeof chunk)) > 0)
		buf_append(&follower->in, bytes_of(chunk, (size_t)got));
	if (SSL_get_error(follower->ssl, got) != SSL_ERROR_WANT_READ)
		die("a follower was cut off");
	if (follower->heard_us != 0 || follower->in.len == 0 || !has_heard(follower))
		return false;
	follower->heard_us = clock_monotonic_us();
	return true;
}

static void
hear_all(struct follower *all, size_t count)
{
	const int64_t until_ms = clock_monotonic_ms() + WAIT_MS_MAX;
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	size_t left = count;

	for (size_t i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, SSL_get_fd(all[i].ssl), &event) != 0)
			die("epoll does not take a connection");
	}
	while (left > 0) {
		struct epoll_event events[64];
		const int got = epoll_wait(epoll, events, COUNT(events), 100);

		for (int i = 0; i < got; i++)
			left -= hear(events[i].data.ptr);
		if (clock_monotonic_ms() > until_ms)
			die("%zu followers did not hear of a revocation", left);
	}
	(void)close(epoll);
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The 99th of a hundred, milliseconds. */
static double
measure_round(const struct bench *bench, bool stream, const struct device *device)
{
	struct follower *all = xcalloc(bench->count, sizeof *all);
	double *ms = xcalloc(bench->count, sizeof *ms);
	DEFER(buf_clear_public) struct buf request = {0};
	char cursor[CURSOR_LEN + 1];
	SSL *officer;
	int64_t from_us;
	double p99;

	read_cursor(bench, cursor);
	for (size_t i = 0; i < bench->count; i++)
		follow(bench, stream, cursor, &all[i]);
	wait_until_they_are(bench, stream ? "stream" : "poll", bench->count);
	revocation_put(device, &request);
	officer = target_connect(&bench->target, bench->officer);
	from_us = clock_monotonic_us();
	if (SSL_write(officer, request.data, (int)request.len) <= 0)
		die("a request cannot be sent");
	hear_all(all, bench->count);
	for (size_t i = 0; i < bench->count; i++) {
		ms[i] = (double)(all[i].heard_us - from_us) / 1000;
		target_close(all[i].ssl);
		buf_clear_public(&all[i].in);
	}
	target_close(officer);
	qsort(ms, bench->count, sizeof *ms, compare);
	p99 = ms[(bench->count * 99 + 99) / 100 - 1];
	free(ms);
	free(all);
	wait_until_they_are(bench, stream ? "stream" : "poll", 0);
	return p99;
}

int
main(int argc, char **argv)
{
	static const char *const works[] = {"feed: revocation to 1,000 waiting clients, p99",
	    "feed: revocation to 1,000 streams, p99"};
	const bool few = report_few(argc, argv);
	const size_t runs = few ? 1 : RUNS_MAX;
	struct bench bench = {.count = few ? FEW_WAITERS : WAITERS};

	target_init(&bench.target);
	bench.verifier = target_tls("verifier");
	bench.officer = target_tls("officer");
	devices_enroll(&bench.target, 2 * runs, &bench.devices);
	for (size_t stream = 0; stream < 2; stream++) {
		double ms[RUNS_MAX], p99;

		for (size_t i = 0; i < runs; i++)
			ms[i] = measure_round(
			    &bench, stream != 0, &bench.devices.all[stream * runs + i]);
		p99 = report_median(ms, runs);
		report(&(struct finding){.work = works[stream],
		    .figure = p99,
		    .unit = "ms",
		    .held = p99,
		    .held_unit = "ms",
		    .at_most = true,
		    .budget = 1000});
	}
	devices_clear(&bench.devices);
	SSL_CTX_free(bench.verifier);
	SSL_CTX_free(bench.officer);
	return 0;
}
