#include "proof/edge.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proof/merkle.h"

struct edge *
edge_new(void)
{
	return xcalloc(1, sizeof(struct edge));
}

void
edge_free(struct edge *edge)
{
	free(edge);
}

int
edge_width(const struct edge *edge, int level)
{
	return (int)(edge->size >> (level * TILE_HEIGHT) & (TILE_WIDTH - 1));
}

bool
edge_append(struct edge *edge, const uint8_t leaf_hash[static SHA256_BYTES], edge_full full,
    void *context, struct error *err)
{
	const uint64_t before = edge->size;
	uint8_t hash[SHA256_BYTES];

	assert(before < INT64_MAX);
	memcpy(hash, leaf_hash, sizeof(hash));
	edge->size++;
	/* A full tile's root is the next hash one level up. */
	for (int level = 0; level < TILE_LEVELS; level++) {
		uint8_t *hashes = edge->hashes[level];
		const uint64_t at = before >> (level * TILE_HEIGHT);

		memcpy(&hashes[at % TILE_WIDTH * SHA256_BYTES], hash, SHA256_BYTES);
		if (at % TILE_WIDTH != TILE_WIDTH - 1)
			return true;
		if (full != NULL && !full(context, level, at / TILE_WIDTH, hashes, err))
			return false;
		tile_subtree(hashes, TILE_HEIGHT, hash);
	}
	return true;
}

void
edge_root(const struct edge *edge, uint8_t out[static SHA256_BYTES])
{
	bool any = false;

	sha256((struct bytes){0}, out);
	/* From the smallest perfect subtree to the largest: each stands left of what is folded. */
	for (int level = 0; level < TILE_LEVELS; level++) {
		int end = edge_width(edge, level);

		for (int height = 0; height < TILE_HEIGHT; height++) {
			uint8_t peak[SHA256_BYTES];

			if ((end & 1 << height) == 0)
				continue;
			end -= 1 << height;
			tile_subtree(&edge->hashes[level][end * SHA256_BYTES], height, peak);
			if (any)
				merkle_node(out, peak, out);
			else
				memcpy(out, peak, SHA256_BYTES);
			any = true;
		}
	}
}

static bool
read_level(struct edge *edge, const struct tile_files *files, int level, struct error *err)
{
	DEFER(buf_clear_public) struct buf hashes = {0};
	const struct tile tile = {.level = level,
	    .index = edge->size >> (level * TILE_HEIGHT) >> TILE_HEIGHT,
	    .width = edge_width(edge, level)};
	bool found = false;

	if (tile.width == 0)
		return true;
	if (!tile_read(files, &tile, &hashes, &found, err))
		return false;
	if (!found)
		return error_set(err, E_NOT_FOUND, "tile %llu of level %d is not there",
		    (unsigned long long)tile.index, level);
	memcpy(edge->hashes[level], hashes.data, hashes.len);
	return true;
}

bool
edge_read(struct edge *edge, const struct tile_files *files, uint64_t size, struct error *err)
{
	assert(size <= INT64_MAX);
	edge->size = size;
	for (int level = 0; level < TILE_LEVELS; level++)
		if (!read_level(edge, files, level, err))
			return false;
	return true;
}
