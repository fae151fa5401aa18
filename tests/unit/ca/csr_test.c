#include "cmocka_all.h"

#include <openssl/err.h>

#include "base/mem.h"
#include "base/text.h"
#include "ca/csr.h"
#include "request.h"

#define ECDSA_SHA256 "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define RSA_SHA256 "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"
#define EC_P256 \
	"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define RSA_KEY "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define BYTES(literal) ((struct bytes)BYTES_LITERAL(literal))

static void
refuses(const char *why, struct bytes der, enum error_code want)
{
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};

	if (csr_parse(der, &csr, &err))
		fail_msg("%s: accepted", why);
	assert_null(csr);
	if (err.code != want)
		fail_msg("%s: %s: %s", why, error_info(err.code)->name, err.detail);
	assert_string_equal(err.pointer, "/csr");
	assert_int_equal(ERR_peek_error(), 0);
}

/* clang-format off */
static const struct friendly {
	const char *kind;
	unsigned bits; /* for request_key() */
	const EVP_MD *(*md)(void);
	enum csr_key_type type;
	int want_bits;
} FRIENDLY[] = {
	{"P-256",   256,  EVP_sha256, CSR_KEY_P256,    256},
	{"P-256",   256,  EVP_sha384, CSR_KEY_P256,    256},
	{"P-256",   256,  EVP_sha512, CSR_KEY_P256,    256},
	{"P-384",   384,  EVP_sha256, CSR_KEY_P384,    384},
	{"P-384",   384,  EVP_sha384, CSR_KEY_P384,    384},
	{"P-384",   384,  EVP_sha512, CSR_KEY_P384,    384},
	{"ED25519", 0,    NULL,       CSR_KEY_ED25519, 256},
	{"RSA",     2048, EVP_sha256, CSR_KEY_RSA,     2048},
	{"RSA",     2048, EVP_sha384, CSR_KEY_RSA,     2048},
	{"RSA",     2056, EVP_sha512, CSR_KEY_RSA,     2056},
	{"RSA",     3072, EVP_sha256, CSR_KEY_RSA,     3072},
};
/* clang-format on */

static void
requests_of_supported_kinds_are_proven_and_seen_as_openssl_sees_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(FRIENDLY); i++) {
		const struct friendly *f = &FRIENDLY[i];
		DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key(f->kind, f->bits);
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(buf_clear_public) struct buf spki = {0};
		DEFER(csr_free) struct csr *csr = NULL;
		struct error err = {0};
		uint8_t digest[SHA256_BYTES];

		request_make(key, f->md == NULL ? NULL : f->md(), &der);
		request_spki(key, &spki);
		if (!csr_parse(buf_bytes(&der), &csr, &err))
			fail_msg("%s %u: %s", f->kind, f->bits, err.detail);
		assert_int_equal(csr_key_type(csr), f->type);
		assert_int_equal(csr_key_bits(csr), f->want_bits);
		assert_true(bytes_equal(csr_spki(csr), buf_bytes(&spki)));
		sha256(buf_bytes(&spki), digest);
		assert_memory_equal(csr_spki_sha256(csr), digest, SHA256_BYTES);
	}
}

/* clang-format off */
static const struct friendly UNSUPPORTED[] = {
	{"secp256k1",       256,  EVP_sha256, 0, 0},
	{"P-521",           521,  EVP_sha512, 0, 0},
	{"P-224",           224,  EVP_sha256, 0, 0},
	{"brainpoolP256r1", 256,  EVP_sha256, 0, 0},
	{"ED448",           0,    NULL,       0, 0},
	{"P-256",           256,  EVP_sha1,   0, 0},
	{"P-256",           256,  EVP_sha224, 0, 0},
	{"RSA",             2048, EVP_sha1,   0, 0},
	{"RSA",             2048, EVP_md5,    0, 0},
	{"RSA",             2048, EVP_sha224, 0, 0},
};
/* clang-format on */

static void
other_curves_keys_and_digests_are_not_supported(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(UNSUPPORTED); i++) {
		const struct friendly *f = &UNSUPPORTED[i];
		DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key(f->kind, f->bits);
		DEFER(buf_clear_public) struct buf der = {0};

		request_make(key, f->md == NULL ? NULL : f->md(), &der);
		refuses(f->kind, buf_bytes(&der), E_BAD_ALGORITHM);
	}
}

static void
a_curve_given_by_its_parameters_is_not_supported(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf der = {0};

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(
			     key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT),
	    1);
	request_make(key, EVP_sha256(), &der);
	refuses("explicit parameters", buf_bytes(&der), E_BAD_ALGORITHM);
}

static void
a_compressed_point_is_not_supported(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf der = {0};

	(void)state;
	assert_int_equal(
	    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
		OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
	    1);
	request_make(key, EVP_sha256(), &der);
	refuses("compressed point", buf_bytes(&der), E_BAD_ALGORITHM);
}

static void
a_request_cut_short_anywhere_is_no_request(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf der = {0};

	(void)state;
	request_make(key, EVP_sha256(), &der);
	for (size_t len = 0; len < der.len; len++) {
		/* In memory of its own length, so that a sanitizer sees a read past the end. */
		DEFER(mem_free) uint8_t *cut = xcalloc(1, len + (len == 0));

		if (len > 0)
			memcpy(cut, der.data, len);
		refuses("truncated", bytes_of(cut, len), E_BAD_SYNTAX);
	}
}

static void
a_changed_bit_anywhere_is_found(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf der = {0};

	(void)state;
	request_make(key, EVP_sha256(), &der);
	for (size_t i = 0; i < der.len * 8; i++) {
		DEFER(csr_free) struct csr *csr = NULL;
		struct error err = {0};

		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (csr_parse(buf_bytes(&der), &csr, &err))
			fail_msg("bit %zu", i);
		assert_true(err.code == E_BAD_SYNTAX || err.code == E_BAD_ALGORITHM ||
			    err.code == E_WEAK_KEY || err.code == E_BAD_PROOF);
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static void
octets_after_the_request_or_inside_its_parts_are_refused(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf inside = {0};

	(void)state;
	request_make(key, EVP_sha256(), &der);
	buf_append(&inside, buf_bytes(&der));
	buf_append_u8(&der, 0);
	refuses("trailing octet", buf_bytes(&der), E_BAD_SYNTAX);

	assert_int_equal(inside.data[1], 0x81);
	inside.data[2] = (uint8_t)(inside.data[2] + 2);
	buf_append(&inside, BYTES("\x05\x00"));
	refuses("an element too many", buf_bytes(&inside), E_BAD_SYNTAX);
}

static void
lengths_that_are_not_minimal_are_refused(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf longer = {0};

	(void)state;
	request_make(key, EVP_sha256(), &der);
	assert_int_equal(der.data[1], 0x81);
	buf_append(&longer, BYTES("\x30\x82\x00"));
	buf_append(&longer, bytes_of(der.data + 2, der.len - 2));
	refuses("length of three octets", buf_bytes(&longer), E_BAD_SYNTAX);

	buf_truncate(&longer, 0);
	buf_append(&longer, BYTES("\x30\x80"));
	buf_append(&longer, bytes_of(der.data + 3, der.len - 3));
	buf_append(&longer, BYTES("\x00\x00"));
	refuses("indefinite length", buf_bytes(&longer), E_BAD_SYNTAX);
}

static void
a_request_longer_than_the_limit_is_refused_unread(void **state)
{
	DEFER(mem_free) uint8_t *octets = xcalloc(1, CSR_DER_MAX + 1);

	(void)state;
	refuses("too long", bytes_of(octets, CSR_DER_MAX + 1), E_BAD_SYNTAX);
}

/* ---- put together by hand ---- */

static void
assembled(const char *why, const struct request_parts *parts, enum error_code want)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};

	request_assemble(parts, &der);
	if (want != E_NONE) {
		refuses(why, buf_bytes(&der), want);
		return;
	}
	if (!csr_parse(buf_bytes(&der), &csr, &err))
		fail_msg("%s: %s", why, err.detail);
}

static void
each_part_of_the_request_must_be_as_the_rfc_has_it(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(EVP_PKEY_free) EVP_PKEY *other = request_key("P-256", 256);
	DEFER(EVP_PKEY_free) EVP_PKEY *rsa = request_key("RSA", 2048);
	DEFER(buf_clear_public) struct buf spki = {0};
	struct request_parts good, parts;

	(void)state;
	request_spki(key, &spki);
	good = (struct request_parts){.spki = buf_bytes(&spki),
	    .algorithm = BYTES(ECDSA_SHA256),
	    .signer = key,
	    .md = EVP_sha256()};
	assembled("empty name, no attributes", &good, E_NONE);

	parts = good;
	parts.version = 1;
	assembled("version 2", &parts, E_BAD_SYNTAX);
	parts = good;
	parts.without_attributes = true;
	assembled("attributes left out", &parts, E_BAD_SYNTAX);
	parts = good;
	parts.subject = BYTES("\x30\x04\x31\x02\x30\x01");
	assembled("name with a broken element", &parts, E_BAD_SYNTAX);
	parts = good;
	parts.attributes = BYTES("\x30\x03\x06\x05\x2a");
	assembled("attribute with a broken element", &parts, E_BAD_SYNTAX);
	parts = good;
	parts.signer = other;
	assembled("signed by another key", &parts, E_BAD_PROOF);
	parts = good;
	parts.md = EVP_sha384();
	assembled("signed with another digest than it says", &parts, E_BAD_PROOF);
	parts = good;
	parts.algorithm = BYTES("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00");
	assembled("ECDSA with NULL parameters", &parts, E_BAD_ALGORITHM);
	parts = good;
	parts.algorithm = BYTES(RSA_SHA256);
	parts.signer = rsa;
	assembled("an RSA signature by an EC key", &parts, E_BAD_ALGORITHM);
	parts = good;
	parts.spki = BYTES("\x30\x02\x05\x00");
	assembled("no key", &parts, E_BAD_SYNTAX);
}

static void
nested_elements_deeper_than_the_limit_are_refused(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(der_writer_clear) struct der_writer deep;

	(void)state;
	request_spki(key, &spki);
	der_writer_init(&deep, 4096);
	for (int i = 0; i < 1000; i++)
		der_wrap(&deep, DER_SEQUENCE, 0);
	assembled("a thousand sequences",
	    &(struct request_parts){.spki = buf_bytes(&spki),
		.algorithm = BYTES(ECDSA_SHA256),
		.subject = der_written(&deep),
		.signer = key,
		.md = EVP_sha256()},
	    E_BAD_SYNTAX);
}

/* SubjectPublicKeyInfo with these BIT STRING octets. */
static void
make_spki(struct bytes algorithm, struct bytes bits, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;
	size_t mark;

	der_writer_init(&w, 4096);
	mark = der_mark(&w);
	der_put_bits(&w, bits);
	der_put(&w, algorithm);
	der_wrap(&w, DER_SEQUENCE, mark);
	buf_append(out, der_written(&w));
}

static void
refuses_key(const char *why, struct bytes algorithm, struct bytes bits, enum error_code want)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *signer = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf spki = {0};

	make_spki(algorithm, bits, &spki);
	assembled(why,
	    &(struct request_parts){.spki = buf_bytes(&spki),
		.algorithm = BYTES(ECDSA_SHA256),
		.signer = signer,
		.md = EVP_sha256()},
	    want);
}

static void
points_off_the_curve_are_weak_keys(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	uint8_t point[65];
	uint8_t low_order[32] = {1}; /* the neutral element of edwards25519 */
	size_t len;

	(void)state;
	assert_int_equal(EVP_PKEY_get_octet_string_param(
			     key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
	    1);
	point[64] ^= 1;
	refuses_key("y changed", BYTES(EC_P256), bytes_of(point, 65), E_WEAK_KEY);
	memset(point + 1, 0, 64);
	refuses_key("x = y = 0", BYTES(EC_P256), bytes_of(point, 65), E_WEAK_KEY);
	memset(point + 1, 0xff, 64);
	refuses_key("not below p", BYTES(EC_P256), bytes_of(point, 65), E_WEAK_KEY);
	refuses_key("infinity", BYTES(EC_P256), BYTES("\x00"), E_BAD_ALGORITHM);
	point[0] = 0x06;
	refuses_key("hybrid form", BYTES(EC_P256), bytes_of(point, 65), E_BAD_ALGORITHM);
	refuses_key("Ed25519, order 1", BYTES("\x30\x05\x06\x03\x2b\x65\x70"),
	    bytes_of(low_order, 32), E_WEAK_KEY);
	refuses_key("Ed25519, 31 octets", BYTES("\x30\x05\x06\x03\x2b\x65\x70"),
	    bytes_of(low_order, 31), E_WEAK_KEY);
}

/* An RSA key of `bits` bits, all of them random but the first and the last. */
static void
refuses_rsa(const char *why, size_t bits, uint64_t exponent, bool odd, enum error_code want)
{
	DEFER(BN_free) BIGNUM *n = BN_new();
	DEFER(der_writer_clear) struct der_writer w;
	uint8_t modulus[2048];

	assert_int_equal(BN_rand(n, (int)bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
	for (int divided = 1; divided;) { /* no small factors, so that only `why` is the reason */
		divided = 0;
		for (BN_ULONG d = 3; d < 800; d += 2)
			divided |= BN_mod_word(n, d) == 0;
		if (divided)
			assert_int_equal(BN_add_word(n, 2), 1);
	}
	if (!odd)
		assert_int_equal(BN_sub_word(n, 1), 1);
	assert_int_equal(BN_bn2binpad(n, modulus, (int)(bits + 7) / 8), (int)(bits + 7) / 8);

	der_writer_init(&w, 4096);
	der_put_int(&w, exponent);
	der_put_unsigned(&w, bytes_of(modulus, (bits + 7) / 8));
	der_wrap(&w, DER_SEQUENCE, 0);
	refuses_key(why, BYTES(RSA_KEY), der_written(&w), want);
}

static void
rsa_keys_out_of_bounds_are_weak_before_any_arithmetic(void **state)
{
	(void)state;
	refuses_rsa("512 bits", 512, 65537, true, E_WEAK_KEY);
	refuses_rsa("1024 bits", 1024, 65537, true, E_WEAK_KEY);
	refuses_rsa("2047 bits", 2047, 65537, true, E_WEAK_KEY);
	refuses_rsa("4097 bits", 4097, 65537, true, E_WEAK_KEY);
	refuses_rsa("16384 bits", 16384, 65537, true, E_WEAK_KEY);
	refuses_rsa("exponent 1", 2048, 1, true, E_WEAK_KEY);
	refuses_rsa("exponent 3", 2048, 3, true, E_WEAK_KEY);
	refuses_rsa("exponent 65536", 2048, 65536, true, E_WEAK_KEY);
	refuses_rsa("exponent 2^33+1", 2048, (UINT64_C(1) << 33) + 1, true, E_WEAK_KEY);
	refuses_rsa("even modulus", 2048, 65537, false, E_WEAK_KEY);
	/* What is left when nothing is wrong with the key: the algorithm is not one of RSA. */
	refuses_rsa("sound", 2048, 65537, true, E_BAD_ALGORITHM);
	refuses_key(
	    "not two integers", BYTES(RSA_KEY), BYTES("\x30\x03\x02\x01\x03"), E_BAD_SYNTAX);
}

static void
a_modulus_with_a_small_factor_is_weak(void **state)
{
	DEFER(BN_free) BIGNUM *n = BN_new();
	DEFER(der_writer_clear) struct der_writer w;
	uint8_t modulus[256];

	(void)state;
	assert_int_equal(BN_rand(n, 2048, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD), 1);
	while (BN_mod_word(n, 251) != 0)
		assert_int_equal(BN_sub_word(n, 2), 1);
	assert_int_equal(BN_bn2binpad(n, modulus, sizeof modulus), sizeof modulus);
	der_writer_init(&w, 1024);
	der_put_int(&w, 65537);
	der_put_unsigned(&w, bytes_of(modulus, sizeof modulus));
	der_wrap(&w, DER_SEQUENCE, 0);
	refuses_key("251 divides it", BYTES(RSA_KEY), der_written(&w), E_WEAK_KEY);
}

/* ---- as text ---- */

static bool
parses_text(const char *text, enum error_code *out_code)
{
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};
	bool good = csr_parse_text(bytes_of_text(text), &csr, &err);

	*out_code = err.code;
	if (!good)
		assert_string_equal(err.pointer, "/csr");
	return good;
}

static void
pem_and_base64_are_the_same_request(void **state)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(buf_clear_public) struct buf old_pem = {0};
	DEFER(buf_clear_public) struct buf base64 = {0};
	DEFER(buf_clear_public) struct buf lines = {0};
	enum error_code code;

	(void)state;
	request_make(key, EVP_sha256(), &der);
	pem_encode(&pem, "CERTIFICATE REQUEST", buf_bytes(&der));
	pem_encode(&old_pem, "NEW CERTIFICATE REQUEST", buf_bytes(&der));
	base64_encode(&base64, buf_bytes(&der));
	for (size_t i = 0; i < base64.len; i++)
		buf_append_format(&lines, "%c%s", base64.data[i], i % 60 == 59 ? "\r\n" : "");
	assert_true(parses_text(buf_text(&pem), &code));
	assert_true(parses_text(buf_text(&old_pem), &code));
	assert_true(parses_text(buf_text(&base64), &code));
	assert_true(parses_text(buf_text(&lines), &code));

	buf_append(&pem, buf_bytes(&old_pem));
	assert_false(parses_text(buf_text(&pem), &code));
	assert_int_equal(code, E_BAD_SYNTAX);
}

static void
other_texts_are_refused(void **state)
{
	/* clang-format off */
	static const char *const texts[] = {"", " ", "\n", "hello", "AAAA", "====",
	    "-----BEGIN CERTIFICATE REQUEST-----\n",
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
	/* clang-format on */
	DEFER(mem_free) char *longer = xcalloc(1, CSR_TEXT_MAX + 2);
	enum error_code code;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_false(parses_text(texts[i], &code));
		assert_int_equal(code, E_BAD_SYNTAX);
	}
	memset(longer, 'A', CSR_TEXT_MAX + 1);
	assert_false(parses_text(longer, &code));
	assert_int_equal(code, E_BAD_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_of_supported_kinds_are_proven_and_seen_as_openssl_sees_them),
	    cmocka_unit_test(other_curves_keys_and_digests_are_not_supported),
	    cmocka_unit_test(a_curve_given_by_its_parameters_is_not_supported),
	    cmocka_unit_test(a_compressed_point_is_not_supported),
	    cmocka_unit_test(a_request_cut_short_anywhere_is_no_request),
	    cmocka_unit_test(a_changed_bit_anywhere_is_found),
	    cmocka_unit_test(octets_after_the_request_or_inside_its_parts_are_refused),
	    cmocka_unit_test(lengths_that_are_not_minimal_are_refused),
	    cmocka_unit_test(a_request_longer_than_the_limit_is_refused_unread),
	    cmocka_unit_test(each_part_of_the_request_must_be_as_the_rfc_has_it),
	    cmocka_unit_test(nested_elements_deeper_than_the_limit_are_refused),
	    cmocka_unit_test(points_off_the_curve_are_weak_keys),
	    cmocka_unit_test(rsa_keys_out_of_bounds_are_weak_before_any_arithmetic),
	    cmocka_unit_test(a_modulus_with_a_small_factor_is_weak),
	    cmocka_unit_test(pem_and_base64_are_the_same_request),
	    cmocka_unit_test(other_texts_are_refused),
	};

	return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
