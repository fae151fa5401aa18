#include "tests/support/memory_log.h"

#include "base/text.h"

/* ---- paths ---- */

static const struct path_row {
	const char *path;
	struct tile tile;
} PATHS[] = {
    {"tile/0/000", {0, 0, 256}},
    {"tile/0/000.p/1", {0, 0, 1}},
    {"tile/7/999.p/255", {7, 999, 255}},
    {"tile/1/x001/000", {1, 1000, 256}},
    {"tile/0/x001/x234/067.p/12", {0, 1234067, 12}},
    {"tile/entries/x036/x028/x797/x018/x963/967.p/9", {TILE_ENTRIES, (UINT64_C(1) << 55) - 1, 9}},
    {"tile/entries/x999/999", {TILE_ENTRIES, 999999, 256}},
};

static void
paths_are_those_of_the_specification(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(PATHS); i++) {
		char path[TILE_PATH_MAX + 1];
		struct error err = {0};
		struct tile tile = {0};

		tile_path_encode(&PATHS[i].tile, path);
		assert_string_equal(path, PATHS[i].path);
		assert_true(tile_path_parse(bytes_of_text(path), &tile, &err));
		assert_int_equal(tile.level, PATHS[i].tile.level);
		assert_int_equal(tile.index, PATHS[i].tile.index);
		assert_int_equal(tile.width, PATHS[i].tile.width);
	}
}

static void
nothing_but_the_one_spelling_is_a_path(void **state)
{
	static const char *const REJECTS[] = {"", "tile/", "tile/0", "tile/0/", "tile/0/0",
	    "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/0/x001/0", "tile/0/x001",
	    "tile/0/x001/x000", "tile/0/000/", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0",
	    "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/1/", "tile/8/000", "tile/00/000",
	    "tile/-1/000", "tile/entries", "tile/entries/", "tile//000", "/tile/0/000",
	    "tile/0/../0/000", "tile/0/000 ", "tile/0/x036/x028/x797/x018/x963/968",
	    "tile/0/x000/x036/x028/x797/x018/x963/967", "tile/0/001.P/1", "tile/data/000",
	    "checkpoint"};

	(void)state;
	for (size_t i = 0; i < COUNT(REJECTS); i++) {
		struct error err = {0};
		struct tile tile;

		if (tile_path_parse(bytes_of_text(REJECTS[i]), &tile, &err))
			fail_msg("\"%s\" is taken", REJECTS[i]);
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
a_tile_is_as_wide_as_the_log_fills_it(void **state)
{
	static const struct {
		int level;
		uint64_t index, size;
		int want;
	} ROWS[] = {
	    {0, 0, 0, 0},
	    {0, 0, 1, 1},
	    {0, 0, 255, 255},
	    {0, 0, 256, 256},
	    {0, 1, 256, 0},
	    {0, 1, 257, 1},
	    {TILE_ENTRIES, 1, 300, 44},
	    {1, 0, 255, 0},
	    {1, 0, 256, 1},
	    {1, 0, 65535, 255},
	    {1, 0, 65536, 256},
	    {2, 0, 65536, 1},
	    {7, 0, INT64_MAX, 127},
	    {0, (UINT64_C(1) << 55) - 1, INT64_MAX, 255},
	    {0, UINT64_C(1) << 60, INT64_MAX, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++)
		assert_int_equal(
		    tile_width_at(ROWS[i].level, ROWS[i].index, ROWS[i].size), ROWS[i].want);
}

/* ---- bundles ---- */

static void
a_bundle_gives_back_its_leaves(void **state)
{
	DEFER(buf_clear_public) struct buf bundle = {0};
	uint8_t longest[LEAF_MAX] = {'x'};
	struct bytes rest, leaf;

	(void)state;
	tile_entry_append(&bundle, bytes_of_text("one"));
	tile_entry_append(&bundle, bytes_of(longest, sizeof longest));
	assert_int_equal(bundle.len, 2 + 3 + 2 + LEAF_MAX);
	assert_memory_equal(bundle.data, "\0\3one\x08\0x", 8);
	rest = buf_bytes(&bundle);
	assert_true(tile_entry_take(&rest, &leaf));
	assert_octets_text(leaf, "one");
	assert_true(tile_entry_take(&rest, &leaf));
	assert_int_equal(leaf.len, LEAF_MAX);
	assert_int_equal(rest.len, 0);
	assert_false(tile_entry_take(&rest, &leaf));
}

static void
a_cut_entry_is_none(void **state)
{
	static const struct bytes CUTS[] = {BYTES_LITERAL("\0"), BYTES_LITERAL("\0\1"),
	    BYTES_LITERAL("\0\4abc"),
	    BYTES_LITERAL("\xff\xff"
			  "a")};

	(void)state;
	for (size_t i = 0; i < COUNT(CUTS); i++) {
		struct bytes rest = CUTS[i], leaf;

		assert_false(tile_entry_take(&rest, &leaf));
		assert_int_equal(rest.len, CUTS[i].len);
	}
}

/* ---- reading ---- */

static void
append_numbers(struct memory_log *log, int count)
{
	for (int i = 0; i < count; i++)
		memory_log_append(log, bytes_of(&i, sizeof i));
}

static void
where_the_partial_tile_is_gone_the_full_one_begins_with_it(void **state)
{
	DEFER(memory_log_clear) struct memory_log log;
	DEFER(buf_clear_public) struct buf partial = {0};
	DEFER(buf_clear_public) struct buf begin = {0};
	const struct tile tile = {0, 0, 12};
	struct tile_files files;
	struct error err = {0};
	bool found = false;

	(void)state;
	memory_log_init(&log);
	files = memory_log_files(&log);
	append_numbers(&log, 12);
	assert_true(tile_read(&files, &tile, &partial, &found, &err));
	assert_false(found);
	memory_log_flush(&log);
	assert_true(tile_read(&files, &tile, &partial, &found, &err));
	assert_true(found);
	assert_int_equal(partial.len, 12 * SHA256_BYTES);
	append_numbers(&log, 256);
	memory_log_remove(&log, "tile/0/000.p/12");
	assert_true(tile_read(&files, &tile, &begin, &found, &err));
	assert_true(found);
	assert_octets(buf_bytes(&begin), buf_bytes(&partial));
}

static void
a_tile_of_another_length_is_refused(void **state)
{
	DEFER(memory_log_clear) struct memory_log log;
	DEFER(buf_clear_public) struct buf out = {0};
	const struct tile tile = {0, 0, 12};
	uint8_t octets[13 * SHA256_BYTES] = {0};
	struct tile_files files;
	bool found = false;

	(void)state;
	memory_log_init(&log);
	files = memory_log_files(&log);
	for (size_t len = 0; len <= sizeof octets; len++) {
		struct error err = {0};
		const bool fits = len == 12 * SHA256_BYTES;

		buf_truncate(&out, 0);
		memory_log_put(&log, "tile/0/000.p/12", bytes_of(octets, len));
		assert_int_equal(tile_read(&files, &tile, &out, &found, &err), fits);
		assert_int_equal(err.code, fits ? E_NONE : E_BAD_SYNTAX);
	}
}

/* ---- the edge ---- */

static void
the_edge_comes_back_from_its_tiles_at_every_size(void **state)
{
	DEFER(memory_log_clear) struct memory_log log;
	struct tile_files files;

	(void)state;
	memory_log_init(&log);
	files = memory_log_files(&log);
	for (int size = 1; size <= 600; size++) {
		DEFER(edge_free) struct edge *edge = edge_new();
		uint8_t want[SHA256_BYTES], root[SHA256_BYTES];
		struct error err = {0};

		memory_log_append(&log, bytes_of(&size, sizeof size));
		while (log.count > 40) /* the last partial ones do */
			buf_clear_public(&log.files[--log.count].contents);
		memory_log_flush(&log);
		edge_root(log.edge, want);
		assert_true(edge_read(edge, &files, (uint64_t)size, &err));
		edge_root(edge, root);
		assert_memory_equal(root, want, SHA256_BYTES);
	}
}

static void
an_edge_without_its_tiles_is_not_read(void **state)
{
	DEFER(memory_log_clear) struct memory_log log;
	DEFER(edge_free) struct edge *edge = edge_new();
	struct tile_files files;
	struct error absent = {0}, cut = {0};

	(void)state;
	memory_log_init(&log);
	files = memory_log_files(&log);
	append_numbers(&log, 300);
	memory_log_flush(&log);
	memory_log_put(&log, "tile/1/000.p/1", bytes_of("short", 5));
	assert_false(edge_read(edge, &files, 300, &cut));
	assert_int_equal(cut.code, E_BAD_SYNTAX);
	memory_log_remove(&log, "tile/0/001.p/44");
	assert_false(edge_read(edge, &files, 300, &absent));
	assert_int_equal(absent.code, E_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths_are_those_of_the_specification),
	    cmocka_unit_test(nothing_but_the_one_spelling_is_a_path),
	    cmocka_unit_test(a_tile_is_as_wide_as_the_log_fills_it),
	    cmocka_unit_test(a_bundle_gives_back_its_leaves),
	    cmocka_unit_test(a_cut_entry_is_none),
	    cmocka_unit_test(where_the_partial_tile_is_gone_the_full_one_begins_with_it),
	    cmocka_unit_test(a_tile_of_another_length_is_refused),
	    cmocka_unit_test(the_edge_comes_back_from_its_tiles_at_every_size),
	    cmocka_unit_test(an_edge_without_its_tiles_is_not_read),
	};

	return cmocka_run_group_tests_name("proof/tile", tests, NULL, NULL);
}
