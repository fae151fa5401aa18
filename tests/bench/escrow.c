/*
 * escrow: an enrollment with two hardware ids that is sealed to five seats, beside one without,
 * over mTLS; and what each step of it costs by itself: the tags, the seals, the commit of the
 * wrap's key in its own cluster, which comes before the ledger's. tests/bench/run publishes the
 * seats.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "base/mem.h"
#include "base/text.h"
#include "keeper/tag.h"
#include "provisioning/shred.h"
#include "tests/bench/client.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"

#define PLAIN_BATCH "bench"
#define SEALED_BATCH "bench-escrow"
#define STEPS_MAX 400 /* of each step by itself */

enum { ONE, MANY, LOADS };
static const struct {
	size_t connections, each, few_each;
} SHAPES[LOADS] = {[ONE] = {1, 300, 4}, [MANY] = {64, 60, 1}};

struct bench {
	bool few;
	struct target target;
	SSL_CTX *station;
	double plain_us[LOADS][RUNS_MAX], sealed_us[LOADS][RUNS_MAX]; /* for one, wall clock */
	double tags_us[RUNS_MAX], seals_us[RUNS_MAX], commit_us[RUNS_MAX];
};

/* ---- enrollments ---- */

static void
random_hex(char *out, size_t octets)
{
	uint8_t id[16];

	randombytes_buf(id, octets);
	hex_encode(out, bytes_of(id, octets));
}

static void
put_request(const char *batch, bool two_ids, struct buf *out)
{
	DEFER(buf_clear_public) struct buf csr = {0};
	DEFER(buf_clear_public) struct buf body = {0};
	char mac[13], serial[33];

	csr_make(NULL, &csr);
	random_hex(mac, 6);
	random_hex(serial, 16);
	buf_append_format(&body, "{\"batch\":\"%s\",\"csr\":\"", batch);
	base64_encode(&body, buf_bytes(&csr));
	buf_append_format(&body, "\",\"hardware_ids\":[{\"type\":\"mac48\",\"value\":\"%s\"}", mac);
	if (two_ids)
		buf_append_format(&body, ",{\"type\":\"se_serial\",\"value\":\"%s\"}", serial);
	buf_append_text(&body, "]}");
	request_put("/v1/enrollments", "application/json", buf_bytes(&body), out);
}

/* Microseconds of wall clock for one. */
static double
enroll(const struct bench *bench, int shape, const char *batch, bool two_ids)
{
	const size_t each = bench->few ? SHAPES[shape].few_each : SHAPES[shape].each;
	const size_t count = SHAPES[shape].connections * each;
	struct buf *requests = xcalloc(count, sizeof *requests);
	DEFER(load_result_clear) struct load_result result = {0};

	for (size_t i = 0; i < count; i++)
		put_request(batch, two_ids, &requests[i]);
	load_run(&(struct load){.target = &bench->target,
		     .tls = bench->station,
		     .connections = SHAPES[shape].connections,
		     .each = each,
		     .requests = requests,
		     .request_count = count,
		     .status = "201"},
	    &result);
	requests_free(requests, count);
	if (result.good != count)
		die("%zu of %zu were enrolled into %s", result.good, count, batch);
	printf("%-14s %2zu connections %7.0f /s, CPU %5.0f us in the service, %4.0f in the keeper, "
	       "%4.0f in PostgreSQL\n",
	    batch, SHAPES[shape].connections, (double)count * 1e6 / (double)result.took_us,
	    (double)result.used.cpu_us[SERVICE] / (double)count,
	    (double)result.used.cpu_us[KEEPER] / (double)count,
	    (double)result.used.cpu_us[DATABASE] / (double)count);
	return (double)result.took_us / (double)count;
}

/* ---- the steps ---- */

static double
now_us(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static double
measure_tags(size_t count)
{
	uint8_t key[TAG_KEY_BYTES], message[32], tag[TAG_BYTES];
	const double began_us = now_us();
	struct error err = {0};

	crypto_core_ristretto255_scalar_random(key);
	for (size_t i = 0; i < 2 * count; i++) {
		randombytes_buf(message, sizeof message);
		must(tag_compute(tag, key, bytes_of(message, sizeof message), &err), &err);
	}
	return (now_us() - began_us) / (double)count;
}

static void
make_seats(struct seat_set *out)
{
	static const enum seat_role ROLES[] = {
	    SEAT_LEGAL, SEAT_LEGAL, SEAT_OFFICER, SEAT_OFFICER, SEAT_OFFICER};
	static const int NUMBERS[] = {1, 2, 1, 2, 3};
	struct seat seats[COUNT(ROLES)];
	struct error err = {0};

	for (size_t i = 0; i < COUNT(ROLES); i++) {
		uint8_t secret[crypto_box_SECRETKEYBYTES];

		seats[i] = (struct seat){.role = ROLES[i], .number = NUMBERS[i]};
		(void)crypto_box_keypair(seats[i].public_key, secret);
	}
	must(seat_set_make(1, seats, COUNT(seats), out, &err), &err);
}

/* Seals `count`, each in its wrap. The caller frees each of `out`. */
static double
measure_seals(size_t count, struct escrow_sealed **out)
{
	static const struct bytes MAC = BYTES_LITERAL("MONIKER-HWID\1\1\0\6\2\0\0\0\0\1");
	static const struct bytes SERIAL = BYTES_LITERAL("MONIKER-HWID\1\5\0\20aaaaaaaaaaaaaaaa");
	const struct escrow_identity identity = {.hardware_ids = {MAC, SERIAL},
	    .hardware_id_count = 2,
	    .model = bytes_of_text("Test"),
	    .station = bytes_of_text("aaaaaaaaaaaaaaaa"),
	    .now_s = 1900000000};
	const struct rng rng = rng_system();
	struct seat_set set;
	struct error err = {0};
	double began_us;

	make_seats(&set);
	began_us = now_us();
	for (size_t i = 0; i < count; i++)
		must(escrow_keep(&identity, &set, &rng, &out[i], &err), &err);
	return (now_us() - began_us) / (double)count;
}

/* "host=FOLDER ...": of the fixture's own cluster. */
static void
shred_url(char *out, size_t room)
{
	const char *path = getenv("MONIKER_TEST_SHRED");
	FILE *env = path != NULL ? fopen(path, "re") : NULL;
	char line[256] = "";

	while (
	    env != NULL && fgets(line, sizeof line, env) != NULL && strncmp(line, "PGDIR=", 6) != 0)
		continue;
	if (env == NULL || strncmp(line, "PGDIR=", 6) != 0)
		die("MONIKER_TEST_SHRED does not say where the shred keys' cluster is");
	(void)fclose(env);
	line[strcspn(line, "\n")] = '\0';
	(void)snprintf(out, room, "host=%s user=moniker_service dbname=moniker", line + 6);
}

/* One key a commit, as one enrollment on one connection has it. */
static double
measure_commits(struct escrow_sealed *const *sealed, size_t count)
{
	const struct clock clock = clock_system();
	const struct rng rng = rng_system();
	DEFER(shred_free) struct shred *shred = NULL;
	char url[320];
	struct error err = {0};
	double began_us;

	shred_url(url, sizeof url);
	must(shred_new(
		 &(struct shred_options){.url = url, .clock = &clock, .rng = &rng}, &shred, &err),
	    &err);
	must(shred_keep(shred, sealed, 1, &err), &err); /* connects */
	began_us = now_us();
	for (size_t i = 1; i < count; i++)
		must(shred_keep(shred, sealed + i, 1, &err), &err);
	return (now_us() - began_us) / (double)(count - 1);
}

static void
measure_steps(struct bench *bench, size_t run)
{
	const size_t count = bench->few ? 8 : STEPS_MAX;
	struct escrow_sealed **sealed = xcalloc(count, sizeof(struct escrow_sealed *));

	bench->tags_us[run] = measure_tags(count);
	bench->seals_us[run] = measure_seals(count, sealed);
	bench->commit_us[run] = measure_commits(sealed, count);
	for (size_t i = 0; i < count; i++)
		escrow_sealed_free(sealed[i]);
	free(sealed);
	printf("by themselves: two tags %.0f us, the seals %.0f us, a commit of the wrap's key "
	       "%.0f us\n",
	    bench->tags_us[run], bench->seals_us[run], bench->commit_us[run]);
}

/* ---- the whole ---- */

static void
report_load(struct bench *bench, int shape, const char *work, size_t runs)
{
	const double plain_us = report_median(bench->plain_us[shape], runs);
	const double sealed_us = report_median(bench->sealed_us[shape], runs);

	report(&(struct finding){.work = work,
	    .figure = 1e6 / sealed_us,
	    .unit = "/s",
	    .limit = "one id, not sealed",
	    .limit_figure = 1e6 / plain_us,
	    .held = plain_us / sealed_us * 100,
	    .held_unit = "%"});
}

static void
report_step(const char *work, double step_us, double whole_us)
{
	report(&(struct finding){.work = work,
	    .figure = step_us,
	    .unit = "us",
	    .limit = "one enrollment that is sealed, one connection",
	    .limit_figure = whole_us,
	    .held = step_us / whole_us * 100,
	    .held_unit = "%"});
}

int
main(int argc, char **argv)
{
	struct bench bench = {.few = report_few(argc, argv)};
	const size_t runs = bench.few ? 1 : RUNS_MAX;
	double whole_us;

	if (sodium_init() < 0)
		die("libsodium does not start");
	target_init(&bench.target);
	bench.station = target_tls("station");
	for (size_t run = 0; run < runs; run++) {
		for (int shape = 0; shape < LOADS; shape++) {
			bench.plain_us[shape][run] = enroll(&bench, shape, PLAIN_BATCH, false);
			bench.sealed_us[shape][run] = enroll(&bench, shape, SEALED_BATCH, true);
		}
		measure_steps(&bench, run);
	}
	SSL_CTX_free(bench.station);
	report_load(&bench, ONE, "enroll, two ids, sealed to 5 seats, 1 connection", runs);
	report_load(&bench, MANY, "enroll, two ids, sealed to 5 seats, 64 connections", runs);
	whole_us = report_median(bench.sealed_us[ONE], runs);
	report_step(
	    "of a sealed enrollment: two tags", report_median(bench.tags_us, runs), whole_us);
	report_step(
	    "of a sealed enrollment: the seals", report_median(bench.seals_us, runs), whole_us);
	report_step("of a sealed enrollment: the key's commit",
	    report_median(bench.commit_us, runs), whole_us);
	return 0;
}
