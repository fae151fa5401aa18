/*
 * authority: what each kind of authority is: its name, its root, where its key lies, how long it
 * lives, and what the keeper may sign with it. Pure.
 */
#ifndef CA_AUTHORITY_H
#define CA_AUTHORITY_H

#include "base/rng.h"
#include "ca/issuer.h"
#include "keeper/keyring.h"
#include "keeper/policy.h"

/* Of a Pseudonym CA: an epoch's certificates are all of one shard, the number of the epoch modulo
 * this, so that no CRL lists two epochs that verifiers meet at one time. */
#define AUTHORITY_EPOCH_SHARDS 4

enum authority_ring { RING_ROOTS, RING_OPERATORS, RING_KEEPER };

struct authority_plan {
	const char *name_suffix;
	enum issuer_kind parent; /* of a root: itself */
	enum authority_ring ring;
	const char *profile; /* what the keeper may sign with it; NULL: nothing */
	enum policy_form form;
	uint64_t events; /* leaves that the keeper wants for a TBS */
	int shard_count; /* of the first of its kind */
};
const struct authority_plan *authority_plan(enum issuer_kind kind);

#define AUTHORITY_ORGANIZATION "Moniker" /* as the tools on the host name authorities */
#define AUTHORITY_NAME_ROOM 65           /* characters and NUL, RFC 5280 appendix A.1 */
/* "Moniker Device CA", the second "Moniker Device CA 2": each key has a name of its own, so that
 * readers that look by name find the right CRL. E_CONFIG_INVALID: too long */
MUST_CHECK bool authority_name(const char *organization, enum issuer_kind kind, int number,
    char out[static AUTHORITY_NAME_ROOM], struct error *err);
/* "issuer:<16 hex>", in a keyring. */
void authority_key_name(
    char out[static KEYRING_NAME_MAX + 1], const uint8_t id[static ISSUER_ID_BYTES]);

struct authority_request { /* all borrowed */
	enum issuer_kind kind;
	struct tbs_issuer parent;
	int64_t parent_not_after_s; /* INT64_MAX: a root */
	struct bytes spki;
	const char *common_name;
	int64_t now_s;
};
/* Roots 25 years, issuing CAs 10, all from one day before now; none outlives its issuer. */
MUST_CHECK bool authority_tbs(const struct authority_request *request, const struct rng *rng,
    struct buf *out, struct error *err);

/*
 * A status signer's (docs/status.md), number 1 or above, under the Device Root: `kind` and
 * `common_name` of the request are not looked at. E_CONFIG_INVALID: the name is too long
 */
MUST_CHECK bool authority_status_signer_tbs(const struct authority_request *request,
    const char *organization, int number, const struct rng *rng, struct buf *out,
    struct error *err);
/* The public half of an Ed25519 key, by its seed. */
#define AUTHORITY_ED25519_BYTES 32
void authority_ed25519_public(
    const struct secret *seed, uint8_t out[static AUTHORITY_ED25519_BYTES]);
/* The SubjectPublicKeyInfo of an Ed25519 key, RFC 8410. */
#define AUTHORITY_ED25519_SPKI_BYTES 44
void authority_ed25519_spki(uint8_t out[static AUTHORITY_ED25519_SPKI_BYTES],
    const uint8_t public_key[static AUTHORITY_ED25519_BYTES]);

/* What the keeper may sign with the key of this certificate; a kind with a profile: asserted. */
void authority_policy(enum issuer_kind kind, const struct certificate *certificate,
    const char *http_url, int shard_count, struct policy_issuer *out);

#endif
