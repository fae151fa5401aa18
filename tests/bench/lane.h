/*
 * lane: a connection to the measured server that owns a log, and runs the ledger's own transaction
 * (db/ledger_core.h: batch_try) on it: reads, locks, decision, writes, leaves, fence, and the
 * signatures of the one before. No HTTP, no thread of the ledger's, no keeper.
 */
#ifndef TESTS_BENCH_LANE_H
#define TESTS_BENCH_LANE_H

#include "db/ledger_core.h"
#include "tests/bench/enrollment.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_db.h"
#include "tests/unit/ca/authorities.h"

#define LANES_MAX 128
#define LANE_ORIGIN "bench/%zu" /* of lane number %zu, from 1 */

struct lane_site { /* a database of its own, with a log and a batch for each lane */
	struct test_db db;
	struct authorities authorities;
	struct key *key; /* of the issuer */
	struct clock clock;
	struct rng rng;
	int64_t person, first_batch;
};
void lane_site_init(struct lane_site *site);
void lane_site_clear(struct lane_site *site);

struct lane {
	const struct lane_site *site;
	struct ledger ledger;     /* only what a transaction needs */
	struct ledger_kind *kind; /* of its own, as each node has one */
	struct batch *batch;
	int64_t batch_id; /* what it enrolls into */
};
/* Takes the log of this number over, from 0. `into` is the number of a batch. */
void lane_open(struct lane *lane, const struct lane_site *site, size_t number, size_t into);
void lane_close(struct lane *lane);

/* The CSR (base64) as a worker of the service prepares it. */
struct enrollment *lane_prepare(const struct lane *lane, struct bytes csr);
/* One transaction. Dies unless it commits. At most LEDGER_BATCH_MAX. */
void lane_commit(struct lane *lane, struct enrollment *const *enrollments, size_t count);
/* Assembles the certificate with a signature, which the next transaction keeps. */
void lane_finish(struct lane *lane, struct enrollment *enrollment, struct bytes signature);
/* The same with a signature made in this process. */
void lane_sign(struct lane *lane, struct enrollment *enrollment);

/* Certification requests (base64), each with a key of its own; freed with requests_free(). */
struct buf *lane_csrs(size_t count);

#endif
