/*
 * evidence: what the audit log and the keeper cost an enrollment.
 *
 * The ledger's own transactions of 32 enrollments, one after the other, in three ways that take
 * turns in one run: as they are; signed in this process instead of by the keeper; and the latter
 * without their leaves, which the product cannot do: the linker puts two functions below before
 * its own (-Wl,--wrap). Nothing overlaps here, so that all of the journal's and the database's
 * waiting counts; in the service much of it does not.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/publish.h"
#include "audit/publish_store.h"
#include "base/mem.h"
#include "proof/checkpoint.h"
#include "proof/merkle.h"
#include "tests/bench/append.h"
#include "tests/bench/lane.h"
#include "tests/bench/processes.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"
#include "tests/bench/target.h"

#define LINES 32 /* of a batch: what one holds at 128 connections */
#define BATCHES 120
#define BATCHES_FEW 6    /* of 32: some ticks of CPU time */
#define ORIGIN "bench/1" /* of the first lane */

enum way { WHOLE, IN_PROCESS, WITHOUT_LEAVES, WAYS };

struct bench {
	struct lane_site site;
	struct lane lanes[2]; /* one is without leaves: its log has none */
	struct attack attack;
	struct keeper_client *keeper;
	struct append *appends[BATCHES];
	uint64_t appended;
	/* The log of the first lane, published. */
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key;
	struct merkle tree;
	struct db *db;
	struct publish_leaves leaves;
	struct publisher *publisher;
	char dir[40];
	struct processes processes;
	size_t batches;
	double rate[WAYS][RUNS_MAX], cpu_us[WAYS][RUNS_MAX];
};

/* ---- without leaves ---- */

static bool without_leaves; /* read by the doubles below; one thread enrolls */

static const struct stmt FENCE_ALONE = STMT("bench_fence", 5, 1,
    "WITH fenced AS (UPDATE audit_log SET size = size + $4::int8, last_st_at_s = $5::int8"
    "  WHERE id = $1::int2 AND owner = $2::int8 AND size = $3::int8 RETURNING 1)"
    " SELECT expect_owner(count(*)) IS NULL FROM fenced");

bool __real_leaf_encode(const struct leaf *leaf, struct buf *out, struct error *err);
bool __wrap_leaf_encode(const struct leaf *leaf, struct buf *out, struct error *err);
bool __real_ledger_queue_fence(struct tx *tx, const struct ledger *ledger,
    const struct bytes *leaves, size_t count, int64_t last_st_s, struct error *err);
bool __wrap_ledger_queue_fence(struct tx *tx, const struct ledger *ledger,
    const struct bytes *leaves, size_t count, int64_t last_st_s, struct error *err);

bool
__wrap_leaf_encode(const struct leaf *leaf, struct buf *out, struct error *err)
{
	return without_leaves || __real_leaf_encode(leaf, out, err);
}

bool
__wrap_ledger_queue_fence(struct tx *tx, const struct ledger *ledger, const struct bytes *leaves,
    size_t count, int64_t last_st_s, struct error *err)
{
	DEFER(params_clear) struct params params = {0};

	if (!without_leaves)
		return __real_ledger_queue_fence(tx, ledger, leaves, count, last_st_s, err);
	params_int2(&params, (int16_t)ledger->log);
	params_int8(&params, ledger->owner);
	params_int8(&params, ledger->size);
	params_int8(&params, (int64_t)count);
	params_int8(&params, last_st_s);
	return tx_queue(tx, &FENCE_ALONE, &params, err);
}

/* ---- a log that is published ---- */

static void
open_log(struct bench *bench)
{
	static const char VKEY[] = "moniker.example/node1-2026+fef7c7b4+"
				   "AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk";
	char hex[2 * NOTE_PUBLIC_BYTES + 1], sql[200];
	struct note_key known;
	struct error err = {0};

	for (size_t i = 0; i < sizeof bench->seed; i++)
		bench->seed[i] = (uint8_t)(i + 1);
	must(note_key_parse(bytes_of_text(VKEY), &known, &err), &err);
	must(note_key_init(&bench->key, ORIGIN, known.public_key, &err), &err);
	hex_encode(hex, bytes_of(known.public_key, sizeof known.public_key));
	(void)snprintf(sql, sizeof sql,
	    "UPDATE audit_log SET public_key = decode('%s', 'hex') WHERE origin = '" ORIGIN "'",
	    hex);
	test_db_run(&bench->site.db, sql);
	bench->db = db_new(&(struct db_options){.url = bench->site.db.service_url,
	    .application = "bench publisher",
	    .connections_max = 1,
	    .wait_ms = 5000});
	bench->leaves.db = bench->db;
	(void)snprintf(bench->dir, sizeof bench->dir, "/tmp/moniker-evidence-XXXXXX");
	if (mkdtemp(bench->dir) == NULL)
		die("no folder for a log");
	must(publisher_new(&(struct publisher_options){.dir = bench->dir,
			       .origin = ORIGIN,
			       .clock = &bench->site.clock,
			       .source = publish_source(&bench->leaves)},
		 &bench->publisher, &err),
	    &err);
}

static void
close_log(struct bench *bench)
{
	char command[64];

	publisher_free(bench->publisher);
	db_free(bench->db);
	(void)snprintf(command, sizeof command, "rm -rf %s", bench->dir);
	if (system(command) != 0) /* NOLINT: a name of mkdtemp() */
		die("cannot remove %s", bench->dir);
}

/* What the keeper does with leaves, but for its journal: hashed into the tree, which is signed. */
static void
offer(struct bench *bench, const struct batch *batch)
{
	struct checkpoint checkpoint = {.origin = ORIGIN};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf note = {0};

	for (size_t i = 0; i < batch->record_count; i++) {
		uint8_t hash[SHA256_BYTES];

		leaf_hash(batch_leaf(batch, i), hash);
		merkle_append(&bench->tree, hash);
	}
	checkpoint.size = bench->tree.size;
	merkle_root(&bench->tree, checkpoint.root);
	checkpoint_encode(&checkpoint, &text);
	note_sign(&bench->key, bench->seed, buf_bytes(&text), &note);
	publisher_offer(bench->publisher, buf_bytes(&note));
}

static void
await_published(struct bench *bench)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	if (bench->tree.size > 0)
		must(publisher_wait(bench->publisher, bench->tree.size - 1, 10000, &note, &err),
		    &err);
}

/* ---- enrollments ---- */

/* Certificates of the same make, since the keeper has an issuer of its own. */
static void
sign_by_keeper(struct bench *bench, struct lane *lane, struct append *append,
    struct enrollment *const *enrollments)
{
	append_run(bench->keeper, bench->appended, append);
	bench->appended += LINES;
	for (size_t i = 0; i < LINES; i++) {
		const struct keeper_signed *result = &append->results[i];

		lane_finish(
		    lane, enrollments[i], bytes_of(result->signature, result->signature_len));
	}
}

static void
run_batch(struct bench *bench, enum way way, const struct buf *csrs, struct append *append)
{
	struct lane *lane = &bench->lanes[way == WITHOUT_LEAVES];
	struct enrollment *enrollments[LINES];

	for (size_t i = 0; i < LINES; i++)
		enrollments[i] = lane_prepare(lane, buf_bytes(&csrs[i]));
	lane_commit(lane, enrollments, LINES);
	if (way == WHOLE)
		sign_by_keeper(bench, lane, append, enrollments);
	else
		for (size_t i = 0; i < LINES; i++)
			lane_sign(lane, enrollments[i]);
	if (way != WITHOUT_LEAVES)
		offer(bench, lane->batch);
	for (size_t i = 0; i < LINES; i++)
		enrollment_free(enrollments[i]);
}

static int64_t
cpu_us(const struct bench *bench)
{
	struct usage usage;

	processes_usage(&bench->processes, &usage);
	return usage.cpu_us[SERVICE] + usage.cpu_us[KEEPER] + usage.cpu_us[DATABASE];
}

/* What devices send, and what the keeper is to sign, is made before the clock starts. */
static void
run_way(struct bench *bench, enum way way, size_t run)
{
	const size_t count = bench->batches * LINES;
	struct buf *csrs = lane_csrs(count);
	int64_t began_us, before_us;

	without_leaves = way == WITHOUT_LEAVES;
	if (way == WHOLE)
		for (size_t i = 0; i < bench->batches; i++)
			append_fill(
			    &bench->attack, bench->appended + i * LINES, LINES, bench->appends[i]);
	before_us = cpu_us(bench);
	began_us = clock_monotonic_us();
	for (size_t i = 0; i < bench->batches; i++)
		run_batch(bench, way, csrs + i * LINES, bench->appends[i]);
	bench->rate[way][run] = (double)count * 1e6 / (double)(clock_monotonic_us() - began_us);
	await_published(bench);
	bench->cpu_us[way][run] = (double)(cpu_us(bench) - before_us) / (double)count;
	requests_free(csrs, count);
}

/* ---- findings ---- */

/* What is left with it: at least 85 % is a cost of at most 15. */
static void
report_cost(struct bench *bench, const char *work, const char *limit, enum way with,
    enum way without, const char *cpu_work)
{
	const double rate = report_median(bench->rate[with], RUNS_MAX);
	const double limit_rate = report_median(bench->rate[without], RUNS_MAX);
	const double used = report_median(bench->cpu_us[with], RUNS_MAX);
	const double limit_used = report_median(bench->cpu_us[without], RUNS_MAX);

	report(&(struct finding){.work = work,
	    .figure = rate,
	    .unit = "/s",
	    .limit = limit,
	    .limit_figure = limit_rate,
	    .held = rate / limit_rate * 100,
	    .held_unit = "%",
	    .budget = 85});
	report(&(struct finding){.work = cpu_work,
	    .figure = used,
	    .unit = "us",
	    .limit = limit,
	    .limit_figure = limit_used,
	    .held = limit_used / used * 100,
	    .held_unit = "%",
	    .budget = 85});
}

int
main(int argc, char **argv)
{
	const bool few = report_few(argc, argv);
	struct bench *bench = xcalloc(1, sizeof *bench);
	struct target target;

	target_init(&target);
	bench->batches = few ? BATCHES_FEW : BATCHES;
	bench->processes = (struct processes){getpid(), target.processes.postmaster};
	lane_site_init(&bench->site);
	lane_open(&bench->lanes[0], &bench->site, 0, 0);
	lane_open(&bench->lanes[1], &bench->site, 1, 1);
	open_log(bench);
	attack_init(&bench->attack);
	bench->keeper = append_client(&bench->attack);
	for (size_t i = 0; i < bench->batches; i++)
		bench->appends[i] = xcalloc(1, sizeof *bench->appends[i]);
	for (enum way way = WHOLE; way < WAYS; way++)
		run_way(bench, way, 0); /* statements, connections, caches: counted again below */
	for (size_t run = 0; run < RUNS_MAX; run++)
		for (enum way way = WHOLE; way < WAYS; way++)
			run_way(bench, way, run);
	report_cost(bench, "log, of an enrollment's rate", "without its leaves", IN_PROCESS,
	    WITHOUT_LEAVES, "log, of an enrollment's CPU");
	report_cost(bench, "keeper, of an enrollment's rate", "signing in process", WHOLE,
	    IN_PROCESS, "keeper, of an enrollment's CPU");
	for (size_t i = 0; i < bench->batches; i++)
		append_free(bench->appends[i]);
	keeper_client_free(bench->keeper);
	attack_clear(&bench->attack);
	close_log(bench);
	for (size_t i = 0; i < COUNT(bench->lanes); i++)
		lane_close(&bench->lanes[i]);
	lane_site_clear(&bench->site);
	free(bench);
	return 0;
}
