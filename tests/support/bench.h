/* bench: a ledger on a database and a fake keeper of its own, for tests. */
#ifndef TESTS_SUPPORT_BENCH_H
#define TESTS_SUPPORT_BENCH_H

#include "tests/support/cmocka_all.h"

#include <time.h>

#include "base/mem.h"
#include "proof/merkle.h"
#include "tests/support/item_kind.h"

#define BENCH_UNUSED __attribute__((unused))
#define READY_MS 10000

struct bench {
	struct test_db db;
	struct item_world world;
	struct keeper_client *keeper;
	struct clock clock;
	struct rng rng;
	struct ledger *ledger;
};

#define assert_done(done, err)                                                 \
	do {                                                                   \
		const bool done_ = (done);                                     \
		if (!done_)                                                    \
			print_error("%s (%s)\n", (err)->detail, (err)->cause); \
		assert_true(done_);                                            \
	} while (0)

BENCH_UNUSED static struct ledger_options
bench_options(struct bench *bench)
{
	return (struct ledger_options){.url = bench->db.service_url,
	    .origin = ITEM_ORIGIN,
	    .keeper = bench->keeper,
	    .clock = &bench->clock,
	    .rng = &bench->rng,
	    .hooks = bench->world.hooks};
}

BENCH_UNUSED static void
bench_start(struct bench *bench)
{
	const struct ledger_options options = bench_options(bench);
	struct error err = {0};

	assert_done(ledger_new(&options, &bench->ledger, &err), &err);
}

BENCH_UNUSED static void
bench_stop(struct bench *bench)
{
	ledger_free(TAKE(bench->ledger));
}

BENCH_UNUSED static void
bench_ready(struct bench *bench)
{
	struct error err = {0};

	assert_done(ledger_wait_ready(bench->ledger, READY_MS, &err), &err);
}

/* With a log and a keeper, the ledger not yet started. */
BENCH_UNUSED static void
bench_init(struct bench *bench)
{
	*bench = (struct bench){0};
	test_db_init(&bench->db);
	item_world_init(&bench->world, &bench->db);
	bench->keeper = fake_keeper_new(ITEM_ORIGIN);
	bench->clock = clock_system();
	bench->rng = rng_system();
}

BENCH_UNUSED static void
bench_clear(struct bench *bench)
{
	bench_stop(bench);
	keeper_client_free(bench->keeper);
	item_world_clear(&bench->world);
	test_db_clear(&bench->db);
}
DEFER_DECLARE_CLEAR(struct bench, bench_clear)

BENCH_UNUSED static bool
bench_submit(struct bench *bench, struct item *item, struct error *err)
{
	struct proposal *proposal = &item->base;

	return ledger_submit(bench->ledger, &proposal, 1, err);
}

/* Waits until the query gives `want`; a test that waits too long is ended by ctest. */
BENCH_UNUSED static void
bench_await(const struct bench *bench, const char *sql, int64_t want)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	while (test_db_int(&bench->db, sql) != want)
		(void)nanosleep(&pause, NULL);
}

static const struct stmt BENCH_LEAVES =
    STMT("bench_leaves", 0, 2, "SELECT seq, body FROM audit_leaf ORDER BY seq");

/* Gapless, `st` never decreasing, as large as audit_log says, and the same in the journal. */
BENCH_UNUSED static void
bench_check_log(struct bench *bench)
{
	DEFER(db_free)
	struct db *db = db_new(&(struct db_options){.url = bench->db.service_url,
	    .application = "test",
	    .connections_max = 1,
	    .wait_ms = 1000});
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(mem_free) struct merkle *tree = xcalloc(1, sizeof *tree);
	uint8_t hash[SHA256_BYTES], root[SHA256_BYTES], journal_root[SHA256_BYTES];
	struct error err = {0};
	int64_t last_st_s = 0;

	assert_done(db_query(db, &BENCH_LEAVES, NULL, &rows, &err), &err);
	for (size_t i = 0; i < rows_count(rows); i++) {
		struct leaf_view view;

		assert_int_equal(rows_int(rows, i, 0), i);
		assert_done(leaf_parse(rows_bytes(rows, i, 1), &view, &err), &err);
		assert_int_equal(view.seq, i);
		assert_true(view.sequenced_at_s >= last_st_s);
		last_st_s = view.sequenced_at_s;
		leaf_hash(rows_bytes(rows, i, 1), hash);
		merkle_append(tree, hash);
	}
	assert_int_equal(test_db_int(&bench->db, "SELECT size FROM audit_log"), rows_count(rows));
	assert_int_equal(fake_keeper_size(bench->keeper), rows_count(rows));
	merkle_root(tree, root);
	fake_keeper_root(bench->keeper, journal_root);
	assert_memory_equal(root, journal_root, sizeof root);
}

BENCH_UNUSED static void
assert_signed(const struct item *item)
{
	uint8_t want[FAKE_KEEPER_SIGNATURE_BYTES];

	fake_keeper_sign(bytes_of_text(item->tbs), want);
	assert_int_equal(item->base.records[0].signature_len, sizeof want);
	assert_memory_equal(item->base.records[0].signature, want, sizeof want);
}

#endif
