/*
 * seats: the seat set in force, as this service has read and verified it.
 *
 * A set counts only with the signature of an Operations Root over its octets. One that has none
 * stays out, and the last good one goes on.
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
 * outbox. E_NOT_FOUND: the ring is another one's */
MUST_CHECK bool seats_publish(struct tx *tx, const struct issuer *root, const struct keyring *roots,
    const struct seat_set *set, int64_t now_s, const struct rng *rng, struct error *err);

const struct stmt *const *seats_statements(void);

#endif
