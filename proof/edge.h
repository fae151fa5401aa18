/*
 * edge: the right edge of a growing tree: in each level of tiles the one that is not full.
 *
 * It is all that appending needs, it gives the root, and every tile passes through it once.
 */
#ifndef PROOF_EDGE_H
#define PROOF_EDGE_H

#include "proof/tile.h"

struct edge {
	uint64_t size; /* leaves */
	/* The last width % 256 hashes of each level. */
	uint8_t hashes[TILE_LEVELS][TILE_WIDTH * SHA256_BYTES];
};

/* A tile that is full now; its hashes are borrowed for the call. */
typedef bool (*edge_full)(
    void *context, int level, uint64_t index, const uint8_t *hashes, struct error *err);

struct edge *edge_new(void); /* of an empty tree */
void edge_free(struct edge *edge);
DEFER_DECLARE(struct edge, edge_free)

int edge_width(const struct edge *edge, int level); /* 0 to 255 */

/*
 * Appends a leaf's hash and tells of each tile that it fills, lower ones first. `full` may be NULL.
 * False: `full` said so; the edge is of no use then.
 */
MUST_CHECK bool edge_append(struct edge *edge, const uint8_t leaf_hash[static SHA256_BYTES],
    edge_full full, void *context, struct error *err);

void edge_root(const struct edge *edge, uint8_t out[static SHA256_BYTES]);

/*
 * Takes the edge of a log of `size` leaves from its files.
 * E_NOT_FOUND    a tile is not there
 * E_BAD_SYNTAX   a tile has not its length
 */
MUST_CHECK bool edge_read(
    struct edge *edge, const struct tile_files *files, uint64_t size, struct error *err);

#endif
