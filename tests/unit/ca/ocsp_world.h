/* ocsp_world: a ceremony's Device CA with a responder that it has certified, for tests. */
#ifndef TESTS_UNIT_CA_OCSP_WORLD_H
#define TESTS_UNIT_CA_OCSP_WORLD_H

#include <openssl/ocsp.h>

#include "ca/issue.h"
#include "ocsp_reader.h"
#include "tests/unit/ca/authorities.h"

struct ocsp_world {
	struct authorities authorities;
	const struct issuer *issuer;
	struct key *key;
	struct buf certificate; /* the responder's */
	uint8_t key_hash[OCSP_KEY_HASH_BYTES];
};

/* SHA-1 of the key's BIT STRING. */
static inline void
ocsp_world_key_hash(struct bytes spki, uint8_t out[static OCSP_KEY_HASH_BYTES])
{
	struct der outer = der_of(spki);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	struct bytes point;

	(void)der_take(&der, DER_SEQUENCE);
	point = der_take_bits(&der);
	assert_true(der_end(&der));
	assert_int_equal(EVP_Digest(point.data, point.len, out, NULL, EVP_sha1(), NULL), 1);
}

static inline void
ocsp_world_init(struct ocsp_world *out)
{
	const struct rng rng = rng_system();
	DEFER(secret_free) struct secret *pkcs8 = NULL;
	DEFER(issued_clear) struct issued issued = {0};
	struct error err = {0};

	authorities_init(&out->authorities);
	out->issuer = issuers_active(out->authorities.issuers, ISSUER_DEVICE_CA);
	assert_true(key_generate(&pkcs8, &err));
	assert_true(key_open(secret_bytes(pkcs8), &out->key, &err));
	assert_true(issue_prepare(&(struct issue_request){.profile = profile_find(PROFILE_OCSP),
				      .issuer = out->issuer,
				      .spki = key_spki(out->key),
				      .common_name = OCSP_RESPONDER_NAME,
				      .now_s = TEST_NOW_S},
	    &rng, &issued, &err));
	authorities_sign(
	    &out->authorities, ISSUER_DEVICE_CA, buf_bytes(&issued.tbs), &out->certificate);
	ocsp_world_key_hash(key_spki(out->key), out->key_hash);
}

static inline void
ocsp_world_clear(struct ocsp_world *world)
{
	key_free(world->key);
	buf_clear_public(&world->certificate);
	authorities_clear(&world->authorities);
}
DEFER_DECLARE_CLEAR(struct ocsp_world, ocsp_world_clear)

/* A CertID of the issuer's certificate with this serial number, as OpenSSL writes it. */
static inline OCSP_CERTID *
ocsp_world_certid(const struct issuer *issuer, const EVP_MD *md, const uint8_t *serial, size_t len)
{
	const uint8_t *at = issuer->der.data;
	X509 *x509 = d2i_X509(NULL, &at, (long)issuer->der.len);
	BIGNUM *number = BN_bin2bn(serial, (int)len, NULL);
	ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
	OCSP_CERTID *made = OCSP_cert_id_new(
	    md, X509_get_subject_name(x509), X509_get0_pubkey_bitstr(x509), integer);

	assert_non_null(made);
	ASN1_INTEGER_free(integer);
	BN_free(number);
	X509_free(x509);
	return made;
}

static inline void
ocsp_world_certid_der(
    const struct issuer *issuer, const EVP_MD *md, const uint8_t *serial, struct buf *out)
{
	OCSP_CERTID *id = ocsp_world_certid(issuer, md, serial, SERIAL_BYTES);
	uint8_t *at = buf_extend(out, (size_t)i2d_OCSP_CERTID(id, NULL));

	(void)i2d_OCSP_CERTID(id, &at);
	OCSP_CERTID_free(id);
}

/* What OpenSSL verifies with the Device Root alone as its trust; 1: good. The time is the answer's,
 * not today's: OCSP_basic_verify() reads the clock. */
static inline int
ocsp_world_openssl_verify(const struct ocsp_world *world, OCSP_BASICRESP *basic)
{
	const struct issuer *root = issuers_active(world->authorities.issuers, ISSUER_DEVICE_ROOT);
	const uint8_t *at = root->der.data;
	X509 *anchor = d2i_X509(NULL, &at, (long)root->der.len);
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509_VERIFY_PARAM *param = X509_VERIFY_PARAM_new();
	int verified;

	at = world->issuer->der.data;
	(void)sk_X509_push(chain, d2i_X509(NULL, &at, (long)world->issuer->der.len));
	(void)X509_STORE_add_cert(store, anchor);
	X509_VERIFY_PARAM_set_time(param, TEST_NOW_S);
	(void)X509_STORE_set1_param(store, param);
	verified = OCSP_basic_verify(basic, chain, store, 0);
	X509_VERIFY_PARAM_free(param);
	sk_X509_pop_free(chain, X509_free);
	X509_STORE_free(store);
	X509_free(anchor);
	return verified;
}

#endif
