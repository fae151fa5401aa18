/*
 * issue: from a proven key to a TBSCertificate and the record that lets the keeper sign it.
 */
#ifndef CA_ISSUE_H
#define CA_ISSUE_H

#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "ca/issuer.h"
#include "ca/profile.h"
#include "ca/serial.h"
#include "db/ledger.h"

struct issue_period { /* one that is the same for many certificates */
	int64_t not_before_s, not_after_s;
	int shard; /* of its issuer: what they are revoked in */
};

struct issue_request {
	const struct profile *profile;
	const struct issuer *issuer;
	struct bytes spki;
	const char *common_name;
	const char *uuid; /* or NULL */
	const char *const *dns;
	const struct bytes *ip;
	size_t ip_count;
	int64_t now_s; /* read once per TBS */
	/* 0: the profile's, from the start of the day. Shorter, for what is no device's: from now.
	 */
	int64_t validity_s;
	const struct issue_period *period; /* or NULL: as above */
};

struct issued { /* a certificate that is not signed yet, and after the ledger is */
	const struct issuer *issuer;
	uint8_t serial[SERIAL_BYTES];
	char handle[HANDLE_TEXT_LEN + 1];
	int64_t not_before_s, not_after_s;
	struct buf tbs;
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	uint8_t commitment[SHA256_BYTES];
	uint8_t spki_sha256[SHA256_BYTES];
};
void issued_clear(struct issued *issued);
DEFER_DECLARE_CLEAR(struct issued, issued_clear)

/*
 * Draws serial, handle and nonce, quantises the validity (notBefore: start of the UTC day;
 * notAfter: that plus the profile's validity, never after the issuer's own; or as the request
 * says) and builds the TBS.
 */
MUST_CHECK bool issue_prepare(const struct issue_request *request, const struct rng *rng,
    struct issued *out, struct error *err);

/* Lets `record` carry the TBS to the keeper: tbs, nonce, issuer, ref and the leaf's commitment. */
void issue_fill_record(const struct issued *issued, struct record *record);

/* The signed certificate as DER. */
void issue_certificate(const struct issued *issued, struct bytes signature, struct buf *out);

#endif
