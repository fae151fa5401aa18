/* certificate: one X.509 certificate read strictly: what we need of it, nothing judged. */
#ifndef CA_CERTIFICATE_H
#define CA_CERTIFICATE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

#define CERTIFICATE_DER_MAX 8192   /* octets */
#define CERTIFICATE_TEXT_MAX 12000 /* octets of PEM */

struct certificate { /* all borrowed from the DER */
	struct bytes der, tbs, serial, issuer, subject, spki, signature;
	struct bytes signature_algorithm;      /* the whole AlgorithmIdentifier */
	struct bytes key_identifier;           /* subjectKeyIdentifier, or empty */
	struct bytes authority_key_identifier; /* keyIdentifier, or empty */
	int64_t not_before_s, not_after_s;
	bool is_ca;
};

/* E_BAD_SYNTAX with pointer /certificate: not exactly one DER certificate */
MUST_CHECK bool certificate_parse(struct bytes der, struct certificate *out, struct error *err);
/* Puts a certificate together: SEQUENCE { tbs, ecdsa-with-SHA256, signature }. */
void certificate_assemble(struct bytes tbs, struct bytes signature, struct buf *out);
/* Its commonName, if the subject is exactly one; false otherwise. */
bool certificate_common_name(const struct certificate *certificate, struct bytes *out);

#endif
