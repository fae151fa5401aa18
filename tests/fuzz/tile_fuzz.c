/* A tile's path has one spelling; a bundle is written again from the entries taken off it. */
#include "proof/tile.h"
#include "tests/fuzz/fuzz.h"

static void
path(struct bytes in)
{
	char again[TILE_PATH_MAX + 1];
	struct error err = {0};
	struct tile tile;

	if (!fuzz_verdict(tile_path_parse(in, &tile, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	MUST(tile.level >= TILE_ENTRIES && tile.level < TILE_LEVELS);
	MUST(tile.width >= 1 && tile.width <= TILE_WIDTH);
	tile_path_encode(&tile, again);
	MUST(bytes_equal(in, bytes_of_text(again)));
}

static void
bundle(struct bytes in)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct bytes rest = in, leaf;

	while (tile_entry_take(&rest, &leaf) && leaf.len <= LEAF_MAX) {
		MUST(fuzz_inside(leaf, in));
		tile_entry_append(&again, leaf);
		MUST(again.len <= in.len && memcmp(again.data, in.data, again.len) == 0);
		MUST(rest.len == in.len - again.len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes in = bytes_of(data, size);

	path(in);
	bundle(in);
	return 0;
}
