/* A log of three levels of tiles in the database and in its folder: what of it is another, and what
 * only looks so. */
#include "tests/support/cmocka_all.h"

#include "audit/inspect_log.h"
#include "audit/inspect_store.h"
#include "base/file.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"
#include "tests/support/test_db.h"

#define SIZE (65536 + 256 + 10) /* a full tile of level 1, and a bundle that is not full */
#define AT_ONCE 2000            /* rows in one statement */
#define PRUNED_FIRST 512        /* as the last leaf says */
#define PRUNED_LAST 767

struct world {
	struct test_db test;
	struct db *db;
	struct folder folder;
	struct signed_log log;
};

static void
insert_leaves(const struct world *world, size_t from, size_t to)
{
	DEFER(buf_clear_public) struct buf sql = {0};

	buf_append_text(&sql, "INSERT INTO audit_leaf VALUES ");
	for (size_t seq = from; seq < to; seq++)
		buf_append_format(&sql, "%s(1, %zu, convert_to('%s', 'UTF8'))",
		    seq > from ? "," : "", seq, buf_text(&world->log.leaves[seq]));
	test_db_run(&world->test, buf_text(&sql));
}

static void
say_pruned(struct world *world, int64_t first, int64_t last)
{
	struct leaf leaf = {.event = LEAF_LOG_PRUNE, .subject = "log:node1-2026"};

	leaf.details[0] = (struct leaf_detail){.key = "first", .number = first};
	leaf.details[1] = (struct leaf_detail){.key = "last", .number = last};
	signed_log_add(&world->log, leaf);
}

static int
make_world(void **state)
{
	struct world *world = calloc(1, sizeof *world);
	DEFER(buf_clear_public) struct buf note = {0};
	DEFER(tiles_free) struct tiles *tiles = NULL;
	struct tiles_source source;
	struct error err = {0};

	assert_non_null(world);
	test_db_init(&world->test);
	folder_init(&world->folder);
	signed_log_init(&world->log);
	signed_log_grow(&world->log, SIZE - 1);
	say_pruned(world, PRUNED_FIRST, PRUNED_LAST);
	source = signed_log_source(&world->log);
	signed_log_note(&world->log, SIZE, &note);
	assert_true(tiles_open(world->folder.path, SIGNED_LOG_ORIGIN, &source, &tiles, &err));
	assert_true(tiles_publish(tiles, buf_bytes(&note), &err));
	test_db_open_log(&world->test, SIGNED_LOG_ORIGIN, world->log.key.public_key);
	test_db_run(&world->test, "SELECT audit_partition_ensure(1::int2, 0)");
	for (size_t seq = 0; seq < SIZE; seq += AT_ONCE)
		insert_leaves(world, seq, seq + AT_ONCE < SIZE ? seq + AT_ONCE : SIZE);
	world->db = db_new(&(struct db_options){.url = world->test.service_url,
	    .application = "test",
	    .connections_max = 1,
	    .wait_ms = 5000});
	*state = world;
	return 0;
}

static int
remove_world(void **state)
{
	struct world *world = *state;

	db_free(world->db);
	test_db_clear(&world->test);
	folder_clear(&world->folder);
	signed_log_clear(&world->log);
	free(world);
	return 0;
}

/* The leaves from `from` on, below `to`; what was found. */
static void
walk(const struct world *world, uint64_t from, uint64_t to, struct inspect_faults *faults)
{
	DEFER(inspect_log_free) struct inspect_log *log = NULL;
	struct error err = {0};

	assert_true(inspect_log_open(
	    &(struct inspect_log_options){
		.db = world->db, .log = 1, .folder = world->folder.path, .key = &world->log.key},
	    &log, faults, &err));
	while (from < to && from < inspect_log_size(log))
		assert_true(inspect_log_step(log, &from, faults, &err));
	assert_int_equal(inspect_log_lost(log)->count, 0);
}

static void
finds(const struct inspect_faults *faults, size_t i, enum inspect_what what, int level, int64_t seq,
    bool missing)
{
	assert_true(i < faults->count);
	assert_int_equal(faults->list[i].what, what);
	assert_int_equal(faults->list[i].level, level);
	assert_int_equal(faults->list[i].seq, seq);
	assert_int_equal(faults->list[i].missing, missing);
}

static const char *
path_of(const struct world *world, const char *name, char out[static 160])
{
	(void)snprintf(out, 160, "%s/%s", world->folder.path, name);
	return out;
}

/* Changes an octet of a file; again: it is as it was. */
static void
flip(const struct world *world, const char *name, size_t at)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	struct error err = {0};
	char path[160];

	assert_true(file_read(path_of(world, name, path), 1 << 20, &octets, &err));
	assert_true(at < octets.len);
	octets.data[at] ^= 1;
	assert_true(file_write(path, buf_bytes(&octets), 0644, &err));
}

static void
what_nobody_changed_has_no_fault(void **state)
{
	DEFER(inspect_faults_clear) struct inspect_faults faults = {0};

	walk(*state, 0, SIZE, &faults);
	assert_int_equal(faults.count, 0);
}

static void
a_tile_of_each_level_is_named_and_no_leaf_below_it(void **state)
{
	static const struct {
		const char *file;
		int level;
		int64_t seq;
		uint64_t from, to;
	} TILES[] = {
	    {"tile/0/007", 0, 7 * 256 + 2, 7 * 256, 9 * 256},
	    {"tile/1/000", 1, 0, 0, 4 * 256},
	};

	for (size_t i = 0; i < COUNT(TILES); i++) {
		DEFER(inspect_faults_clear) struct inspect_faults faults = {0};

		flip(*state, TILES[i].file, 2 * SHA256_BYTES);
		walk(*state, TILES[i].from, TILES[i].to, &faults);
		flip(*state, TILES[i].file, 2 * SHA256_BYTES);
		assert_int_equal(faults.count, 1);
		finds(&faults, 0, INSPECT_TILE, TILES[i].level, TILES[i].seq, false);
	}
}

/* They lead to the signed root. */
static void
a_tile_at_the_edge_is_found_at_once(void **state)
{
	static const char *const EDGE[] = {"tile/0/257.p/10", "tile/1/001.p/1", "tile/2/000.p/1"};

	for (size_t i = 0; i < COUNT(EDGE); i++) {
		DEFER(inspect_faults_clear) struct inspect_faults faults = {0};

		flip(*state, EDGE[i], 5);
		walk(*state, SIZE, SIZE, &faults);
		flip(*state, EDGE[i], 5);
		assert_int_equal(faults.count, 1);
		finds(&faults, 0, INSPECT_CHECKPOINT, 0, SIZE - 1, false);
	}
}

static void
a_row_is_told_from_its_published_entry(void **state)
{
	const struct world *world = *state;
	DEFER(inspect_faults_clear) struct inspect_faults row = {0};
	DEFER(inspect_faults_clear) struct inspect_faults entry = {0};

	test_db_run(&world->test, "SET session_replication_role = replica; UPDATE audit_leaf SET"
				  " body = set_byte(body, 8, 57) WHERE seq = 65800");
	walk(world, 65792, SIZE, &row);
	assert_int_equal(row.count, 1);
	finds(&row, 0, INSPECT_AUDIT_LEAF, 0, 65800, false);
	test_db_run(&world->test,
	    "SET session_replication_role = replica; DELETE FROM audit_leaf WHERE seq = 65800");
	insert_leaves(world, 65800, 65801);
	flip(world, "tile/entries/257.p/10", 40);
	walk(world, 65792, SIZE, &entry);
	flip(world, "tile/entries/257.p/10", 40);
	assert_int_equal(entry.count, 1);
	finds(&entry, 0, INSPECT_ENTRIES, 0, 65792, false);
}

static void
a_file_that_is_gone_is_missing(void **state)
{
	static const char *const FILES[] = {"tile/entries/003", "tile/0/003", "tile/1/000"};
	static const enum inspect_what WHATS[] = {INSPECT_ENTRIES, INSPECT_TILE, INSPECT_TILE};
	static const int64_t SEQS[] = {768, 768, 0};

	for (size_t i = 0; i < COUNT(FILES); i++) {
		DEFER(inspect_faults_clear) struct inspect_faults faults = {0};
		char path[160], aside[160];

		assert_int_equal(
		    rename(path_of(*state, FILES[i], path), path_of(*state, "aside", aside)), 0);
		walk(*state, 768, 1024, &faults);
		assert_int_equal(rename(aside, path), 0);
		assert_int_equal(faults.count, 1);
		finds(&faults, 0, WHATS[i], i == 2 ? 1 : 0, SEQS[i], true);
	}
}

/* Nothing else can be said then. */
static void
a_checkpoint_that_is_not_signed_is_a_fault(void **state)
{
	DEFER(inspect_faults_clear) struct inspect_faults faults = {0};

	flip(*state, "checkpoint", sizeof SIGNED_LOG_ORIGIN);
	walk(*state, 0, SIZE, &faults);
	flip(*state, "checkpoint", sizeof SIGNED_LOG_ORIGIN);
	assert_int_equal(faults.count, 1);
	finds(&faults, 0, INSPECT_CHECKPOINT, 0, 0, false);
}

static void
a_part_that_retention_dropped_is_not_missed(void **state)
{
	const struct world *world = *state;
	DEFER(inspect_faults_clear) struct inspect_faults missed = {0};
	DEFER(inspect_faults_clear) struct inspect_faults dropped = {0};

	test_db_run(&world->test, "SET session_replication_role = replica;"
				  "DELETE FROM audit_leaf WHERE seq >= 512 AND seq < 768");
	walk(world, 512, 768, &missed);
	assert_int_equal(missed.count, 256);
	finds(&missed, 255, INSPECT_AUDIT_LEAF, 0, 767, true);
	test_db_run(&world->test, "INSERT INTO audit_pruned VALUES (1, 'audit_leaf', 0)");
	walk(world, 512, 768, &dropped);
	test_db_run(&world->test, "DELETE FROM audit_pruned");
	insert_leaves(world, 512, 768);
	assert_int_equal(dropped.count, 0);
}

/* Drops these rows; the database says that retention did. */
static void
drop(const struct world *world, int first, int last)
{
	DEFER(buf_clear_public) struct buf sql = {0};

	buf_append_format(&sql,
	    "SET session_replication_role = replica;"
	    "DELETE FROM audit_leaf WHERE seq BETWEEN %d AND %d;"
	    "INSERT INTO audit_pruned VALUES (1, 'audit_leaf', 0)",
	    first, last);
	test_db_run(&world->test, buf_text(&sql));
}

static void
put_back(const struct world *world, size_t first, size_t last)
{
	test_db_run(&world->test, "DELETE FROM audit_pruned");
	insert_leaves(world, first, last + 1);
}

/* A pass that begins at `from`: how many gaps are told at its end, and the leaf of the first. */
static size_t
count_unsaid(const struct world *world, uint64_t from, int64_t *out_seq)
{
	DEFER(inspect_faults_clear) struct inspect_faults faults = {0};
	DEFER(inspect_log_free) struct inspect_log *log = NULL;
	struct error err = {0};

	assert_true(inspect_log_open(
	    &(struct inspect_log_options){
		.db = world->db, .log = 1, .folder = world->folder.path, .key = &world->log.key},
	    &log, &faults, &err));
	while (from < SIZE)
		assert_true(inspect_log_step(log, &from, &faults, &err));
	assert_int_equal(faults.count, 0);
	assert_true(inspect_log_judge_unsaid(log, &faults, &err));
	for (size_t i = 0; i < faults.count; i++)
		finds(&faults, i, INSPECT_AUDIT_LEAF, 0, faults.list[i].seq, true);
	*out_seq = faults.count > 0 ? faults.list[0].seq : -1;
	return faults.count;
}

static void
what_was_dropped_is_said_by_the_log_and_not_by_a_table(void **state)
{
	const struct world *world = *state;
	int64_t seq;

	drop(world, PRUNED_FIRST, PRUNED_LAST);
	assert_int_equal(count_unsaid(world, 0, &seq), 0);
	put_back(world, PRUNED_FIRST, PRUNED_LAST);
	drop(world, PRUNED_LAST - 2, PRUNED_LAST + 1); /* one more than the leaf has */
	assert_int_equal(count_unsaid(world, 0, &seq), 1);
	assert_int_equal(seq, PRUNED_LAST - 2);
	put_back(world, PRUNED_LAST - 2, PRUNED_LAST + 1);
	drop(world, 1100, 1100);
	assert_int_equal(count_unsaid(world, 0, &seq), 1);
	assert_int_equal(seq, 1100);
	assert_int_equal(count_unsaid(world, 768, &seq), 0); /* the part began before */
	put_back(world, 1100, 1100);
}

static void
a_leaf_that_is_on_its_way_is_waited_for(void **state)
{
	struct world *world = *state;
	int64_t seq;

	drop(world, 1100, 1100);
	test_db_run(&world->test, "INSERT INTO audit_outbox (tail) VALUES"
				  "('\"v\":1,\"ev\":\"log.prune\",\"sub\":\"log:node2-2026\"')");
	assert_int_equal(count_unsaid(world, 0, &seq), 1); /* that of another log */
	test_db_run(&world->test, "INSERT INTO audit_outbox (tail) VALUES"
				  "('\"v\":1,\"ev\":\"log.prune\",\"sub\":\"log:node1-2026\"')");
	assert_int_equal(count_unsaid(world, 0, &seq), 0);
	test_db_run(&world->test, "DELETE FROM audit_outbox");
	assert_int_equal(count_unsaid(world, 0, &seq), 1);
	say_pruned(world, 1024, 1279); /* committed, and not in the checkpoint yet */
	insert_leaves(world, SIZE, SIZE + 1);
	assert_int_equal(count_unsaid(world, 0, &seq), 0);
	test_db_run(&world->test,
	    "SET session_replication_role = replica; DELETE FROM audit_leaf WHERE seq >= 65802");
	put_back(world, 1100, 1100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_nobody_changed_has_no_fault),
	    cmocka_unit_test(a_tile_of_each_level_is_named_and_no_leaf_below_it),
	    cmocka_unit_test(a_tile_at_the_edge_is_found_at_once),
	    cmocka_unit_test(a_row_is_told_from_its_published_entry),
	    cmocka_unit_test(a_file_that_is_gone_is_missing),
	    cmocka_unit_test(a_checkpoint_that_is_not_signed_is_a_fault),
	    cmocka_unit_test(a_part_that_retention_dropped_is_not_missed),
	    cmocka_unit_test(what_was_dropped_is_said_by_the_log_and_not_by_a_table),
	    cmocka_unit_test(a_leaf_that_is_on_its_way_is_waited_for),
	};

	return cmocka_run_group_tests_name("inspection", tests, make_world, remove_world);
}
