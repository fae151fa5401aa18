/* manifest_store: the rows of manifest_tag. */
#ifndef PROVISIONING_MANIFEST_STORE_H
#define PROVISIONING_MANIFEST_STORE_H

#include "provisioning/enroll_kind.h"
#include "provisioning/manifest.h"

/* ---- of an enrollment ---- */

/* Queues what of the proposals' tags is listed; manifest_take() understands the rows. */
MUST_CHECK bool manifest_queue_read(const struct ledger_batch *batch, struct error *err);
void manifest_take(const struct rows *rows, struct decide_snapshot *out);
/* What winners have is covered. No round trip. */
MUST_CHECK bool manifest_queue_enrolled(const struct ledger_batch *batch, struct error *err);

/* ---- of a manifest ---- */

/* tags[i] of those that are not listed yet, under either key; in the order given. */
MUST_CHECK bool manifest_store_unlisted(struct tx *tx, int64_t batch, const struct decide_tag *tags,
    size_t count, bool *out_unlisted, struct error *err);
MUST_CHECK bool manifest_store_insert(struct tx *tx, int64_t batch, const struct decide_tag *tags,
    const bool *wanted, size_t count, struct error *err);
MUST_CHECK bool manifest_store_count(
    struct db *db, int64_t batch, struct manifest_coverage *out, struct error *err);

#endif
