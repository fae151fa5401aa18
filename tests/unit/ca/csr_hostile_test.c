/* Requests made to be wrong: keys, algorithms, signatures and attributes, one thing each. */
#include "cmocka_all.h"

#include <openssl/err.h>

#include "base/mem.h"
#include "ca/csr.h"
#include "request.h"

#define BYTES(literal) ((struct bytes)BYTES_LITERAL(literal))
#define OID_EC "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_P384 "\x06\x05\x2b\x81\x04\x00\x22"
#define OID_ED25519 "\x06\x03\x2b\x65\x70"
#define OID_RSA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_RSA_PSS "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define OID_RSA_SHA256 "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"
#define OID_ECDSA_SHA256 "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define ECDSA_SHA256 "\x30\x0a" OID_ECDSA_SHA256

/* Made once: keys are what takes time here. */
enum kind { P256, P384, ED, RSA2048, KINDS };

struct keys {
	EVP_PKEY *of[KINDS];
};

static int
make_keys(void **state)
{
	struct keys *keys = xcalloc(1, sizeof *keys);

	keys->of[P256] = request_key("P-256", 256);
	keys->of[P384] = request_key("P-384", 384);
	keys->of[ED] = request_key("ED25519", 0);
	keys->of[RSA2048] = request_key("RSA", 2048);
	*state = keys;
	return 0;
}

static int
free_keys(void **state)
{
	struct keys *keys = *state;

	for (int kind = 0; kind < KINDS; kind++)
		EVP_PKEY_free(keys->of[kind]);
	mem_free(keys);
	return 0;
}

static EVP_PKEY *
key_of(void **state, enum kind kind)
{
	return ((struct keys *)*state)->of[kind];
}

static void
judge(const char *why, struct bytes der, enum error_code want)
{
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};

	if (csr_parse(der, &csr, &err) != (want == E_NONE) || err.code != want)
		fail_msg("%s: %s: %s", why,
		    err.code == E_NONE ? "taken" : error_info(err.code)->name, err.detail);
	assert_int_equal(csr != NULL, want == E_NONE);
	if (want != E_NONE)
		assert_string_equal(err.pointer, "/csr");
	assert_int_equal(ERR_peek_error(), 0);
}

/* SubjectPublicKeyInfo with these AlgorithmIdentifier contents and BIT STRING octets. */
static void
make_spki(struct bytes algorithm, struct bytes bits, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;
	size_t mark;

	der_writer_init(&w, 4096);
	mark = der_mark(&w);
	der_put_bits(&w, bits);
	der_put_element(&w, DER_SEQUENCE, algorithm);
	der_wrap(&w, DER_SEQUENCE, mark);
	buf_append(out, der_written(&w));
}

/* A request that is right but for its key, which cannot have signed it. */
static void
judge_key(const char *why, struct bytes algorithm, struct bytes bits, enum error_code want)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *signer = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf der = {0};

	make_spki(algorithm, bits, &spki);
	request_assemble(&(struct request_parts){.spki = buf_bytes(&spki),
			     .algorithm = BYTES(ECDSA_SHA256),
			     .signer = signer,
			     .md = EVP_sha256()},
	    &der);
	judge(why, buf_bytes(&der), want);
}

/* The BIT STRING octets of a key. */
static void
key_bits(const EVP_PKEY *key, struct buf *out)
{
	DEFER(buf_clear_public) struct buf spki = {0};
	struct der whole, in;

	request_spki((EVP_PKEY *)(uintptr_t)key, &spki); /* i2d_PUBKEY() only reads */
	whole = der_of(buf_bytes(&spki));
	in = der_enter(&whole, DER_SEQUENCE);
	(void)der_take(&in, DER_SEQUENCE);
	buf_append(out, der_take_bits(&in));
	assert_true(der_end(&in));
}

/* clang-format off */
static const struct algorithm { const char *why; enum kind kind; struct bytes algorithm; enum error_code want; } ALGORITHMS[] = {
	/* What is left when nothing is wrong with the key: another one has signed. */
	{"P-256",                       P256,   BYTES_LITERAL(OID_EC OID_P256), E_BAD_PROOF},
	{"P-384",                       P384,   BYTES_LITERAL(OID_EC OID_P384), E_BAD_PROOF},
	{"EC without a curve",          P256,   BYTES_LITERAL(OID_EC), E_BAD_ALGORITHM},
	{"EC with NULL",                P256,   BYTES_LITERAL(OID_EC "\x05\x00"), E_BAD_ALGORITHM},
	{"EC with two curves",          P256,   BYTES_LITERAL(OID_EC OID_P256 OID_P384), E_BAD_ALGORITHM},
	{"EC with a curve and NULL",    P256,   BYTES_LITERAL(OID_EC OID_P256 "\x05\x00"), E_BAD_ALGORITHM},
	{"a curve alone",               P256,   BYTES_LITERAL(OID_P256), E_BAD_ALGORITHM},
	{"nothing",                     P256,   BYTES_LITERAL(""), E_BAD_ALGORITHM},
	{"a P-256 point said to be of P-384", P256, BYTES_LITERAL(OID_EC OID_P384), E_BAD_ALGORITHM},
	{"a P-384 point said to be of P-256", P384, BYTES_LITERAL(OID_EC OID_P256), E_BAD_ALGORITHM},
	{"an EC point said to be Ed25519", P256, BYTES_LITERAL(OID_ED25519), E_WEAK_KEY},
	{"Ed25519 with NULL",           ED, BYTES_LITERAL(OID_ED25519 "\x05\x00"), E_BAD_ALGORITHM},
	{"RSA without NULL",            RSA2048,     BYTES_LITERAL(OID_RSA), E_BAD_ALGORITHM},
	{"RSA with something else",     RSA2048,     BYTES_LITERAL(OID_RSA "\x30\x00"), E_BAD_ALGORITHM},
	{"RSA said to be for PSS alone", RSA2048,    BYTES_LITERAL(OID_RSA_PSS "\x05\x00"), E_BAD_ALGORITHM},
	{"RSA said to be EC",           RSA2048,     BYTES_LITERAL(OID_EC OID_P256), E_BAD_ALGORITHM},
};
/* clang-format on */

static void
the_algorithm_of_a_key_has_its_parameters_and_no_others(void **state)
{
	for (size_t i = 0; i < COUNT(ALGORITHMS); i++) {
		const struct algorithm *a = &ALGORITHMS[i];
		const EVP_PKEY *key = key_of(state, a->kind);
		DEFER(buf_clear_public) struct buf bits = {0};

		key_bits(key, &bits);
		judge_key(a->why, a->algorithm, buf_bytes(&bits), a->want);
	}
}

/* clang-format off */
static const struct signature { const char *why; enum kind kind; const EVP_MD *(*md)(void); struct bytes algorithm; enum error_code want; } SIGNATURES[] = {
	{"RSA with NULL",               RSA2048,     EVP_sha256, BYTES_LITERAL("\x30\x0d" OID_RSA_SHA256 "\x05\x00"), E_NONE},
	{"RSA with nothing",            RSA2048,     EVP_sha256, BYTES_LITERAL("\x30\x0b" OID_RSA_SHA256), E_NONE},
	{"RSA with a SEQUENCE",         RSA2048,     EVP_sha256, BYTES_LITERAL("\x30\x0d" OID_RSA_SHA256 "\x30\x00"), E_BAD_ALGORITHM},
	{"RSA with two NULLs",          RSA2048,     EVP_sha256, BYTES_LITERAL("\x30\x0f" OID_RSA_SHA256 "\x05\x00\x05\x00"), E_BAD_ALGORITHM},
	{"the key's own OID",           RSA2048,     EVP_sha256, BYTES_LITERAL("\x30\x0d" OID_RSA "\x05\x00"), E_BAD_ALGORITHM},
	{"RSA said to be PSS",          RSA2048,     EVP_sha256, BYTES_LITERAL("\x30\x0d" OID_RSA_PSS "\x30\x00"), E_BAD_ALGORITHM},
	{"RSA said to be ECDSA",        RSA2048,     EVP_sha256, BYTES_LITERAL(ECDSA_SHA256), E_BAD_ALGORITHM},
	{"RSA of another digest",       RSA2048,     EVP_sha512, BYTES_LITERAL("\x30\x0d" OID_RSA_SHA256 "\x05\x00"), E_BAD_PROOF},
	{"Ed25519",                     ED, NULL,       BYTES_LITERAL("\x30\x05" OID_ED25519), E_NONE},
	{"Ed25519 with NULL",           ED, NULL,       BYTES_LITERAL("\x30\x07" OID_ED25519 "\x05\x00"), E_BAD_ALGORITHM},
	{"Ed25519 said to be ECDSA",    ED, NULL,       BYTES_LITERAL(ECDSA_SHA256), E_BAD_ALGORITHM},
	{"ECDSA",                       P384,   EVP_sha256, BYTES_LITERAL(ECDSA_SHA256), E_NONE},
	{"ECDSA with NULL",             P384,   EVP_sha256, BYTES_LITERAL("\x30\x0c" OID_ECDSA_SHA256 "\x05\x00"), E_BAD_ALGORITHM},
	{"ECDSA said to be Ed25519",    P256,   EVP_sha256, BYTES_LITERAL("\x30\x05" OID_ED25519), E_BAD_ALGORITHM},
	{"no algorithm",                P256,   EVP_sha256, BYTES_LITERAL("\x30\x00"), E_BAD_ALGORITHM},
};
/* clang-format on */

static void
the_algorithm_of_a_signature_is_one_of_its_key(void **state)
{
	for (size_t i = 0; i < COUNT(SIGNATURES); i++) {
		const struct signature *s = &SIGNATURES[i];
		EVP_PKEY *key = key_of(state, s->kind);
		DEFER(buf_clear_public) struct buf spki = {0};
		DEFER(buf_clear_public) struct buf der = {0};

		request_spki(key, &spki);
		request_assemble(&(struct request_parts){.spki = buf_bytes(&spki),
				     .algorithm = s->algorithm,
				     .signer = key,
				     .md = s->md == NULL ? NULL : s->md()},
		    &der);
		judge(s->why, buf_bytes(&der), s->want);
	}
}

static void
points_of_another_form_are_refused(void **state)
{
	static const uint8_t zeros[98] = {0x04};
	uint8_t ones[33];

	(void)state;
	memset(ones, 0xff, sizeof ones);
	judge_key("no point", BYTES(OID_EC OID_P256), BYTES(""), E_BAD_ALGORITHM);
	judge_key("64 octets", BYTES(OID_EC OID_P256), bytes_of(zeros, 64), E_BAD_ALGORITHM);
	judge_key("66 octets", BYTES(OID_EC OID_P256), bytes_of(zeros, 66), E_BAD_ALGORITHM);
	judge_key("infinity, filled up", BYTES(OID_EC OID_P256), bytes_of(zeros + 1, 65),
	    E_BAD_ALGORITHM);
	judge_key("(0, 0) of P-384", BYTES(OID_EC OID_P384), bytes_of(zeros, 97), E_WEAK_KEY);
	judge_key("no Ed25519 point", BYTES(OID_ED25519), BYTES(""), E_WEAK_KEY);
	judge_key("Ed25519, 33 octets", BYTES(OID_ED25519), bytes_of(zeros, 33), E_WEAK_KEY);
	judge_key("Ed25519, not reduced", BYTES(OID_ED25519), bytes_of(ones, 32), E_WEAK_KEY);
	judge_key("Ed25519, order 4", BYTES(OID_ED25519), bytes_of(zeros + 1, 32), E_WEAK_KEY);
}

/* RSAPublicKey of two elements, as they are given. */
static void
judge_rsa(const char *why, struct bytes modulus, struct bytes exponent, enum error_code want)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, 4096);
	der_put(&w, exponent);
	der_put(&w, modulus);
	der_wrap(&w, DER_SEQUENCE, 0);
	judge_key(why, BYTES(OID_RSA "\x05\x00"), der_written(&w), want);
}

static void
rsa_keys_are_two_sound_integers(void **state)
{
	EVP_PKEY *key = key_of(state, RSA2048);
	DEFER(buf_clear_public) struct buf bits = {0};
	DEFER(buf_clear_public) struct buf hurt = {0};
	DEFER(buf_clear_public) struct buf huge = {0};
	struct der whole, in;
	struct bytes n;
	const struct bytes e = BYTES("\x02\x03\x01\x00\x01");

	key_bits(key, &bits);
	whole = der_of(buf_bytes(&bits));
	in = der_enter(&whole, DER_SEQUENCE);
	n = der_take_whole(&in, DER_INTEGER);
	assert_int_equal(n.len, 4 + 257);
	judge_rsa("sound", n, e, E_BAD_ALGORITHM); /* ECDSA is not one of its algorithms */
	judge_rsa("exponent 0", n, BYTES("\x02\x01\x00"), E_WEAK_KEY);
	judge_rsa("exponent 1", n, BYTES("\x02\x01\x01"), E_WEAK_KEY);
	judge_rsa("exponent 2", n, BYTES("\x02\x01\x02"), E_WEAK_KEY);
	judge_rsa("exponent 65538", n, BYTES("\x02\x03\x01\x00\x02"), E_WEAK_KEY);
	judge_rsa("the modulus as the exponent", n, n, E_WEAK_KEY);
	judge_rsa("a padded exponent", n, BYTES("\x02\x04\x00\x01\x00\x01"), E_BAD_SYNTAX);
	judge_rsa("a negative exponent", n, BYTES("\x02\x01\xfd"), E_BAD_SYNTAX);
	judge_rsa("no exponent", n, BYTES(""), E_BAD_SYNTAX);
	judge_rsa("a third integer", n, BYTES("\x02\x03\x01\x00\x01\x02\x01\x00"), E_BAD_SYNTAX);
	judge_rsa("modulus 0", BYTES("\x02\x01\x00"), e, E_WEAK_KEY);
	buf_append(&hurt, BYTES("\x02\x82\x01\x00"));
	buf_append(&hurt, bytes_of(n.data + 5, 256));
	judge_rsa("a negative modulus", buf_bytes(&hurt), e, E_BAD_SYNTAX);
	buf_truncate(&hurt, 0);
	buf_append(&hurt, BYTES("\x02\x82\x01\x02\x00"));
	buf_append(&hurt, bytes_of(n.data + 4, 257));
	judge_rsa("a padded modulus", buf_bytes(&hurt), e, E_BAD_SYNTAX);
	buf_append(&huge, BYTES("\x02\x82\x1b\x58")); /* 7000 octets */
	memset(buf_extend(&huge, 7000), 0x55, 7000);
	judge_rsa("a modulus of 55999 bits", buf_bytes(&huge), e, E_WEAK_KEY);
	judge_rsa("an exponent of 55999 bits", n, buf_bytes(&huge), E_WEAK_KEY);
}

/* CertificationRequest { info, algorithm, signature } with a signature that is put in by hand. */
static void
judge_signature(const char *why, struct bytes info, struct bytes algorithm, struct bytes signature,
    enum error_code want)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, 1024);
	der_put_bits(&w, signature);
	der_put(&w, algorithm);
	der_put(&w, info);
	der_wrap(&w, DER_SEQUENCE, 0);
	judge(why, der_written(&w), want);
}

/* Takes a good request apart. */
static void
split(struct bytes der, struct bytes *info, struct bytes *algorithm, struct bytes *signature)
{
	struct der outer = der_of(der), in = der_enter(&outer, DER_SEQUENCE);

	*info = der_take_whole(&in, DER_SEQUENCE);
	*algorithm = der_take_whole(&in, DER_SEQUENCE);
	*signature = der_take_bits(&in);
	assert_true(der_end(&in) && der_end(&outer));
}

static void
an_ecdsa_signature_has_one_spelling(void **state)
{
	EVP_PKEY *key = key_of(state, P256);
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf longer = {0};
	struct bytes info, algorithm, signature;

	request_make(key, EVP_sha256(), &der);
	split(buf_bytes(&der), &info, &algorithm, &signature);
	judge_signature("as it was", info, algorithm, signature, E_NONE);
	judge_signature("none", info, algorithm, BYTES(""), E_BAD_PROOF);
	judge_signature(
	    "r = s = 0", info, algorithm, BYTES("\x30\x06\x02\x01\x00\x02\x01\x00"), E_BAD_PROOF);
	judge_signature(
	    "r = s = 1", info, algorithm, BYTES("\x30\x06\x02\x01\x01\x02\x01\x01"), E_BAD_PROOF);
	judge_signature(
	    "cut", info, algorithm, bytes_of(signature.data, signature.len - 1), E_BAD_PROOF);
	buf_append(&longer, signature);
	buf_append_u8(&longer, 0);
	judge_signature("an octet after it", info, algorithm, buf_bytes(&longer), E_BAD_PROOF);
	buf_truncate(&longer, 0);
	buf_append(&longer, BYTES("\x30\x81"));
	buf_append(&longer, bytes_of(signature.data + 1, signature.len - 1));
	judge_signature("a length in long form", info, algorithm, buf_bytes(&longer), E_BAD_PROOF);
}

static void
an_ed25519_signature_has_64_octets_and_a_reduced_scalar(void **state)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6,
	    0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	EVP_PKEY *key = key_of(state, ED);
	DEFER(buf_clear_public) struct buf der = {0};
	struct bytes info, algorithm, signature;
	uint8_t hurt[65] = {0};
	unsigned carry = 0;

	request_make(key, NULL, &der);
	split(buf_bytes(&der), &info, &algorithm, &signature);
	assert_int_equal(signature.len, 64);
	memcpy(hurt, signature.data, 64);
	judge_signature("as it was", info, algorithm, bytes_of(hurt, 64), E_NONE);
	judge_signature("63 octets", info, algorithm, bytes_of(hurt, 63), E_BAD_PROOF);
	judge_signature("65 octets", info, algorithm, bytes_of(hurt, 65), E_BAD_PROOF);
	for (int i = 0; i < 32; i++) { /* S + L is the same scalar, written otherwise */
		carry += (unsigned)hurt[32 + i] + order[i];
		hurt[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	assert_int_equal(carry, 0);
	judge_signature("S not below L", info, algorithm, bytes_of(hurt, 64), E_BAD_PROOF);
}

/* Attributes are discarded unread: many, the same twice, and as large as the bound lets them be. */
static void
attributes_cost_nothing_but_their_octets(void **state)
{
	static const struct bytes challenge =
	    BYTES_LITERAL("\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07\x31\x03\x0c\x01"
			  "a");
	EVP_PKEY *key = key_of(state, P256);
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf attributes = {0};
	struct request_parts parts = {
	    .algorithm = BYTES(ECDSA_SHA256), .signer = key, .md = EVP_sha256()};

	request_spki(key, &spki);
	parts.spki = buf_bytes(&spki);
	while (attributes.len <= CSR_DER_MAX) {
		DEFER(buf_clear_public) struct buf der = {0};

		for (int i = 0; i < 50; i++)
			buf_append(&attributes, challenge);
		parts.attributes = buf_bytes(&attributes);
		request_assemble(&parts, &der);
		judge("the same attribute, again and again", buf_bytes(&der),
		    der.len <= CSR_DER_MAX ? E_NONE : E_BAD_SYNTAX);
	}
}

/* clang-format off */
static const struct changed { enum kind kind; const EVP_MD *(*md)(void); size_t step; } CHANGED[] = {
	{ED, NULL,       1},
	{P384,   EVP_sha384, 9}, /* slow: one bit an octet, each another; P-256 has them all */
	{RSA2048,     EVP_sha256, 9},
};
/* clang-format on */

static void
a_changed_bit_is_found_under_every_kind_of_key(void **state)
{
	for (size_t k = 0; k < COUNT(CHANGED); k++) {
		EVP_PKEY *key = key_of(state, CHANGED[k].kind);
		DEFER(buf_clear_public) struct buf der = {0};

		request_make(key, CHANGED[k].md == NULL ? NULL : CHANGED[k].md(), &der);
		judge("unchanged", buf_bytes(&der), E_NONE);
		for (size_t i = 0; i < der.len * 8; i += CHANGED[k].step) {
			DEFER(csr_free) struct csr *csr = NULL;
			struct error err = {0};

			der.data[i / 8] ^= (uint8_t)(1 << i % 8);
			if (csr_parse(buf_bytes(&der), &csr, &err))
				fail_msg("kind %d: bit %zu", CHANGED[k].kind, i);
			assert_string_equal(err.pointer, "/csr");
			der.data[i / 8] ^= (uint8_t)(1 << i % 8);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_algorithm_of_a_key_has_its_parameters_and_no_others),
	    cmocka_unit_test(the_algorithm_of_a_signature_is_one_of_its_key),
	    cmocka_unit_test(points_of_another_form_are_refused),
	    cmocka_unit_test(rsa_keys_are_two_sound_integers),
	    cmocka_unit_test(an_ecdsa_signature_has_one_spelling),
	    cmocka_unit_test(an_ed25519_signature_has_64_octets_and_a_reduced_scalar),
	    cmocka_unit_test(attributes_cost_nothing_but_their_octets),
	    cmocka_unit_test(a_changed_bit_is_found_under_every_kind_of_key),
	};

	return cmocka_run_group_tests_name("csr, hostile", tests, make_keys, free_keys);
}
