/* renew_store: rows of renewals, and what decides about them. */
#ifndef PROVISIONING_RENEW_STORE_H
#define PROVISIONING_RENEW_STORE_H

#include "ca/status.h"
#include "provisioning/renew.h"

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
	const struct renew_presented *presented;
	const uint8_t *serial; /* presented */
	const struct issued *issued;
	int64_t seq; /* of the leaf that commits to it */
	bool same_key;
};
/* Renewals, keys, certificates, bodies. One that is there already ends the transaction: a lost
 * race. */
MUST_CHECK bool renew_insert(
    struct tx *tx, int log, const struct renew_row *rows, size_t count, struct error *err);

#endif
