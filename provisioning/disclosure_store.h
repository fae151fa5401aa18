/* disclosure_store: rows of disclosures, their approvals, and what they are about. */
#ifndef PROVISIONING_DISCLOSURE_STORE_H
#define PROVISIONING_DISCLOSURE_STORE_H

#include "provisioning/disclosure.h"

/* Both read the row and its approvals; *out_found false: there is none. The first locks it. */
MUST_CHECK bool disclosure_store_lock(
    struct tx *tx, const char *id, struct disclosure *out, bool *out_found, struct error *err);
MUST_CHECK bool disclosure_store_find(
    struct db *db, const char *id, struct disclosure *out, bool *out_found, struct error *err);

MUST_CHECK bool disclosure_store_insert(struct tx *tx, const struct disclosure *row,
    const struct disclosure_text *text, struct error *err);
MUST_CHECK bool disclosure_store_approve(
    struct tx *tx, const char *id, const struct disclosure_approval *approval, struct error *err);
MUST_CHECK bool disclosure_store_set(struct tx *tx, const char *id, enum disclosure_state state,
    enum disclosure_outcome outcome, struct error *err);
/* Ids of those that are open and expired, at most `max`. */
MUST_CHECK bool disclosure_store_expired(struct db *db, int64_t now_s, size_t max,
    char (*out)[HANDLE_TEXT_LEN + 1], size_t *out_count, struct error *err);
/* How many of these pseudonyms there are. */
MUST_CHECK bool disclosure_store_count_devices(
    struct db *db, const struct disclosure_text *text, int64_t *out, struct error *err);
/* How many of them are erased. */
MUST_CHECK bool disclosure_store_count_erased(
    struct db *db, const struct disclosure_text *text, int64_t *out, struct error *err);

#define DISCLOSURE_SHARES_MAX 64 /* the newest: of one seat as many as it had holders */
struct disclosure_record {       /* what escrow has of one pseudonym */
	bool found;              /* false: it was enrolled without escrow */
	char origin[129];        /* of the log that commits to it */
	int log;
	int64_t seq;
	uint8_t tbs_nonce[COMMITMENT_NONCE_BYTES], nonce[COMMITMENT_NONCE_BYTES];
	struct buf tbs, wrapped;
	uint8_t shred_id[SHRED_ID_BYTES];
	bool erased; /* it is on record that the key goes, whether it is gone or not */
};
void disclosure_record_clear(struct disclosure_record *record);
DEFER_DECLARE_CLEAR(struct disclosure_record, disclosure_record_clear)
MUST_CHECK bool disclosure_store_record(struct db *db, const uint8_t pseudonym[static UUID_BYTES],
    struct disclosure_record *out, struct error *err);
/* Of an audit: the record of one leaf. Without the TBSCertificate: an audit names nobody. One that
 * went with its part of the log is not found, and erased. */
MUST_CHECK bool disclosure_store_record_at(struct db *db, const char *origin, int64_t seq,
    struct disclosure_record *out, struct error *err);
MUST_CHECK bool disclosure_store_seat_set(struct db *db, int64_t number, struct buf *out_body,
    struct buf *out_signature, bool *out_found, struct error *err);
struct disclosure_share { /* sealed again since */
	int role, seat;
	uint8_t public_key[SEAT_KEY_BYTES]; /* of who held it then */
	uint8_t sealed[ESCROW_SEALED_SHARE_BYTES];
};
MUST_CHECK bool disclosure_store_shares(struct db *db, const struct disclosure_record *record,
    struct disclosure_share *out, size_t *out_count, struct error *err);
/* The origin of a log. */
MUST_CHECK bool disclosure_store_origin(
    struct db *db, int log, char *out, size_t out_len, struct error *err);

#endif
