#include "proof/merkle.h"

#include <assert.h>

int
merkle_range_count(uint64_t size)
{
	return __builtin_popcountll(size);
}

void
merkle_node(uint8_t out[static SHA256_BYTES], const uint8_t left[static SHA256_BYTES],
    const uint8_t right[static SHA256_BYTES])
{
	uint8_t octets[1 + 2 * SHA256_BYTES] = {0x01};

	memcpy(octets + 1, left, SHA256_BYTES);
	memcpy(octets + 1 + SHA256_BYTES, right, SHA256_BYTES);
	sha256(bytes_of(octets, sizeof(octets)), out);
}

void
merkle_append(struct merkle *tree, const uint8_t leaf_hash[static SHA256_BYTES])
{
	int count = merkle_range_count(tree->size);
	uint8_t hash[SHA256_BYTES];

	assert(tree->size < INT64_MAX);
	memcpy(hash, leaf_hash, sizeof(hash));
	/* Adding one carries through the low set bits: each merges two equal subtrees. */
	for (uint64_t size = tree->size; (size & 1) != 0; size >>= 1)
		merkle_node(hash, tree->hashes[--count], hash);
	memcpy(tree->hashes[count], hash, sizeof(hash));
	tree->size++;
}

void
merkle_root(const struct merkle *tree, uint8_t out[static SHA256_BYTES])
{
	int i = merkle_range_count(tree->size) - 1;

	if (i < 0) {
		sha256((struct bytes){0}, out);
		return;
	}
	memcpy(out, tree->hashes[i], SHA256_BYTES);
	while (--i >= 0)
		merkle_node(out, tree->hashes[i], out);
}

/* The fn and sn of RFC 9162: a node and the last one of its level. */
struct walk {
	uint64_t fn, sn;
};

static void
walk_up(struct walk *walk)
{
	walk->fn >>= 1;
	walk->sn >>= 1;
}

/*
 * Goes to the level of the next hash of the proof; true if this hash is the left sibling.
 * A last node without a sibling rises unhashed, hence the loop.
 */
static bool
walk_next(struct walk *walk)
{
	const bool left = (walk->fn & 1) != 0 || walk->fn == walk->sn;

	while (left && (walk->fn & 1) == 0 && walk->fn != 0)
		walk_up(walk);
	walk_up(walk);
	return left;
}

static bool
hash_equal(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, SHA256_BYTES) == 0;
}

/* RFC 9162 section 2.1.3.2. */
bool
merkle_verify_inclusion(uint64_t index, uint64_t size, const uint8_t leaf_hash[static SHA256_BYTES],
    struct bytes hashes, const uint8_t root[static SHA256_BYTES], struct error *err)
{
	struct walk walk = {.fn = index, .sn = size - 1};
	uint8_t hash[SHA256_BYTES];

	if (index >= size || hashes.len % SHA256_BYTES != 0)
		return error_set(err, E_BAD_PROOF, "the leaf is not in a tree of this size");
	memcpy(hash, leaf_hash, sizeof(hash));
	for (size_t at = 0; at < hashes.len; at += SHA256_BYTES) {
		if (walk.sn == 0)
			return error_set(err, E_BAD_PROOF, "the inclusion proof is too long");
		if (walk_next(&walk))
			merkle_node(hash, hashes.data + at, hash);
		else
			merkle_node(hash, hash, hashes.data + at);
	}
	return (walk.sn == 0 && hash_equal(hash, root)) ||
	       error_set(err, E_BAD_PROOF, "the inclusion proof does not lead to the root");
}

bool
merkle_root_then(uint64_t index, uint64_t size, const uint8_t leaf_hash[static SHA256_BYTES],
    struct bytes hashes, uint8_t out[static SHA256_BYTES], struct error *err)
{
	struct walk walk = {.fn = index, .sn = size - 1};

	if (index >= size || hashes.len % SHA256_BYTES != 0)
		return error_set(err, E_BAD_PROOF, "the leaf is not in a tree of this size");
	memcpy(out, leaf_hash, SHA256_BYTES);
	for (size_t at = 0; at < hashes.len; at += SHA256_BYTES) {
		if (walk.sn == 0)
			return error_set(err, E_BAD_PROOF, "the inclusion proof is too long");
		if (walk_next(&walk))
			merkle_node(out, hashes.data + at, out);
	}
	return true;
}

/* RFC 9162 section 2.1.4.2, steps 3 to 7; `first` is the first hash of the path. */
static bool
climb(struct walk walk, const uint8_t *first, struct bytes rest, const uint8_t *old_root,
    const uint8_t *new_root)
{
	uint8_t old_hash[SHA256_BYTES];
	uint8_t new_hash[SHA256_BYTES];

	while ((walk.fn & 1) != 0)
		walk_up(&walk);
	memcpy(old_hash, first, sizeof(old_hash));
	memcpy(new_hash, first, sizeof(new_hash));
	for (size_t at = 0; at < rest.len; at += SHA256_BYTES) {
		if (walk.sn == 0)
			return false;
		if (walk_next(&walk)) {
			merkle_node(old_hash, rest.data + at, old_hash);
			merkle_node(new_hash, rest.data + at, new_hash);
		} else
			merkle_node(new_hash, new_hash, rest.data + at);
	}
	return walk.sn == 0 && hash_equal(old_hash, old_root) && hash_equal(new_hash, new_root);
}

/* Every tree continues the empty one, and each one itself, without a hash to show. */
static bool
trivially_consistent(uint64_t old_size, struct bytes hashes, const uint8_t *old_root,
    const uint8_t *new_root, struct error *err)
{
	uint8_t empty_root[SHA256_BYTES];

	sha256((struct bytes){0}, empty_root);
	return (hashes.len == 0 && hash_equal(old_root, old_size == 0 ? empty_root : new_root)) ||
	       error_set(err, E_BAD_PROOF, "the roots do not fit to the sizes");
}

bool
merkle_verify_consistency(uint64_t old_size, uint64_t new_size, struct bytes hashes,
    const uint8_t old_root[static SHA256_BYTES], const uint8_t new_root[static SHA256_BYTES],
    struct error *err)
{
	const struct walk walk = {.fn = old_size - 1, .sn = new_size - 1};
	const bool old_is_perfect = (old_size & (old_size - 1)) == 0;
	const uint8_t *first = old_root;

	if (old_size > new_size || hashes.len % SHA256_BYTES != 0)
		return error_set(err, E_BAD_PROOF, "not a consistency proof for these sizes");
	if (old_size == 0 || old_size == new_size)
		return trivially_consistent(old_size, hashes, old_root, new_root, err);
	if (hashes.len == 0)
		return error_set(err, E_BAD_PROOF, "the consistency proof is empty");
	if (!old_is_perfect) { /* otherwise the old root is a node of the new tree, and left out */
		first = hashes.data;
		hashes = bytes_of(hashes.data + SHA256_BYTES, hashes.len - SHA256_BYTES);
	}
	return climb(walk, first, hashes, old_root, new_root) ||
	       error_set(err, E_BAD_PROOF, "the consistency proof does not lead to the roots");
}
