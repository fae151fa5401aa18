/* renew_store: rows of renewals, and what decides about them. */
#ifndef PROVISIONING_RENEW_STORE_H
#define PROVISIONING_RENEW_STORE_H

#include "base/hash.h"
#include "base/text.h"
#include "ca/serial.h"
#include "ca/status.h"
#include "db/db.h"

struct renew_presented { /* what never changes of a certificate on record */
	bool known;
	int64_t device;
	char handle[HANDLE_TEXT_LEN + 1];
	uint8_t pseudonym[UUID_BYTES];
	uint8_t spki_sha256[SHA256_BYTES];
	int64_t not_before_s, not_after_s;
	char profile[33];
};
MUST_CHECK bool renew_find_presented(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct renew_presented *out, struct error *err);

struct renew_asked { /* one question to the tables */
	int64_t device;
	const uint8_t *serial;      /* presented */
	const uint8_t *spki_sha256; /* asked for */
};
struct renew_found { /* and its answer */
	enum device_state device;
	bool held, revoked, key_known;
	bool renewed;
	uint8_t new_serial[SERIAL_BYTES];
	uint8_t new_spki_sha256[SHA256_BYTES];
};
/* Locks the devices' rows FOR SHARE in order of id, so that no status changes under a renewal. */
MUST_CHECK bool renew_read(struct tx *tx, const struct renew_asked *asked, size_t count,
    struct renew_found *out, struct error *err);

struct renew_row { /* of a winner */
	int64_t device;
	const uint8_t *serial, *new_serial, *spki_sha256;
};
/* One that is there already ends the transaction: a lost race. */
MUST_CHECK bool renew_insert(
    struct tx *tx, const struct renew_row *rows, size_t count, struct error *err);
MUST_CHECK bool renew_insert_keys(
    struct tx *tx, const struct renew_row *rows, size_t count, struct error *err);

#endif
