/*
 * check: the keeper's own reading of what it is asked to sign. Pure. A deliberate second
 * implementation: it shares no code with ca/tbs.c but base/der.
 */
#ifndef KEEPER_CHECK_H
#define KEEPER_CHECK_H

#include "base/bytes.h"
#include "base/error.h"
#include "keeper/policy.h"

#define CHECK_TBS_MAX 8192 /* octets */

/*
 * Whether `issuer` may sign `tbs`, a DER TBSCertificate: version 3, serial form and month
 * (20 octets: 0x40 | 6 random bits, month of notBefore since January 2020, 17 random),
 * ecdsa-with-SHA256, issuer name, validity inside the policy and the issuer's own, notBefore
 * at most a day ahead of now_s and at most 400 days behind, subject form, key type, and
 * exactly the allowed extensions: basicConstraints CA:FALSE, keyUsage digitalSignature, EKU,
 * subjectAltName, authority and subject key identifier, CDP, AIA; nothing else, none twice.
 * E_KEEPER_REFUSED   `detail` says what
 */
MUST_CHECK bool check_tbs(
    const struct policy_issuer *issuer, struct bytes tbs, int64_t now_s, struct error *err);

/*
 * Whether `tbs` is the certificate of the issuer's own OCSP responder, and nothing else: for an
 * authority of devices that has an OCSP address; CN=OCSP responder, a P-256 key, valid for
 * CHECK_RESPONDER_VALIDITY_S at most, EKU OCSPSigning alone, id-pkix-ocsp-nocheck; neither
 * subjectAltName nor CDP nor AIA; the rest as above. E_KEEPER_REFUSED
 */
#define CHECK_RESPONDER_VALIDITY_S (7 * INT64_C(86400))
MUST_CHECK bool check_responder(
    const struct policy_issuer *issuer, struct bytes tbs, int64_t now_s, struct error *err);

/* The one of these two that the leaf's event is for: an authority of devices certifies its
 * responder under cert.issue, and nothing else under that. */
MUST_CHECK bool check_issued(const struct policy_issuer *issuer, enum leaf_event event,
    struct bytes tbs, int64_t now_s, struct error *err);

/* Whether this leaf's event may commit to a TBS of the issuer, and does to this one.
 * E_KEEPER_REFUSED */
MUST_CHECK bool check_leaf(const struct policy_issuer *issuer, const struct leaf_view *leaf,
    const uint8_t nonce[static COMMITMENT_NONCE_BYTES], struct bytes tbs, struct error *err);

/*
 * A TBSCertList as it streams past: `head` is all before the first entry (the outer SEQUENCE's
 * header, version, algorithm, issuer, thisUpdate, nextUpdate, and the revokedCertificates
 * header if there are entries), then whole entries, then the extensions element.
 */
struct check_crl {
	const struct policy_issuer *issuer;
	int64_t now_s;
	size_t entries_left, rest_left; /* octets that head announced */
	int shard;                      /* of the entries so far; -1: none yet */
	bool removals;                  /* an entry says removeFromCRL */
	bool delta, freshest; /* after check_crl_end(): has deltaCRLIndicator, freshestCRL */
	bool ok;
};
MUST_CHECK bool check_crl_head(struct check_crl *crl, const struct policy_issuer *issuer,
    struct bytes head, int64_t now_s, struct error *err);
MUST_CHECK bool check_crl_entries(struct check_crl *crl, struct bytes entries, struct error *err);
/*
 * *out_number, *out_shard: of cRLNumber and of the critical issuingDistributionPoint. A full CRL
 * may name the delta of its shard as freshestCRL; a delta has a critical deltaCRLIndicator with a
 * number that is not above its own, and alone may list removeFromCRL.
 */
MUST_CHECK bool check_crl_end(struct check_crl *crl, struct bytes extensions, uint64_t *out_number,
    unsigned *out_shard, struct error *err);

#endif
