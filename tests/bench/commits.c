#include "tests/bench/commits.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ca/certificate_store.h"
#include "db/ledger_core.h"
#include "db/ledger_keeper.h"
#include "db/ledger_store.h"
#include "tests/bench/enrollment.h"
#include "tests/bench/report.h"
#include "tests/bench/requests.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_db.h"
#include "tests/unit/ca/authorities.h"

#define ORIGIN "bench/%zu"
#define TO_TEXT(x) #x
#define LANES(x) TO_TEXT(x)

/* Batch and log i are lane i's; names are digits as letters that a handle may have. */
static const char SETUP[] =
    "INSERT INTO person (handle, name, created_at_s) VALUES ('aaaaaaaaaaaaaaaa', "
    "'station', 0);"
    "INSERT INTO batch (name, handle, model, mode, profile, quota, opens_at_s, "
    "hardware_ids,"
    " replace_policy, created_at_s)"
    " SELECT 'lane-' || i, 'aaaaaaaaaaaaa' || translate(lpad(i::text, 3, '0'), '0189', "
    "'bcde'),"
    " 'Test', 'pseudonymous', 'device', 100000000, 0, 'required', 'same_station', 0"
    " FROM generate_series(1, " LANES(
	COMMITS_CONNECTIONS_MAX) ") AS i ORDER BY i;"
				 "INSERT INTO audit_log (origin, public_key, opened_at_s)"
				 " SELECT 'bench/' || i, sha256('bench'), 0"
				 " FROM generate_series(1, " LANES(
				     COMMITS_CONNECTIONS_MAX) ") AS i ORDER BY i;"
							      "SELECT "
							      "partition_ensure(72::"
							      "smallint)"; /* the month of
									      TEST_NOW_S
									    */

struct commits {
	struct test_db db;
	struct authorities authorities;
	struct key *key;
	struct clock clock;
	struct rng rng;
	int64_t person, first_batch;
};

struct lane {
	struct commits *commits;
	struct ledger ledger;     /* only what a transaction needs */
	struct ledger_kind *kind; /* of its own, as each node has one */
	struct batch *batch;
	int64_t batch_id;
	struct buf *csrs; /* base64, each + 1 */
	size_t each;
	pthread_barrier_t *start;
	pthread_t thread;
};

/* ---- the database ---- */

static void
store_authorities(struct commits *commits)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){.url = commits->db.owner_url,
	    .application = "bench",
	    .connections_max = 1,
	    .wait_ms = 5000});
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	must(tx_begin(db, &tx, &err), &err);
	must(ceremony_store(tx, &commits->authorities.ceremony, "moniker.example/node1-2026",
		 TEST_NOW_S, &err),
	    &err);
	must(tx_commit(&tx, &err), &err);
}

struct commits *
commits_new(void)
{
	struct commits *commits = xcalloc(1, sizeof *commits);

	test_db_init(&commits->db);
	authorities_init(&commits->authorities);
	commits->key = authorities_key(&commits->authorities, ISSUER_DEVICE_CA);
	commits->clock = clock_fixed(TEST_NOW_S);
	commits->rng = rng_system();
	store_authorities(commits);
	test_db_run(&commits->db, SETUP);
	commits->person = test_db_int(&commits->db, "SELECT id FROM person");
	commits->first_batch = test_db_int(&commits->db, "SELECT min(id) FROM batch");
	return commits;
}

void
commits_free(struct commits *commits)
{
	key_free(commits->key);
	authorities_clear(&commits->authorities);
	test_db_clear(&commits->db);
	free(commits);
}

/* ---- a lane: a connection that owns a log ---- */

static void
take_log(struct ledger *ledger, const char *origin)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct ledger_row row;
	struct error err = {0};

	tx_begin_on(ledger->conn, &tx);
	must(ledger_get(tx, origin, &row, &err), &err);
	must(ledger_take_over(tx, origin, &row, &err), &err);
	must(ledger_ensure_partition(tx, row.log, row.size, &err), &err);
	must(tx_commit(&tx, &err), &err);
	ledger->log = row.log;
	ledger->owner = row.owner;
	ledger->size = row.size;
	ledger->last_st_s = row.last_st_s;
}

static void
make_csrs(struct lane *lane)
{
	lane->csrs = xcalloc(lane->each + 1, sizeof *lane->csrs);
	for (size_t i = 0; i <= lane->each; i++) {
		DEFER(buf_clear_public) struct buf der = {0};

		csr_make(NULL, &der);
		base64_encode(&lane->csrs[i], buf_bytes(&der));
	}
}

static void
open_lane(struct lane *lane, struct commits *commits, size_t number)
{
	struct ledger *ledger = &lane->ledger;
	struct error err = {0};
	char origin[32];

	lane->commits = commits;
	lane->kind = enrollment_kind_new();
	lane->batch = xcalloc(1, sizeof *lane->batch);
	ledger->options = (struct ledger_options){.clock = &commits->clock,
	    .rng = &commits->rng,
	    .hooks = {.keep_signatures = certificate_keep_signatures}};
	(void)pthread_mutex_init(&ledger->mutex, NULL);
	must(conn_open(commits->db.service_url, "bench", &ledger->conn, &err), &err);
	(void)snprintf(origin, sizeof origin, ORIGIN, number + 1);
	take_log(ledger, origin);
	make_csrs(lane);
}

static void
close_lane(struct lane *lane)
{
	conn_close(lane->ledger.conn);
	free(lane->ledger.unkept);
	(void)pthread_mutex_destroy(&lane->ledger.mutex);
	buf_clear_public(&lane->batch->text);
	free(lane->batch);
	enrollment_kind_free(lane->kind);
	requests_free(lane->csrs, lane->each + 1);
}

static void
enroll_one(struct lane *lane, struct bytes csr)
{
	const struct commits *commits = lane->commits;
	DEFER(enrollment_free)
	struct enrollment *enrollment = enrollment_new(
	    &(struct enrollment_terms){
		.kind = lane->kind,
		.issuer = issuers_active(commits->authorities.issuers, ISSUER_DEVICE_CA),
		.rng = &commits->rng,
		.person = commits->person,
		.batch = lane->batch_id,
		.now_s = TEST_NOW_S,
	    },
	    csr);
	struct entry entry = {.proposal = enrollment_proposal(enrollment)};
	const struct record *record;
	struct error err = {0};

	lane->batch->kind = lane->kind;
	lane->batch->entries[0] = &entry;
	lane->batch->count = 1;
	lane->batch->own = true;
	must(batch_try(&lane->ledger, lane->batch, &err) == TRY_COMMITTED, &err);
	record = enrollment_sign(enrollment, commits->key);
	keeper_remember(&lane->ledger, record->ref, record->signature, record->signature_len);
}

/* The first prepares the statements, before the clock starts. */
static void *
run_lane(void *context)
{
	struct lane *lane = context;

	enroll_one(lane, buf_bytes(&lane->csrs[lane->each]));
	(void)pthread_barrier_wait(lane->start);
	for (size_t i = 0; i < lane->each; i++)
		enroll_one(lane, buf_bytes(&lane->csrs[i]));
	return NULL;
}

static double
run_lanes(struct lane *lanes, size_t count, pthread_barrier_t *start)
{
	int64_t began_us;

	for (size_t i = 0; i < count; i++)
		if (pthread_create(&lanes[i].thread, NULL, run_lane, &lanes[i]) != 0)
			die("cannot start a thread");
	(void)pthread_barrier_wait(start);
	began_us = clock_monotonic_us();
	for (size_t i = 0; i < count; i++)
		(void)pthread_join(lanes[i].thread, NULL);
	return (double)(count * lanes[0].each) * 1e6 / (double)(clock_monotonic_us() - began_us);
}

double
commits_run(struct commits *commits, size_t connections, size_t each, bool one_batch)
{
	struct lane *lanes = xcalloc(connections, sizeof *lanes);
	const int64_t before = test_db_int(&commits->db, "SELECT count(*) FROM certificate");
	pthread_barrier_t start;
	int64_t recorded;
	double rate;

	(void)pthread_barrier_init(&start, NULL, (unsigned)connections + 1);
	for (size_t i = 0; i < connections; i++) {
		lanes[i].each = each;
		lanes[i].start = &start;
		lanes[i].batch_id = commits->first_batch + (one_batch ? 0 : (int64_t)i);
		open_lane(&lanes[i], commits, i);
	}
	rate = run_lanes(lanes, connections, &start);
	for (size_t i = 0; i < connections; i++)
		close_lane(&lanes[i]);
	(void)pthread_barrier_destroy(&start);
	free(lanes);
	recorded = test_db_int(&commits->db, "SELECT count(*) FROM certificate") - before;
	if (recorded != (int64_t)(connections * (each + 1)))
		die("%lld certificates are recorded, not %zu", (long long)recorded,
		    connections * (each + 1));
	return rate;
}
