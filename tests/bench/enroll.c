/*
 * enroll: enrollments per second over keep-alive mTLS connections, beside the raw issue limit of
 * the same run: CSR parse and proof, hardware tag, TBS and P-256 signature, in process, on all
 * cores.
 *
 *   bench_enroll HOST PORT CACERT CERT KEY BATCH SERVICE_PID POSTMASTER_PID [ROUND]
 *
 * Closed loop in one thread, bounded in count and time. It prints; a request that is not enrolled
 * fails it, a speed never does.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/csr.h"
#include "ca/issue.h"
#include "keeper/tag.h"
#include "tests/support/cmocka_all.h"
#include "tests/unit/ca/authorities.h"

#define ROUND_US_MAX INT64_C(60000000)
#define ANSWER_MAX (8 << 20)
#define LIMIT_ROUNDS 1500 /* per thread */
#define NDJSON_LINES 1000

struct target {
	const char *host;
	int port;
	SSL_CTX *tls;
	const char *batch;
	long roots[2]; /* processes whose CPU, with their children's, is the server's */
};

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "enroll: %s\n", what);
	exit(EXIT_FAILURE);
}

/* ---- requests, made before the clock starts ---- */

static void
make_csr(struct buf *out_der)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *request = X509_REQ_new();
	uint8_t *der = NULL;
	int len;

	if (X509_REQ_set_pubkey(request, key) != 1 ||
	    X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
	    (len = i2d_X509_REQ(request, &der)) <= 0)
		die("cannot make a CSR");
	buf_append(out_der, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_REQ_free(request);
	EVP_PKEY_free(key);
}

static void
put_body(const char *batch, struct buf *out)
{
	DEFER(buf_clear_public) struct buf csr = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	const struct rng rng = rng_system();
	uint8_t id[6];
	char mac[13];

	make_csr(&csr);
	base64_encode(&text, buf_bytes(&csr));
	rng_fill(&rng, id, sizeof id);
	hex_encode(mac, bytes_of(id, sizeof id));
	buf_append_format(out,
	    "{\"batch\":\"%s\",\"csr\":\"%.*s\",\"hardware_ids\":[{\"type\":\"mac48\",\"value\":"
	    "\"%s\"}]}",
	    batch, (int)text.len, (const char *)text.data, mac);
}

static void
put_request(const char *type, struct bytes body, struct buf *out)
{
	buf_append_format(out,
	    "POST /v1/enrollments HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    type, body.len);
	buf_append(out, body);
}

/* ---- CPU of the server's processes, from /proc ---- */

enum part { SERVICE, KEEPER, DATABASE, PARTS };

/* Clock ticks of `pid` when it is a root or a root's child; a root's with those of its children
 * that ended. */
static void
add_process(long pid, const struct target *target, long ticks[static PARTS])
{
	char path[64], text[1024];
	long parent, user, system, ended_user, ended_system;
	const char *rest;
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return; /* it ended meanwhile */
	len = fread(text, 1, sizeof text - 1, file);
	text[len] = '\0';
	(void)fclose(file);
	rest = strrchr(text, ')');
	if (rest == NULL ||
	    sscanf(rest + 2, "%*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld", &parent,
		&user, &system, &ended_user, &ended_system) != 5)
		return;
	for (size_t i = 0; i < COUNT(target->roots); i++) {
		const enum part part = i == 1                                     ? DATABASE
				       : strstr(text, "(moniker-keeper)") != NULL ? KEEPER
										  : SERVICE;

		if (pid == target->roots[i])
			ticks[part] += user + system + ended_user + ended_system;
		else if (parent == target->roots[i])
			ticks[part] += user + system;
	}
}

static void
server_cpu_us(const struct target *target, int64_t out[static PARTS])
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;
	long ticks[PARTS] = {0};

	if (dir == NULL)
		die("/proc cannot be read");
	while ((entry = readdir(dir)) != NULL) {
		const long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0)
			add_process(pid, target, ticks);
	}
	(void)closedir(dir);
	for (size_t i = 0; i < PARTS; i++)
		out[i] = ticks[i] * 1000000 / sysconf(_SC_CLK_TCK);
}

/* ---- connections: one thread, one epoll ---- */

struct connection {
	SSL *ssl;
	const struct buf *requests;
	size_t count, next;    /* requests; the one under way */
	int64_t *latencies_us; /* count of them */
	int64_t began_us;
	bool sent;
	struct buf in;       /* the answer so far */
	size_t head, length; /* of the answer; head 0: not known yet */
	size_t good;         /* single: 201; NDJSON: lines with status 201 */
};

static SSL *
open_connection(const struct target *target)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)target->port)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	SSL *ssl = SSL_new(target->tls);

	(void)inet_pton(AF_INET, target->host, &address.sin_addr);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    SSL_set_fd(ssl, fd) != 1 || SSL_set1_host(ssl, "localhost") != 1 ||
	    SSL_connect(ssl) != 1 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("cannot connect");
	return ssl;
}

/* Whether the call only has to be made again when the socket is ready. */
static void
check_waits(const struct connection *c, int result)
{
	const int why = SSL_get_error(c->ssl, result);

	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		die("a connection was lost");
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
		c->head = (size_t)(end - (const char *)c->in.data) + 4;
		c->length = at != NULL ? strtoul(at + 15, NULL, 10) : 0;
	}
	return c->in.len >= c->head + c->length;
}

static void
finish_answer(struct connection *c)
{
	const char *text = buf_text(&c->in);

	c->latencies_us[c->next++] = clock_monotonic_us() - c->began_us;
	c->good += strncmp(text, "HTTP/1.1 201", 12) == 0;
	for (const char *at = text; (at = strstr(at, "\"status\":201")) != NULL; at++)
		c->good++;
	buf_truncate(&c->in, 0);
	c->head = c->length = 0;
	c->sent = false;
	c->began_us = 0;
}

/* As far as the socket allows; false: all its requests are answered. */
static bool
run_connection(struct connection *c)
{
	uint8_t chunk[16384];

	while (c->next < c->count) {
		const struct buf *request = &c->requests[c->next];
		int result;

		if (!c->sent) {
			if (c->began_us == 0)
				c->began_us = clock_monotonic_us();
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

static void
run_connections(struct connection *all, size_t count)
{
	const int64_t until_us = clock_monotonic_us() + ROUND_US_MAX;
	const int epoll = epoll_create1(EPOLL_CLOEXEC);
	size_t left = count;

	for (size_t i = 0; i < count; i++) {
		struct epoll_event event = {
		    .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = &all[i]};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, SSL_get_fd(all[i].ssl), &event) != 0)
			die("epoll does not take a connection");
	}
	while (left > 0) {
		struct epoll_event events[64];
		const int got = epoll_wait(epoll, events, COUNT(events), 1000);

		for (int i = 0; i < got; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->next < c->count && !run_connection(c))
				left--;
		}
		if (clock_monotonic_us() > until_us)
			die("a round took too long");
	}
	(void)close(epoll);
}

/* ---- a round ---- */

struct round {
	const char *name;
	size_t connections, each, lines; /* lines of one call; 1: plain JSON */
	int budget_percent;              /* of the limit; 0: none is set */
};

struct result {
	int64_t took_us, cpu_us[PARTS];
	int64_t *latencies_us;
	size_t calls, wanted, good;
};

static int
compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a;
	const int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double
percentile_ms(const struct result *result, size_t per_cent)
{
	return (double)result->latencies_us[(result->calls * per_cent + 99) / 100 - 1] / 1000;
}

static void
print_round(const struct round *round, const struct result *result, double limit)
{
	const double rate = (double)result->good * 1e6 / (double)result->took_us;

	qsort(result->latencies_us, result->calls, sizeof *result->latencies_us, compare);
	printf("%-26s %7.0f %8.2f %8.2f %8.2f %8.2f %6zu", round->name, rate,
	    percentile_ms(result, 50), percentile_ms(result, 90), percentile_ms(result, 99),
	    percentile_ms(result, 100), result->wanted - result->good);
	for (size_t i = 0; i < PARTS; i++)
		printf(" %5.0f",
		    (double)result->cpu_us[i] / (double)(result->good > 0 ? result->good : 1));
	printf("  %5.1f %%", rate * 100 / limit);
	if (round->budget_percent != 0)
		printf(" (budget %d %%)", round->budget_percent);
	printf("\n");
	(void)fflush(stdout);
}

static void
make_requests(const struct target *target, size_t lines, struct buf *requests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf body = {0};

		for (size_t line = 0; line < lines; line++) {
			put_body(target->batch, &body);
			if (lines > 1)
				buf_append_u8(&body, '\n');
		}
		put_request(lines > 1 ? "application/x-ndjson" : "application/json",
		    buf_bytes(&body), &requests[i]);
	}
}

static void
close_connections(struct connection *all, size_t count, struct result *result)
{
	for (size_t i = 0; i < count; i++) {
		result->good += all[i].good;
		(void)close(SSL_get_fd(all[i].ssl));
		SSL_free(all[i].ssl);
		buf_clear_public(&all[i].in);
	}
}

static void
run_round(const struct target *target, const struct round *round, double limit)
{
	const size_t calls = round->connections * round->each;
	struct connection *all = xcalloc(round->connections, sizeof *all);
	struct buf *requests = xcalloc(calls, sizeof *requests);
	struct result result = {.latencies_us = xcalloc(calls, sizeof *result.latencies_us),
	    .calls = calls,
	    .wanted = calls * round->lines};
	int64_t cpu_before_us[PARTS];

	make_requests(target, round->lines, requests, calls);
	for (size_t i = 0; i < round->connections; i++)
		all[i] = (struct connection){.ssl = open_connection(target),
		    .requests = requests + i * round->each,
		    .count = round->each,
		    .latencies_us = result.latencies_us + i * round->each};
	server_cpu_us(target, cpu_before_us);
	result.took_us = -clock_monotonic_us();
	run_connections(all, round->connections);
	result.took_us += clock_monotonic_us();
	server_cpu_us(target, result.cpu_us);
	for (size_t i = 0; i < PARTS; i++)
		result.cpu_us[i] -= cpu_before_us[i];
	close_connections(all, round->connections, &result);
	print_round(round, &result, limit);
	if (result.good != result.wanted)
		die("not every request was enrolled");
	for (size_t i = 0; i < calls; i++)
		buf_clear_public(&requests[i]);
	free(requests);
	free(result.latencies_us);
	free(all);
}

/* ---- the raw issue limit ---- */

struct limit {
	const struct authorities *authorities;
	const struct key *key;
	struct bytes csr;
	pthread_t thread;
};

static void *
run_limit(void *context)
{
	const struct limit *limit = context;
	const struct rng rng = rng_system();
	const uint8_t tag_key[TAG_KEY_BYTES] = {7};

	for (int i = 0; i < LIMIT_ROUNDS; i++) {
		DEFER(csr_free) struct csr *csr = NULL;
		DEFER(issued_clear) struct issued issued = {0};
		uint8_t tag[TAG_BYTES];
		uint8_t signature[KEY_SIGNATURE_MAX];
		size_t signature_len;
		struct error err = {0};

		if (!csr_parse(limit->csr, &csr, &err) ||
		    !tag_compute(tag, tag_key, bytes_of(&i, sizeof i), &err) ||
		    !issue_prepare(
			&(struct issue_request){.profile = profile_find(PROFILE_DEVICE),
			    .issuer = issuers_active(limit->authorities->issuers, ISSUER_DEVICE_CA),
			    .spki = csr_spki(csr),
			    .common_name = "00000000-0000-4000-8000-000000000000",
			    .uuid = "00000000-0000-4000-8000-000000000000",
			    .now_s = TEST_NOW_S},
			&rng, &issued, &err) ||
		    !key_sign(limit->key, buf_bytes(&issued.tbs), signature, &signature_len, &err))
			die(err.detail);
	}
	return NULL;
}

static int64_t
own_cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static double
measure_limit(void)
{
	DEFER(authorities_clear) struct authorities authorities;
	DEFER(key_free) struct key *key = NULL;
	DEFER(buf_clear_public) struct buf csr = {0};
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct limit *threads = xcalloc((size_t)cores, sizeof *threads);
	int64_t began_us, began_cpu_us;
	double rate;

	authorities_init(&authorities);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	make_csr(&csr);
	began_cpu_us = own_cpu_us();
	began_us = clock_monotonic_us();
	for (long i = 0; i < cores; i++) {
		threads[i] =
		    (struct limit){.authorities = &authorities, .key = key, .csr = buf_bytes(&csr)};
		if (pthread_create(&threads[i].thread, NULL, run_limit, &threads[i]) != 0)
			die("cannot start a thread");
	}
	for (long i = 0; i < cores; i++)
		(void)pthread_join(threads[i].thread, NULL);
	rate = (double)cores * LIMIT_ROUNDS * 1e6 / (double)(clock_monotonic_us() - began_us);
	free(threads);
	/* Much less CPU than cores * time: others use the machine, and the limit is too low. */
	printf("raw issue limit, %ld cores   %7.0f /s, %.0f us of CPU each\n", cores, rate,
	    (double)(own_cpu_us() - began_cpu_us) / (double)(cores * LIMIT_ROUNDS));
	return rate;
}

/* The budgets are ratios to the raw issue limit of the same run. */
static const struct round ROUNDS[] = {
    {"1 connection", 1, 500, 1, 0},
    {"16 connections", 16, 150, 1, 0},
    {"128 connections", 128, 120, 1, 35},
    {"NDJSON, 1000 lines a call", 1, 10, NDJSON_LINES, 55},
};

int
main(int argc, char **argv)
{
	struct target target;
	double limit;

	if (argc != 9 && argc != 10)
		die("usage: bench_enroll HOST PORT CACERT CERT KEY BATCH SERVICE_PID "
		    "POSTMASTER_PID [ROUND]");
	target = (struct target){.host = argv[1],
	    .port = (int)strtol(argv[2], NULL, 10),
	    .tls = SSL_CTX_new(TLS_client_method()),
	    .batch = argv[6],
	    .roots = {strtol(argv[7], NULL, 10), strtol(argv[8], NULL, 10)}};
	if (SSL_CTX_load_verify_locations(target.tls, argv[3], NULL) != 1 ||
	    SSL_CTX_use_certificate_chain_file(target.tls, argv[4]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(target.tls, argv[5], SSL_FILETYPE_PEM) != 1)
		die("the certificates cannot be read");
	SSL_CTX_set_verify(target.tls, SSL_VERIFY_PEER, NULL);
	limit = measure_limit();
	printf("%-26s %7s %8s %8s %8s %8s %6s %5s %5s %5s  %s\n", "", "/s", "p50 ms", "p90", "p99",
	    "max", "errors", "svc", "keep", "db", "of the limit");
	for (size_t i = 0; i < COUNT(ROUNDS); i++)
		if (argc == 9 || strncmp(ROUNDS[i].name, argv[9], strlen(argv[9])) == 0)
			run_round(&target, &ROUNDS[i], limit);
	(void)measure_limit(); /* again: shows the machine's drift */
	SSL_CTX_free(target.tls);
	return EXIT_SUCCESS;
}
