/*
 * inspect_status: the rows of the status of certificates, held against each other: each that is
 * held or revoked against the change that made it so, and the changes against the chain of hashes
 * that the signed status set ends with.
 */
#ifndef AUDIT_INSPECT_STATUS_H
#define AUDIT_INSPECT_STATUS_H

#include "audit/inspect_fault.h"
#include "audit/inspect_store.h"

struct inspect_status { /* how far it is; zero-initialized: at the beginning */
	bool revocations_done;
	uint8_t revocation[INSPECT_REVOCATION_BYTES];
	int64_t change;
};

/* Looks at some rows. *out_more false: it is through. E_DATABASE_UNAVAILABLE */
MUST_CHECK bool inspect_status_step(struct db *db, struct inspect_status *status,
    struct inspect_faults *faults, bool *out_more, struct error *err);

struct inspect_change { /* a row of status_change; borrowed */
	int64_t seq;
	struct bytes issuer, serial, state;
	int64_t at_s, reason;
	struct bytes hash, before; /* `before` empty: there is no such row */
};
/* Pure. */
void inspect_change_judge(const struct inspect_change *change, struct inspect_faults *faults);

#endif
