#include "audit/inspect_bundle.h"

static bool
is_whole(const struct inspect_bundle *bundle, int source)
{
	if (source != INSPECT_ROWS)
		return bundle->readable[source];
	for (int i = 0; i < bundle->width; i++)
		if (!bundle->row_there[i])
			return false;
	return true;
}

static bool
is_same(const struct inspect_bundle *bundle, int a, int b)
{
	return is_whole(bundle, a) && is_whole(bundle, b) &&
	       memcmp(bundle->hashes[a], bundle->hashes[b], (size_t)bundle->width * SHA256_BYTES) ==
		   0;
}

static bool
leads_to(const uint8_t *hashes, const uint8_t root[static SHA256_BYTES])
{
	uint8_t made[SHA256_BYTES];

	tile_subtree(hashes, TILE_HEIGHT, made);
	return memcmp(made, root, sizeof made) == 0;
}

/* What is signed counts. Where nothing leads there, what is above was changed, and two count that
 * agree. */
static const uint8_t *
find_truth(
    const struct inspect_bundle *bundle, const struct inspect_anchor *anchor, bool *out_above)
{
	*out_above = false;
	if (anchor->hashes != NULL)
		return anchor->hashes;
	for (int i = 0; anchor->root != NULL && i < INSPECT_SOURCE_COUNT; i++)
		if (is_whole(bundle, i) && leads_to(bundle->hashes[i], anchor->root))
			return bundle->hashes[i];
	*out_above = anchor->root != NULL;
	for (int i = 0; i < INSPECT_SOURCE_COUNT; i++)
		if (is_same(bundle, i, (i + 1) % INSPECT_SOURCE_COUNT))
			return bundle->hashes[i];
	return NULL;
}

static int
first_difference(
    const struct inspect_bundle *bundle, enum inspect_source source, const uint8_t *truth)
{
	for (int i = 0; i < bundle->width; i++)
		if (memcmp(&bundle->hashes[source][i * SHA256_BYTES], &truth[i * SHA256_BYTES],
			SHA256_BYTES) != 0)
			return i;
	return -1;
}

/* A file is one thing, whatever of it was changed. */
static void
judge_file(const struct inspect_bundle *bundle, enum inspect_source source, const uint8_t *truth,
    struct inspect_faults *faults)
{
	int at = 0;

	if (bundle->readable[source])
		at = truth != NULL ? first_difference(bundle, source, truth) : -1;
	if (at >= 0)
		inspect_faults_add(
		    faults, (struct inspect_fault){
				.what = source == INSPECT_HASHES ? INSPECT_TILE : INSPECT_ENTRIES,
				.seq = (int64_t)bundle->first + at,
				.missing = !bundle->there[source]});
}

static void
judge_rows(const struct inspect_bundle *bundle, const uint8_t *truth, struct inspect_faults *faults)
{
	for (int i = 0; i < bundle->width; i++) {
		const bool missing = !bundle->row_there[i];
		const bool differs = !missing && truth != NULL &&
				     memcmp(&bundle->hashes[INSPECT_ROWS][i * SHA256_BYTES],
					 &truth[i * SHA256_BYTES], SHA256_BYTES) != 0;

		if (differs || (missing && !bundle->pruned))
			inspect_faults_add(
			    faults, (struct inspect_fault){.what = INSPECT_AUDIT_LEAF,
					.seq = (int64_t)bundle->first + i,
					.missing = missing});
	}
}

const uint8_t *
inspect_bundle_judge(const struct inspect_bundle *bundle, const struct inspect_anchor *anchor,
    struct inspect_faults *faults)
{
	const uint64_t above = bundle->first / (TILE_WIDTH * TILE_WIDTH);
	bool above_differs;
	const uint8_t *truth = find_truth(bundle, anchor, &above_differs);

	/* The tile above is named by the first leaf below it. */
	if (above_differs)
		inspect_faults_add(faults, (struct inspect_fault){.what = INSPECT_TILE,
					       .level = 1,
					       .seq = (int64_t)above * TILE_WIDTH * TILE_WIDTH});
	judge_file(bundle, INSPECT_HASHES, truth, faults);
	judge_file(bundle, INSPECT_FILED, truth, faults);
	judge_rows(bundle, truth, faults);
	return truth;
}
