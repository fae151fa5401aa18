/*
 * enroll: enrollments per second over keep-alive mTLS connections, durable and audited, beside
 * what they are held against: the raw issue limit, one commit per enrollment, two fsyncs.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/commits.h"
#include "tests/bench/limits.h"
#include "tests/bench/rounds.h"

enum { ONE, SIXTEEN, THIRTY_TWO, MANY, MOST, BULK, BULK_FOUR, ROUNDS };

static const struct round FULL[ROUNDS] = {
    [ONE] = {"1 connection", 1, 400, 1},
    [SIXTEEN] = {"16 connections", 16, 120, 1},
    [THIRTY_TWO] = {"32 connections", 32, 80, 1},
    [MANY] = {"128 connections", 128, 150, 1},
    [MOST] = {"512 connections", 512, 12, 1},
    [BULK] = {"NDJSON of 1000, 1 connection", 1, 5, 1000},
    [BULK_FOUR] = {"NDJSON of 1000, 4", 4, 8, 1000},
};
static const struct round FEW[ROUNDS] = {
    [ONE] = {"1 connection", 1, 5, 1},
    [SIXTEEN] = {"16 connections", 2, 2, 1},
    [THIRTY_TWO] = {"32 connections", 4, 2, 1},
    [MANY] = {"128 connections", 16, 2, 1},
    [MOST] = {"512 connections", 32, 1, 1},
    [BULK] = {"NDJSON of 1000, 1 connection", 1, 1, 50},
    [BULK_FOUR] = {"NDJSON of 1000, 4", 4, 1, 20},
};
static const struct round FULL_OPEN = {"128, open loop, half rate", 128, 30, 1};
static const struct round FEW_OPEN = {"128, open loop, half rate", 16, 2, 1};

#define COMMIT_ROUNDS 4
static const size_t COMMIT_CONNECTIONS[COMMIT_ROUNDS] = {1, 16, 32, COMMITS_CONNECTIONS_MAX};

struct bench {
	bool few;
	struct target target;
	SSL_CTX *station;
	struct commits *commits;
	size_t runs;
	double raw[RUNS_MAX * 2]; /* before and after each run */
	size_t raw_count;
	double raw_us[RUNS_MAX], fsync_us[RUNS_MAX]; /* one raw issue on one thread; one fsync */
	double commits_rate[COMMIT_ROUNDS][RUNS_MAX], one_batch_rate[RUNS_MAX];
	struct round_runs rounds[ROUNDS], open;
};

static double
measure_raw(struct bench *bench)
{
	struct raw_limit raw;

	limit_raw_issue(0, bench->few ? 20 : 6000, &raw);
	printf("raw issue, %ld cores          %7.0f /s, %.0f us of CPU each\n",
	    sysconf(_SC_NPROCESSORS_ONLN), raw.rate, raw.cpu_us);
	bench->raw[bench->raw_count++] = raw.rate;
	return raw.rate;
}

static void
measure_commits(struct bench *bench, size_t run)
{
	for (size_t i = 0; i < COMMIT_ROUNDS; i++) {
		const size_t connections = bench->few ? i + 1 : COMMIT_CONNECTIONS[i];
		const size_t each = bench->few ? 2 : connections == 1 ? 300 : 4000 / connections;

		bench->commits_rate[i][run] = commits_run(bench->commits, connections, each, false);
		printf("one commit each, %3zu          %7.0f /s, a batch for each connection\n",
		    connections, bench->commits_rate[i][run]);
	}
	bench->one_batch_rate[run] = commits_run(
	    bench->commits, bench->few ? 2 : COMMITS_CONNECTIONS_MAX, bench->few ? 2 : 10, true);
	printf("one commit each, %3d          %7.0f /s, one batch for all\n",
	    COMMITS_CONNECTIONS_MAX, bench->one_batch_rate[run]);
}

static void
measure_one(struct bench *bench, size_t run)
{
	struct raw_limit raw;

	limit_raw_issue(1, bench->few ? 20 : 1000, &raw);
	bench->raw_us[run] = 1e6 / raw.rate;
	bench->fsync_us[run] = limit_fsync_us(bench->target.state_dir, bench->few ? 10 : 300);
	printf("one raw issue %.0f us, one fdatasync of 1 KiB %.0f us\n", bench->raw_us[run],
	    bench->fsync_us[run]);
}

static void
run_all(struct bench *bench, size_t run)
{
	const struct round *rounds = bench->few ? FEW : FULL;
	const double raw = measure_raw(bench);

	measure_one(bench, run);
	measure_commits(bench, run);
	round_print_head();
	for (size_t i = 0; i < ROUNDS; i++)
		round_run(&bench->target, bench->station, &rounds[i], 0, raw, &bench->rounds[i]);
	round_run(&bench->target, bench->station, bench->few ? &FEW_OPEN : &FULL_OPEN,
	    bench->rounds[MANY].figures[ROUND_RATE][run] / 2, raw, &bench->open);
	(void)measure_raw(bench);
}

/* ---- findings ---- */

static void
report_share(const struct bench *bench, int round, const char *work, double raw, double budget)
{
	const double rate = round_median(&bench->rounds[round], ROUND_RATE);

	report(&(struct finding){.work = work,
	    .figure = rate,
	    .unit = "/s",
	    .limit = "raw issue, all cores",
	    .limit_figure = raw,
	    .held = rate * 100 / raw,
	    .held_unit = "%",
	    .budget = budget});
}

static void
report_times(const char *work, const char *limit, double rate, double limit_rate, double budget)
{
	report(&(struct finding){.work = work,
	    .figure = rate,
	    .unit = "/s",
	    .limit = limit,
	    .limit_figure = limit_rate,
	    .held = rate / limit_rate,
	    .held_unit = "x",
	    .budget = budget});
}

static void
report_commits(struct bench *bench)
{
	static const char *const works[COMMIT_ROUNDS] = {"group commit, 1 connection",
	    "group commit, 16 connections", "group commit, 32 connections",
	    "group commit, 128 connections"};
	static const int rounds[COMMIT_ROUNDS] = {ONE, SIXTEEN, THIRTY_TWO, MANY};
	static const double budgets[COMMIT_ROUNDS] = {0, 0, 1.4, 2.0};

	for (size_t i = 0; i < COMMIT_ROUNDS; i++)
		report_times(works[i], "one commit per enrollment, in process",
		    round_median(&bench->rounds[rounds[i]], ROUND_RATE),
		    report_median(bench->commits_rate[i], bench->runs), budgets[i]);
	report_times("group commit, 128, one batch", "one commit each, one batch for all",
	    round_median(&bench->rounds[MANY], ROUND_RATE),
	    report_median(bench->one_batch_rate, bench->runs), 0);
}

static void
report_one(struct bench *bench)
{
	const double one_us = 1e6 / round_median(&bench->rounds[ONE], ROUND_RATE);
	const double limit_us = 2 * report_median(bench->fsync_us, bench->runs) +
				report_median(bench->raw_us, bench->runs);

	const double commit_us = 1e6 / report_median(bench->commits_rate[0], bench->runs) +
				 report_median(bench->fsync_us, bench->runs);

	report(&(struct finding){.work = "one enrollment, one connection",
	    .figure = one_us,
	    .unit = "us",
	    .limit = "2 fsyncs and raw issue",
	    .limit_figure = limit_us,
	    .held = one_us / limit_us,
	    .held_unit = "x",
	    .at_most = true,
	    .budget = 2.0});
	report(&(struct finding){.work = "one enrollment, beside a commit",
	    .figure = one_us,
	    .unit = "us",
	    .limit = "one commit in process, one fsync",
	    .limit_figure = commit_us,
	    .held = one_us / commit_us,
	    .held_unit = "x",
	    .at_most = true,
	    .budget = 1.5});
}

static void
report_latency(const char *work, const struct round_runs *runs, double budget_ms)
{
	const double p99_ms = round_median(runs, ROUND_P99_MS);

	report(&(struct finding){.work = work,
	    .figure = p99_ms,
	    .unit = "ms",
	    .held = p99_ms,
	    .held_unit = "ms",
	    .at_most = true,
	    .budget = budget_ms});
}

static void
report_all(struct bench *bench)
{
	double raw;

	raw = report_median(bench->raw, bench->raw_count); /* sorted by now */
	printf("\nDrift of the raw issue limit: %.0f to %.0f /s\n", bench->raw[0],
	    bench->raw[bench->raw_count - 1]);
	report_share(bench, SIXTEEN, "enroll, 16 connections", raw, 0);
	report_share(bench, MANY, "enroll, 128 connections", raw, 35);
	report_share(bench, MOST, "enroll, 512 connections", raw, 0);
	report_share(bench, BULK, "enroll, NDJSON of 1000, 1 call", raw, 0);
	report_share(bench, BULK_FOUR, "enroll, NDJSON of 1000, 4 calls", raw, 55);
	report_commits(bench);
	report_one(bench);
	report_latency("p99, 128 connections, closed loop", &bench->rounds[MANY], 100);
	report_latency("p99, 128, open loop at half rate", &bench->open, 0);
}

int
main(int argc, char **argv)
{
	struct bench bench = {.few = report_few(argc, argv)};

	bench.runs = bench.few ? 1 : RUNS_MAX;
	target_init(&bench.target);
	bench.station = target_tls("station");
	bench.commits = commits_new();
	for (size_t run = 0; run < bench.runs; run++)
		run_all(&bench, run);
	commits_free(bench.commits);
	SSL_CTX_free(bench.station);
	report_all(&bench);
	return 0;
}
