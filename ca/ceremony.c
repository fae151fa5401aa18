#include "ca/ceremony.h"

#include <sodium.h>

#include "base/mem.h"
#include "base/text.h"
#include "ca/authority.h"
#include "ca/crl.h"
#include "keeper/key.h"
#include "keeper/tag.h"

enum {
	RANDOM_KEY_BYTES = 32,
	FIRST_CRL_NUMBER = 1,
};

struct authority { /* while the ceremony lasts */
	struct key *key;
	struct tbs_issuer tbs;
	struct buf subject;
	uint8_t id[ISSUER_ID_BYTES];
	char id_text[ISSUER_ID_TEXT_LEN + 1];
	uint8_t key_identifier[TBS_KEY_IDENTIFIER_BYTES];
	char common_name[AUTHORITY_NAME_ROOM];
	int64_t not_after_s;
};

struct authorities {
	struct authority of[ISSUER_KIND_COUNT];
};

static void
authorities_clear(struct authorities *authorities)
{
	for (size_t i = 0; i < ISSUER_KIND_COUNT; i++) {
		key_free(authorities->of[i].key);
		buf_clear_public(&authorities->of[i].subject);
	}
}
DEFER_DECLARE_CLEAR(struct authorities, authorities_clear)

/* A new key into its ring, and all that follows from the key and the name. */
static bool
authority_init(struct authority *authority, enum issuer_kind kind,
    const struct ceremony_request *request, struct keyring *ring, struct error *err)
{
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	char entry[KEYRING_NAME_MAX + 1];

	if (!authority_name(request->name, kind, 1, authority->common_name, err) ||
	    !key_generate(&pkcs8, err) || !key_open(secret_bytes(pkcs8), &authority->key, err) ||
	    !tbs_name(authority->common_name, &authority->subject, err) ||
	    !tbs_key_identifier(key_spki(authority->key), authority->key_identifier, err))
		return false;
	key_issuer_id(authority->key, authority->id);
	hex_encode(authority->id_text, bytes_of(authority->id, ISSUER_ID_BYTES));
	authority->tbs = (struct tbs_issuer){
	    .subject = buf_bytes(&authority->subject),
	    .key_identifier = bytes_of(authority->key_identifier, TBS_KEY_IDENTIFIER_BYTES),
	    .http_url = request->http_url,
	    .id_text = authority->id_text,
	    .shard_count = authority_plan(kind)->shard_count,
	};
	authority_key_name(entry, authority->id);
	keyring_add(ring, entry, TAKE(pkcs8));
	return true;
}

static bool
authority_certify(struct authority *authority, enum issuer_kind kind,
    const struct authority *parent, const struct ceremony_request *request, struct buf *out,
    struct error *err)
{
	const struct authority_request wanted = {.kind = kind,
	    .parent = parent->tbs,
	    .parent_not_after_s = parent == authority ? INT64_MAX : parent->not_after_s,
	    .spki = key_spki(authority->key),
	    .common_name = authority->common_name,
	    .now_s = clock_now_s(request->clock)};
	DEFER(buf_clear_public) struct buf body = {0};
	uint8_t signature[KEY_SIGNATURE_MAX];
	struct certificate certificate;
	size_t signature_len;

	if (!authority_tbs(&wanted, request->rng, &body, err) ||
	    !key_sign(parent->key, buf_bytes(&body), signature, &signature_len, err))
		return false;
	certificate_assemble(buf_bytes(&body), bytes_of(signature, signature_len), out);
	if (!certificate_parse(buf_bytes(out), &certificate, err))
		return false;
	authority->not_after_s = certificate.not_after_s;
	return true;
}

static bool
policy_add(struct policy *policy, enum issuer_kind kind, struct bytes der,
    const struct ceremony_request *request, struct error *err)
{
	struct certificate certificate;

	if (!certificate_parse(der, &certificate, err))
		return false;
	authority_policy(kind, &certificate, request->http_url, authority_plan(kind)->shard_count,
	    &policy->issuers[policy->issuer_count++]);
	return true;
}

static void
add_random(struct keyring *ring, const char *name)
{
	keyring_add(ring, name, secret_random(RANDOM_KEY_BYTES));
}

/* Keys of the keeper that no certificate names. */
static void
add_service_keys(struct ceremony *ceremony)
{
	uint8_t octets[TAG_KEY_BYTES];

	add_random(ceremony->keeper, "log");
	authority_ed25519_public(keyring_find(ceremony->keeper, "log"), ceremony->log_public_key);
	add_random(ceremony->keeper, "status:1");
	authority_ed25519_public(
	    keyring_find(ceremony->keeper, "status:1"), ceremony->status_public_key);

	crypto_core_ristretto255_scalar_random(octets);
	keyring_add(ceremony->keeper, "tag:1", secret_new(bytes_of(octets, sizeof octets)));
	sodium_memzero(octets, sizeof octets);

	add_random(ceremony->keeper, "token:1");
	add_random(ceremony->keeper, "link:1");
	add_random(ceremony->keeper, "block:1");
	add_random(ceremony->keeper, "journal");
}

static bool
make_authorities(const struct ceremony_request *request, struct authorities *authorities,
    struct ceremony *out, struct error *err)
{
	struct keyring *const rings[] = {
	    [RING_ROOTS] = out->roots,
	    [RING_OPERATORS] = out->operators,
	    [RING_KEEPER] = out->keeper,
	};

	for (size_t i = 0; i < ISSUER_KIND_COUNT; i++) {
		const enum issuer_kind kind = (enum issuer_kind)i;
		const struct authority_plan *plan = authority_plan(kind);

		/* Roots come first in the enumeration, so a parent is always there. */
		if (!authority_init(&authorities->of[i], kind, request, rings[plan->ring], err) ||
		    !authority_certify(&authorities->of[i], kind, &authorities->of[plan->parent],
			request, &out->certificates[i], err))
			return false;
		if (plan->profile != NULL &&
		    !policy_add(&out->policy, kind, buf_bytes(&out->certificates[i]), request, err))
			return false;
	}
	return true;
}

static bool
make_root_crls(const struct ceremony_request *request, const struct authorities *authorities,
    struct ceremony *out, struct error *err)
{
	int64_t now_s = clock_now_s(request->clock);

	for (size_t i = 0; i < COUNT(out->root_crls); i++) {
		const struct authority *root = &authorities->of[i];

		if (!crl_build_root(&root->tbs, root->key, FIRST_CRL_NUMBER, now_s,
			now_s + CEREMONY_ROOT_CRL_VALIDITY_S, &out->root_crls[i], err))
			return false;
	}
	return true;
}

/* The root's key is at hand now, and not later. */
static bool
certify_status_signer(const struct ceremony_request *request, const struct authority *root,
    struct ceremony *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf body = {0};
	uint8_t spki[AUTHORITY_ED25519_SPKI_BYTES], signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	authority_ed25519_spki(spki, out->status_public_key);
	if (!authority_status_signer_tbs(&(struct authority_request){.parent = root->tbs,
					     .parent_not_after_s = root->not_after_s,
					     .spki = bytes_of(spki, sizeof spki),
					     .now_s = clock_now_s(request->clock)},
		request->name, 1, request->rng, &body, err) ||
	    !key_sign(root->key, buf_bytes(&body), signature, &signature_len, err))
		return false;
	certificate_assemble(
	    buf_bytes(&body), bytes_of(signature, signature_len), &out->status_signer);
	return true;
}

bool
ceremony_run(const struct ceremony_request *request, struct ceremony *out, struct error *err)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(ceremony_clear)
	struct ceremony ceremony = {
	    .roots = keyring_new(), .operators = keyring_new(), .keeper = keyring_new()};

	if (!make_authorities(request, &authorities, &ceremony, err) ||
	    !make_root_crls(request, &authorities, &ceremony, err))
		return false;
	add_service_keys(&ceremony);
	if (!certify_status_signer(request, &authorities.of[ISSUER_DEVICE_ROOT], &ceremony, err))
		return false;
	*out = ceremony;
	memset(&ceremony, 0, sizeof ceremony);
	return true;
}

void
ceremony_clear(struct ceremony *ceremony)
{
	keyring_free(ceremony->roots);
	keyring_free(ceremony->operators);
	keyring_free(ceremony->keeper);
	policy_clear(&ceremony->policy);
	for (size_t i = 0; i < COUNT(ceremony->certificates); i++)
		buf_clear_public(&ceremony->certificates[i]);
	for (size_t i = 0; i < COUNT(ceremony->root_crls); i++)
		buf_clear_public(&ceremony->root_crls[i]);
	buf_clear_public(&ceremony->status_signer);
	memset(ceremony, 0, sizeof *ceremony);
}

/* The key of `ring` whose issuer this is; the caller frees it. */
static bool
ring_key(const struct keyring *ring, const uint8_t issuer[static ISSUER_ID_BYTES], struct key **out,
    struct error *err)
{
	char name[KEYRING_NAME_MAX + 1];
	const struct secret *pkcs8;

	authority_key_name(name, issuer);
	pkcs8 = keyring_find(ring, name);
	if (pkcs8 == NULL)
		return error_set(err, E_NOT_FOUND, "the ring does not hold the key %s", name);
	return key_open(secret_bytes(pkcs8), out, err);
}

bool
ceremony_sign(const struct keyring *ring, const uint8_t issuer[static ISSUER_ID_BYTES],
    struct bytes tbs, struct buf *out_signature, struct error *err)
{
	DEFER(key_free) struct key *key = NULL;
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	if (!ring_key(ring, issuer, &key, err) ||
	    !key_sign(key, tbs, signature, &signature_len, err))
		return false;
	buf_append(out_signature, bytes_of(signature, signature_len));
	return true;
}

bool
ceremony_root_crl(const struct keyring *ring, const struct issuer *root, uint64_t number,
    int64_t now_s, struct buf *out_der, struct error *err)
{
	DEFER(key_free) struct key *key = NULL;

	return ring_key(ring, root->id, &key, err) &&
	       crl_build_root(&root->tbs, key, number, now_s, now_s + CEREMONY_ROOT_CRL_VALIDITY_S,
		   out_der, err);
}
