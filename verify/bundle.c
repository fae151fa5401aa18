#include "verify/bundle.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "base/defer_openssl.h"
#include "verify/armor.h"

enum { CERTIFICATE_DER_MAX = 16384 };

/* 2.25.243892281092800931247565613106880441676, id-moniker-status: all that its key may do. */
static const uint8_t STATUS_EKU[] = {0x69, 0x82, 0xee, 0xfb, 0xf8, 0xf6, 0xc7, 0xa8, 0x92, 0xa3,
    0x87, 0xa6, 0x92, 0xe2, 0xb6, 0x99, 0xea, 0x97, 0xda, 0x4c};

DEFER_DECLARE(BIO, BIO_free_all)
DEFER_DECLARE(EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)

static bool
no_memory(struct why *why)
{
	return mv_fail(why, MONIKER_LOAD_NO_MEMORY, "out of memory");
}

/* ---- certificates ---- */

/* The next CERTIFICATE block: exactly one certificate. *out NULL: there is no such block. */
static bool
take_certificate(struct bytes *rest, X509 **out, struct why *why)
{
	uint8_t der[CERTIFICATE_DER_MAX];
	const uint8_t *at = der;
	struct bytes lines;
	size_t len = 0;

	*out = NULL;
	if (!mv_armor_take(rest, "CERTIFICATE", &lines))
		return true;
	if (mv_armor_room(lines) > sizeof der || !mv_armor_decode(lines, der, &len))
		return mv_fail(
		    why, MONIKER_LOAD_MALFORMED, "a certificate's block is too long or no base64");
	*out = d2i_X509(NULL, &at, (long)len);
	if (*out == NULL || at != der + len) {
		X509_free(*out);
		*out = NULL;
		return mv_fail(why, MONIKER_LOAD_MALFORMED, "a block that is no certificate");
	}
	return true;
}

static bool
is_self_issued(const X509 *certificate)
{
	return X509_NAME_cmp(
		   X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

int
mv_no_password(char *buf, int size, int writing, void *context)
{
	(void)writing, (void)context;
	if (size > 0)
		buf[0] = '\0';
	return -1;
}

X509 *
mv_bundle_find_root(struct bytes pem)
{
	DEFER(BIO_free_all) BIO *bio = NULL;
	X509 *one;

	if (pem.len == 0 || pem.len > MONIKER_BUNDLE_MAX)
		return NULL;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	while (bio != NULL && (one = PEM_read_bio_X509(bio, NULL, mv_no_password, NULL)) != NULL) {
		if (is_self_issued(one))
			return one;
		X509_free(one);
	}
	return NULL;
}

bool
mv_bundle_issuer_id(const X509 *ca, uint8_t out[static STATUS_ISSUER_BYTES])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	uint8_t *der = NULL;
	const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(ca), &der);
	const bool good = len > 0 && SHA256(der, (size_t)len, hash) != NULL;

	OPENSSL_free(der);
	if (good)
		memcpy(out, hash, STATUS_ISSUER_BYTES);
	return good;
}

/* CA:FALSE, and its extended key usage is critical, the status signers' and nothing else. */
static bool
is_signer(X509 *certificate)
{
	int critical = 0;
	DEFER(EXTENDED_KEY_USAGE_free)
	EXTENDED_KEY_USAGE *usage =
	    X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
	const ASN1_OBJECT *only;

	if (usage == NULL || critical != 1 || sk_ASN1_OBJECT_num(usage) != 1)
		return false;
	only = sk_ASN1_OBJECT_value(usage, 0);
	return OBJ_length(only) == sizeof STATUS_EKU &&
	       memcmp(OBJ_get0_data(only), STATUS_EKU, sizeof STATUS_EKU) == 0 &&
	       (X509_get_extension_flags(certificate) & (EXFLAG_BCONS | EXFLAG_CA)) ==
		   EXFLAG_BCONS &&
	       (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0;
}

static bool
is_ca(X509 *certificate)
{
	return X509_check_ca(certificate) == 1 && /* by basicConstraints, version 3 */
	       (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) != 0;
}

/* Signed with the root's key, under its name. Also of the root itself. */
static bool
is_of_root(X509 *certificate, X509 *root)
{
	EVP_PKEY *key = X509_get0_pubkey(root);

	return key != NULL && X509_check_issued(root, certificate) == X509_V_OK &&
	       X509_verify(certificate, key) == 1;
}

static bool
is_valid_at(const X509 *certificate, int64_t now_s)
{
	time_t now = (time_t)now_s;

	return X509_cmp_time(X509_get0_notBefore(certificate), &now) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(certificate), &now) > 0;
}

/* ---- the parts, in their order ---- */

static bool
take_root(struct bytes *rest, const X509 *want, struct bundle *bundle, struct why *why)
{
	if (!take_certificate(rest, &bundle->root, why))
		return false;
	if (bundle->root == NULL || !is_self_issued(bundle->root) || !is_ca(bundle->root))
		return mv_fail(
		    why, MONIKER_LOAD_MALFORMED, "it does not begin with a root's certificate");
	if (want != NULL && X509_cmp(want, bundle->root) != 0)
		return mv_fail(
		    why, MONIKER_LOAD_UNTRUSTED, "its root is another than the one you trust");
	if (!is_of_root(bundle->root, bundle->root))
		return mv_fail(
		    why, MONIKER_LOAD_UNTRUSTED, "its root is not signed by its own key");
	bundle->store = X509_STORE_new();
	bundle->cas = sk_X509_new_null();
	return (bundle->store != NULL && bundle->cas != NULL &&
		   X509_STORE_add_cert(bundle->store, bundle->root) == 1) ||
	       no_memory(why);
}

struct signers {
	uint8_t keys[BUNDLE_SIGNERS_MAX][STATUS_KEY_BYTES];
	size_t count, seen;
};

static bool
take_signer(X509 *certificate, int64_t now_s, struct signers *signers, struct why *why)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	size_t len = STATUS_KEY_BYTES;

	if (signers->seen++ == BUNDLE_SIGNERS_MAX)
		return mv_fail(why, MONIKER_LOAD_MALFORMED, "too many status signers");
	if (key == NULL || !EVP_PKEY_is_a(key, "ED25519"))
		return mv_fail(
		    why, MONIKER_LOAD_MALFORMED, "a status signer whose key is not Ed25519");
	if (!is_valid_at(certificate, now_s))
		return true;
	if (EVP_PKEY_get_raw_public_key(key, signers->keys[signers->count], &len) != 1)
		return no_memory(why);
	signers->count++;
	return true;
}

/* A CA, or a signer; no CA after the first signer. */
static bool
sort_certificate(struct bundle *bundle, X509 *certificate, int64_t now_s, struct signers *signers,
    struct why *why)
{
	if (!is_of_root(certificate, bundle->root))
		return mv_fail(
		    why, MONIKER_LOAD_UNTRUSTED, "a certificate that its root did not sign");
	if (is_signer(certificate))
		return take_signer(certificate, now_s, signers, why);
	if (!is_ca(certificate) || is_self_issued(certificate) || signers->seen > 0)
		return mv_fail(
		    why, MONIKER_LOAD_MALFORMED, "a certificate that does not belong there");
	if (sk_X509_num(bundle->cas) == BUNDLE_CAS_MAX)
		return mv_fail(why, MONIKER_LOAD_MALFORMED, "too many CAs");
	if (sk_X509_push(bundle->cas, certificate) == 0)
		return no_memory(why);
	(void)X509_up_ref(certificate);
	return true;
}

static bool
take_certificates(struct bytes *rest, struct bundle *bundle, int64_t now_s, struct signers *signers,
    struct why *why)
{
	bool more = true;

	while (more) {
		DEFER(X509_free) X509 *one = NULL;

		if (!take_certificate(rest, &one, why))
			return false;
		more = one != NULL;
		if (more && !sort_certificate(bundle, one, now_s, signers, why))
			return false;
	}
	return true;
}

static bool
take_set(struct bytes *rest, struct bundle *bundle, int64_t now_s, const struct signers *signers,
    struct why *why)
{
	struct bytes lines;
	size_t len = 0;

	if (!mv_armor_take(rest, "MONIKER STATUS SET", &lines) || rest->len > 0)
		return mv_fail(why, MONIKER_LOAD_MALFORMED,
		    "not certificates and, at the end, one status set");
	bundle->octets = malloc(mv_armor_room(lines));
	if (bundle->octets == NULL)
		return no_memory(why);
	if (!mv_armor_decode(lines, bundle->octets, &len))
		return mv_fail(why, MONIKER_LOAD_MALFORMED, "the status set's block is no base64");
	return mv_status_set_parse(
	    bytes_of(bundle->octets, len), signers->keys, signers->count, now_s, &bundle->set, why);
}

bool
mv_bundle_parse(
    struct bytes text, const X509 *root, int64_t now_s, struct bundle **out, struct why *why)
{
	DEFER(mv_bundle_free) struct bundle *bundle = calloc(1, sizeof *bundle);
	struct signers signers = {0};

	if (bundle == NULL)
		return no_memory(why);
	if (text.len > MONIKER_BUNDLE_MAX)
		return mv_fail(
		    why, MONIKER_LOAD_MALFORMED, "longer than %zu octets", MONIKER_BUNDLE_MAX);
	if (!take_root(&text, root, bundle, why) ||
	    !take_certificates(&text, bundle, now_s, &signers, why) ||
	    !take_set(&text, bundle, now_s, &signers, why))
		return false;
	*out = TAKE(bundle);
	return true;
}

void
mv_bundle_free(struct bundle *bundle)
{
	if (bundle == NULL)
		return;
	X509_STORE_free(bundle->store);
	sk_X509_pop_free(bundle->cas, X509_free);
	X509_free(bundle->root);
	free(bundle->octets);
	free(bundle);
}
