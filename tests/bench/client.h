/*
 * client: a load on keep-alive mTLS connections, from one thread with one epoll, so that it costs
 * little. Bounded in count and time.
 */
#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H

#include "base/buf.h"
#include "base/defer.h"
#include "tests/bench/target.h"

struct load {
	const struct target *target;
	SSL_CTX *tls;
	size_t connections, each;   /* calls on each of them */
	const struct buf *requests; /* whole HTTP requests, used in turn: call i is request i */
	size_t request_count;
	const char *status; /* of a good answer: "201" */
	const char *marker; /* counted in good answers; NULL: a good answer counts one */
	/*
	 * 0: closed loop, each connection sends when its answer is there. Otherwise calls a second:
	 * open loop, calls are due at fixed times, connection by connection in turn, and their
	 * latency counts from then, whether or not the connection was free.
	 */
	double rate;
	/* NULL, or what to do with each answer, head and all. */
	void (*answered)(void *context, size_t call, const char *text);
	void *context;
};

struct load_result {
	int64_t took_us;
	struct usage used; /* cpu_us: while the load ran */
	size_t calls, good;
	int64_t *latencies_us; /* of each call, sorted */
};
void load_result_clear(struct load_result *result);
DEFER_DECLARE_CLEAR(struct load_result, load_result_clear)

/* Hands are shaken before the clock starts. Dies of a lost connection and after a minute. */
void load_run(const struct load *load, struct load_result *out);

double load_percentile_ms(const struct load_result *result, size_t per_cent);

/* One call on a connection of the caller's, waited for. The answer replaces what `answer` had. */
void client_exchange(SSL *ssl, struct bytes request, struct buf *answer);

/* Appends an HTTP/1.1 request; an empty type: a GET without a body. */
void request_put(const char *path, const char *type, struct bytes body, struct buf *out);

#endif
