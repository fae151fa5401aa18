/* renew: a device's next certificate under its own present one: same pseudonym, same or new key. */
#ifndef PROVISIONING_RENEW_H
#define PROVISIONING_RENEW_H

#include "provisioning/enroll.h"

#define RENEW_GRACE_S (INT64_C(30) * 86400) /* after expiry */

struct renew_service {
	struct db *db;
	struct ledger *ledger;
	const struct issuers *issuers;
	const struct ledger_kind *kind;
	const struct clock *clock;
	const struct rng *rng;
};
struct renew_request {
	uint8_t
	    serial[SERIAL_BYTES]; /* of the certificate that the device presented (and proved) */
	const uint8_t *presented_spki_sha256; /* its key */
	struct bytes csr;
};
/* Two thirds into the validity. */
int64_t renew_after_s(int64_t not_before_s, int64_t not_after_s);

/*
 * E_NOT_DUE (retry_after_s set), E_DEVICE_HELD, E_DEVICE_BLOCKED (revoked), E_KEY_REUSED (another
 * key after one was recorded for this certificate; a key of another device), E_UNKNOWN_DEVICE, and
 * those of the CSR.
 */
MUST_CHECK bool renew(const struct renew_service *service, const struct renew_request *request,
    struct enrolled *out, struct error *err);

struct ledger_kind *renew_kind_new(void);
void renew_kind_free(struct ledger_kind *kind);
const struct stmt *const *renew_statements(void);

#endif
