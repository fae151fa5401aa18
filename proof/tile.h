/*
 * tile: a log as static files (C2SP tlog-tiles): "tile/<level>/<index>[.p/<width>]" holds up to 256
 * hashes, each the root of 256^level leaves; "tile/entries/<index>[.p/<width>]" the leaves
 * themselves, each with its length before it.
 *
 * Full tiles never change. A partial one (".p/<width>") may go once the full one is there, so who
 * does not find it takes the beginning of the full one: tile_read() does.
 */
#ifndef PROOF_TILE_H
#define PROOF_TILE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "proof/leaf.h"

#define TILE_HEIGHT 8                              /* levels of the tree in one level of tiles */
#define TILE_WIDTH (1 << TILE_HEIGHT)              /* hashes, or leaves, of a full tile */
#define TILE_LEVELS 8                              /* of trees below 2^63 leaves */
#define TILE_ENTRIES (-1)                          /* as a level: leaves instead of hashes */
#define TILE_PATH_MAX 64                           /* characters */
#define TILE_LEN_MAX (TILE_WIDTH * (2 + LEAF_MAX)) /* octets of any tile */

struct tile {
	int level;      /* 0 to TILE_LEVELS - 1, or TILE_ENTRIES */
	uint64_t index; /* below 2^55 */
	int width;      /* 1 to TILE_WIDTH */
};

void tile_path_encode(const struct tile *tile, char out[static TILE_PATH_MAX + 1]);
/* The one spelling of a tile's path, and nothing around it. E_BAD_SYNTAX */
MUST_CHECK bool tile_path_parse(struct bytes path, struct tile *out, struct error *err);

/* Hashes (or leaves) of this tile in a log of `size` leaves; 0: there is no such tile. */
int tile_width_at(int level, uint64_t index, uint64_t size);

/* Appends a leaf, at most LEAF_MAX octets, to a bundle of entries; takes one off the front. */
void tile_entry_append(struct buf *bundle, struct bytes leaf);
/* False: the bundle ends within an entry. *out is borrowed. */
MUST_CHECK bool tile_entry_take(struct bytes *bundle, struct bytes *out);

/* The root of 2^height hashes in a row; height at most TILE_HEIGHT. */
void tile_subtree(const uint8_t *hashes, int height, uint8_t out[static SHA256_BYTES]);

/* The files of one log, wherever they are: a folder, an archive, memory. */
struct tile_files {
	void *context;
	/* Appends the file's octets. *out_found false: there is no such file, which is no error.
	 * E_FILE_FAILED   it cannot be read, or is longer than len_max */
	bool (*read)(void *context, const char *path, size_t len_max, struct buf *out,
	    bool *out_found, struct error *err);
};

/*
 * Appends the tile's octets; from the full tile where the partial one is gone, then all of it
 * for a bundle of entries, and `width` hashes for the others. *out_found false: neither is there.
 * E_BAD_SYNTAX   the file has not the length of such a tile
 */
MUST_CHECK bool tile_read(const struct tile_files *files, const struct tile *tile, struct buf *out,
    bool *out_found, struct error *err);

#endif
