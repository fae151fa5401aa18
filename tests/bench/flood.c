/*
 * flood: a station that sends a million enrollments in ten minutes, all of which are refused: how
 * many leaves that costs the log, and how long another station waits meanwhile.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/bench/client.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define REFUSED_PER_S (1000000.0 / 600)
#define LINES 100 /* of one call */
#define FLOOD_CONNECTIONS 2
#define HONEST_CONNECTIONS 4
#define HONEST_PER_S 40.0

struct bench {
	struct target target;
	SSL_CTX *flooding, *honest;
	double seconds; /* of each round */
	double alone_ms[RUNS_MAX], flooded_ms[RUNS_MAX], leaves[RUNS_MAX];
};

/* ---- the flood: lines whose CSR is none ---- */

struct flood {
	const struct bench *bench;
	size_t refused;
};

static void
put_call(const char *batch, struct buf *out)
{
	DEFER(buf_clear_public) struct buf body = {0};

	for (size_t i = 0; i < LINES; i++)
		buf_append_format(&body,
		    "{\"batch\":\"%s\",\"csr\":\"AAAA\",\"hardware_ids\":"
		    "[{\"type\":\"mac48\",\"value\":\"02000000%04zx\"}]}\n",
		    batch, i + 1);
	request_put("/v1/enrollments", "application/x-ndjson", buf_bytes(&body), out);
}

static void *
run_flood(void *context)
{
	struct flood *flood = context;
	const struct bench *bench = flood->bench;
	const double calls = bench->seconds * REFUSED_PER_S / LINES;
	DEFER(load_result_clear) struct load_result result = {0};
	struct buf request = {0};

	put_call(bench->target.batch, &request);
	load_run(
	    &(struct load){
		.target = &bench->target,
		.tls = bench->flooding,
		.connections = FLOOD_CONNECTIONS,
		.each = (size_t)(calls / FLOOD_CONNECTIONS) + 1,
		.requests = &request,
		.request_count = 1,
		.status = "200",
		.marker = "{\"status\":400,\"problem\"",
		.rate = REFUSED_PER_S / LINES,
	    },
	    &result);
	if (result.good != result.calls * LINES)
		die("%zu of %zu were refused", result.good, result.calls * LINES);
	flood->refused = result.good;
	buf_clear_public(&request);
	return NULL;
}

/* ---- the other station ---- */

/* Its p99 in milliseconds. */
static double
run_honest(const struct bench *bench, size_t *out_enrolled)
{
	const size_t each = (size_t)(bench->seconds * HONEST_PER_S / HONEST_CONNECTIONS) + 1;
	const size_t calls = each * HONEST_CONNECTIONS;
	struct buf *requests = enrollments_make(bench->target.batch, 1, calls);
	DEFER(load_result_clear) struct load_result result = {0};

	load_run(
	    &(struct load){
		.target = &bench->target,
		.tls = bench->honest,
		.connections = HONEST_CONNECTIONS,
		.each = each,
		.requests = requests,
		.request_count = calls,
		.status = "201",
		.rate = HONEST_PER_S,
	    },
	    &result);
	requests_free(requests, calls);
	if (result.good != calls)
		die("%zu of %zu were enrolled", result.good, calls);
	*out_enrolled = calls;
	return load_percentile_ms(&result, 99);
}

/* ---- both ---- */

static size_t
count_leaves(const struct bench *bench)
{
	static const char NAME[] = "\nmoniker_log_size_leaves ";
	DEFER(buf_clear_public) struct buf request = {0};
	DEFER(buf_clear_public) struct buf answer = {0};
	SSL *ssl = target_connect(&bench->target, bench->honest);
	const char *at;

	request_put("/metrics", "", bytes_of(NULL, 0), &request);
	client_exchange(ssl, buf_bytes(&request), &answer);
	target_close(ssl);
	at = strstr(buf_text(&answer), NAME);
	if (at == NULL)
		die("the metrics do not say how many leaves there are");
	return strtoul(at + sizeof NAME - 1, NULL, 10);
}

static void
run(struct bench *bench, size_t place)
{
	struct flood flood = {.bench = bench};
	size_t before, enrolled;
	pthread_t thread;
	double beside;

	bench->alone_ms[place] = run_honest(bench, &enrolled);
	before = count_leaves(bench);
	if (pthread_create(&thread, NULL, run_flood, &flood) != 0)
		die("no thread");
	bench->flooded_ms[place] = run_honest(bench, &enrolled);
	(void)pthread_join(thread, NULL);
	beside = (double)(count_leaves(bench) - before) - (double)enrolled;
	bench->leaves[place] = beside * 1e6 / (double)flood.refused;
	printf("%zu refused: %.0f leaves beside the other station's; its p99 %.1f ms, alone %.1f\n",
	    flood.refused, beside, bench->flooded_ms[place], bench->alone_ms[place]);
	(void)fflush(stdout);
}

static void
report_all(struct bench *bench, size_t runs)
{
	const double leaves = report_median(bench->leaves, runs);
	const double flooded_ms = report_median(bench->flooded_ms, runs);

	report(&(struct finding){.work = "flood, leaves for a million refused",
	    .figure = leaves,
	    .unit = "leaves",
	    .held = leaves,
	    .held_unit = "leaves",
	    .at_most = true,
	    .budget = 3000});
	report(&(struct finding){.work = "flood, another station's p99",
	    .figure = flooded_ms,
	    .unit = "ms",
	    .limit = "without the flood",
	    .limit_figure = report_median(bench->alone_ms, runs),
	    .held = flooded_ms,
	    .held_unit = "ms",
	    .at_most = true,
	    .budget = 100});
}

int
main(int argc, char **argv)
{
	const bool few = report_few(argc, argv);
	struct bench bench = {.seconds = few ? 0.5 : 10};
	const size_t runs = few ? 1 : RUNS_MAX;

	target_init(&bench.target);
	bench.flooding = target_tls("station");
	bench.honest = target_tls("station2");
	for (size_t i = 0; i < runs; i++)
		run(&bench, i);
	SSL_CTX_free(bench.flooding);
	SSL_CTX_free(bench.honest);
	report_all(&bench, runs);
	return 0;
}
