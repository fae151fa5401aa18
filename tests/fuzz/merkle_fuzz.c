/*
 * Proofs against a second reading of RFC 9162, by the recursion of sections 2.1.3.1 and 2.1.4.1:
 * the roots that a proof's hashes lead to there are the only ones that are accepted here.
 */
#include "proof/merkle.h"
#include "tests/fuzz/fuzz.h"

struct path { /* hashes, taken from the front */
	struct bytes rest;
	bool short_of;
};

static void
path_take(struct path *path, uint8_t out[static SHA256_BYTES])
{
	memset(out, 0, SHA256_BYTES);
	if (path->rest.len < SHA256_BYTES) {
		path->short_of = true;
		return;
	}
	memcpy(out, path->rest.data, SHA256_BYTES);
	path->rest = bytes_of(path->rest.data + SHA256_BYTES, path->rest.len - SHA256_BYTES);
}

/* The largest power of two below n, for n > 1. */
static uint64_t
split_of(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* MTH of n leaves, from the PATH of leaf m. */
static void
climb(uint64_t m, uint64_t n, const uint8_t *leaf, struct path *path, uint8_t *out)
{
	uint8_t near[SHA256_BYTES], far[SHA256_BYTES];
	const uint64_t k = n > 1 ? split_of(n) : 0;

	if (n == 1) {
		memcpy(out, leaf, SHA256_BYTES);
		return;
	}
	climb(m < k ? m : m - k, m < k ? k : n - k, leaf, path, near);
	path_take(path, far);
	merkle_node(out, m < k ? near : far, m < k ? far : near);
}

/* MTH of the first m leaves and of all n, from SUBPROOF(m, D[n], whole). */
static void
grow(uint64_t m, uint64_t n, const uint8_t *whole, struct path *path, uint8_t *out_old,
    uint8_t *out_new)
{
	uint8_t far[SHA256_BYTES];
	const uint64_t k = n > 1 ? split_of(n) : 0;

	if (m == n) {
		if (whole != NULL)
			memcpy(out_old, whole, SHA256_BYTES);
		else
			path_take(path, out_old);
		memcpy(out_new, out_old, SHA256_BYTES);
	} else if (m <= k) {
		grow(m, k, whole, path, out_old, out_new);
		path_take(path, far);
		merkle_node(out_new, out_new, far);
	} else {
		grow(m - k, n - k, NULL, path, out_old, out_new);
		path_take(path, far);
		merkle_node(out_old, far, out_old);
		merkle_node(out_new, far, out_new);
	}
}

static void
inclusion(uint64_t index, uint64_t size, struct bytes hashes)
{
	static const uint8_t leaf[SHA256_BYTES] = {1};
	struct path path = {.rest = hashes};
	uint8_t root[SHA256_BYTES] = {0};
	struct error err = {0}, changed = {0};

	if (index < size)
		climb(index, size, leaf, &path, root);
	MUST(fuzz_verdict(merkle_verify_inclusion(index, size, leaf, hashes, root, &err), &err) ==
	     (index < size && !path.short_of && path.rest.len == 0));
	root[size % SHA256_BYTES] ^= 1;
	MUST(!merkle_verify_inclusion(index, size, leaf, hashes, root, &changed));
	MUST(changed.code == E_BAD_PROOF);
}

static void
consistency(uint64_t old_size, uint64_t new_size, struct bytes hashes)
{
	static const uint8_t whole[SHA256_BYTES] = {2};
	struct path path = {.rest = hashes};
	uint8_t old_root[SHA256_BYTES] = {0}, new_root[SHA256_BYTES] = {0};
	struct error err = {0}, changed = {0};
	bool good = old_size <= new_size;

	if (old_size == 0)
		sha256((struct bytes){0}, old_root);
	else if (good)
		grow(old_size, new_size, whole, &path, old_root, new_root);
	good = good && !path.short_of && path.rest.len == 0;
	MUST(fuzz_verdict(
		 merkle_verify_consistency(old_size, new_size, hashes, old_root, new_root, &err),
		 &err) == good);
	old_root[new_size % SHA256_BYTES] ^= 1;
	MUST(!merkle_verify_consistency(old_size, new_size, hashes, old_root, new_root, &changed));
}

static uint64_t
take_size(struct bytes *in)
{
	const unsigned shift = fuzz_take(in) % 63;
	uint64_t size = fuzz_take(in);

	size = size << 8 | fuzz_take(in);
	return (size << shift | fuzz_take(in)) & INT64_MAX;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	const uint64_t a = take_size(&in), b = take_size(&in);
	/* Few octets of input for long proofs: mostly zeros. */
	static const uint8_t zeros[64 * SHA256_BYTES];
	const struct bytes hashes =
	    in.len == 1 ? bytes_of(zeros, (size_t)in.data[0] % 65 * SHA256_BYTES) : in;

	inclusion(a, b, hashes);
	consistency(a, b, hashes);
	return 0;
}
