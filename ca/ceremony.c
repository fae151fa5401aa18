#include "ca/ceremony.h"

#include <assert.h>
#include <stdio.h>

#include <sodium.h>

#include "base/mem.h"
#include "base/text.h"
#include "ca/crl.h"
#include "keeper/key.h"
#include "keeper/tag.h"

enum {
	COMMON_NAME_ROOM = 65, /* characters and NUL, RFC 5280 appendix A.1 */
	RANDOM_KEY_BYTES = 32,
	ROOT_PATH_LEN = 1,
	ISSUING_PATH_LEN = 0,
	FIRST_CRL_NUMBER = 1,
};
#define YEAR_S (365 * DAY_S)
#define ROOT_VALIDITY_S (25 * YEAR_S)
#define ISSUING_VALIDITY_S (10 * YEAR_S)

enum ring { RING_ROOTS, RING_OPERATORS, RING_KEEPER };

/* clang-format off */
static const struct plan {
	const char *name_suffix;
	enum issuer_kind parent; /* of a root: itself */
	enum ring ring;
	const char *profile; /* what the keeper may sign with it; NULL: nothing */
	enum policy_form form;
	uint64_t events;
} PLANS[ISSUER_KIND_COUNT] = {
	[ISSUER_DEVICE_ROOT] = {
		"Device Root", ISSUER_DEVICE_ROOT, RING_ROOTS, NULL, POLICY_FORM_DEVICE, 0,
	},
	[ISSUER_OPERATIONS_ROOT] = {
		"Operations Root", ISSUER_OPERATIONS_ROOT, RING_ROOTS, NULL, POLICY_FORM_DEVICE, 0,
	},
	[ISSUER_DEVICE_CA] = {
		"Device CA", ISSUER_DEVICE_ROOT, RING_KEEPER, PROFILE_DEVICE, POLICY_FORM_DEVICE,
		UINT64_C(1) << LEAF_ENROLL_OK | UINT64_C(1) << LEAF_ENROLL_REPLACE |
		UINT64_C(1) << LEAF_RENEW_OK | UINT64_C(1) << LEAF_CERT_ADOPT,
	},
	[ISSUER_SERVICE_CA] = {
		"Service TLS CA", ISSUER_OPERATIONS_ROOT, RING_KEEPER, PROFILE_SERVICE,
		POLICY_FORM_SERVICE, UINT64_C(1) << LEAF_CERT_ISSUE | UINT64_C(1) << LEAF_CERT_ADOPT,
	},
	[ISSUER_OPERATORS_CA] = {
		"Operators CA", ISSUER_OPERATIONS_ROOT, RING_OPERATORS, NULL, POLICY_FORM_DEVICE, 0,
	},
};

static const struct { enum csr_key_type profile; enum policy_key_type policy; } KEY_TYPES[] = {
	{CSR_KEY_P256,    POLICY_KEY_P256},
	{CSR_KEY_P384,    POLICY_KEY_P384},
	{CSR_KEY_ED25519, POLICY_KEY_ED25519},
	{CSR_KEY_RSA,     POLICY_KEY_RSA},
};

static const struct { enum profile_eku profile; enum policy_eku policy; } EKUS[] = {
	{PROFILE_CLIENT_AUTH, POLICY_EKU_CLIENT_AUTH},
	{PROFILE_SERVER_AUTH, POLICY_EKU_SERVER_AUTH},
};
/* clang-format on */

struct authority { /* while the ceremony lasts */
	struct key *key;
	struct tbs_issuer tbs;
	struct buf subject;
	uint8_t id[ISSUER_ID_BYTES];
	char id_text[ISSUER_ID_TEXT_LEN + 1];
	uint8_t key_identifier[TBS_KEY_IDENTIFIER_BYTES];
	char common_name[COMMON_NAME_ROOM];
	int64_t not_before_s, not_after_s;
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

static void
ring_name(char out[static KEYRING_NAME_MAX + 1], const uint8_t id[static ISSUER_ID_BYTES])
{
	char hex[ISSUER_ID_TEXT_LEN + 1];

	hex_encode(hex, bytes_of(id, ISSUER_ID_BYTES));
	snprintf(out, KEYRING_NAME_MAX + 1, "issuer:%s", hex);
}

/* A new key into its ring, and all that follows from the key and the name. */
static bool
authority_init(struct authority *authority, const struct plan *plan,
    const struct ceremony_request *request, struct keyring *ring, struct error *err)
{
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	char entry[KEYRING_NAME_MAX + 1];
	int len = snprintf(authority->common_name, sizeof authority->common_name, "%s %s",
	    request->name, plan->name_suffix);

	if (len < 0 || (size_t)len >= sizeof authority->common_name)
		return error_set(err, E_CONFIG_INVALID, "the organization's name is too long");
	if (!key_generate(&pkcs8, err) || !key_open(secret_bytes(pkcs8), &authority->key, err) ||
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
	    .shard_count = 1,
	};
	ring_name(entry, authority->id);
	keyring_add(ring, entry, TAKE(pkcs8));
	return true;
}

static bool
authority_certify(struct authority *authority, const struct authority *parent,
    const struct ceremony_request *request, struct buf *out, struct error *err)
{
	bool is_root = authority == parent;
	int64_t start_s = clock_now_s(request->clock) - DAY_S;
	int64_t end_s = start_s + (is_root ? ROOT_VALIDITY_S : ISSUING_VALIDITY_S);
	struct tbs_ca_request tbs = {
	    .issuer = parent->tbs,
	    .self_signed = is_root,
	    .not_before_s = start_s,
	    .not_after_s = is_root || end_s < parent->not_after_s ? end_s : parent->not_after_s,
	    .spki = key_spki(authority->key),
	    .common_name = authority->common_name,
	    .path_len = is_root ? ROOT_PATH_LEN : ISSUING_PATH_LEN,
	};
	DEFER(buf_clear_public) struct buf body = {0};
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	serial_make(tbs.serial, time_month(start_s), request->rng);
	if (!tbs_build_ca(&tbs, &body, err) ||
	    !key_sign(parent->key, buf_bytes(&body), signature, &signature_len, err))
		return false;
	authority->not_before_s = tbs.not_before_s;
	authority->not_after_s = tbs.not_after_s;
	certificate_assemble(buf_bytes(&body), bytes_of(signature, signature_len), out);
	return true;
}

static void
policy_add(struct policy *policy, const struct authority *authority, const struct plan *plan)
{
	const struct profile *profile = profile_find(plan->profile);
	struct policy_issuer *issuer = &policy->issuers[policy->issuer_count++];

	assert(profile != NULL);
	memcpy(issuer->id, authority->id, sizeof issuer->id);
	issuer->form = plan->form;
	issuer->events = plan->events;
	for (size_t i = 0; i < COUNT(KEY_TYPES); i++)
		if (profile->key_types & KEY_TYPES[i].profile)
			issuer->key_types |= KEY_TYPES[i].policy;
	for (size_t i = 0; i < COUNT(EKUS); i++)
		if (profile->ekus & EKUS[i].profile)
			issuer->ekus |= EKUS[i].policy;
	issuer->validity_max_s = profile->validity_s;
	issuer->not_before_s = authority->not_before_s;
	issuer->not_after_s = authority->not_after_s;
	buf_append(&issuer->subject, authority->tbs.subject);
	buf_append(&issuer->key_identifier, authority->tbs.key_identifier);
	buf_append_format(
	    &issuer->crl_url_prefix, "%s/crl/%s/", authority->tbs.http_url, authority->id_text);
	buf_append_format(
	    &issuer->ca_url, "%s/ca/%s.cer", authority->tbs.http_url, authority->id_text);
	if (profile->ocsp)
		buf_append_format(&issuer->ocsp_url, "%s/ocsp", authority->tbs.http_url);
	issuer->shard_count = authority->tbs.shard_count;
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
	uint8_t private_key[crypto_sign_SECRETKEYBYTES];

	add_random(ceremony->keeper, "log");
	crypto_sign_seed_keypair(ceremony->log_public_key, private_key,
	    secret_bytes(keyring_find(ceremony->keeper, "log")).data);
	sodium_memzero(private_key, sizeof private_key);

	crypto_core_ristretto255_scalar_random(octets);
	keyring_add(ceremony->keeper, "tag:1", secret_new(bytes_of(octets, sizeof octets)));
	sodium_memzero(octets, sizeof octets);

	add_random(ceremony->keeper, "token:1");
	add_random(ceremony->keeper, "status:1");
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
		const struct plan *plan = &PLANS[i];

		/* Roots come first in the enumeration, so a parent is always there. */
		if (!authority_init(&authorities->of[i], plan, request, rings[plan->ring], err) ||
		    !authority_certify(&authorities->of[i], &authorities->of[plan->parent], request,
			&out->certificates[i], err))
			return false;
		if (plan->profile != NULL)
			policy_add(&out->policy, &authorities->of[i], plan);
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
	memset(ceremony, 0, sizeof *ceremony);
}

/* The key of `ring` whose issuer this is; the caller frees it. */
static bool
ring_key(const struct keyring *ring, const uint8_t issuer[static ISSUER_ID_BYTES], struct key **out,
    struct error *err)
{
	char name[KEYRING_NAME_MAX + 1];
	const struct secret *pkcs8;

	ring_name(name, issuer);
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
