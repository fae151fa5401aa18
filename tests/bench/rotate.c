/*
 * rotate: a million hardware tags moved to another key by `moniker tag rotate` while a line enrolls
 * at a steady rate: how fast they move beside it, and how long the line waits meanwhile. The line
 * is told to come again while the keeper takes up the new key: those calls are counted, not hidden.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "keeper/tag.h"
#include "tests/bench/client.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define TAGS 1000000
#define FEW_TAGS 3000
#define CONNECTIONS 16
#define PER_S 200.0   /* enrollments, open loop */
#define ROUNDS_MAX 60 /* of the line beside one rotation */
#define MULTIPLIED 4000

struct bench {
	size_t tags, each; /* calls on each connection in a round */
	struct target target;
	SSL_CTX *station;
	PGconn *owner;
	double alone_ms[RUNS_MAX], beside_ms[ROUNDS_MAX];
	size_t rounds, calls, again; /* beside it */
	double longest_ms;
};

/* ---- the owner's database ---- */

static void
must_sql(PGconn *pg, const char *sql, ExecStatusType expected)
{
	PGresult *done = PQexec(pg, sql);

	if (PQresultStatus(done) != expected)
		die("%s", PQerrorMessage(pg));
	PQclear(done);
}

static int
active_kid(PGconn *pg)
{
	PGresult *row = PQexec(pg, "SELECT kid FROM tag_key WHERE state = 'active'");
	int kid;

	if (PQntuples(row) != 1)
		die("there is no active key: %s", PQerrorMessage(pg));
	kid = (int)strtol(PQgetvalue(row, 0, 0), NULL, 10);
	PQclear(row);
	return kid;
}

/* Tags of nobody's hardware: points a random step apart, which is faster than drawing each. */
static void
fill(PGconn *pg, size_t count)
{
	const int kid = active_kid(pg);
	uint8_t point[TAG_BYTES], apart[TAG_BYTES];

	crypto_core_ristretto255_random(point);
	crypto_core_ristretto255_random(apart);
	must_sql(pg, "COPY device_tag (kid, tag, device) FROM STDIN", PGRES_COPY_IN);
	for (size_t i = 0; i < count; i++) {
		char hex[2 * TAG_BYTES + 1], line[2 * TAG_BYTES + 32];
		int len;

		if (crypto_core_ristretto255_add(point, point, apart) != 0)
			die("libsodium failed");
		hex_encode(hex, bytes_of(point, sizeof point));
		len = snprintf(line, sizeof line, "%d\t\\\\x%s\t-1\n", kid, hex);
		if (PQputCopyData(pg, line, len) != 1)
			die("%s", PQerrorMessage(pg));
	}
	if (PQputCopyEnd(pg, NULL) != 1)
		die("%s", PQerrorMessage(pg));
	while (PQgetResult(pg) != NULL)
		;
	must_sql(pg, "ANALYZE device_tag", PGRES_COMMAND_OK);
}

/* ---- the rotation ---- */

struct rotation {
	atomic_bool ended;
	int64_t took_us;
	long long moved;
};

static void *
rotate(void *context)
{
	struct rotation *rotation = context;
	const int64_t began_us = clock_monotonic_us();
	char answer[256] = "";
	const char *moved;
	/* NOLINTNEXTLINE(cert-env33-c): a fixed command of ours */
	FILE *out = popen("exec \"$MONIKER_BIN/moniker\" tag rotate --config \"$MONIKER_CONFIG\""
			  " --database-url \"$MONIKER_PGURL\" --again --json",
	    "re");

	if (out == NULL || fgets(answer, sizeof answer, out) == NULL || pclose(out) != 0)
		die("moniker tag rotate failed: %s", answer);
	rotation->took_us = clock_monotonic_us() - began_us;
	moved = strstr(answer, "\"moved\":");
	if (moved == NULL)
		die("it does not say how many it moved: %s", answer);
	rotation->moved = strtoll(moved + 8, NULL, 10);
	atomic_store(&rotation->ended, true);
	return NULL;
}

/* ---- the line ---- */

static void
count_again(void *context, size_t call, const char *text)
{
	size_t *again = context;

	(void)call;
	*again += strncmp(text, "HTTP/1.1 503", 12) == 0;
}

/* A round's p99 in milliseconds. */
static double
run_line(struct bench *bench, size_t *out_again, double *out_longest_ms)
{
	const size_t calls = bench->each * CONNECTIONS;
	struct buf *requests = enrollments_make(bench->target.batch, 1, calls);
	DEFER(load_result_clear) struct load_result result = {0};

	*out_again = 0;
	load_run(
	    &(struct load){
		.target = &bench->target,
		.tls = bench->station,
		.connections = CONNECTIONS,
		.each = bench->each,
		.requests = requests,
		.request_count = calls,
		.status = "201",
		.rate = PER_S,
		.answered = count_again,
		.context = out_again,
	    },
	    &result);
	requests_free(requests, calls);
	if (result.good + *out_again != calls)
		die("of %zu calls %zu were enrolled and %zu told to come again", calls, result.good,
		    *out_again);
	*out_longest_ms = load_percentile_ms(&result, 100);
	return load_percentile_ms(&result, 99);
}

static void
run_alone(struct bench *bench, size_t runs)
{
	for (size_t i = 0; i < runs; i++) {
		double longest_ms;
		size_t again;

		bench->alone_ms[i] = run_line(bench, &again, &longest_ms);
		if (again > 0)
			die("%zu calls were told to come again without a rotation", again);
	}
}

static void
run_beside(struct bench *bench, struct rotation *rotation)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, rotate, rotation) != 0)
		die("no thread");
	do {
		double longest_ms;
		size_t again;

		if (bench->rounds == ROUNDS_MAX)
			die("a rotation took too long");
		bench->beside_ms[bench->rounds++] = run_line(bench, &again, &longest_ms);
		bench->again += again;
		bench->calls += bench->each * CONNECTIONS;
		if (longest_ms > bench->longest_ms)
			bench->longest_ms = longest_ms;
	} while (!atomic_load(&rotation->ended));
	(void)pthread_join(thread, NULL);
	if (rotation->moved < (long long)bench->tags)
		die("%lld rows were moved of more than %zu", rotation->moved, bench->tags);
}

/* ---- what it is held against ---- */

static double
multiply_per_s(void)
{
	uint8_t scalar[TAG_KEY_BYTES], point[TAG_BYTES];
	int64_t began_us;

	crypto_core_ristretto255_scalar_random(scalar);
	crypto_core_ristretto255_random(point);
	began_us = report_own_cpu_us();
	for (size_t i = 0; i < MULTIPLIED; i++)
		if (crypto_scalarmult_ristretto255(point, scalar, point) != 0)
			die("libsodium failed");
	return MULTIPLIED * 1e6 / (double)(report_own_cpu_us() - began_us);
}

static void
report_all(struct bench *bench, const struct rotation *rotation, size_t runs)
{
	const double per_s = (double)rotation->moved * 1e6 / (double)rotation->took_us;
	const double multiply = multiply_per_s();
	const double beside_ms = report_median(bench->beside_ms, bench->rounds);

	printf("%lld rows moved in %.1f s beside %zu enrollments, of which %zu were told to come "
	       "again; the longest took %.0f ms\n",
	    rotation->moved, (double)rotation->took_us / 1e6, bench->calls, bench->again,
	    bench->longest_ms);
	report(&(struct finding){.work = "rotation of 1,000,000 tags, beside enrollments",
	    .figure = per_s,
	    .unit = "/s",
	    .limit = "multiply, a core",
	    .limit_figure = multiply,
	    .held = per_s / multiply * 100,
	    .held_unit = "%"});
	report(&(struct finding){.work = "enrollments beside a rotation, p99",
	    .figure = beside_ms,
	    .unit = "ms",
	    .limit = "without it",
	    .limit_figure = report_median(bench->alone_ms, runs),
	    .held = beside_ms,
	    .held_unit = "ms",
	    .at_most = true});
}

int
main(int argc, char **argv)
{
	const bool few = report_few(argc, argv);
	struct bench bench = {.tags = few ? FEW_TAGS : TAGS, .each = few ? 4 : 64};
	const size_t runs = few ? 1 : RUNS_MAX;
	const char *url = getenv("MONIKER_PGURL");
	struct rotation rotation = {0};

	if (sodium_init() < 0 || url == NULL)
		die("MONIKER_PGURL is not set: see tests/bench/run");
	target_init(&bench.target);
	bench.station = target_tls("station");
	bench.owner = PQconnectdb(url);
	fill(bench.owner, bench.tags);
	run_alone(&bench, runs);
	run_beside(&bench, &rotation);
	must_sql(bench.owner, "DELETE FROM device_tag WHERE device = -1", PGRES_COMMAND_OK);
	PQfinish(bench.owner);
	SSL_CTX_free(bench.station);
	report_all(&bench, &rotation, runs);
	return 0;
}
