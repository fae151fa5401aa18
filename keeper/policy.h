/*
 * policy: what each signing key of the keeper may sign. A JSON file of the keeper's own uid,
 * written by `moniker init` and `moniker ca`, read once at start.
 */
#ifndef KEEPER_POLICY_H
#define KEEPER_POLICY_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"
#include "keeper/key.h"
#include "proof/leaf.h"

#define POLICY_FILE_MAX 262144 /* octets */
#define POLICY_ISSUERS_MAX 32

enum policy_form {           /* the form of subject and subjectAltName */
	POLICY_FORM_DEVICE,  /* CN=<uuid>, SAN urn:uuid:<the same> */
	POLICY_FORM_SERVICE, /* CN=<dns name>, SAN dNSName and iPAddress only */
};

enum policy_key_type {
	POLICY_KEY_P256 = 1 << 0,
	POLICY_KEY_P384 = 1 << 1,
	POLICY_KEY_ED25519 = 1 << 2,
	POLICY_KEY_RSA = 1 << 3, /* 2048 to 4096 bits, exponent 65537 */
};

enum policy_eku {
	POLICY_EKU_CLIENT_AUTH = 1 << 0,
	POLICY_EKU_SERVER_AUTH = 1 << 1,
};

struct policy_issuer {
	uint8_t id[ISSUER_ID_BYTES];
	enum policy_form form;
	uint64_t events;    /* bit (1 << enum leaf_event): leaves that may commit to a TBS */
	unsigned key_types; /* enum policy_key_type bits, of the subject's key */
	unsigned ekus;      /* enum policy_eku bits: exactly these */
	int64_t validity_max_s;
	int64_t not_before_s, not_after_s; /* of the issuer's own certificate */
	struct buf subject;                /* the issuer's DER Name */
	struct buf key_identifier;         /* its subjectKeyIdentifier octets */
	struct buf
	    crl_url_prefix;  /* "http://host:port/crl/<id>/", of CDP and IDP; empty: neither */
	struct buf ca_url;   /* of AIA caIssuers; empty: certificates must have none */
	struct buf ocsp_url; /* of AIA; empty: certificates must have none */
	int shard_count;
};

struct policy {
	struct policy_issuer issuers[POLICY_ISSUERS_MAX];
	size_t issuer_count;
};

/* Static bounds of the JSON: see policy.c. E_CONFIG_INVALID, E_FILE_FAILED. Free with
 * policy_clear(). */
MUST_CHECK bool policy_read(const char *path, struct policy *out, struct error *err);
/* The same from the file's octets. E_CONFIG_INVALID */
MUST_CHECK bool policy_parse(struct bytes text, struct policy *out, struct error *err);
/* Appends them. E_INTERNAL */
MUST_CHECK bool policy_encode(const struct policy *policy, struct buf *out, struct error *err);
MUST_CHECK bool policy_write(const struct policy *policy, const char *path, struct error *err);
void policy_clear(struct policy *policy);
DEFER_DECLARE_CLEAR(struct policy, policy_clear)

const struct policy_issuer *policy_find(
    const struct policy *policy, const uint8_t id[static ISSUER_ID_BYTES]); /* or NULL */
/* Takes it out; false: it was not there. */
bool policy_remove(struct policy *policy, const uint8_t id[static ISSUER_ID_BYTES]);

#endif
