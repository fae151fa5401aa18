/* extension: what the extensions of certificates and of CRLs share (RFC 5280 sections 4.2 and 5.2).
 */
#ifndef CA_EXTENSION_H
#define CA_EXTENSION_H

#include "base/der.h"
#include "ca/tbs.h"

/* Makes an Extension of the value written since `mark`. */
void extension_wrap(struct der_writer *w, struct bytes oid, bool critical, size_t mark);
/* authorityKeyIdentifier with the keyIdentifier alone. */
void extension_put_authority_key(struct der_writer *w, struct bytes key_identifier);
/* A GeneralName URI: {http_url}/crl/{issuer}/{shard}.crl */
void extension_put_crl_url(struct der_writer *w, const struct tbs_issuer *issuer, int shard);
/* The same of the delta CRL to it. */
void extension_put_delta_url(struct der_writer *w, const struct tbs_issuer *issuer, int shard);

#endif
