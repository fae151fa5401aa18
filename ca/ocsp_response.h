/*
 * ocsp_response: an OCSP answer (RFC 6960 section 4.2) written around one signature. Pure, but for
 * the key that signs.
 */
#ifndef CA_OCSP_RESPONSE_H
#define CA_OCSP_RESPONSE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "ca/reason.h"
#include "keeper/key.h"

enum ocsp_status { /* OCSPResponseStatus, by its number */
	OCSP_SUCCESSFUL = 0,
	OCSP_MALFORMED = 1,
	OCSP_INTERNAL = 2,
	OCSP_TRY_LATER = 3,
	OCSP_UNAUTHORIZED = 6,
};

/* An answer that is but a status: nothing in it is signed. */
void ocsp_response_refuse(enum ocsp_status status, struct buf *out);

enum ocsp_state { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN, OCSP_STATE_COUNT };

struct ocsp_single {         /* what is said of one certificate */
	struct bytes certid; /* the element as it was asked for; borrowed */
	enum ocsp_state state;
	enum reason reason; /* of OCSP_REVOKED; REASON_HOLD: on hold */
	int64_t revoked_at_s;
};

#define OCSP_KEY_HASH_BYTES 20 /* SHA-1 of the responder's key, RFC 6960 section 4.2.1 */

struct ocsp_answer { /* all borrowed */
	const struct ocsp_single *singles;
	size_t count;
	struct bytes nonce; /* echoed; empty: none */
	int64_t produced_at_s, this_update_s, next_update_s;
	const uint8_t *key_hash; /* OCSP_KEY_HASH_BYTES */
	const struct key *key;
	struct bytes certificate; /* the responder's, DER */
};

/* Appends the OCSPResponse, signed with ecdsa-with-SHA256. E_INTERNAL: no signature */
MUST_CHECK bool ocsp_response_build(
    const struct ocsp_answer *answer, struct buf *out, struct error *err);

#endif
