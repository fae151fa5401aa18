#include "tests/support/memory_log.h"

#include "proof/merkle.h"
#include "proof/prove.h"

#define SIZE_MAX_TESTED 300
#define SIZE_MAX_FLIPPED 32
#define SIZE_OF_LOG 700

struct world {
	struct memory_log log;
	uint8_t leaves[SIZE_OF_LOG][SHA256_BYTES];
	uint8_t roots[SIZE_OF_LOG + 1][SHA256_BYTES];
};

static int
make_world(void **state)
{
	struct world *world = xcalloc(1, sizeof *world);
	struct merkle tree = {0};

	memory_log_init(&world->log);
	merkle_root(&tree, world->roots[0]);
	for (int i = 0; i < SIZE_OF_LOG; i++) {
		leaf_hash(bytes_of(&i, sizeof i), world->leaves[i]);
		memory_log_append(&world->log, bytes_of(&i, sizeof i));
		merkle_append(&tree, world->leaves[i]);
		merkle_root(&tree, world->roots[i + 1]);
	}
	memory_log_flush(&world->log);
	*state = world;
	return 0;
}

static int
free_world(void **state)
{
	struct world *world = *state;

	memory_log_clear(&world->log);
	free(world);
	return 0;
}

/* The tree at `size` from its leaves, without tiles. */
static bool
read_leaves(
    void *context, int level, uint64_t index, uint8_t out[static SHA256_BYTES], struct error *err)
{
	const struct world *world = context;
	struct merkle tree = {0};

	(void)err;
	for (uint64_t i = index << level; i < (index + 1) << level; i++)
		merkle_append(&tree, world->leaves[i]);
	merkle_root(&tree, out);
	return true;
}

static bool
included(const struct world *world, size_t index, size_t size, struct bytes hashes)
{
	struct error err = {0};
	const bool good = merkle_verify_inclusion(
	    index, size, world->leaves[index], hashes, world->roots[size], &err);

	assert_int_equal(err.code, good ? E_NONE : E_BAD_PROOF);
	return good;
}

static bool
consistent(const struct world *world, size_t old_size, size_t new_size, struct bytes hashes)
{
	struct error err = {0};
	const bool good = merkle_verify_consistency(
	    old_size, new_size, hashes, world->roots[old_size], world->roots[new_size], &err);

	assert_int_equal(err.code, good ? E_NONE : E_BAD_PROOF);
	return good;
}

static void
every_inclusion_is_proven_from_tiles(void **state)
{
	struct world *world = *state;
	const struct tile_files files = memory_log_files(&world->log);
	DEFER(prove_tiles_free) struct prove_tiles *tiles = prove_tiles_new(&files, SIZE_OF_LOG);
	const struct prove_nodes nodes = prove_tiles_nodes(tiles);
	const struct prove_nodes plain = {world, read_leaves};

	for (size_t size = 1; size <= SIZE_MAX_TESTED; size++)
		for (size_t index = 0; index < size; index++) {
			DEFER(buf_clear_public) struct buf hashes = {0};
			DEFER(buf_clear_public) struct buf same = {0};
			struct error err = {0};

			assert_true(prove_inclusion(index, size, &nodes, &hashes, &err));
			assert_true(included(world, index, size, buf_bytes(&hashes)));
			if (size % 37 != 0)
				continue;
			assert_true(prove_inclusion(index, size, &plain, &same, &err));
			assert_octets(buf_bytes(&hashes), buf_bytes(&same));
		}
}

static void
every_growth_is_proven_from_tiles(void **state)
{
	struct world *world = *state;
	const struct tile_files files = memory_log_files(&world->log);
	DEFER(prove_tiles_free) struct prove_tiles *tiles = prove_tiles_new(&files, SIZE_OF_LOG);
	const struct prove_nodes nodes = prove_tiles_nodes(tiles);

	for (size_t new_size = 0; new_size <= SIZE_MAX_TESTED; new_size++)
		for (size_t old_size = 0; old_size <= new_size; old_size++) {
			DEFER(buf_clear_public) struct buf hashes = {0};
			struct error err = {0};

			assert_true(prove_consistency(old_size, new_size, &nodes, &hashes, &err));
			assert_true(consistent(world, old_size, new_size, buf_bytes(&hashes)));
		}
}

/* Every bit of the small proofs; one of the others, another one each time. */
static void
assert_no_flip_passes(const struct world *world, size_t a, size_t size, struct buf *hashes,
    bool (*holds)(const struct world *, size_t, size_t, struct bytes))
{
	const size_t bits = 8 * hashes->len;
	const size_t step = size <= SIZE_MAX_FLIPPED ? 1 : bits;
	const size_t first = size <= SIZE_MAX_FLIPPED || bits == 0 ? 0 : (a * 7919 + size) % bits;

	for (size_t bit = first; bit < bits; bit += step) {
		hashes->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(holds(world, a, size, buf_bytes(hashes)));
		hashes->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
no_flipped_bit_passes(void **state)
{
	struct world *world = *state;
	const struct tile_files files = memory_log_files(&world->log);
	DEFER(prove_tiles_free) struct prove_tiles *tiles = prove_tiles_new(&files, SIZE_OF_LOG);
	const struct prove_nodes nodes = prove_tiles_nodes(tiles);

	for (size_t size = 1; size <= SIZE_MAX_TESTED; size++)
		for (size_t a = 0; a < size; a++) {
			DEFER(buf_clear_public) struct buf inclusion = {0};
			DEFER(buf_clear_public) struct buf consistency = {0};
			struct error err = {0};

			assert_true(prove_inclusion(a, size, &nodes, &inclusion, &err));
			assert_no_flip_passes(world, a, size, &inclusion, included);
			assert_true(prove_consistency(a, size, &nodes, &consistency, &err));
			assert_no_flip_passes(world, a, size, &consistency, consistent);
		}
}

/* Across the borders of tiles and their levels. */
static void
proofs_of_a_larger_log_are_the_same_from_tiles(void **state)
{
	static const size_t SIZES[] = {255, 256, 257, 511, 512, 513, 600, 700};
	struct world *world = *state;
	const struct tile_files files = memory_log_files(&world->log);
	const struct prove_nodes plain = {world, read_leaves};

	for (size_t i = 0; i < COUNT(SIZES); i++)
		for (size_t index = i; index < SIZES[i]; index += 51) {
			DEFER(prove_tiles_free)
			struct prove_tiles *tiles = prove_tiles_new(&files, SIZE_OF_LOG);
			const struct prove_nodes nodes = prove_tiles_nodes(tiles);
			DEFER(buf_clear_public) struct buf hashes = {0};
			DEFER(buf_clear_public) struct buf same = {0};
			struct error err = {0};

			world->log.reads = 0;
			assert_true(prove_inclusion(index, SIZES[i], &nodes, &hashes, &err));
			assert_in_range(world->log.reads, 1, 4);
			assert_true(prove_inclusion(index, SIZES[i], &plain, &same, &err));
			assert_octets(buf_bytes(&hashes), buf_bytes(&same));
		}
}

static void
what_is_not_in_the_tree_is_not_proven(void **state)
{
	struct world *world = *state;
	const struct prove_nodes plain = {world, read_leaves};
	static const struct {
		uint64_t a, b;
	} ROWS[] = {{0, 0}, {5, 5}, {6, 5}, {UINT64_MAX, 5}, {0, UINT64_MAX}};

	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf hashes = {0};
		struct error err = {0};

		assert_false(prove_inclusion(ROWS[i].a, ROWS[i].b, &plain, &hashes, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
	for (size_t i = 2; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf hashes = {0};
		struct error err = {0};

		assert_false(prove_consistency(ROWS[i].a, ROWS[i].b, &plain, &hashes, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
a_missing_tile_is_named(void **state)
{
	DEFER(memory_log_clear) struct memory_log log;
	DEFER(buf_clear_public) struct buf hashes = {0};
	DEFER(prove_tiles_free) struct prove_tiles *tiles = NULL;
	struct tile_files files;
	struct prove_nodes nodes;
	struct error err = {0};

	(void)state;
	memory_log_init(&log);
	for (int i = 0; i < 300; i++)
		memory_log_append(&log, bytes_of(&i, sizeof i));
	memory_log_flush(&log);
	memory_log_remove(&log, "tile/0/000");
	files = memory_log_files(&log);
	tiles = prove_tiles_new(&files, 300);
	nodes = prove_tiles_nodes(tiles);
	assert_false(prove_inclusion(7, 300, &nodes, &hashes, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
	assert_string_equal(err.detail, "tile 0 of level 0 is not there");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_inclusion_is_proven_from_tiles),
	    cmocka_unit_test(every_growth_is_proven_from_tiles),
	    cmocka_unit_test(no_flipped_bit_passes),
	    cmocka_unit_test(proofs_of_a_larger_log_are_the_same_from_tiles),
	    cmocka_unit_test(what_is_not_in_the_tree_is_not_proven),
	    cmocka_unit_test(a_missing_tile_is_named),
	};

	return cmocka_run_group_tests_name("proof/prove", tests, make_world, free_world);
}
