/*
 * pseudonym: certificates of the unlinkable mode: a new name and a new key for each epoch.
 *
 * A device asks with its birth certificate, or with a pseudonym's that is valid. What is recorded
 * ties the two together for nobody but the keeper (keeper/link.h): no row names the device, and no
 * transaction writes to the device's own rows, not even a lock.
 */
#ifndef PROVISIONING_PSEUDONYM_H
#define PROVISIONING_PSEUDONYM_H

#include "keeper/client_link.h"
#include "provisioning/enroll.h"
#include "provisioning/epoch.h"
#include "provisioning/renew.h"

#define PSEUDONYM_QUOTA 4 /* certificates that a device may have in one epoch */

struct pseudonym_service {
	struct db *db;
	struct ledger *ledger;
	struct keeper_client *keeper;
	const struct issuers *issuers;
	const struct ledger_kind *kind;
	const struct clock *clock;
	const struct rng *rng;
};

/* What stands on record of a pseudonym's certificate. */
struct pseudonym_presented {
	bool known;
	bool revoked; /* when it was read */
	uint8_t spki_sha256[SHA256_BYTES];
	uint8_t link[LINK_BYTES];
};
/* Not on record: true, and out->known is false. */
MUST_CHECK bool pseudonym_find_presented(struct db *db, const uint8_t serial[static SERIAL_BYTES],
    struct pseudonym_presented *out, struct error *err);

struct pseudonym_request {
	const uint8_t *serial;                /* of the certificate that was presented and proved */
	const uint8_t *presented_spki_sha256; /* its key */
	const struct renew_presented *birth;  /* when that is a birth certificate; or NULL, and: */
	const struct pseudonym_presented *pseudonym;
	struct bytes csr;
	bool next_epoch; /* the one to come, from a day before it starts */
};

/* What stands on record, read in the transaction. */
struct pseudonym_facts {
	enum device_state device; /* of a birth certificate; else DEVICE_ACTIVE */
	bool held, revoked;       /* the presented certificate itself */
	bool blocked;             /* the device, by its keyed hash */
	bool key_known;           /* the key asked for stands in device_key */
	bool slot_taken[PSEUDONYM_QUOTA];
};
enum pseudonym_decision { PSEUDONYM_REFUSE, PSEUDONYM_ISSUE, PSEUDONYM_RECALL };
/* The rules, pure. *out_place: the slot that an issue takes. *err is set for PSEUDONYM_REFUSE. */
enum pseudonym_decision pseudonym_judge(
    const struct pseudonym_facts *facts, size_t *out_place, struct error *err);

/*
 * The same key again by the same device gets what is recorded. E_DEVICE_BLOCKED, E_DEVICE_HELD,
 * E_PSEUDONYMS_EXHAUSTED (retry_after_s set), E_NOT_DUE, E_KEY_REUSED, E_UNKNOWN_DEVICE,
 * E_CALLER_UNKNOWN, E_NOT_OFFERED (no Pseudonym CA yet), and those of the CSR.
 */
MUST_CHECK bool pseudonym_issue(const struct pseudonym_service *service,
    const struct pseudonym_request *request, struct enrolled *out, struct error *err);

struct ledger_kind *pseudonym_kind_new(void);
void pseudonym_kind_free(struct ledger_kind *kind);
const struct stmt *const *pseudonym_statements(void);

#endif
