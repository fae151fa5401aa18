/* verify_store: what is known of a device, by its pseudonym. */
#ifndef PROVISIONING_VERIFY_STORE_H
#define PROVISIONING_VERIFY_STORE_H

#include "base/error.h"
#include "base/text.h"
#include "ca/certificate_store.h"
#include "db/db.h"

/*
 * A row per certificate, newest first, at most `max`: device state, serial, handle,
 * not_before_at_s, not_after_at_s, and of its revocation (else NULL): state, reason, revoked_at_s.
 */
MUST_CHECK bool verify_read_device(struct db *db, const uint8_t pseudonym[static UUID_BYTES],
    size_t max, struct rows **out, struct error *err);

/* Of pseudonyms of the unlinkable mode: sets those of `out` that are on record as such. */
MUST_CHECK bool verify_read_pseudonyms(struct db *db, const uint8_t (*serials)[SERIAL_BYTES],
    size_t count, struct certificate_status *out, struct error *err);

#endif
