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

static const uint8_t *
hash_at(const struct inspect_bundle *bundle, int source, int at)
{
	const bool there =
	    source == INSPECT_ROWS ? bundle->row_there[at] : bundle->readable[source];

	return there ? &bundle->hashes[source][at * SHA256_BYTES] : NULL;
}

/* False: of some leaf no two agree. */
static bool
find_common(struct inspect_bundle *bundle)
{
	for (int at = 0; at < bundle->width; at++) {
		bool agree = false;

		for (int i = 0; i < INSPECT_SOURCE_COUNT && !agree; i++) {
			const uint8_t *a = hash_at(bundle, i, at);
			const uint8_t *b = hash_at(bundle, (i + 1) % INSPECT_SOURCE_COUNT, at);

			agree = a != NULL && b != NULL && memcmp(a, b, SHA256_BYTES) == 0;
			if (agree)
				memcpy(&bundle->common[at * SHA256_BYTES], a, SHA256_BYTES);
		}
		if (!agree)
			return false;
	}
	return true;
}

static bool
leads_to(const uint8_t *hashes, const uint8_t root[static SHA256_BYTES])
{
	uint8_t made[SHA256_BYTES];

	tile_subtree(hashes, TILE_HEIGHT, made);
	return memcmp(made, root, sizeof made) == 0;
}

/* What is signed counts, not the many: they count where what is signed cannot be read. */
static const uint8_t *
find_truth(struct inspect_bundle *bundle, const struct inspect_anchor *anchor)
{
	if (anchor->hashes != NULL)
		return anchor->hashes;
	for (int i = 0; anchor->root != NULL && i < INSPECT_SOURCE_COUNT; i++)
		if (is_whole(bundle, i) && leads_to(bundle->hashes[i], anchor->root))
			return bundle->hashes[i];
	if (find_common(bundle) && (anchor->root == NULL || leads_to(bundle->common, anchor->root)))
		return bundle->common;
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

/* Something here was changed, and nothing says what. */
static void
judge_all(const struct inspect_bundle *bundle, struct inspect_faults *faults)
{
	static const enum inspect_what ALL[] = {INSPECT_TILE, INSPECT_ENTRIES, INSPECT_AUDIT_LEAF};

	for (size_t i = 0; i < COUNT(ALL); i++)
		inspect_faults_add(
		    faults, (struct inspect_fault){.what = ALL[i], .seq = (int64_t)bundle->first});
}

const uint8_t *
inspect_bundle_judge(struct inspect_bundle *bundle, const struct inspect_anchor *anchor,
    struct inspect_faults *faults)
{
	const uint8_t *truth = find_truth(bundle, anchor);

	judge_file(bundle, INSPECT_HASHES, truth, faults);
	judge_file(bundle, INSPECT_FILED, truth, faults);
	judge_rows(bundle, truth, faults);
	if (truth == NULL)
		judge_all(bundle, faults);
	return truth;
}
