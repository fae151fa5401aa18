/* erasure_store: rows of erasures, and what they are about. */
#ifndef PROVISIONING_ERASURE_STORE_H
#define PROVISIONING_ERASURE_STORE_H

#include "provisioning/erasure.h"

struct erasure_targets {                            /* what a request means, now */
	bool unknown, unsealed, erased, disclosing; /* one of the devices is */
	uint8_t ids[ERASURE_RECORDS_MAX][SHRED_ID_BYTES];
	size_t count;
};
MUST_CHECK bool erasure_store_targets(struct tx *tx, const struct erasure_request *request,
    int64_t now_s, struct erasure_targets *out, struct error *err);

/* out_id "": there is none. */
MUST_CHECK bool erasure_store_asked(struct tx *tx, int64_t person,
    const uint8_t asked[static SHA256_BYTES], char out_id[static HANDLE_TEXT_LEN + 1],
    struct error *err);
MUST_CHECK bool erasure_store_find(
    struct db *db, const char *id, struct erasure *out, bool *out_found, struct error *err);
/* Locks it. *out_open: it is recorded and not done. */
MUST_CHECK bool erasure_store_lock(
    struct tx *tx, const char *id, bool *out_open, struct error *err);
/* *out_lost_race: another node was first with one of the records. */
MUST_CHECK bool erasure_store_insert(struct tx *tx, const struct erasure *row,
    const struct erasure_targets *targets, bool *out_lost_race, struct error *err);
MUST_CHECK bool erasure_store_done(
    struct tx *tx, const char *id, bool flushed, int64_t now_s, struct error *err);

/* Ids of those that are not done, oldest first, at most `max`. */
MUST_CHECK bool erasure_store_open(struct db *db, size_t max, char (*out)[HANDLE_TEXT_LEN + 1],
    size_t *out_count, struct error *err);
/* Keys of one erasure. */
MUST_CHECK bool erasure_store_keys(struct db *db, const char *id,
    uint8_t out[static ERASURE_RECORDS_MAX][SHRED_ID_BYTES], size_t *out_count, struct error *err);
/* Keys of all, after `after` (16 zeros: from the start), at most `max`. */
MUST_CHECK bool erasure_store_all_keys(struct db *db, const uint8_t after[static SHRED_ID_BYTES],
    size_t max, uint8_t (*out)[SHRED_ID_BYTES], size_t *out_count, struct error *err);

#endif
