/*
 * inspect_rows: rows beside the log, held against the leaf that commits to them, or says what they
 * say. Pure: the leaf is one that was proven.
 */
#ifndef AUDIT_INSPECT_ROWS_H
#define AUDIT_INSPECT_ROWS_H

#include "audit/inspect_fault.h"
#include "proof/leaf.h"

struct inspect_committed { /* what a leaf commits to, as it is stored; borrowed */
	int64_t seq;
	enum inspect_what kind; /* certificate_body, certificate_adoption, disclosure, erasure */
	struct bytes nonce, body;
	/* of a certificate: */
	struct bytes serial, issuer;
	bool aborted; /* the keeper refused it: its row is gone */
	/* and its own row, if it has a handle: */
	struct bytes handle, row_issuer, spki_sha256;
	int64_t not_before_s, not_after_s;
	bool is_device;     /* it is in `certificate` */
	struct bytes batch; /* its device's; empty: the device has no row */
};
void inspect_committed_judge(const struct inspect_committed *stored, const struct leaf_view *leaf,
    struct inspect_faults *faults);

/* A leaf of a device's certificate: a body is there for as long as its month is. */
bool inspect_wants_body(const struct leaf_view *leaf);

/* The certificate is revoked for ever since this leaf: its handle; empty: it says nothing such. */
struct bytes inspect_revoked_handle(const struct leaf_view *leaf);
/* Whether this is what such a leaf says; `state` empty: the certificate has no revocation. */
bool inspect_revocation_fits(const struct leaf_view *leaf, struct bytes state, int64_t reason);

/* Certificates of which no row is left and a restored backup says so: leaves before this one, which
 * are lost since. 0: it is no such leaf. */
int64_t inspect_restored_from(const struct leaf_view *leaf);

#endif
