#include "tests/bench/rounds.h"

#include <stdio.h>
#include <string.h>

#include "tests/bench/requests.h"

/* /s, four latencies, errors, CPU of the server's parts, share of the limit */
void
round_print_head(void)
{
	printf("%-28s %7s %8s %8s %8s %8s %6s %5s %5s %5s %6s\n", "", "/s", "p50 ms", "p90", "p99",
	    "max", "errors", "svc", "keep", "db", "limit");
}

static void
take_figures(const struct load_result *result, struct round_runs *runs)
{
	const size_t run = runs->count++;
	const double good = result->good > 0 ? (double)result->good : 1;

	runs->figures[ROUND_RATE][run] = (double)result->good * 1e6 / (double)result->took_us;
	runs->figures[ROUND_P50_MS][run] = load_percentile_ms(result, 50);
	runs->figures[ROUND_P90_MS][run] = load_percentile_ms(result, 90);
	runs->figures[ROUND_P99_MS][run] = load_percentile_ms(result, 99);
	runs->figures[ROUND_MAX_MS][run] = load_percentile_ms(result, 100);
	for (size_t part = 0; part < PARTS; part++)
		runs->figures[ROUND_SERVICE_US + part][run] =
		    (double)result->used.cpu_us[part] / good;
}

static void
print_run(const struct round *round, const struct round_runs *runs, size_t errors, double limit)
{
	const size_t run = runs->count - 1;

	printf("%-28s %7.0f", round->name, runs->figures[ROUND_RATE][run]);
	for (size_t i = ROUND_P50_MS; i <= ROUND_MAX_MS; i++)
		printf(" %8.2f", runs->figures[i][run]);
	printf(" %6zu", errors);
	for (size_t i = ROUND_SERVICE_US; i <= ROUND_DATABASE_US; i++)
		printf(" %5.0f", runs->figures[i][run]);
	printf(" %4.1f %%\n", runs->figures[ROUND_RATE][run] * 100 / limit);
	(void)fflush(stdout);
}

void
round_run(const struct target *target, SSL_CTX *tls, const struct round *round, double rate,
    double limit, struct round_runs *runs)
{
	const size_t calls = round->connections * round->each;
	const size_t wanted = calls * round->lines;
	struct buf *requests = enrollments_make(target->batch, round->lines, calls);
	const bool bulk = round->lines > 1;
	DEFER(load_result_clear) struct load_result result = {0};

	load_run(
	    &(struct load){
		.target = target,
		.tls = tls,
		.connections = round->connections,
		.each = round->each,
		.requests = requests,
		.request_count = calls,
		.status = bulk ? "200" : "201",
		.marker = bulk ? "\"status\":201" : NULL,
		.rate = rate,
	    },
	    &result);
	requests_free(requests, calls);
	take_figures(&result, runs);
	print_run(round, runs, wanted - result.good, limit);
	if (result.good != wanted)
		die("%s: %zu of %zu were enrolled", round->name, result.good, wanted);
}

double
round_median(const struct round_runs *runs, enum round_figure figure)
{
	double values[RUNS_MAX];

	memcpy(values, runs->figures[figure], sizeof values);
	return report_median(values, runs->count);
}
