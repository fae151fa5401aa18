/* Leaves three times: what is signed says which of them was changed. */
#include "tests/support/cmocka_all.h"

#include "audit/inspect_bundle.h"
#include "base/mem.h"

#define FIRST UINT64_C(65792) /* the second bundle below the second tile of level 1 */

struct world {
	struct inspect_bundle *bundle;
	uint8_t hashes[TILE_WIDTH * SHA256_BYTES], root[SHA256_BYTES];
	struct inspect_faults faults;
};

static void
world_init(struct world *world, int width)
{
	*world = (struct world){.bundle = xcalloc(1, sizeof *world->bundle)};
	for (size_t i = 0; i < sizeof world->hashes; i++)
		world->hashes[i] = (uint8_t)(i * 7 + i / 256);
	tile_subtree(world->hashes, TILE_HEIGHT, world->root);
	world->bundle->first = FIRST;
	world->bundle->width = width;
	for (int source = 0; source < INSPECT_SOURCE_COUNT; source++) {
		world->bundle->there[source] = world->bundle->readable[source] = true;
		memcpy(world->bundle->hashes[source], world->hashes, sizeof world->hashes);
	}
	for (int i = 0; i < width; i++)
		world->bundle->row_there[i] = true;
}

static void
world_clear(struct world *world)
{
	mem_free(world->bundle);
	inspect_faults_clear(&world->faults);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

static const uint8_t *
judge(struct world *world)
{
	const struct inspect_anchor full = {.root = world->root},
				    partial = {.hashes = world->hashes};

	return inspect_bundle_judge(
	    world->bundle, world->bundle->width == TILE_WIDTH ? &full : &partial, &world->faults);
}

static void
change(struct world *world, enum inspect_source source, int at)
{
	world->bundle->hashes[source][at * SHA256_BYTES + 31] ^= 1;
}

static void
finds(const struct world *world, size_t i, enum inspect_what what, int level, uint64_t seq,
    bool missing)
{
	const struct inspect_fault *fault = &world->faults.list[i];

	assert_true(i < world->faults.count);
	assert_int_equal(fault->what, what);
	assert_int_equal(fault->level, level);
	assert_int_equal(fault->seq, seq);
	assert_int_equal(fault->missing, missing);
}

static void
what_was_signed_is_no_fault(void **state)
{
	static const int WIDTHS[] = {1, 255, 256};

	(void)state;
	for (size_t i = 0; i < COUNT(WIDTHS); i++) {
		DEFER(world_clear) struct world world;

		world_init(&world, WIDTHS[i]);
		assert_memory_equal(judge(&world), world.hashes, sizeof world.hashes);
		assert_int_equal(world.faults.count, 0);
	}
}

/* Every leaf, in a bundle that is full and in one that is not. */
static void
each_row_that_was_changed_is_named(void **state)
{
	(void)state;
	for (int at = 0; at < TILE_WIDTH; at++) {
		DEFER(world_clear) struct world full, partial;

		world_init(&full, TILE_WIDTH);
		change(&full, INSPECT_ROWS, at);
		assert_non_null(judge(&full));
		assert_int_equal(full.faults.count, 1);
		finds(&full, 0, INSPECT_AUDIT_LEAF, 0, FIRST + (uint64_t)at, false);
		world_init(&partial, TILE_WIDTH - 1);
		change(&partial, INSPECT_ROWS, at);
		assert_non_null(judge(&partial));
		assert_int_equal(partial.faults.count, at < TILE_WIDTH - 1 ? 1 : 0);
	}
}

static void
a_row_is_missed_unless_its_part_was_dropped(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world, TILE_WIDTH);
	world.bundle->row_there[9] = world.bundle->row_there[255] = false;
	assert_non_null(judge(&world));
	assert_int_equal(world.faults.count, 2);
	finds(&world, 0, INSPECT_AUDIT_LEAF, 0, FIRST + 9, true);
	finds(&world, 1, INSPECT_AUDIT_LEAF, 0, FIRST + 255, true);
	inspect_faults_clear(&world.faults);
	world.bundle->pruned = true;
	assert_non_null(judge(&world));
	assert_int_equal(world.faults.count, 0);
}

static void
a_file_is_one_thing(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world, TILE_WIDTH);
	change(&world, INSPECT_FILED, 12);
	change(&world, INSPECT_FILED, 200);
	change(&world, INSPECT_HASHES, 30);
	assert_memory_equal(judge(&world), world.hashes, sizeof world.hashes); /* by the rows */
	assert_int_equal(world.faults.count, 2);
	finds(&world, 0, INSPECT_TILE, 0, FIRST + 30, false);
	finds(&world, 1, INSPECT_ENTRIES, 0, FIRST + 12, false);
}

static void
a_file_that_is_not_there_or_cannot_be_read_is_named_by_its_first_leaf(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world, TILE_WIDTH);
	world.bundle->readable[INSPECT_HASHES] = world.bundle->there[INSPECT_HASHES] = false;
	world.bundle->readable[INSPECT_FILED] = false; /* cut */
	assert_non_null(judge(&world));
	assert_int_equal(world.faults.count, 2);
	finds(&world, 0, INSPECT_TILE, 0, FIRST, true);
	finds(&world, 1, INSPECT_ENTRIES, 0, FIRST, false);
}

/* Rows and entries that were changed alike do not outvote what is signed. */
static void
what_is_signed_counts_not_the_many(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world, TILE_WIDTH);
	change(&world, INSPECT_ROWS, 77);
	change(&world, INSPECT_FILED, 77);
	assert_memory_equal(judge(&world), world.hashes, sizeof world.hashes);
	assert_int_equal(world.faults.count, 2);
	finds(&world, 0, INSPECT_ENTRIES, 0, FIRST + 77, false);
	finds(&world, 1, INSPECT_AUDIT_LEAF, 0, FIRST + 77, false);
}

/* Each of the three was changed somewhere else: two agree on every leaf, and lead to what is
 * signed. */
static void
three_that_were_changed_are_put_together(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world, TILE_WIDTH);
	change(&world, INSPECT_HASHES, 3);
	change(&world, INSPECT_FILED, 99);
	world.bundle->row_there[200] = false;
	assert_memory_equal(judge(&world), world.hashes, sizeof world.hashes);
	assert_int_equal(world.faults.count, 3);
	finds(&world, 0, INSPECT_TILE, 0, FIRST + 3, false);
	finds(&world, 1, INSPECT_ENTRIES, 0, FIRST + 99, false);
	finds(&world, 2, INSPECT_AUDIT_LEAF, 0, FIRST + 200, true);
}

/* Two of the three were changed at one leaf, each in its own way, and the third elsewhere. */
static void
what_cannot_be_told_apart_is_named_by_its_first_leaf(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world, TILE_WIDTH);
	change(&world, INSPECT_ROWS, 5);
	world.bundle->hashes[INSPECT_FILED][5 * SHA256_BYTES] ^= 2;
	change(&world, INSPECT_HASHES, 6);
	assert_null(judge(&world));
	assert_int_equal(world.faults.count, 3);
	finds(&world, 0, INSPECT_TILE, 0, FIRST, false);
	finds(&world, 1, INSPECT_ENTRIES, 0, FIRST, false);
	finds(&world, 2, INSPECT_AUDIT_LEAF, 0, FIRST, false);
}

static void
all_three_alike_do_not_outvote_what_is_signed(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world, TILE_WIDTH);
	for (int source = 0; source < INSPECT_SOURCE_COUNT; source++)
		change(&world, (enum inspect_source)source, 5);
	assert_null(judge(&world));
	assert_int_equal(world.faults.count, 3);
}

static void
without_anything_above_two_that_agree_count(void **state)
{
	DEFER(world_clear) struct world world;
	const struct inspect_anchor none = {0};

	(void)state;
	world_init(&world, TILE_WIDTH);
	change(&world, INSPECT_HASHES, 3);
	assert_non_null(inspect_bundle_judge(world.bundle, &none, &world.faults));
	assert_int_equal(world.faults.count, 1);
	finds(&world, 0, INSPECT_TILE, 0, FIRST + 3, false);
}

static void
a_thing_is_there_once(void **state)
{
	DEFER(inspect_faults_clear) struct inspect_faults faults = {0};
	const struct inspect_fault fault = {.what = INSPECT_TILE, .level = 1, .seq = 65536};

	(void)state;
	for (int i = 0; i < 100; i++)
		inspect_faults_add(&faults, fault);
	assert_int_equal(faults.count, 1);
	for (int i = 0; i < 100; i++)
		inspect_faults_add(&faults,
		    (struct inspect_fault){.what = INSPECT_TILE, .level = i % 4, .seq = i});
	assert_int_equal(faults.count, 101);
}

static void
a_leaf_names_table_or_file_and_a_number(void **state)
{
	static const struct {
		struct inspect_fault fault;
		const char *log, *text;
	} CASES[] = {
	    {{INSPECT_AUDIT_LEAF, 0, 7, false}, NULL,
		"\"rc\":\"BAD_PROOF\",\"sev\":5,\"out\":\"failure\",\"t\":\"2026-01-01T00:00:00Z\","
		"\"n\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"act\":\"system:node1\",\"sub\":\"row\","
		"\"d\":{\"table\":\"audit_leaf\",\"leaf\":7}}"},
	    {{INSPECT_TILE, 2, 0, true}, "node1-2025",
		"\"rc\":\"RECORD_UNAVAILABLE\",\"sev\":5,\"out\":\"failure\","
		"\"t\":\"2026-01-01T00:00:00Z\",\"n\":\"AAAAAAAAAAAAAAAAAAAAAA\","
		"\"act\":\"system:node1\",\"sub\":\"tile/log:node1-2025\","
		"\"d\":{\"file\":\"tile\",\"level\":2,\"leaf\":0}}"},
	    {{INSPECT_REVOCATION_PLACE, 0, 12, false}, NULL,
		"\"rc\":\"BAD_PROOF\",\"sev\":5,\"out\":\"failure\",\"t\":\"2026-01-01T00:00:00Z\","
		"\"n\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"act\":\"system:node1\",\"sub\":\"row\","
		"\"d\":{\"table\":\"revocation\",\"place\":12}}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		DEFER(buf_clear) struct buf text = {0};
		struct error err = {0};
		struct leaf leaf;

		inspect_fault_leaf(
		    &CASES[i].fault, "system:node1", CASES[i].log, 1767225600, &leaf);
		assert_true(leaf_encode(&leaf, &text, &err));
		assert_non_null(strstr(buf_text(&text), CASES[i].text));
	}
	for (enum inspect_what what = 0; what < INSPECT_WHAT_COUNT; what++)
		for (enum inspect_what other = 0; other < what; other++)
			assert_string_not_equal(inspect_what_key(what), inspect_what_key(other));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_signed_is_no_fault),
	    cmocka_unit_test(each_row_that_was_changed_is_named),
	    cmocka_unit_test(a_row_is_missed_unless_its_part_was_dropped),
	    cmocka_unit_test(a_file_is_one_thing),
	    cmocka_unit_test(a_file_that_is_not_there_or_cannot_be_read_is_named_by_its_first_leaf),
	    cmocka_unit_test(what_is_signed_counts_not_the_many),
	    cmocka_unit_test(three_that_were_changed_are_put_together),
	    cmocka_unit_test(what_cannot_be_told_apart_is_named_by_its_first_leaf),
	    cmocka_unit_test(all_three_alike_do_not_outvote_what_is_signed),
	    cmocka_unit_test(without_anything_above_two_that_agree_count),
	    cmocka_unit_test(a_thing_is_there_once),
	    cmocka_unit_test(a_leaf_names_table_or_file_and_a_number),
	};

	return cmocka_run_group_tests_name("inspect_bundle", tests, NULL, NULL);
}
