/*
 * key: one ECDSA P-256 key pair that signs certificates and CRLs.
 *
 * A backend is a file behind struct key_ops: key_memory.c holds a PKCS#8 secret that a
 * keyring opened. Nothing outside keeper/ sees the private half.
 */
#ifndef KEEPER_KEY_H
#define KEEPER_KEY_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"
#include "base/secret.h"

#define KEY_SIGNATURE_MAX 72 /* octets of a DER ECDSA-Sig-Value over P-256 */
#define KEY_SPKI_MAX 128     /* octets */
#define KEY_PKCS8_MAX 512    /* octets of a P-256 PrivateKeyInfo, with room for attributes */

/* First 8 octets of SHA-256 over the issuer's DER SubjectPublicKeyInfo; "{issuer}" in URLs is its
 * hex. */
#define ISSUER_ID_BYTES 8
#define ISSUER_ID_TEXT_LEN 16

struct key;

/* A new key as a PKCS#8 DER secret; the caller owns *out. E_INTERNAL */
MUST_CHECK bool key_generate(struct secret **out_pkcs8, struct error *err);
/* E_BAD_SYNTAX   not a P-256 private key */
MUST_CHECK bool key_open(struct bytes pkcs8, struct key **out, struct error *err);
void key_free(struct key *key);
DEFER_DECLARE(struct key, key_free)

struct bytes key_spki(const struct key *key); /* DER SubjectPublicKeyInfo, borrowed */
void key_issuer_id(const struct key *key, uint8_t out[static ISSUER_ID_BYTES]);
void issuer_id_of_spki(struct bytes spki, uint8_t out[static ISSUER_ID_BYTES]);

/* ecdsa-with-SHA256 over `message`, or over a digest made elsewhere. Thread-safe. E_INTERNAL */
MUST_CHECK bool key_sign(const struct key *key, struct bytes message,
    uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len, struct error *err);
MUST_CHECK bool key_sign_digest(const struct key *key, const uint8_t digest[static 32],
    uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len, struct error *err);

#endif
