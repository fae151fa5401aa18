/*
 * csr: one PKCS#10 certification request (RFC 2986), parsed and proven.
 *
 * A struct csr exists only if the DER was exactly one request of at most CSR_DER_MAX octets,
 * its key is of a supported kind and sound, and its self-signature verified over exactly the
 * octets that were parsed: holding one is proof of possession of the private key. Names,
 * attributes and extensions in it are discarded unread (but for a channel binding, where one is
 * asked for). It says nothing about policy: see
 * profile.h.
 */
#ifndef CA_CSR_H
#define CA_CSR_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"
#include "base/hash.h"

#define CSR_DER_MAX 8192   /* octets */
#define CSR_TEXT_MAX 12000 /* octets of PEM or base64 */
#define CSR_RSA_BITS_MAX 4096

enum csr_key_type {
	CSR_KEY_P256 = 1 << 0,
	CSR_KEY_P384 = 1 << 1,
	CSR_KEY_ED25519 = 1 << 2,
	CSR_KEY_RSA = 1 << 3,
};

struct csr;

/*
 * Parses `der`. On success the caller owns *out_csr and must csr_free() it.
 * E_BAD_SYNTAX      not exactly one DER request, or too long
 * E_BAD_ALGORITHM   a key or signature algorithm that is not supported
 * E_WEAK_KEY        RSA below 2048 or above 4096 bits, a bad exponent; a point that is not on the
 * curve E_BAD_PROOF       the request is not signed by its own key All with pointer /csr.
 */
MUST_CHECK bool csr_parse(struct bytes der, struct csr **out_csr, struct error *err);
/* The same from PEM ("CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST") or base64 of DER. */
MUST_CHECK bool csr_parse_text(struct bytes text, struct csr **out_csr, struct error *err);
/*
 * DER, or either text. `binding`: the channel binding of the TLS session that brought it, or NULL:
 * one in it is not looked at. See csr_binding.h: E_BINDING_MISMATCH
 */
MUST_CHECK bool csr_parse_any(
    struct bytes input, const struct bytes *binding, struct csr **out_csr, struct error *err);
void csr_free(struct csr *csr); /* NULL is fine */
DEFER_DECLARE(struct csr, csr_free)

enum csr_key_type csr_key_type(const struct csr *csr);
int csr_key_bits(const struct csr *csr);
struct bytes csr_spki(const struct csr *csr); /* DER SubjectPublicKeyInfo as it came; borrowed */
const uint8_t *csr_spki_sha256(const struct csr *csr); /* SHA256_BYTES, borrowed */

#endif
