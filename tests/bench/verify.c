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
	size_t unseen; /* texts that were made for one call */
};

static double
measure(struct bench *bench, const struct load *load, size_t wanted)
{
	DEFER(load_result_clear) struct load_result result = {0};
	struct load mine = *load;

	mine.target = &bench->target;
	mine.tls = bench->verifier;
	if (mine.status == NULL)
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

/*
 * The text of a certificate. One that is never seen before has a line of its own behind its end,
 * where a chain would have further certificates: it is looked at anew, signature and database.
 */
static void
put_text(struct bench *bench, size_t device, bool seen, struct buf *out)
{
	buf_append_format(
	    out, "\"%s", buf_text(&bench->devices.all[device % bench->devices.count].certificate));
	if (!seen)
		buf_append_format(out, "%zu", ++bench->unseen);
	buf_append_text(out, "\"");
}

static double
measure_single(struct bench *bench, bool seen)
{
	const size_t connections = bench->few ? 4 : 32, each = bench->few ? 5 : 250;
	const size_t count = seen ? bench->devices.count : connections * each;
	struct buf *requests = xcalloc(count, sizeof *requests);
	double rate;

	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf body = {0};

		buf_append_text(&body, "{\"certificate\":");
		put_text(bench, i, seen, &body);
		buf_append_text(&body, "}");
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

/* The same octets as another type: refused when all have come, and nobody has looked at them. */
static double
measure_unread(struct bench *bench)
{
	const size_t connections = bench->few ? 1 : 4, each = bench->few ? 2 : 40;
	DEFER(buf_clear_public) struct buf body = {0};
	struct buf request = {0};
	double rate;

	for (size_t k = 0; k < BULK; k++)
		put_text(bench, k, true, &body);
	request_put(PATH, "text/plain", buf_bytes(&body), &request);
	rate = measure(bench,
	    &(struct load){
		.connections = connections,
		.each = each,
		.requests = &request,
		.request_count = 1,
		.status = "415",
	    },
	    connections * each);
	buf_clear_public(&request);
	return rate * BULK;
}

static double
measure_bulk(struct bench *bench, bool seen)
{
	const size_t connections = bench->few ? 1 : 4;
	const size_t each = bench->few ? 2 : seen ? 40 : 2;
	const size_t count = seen ? 1 : connections * each;
	struct buf *requests = xcalloc(count, sizeof *requests);
	double rate;

	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf body = {0};

		buf_append_text(&body, "{\"certificates\":[");
		for (size_t k = 0; k < BULK; k++) {
			if (k > 0)
				buf_append_u8(&body, ',');
			put_text(bench, k, seen, &body);
		}
		buf_append_text(&body, "]}");
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
	    connections * each * BULK);
	requests_free(requests, count);
	return rate;
}

enum what { IDLE, SINGLE, BULK_CALLS, UNREAD, SINGLE_UNSEEN, BULK_UNSEEN, WHAT_COUNT };

static void
report_all(const double figures[static WHAT_COUNT])
{
	report(&(struct finding){.work = "verify, single, 32 connections",
	    .figure = figures[SINGLE],
	    .unit = "/s",
	    .limit = "GET /healthz, as many connections",
	    .limit_figure = figures[IDLE],
	    .held = figures[SINGLE] * 100 / figures[IDLE],
	    .held_unit = "%",
	    .budget = 50});
	report(&(struct finding){.work = "verify, 1000 a call, 4 calls",
	    .figure = figures[BULK_CALLS],
	    .unit = "/s",
	    .limit = "verify, single",
	    .limit_figure = figures[SINGLE],
	    .held = figures[BULK_CALLS] / figures[SINGLE],
	    .held_unit = "x",
	    .budget = 20});
	report(&(struct finding){.work = "verify, 1000 a call, beside unread",
	    .figure = figures[BULK_CALLS],
	    .unit = "/s",
	    .limit = "the same body, refused unread",
	    .limit_figure = figures[UNREAD],
	    .held = figures[BULK_CALLS] * 100 / figures[UNREAD],
	    .held_unit = "%"});
	report(&(struct finding){.work = "verify, single, never seen",
	    .figure = figures[SINGLE_UNSEEN],
	    .unit = "/s",
	    .limit = "GET /healthz, as many connections",
	    .limit_figure = figures[IDLE],
	    .held = figures[SINGLE_UNSEEN] * 100 / figures[IDLE],
	    .held_unit = "%"});
	report(&(struct finding){.work = "verify, 1000 a call, never seen",
	    .figure = figures[BULK_UNSEEN],
	    .unit = "/s",
	    .limit = "verify, single, never seen",
	    .limit_figure = figures[SINGLE_UNSEEN],
	    .held = figures[BULK_UNSEEN] / figures[SINGLE_UNSEEN],
	    .held_unit = "x"});
}

int
main(int argc, char **argv)
{
	struct bench bench = {.few = report_few(argc, argv)};
	const size_t runs = bench.few ? 1 : RUNS_MAX;
	double figures[WHAT_COUNT][RUNS_MAX], medians[WHAT_COUNT];

	target_init(&bench.target);
	bench.verifier = target_tls("verifier");
	devices_enroll(&bench.target, bench.few ? 8 : BULK, &bench.devices);
	(void)measure_bulk(&bench, true); /* so that they have been seen */
	for (size_t i = 0; i < runs; i++) {
		figures[IDLE][i] = measure_static(&bench);
		figures[SINGLE_UNSEEN][i] = measure_single(&bench, false);
		figures[SINGLE][i] = measure_single(&bench, true);
		figures[BULK_UNSEEN][i] = measure_bulk(&bench, false);
		figures[UNREAD][i] = measure_unread(&bench);
		figures[BULK_CALLS][i] = measure_bulk(&bench, true);
	}
	for (size_t i = 0; i < WHAT_COUNT; i++)
		medians[i] = report_median(figures[i], runs);
	report_all(medians);
	devices_clear(&bench.devices);
	SSL_CTX_free(bench.verifier);
	return 0;
}
