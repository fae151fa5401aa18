/*
 * trust: authorities, devices and trust bundles for the tests of libmoniker-verify, made with
 * OpenSSL alone: a second writer of what docs/status.md says.
 */
#ifndef TESTS_SUPPORT_TRUST_H
#define TESTS_SUPPORT_TRUST_H

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/defer_openssl.h"

#define TRUST_SERIAL_BYTES 20
#define TRUST_ISSUER_BYTES 8
#define TRUST_PSEUDONYM "0f1e2d3c-4b5a-4978-8a9b-0c1d2e3f4a5b"

struct trust {
	int64_t now_s;
	EVP_PKEY *root_key, *ca_key, *signer_key;
	X509 *root, *ca, *signer;
	uint8_t ca_id[TRUST_ISSUER_BYTES];
};
void trust_init(struct trust *trust, int64_t now_s);
void trust_clear(struct trust *trust);
DEFER_DECLARE_CLEAR(struct trust, trust_clear)

struct trust_certificate { /* what to make; zeros give a device's of the CA, valid for a year */
	const char *common_name;              /* NULL: TRUST_PSEUDONYM */
	const uint8_t *serial;                /* TRUST_SERIAL_BYTES; NULL: 0x40 00 .. 01 */
	size_t serial_len;                    /* 0: TRUST_SERIAL_BYTES */
	int64_t not_before_s, not_after_s;    /* 0: a day ago; in a year */
	const char *basic, *usage, *extended; /* NULL: a device's; "": left out */
	X509 *issuer;                         /* NULL: the CA; its key must be issuer_key */
	EVP_PKEY *issuer_key, *key;           /* NULL: the CA's; a new one on P-256 */
};
X509 *trust_issue(const struct trust *trust, const struct trust_certificate *what);
void trust_pem(X509 *certificate, struct buf *out);
void trust_der(X509 *certificate, struct buf *out);

struct trust_entry {
	uint8_t serial[TRUST_SERIAL_BYTES];
	uint8_t state; /* as in a record: reason, plus 0x80 if held */
	uint32_t since_s;
};
struct trust_set { /* what to sign; zeros give an empty set of now, fresh for a day */
	int64_t seq, issued_s, fresh_until_s; /* 0: 1; now; issued + a day */
	const struct trust_entry *entries;    /* ascending */
	size_t count;
	const char *find, *replace; /* once in the header, before it is signed */
	EVP_PKEY *signer_key;       /* NULL: the signer's */
	struct bytes records;       /* instead of those of `entries`; .data NULL: those */
};
/* Note and records. */
void trust_set(const struct trust *trust, const struct trust_set *what, struct buf *out);
/* The whole bundle, of these certificates (root, CA and signer, if none are given). */
void trust_bundle(const struct trust *trust, const struct trust_set *what,
    X509 *const *certificates, size_t certificate_count, struct buf *out);
/* Its parts: the last lines of a header, of records; a header with its signature. */
void trust_seal(struct bytes records, struct buf *out);
void trust_sign(struct bytes text, EVP_PKEY *key, struct buf *out);
/* A PEM block. */
void trust_armor(const char *label, struct bytes octets, struct buf *out);

#endif
