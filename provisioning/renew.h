/* renew: a device's next certificate under its own present one: same pseudonym, same or new key. */
#ifndef PROVISIONING_RENEW_H
#define PROVISIONING_RENEW_H

#include "ca/status.h"
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
/* What stands on record of a certificate that a device presents: but for its status, for ever. */
struct renew_presented {
	bool known;
	bool revoked; /* when it was read */
	int64_t device;
	char handle[HANDLE_TEXT_LEN + 1];
	uint8_t pseudonym[UUID_BYTES];
	uint8_t spki_sha256[SHA256_BYTES];
	int64_t not_before_s, not_after_s;
	char profile[33];
};
/* Not on record: true, and out->known is false. */
MUST_CHECK bool renew_find_presented(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct renew_presented *out, struct error *err);

struct renew_request {
	uint8_t
	    serial[SERIAL_BYTES]; /* of the certificate that the device presented (and proved) */
	const uint8_t *presented_spki_sha256;    /* its key */
	const struct renew_presented *presented; /* found with this request */
	struct bytes csr;                        /* PEM or base64 or DER */
	const struct bytes *binding;             /* as in struct enroll_request */
};
/* Two thirds into the validity. */
int64_t renew_after_s(int64_t not_before_s, int64_t not_after_s);

/* What stands on record of a presented certificate and the key asked for, read under lock. */
struct renew_facts {
	enum device_state device;
	bool held, revoked; /* the certificate itself */
	int64_t not_before_s, not_after_s;
	bool same_key;      /* asked for: the presented certificate's own */
	bool key_known;     /* the key asked for stands in device_key */
	bool renewed;       /* this certificate was renewed before ... */
	bool renewed_alike; /* ... with the key asked for now */
};
enum renew_decision { RENEW_REFUSE, RENEW_ISSUE, RENEW_REPLAY };
/* The rules, pure; *err is set for RENEW_REFUSE only. */
enum renew_decision renew_judge(const struct renew_facts *facts, int64_t now_s, struct error *err);

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
