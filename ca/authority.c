#include "ca/authority.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

#include "base/text.h"
#include "ca/serial.h"

enum { ROOT_PATH_LEN = 1, ISSUING_PATH_LEN = 0 };
#define YEAR_S (365 * DAY_S)
#define ROOT_VALIDITY_S (25 * YEAR_S)
#define ISSUING_VALIDITY_S (10 * YEAR_S)

/* clang-format off */
static const struct authority_plan PLANS[ISSUER_KIND_COUNT] = {
	[ISSUER_DEVICE_ROOT] = {
		"Device Root", ISSUER_DEVICE_ROOT, RING_ROOTS, NULL, POLICY_FORM_DEVICE, 0, 1,
	},
	[ISSUER_OPERATIONS_ROOT] = {
		"Operations Root", ISSUER_OPERATIONS_ROOT, RING_ROOTS, NULL, POLICY_FORM_DEVICE, 0, 1,
	},
	[ISSUER_DEVICE_CA] = {
		"Device CA", ISSUER_DEVICE_ROOT, RING_KEEPER, PROFILE_DEVICE, POLICY_FORM_DEVICE,
		UINT64_C(1) << LEAF_ENROLL_OK | UINT64_C(1) << LEAF_ENROLL_REPLACE |
		UINT64_C(1) << LEAF_RENEW_OK | UINT64_C(1) << LEAF_CERT_ADOPT |
		UINT64_C(1) << LEAF_CERT_ISSUE, /* of its OCSP responder, and of nothing else */
		1,
	},
	[ISSUER_SERVICE_CA] = {
		"Service TLS CA", ISSUER_OPERATIONS_ROOT, RING_KEEPER, PROFILE_SERVICE,
		POLICY_FORM_SERVICE, UINT64_C(1) << LEAF_CERT_ISSUE | UINT64_C(1) << LEAF_CERT_ADOPT, 1,
	},
	[ISSUER_OPERATORS_CA] = {
		"Operators CA", ISSUER_OPERATIONS_ROOT, RING_OPERATORS, NULL, POLICY_FORM_DEVICE, 0, 1,
	},
	[ISSUER_BIRTH_CA] = { /* under the root that backends do not trust */
		"Birth CA", ISSUER_OPERATIONS_ROOT, RING_KEEPER, PROFILE_BIRTH, POLICY_FORM_DEVICE,
		UINT64_C(1) << LEAF_ENROLL_OK | UINT64_C(1) << LEAF_ENROLL_REPLACE |
		UINT64_C(1) << LEAF_RENEW_OK | UINT64_C(1) << LEAF_CERT_ADOPT, 1,
	},
	[ISSUER_PSEUDONYM_CA] = {
		"Pseudonym CA", ISSUER_DEVICE_ROOT, RING_KEEPER, PROFILE_PSEUDONYM, POLICY_FORM_DEVICE,
		UINT64_C(1) << LEAF_ROTATE_OK | UINT64_C(1) << LEAF_CERT_ADOPT, AUTHORITY_EPOCH_SHARDS,
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

const struct authority_plan *
authority_plan(enum issuer_kind kind)
{
	return &PLANS[kind];
}

bool
authority_name(const char *organization, enum issuer_kind kind, int number,
    char out[static AUTHORITY_NAME_ROOM], struct error *err)
{
	char suffix[16] = "";
	int len;

	if (number > 1)
		(void)snprintf(suffix, sizeof suffix, " %d", number);
	len = snprintf(
	    out, AUTHORITY_NAME_ROOM, "%s %s%s", organization, PLANS[kind].name_suffix, suffix);
	return (len > 0 && (size_t)len < AUTHORITY_NAME_ROOM) ||
	       error_set(err, E_CONFIG_INVALID, "the organization's name is too long");
}

void
authority_key_name(char out[static KEYRING_NAME_MAX + 1], const uint8_t id[static ISSUER_ID_BYTES])
{
	char hex[ISSUER_ID_TEXT_LEN + 1];

	hex_encode(hex, bytes_of(id, ISSUER_ID_BYTES));
	(void)snprintf(out, KEYRING_NAME_MAX + 1, "issuer:%s", hex);
}

bool
authority_tbs(const struct authority_request *request, const struct rng *rng, struct buf *out,
    struct error *err)
{
	const bool is_root = PLANS[request->kind].parent == request->kind;
	const int64_t start_s = request->now_s - DAY_S;
	const int64_t end_s = start_s + (is_root ? ROOT_VALIDITY_S : ISSUING_VALIDITY_S);
	struct tbs_ca_request tbs = {
	    .issuer = request->parent,
	    .self_signed = is_root,
	    .not_before_s = start_s,
	    .not_after_s =
		end_s < request->parent_not_after_s ? end_s : request->parent_not_after_s,
	    .spki = request->spki,
	    .common_name = request->common_name,
	    .path_len = is_root ? ROOT_PATH_LEN : ISSUING_PATH_LEN,
	};

	serial_make(tbs.serial, time_month(start_s), rng);
	return tbs_build_ca(&tbs, out, err);
}

bool
authority_status_signer_tbs(const struct authority_request *request, const char *organization,
    int number, const struct rng *rng, struct buf *out, struct error *err)
{
	const int64_t start_s = request->now_s - DAY_S;
	const int64_t end_s = start_s + ISSUING_VALIDITY_S;
	char name[AUTHORITY_NAME_ROOM], suffix[16] = "";
	struct tbs_ca_request tbs = {.issuer = request->parent,
	    .not_before_s = start_s,
	    .not_after_s =
		end_s < request->parent_not_after_s ? end_s : request->parent_not_after_s,
	    .spki = request->spki,
	    .common_name = name};
	int len;

	if (number > 1)
		(void)snprintf(suffix, sizeof suffix, " %d", number);
	len = snprintf(name, sizeof name, "%s Status Signer%s", organization, suffix);
	if (len <= 0 || (size_t)len >= sizeof name)
		return error_set(err, E_CONFIG_INVALID, "the organization's name is too long");
	serial_make(tbs.serial, time_month(start_s), rng);
	return tbs_build_status_signer(&tbs, out, err);
}

void
authority_ed25519_public(const struct secret *seed, uint8_t out[static AUTHORITY_ED25519_BYTES])
{
	uint8_t private_key[crypto_sign_SECRETKEYBYTES];

	(void)crypto_sign_seed_keypair(out, private_key, secret_bytes(seed).data);
	sodium_memzero(private_key, sizeof private_key);
}

void
authority_ed25519_spki(uint8_t out[static AUTHORITY_ED25519_SPKI_BYTES],
    const uint8_t public_key[static AUTHORITY_ED25519_BYTES])
{
	static const uint8_t HEAD[] = {
	    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

	_Static_assert(sizeof HEAD + AUTHORITY_ED25519_BYTES == AUTHORITY_ED25519_SPKI_BYTES,
	    "RFC 8410 section 4");
	memcpy(out, HEAD, sizeof HEAD);
	memcpy(out + sizeof HEAD, public_key, AUTHORITY_ED25519_BYTES);
}

void
authority_policy(enum issuer_kind kind, const struct certificate *certificate, const char *http_url,
    int shard_count, struct policy_issuer *out)
{
	const struct authority_plan *plan = &PLANS[kind];
	const struct profile *profile = profile_find(plan->profile);
	char id_text[ISSUER_ID_TEXT_LEN + 1];

	assert(profile != NULL);
	*out = (struct policy_issuer){.form = plan->form,
	    .events = plan->events,
	    .validity_max_s = profile->validity_s,
	    .not_before_s = certificate->not_before_s,
	    .not_after_s = certificate->not_after_s,
	    .shard_count = shard_count};
	issuer_id_of_spki(certificate->spki, out->id);
	hex_encode(id_text, bytes_of(out->id, ISSUER_ID_BYTES));
	for (size_t i = 0; i < COUNT(KEY_TYPES); i++)
		if (profile->key_types & KEY_TYPES[i].profile)
			out->key_types |= KEY_TYPES[i].policy;
	for (size_t i = 0; i < COUNT(EKUS); i++)
		if (profile->ekus & EKUS[i].profile)
			out->ekus |= EKUS[i].policy;
	buf_append(&out->subject, certificate->subject);
	buf_append(&out->key_identifier, certificate->key_identifier);
	buf_append_format(&out->crl_url_prefix, "%s/crl/%s/", http_url, id_text);
	buf_append_format(&out->ca_url, "%s/ca/%s.cer", http_url, id_text);
	if (profile->ocsp)
		buf_append_format(&out->ocsp_url, "%s/ocsp", http_url);
}
