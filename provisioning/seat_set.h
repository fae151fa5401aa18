/*
 * seat_set: who can open escrow: the public halves of the officers' seats, numbered and signed.
 * Pure.
 *
 *   moniker-seat-set/1
 *   number 3
 *   legal 1 <base64 of an X25519 public key>
 *   legal 2 ...
 *   officer 1 ...
 *
 * A seat is a place in a role; who holds it may change from one set to the next. The Operations
 * Root signs these octets, so that nobody who can only write to the database chooses the seats.
 */
#ifndef PROVISIONING_SEAT_SET_H
#define PROVISIONING_SEAT_SET_H

#include "base/buf.h"
#include "base/error.h"

#define SEAT_KEY_BYTES 32
#define SEAT_NUMBER_MAX 16 /* also: seats of one role */
#define SEAT_SET_MAX (2 * SEAT_NUMBER_MAX)
#define SEAT_SET_TEXT_MAX 4096 /* octets */

/* Groups of the sealed record: all are needed, any one seat of each suffices. */
enum seat_role { SEAT_LEGAL = 1, SEAT_OFFICER, SEAT_ROLE_END };
const char *seat_role_name(enum seat_role role); /* "legal" */
bool seat_role_of(struct bytes name, enum seat_role *out);

struct seat {
	enum seat_role role;
	int number; /* 1 to SEAT_NUMBER_MAX */
	uint8_t public_key[SEAT_KEY_BYTES];
};

struct seat_set {
	uint32_t number; /* 1 and up: of two sets the one with the larger is in force */
	struct seat seats[SEAT_SET_MAX]; /* by role, then number; each once */
	size_t count;
};

/* The seats, in any order, become a set. E_BAD_SYNTAX: a role has none, or a seat or key is there
 * twice, or there are too many */
MUST_CHECK bool seat_set_make(uint32_t number, const struct seat *seats, size_t count,
    struct seat_set *out, struct error *err);
void seat_set_encode(const struct seat_set *set, struct buf *out);
/* Exactly the octets that seat_set_encode() writes. E_BAD_SYNTAX */
MUST_CHECK bool seat_set_parse(struct bytes text, struct seat_set *out, struct error *err);
/* NULL: there is no such seat */
const struct seat *seat_set_find(const struct seat_set *set, enum seat_role role, int number);

/* One seat's line, "legal 1 <base64>\n": what an officer hands to the admin. */
void seat_encode(const struct seat *seat, struct buf *out);
MUST_CHECK bool seat_parse(struct bytes line, struct seat *out, struct error *err);

#endif
