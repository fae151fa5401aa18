/*
 * seats: the seat set in force, as this service has read and verified it.
 *
 * A set counts only with the signature of an Operations Root over its octets. One that has none
 * stays out, and the last good one goes on. One of which a role has lost the keys of all seats is
 * in force no more, for nobody could open what is sealed to it; no older one comes back.
 */
#ifndef PROVISIONING_SEATS_H
#define PROVISIONING_SEATS_H

#include "ca/issuer.h"
#include "keeper/keyring.h"
#include "provisioning/seat_set.h"

struct seats;
struct seats *seats_new(struct db *db, const struct issuers *issuers);
void seats_free(struct seats *seats);
DEFER_DECLARE(struct seats, seats_free)

/* Reads the newest. E_CONFIG_INVALID: its signature or form is wrong */
MUST_CHECK bool seats_reload(struct seats *seats, struct error *err);
/* Copies it. False: there is none. Any thread. */
bool seats_get(struct seats *seats, struct seat_set *out);
/* The newest that was read, in force or not. *out_lost: bit i, that the key of its seat i is lost.
 */
bool seats_look(struct seats *seats, struct seat_set *out, uint32_t *out_lost);

/* The same, with the Operations Root's signature over seat_set_encode() of it, for those who trust
 * nobody else. */
bool seats_get_signed(struct seats *seats, struct seat_set *out, struct buf *out_signature);

/* The octets are a set that this root signed. E_CONFIG_INVALID */
MUST_CHECK bool seats_verify(const struct issuer *root, struct bytes body, struct bytes signature,
    struct seat_set *out, struct error *err);

/* ---- for the tool on the host, as the owner ---- */

/* The newest set's number; 0: none. */
MUST_CHECK bool seats_last_number(struct tx *tx, uint32_t *out, struct error *err);
/* Signs with the root's key in `roots`, writes the row, and the leaf seatset.change by way of the
 * outbox. E_NOT_FOUND: the ring is another one's. E_STATE_CONFLICT: the key of a seat is lost */
MUST_CHECK bool seats_publish(struct tx *tx, const struct issuer *root, const struct keyring *roots,
    const struct seat_set *set, int64_t now_s, const struct rng *rng, struct error *err);

/*
 * The key that this place has in the newest set is lost, for ever; the leaf seat.lost goes out by
 * way of the outbox. *out_left: seats of the role that are left in it.
 * E_NOT_FOUND        there is no set, or no such seat in it
 * E_STATE_CONFLICT   it is lost already
 */
MUST_CHECK bool seats_lose(struct tx *tx, enum seat_role role, int number, int64_t now_s,
    const struct rng *rng, int *out_left, struct error *err);

const struct stmt *const *seats_statements(void);

#endif
