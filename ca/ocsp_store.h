/* ocsp_store: what the database says of certificates that OCSP is asked for. */
#ifndef CA_OCSP_STORE_H
#define CA_OCSP_STORE_H

#include "ca/ocsp_memory.h"
#include "db/db.h"

struct ocsp_row {
	bool issued; /* there is such a certificate, of this issuer: */
	uint8_t issuer[ISSUER_ID_BYTES];
	bool has_signature; /* and so it stays: nothing aborts it any more */
	int64_t not_after_s;
	enum ocsp_state state; /* OCSP_UNKNOWN: not issued */
	enum reason reason;
	int64_t revoked_at_s;
};
/* One set statement for all; out[i] belongs to serials[i]. */
MUST_CHECK bool ocsp_store_read(struct db *db, const uint8_t (*serials)[SERIAL_BYTES], size_t count,
    struct ocsp_row *out, struct error *err);

#endif
