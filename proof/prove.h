/* prove: makes the proofs that merkle.h verifies, from the tree's nodes or a log's tiles. */
#ifndef PROOF_PROVE_H
#define PROOF_PROVE_H

#include "proof/tile.h"

/* The node that is the root of the 2^level leaves from index * 2^level on. */
struct prove_nodes {
	void *context;
	bool (*read)(void *context, int level, uint64_t index, uint8_t out[static SHA256_BYTES],
	    struct error *err);
};

/*
 * Appends the hashes of RFC 9162 sections 2.1.3.1 and 2.1.4.1. What `read` says is passed on.
 * E_BAD_SYNTAX   no such leaf in a tree of this size; sizes that do not grow
 */
MUST_CHECK bool prove_inclusion(uint64_t index, uint64_t size, const struct prove_nodes *nodes,
    struct buf *out, struct error *err);
MUST_CHECK bool prove_consistency(uint64_t old_size, uint64_t new_size,
    const struct prove_nodes *nodes, struct buf *out, struct error *err);

/* Nodes of a log of `size` leaves from its tiles, each read once. */
struct prove_tiles;
struct prove_tiles *prove_tiles_new(const struct tile_files *files, uint64_t size);
void prove_tiles_free(struct prove_tiles *tiles);
DEFER_DECLARE(struct prove_tiles, prove_tiles_free)
struct prove_nodes prove_tiles_nodes(struct prove_tiles *tiles); /* E_NOT_FOUND, E_BAD_SYNTAX */

#endif
