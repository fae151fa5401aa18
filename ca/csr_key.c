#include "ca/csr_key.h"

#include <openssl/err.h>
#include <sodium.h>

#include "base/der.h"
#include "ca/ecdsa.h"

enum {
	EC_UNCOMPRESSED = 0x04, /* SEC 1 section 2.3.3 */
	RSA_BITS_MIN = 2048,
	RSA_EXPONENT = 65537,
	RSA_FACTOR_MAX = 751, /* smaller prime factors betray a broken generator */
	DIGEST_MAX = 64,      /* octets */
};

/* Contents octets of AlgorithmIdentifiers. */
#define EC_PUBLIC_KEY "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define PRIME256V1 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define SECP384R1 "\x06\x05\x2b\x81\x04\x00\x22"
#define ED25519 "\x06\x03\x2b\x65\x70"
#define ECDSA_WITH "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03"
#define PKCS1 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define NO_PARAMETERS "\x05\x00" /* NULL, not absent: RFC 3279 section 2.3.1 */

typedef bool (*key_reader)(
    const char *group, struct bytes bits, struct csr_key *out, struct error *err);
static bool read_ec(const char *group, struct bytes bits, struct csr_key *out, struct error *err);
static bool read_ed25519(
    const char *group, struct bytes bits, struct csr_key *out, struct error *err);
static bool read_rsa(const char *group, struct bytes bits, struct csr_key *out, struct error *err);

/* clang-format off */
static const struct key_kind {
	struct bytes algorithm;
	enum csr_key_type type;
	int bits;
	const char *group;
	key_reader read;
} KINDS[] = {
	{BYTES_LITERAL(EC_PUBLIC_KEY PRIME256V1),    CSR_KEY_P256,    256, "prime256v1", read_ec},
	{BYTES_LITERAL(EC_PUBLIC_KEY SECP384R1),     CSR_KEY_P384,    384, "secp384r1",  read_ec},
	{BYTES_LITERAL(ED25519),                     CSR_KEY_ED25519, 256, NULL,         read_ed25519},
	{BYTES_LITERAL(PKCS1 "\x01" NO_PARAMETERS),  CSR_KEY_RSA,     0,   NULL,         read_rsa},
};

#define KEYS_EC (CSR_KEY_P256 | CSR_KEY_P384)

/* RSA with absent parameters has to be accepted as well: RFC 4055 section 5. */
static const struct signature_kind {
	struct bytes algorithm;
	unsigned key_types;
	const EVP_MD *(*digest)(void);
} SIGNATURES[] = {
	{BYTES_LITERAL(ECDSA_WITH "\x02"),           KEYS_EC,         EVP_sha256},
	{BYTES_LITERAL(ECDSA_WITH "\x03"),           KEYS_EC,         EVP_sha384},
	{BYTES_LITERAL(ECDSA_WITH "\x04"),           KEYS_EC,         EVP_sha512},
	{BYTES_LITERAL(ED25519),                     CSR_KEY_ED25519, NULL},
	{BYTES_LITERAL(PKCS1 "\x0b" NO_PARAMETERS),  CSR_KEY_RSA,     EVP_sha256},
	{BYTES_LITERAL(PKCS1 "\x0c" NO_PARAMETERS),  CSR_KEY_RSA,     EVP_sha384},
	{BYTES_LITERAL(PKCS1 "\x0d" NO_PARAMETERS),  CSR_KEY_RSA,     EVP_sha512},
	{BYTES_LITERAL(PKCS1 "\x0b"),                CSR_KEY_RSA,     EVP_sha256},
	{BYTES_LITERAL(PKCS1 "\x0c"),                CSR_KEY_RSA,     EVP_sha384},
	{BYTES_LITERAL(PKCS1 "\x0d"),                CSR_KEY_RSA,     EVP_sha512},
};
/* clang-format on */

static bool
weak(struct error *err, const char *why)
{
	error_cause_openssl(err);
	return error_set_field(err, E_WEAK_KEY, "/csr", "%s", why);
}

/* EVP_PKEY_fromdata() also finds whether a point is on its curve. */
static EVP_PKEY *
key_from(const char *algorithm, OSSL_PARAM *params)
{
	DEFER(EVP_PKEY_CTX_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return NULL;
	return key;
}

static bool
read_ec(const char *group, struct bytes bits, struct csr_key *out, struct error *err)
{
	size_t len = 1 + 2 * (size_t)out->bits / 8;

	if (bits.len != len || bits.data[0] != EC_UNCOMPRESSED)
		return error_set_field(
		    err, E_BAD_ALGORITHM, "/csr", "not an uncompressed point of %s", group);
	/* OSSL_PARAM has no const members; these are only read. */
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(
		OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
	    OSSL_PARAM_construct_octet_string(
		OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)bits.data, bits.len),
	    OSSL_PARAM_construct_end(),
	};
	out->key = key_from("EC", params);
	return out->key != NULL || weak(err, "the key's point is not on its curve");
}

/* Points of small order would verify signatures that nobody made with a private key. */
static bool
read_ed25519(const char *group, struct bytes bits, struct csr_key *out, struct error *err)
{
	(void)group;
	if (bits.len != crypto_core_ed25519_BYTES ||
	    crypto_core_ed25519_is_valid_point(bits.data) != 1)
		return error_set_field(
		    err, E_WEAK_KEY, "/csr", "the key's point is not on its curve");
	out->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bits.data, bits.len);
	return out->key != NULL || weak(err, "not an Ed25519 key");
}

static bool
modulus_sound(const BIGNUM *modulus)
{
	for (BN_ULONG d = 3; d <= RSA_FACTOR_MAX; d += 2)
		if (BN_mod_word(modulus, d) == 0)
			return false;
	return BN_is_odd(modulus);
}

static int
bit_length(struct bytes magnitude)
{
	int bits = 0;

	for (unsigned top = magnitude.len == 0 ? 0 : magnitude.data[0]; top != 0; top >>= 1)
		bits++;
	return magnitude.len == 0 ? 0 : (int)(magnitude.len - 1) * 8 + bits;
}

static bool
make_rsa(struct bytes modulus, struct csr_key *out, struct error *err)
{
	DEFER(BN_free) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.len, NULL);
	DEFER(BN_free) BIGNUM *e = BN_new();
	DEFER(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	DEFER(OSSL_PARAM_free) OSSL_PARAM *params = NULL;

	if (n != NULL && !modulus_sound(n))
		return error_set_field(
		    err, E_WEAK_KEY, "/csr", "the RSA modulus has a small factor");
	if (n != NULL && e != NULL && builder != NULL && BN_set_word(e, RSA_EXPONENT) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params != NULL)
		out->key = key_from("RSA", params);
	return out->key != NULL || weak(err, "not an RSA key");
}

/* RSAPublicKey, RFC 8017 appendix A.1.1. Bounded before any arithmetic. */
static bool
read_rsa(const char *group, struct bytes bits, struct csr_key *out, struct error *err)
{
	struct der outer = der_of(bits);
	struct der in = der_enter(&outer, DER_SEQUENCE);
	struct bytes modulus = der_take_unsigned(&in), exponent = der_take_unsigned(&in);
	static const uint8_t exponent_wanted[] = {0x01, 0x00, 0x01};

	(void)group;
	if (!der_end(&in) || !der_end(&outer))
		return error_set_field(err, E_BAD_SYNTAX, "/csr", "not an RSA key");
	out->bits = bit_length(modulus);
	if (out->bits < RSA_BITS_MIN || out->bits > CSR_RSA_BITS_MAX)
		return error_set_field(err, E_WEAK_KEY, "/csr",
		    "RSA keys have %d to %d bits, this one %d", RSA_BITS_MIN, CSR_RSA_BITS_MAX,
		    out->bits);
	if (!bytes_equal(exponent, bytes_of(exponent_wanted, sizeof exponent_wanted)))
		return error_set_field(
		    err, E_WEAK_KEY, "/csr", "the RSA exponent is not %d", RSA_EXPONENT);
	return make_rsa(modulus, out, err);
}

bool
csr_key_parse(struct bytes spki, struct csr_key *out, struct error *err)
{
	struct der outer = der_of(spki);
	struct der in = der_enter(&outer, DER_SEQUENCE);
	struct bytes algorithm = der_take(&in, DER_SEQUENCE), bits = der_take_bits(&in);

	if (!der_end(&in) || !der_end(&outer))
		return error_set_field(err, E_BAD_SYNTAX, "/csr", "not a public key");
	for (size_t i = 0; i < COUNT(KINDS); i++) {
		if (!bytes_equal(KINDS[i].algorithm, algorithm))
			continue;
		out->type = KINDS[i].type;
		out->bits = KINDS[i].bits;
		return KINDS[i].read(KINDS[i].group, bits, out, err);
	}
	return error_set_field(
	    err, E_BAD_ALGORITHM, "/csr", "the key is not one of P-256, P-384, Ed25519, RSA");
}

static bool
verify_digest(
    const struct csr_key *key, const EVP_MD *md, struct bytes message, struct bytes signature)
{
	uint8_t digest[DIGEST_MAX];
	unsigned len = SHA256_BYTES;

	if (md == EVP_sha256())
		sha256(message, digest);
	else if (EVP_Digest(message.data, message.len, digest, &len, md, NULL) != 1)
		return false;
	return ecdsa_verify(key->key, bytes_of(digest, len), signature);
}

static bool
verify_message(
    const struct csr_key *key, const EVP_MD *md, struct bytes message, struct bytes signature)
{
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key->key) == 1 &&
	       EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len) == 1;
}

bool
csr_key_verify(const struct csr_key *key, struct bytes algorithm, struct bytes message,
    struct bytes signature, struct error *err)
{
	const struct signature_kind *kind = NULL;
	const EVP_MD *md;

	for (size_t i = 0; i < COUNT(SIGNATURES) && kind == NULL; i++)
		if (bytes_equal(SIGNATURES[i].algorithm, algorithm))
			kind = &SIGNATURES[i];
	if (kind == NULL || (kind->key_types & key->type) == 0)
		return error_set_field(err, E_BAD_ALGORITHM, "/csr",
		    "the signature algorithm is not supported for this kind of key");

	md = kind->digest == NULL ? NULL : kind->digest();
	if (key->type & KEYS_EC ? verify_digest(key, md, message, signature)
				: verify_message(key, md, message, signature))
		return true;
	ERR_clear_error();
	return error_set_field(err, E_BAD_PROOF, "/csr",
	    "its signature does not verify: sign it with the key that it holds");
}

void
csr_key_clear(struct csr_key *key)
{
	EVP_PKEY_free(key->key);
	key->key = NULL;
}
