/*
 * escrow: a device's identity, sealed for the officers. Pure but for the randomness of the seals.
 *
 * A fresh key encrypts the record; the key is the XOR of one half for each role, and each half is
 * sealed to every seat of its role. So one seat of each role opens it, and no number of seats of
 * one role does. Nothing in here opens: provisioning/escrow_open.h, which the service does not
 * have.
 *
 * ESC1, big endian (docs/identity.md):
 *   0 "ESC1" | 4 version 1 | 5 suite 1 | 6 G, number of groups | 7 0 | 8 escrow id(16)
 *   24 seat set(4) | 28 commitment(32) | 60 nonce(24) | 84 length of the ciphertext(2) = 272
 *   86 ciphertext(272), associated data = octets 0..85
 *   358 for each group: group(1) k(1) n(1), then n times [ seat(1) x(1) sealed share(112) ]
 * Commitment: BLAKE2b-256(key = record key, "moniker-escrow" || escrow id).
 * Share, before it is sealed: "ES" 1 group seat x k n escrow id(16) share(32) seat set(4) 0(4).
 */
#ifndef PROVISIONING_ESCROW_H
#define PROVISIONING_ESCROW_H

#include "base/rng.h"
#include "provisioning/hwid.h"
#include "provisioning/seat_set.h"

#define ESCROW_ID_BYTES 16
#define ESCROW_KEY_BYTES 32
#define ESCROW_NONCE_BYTES 24
#define ESCROW_COMMITMENT_BYTES 32
#define ESCROW_HEADER_BYTES 86 /* the associated data */
#define ESCROW_PLAIN_BYTES 256 /* padded: the length tells nothing */
#define ESCROW_CIPHERTEXT_BYTES (ESCROW_PLAIN_BYTES + 16)
#define ESCROW_SHARE_BYTES 64
#define ESCROW_SEALED_SHARE_BYTES (ESCROW_SHARE_BYTES + 48)
#define ESCROW_GROUPS_MAX 4
#define ESCROW_MAX                                       \
	(ESCROW_HEADER_BYTES + ESCROW_CIPHERTEXT_BYTES + \
	    ESCROW_GROUPS_MAX * (3 + SEAT_NUMBER_MAX * (2 + ESCROW_SEALED_SHARE_BYTES)))
#define ESCROW_TEXT_MAX ((ESCROW_MAX + 2) / 3 * 4) /* in base64 */

/* Fields of the plaintext: tag(1) length(1) value; a hardware id's value begins with its type. */
enum escrow_field {
	ESCROW_HARDWARE_ID = 1,
	ESCROW_MODEL,
	ESCROW_LINE,
	ESCROW_DAY, /* "2026-01-01" */
	ESCROW_CUSTOMER,
	ESCROW_STATION, /* handle of the station or token */
	ESCROW_FIELD_END
};

struct escrow_identity {                           /* borrowed */
	struct bytes hardware_ids[HWID_COUNT_MAX]; /* messages of hwid.h */
	size_t hardware_id_count;
	struct bytes model; /* cut to what fits behind all else: it is the batch's, too */
	struct bytes station;
	int64_t now_s; /* the day of it is kept */
};

/*
 * Appends one sealed record. What it drew and made of secrets is wiped.
 * E_INTERNAL   a seat's key cannot be sealed to
 */
MUST_CHECK bool escrow_seal(const struct escrow_identity *identity, const struct seat_set *set,
    const struct rng *rng, struct buf *out, struct error *err);

struct escrow_place { /* one seat's share */
	uint8_t seat, x;
	struct bytes sealed;
};
struct escrow_group {
	uint8_t group, k, n;
	struct bytes octets; /* all of it, as it stands in the record */
	struct escrow_place places[SEAT_NUMBER_MAX];
};
struct escrow_view { /* borrowed from the record */
	struct bytes header, id, commitment, nonce, ciphertext;
	uint32_t seat_set;
	size_t group_count;
	struct escrow_group groups[ESCROW_GROUPS_MAX];
};
/* Exactly one record; says nothing of what is sealed. E_ESCROW_UNREADABLE */
MUST_CHECK bool escrow_parse(struct bytes record, struct escrow_view *out, struct error *err);
/*
 * That it is sealed to exactly the seats of this set: all that can be seen of a record without a
 * seat's key. E_SEALED_INVALID, E_SEAT_SET_CHANGED: it names another set
 */
MUST_CHECK bool escrow_fits(
    const struct escrow_view *view, const struct seat_set *set, struct error *err);
/*
 * What one role sees of a record: the header, and its own group's octets. Without the ciphertext
 * nobody opens it, whatever their seats. E_ESCROW_UNREADABLE
 */
MUST_CHECK bool escrow_parse_part(
    struct bytes header, struct bytes group, struct escrow_view *out, struct error *err);
/* NULL: the role has no share in it */
const struct escrow_group *escrow_find_group(const struct escrow_view *view, enum seat_role role);
/* NULL: this seat has no share in it */
const struct escrow_place *escrow_find_place(
    const struct escrow_view *view, enum seat_role role, int seat, const struct escrow_group **out);

/* Of both who seal and who open. */
void escrow_commit(uint8_t out[static ESCROW_COMMITMENT_BYTES],
    const uint8_t key[static ESCROW_KEY_BYTES], struct bytes id);
void escrow_share_encode(uint8_t out[static ESCROW_SHARE_BYTES], const struct escrow_group *group,
    const struct escrow_place *place, struct bytes id, uint32_t seat_set,
    const uint8_t share[static ESCROW_KEY_BYTES]);

#endif
