/* oid: object identifiers as the contents octets of their DER, and the algorithm that we sign with.
 */
#ifndef CA_OID_H
#define CA_OID_H

#include "base/bytes.h"

extern const struct bytes OID_COMMON_NAME;

extern const struct bytes OID_SUBJECT_KEY_IDENTIFIER;
extern const struct bytes OID_KEY_USAGE;
extern const struct bytes OID_SUBJECT_ALT_NAME;
extern const struct bytes OID_BASIC_CONSTRAINTS;
extern const struct bytes OID_CRL_NUMBER;
extern const struct bytes OID_REASON_CODE;
extern const struct bytes OID_DELTA_CRL_INDICATOR;
extern const struct bytes OID_ISSUING_DISTRIBUTION_POINT;
extern const struct bytes OID_CRL_DISTRIBUTION_POINTS;
extern const struct bytes OID_AUTHORITY_KEY_IDENTIFIER;
extern const struct bytes OID_EXTENDED_KEY_USAGE;
extern const struct bytes OID_FRESHEST_CRL;
extern const struct bytes OID_AUTHORITY_INFO_ACCESS;

extern const struct bytes OID_CHALLENGE_PASSWORD;   /* PKCS #9 */
extern const struct bytes OID_EST_IDENTITY_LINKING; /* RFC 7894 */
extern const struct bytes OID_DATA;                 /* PKCS #7 */
extern const struct bytes OID_SIGNED_DATA;
extern const struct bytes OID_EC_PUBLIC_KEY;
extern const struct bytes OID_SECP256R1;
extern const struct bytes OID_ECDSA_SHA256;

extern const struct bytes OID_SERVER_AUTH;
extern const struct bytes OID_CLIENT_AUTH;
extern const struct bytes OID_OCSP_SIGNING;
extern const struct bytes OID_STATUS_SIGNING; /* of ours, docs/status.md */
extern const struct bytes OID_AD_OCSP;
extern const struct bytes OID_AD_CA_ISSUERS;

/* RFC 6960 sections 4.2.1, 4.2.2.2.1, 4.4.1 and 4.4.3. */
extern const struct bytes OID_OCSP_BASIC;
extern const struct bytes OID_OCSP_NONCE;
extern const struct bytes OID_OCSP_RESPONSE;
extern const struct bytes OID_OCSP_NOCHECK;

extern const struct bytes OID_SHA1;
extern const struct bytes OID_SHA256;
extern const struct bytes OID_SHA384;
extern const struct bytes OID_SHA512;

/* The whole AlgorithmIdentifier of ecdsa-with-SHA256: no parameters (RFC 5758 section 3.2). */
extern const struct bytes ALGORITHM_ECDSA_SHA256;

#endif
