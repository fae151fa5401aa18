/*
 * manifest: the hardware that a batch is for, as a list of tags.
 *
 * A batch that was opened with a manifest enrolls only hardware all of whose ids are listed. The
 * list grows until the batch is closed, and nothing leaves it.
 */
#ifndef PROVISIONING_MANIFEST_H
#define PROVISIONING_MANIFEST_H

#include "provisioning/batch.h"
#include "provisioning/enroll.h"

#define MANIFEST_ADD_MAX KEEPER_POINTS_MAX /* tags in one call */

struct manifest_coverage {
	int64_t listed;   /* tags */
	int64_t enrolled; /* of these, tags that a device has or had */
};

struct manifest_addition {
	const char *batch; /* name */
	const char *actor; /* "admin:<handle>" */
	uint8_t kid;
	const uint8_t (*tags)[TAG_BYTES];
	size_t count; /* 1 to MANIFEST_ADD_MAX */
};
/*
 * Lists the tags that are not, with a leaf batch.change that counts them; *out_added are those. The
 * same again adds none and leaves no leaf.
 * E_UNKNOWN_BATCH, E_BATCH_CLOSED
 * E_STATE_CONFLICT    the batch was opened without a manifest
 * E_TAG_INVALID       one is no point of the group, or the identity
 * E_TAG_KEY_CHANGED   made with a key that is not in use any more
 */
MUST_CHECK bool manifest_add(const struct enroll_service *service,
    const struct manifest_addition *addition, size_t *out_added, struct error *err);
/* E_UNKNOWN_BATCH, E_STATE_CONFLICT */
MUST_CHECK bool manifest_get_coverage(
    struct db *db, const char *batch, struct manifest_coverage *out, struct error *err);

const struct stmt *const *manifest_statements(void);

#endif
