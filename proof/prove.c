#include "proof/prove.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proof/merkle.h"

#define CACHED_MAX 16 /* tiles: an inclusion proof touches two a level at most */

/* The root of the leaves from `first` to the end of the tree; `first` is a multiple of a power of
 * two that is not smaller than their number. */
static bool
root_of_rest(uint64_t first, uint64_t size, const struct prove_nodes *nodes,
    uint8_t out[static SHA256_BYTES], struct error *err)
{
	const uint64_t count = size - first;
	uint64_t end = size;

	/* From the smallest perfect subtree to the largest: each stands left of what is folded. */
	for (int level = 0; end > first; level++) {
		uint8_t peak[SHA256_BYTES];
		const bool smallest = end == size;

		if ((count & UINT64_C(1) << level) == 0)
			continue;
		end -= UINT64_C(1) << level;
		if (!nodes->read(nodes->context, level, end >> level, peak, err))
			return false;
		if (smallest)
			memcpy(out, peak, SHA256_BYTES);
		else
			merkle_node(out, peak, out);
	}
	return true;
}

/* Appends the siblings of node (level, fn) up to the root. */
static bool
climb(int level, uint64_t fn, uint64_t size, const struct prove_nodes *nodes, struct buf *out,
    struct error *err)
{
	uint64_t sn = (size - 1) >> level;

	for (; sn > 0; level++, fn >>= 1, sn >>= 1) {
		uint8_t hash[SHA256_BYTES];

		if ((fn & 1) == 0 && fn == sn)
			continue; /* the last node has no sibling: it rises unhashed */
		if ((fn & 1) == 0 && fn + 1 == sn) {
			if (!root_of_rest(sn << level, size, nodes, hash, err))
				return false;
		} else if (!nodes->read(nodes->context, level, fn ^ 1, hash, err))
			return false;
		buf_append(out, bytes_of(hash, sizeof(hash)));
	}
	return true;
}

bool
prove_inclusion(uint64_t index, uint64_t size, const struct prove_nodes *nodes, struct buf *out,
    struct error *err)
{
	if (index >= size || size > INT64_MAX)
		return error_set(err, E_BAD_SYNTAX, "the leaf is not in a tree of this size");
	return climb(0, index, size, nodes, out, err);
}

bool
prove_consistency(uint64_t old_size, uint64_t new_size, const struct prove_nodes *nodes,
    struct buf *out, struct error *err)
{
	uint8_t hash[SHA256_BYTES];
	int level;

	if (old_size > new_size || new_size > INT64_MAX)
		return error_set(err, E_BAD_SYNTAX, "the new tree is smaller than the old one");
	if (old_size == 0 || old_size == new_size)
		return true;
	/* The last perfect subtree of the old tree is where both roots are climbed to from. */
	level = __builtin_ctzll(old_size);
	if ((old_size & (old_size - 1)) != 0) {
		if (!nodes->read(nodes->context, level, (old_size >> level) - 1, hash, err))
			return false;
		buf_append(out, bytes_of(hash, sizeof(hash)));
	}
	return climb(level, (old_size >> level) - 1, new_size, nodes, out, err);
}

/* ---- nodes from tiles ---- */

struct cached {
	int level;
	uint64_t index;
	struct buf hashes;
};

struct prove_tiles {
	struct tile_files files;
	uint64_t size;
	struct cached cached[CACHED_MAX];
	size_t count;
};

struct prove_tiles *
prove_tiles_new(const struct tile_files *files, uint64_t size)
{
	struct prove_tiles *tiles = xcalloc(1, sizeof(*tiles));

	tiles->files = *files;
	tiles->size = size;
	return tiles;
}

void
prove_tiles_free(struct prove_tiles *tiles)
{
	if (tiles == NULL)
		return;
	for (size_t i = 0; i < CACHED_MAX; i++)
		buf_clear_public(&tiles->cached[i].hashes);
	free(tiles);
}

static struct cached *
find_cached(struct prove_tiles *tiles, int level, uint64_t index)
{
	for (size_t i = 0; i < tiles->count && i < CACHED_MAX; i++)
		if (tiles->cached[i].level == level && tiles->cached[i].index == index)
			return &tiles->cached[i];
	return NULL;
}

/* The tile as wide as the log has it; the oldest one makes room. */
static bool
get_tile(
    struct prove_tiles *tiles, int level, uint64_t index, struct cached **out, struct error *err)
{
	struct tile tile = {level, index, tile_width_at(level, index, tiles->size)};
	struct cached *cached = find_cached(tiles, level, index);
	bool found = false;

	if (cached == NULL) {
		cached = &tiles->cached[tiles->count++ % CACHED_MAX];
		buf_truncate(&cached->hashes, 0);
		cached->level = TILE_ENTRIES; /* nobody's, should the reading fail */
		if (tile.width == 0)
			return error_set(err, E_NOT_FOUND, "the log has no such tile");
		if (!tile_read(&tiles->files, &tile, &cached->hashes, &found, err))
			return false;
		if (!found)
			return error_set(err, E_NOT_FOUND, "tile %llu of level %d is not there",
			    (unsigned long long)index, level);
		cached->level = level;
		cached->index = index;
	}
	*out = cached;
	return true;
}

static bool
read_node(
    void *context, int level, uint64_t index, uint8_t out[static SHA256_BYTES], struct error *err)
{
	const int height = level % TILE_HEIGHT;
	const uint64_t first = index << height;
	const size_t at = (size_t)(first % TILE_WIDTH);
	struct cached *cached = NULL;

	if (!get_tile(context, level / TILE_HEIGHT, first / TILE_WIDTH, &cached, err))
		return false;
	if ((at + ((size_t)1 << height)) * SHA256_BYTES > cached->hashes.len)
		return error_set(err, E_NOT_FOUND, "the log has no such node");
	tile_subtree(cached->hashes.data + at * SHA256_BYTES, height, out);
	return true;
}

struct prove_nodes
prove_tiles_nodes(struct prove_tiles *tiles)
{
	return (struct prove_nodes){tiles, read_node};
}
