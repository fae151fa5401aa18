/*
 * tbs: builds a DER TBSCertificate (RFC 5280 section 4.1.2). Pure: values in, octets out.
 *
 * No model, line, factory or place ever stands in one.
 */
#ifndef CA_TBS_H
#define CA_TBS_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "ca/profile.h"
#include "ca/serial.h"

struct tbs_issuer {                  /* borrowed */
	struct bytes subject;        /* DER Name */
	struct bytes key_identifier; /* octets */
	const char *http_url;        /* public HTTP address, no slash at its end; CDP and AIA */
	const char *id_text;         /* 16 hex digits */
	int shard_count;
	bool ocsp; /* its devices' certificates name the OCSP responder, if their profile says so */
};

struct tbs_request {
	const struct profile *profile;
	struct tbs_issuer issuer;
	uint8_t serial[SERIAL_BYTES];
	int64_t not_before_s, not_after_s;
	struct bytes spki;       /* as it came: spliced in */
	const char *common_name; /* pseudonym, person handle or host name */
	const char *uuid;        /* SAN urn:uuid:..., or NULL */
	const char *const *dns;  /* SAN dNSName, NULL-ended, or NULL */
	const struct bytes *ip;  /* SAN iPAddress, 4 or 16 octets each */
	size_t ip_count;
};

/* Appends the DER. E_INTERNAL: a name too long */
MUST_CHECK bool tbs_build(const struct tbs_request *request, struct buf *out, struct error *err);

/* A CA's own certificate: CA:TRUE with this path length, keyCertSign and cRLSign. */
struct tbs_ca_request {
	struct tbs_issuer issuer; /* of a root: itself */
	bool self_signed;         /* a root: no CDP, no AIA */
	uint8_t serial[SERIAL_BYTES];
	int64_t not_before_s, not_after_s;
	struct bytes spki;
	const char *common_name;
	int path_len;
};
MUST_CHECK bool tbs_build_ca(
    const struct tbs_ca_request *request, struct buf *out, struct error *err);
/* A status signer's (docs/status.md): CA:FALSE, a critical EKU of our own. `path_len` is not used.
 */
MUST_CHECK bool tbs_build_status_signer(
    const struct tbs_ca_request *request, struct buf *out, struct error *err);
/*
 * The subjectKeyIdentifier of a SubjectPublicKeyInfo: RFC 7093 section 2, method 1.
 * E_INTERNAL: it is not one
 */
#define TBS_KEY_IDENTIFIER_BYTES 20
MUST_CHECK bool tbs_key_identifier(
    struct bytes spki, uint8_t out[static TBS_KEY_IDENTIFIER_BYTES], struct error *err);
/* A DER Name with one commonName. */
MUST_CHECK bool tbs_name(const char *common_name, struct buf *out, struct error *err);

#endif
