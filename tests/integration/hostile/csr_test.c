/* Certification requests that are none, or of keys that nobody should hold. */
#include "tests/integration/hostile/world.h"

#include <stdlib.h>

#include "base/text.h"
#include "tests/unit/ca/request.h"

#define BYTES(literal) ((struct bytes)BYTES_LITERAL(literal))
#define ECDSA_SHA256 BYTES("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define RSA_SHA256 BYTES("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")
#define RSA_KEY BYTES("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")
#define EC_P256                                                                                  \
	BYTES("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01" \
	      "\x07")
#define SYNTAX 400, "BAD_SYNTAX"
#define ALGORITHM 422, "BAD_ALGORITHM"
#define PROOF 422, "BAD_PROOF"
#define WEAK 422, "WEAK_KEY"

static void
judge_text(struct world *world, const char *claim, const char *csr, int status, const char *code)
{
	const struct refusal wanted = {status, code, "/csr", "enroll.refused"};
	json_t *body = enrollment_new(world, NULL);
	char *text;

	(void)json_object_set_new(body, "csr", json_string(csr));
	text = json_dumps(body, JSON_COMPACT);
	judge_refused(world, claim, STATION, "POST", "/v1/enrollments", JSON_TYPE,
	    bytes_of_text(text), &wanted);
	free(text);
	json_decref(body);
}

/* As base64 of DER. */
static void
judge_der(struct world *world, const char *claim, struct bytes der, int status, const char *code)
{
	DEFER(buf_clear_public) struct buf text = {0};

	base64_encode(&text, der);
	judge_text(world, claim, buf_text(&text), status, code);
}

/* ---- octets ---- */

static void
octets_that_are_no_request(void **state)
{
	struct world *world = *state;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = key_fresh();
	DEFER(buf_clear_public) struct buf good = {0};
	DEFER(buf_clear_public) struct buf bad = {0};

	request_make(key, EVP_sha256(), &good);
	assert_int_equal(good.data[1], 0x81);
	for (size_t len = 1; len < good.len; len += 1 + good.len / 16)
		judge_der(world, "cut short", bytes_of(good.data, len), SYNTAX);
	judge_der(world, "an octet too few", bytes_of(good.data, good.len - 1), SYNTAX);

	buf_append(&bad, buf_bytes(&good));
	buf_append_u8(&bad, 0);
	judge_der(world, "an octet too many", buf_bytes(&bad), SYNTAX);
	buf_append(&bad, buf_bytes(&good));
	judge_der(world, "a request twice", buf_bytes(&bad), SYNTAX);

	buf_truncate(&bad, 0);
	buf_append(&bad, BYTES("\x30\x82\x00"));
	buf_append(&bad, bytes_of(good.data + 2, good.len - 2));
	judge_der(world, "a length that is not minimal", buf_bytes(&bad), SYNTAX);
	buf_truncate(&bad, 0);
	buf_append(&bad, BYTES("\x30\x80"));
	buf_append(&bad, bytes_of(good.data + 3, good.len - 3));
	buf_append(&bad, BYTES("\x00\x00"));
	judge_der(world, "an indefinite length", buf_bytes(&bad), SYNTAX);
	judge_der(world, "a length of 4 GiB", BYTES("\x30\x84\xff\xff\xff\xff\x00"), SYNTAX);
	judge_der(world, "an empty sequence", BYTES("\x30\x00"), SYNTAX);

	good.data[good.len - 1] ^= 1;
	judge_der(world, "a signature with another last bit", buf_bytes(&good), PROOF);
}

/* ---- armor ---- */

static void
armor_that_does_not_fit(void **state)
{
	struct world *world = *state;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = key_fresh();
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf one = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	request_make(key, EVP_sha256(), &der);
	csr_pem(buf_bytes(&der), &one);
	buf_append(&text, buf_bytes(&one));
	buf_append(&text, buf_bytes(&one));
	judge_text(world, "two blocks", buf_text(&text), SYNTAX);
	buf_truncate(&text, 0);
	buf_append_format(&text, "Subject: x\n%s", buf_text(&one));
	judge_text(world, "words before the block", buf_text(&text), SYNTAX);
	buf_truncate(&text, 0);
	buf_append_format(&text, "%sx", buf_text(&one));
	judge_text(world, "words after the block", buf_text(&text), SYNTAX);
	buf_truncate(&text, 0);
	buf_append(&text, bytes_of(one.data, one.len - 10));
	judge_text(world, "half the last line", buf_text(&text), SYNTAX);
	buf_truncate(&text, 0);
	pem_encode(&text, "CERTIFICATE", buf_bytes(&der));
	judge_text(world, "the armor of a certificate", buf_text(&text), SYNTAX);
	buf_truncate(&text, 0);
	pem_encode(&text, "PRIVATE KEY", buf_bytes(&der));
	judge_text(world, "the armor of a key", buf_text(&text), SYNTAX);
	buf_truncate(&text, 0);
	base64_encode(&text, buf_bytes(&der));
	text.data[10] = '*';
	judge_text(world, "a character that is not base64", buf_text(&text), SYNTAX);
	judge_text(world, "no armor and no base64", "0123", SYNTAX);
	judge_text(world, "a line feed", "\n", SYNTAX);
}

/* ---- keys ---- */

/* clang-format off */
static const struct kind {
	const char *claim, *kind;
	unsigned bits;
	const EVP_MD *(*md)(void);
	int status;
	const char *code;
} KINDS[] = {
	{ "RSA of 1024 bits",   "RSA",             1024, EVP_sha256, WEAK },
	{ "RSA of 2047 bits",   "RSA",             2047, EVP_sha256, WEAK },
	{ "secp256k1",          "secp256k1",       256,  EVP_sha256, ALGORITHM },
	{ "P-192",              "prime192v1",      192,  EVP_sha256, ALGORITHM },
	{ "P-521",              "P-521",           521,  EVP_sha512, ALGORITHM },
	{ "Brainpool",          "brainpoolP256r1", 256,  EVP_sha256, ALGORITHM },
	{ "Ed448",              "ED448",           0,    NULL,       ALGORITHM },
	{ "P-256 with SHA-1",   "P-256",           256,  EVP_sha1,   ALGORITHM },
	{ "RSA with MD5",       "RSA",             2048, EVP_md5,    ALGORITHM },
};
/* clang-format on */

static void
keys_of_other_kinds(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(KINDS); i++) {
		DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key(KINDS[i].kind, KINDS[i].bits);
		DEFER(buf_clear_public) struct buf der = {0};

		request_make(key, KINDS[i].md != NULL ? KINDS[i].md() : NULL, &der);
		judge_der(world, KINDS[i].claim, buf_bytes(&der), KINDS[i].status, KINDS[i].code);
	}
}

static void
put_spki(struct bytes algorithm, struct bytes bits, struct buf *out)
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

/* RSAPublicKey of a modulus of so many octets, and this exponent (contents octets). */
static void
put_rsa(size_t octets, uint8_t last, struct bytes exponent, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;
	DEFER(buf_clear_public) struct buf modulus = {0};
	size_t mark;

	buf_append_u8(&modulus, 0);
	memset(buf_extend(&modulus, octets), 0xd3, octets);
	modulus.data[octets] = last;
	der_writer_init(&w, 8192);
	mark = der_mark(&w);
	der_put_element(&w, 0x02, exponent);
	der_put_element(&w, 0x02, buf_bytes(&modulus));
	der_wrap(&w, DER_SEQUENCE, mark);
	put_spki(RSA_KEY, der_written(&w), out);
}

/* Signed by a key of ours: the key inside has to be refused before the signature is looked at. */
static void
judge_spki(struct world *world, const char *claim, struct bytes spki, struct bytes algorithm,
    int status, const char *code)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *signer = key_fresh();
	DEFER(buf_clear_public) struct buf der = {0};

	request_assemble(
	    &(struct request_parts){
		.spki = spki, .algorithm = algorithm, .signer = signer, .md = EVP_sha256()},
	    &der);
	judge_der(world, claim, buf_bytes(&der), status, code);
}

/* clang-format off */
static const struct rsa {
	const char *claim;
	size_t octets; /* of the modulus */
	uint8_t last;
	struct bytes exponent;
	int status;
	const char *code;
} RSAS[] = {
	{ "exponent 1",            256, 0xd3, OCTETS("\x01"), WEAK },
	{ "exponent 3",            256, 0xd3, OCTETS("\x03"), WEAK },
	{ "an even exponent",      256, 0xd3, OCTETS("\x01\x00\x02"), WEAK },
	{ "exponent 0",            256, 0xd3, OCTETS("\x00"), WEAK },
	{ "a negative exponent",   256, 0xd3, OCTETS("\x81\x00\x01"), SYNTAX },
	{ "an exponent of 33 bits", 256, 0xd3, OCTETS("\x01\x00\x00\x00\x01"), WEAK },
	{ "an exponent as long as the modulus", 256, 0xd3, OCTETS("\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01\x01\x00\x01"), WEAK },
	{ "no exponent",           256, 0xd3, OCTETS(""), SYNTAX },
	{ "an even modulus",       256, 0xd2, OCTETS("\x01\x00\x01"), WEAK },
	{ "RSA of 16,384 bits",    2048, 0xd3, OCTETS("\x01\x00\x01"), WEAK },
	{ "RSA of 4,104 bits",     513, 0xd3, OCTETS("\x01\x00\x01"), WEAK },
	{ "RSA of 8 bits",         1, 0xd3, OCTETS("\x01\x00\x01"), WEAK },
};
/* clang-format on */

static void
rsa_keys_that_are_none(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(RSAS); i++) {
		DEFER(buf_clear_public) struct buf spki = {0};

		put_rsa(RSAS[i].octets, RSAS[i].last, RSAS[i].exponent, &spki);
		judge_spki(world, RSAS[i].claim, buf_bytes(&spki), RSA_SHA256, RSAS[i].status,
		    RSAS[i].code);
	}
}

static void
points_that_are_not_on_the_curve(void **state)
{
	struct world *world = *state;
	DEFER(EVP_PKEY_free) EVP_PKEY *key = key_fresh();
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf bad = {0};
	uint8_t point[65];

	request_spki(key, &spki);
	memcpy(point, spki.data + spki.len - sizeof point, sizeof point);
	assert_int_equal(point[0], 0x04);

	point[64] ^= 1;
	put_spki(EC_P256, bytes_of(point, sizeof point), &bad);
	judge_spki(world, "another y", buf_bytes(&bad), ECDSA_SHA256, WEAK);
	buf_truncate(&bad, 0);
	memset(point + 1, 0, sizeof point - 1);
	put_spki(EC_P256, bytes_of(point, sizeof point), &bad);
	judge_spki(world, "(0, 0)", buf_bytes(&bad), ECDSA_SHA256, WEAK);
	buf_truncate(&bad, 0);
	memset(point + 1, 0xff, sizeof point - 1);
	put_spki(EC_P256, bytes_of(point, sizeof point), &bad);
	judge_spki(world, "coordinates beyond the field", buf_bytes(&bad), ECDSA_SHA256, WEAK);
	buf_truncate(&bad, 0);
	put_spki(EC_P256, BYTES("\x00"), &bad);
	judge_spki(world, "the point at infinity", buf_bytes(&bad), ECDSA_SHA256, ALGORITHM);
	buf_truncate(&bad, 0);
	put_spki(EC_P256, bytes_of(point, 64), &bad);
	judge_spki(world, "half a point", buf_bytes(&bad), ECDSA_SHA256, ALGORITHM);
	judge_spki(world, "the key of somebody else", buf_bytes(&spki), ECDSA_SHA256, PROOF);
	judge_spki(world, "an RSA signature by an EC key", buf_bytes(&spki), RSA_SHA256, ALGORITHM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(octets_that_are_no_request),
	    WORLD_TEST(armor_that_does_not_fit),
	    WORLD_TEST(keys_of_other_kinds),
	    WORLD_TEST(rsa_keys_that_are_none),
	    WORLD_TEST(points_that_are_not_on_the_curve),
	};

	return cmocka_run_group_tests_name("hostile csr", tests, NULL, NULL);
}
