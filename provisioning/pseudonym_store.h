/* pseudonym_store: rows of pseudonym certificates, and what decides about them. */
#ifndef PROVISIONING_PSEUDONYM_STORE_H
#define PROVISIONING_PSEUDONYM_STORE_H

#include "provisioning/pseudonym.h"

/* One key for all that ask, shared; a block takes it alone: it sees every row before it, and what
 * comes after sees the block. No row is locked: a lock is written into the row. */
MUST_CHECK bool pseudonym_lock_shared(struct tx *tx, struct error *err);
MUST_CHECK bool pseudonym_lock_alone(struct tx *tx, struct error *err);

struct pseudonym_asked {       /* one question to the tables */
	const uint8_t *serial; /* presented */
	int64_t device;        /* of a birth certificate; 0: a pseudonym's */
	const uint8_t *spki_sha256, *block;
	int16_t month; /* of the certificate to be */
	const uint8_t (*slots)[LINK_SLOT_BYTES];
};
MUST_CHECK bool pseudonym_read(struct tx *tx, const struct pseudonym_asked *asked, size_t count,
    struct pseudonym_facts *out, struct error *err);

struct pseudonym_row { /* of a winner */
	const struct issued *issued;
	const uint8_t *pseudonym, *link, *slot;
	int64_t seq; /* of the leaf that commits to it */
};
/* Certificates, keys, bodies. One that is there already ends the transaction: a lost race. */
MUST_CHECK bool pseudonym_insert(
    struct tx *tx, int log, const struct pseudonym_row *rows, size_t count, struct error *err);

/* Whose the key is. *out_known false: nobody's. A device of its own: *out_of_device. */
struct pseudonym_key {
	bool known, of_device;
	uint8_t serial[SERIAL_BYTES];
	uint8_t link[LINK_BYTES];
};
MUST_CHECK bool pseudonym_find_key(struct db *db, const uint8_t spki_sha256[static SHA256_BYTES],
    struct pseudonym_key *out, struct error *err);

#endif
