/*
 * enroll: enrollments per second over keep-alive mTLS connections, beside the raw issue limit of
 * the same run: CSR parse and proof, hardware tag, TBS and P-256 signature, in process, on all
 * cores.
 *
 *   enroll HOST PORT CACERT CERT KEY BATCH
 *
 * Closed loop, bounded in count. It prints; it never fails because of a speed.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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

#define CONNECTIONS_MAX 512
#define ANSWER_MAX (8 << 20)
#define LIMIT_ROUNDS 1500 /* per thread */
#define NDJSON_LINES 1000

struct target {
	const char *host;
	int port;
	SSL_CTX *tls;
	const char *batch;
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

/* ---- one connection, one thread ---- */

struct connection {
	const struct target *target;
	struct buf *requests;
	size_t count;
	int64_t *latencies_us; /* count of them */
	size_t good;           /* single: 201; NDJSON: lines with status 201 */
	pthread_barrier_t *start;
	pthread_t thread;
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
	    SSL_connect(ssl) != 1)
		die("cannot connect");
	return ssl;
}

/* Reads one answer with Content-Length into `in`; counts "status":201 or the status line. */
static size_t
read_answer(SSL *ssl, struct buf *in)
{
	size_t head = 0;
	size_t length = 0;
	size_t good = 0;

	buf_truncate(in, 0);
	while (head == 0 || in->len < head + length) {
		uint8_t chunk[16384];
		const int got = SSL_read(ssl, chunk, sizeof chunk);
		const char *end;

		if (got <= 0 || in->len > ANSWER_MAX)
			die("an answer was cut off");
		buf_append(in, bytes_of(chunk, (size_t)got));
		end = head == 0 ? strstr(buf_text(in), "\r\n\r\n") : NULL;
		if (end != NULL) {
			const char *at = strcasestr(buf_text(in), "content-length:");

			head = (size_t)(end - (const char *)in->data) + 4;
			length = at != NULL ? strtoul(at + 15, NULL, 10) : 0;
		}
	}
	for (const char *at = buf_text(in); (at = strstr(at, "\"status\":201")) != NULL; at++)
		good++;
	return good + (strncmp(buf_text(in), "HTTP/1.1 201", 12) == 0);
}

static void *
run_connection(void *context)
{
	struct connection *c = context;
	DEFER(buf_clear_public) struct buf in = {0};
	SSL *ssl = open_connection(c->target);

	(void)pthread_barrier_wait(c->start);
	for (size_t i = 0; i < c->count; i++) {
		const int64_t began_us = clock_monotonic_us();

		if (SSL_write(ssl, c->requests[i].data, (int)c->requests[i].len) <= 0)
			die("a request could not be sent");
		c->good += read_answer(ssl, &in);
		c->latencies_us[i] = clock_monotonic_us() - began_us;
	}
	(void)close(SSL_get_fd(ssl));
	SSL_free(ssl);
	return NULL;
}

/* ---- a round ---- */

static int
compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a;
	const int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
print_round(const char *what, size_t done, int64_t took_us, int64_t *latencies_us, size_t count,
    double limit)
{
	const double rate = (double)done * 1e6 / (double)took_us;

	qsort(latencies_us, count, sizeof *latencies_us, compare);
	printf("%-28s %8.0f /s  %5.1f %% of the limit  p50 %7.2f  p99 %7.2f  max %7.2f ms\n", what,
	    rate, rate * 100 / limit, (double)latencies_us[count / 2] / 1000,
	    (double)latencies_us[count * 99 / 100] / 1000, (double)latencies_us[count - 1] / 1000);
	(void)fflush(stdout);
}

static void
run_round(const struct target *target, const char *what, size_t connections, size_t each,
    size_t lines, double limit)
{
	struct connection *all = xcalloc(connections, sizeof *all);
	struct buf *requests = xcalloc(connections * each, sizeof *requests);
	int64_t *latencies_us = xcalloc(connections * each, sizeof *latencies_us);
	pthread_barrier_t start;
	int64_t began_us;
	size_t good = 0;

	for (size_t i = 0; i < connections * each; i++) {
		DEFER(buf_clear_public) struct buf body = {0};

		for (size_t line = 0; line < lines; line++) {
			put_body(target->batch, &body);
			if (lines > 1)
				buf_append_u8(&body, '\n');
		}
		put_request(lines > 1 ? "application/x-ndjson" : "application/json",
		    buf_bytes(&body), &requests[i]);
	}
	(void)pthread_barrier_init(&start, NULL, (unsigned)connections + 1);
	for (size_t i = 0; i < connections; i++) {
		all[i] = (struct connection){.target = target,
		    .requests = requests + i * each,
		    .count = each,
		    .latencies_us = latencies_us + i * each,
		    .start = &start};
		if (pthread_create(&all[i].thread, NULL, run_connection, &all[i]) != 0)
			die("cannot start a thread");
	}
	(void)pthread_barrier_wait(&start);
	began_us = clock_monotonic_us();
	for (size_t i = 0; i < connections; i++) {
		(void)pthread_join(all[i].thread, NULL);
		good += all[i].good;
	}
	print_round(
	    what, good, clock_monotonic_us() - began_us, latencies_us, connections * each, limit);
	if (good != connections * each * lines)
		die("not every request was enrolled");
	for (size_t i = 0; i < connections * each; i++)
		buf_clear_public(&requests[i]);
	free(requests);
	free(latencies_us);
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

static double
measure_limit(void)
{
	DEFER(authorities_clear) struct authorities authorities;
	DEFER(key_free) struct key *key = NULL;
	DEFER(buf_clear_public) struct buf csr = {0};
	const long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct limit *threads = xcalloc((size_t)cores, sizeof *threads);
	int64_t began_us;
	double rate;

	authorities_init(&authorities);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	make_csr(&csr);
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
	printf("raw issue limit, %ld cores     %8.0f /s\n", cores, rate);
	return rate;
}

int
main(int argc, char **argv)
{
	struct target target;
	double limit;

	if (argc != 7)
		die("usage: enroll HOST PORT CACERT CERT KEY BATCH");
	target = (struct target){.host = argv[1],
	    .port = atoi(argv[2]),
	    .tls = SSL_CTX_new(TLS_client_method()),
	    .batch = argv[6]};
	if (SSL_CTX_load_verify_locations(target.tls, argv[3], NULL) != 1 ||
	    SSL_CTX_use_certificate_chain_file(target.tls, argv[4]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(target.tls, argv[5], SSL_FILETYPE_PEM) != 1)
		die("the certificates cannot be read");
	SSL_CTX_set_verify(target.tls, SSL_VERIFY_PEER, NULL);
	limit = measure_limit();
	run_round(&target, "1 connection", 1, 500, 1, limit);
	run_round(&target, "16 connections", 16, 150, 1, limit);
	run_round(&target, "128 connections", 128, 60, 1, limit);
	run_round(&target, "NDJSON, 1000 lines a call", 1, 5, NDJSON_LINES, limit);
	(void)measure_limit(); /* again: shows the machine's drift */
	SSL_CTX_free(target.tls);
	return EXIT_SUCCESS;
}
