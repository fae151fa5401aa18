/*
 * merkle: the tree of RFC 9162 section 2.1, kept as a compact range.
 *
 * A compact range of `size` leaves holds the popcount(size) roots of its perfect
 * subtrees, largest first, which is all that appending and the root need.
 */
#ifndef PROOF_MERKLE_H
#define PROOF_MERKLE_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

#define MERKLE_RANGE_MAX 63 /* hashes: sizes below 2^63 */

struct merkle {
	uint64_t size;
	uint8_t hashes[MERKLE_RANGE_MAX]
		      [SHA256_BYTES]; /* popcount(size) in use, largest subtree first */
};

void merkle_append(struct merkle *tree, const uint8_t leaf_hash[static SHA256_BYTES]);
/* The root; of the empty tree SHA-256 of nothing. */
void merkle_root(const struct merkle *tree, uint8_t out[static SHA256_BYTES]);
int merkle_range_count(uint64_t size); /* popcount */

/* SHA-256(0x01 || left || right). */
void merkle_node(uint8_t out[static SHA256_BYTES], const uint8_t left[static SHA256_BYTES],
    const uint8_t right[static SHA256_BYTES]);

/*
 * Proofs, RFC 9162 sections 2.1.3 and 2.1.4; `hashes` are hashes.len / 32 hashes in order.
 * An old size of 0 needs no hash and the root of the empty tree.
 * E_BAD_PROOF   the proof does not lead to the root(s)
 */
MUST_CHECK bool merkle_verify_inclusion(uint64_t index, uint64_t size,
    const uint8_t leaf_hash[static SHA256_BYTES], struct bytes hashes,
    const uint8_t root[static SHA256_BYTES], struct error *err);
/*
 * The root that the tree had when this leaf was its last one, by an inclusion proof in a later
 * tree: the hashes to the leaf's left are all that it is made of. Only as good as that proof is.
 * E_BAD_PROOF   not a proof for this size
 */
MUST_CHECK bool merkle_root_then(uint64_t index, uint64_t size,
    const uint8_t leaf_hash[static SHA256_BYTES], struct bytes hashes,
    uint8_t out[static SHA256_BYTES], struct error *err);
MUST_CHECK bool merkle_verify_consistency(uint64_t old_size, uint64_t new_size, struct bytes hashes,
    const uint8_t old_root[static SHA256_BYTES], const uint8_t new_root[static SHA256_BYTES],
    struct error *err);

#endif
