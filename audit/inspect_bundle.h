/*
 * inspect_bundle: up to 256 leaves of a log three times: as rows, as a published bundle of entries,
 * and as a published tile of hashes. What is signed says which of them is not as it was. Pure.
 */
#ifndef AUDIT_INSPECT_BUNDLE_H
#define AUDIT_INSPECT_BUNDLE_H

#include "audit/inspect_fault.h"
#include "proof/tile.h"

enum inspect_source { INSPECT_HASHES, INSPECT_FILED, INSPECT_ROWS, INSPECT_SOURCE_COUNT };

struct inspect_bundle {
	uint64_t first;
	int width;
	bool pruned; /* the rows were dropped, as retention may */
	/* Files: whether they are there, and are as long as they have to be. */
	bool there[INSPECT_SOURCE_COUNT], readable[INSPECT_SOURCE_COUNT];
	bool row_there[TILE_WIDTH];
	uint8_t hashes[INSPECT_SOURCE_COUNT][TILE_WIDTH * SHA256_BYTES];
	uint8_t common[TILE_WIDTH * SHA256_BYTES]; /* of each leaf that which two agree on */
};

/* What is signed above it. Both NULL: that cannot be read, and only the three are compared. */
struct inspect_anchor {
	const uint8_t *hashes; /* those of the leaves themselves; or NULL */
	const uint8_t *root;   /* of 256 of them; or NULL */
};

/*
 * Adds what is not as it was signed; what cannot be told apart is named by the first leaf. The
 * hashes that are right, borrowed from either; NULL: nothing here leads to what is signed.
 */
const uint8_t *inspect_bundle_judge(struct inspect_bundle *bundle,
    const struct inspect_anchor *anchor, struct inspect_faults *faults);

#endif
