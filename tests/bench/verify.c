/* verify: verdicts on certificates, one a call and a thousand, beside an answer that is no work. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/bench/client.h"
#include "tests/bench/devices.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define BULK 1000
#define PATH "/v1/verifications"

struct bench {
	bool few;
	struct target target;
	SSL_CTX *verifier;
	struct devices devices;
};

static double
measure(struct bench *bench, const struct load *load, size_t wanted)
{
	DEFER(load_result_clear) struct load_result result = {0};
	struct load mine = *load;

	mine.target = &bench->target;
	mine.tls = bench->verifier;
	mine.status = "200";
	load_run(&mine, &result);
	if (result.good != wanted)
		die("%zu of %zu answers were right", result.good, wanted);
	return (double)result.good * 1e6 / (double)result.took_us;
}

static double
measure_static(struct bench *bench)
{
	struct buf request = {0};
	const size_t connections = bench->few ? 4 : 32, each = bench->few ? 5 : 250;
	double rate;

	request_put("/healthz", "", bytes_of(NULL, 0), &request);
	rate = measure(bench,
	    &(struct load){
		.connections = connections,
		.each = each,
		.requests = &request,
		.request_count = 1,
	    },
	    connections * each);
	buf_clear_public(&request);
	return rate;
}

static double
measure_single(struct bench *bench)
{
	const size_t connections = bench->few ? 4 : 32, each = bench->few ? 5 : 250;
	const size_t count = bench->devices.count;
	struct buf *requests = xcalloc(count, sizeof *requests);
	double rate;

	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf body = {0};

		buf_append_format(&body, "{\"certificate\":\"%s\"}",
		    buf_text(&bench->devices.all[i].certificate));
		request_put(PATH, "application/json", buf_bytes(&body), &requests[i]);
	}
	rate = measure(bench,
	    &(struct load){
		.connections = connections,
		.each = each,
		.requests = requests,
		.request_count = count,
		.marker = "\"verdict\":\"good\"",
	    },
	    connections * each);
	requests_free(requests, count);
	return rate;
}

static double
measure_bulk(struct bench *bench)
{
	const size_t connections = bench->few ? 1 : 4, each = bench->few ? 2 : 8;
	DEFER(buf_clear_public) struct buf body = {0};
	struct buf request = {0};
	double rate;

	buf_append_text(&body, "{\"certificates\":[");
	for (size_t i = 0; i < BULK; i++)
		buf_append_format(&body, "%s\"%s\"", i > 0 ? "," : "",
		    buf_text(&bench->devices.all[i % bench->devices.count].certificate));
	buf_append_text(&body, "]}");
	request_put(PATH, "application/json", buf_bytes(&body), &request);
	rate = measure(bench,
	    &(struct load){
		.connections = connections,
		.each = each,
		.requests = &request,
		.request_count = 1,
		.marker = "\"verdict\":\"good\"",
	    },
	    connections * each * BULK);
	buf_clear_public(&request);
	return rate;
}

static void
report_all(double single, double idle, double bulk)
{
	report(&(struct finding){.work = "verify, single, 32 connections",
	    .figure = single,
	    .unit = "/s",
	    .limit = "GET /healthz, as many connections",
	    .limit_figure = idle,
	    .held = single * 100 / idle,
	    .held_unit = "%",
	    .budget = 50});
	report(&(struct finding){.work = "verify, 1000 a call, 4 calls",
	    .figure = bulk,
	    .unit = "/s",
	    .limit = "verify, single",
	    .limit_figure = single,
	    .held = bulk / single,
	    .held_unit = "x",
	    .budget = 20});
}

int
main(int argc, char **argv)
{
	struct bench bench = {.few = report_few(argc, argv)};
	const size_t runs = bench.few ? 1 : RUNS_MAX;
	double single[RUNS_MAX], idle[RUNS_MAX], bulk[RUNS_MAX];

	target_init(&bench.target);
	bench.verifier = target_tls("verifier");
	devices_enroll(&bench.target, bench.few ? 8 : BULK, &bench.devices);
	for (size_t i = 0; i < runs; i++) {
		idle[i] = measure_static(&bench);
		single[i] = measure_single(&bench);
		bulk[i] = measure_bulk(&bench);
	}
	report_all(
	    report_median(single, runs), report_median(idle, runs), report_median(bulk, runs));
	devices_clear(&bench.devices);
	SSL_CTX_free(bench.verifier);
	return 0;
}
