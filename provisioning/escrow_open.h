/*
 * escrow_open: the officers' side of escrow. Offline: `moniker` has it, the service does not.
 *
 * Every field of a share is held against the record, the key against its commitment (Poly1305 alone
 * does not commit to a key), so that one record opens to one identity or not at all. That the
 * record is the one of the audit log is for the caller to check first.
 */
#ifndef PROVISIONING_ESCROW_OPEN_H
#define PROVISIONING_ESCROW_OPEN_H

#include "base/secret.h"
#include "provisioning/escrow.h"

struct seat_key { /* an officer's seat with its secret half */
	struct seat seat;
	struct secret *secret; /* X25519, SEAT_KEY_BYTES */
};
void seat_key_clear(struct seat_key *key);
DEFER_DECLARE_CLEAR(struct seat_key, seat_key_clear)

struct escrow_share { /* one group's half of the record key: wipe it */
	uint8_t group;
	uint8_t octets[ESCROW_KEY_BYTES];
};
void escrow_share_clear(struct escrow_share *share);
DEFER_DECLARE_CLEAR(struct escrow_share, escrow_share_clear)

/*
 * What the seat has in the record; `resealed`: sealed to it by another seat of its role later, or
 * empty: the record's own.
 * E_ESCROW_UNREADABLE   the seat has no share, its key does not open it, or a field differs
 */
MUST_CHECK bool escrow_share_open(const struct escrow_view *view, const struct seat_key *key,
    struct bytes resealed, struct escrow_share *out, struct error *err);
/* Seals it again, to the holder of another seat of the same group in the record. Appends
 * ESCROW_SEALED_SHARE_BYTES. E_ESCROW_UNREADABLE: the record has no such seat */
MUST_CHECK bool escrow_share_reseal(const struct escrow_view *view,
    const struct escrow_share *share, const struct seat *to, struct buf *out, struct error *err);

/*
 * One share of each group makes the key. Appends the fields, unpadded; the caller wipes them.
 * E_ESCROW_UNREADABLE   a group is missing, or they do not belong together
 */
MUST_CHECK bool escrow_open(const struct escrow_view *view, const struct escrow_share *shares,
    size_t count, struct buf *out, struct error *err);

/* The next field of an opened record; false at the end. E_ESCROW_UNREADABLE goes into `err`. */
struct escrow_value {
	enum escrow_field field;
	uint8_t hardware_type; /* enum hwid_type, of ESCROW_HARDWARE_ID */
	struct bytes value;
};
bool escrow_next(struct bytes *rest, struct escrow_value *out, struct error *err);

#endif
