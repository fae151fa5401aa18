/* pseudonym_revoke_store: blocks, and the certificates that end with them. */
#ifndef PROVISIONING_PSEUDONYM_REVOKE_STORE_H
#define PROVISIONING_PSEUDONYM_REVOKE_STORE_H

#include "provisioning/pseudonym_revoke.h"

struct pseudonym_block_row {
	uint8_t block[LINK_BLOCK_BYTES];
	uint8_t serial[SERIAL_BYTES]; /* random: what the link is bound to */
	uint8_t link[LINK_BYTES];
	int64_t due_s;
};

/* By serial, pseudonym or handle; *out_found false: there is none. */
MUST_CHECK bool pseudonym_find_target(struct db *db, enum revoke_select select, const char *value,
    struct pseudonym_target *out, bool *out_found, struct error *err);

MUST_CHECK bool pseudonym_blocks_exist(
    struct tx *tx, const struct bytes *blocks, size_t count, bool *out_exist, struct error *err);
MUST_CHECK bool pseudonym_insert_block(
    struct tx *tx, const struct pseudonym_block_row *row, struct error *err);
/* Which of these certificates are revoked already. */
MUST_CHECK bool pseudonym_read_revoked(struct tx *tx, const struct pseudonym_target *const *targets,
    size_t count, bool *out_revoked, struct error *err);

/* ---- ticks ---- */

#define PSEUDONYM_CLAIM_S 60 /* after a crash they are due again */
/* Those that are due become this node's for PSEUDONYM_CLAIM_S. */
MUST_CHECK bool pseudonym_claim_due(struct db *db, int64_t now_s, struct pseudonym_block_row *out,
    size_t max, size_t *out_count, struct error *err);
struct pseudonym_slots { /* slots[i] is of months[i] */
	const int16_t *months;
	const struct bytes *slots;
	size_t count;
};
/* Certificates in these slots that are valid and not revoked. */
MUST_CHECK bool pseudonym_find_held(struct db *db, const struct pseudonym_slots *slots,
    int64_t now_s, struct pseudonym_target *out, size_t max, size_t *out_count, struct error *err);
MUST_CHECK bool pseudonym_blocks_done(
    struct db *db, const struct pseudonym_block_row *rows, size_t count, struct error *err);

/* Devices. */
MUST_CHECK bool pseudonym_read_asked_blocks(
    struct db *db, int64_t *out, size_t max, size_t *out_count, struct error *err);
MUST_CHECK bool pseudonym_forget_asked_block(struct db *db, int64_t device, struct error *err);

#endif
