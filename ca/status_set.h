/*
 * status_set: the certificates that are held or revoked, in memory, by serial and issuer. Pure.
 *
 * 28 octets an entry in open-addressed tables that are at least two thirds full once they are
 * large: 34 to 42 MB for 1,000,000. Not thread-safe: ca/status_index.h is.
 */
#ifndef CA_STATUS_SET_H
#define CA_STATUS_SET_H

#include "base/defer.h"
#include "ca/reason.h"
#include "ca/serial.h"
#include "keeper/key.h"

#define STATUS_SET_ISSUERS_MAX 255

enum certificate_state { /* nothing is known against it, or ... */
	CERTIFICATE_CLEAR,
	CERTIFICATE_HELD,
	CERTIFICATE_REVOKED
};
const char *certificate_state_name(enum certificate_state state); /* "good" "held" "revoked" */
bool certificate_state_of(const char *name, enum certificate_state *out);

struct status_entry {
	uint8_t serial[SERIAL_BYTES];
	uint8_t issuer[ISSUER_ID_BYTES];
	enum certificate_state state;
	enum reason reason;
	int64_t at_s;        /* held or revoked since; 1970 to 2106 */
	int64_t not_after_s; /* the certificate's, rounded up to a whole day; 0: not known */
};

struct status_set;
struct status_set *status_set_new(void);
void status_set_free(struct status_set *set);
DEFER_DECLARE(struct status_set, status_set_free)
/* Room for so many, so that the tables need not grow on the way there. */
void status_set_reserve(struct status_set *set, size_t count);

/*
 * Adds, changes or (CERTIFICATE_CLEAR) removes. A revocation is final: what would change one is
 * passed over, as the database does. False: not one of our serial numbers, or more than
 * STATUS_SET_ISSUERS_MAX issuers; nothing has changed.
 */
MUST_CHECK bool status_set_put(struct status_set *set, const struct status_entry *entry);
/* False: there is none. `out` may be NULL. */
bool status_set_find(const struct status_set *set, const uint8_t serial[static SERIAL_BYTES],
    const uint8_t issuer[static ISSUER_ID_BYTES], struct status_entry *out);

size_t status_set_count(const struct status_set *set, enum certificate_state state);
size_t status_set_bytes(const struct status_set *set); /* of memory */
/*
 * All entries, in no order, to `out`, which has room for status_set_count() of both states.
 */
void status_set_copy(const struct status_set *set, struct status_entry *out);

#endif
