/* adoption_store: bodies that nobody alive has signed. Internal to ca/adoption*.c. */
#ifndef CA_ADOPTION_STORE_H
#define CA_ADOPTION_STORE_H

#include "ca/adoption.h"
#include "ca/serial.h"

struct orphan { /* a committed TBSCertificate of a retired log, without signature */
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	struct buf tbs;
	char subject[LEAF_VALUE_MAX + 1]; /* of the leaf that committed to it first */
	bool adoptable;                   /* still, in the transaction that is to adopt it */
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	int64_t seq;
};
void orphan_clear(struct orphan *orphan);

/* True in *out: a retired log may have some. */
MUST_CHECK bool adoption_due(struct db *db, bool *out, struct error *err);
/* The first `max`, in the order of their log. E_RECORD_UNAVAILABLE: a log lacks their leaves */
MUST_CHECK bool adoption_read(
    struct db *db, struct orphan *out, size_t max, size_t *out_count, struct error *err);
/* Sets `adoptable` of each. */
MUST_CHECK bool adoption_look(
    struct tx *tx, struct orphan *const *orphans, size_t count, struct error *err);
/* Ends the transaction (lost race) if another node adopted one meanwhile. */
MUST_CHECK bool adoption_insert(
    struct tx *tx, int log, struct orphan *const *orphans, size_t count, struct error *err);

#endif
