/*
 * ocsp_request: one OCSP request (RFC 6960 section 4.1), read strictly. Pure.
 *
 * A struct ocsp_request exists only if the DER was exactly one OCSPRequest of version 1 that asks
 * for 1 to OCSP_CERTIDS_MAX certificates, whose nonce, if any, has the length that RFC 9654 wants,
 * and that has no critical extension which is not understood here. It says nothing about whether
 * the certificates are known. A signature is read over, never verified: nobody needs a leave to ask
 * (RFC 6960 section 4.1.2 leaves that to the responder).
 */
#ifndef CA_OCSP_REQUEST_H
#define CA_OCSP_REQUEST_H

#include "base/bytes.h"
#include "base/error.h"

#define OCSP_REQUEST_MAX 16384 /* octets */
#define OCSP_CERTIDS_MAX 32    /* certificates in one request */
#define OCSP_CERTID_MAX 256    /* octets of one CertID */
#define OCSP_NONCE_MAX 128     /* octets, RFC 9654 section 2.1 */
#define OCSP_HASH_MAX 64       /* octets of a digest */

enum ocsp_hash {
	OCSP_HASH_SHA1,
	OCSP_HASH_SHA256,
	OCSP_HASH_SHA384,
	OCSP_HASH_SHA512,
	OCSP_HASH_COUNT
};

struct ocsp_certid {                      /* all borrowed from the DER */
	struct bytes whole;               /* the element as it came: it goes into the answer */
	enum ocsp_hash hash;              /* OCSP_HASH_COUNT: one that is not computed here */
	struct bytes name_hash, key_hash; /* of the lengths of `hash`, where that is known */
	struct bytes serial;              /* contents of the INTEGER */
};

struct ocsp_request {
	struct ocsp_certid certids[OCSP_CERTIDS_MAX];
	size_t count;
	struct bytes nonce; /* octets, or empty: none was asked for */
};

/* `out` borrows from `der`. E_BAD_SYNTAX */
MUST_CHECK bool ocsp_request_parse(struct bytes der, struct ocsp_request *out, struct error *err);

#endif
