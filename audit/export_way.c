#include "audit/export_way.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proof/edge.h"

struct level {
	bool known;
	uint64_t index;
	enum export_way_state state;
	struct bytes hashes; /* borrowed from the files, or from the edge */
};

struct export_way {
	const struct export_files *files;
	uint64_t size;
	struct edge *edge;
	struct level levels[TILE_LEVELS];
};

void
export_way_free(struct export_way *way)
{
	if (way == NULL)
		return;
	edge_free(way->edge);
	free(way);
}

static bool
read_file(void *context, const char *path, size_t len_max, struct buf *out, bool *out_found,
    struct error *err)
{
	const struct export_files *files = context;
	struct bytes contents;

	*out_found = files->map(files->context, path, &contents);
	if (!*out_found)
		return true;
	if (contents.len > len_max)
		return error_set(err, E_BAD_SYNTAX, "%s is longer than %zu octets", path, len_max);
	buf_append(out, contents);
	return true;
}

bool
export_way_open(const struct export_files *files, const struct checkpoint *checkpoint,
    struct export_way **out, struct error *err)
{
	DEFER(export_way_free) struct export_way *way = xcalloc(1, sizeof *way);
	const struct tile_files tiles = {(void *)(uintptr_t)files, read_file};
	uint8_t root[SHA256_BYTES];

	way->files = files;
	way->size = checkpoint->size;
	way->edge = edge_new();
	if (!edge_read(way->edge, &tiles, checkpoint->size, err))
		return false;
	edge_root(way->edge, root);
	if (memcmp(root, checkpoint->root, SHA256_BYTES) != 0)
		return error_set(err, E_BAD_PROOF, "they do not lead to the signed root");
	*out = TAKE(way);
	return true;
}

/* A tile of the right edge is known from the root; any other has to be what the one above has. */
static void
look_up(struct export_way *way, int level, uint64_t index)
{
	const struct tile tile = {level, index, tile_width_at(level, index, way->size)};
	struct level *found = &way->levels[level];
	char path[TILE_PATH_MAX + 1];
	uint8_t root[SHA256_BYTES];

	*found = (struct level){.known = true, .index = index, .state = EXPORT_WAY_GOOD};
	if (tile.width < TILE_WIDTH) {
		found->hashes =
		    bytes_of(way->edge->hashes[level], (size_t)tile.width * SHA256_BYTES);
		return;
	}
	tile_path_encode(&tile, path);
	found->state = EXPORT_WAY_MISSING;
	if (!way->files->map(way->files->context, path, &found->hashes))
		return;
	found->state = EXPORT_WAY_BROKEN;
	if (found->hashes.len != (size_t)TILE_WIDTH * SHA256_BYTES || level + 1 == TILE_LEVELS)
		return;
	tile_subtree(found->hashes.data, TILE_HEIGHT, root);
	if (memcmp(root, way->levels[level + 1].hashes.data + index % TILE_WIDTH * SHA256_BYTES,
		SHA256_BYTES) == 0)
		found->state = EXPORT_WAY_GOOD;
}

enum export_way_state
export_way_hash(struct export_way *way, uint64_t seq, uint8_t out[static SHA256_BYTES],
    char out_path[static TILE_PATH_MAX + 1])
{
	for (int level = TILE_LEVELS - 1; level >= 0; level--) {
		const uint64_t index = seq >> (level * TILE_HEIGHT) >> TILE_HEIGHT;
		const int width = tile_width_at(level, index, way->size);
		struct level *at = &way->levels[level];

		if (width == 0)
			continue;
		if (!at->known || at->index != index)
			look_up(way, level, index);
		if (at->state != EXPORT_WAY_GOOD) {
			const struct tile tile = {level, index, width};

			tile_path_encode(&tile, out_path);
			return at->state;
		}
	}
	memcpy(out, way->levels[0].hashes.data + seq % TILE_WIDTH * SHA256_BYTES, SHA256_BYTES);
	return EXPORT_WAY_GOOD;
}
