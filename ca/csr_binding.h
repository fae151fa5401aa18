/*
 * csr_binding: whether a certification request belongs to the TLS session that brought it
 * (RFC 7030 section 3.5): proof of possession, linked to the session by its channel binding.
 *
 * A client may put the session's binding, in base64, into challengePassword (RFC 7030) or
 * estIdentityLinking (RFC 7894). The second has no other use. The first has: people put words into
 * it. So it is taken for a binding where it is base64 of as many octets as one has, and is no
 * concern of ours otherwise.
 */
#ifndef CA_CSR_BINDING_H
#define CA_CSR_BINDING_H

#include "base/bytes.h"
#include "base/error.h"

#define CSR_BINDING_UNIQUE_BYTES 12   /* tls-unique (RFC 5929 section 3), TLS 1.2 */
#define CSR_BINDING_EXPORTER_BYTES 32 /* tls-exporter (RFC 9266), TLS 1.3 */

/*
 * `der` is a request that csr_parse() took; `binding` that of its session, empty: it has none.
 * Fine when the request names no binding, or names this one only.
 * E_BINDING_MISMATCH   it names another, with pointer /csr
 * E_BAD_SYNTAX         an attribute is none (RFC 2986 section 4.1), with pointer /csr
 */
MUST_CHECK bool csr_binding_check(struct bytes der, struct bytes binding, struct error *err);

#endif
