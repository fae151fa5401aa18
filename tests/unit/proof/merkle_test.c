#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "known.h"
#include "proof/leaf.h"
#include "proof/merkle.h"

#define SIZE_MAX_TESTED 300
#define SIZE_MAX_FLIPPED 9

/* ---- the definitions of RFC 9162 section 2.1, word for word, with remembered results ---- */

struct reference {
	uint8_t leaves[SIZE_MAX_TESTED][SHA256_BYTES];
	uint8_t hashes[SIZE_MAX_TESTED][SIZE_MAX_TESTED + 1][SHA256_BYTES]; /* [first][count] */
	bool known[SIZE_MAX_TESTED][SIZE_MAX_TESTED + 1];
};

/* The largest power of two smaller than n. */
static size_t
split_of(size_t n)
{
	size_t k = 1;

	while (k * 2 < n)
		k *= 2;
	return k;
}

/* MTH of the `count` leaves from `first` on; count > 0. */
static const uint8_t *
mth(struct reference *ref, size_t first, size_t count)
{
	uint8_t *hash = ref->hashes[first][count];
	uint8_t input[1 + 2 * SHA256_BYTES] = {0x01};
	const size_t k = split_of(count);

	if (ref->known[first][count])
		return hash;
	if (count == 1)
		memcpy(hash, ref->leaves[first], SHA256_BYTES);
	else {
		memcpy(input + 1, mth(ref, first, k), SHA256_BYTES);
		memcpy(input + 1 + SHA256_BYTES, mth(ref, first + k, count - k), SHA256_BYTES);
		sha256(bytes_of(input, sizeof(input)), hash);
	}
	ref->known[first][count] = true;
	return hash;
}

static void
append_mth(struct reference *ref, size_t first, size_t count, struct buf *out)
{
	buf_append(out, bytes_of(mth(ref, first, count), SHA256_BYTES));
}

/* PATH(m, D[n]), section 2.1.3.1. */
static void
path(struct reference *ref, size_t m, size_t first, size_t n, struct buf *out)
{
	const size_t k = split_of(n);

	if (n == 1)
		return;
	if (m < k) {
		path(ref, m, first, k, out);
		append_mth(ref, first + k, n - k, out);
	} else {
		path(ref, m - k, first + k, n - k, out);
		append_mth(ref, first, k, out);
	}
}

/* SUBPROOF(m, D[n], b), section 2.1.4.1. */
static void
subproof(struct reference *ref, size_t m, size_t first, size_t n, bool b, struct buf *out)
{
	const size_t k = split_of(n);

	if (m == n) {
		if (!b)
			append_mth(ref, first, n, out);
		return;
	}
	if (m <= k) {
		subproof(ref, m, first, k, b, out);
		append_mth(ref, first + k, n - k, out);
	} else {
		subproof(ref, m - k, first + k, n - k, false, out);
		append_mth(ref, first, k, out);
	}
}

static int
make_reference(void **state)
{
	struct reference *ref = xcalloc(1, sizeof(*ref));

	for (size_t i = 0; i < SIZE_MAX_TESTED; i++)
		sha256(bytes_of(&i, sizeof(i)), ref->leaves[i]);
	*state = ref;
	return 0;
}

static int
free_reference(void **state)
{
	mem_free(*state);
	return 0;
}

/* ---- known answers ---- */

static void
assert_root(const struct merkle *tree, const char *want)
{
	char hex[2 * SHA256_BYTES + 1];
	uint8_t root[SHA256_BYTES];

	merkle_root(tree, root);
	hex_encode(hex, bytes_of(root, sizeof(root)));
	assert_string_equal(hex, want);
}

static void
append_leaf(struct merkle *tree, struct bytes text)
{
	uint8_t hash[SHA256_BYTES];

	leaf_hash(text, hash);
	merkle_append(tree, hash);
}

static void
known_leaves_have_their_root(void **state)
{
	struct merkle tree = {0};

	(void)state;
	append_leaf(&tree, bytes_of_text(KNOWN_LEAF0));
	assert_root(&tree, KNOWN_HASH0);
	append_leaf(&tree, bytes_of_text(KNOWN_LEAF1));
	append_leaf(&tree, bytes_of_text(KNOWN_LEAF2));
	assert_root(&tree, KNOWN_ROOT3);
}

static void
empty_tree_is_the_hash_of_nothing(void **state)
{
	const struct merkle tree = {0};

	(void)state;
	assert_root(&tree, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* The tree that implementations of Certificate Transparency test with. */
static void
certificate_transparency_tree_has_its_roots(void **state)
{
	static const struct {
		struct bytes leaf;
		const char *root;
	} ROWS[] = {
	    {BYTES_LITERAL(""), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	    {BYTES_LITERAL("\x00"),
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	    {BYTES_LITERAL("\x10"),
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	    {BYTES_LITERAL("\x20\x21"),
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	    {BYTES_LITERAL("\x30\x31"),
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	    {BYTES_LITERAL("\x40\x41\x42\x43"),
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	    {BYTES_LITERAL("\x50\x51\x52\x53\x54\x55\x56\x57"),
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	    {BYTES_LITERAL("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"),
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	};
	struct merkle tree = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		append_leaf(&tree, ROWS[i].leaf);
		assert_root(&tree, ROWS[i].root);
	}
}

/* ---- properties ---- */

static void
every_range_gives_the_root_of_its_leaves(void **state)
{
	struct reference *ref = *state;
	struct merkle tree = {0};
	uint8_t root[SHA256_BYTES];

	for (size_t size = 1; size <= SIZE_MAX_TESTED; size++) {
		merkle_append(&tree, ref->leaves[size - 1]);
		assert_int_equal(tree.size, size);
		merkle_root(&tree, root);
		assert_memory_equal(root, mth(ref, 0, size), SHA256_BYTES);
		/* The largest subtree comes first. */
		assert_memory_equal(tree.hashes[0],
		    mth(ref, 0, (size & (size - 1)) == 0 ? size : split_of(size)), SHA256_BYTES);
	}
}

static void
range_count_is_the_number_of_set_bits(void **state)
{
	(void)state;
	assert_int_equal(merkle_range_count(0), 0);
	assert_int_equal(merkle_range_count(1), 1);
	assert_int_equal(merkle_range_count(6), 2);
	assert_int_equal(merkle_range_count(INT64_MAX), MERKLE_RANGE_MAX);
}

struct inclusion {
	size_t index, size;
	uint8_t leaf[SHA256_BYTES], root[SHA256_BYTES];
	struct buf hashes;
};

static void
inclusion_clear(struct inclusion *proof)
{
	buf_clear_public(&proof->hashes);
}
DEFER_DECLARE_CLEAR(struct inclusion, inclusion_clear)

static struct inclusion
inclusion_of(struct reference *ref, size_t index, size_t size)
{
	struct inclusion proof = {.index = index, .size = size};

	memcpy(proof.leaf, ref->leaves[index], SHA256_BYTES);
	memcpy(proof.root, mth(ref, 0, size), SHA256_BYTES);
	path(ref, index, 0, size, &proof.hashes);
	return proof;
}

static bool
included(const struct inclusion *proof)
{
	struct error err = {0};
	const bool good = merkle_verify_inclusion(
	    proof->index, proof->size, proof->leaf, buf_bytes(&proof->hashes), proof->root, &err);

	assert_int_equal(err.code, good ? E_NONE : E_BAD_PROOF);
	return good;
}

static void
every_inclusion_is_proven(void **state)
{
	for (size_t size = 1; size <= SIZE_MAX_TESTED; size++)
		for (size_t index = 0; index < size; index++) {
			DEFER(inclusion_clear)
			struct inclusion proof = inclusion_of(*state, index, size);

			assert_true(included(&proof));
		}
}

static void
every_inclusion_tells_the_root_of_its_leaf_s_own_time(void **state)
{
	for (size_t size = 1; size <= SIZE_MAX_TESTED; size++)
		for (size_t index = 0; index < size; index++) {
			DEFER(inclusion_clear)
			struct inclusion proof = inclusion_of(*state, index, size);
			uint8_t then[SHA256_BYTES];
			struct error err = {0};

			assert_true(merkle_root_then(
			    index, size, proof.leaf, buf_bytes(&proof.hashes), then, &err));
			assert_memory_equal(then, mth(*state, 0, index + 1), SHA256_BYTES);
		}
}

static void
assert_no_flip_is_included(struct inclusion *proof, uint8_t *octets, size_t len)
{
	for (size_t bit = 0; bit < 8 * len; bit++) {
		octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(included(proof));
		octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(included(proof));
}

static void
every_flipped_bit_of_an_inclusion_proof_is_refused(void **state)
{
	for (size_t size = 1; size <= SIZE_MAX_FLIPPED; size++)
		for (size_t index = 0; index < size; index++) {
			DEFER(inclusion_clear)
			struct inclusion proof = inclusion_of(*state, index, size);

			assert_no_flip_is_included(&proof, proof.leaf, SHA256_BYTES);
			assert_no_flip_is_included(&proof, proof.root, SHA256_BYTES);
			assert_no_flip_is_included(&proof, proof.hashes.data, proof.hashes.len);
		}
}

static void
inclusion_at_another_index_is_refused(void **state)
{
	for (size_t size = 1; size <= SIZE_MAX_FLIPPED; size++)
		for (size_t index = 0; index < size; index++) {
			DEFER(inclusion_clear)
			struct inclusion proof = inclusion_of(*state, index, size);

			for (proof.index = 0; proof.index <= 2 * size; proof.index++)
				assert_int_equal(included(&proof), proof.index == index);
			proof.index = SIZE_MAX;
			assert_false(included(&proof));
		}
}

/* Cut at every octet, and continued by a hash or by a single octet. */
static void
inclusion_proofs_of_another_length_are_refused(void **state)
{
	for (size_t size = 1; size <= SIZE_MAX_FLIPPED; size++)
		for (size_t index = 0; index < size; index++) {
			DEFER(inclusion_clear)
			struct inclusion proof = inclusion_of(*state, index, size);
			const size_t len = proof.hashes.len;

			buf_append(&proof.hashes, bytes_of(proof.root, SHA256_BYTES));
			assert_false(included(&proof));
			buf_truncate(&proof.hashes, len + 1);
			assert_false(included(&proof));
			for (size_t cut = len; cut-- > 0;) {
				buf_truncate(&proof.hashes, cut);
				assert_false(included(&proof));
			}
		}
}

static void
nothing_is_included_in_an_empty_tree(void **state)
{
	struct inclusion proof = {.index = 0, .size = 0};

	(void)state;
	assert_false(included(&proof));
	proof.index = UINT64_MAX;
	assert_false(included(&proof));
}

struct consistency {
	size_t old_size, new_size;
	uint8_t old_root[SHA256_BYTES], new_root[SHA256_BYTES];
	struct buf hashes;
};

static void
consistency_clear(struct consistency *proof)
{
	buf_clear_public(&proof->hashes);
}
DEFER_DECLARE_CLEAR(struct consistency, consistency_clear)

static struct consistency
consistency_of(struct reference *ref, size_t old_size, size_t new_size)
{
	struct consistency proof = {.old_size = old_size, .new_size = new_size};

	memcpy(proof.old_root, mth(ref, 0, old_size), SHA256_BYTES);
	memcpy(proof.new_root, mth(ref, 0, new_size), SHA256_BYTES);
	subproof(ref, old_size, 0, new_size, true, &proof.hashes);
	return proof;
}

static bool
consistent(const struct consistency *proof)
{
	struct error err = {0};
	const bool good = merkle_verify_consistency(proof->old_size, proof->new_size,
	    buf_bytes(&proof->hashes), proof->old_root, proof->new_root, &err);

	assert_int_equal(err.code, good ? E_NONE : E_BAD_PROOF);
	return good;
}

static void
every_growth_is_proven(void **state)
{
	for (size_t new_size = 1; new_size <= SIZE_MAX_TESTED; new_size++)
		for (size_t old_size = 1; old_size <= new_size; old_size++) {
			DEFER(consistency_clear)
			struct consistency proof = consistency_of(*state, old_size, new_size);

			assert_true(consistent(&proof));
		}
}

static void
assert_no_flip_is_consistent(struct consistency *proof, uint8_t *octets, size_t len)
{
	for (size_t bit = 0; bit < 8 * len; bit++) {
		octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(consistent(proof));
		octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(consistent(proof));
}

static void
every_flipped_bit_of_a_consistency_proof_is_refused(void **state)
{
	for (size_t new_size = 1; new_size <= SIZE_MAX_FLIPPED; new_size++)
		for (size_t old_size = 1; old_size <= new_size; old_size++) {
			DEFER(consistency_clear)
			struct consistency proof = consistency_of(*state, old_size, new_size);

			assert_no_flip_is_consistent(&proof, proof.old_root, SHA256_BYTES);
			assert_no_flip_is_consistent(&proof, proof.new_root, SHA256_BYTES);
			assert_no_flip_is_consistent(&proof, proof.hashes.data, proof.hashes.len);
		}
}

static void
consistency_proofs_of_another_length_are_refused(void **state)
{
	for (size_t new_size = 1; new_size <= SIZE_MAX_FLIPPED; new_size++)
		for (size_t old_size = 1; old_size <= new_size; old_size++) {
			DEFER(consistency_clear)
			struct consistency proof = consistency_of(*state, old_size, new_size);
			const size_t len = proof.hashes.len;

			buf_append(&proof.hashes, bytes_of(proof.new_root, SHA256_BYTES));
			assert_false(consistent(&proof));
			buf_truncate(&proof.hashes, len + 1);
			assert_false(consistent(&proof));
			for (size_t cut = len; cut-- > 0;) {
				buf_truncate(&proof.hashes, cut);
				assert_false(consistent(&proof));
			}
		}
}

/* The history was changed below the old size: no proof of the new tree leads to the old root. */
static void
a_rewritten_leaf_is_refused(void **state)
{
	DEFER(mem_free) void *made = NULL;
	struct reference *changed;

	assert_int_equal(make_reference(&made), 0);
	changed = made;
	changed->leaves[2][0] ^= 1;
	for (size_t new_size = 4; new_size <= 40; new_size++)
		for (size_t old_size = 3; old_size < new_size; old_size++) {
			DEFER(consistency_clear)
			struct consistency proof = consistency_of(changed, old_size, new_size);

			assert_true(consistent(&proof));
			memcpy(proof.old_root, mth(*state, 0, old_size), SHA256_BYTES);
			assert_false(consistent(&proof));
		}
}

static void
a_shrunk_tree_is_refused(void **state)
{
	DEFER(consistency_clear) struct consistency proof = consistency_of(*state, 5, 8);

	proof.old_size = 8;
	proof.new_size = 5;
	assert_false(consistent(&proof));
	proof.old_size = 1;
	proof.new_size = 0;
	assert_false(consistent(&proof));
}

static void
any_tree_continues_the_empty_one(void **state)
{
	DEFER(consistency_clear) struct consistency proof = consistency_of(*state, 7, 7);

	proof.old_size = 0;
	assert_false(consistent(&proof));
	sha256((struct bytes){0}, proof.old_root);
	assert_true(consistent(&proof));
	buf_append(&proof.hashes, bytes_of(proof.new_root, SHA256_BYTES));
	assert_false(consistent(&proof));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_leaves_have_their_root),
	    cmocka_unit_test(empty_tree_is_the_hash_of_nothing),
	    cmocka_unit_test(certificate_transparency_tree_has_its_roots),
	    cmocka_unit_test(range_count_is_the_number_of_set_bits),
	    cmocka_unit_test(every_range_gives_the_root_of_its_leaves),
	    cmocka_unit_test(every_inclusion_is_proven),
	    cmocka_unit_test(every_inclusion_tells_the_root_of_its_leaf_s_own_time),
	    cmocka_unit_test(every_flipped_bit_of_an_inclusion_proof_is_refused),
	    cmocka_unit_test(inclusion_at_another_index_is_refused),
	    cmocka_unit_test(inclusion_proofs_of_another_length_are_refused),
	    cmocka_unit_test(nothing_is_included_in_an_empty_tree),
	    cmocka_unit_test(every_growth_is_proven),
	    cmocka_unit_test(every_flipped_bit_of_a_consistency_proof_is_refused),
	    cmocka_unit_test(consistency_proofs_of_another_length_are_refused),
	    cmocka_unit_test(a_rewritten_leaf_is_refused),
	    cmocka_unit_test(a_shrunk_tree_is_refused),
	    cmocka_unit_test(any_tree_continues_the_empty_one),
	};

	return cmocka_run_group_tests_name("merkle", tests, make_reference, free_reference);
}
