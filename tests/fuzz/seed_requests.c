/* Certification requests: of every kind of key, and wrong in one place each. */
#include "tests/support/cmocka_all.h"

#include "base/text.h"
#include "ca/oid.h"
#include "tests/fuzz/csr_signer.h"
#include "tests/fuzz/seed.h"
#include "tests/unit/ca/request.h"

/* clang-format off */
static const struct kind { const char *name, *kind; unsigned bits; const EVP_MD *(*md)(void); } KINDS[] = {
	{"p256",           "P-256",     256,   EVP_sha256},
	{"p256-sha512",    "P-256",     256,   EVP_sha512},
	{"p384",           "P-384",     384,   EVP_sha384},
	{"ed25519",        "ED25519",   0,     NULL},
	{"rsa-2048",       "RSA",       2048,  EVP_sha256},
	{"rsa-1024",       "RSA",       1024,  EVP_sha256},
	{"rsa-sha1",       "RSA",       2048,  EVP_sha1},
	{"secp256k1",      "secp256k1", 256,   EVP_sha256},
	{"p224",           "P-224",     224,   EVP_sha256},
	{"p521",           "P-521",     521,   EVP_sha512},
	{"ed448",          "ED448",     0,     NULL},
};
/* clang-format on */

static void
put_kinds(void)
{
	for (size_t i = 0; i < COUNT(KINDS); i++) {
		DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key(KINDS[i].kind, KINDS[i].bits);
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(buf_clear_public) struct buf pem = {0};

		request_make(key, KINDS[i].md == NULL ? NULL : KINDS[i].md(), &der);
		if (i > 0) {
			seed_put("csr", KINDS[i].name, buf_bytes(&der));
			continue;
		}
		seed_put_hurt("csr", KINDS[i].name, buf_bytes(&der));
		pem_encode(&pem, "CERTIFICATE REQUEST", buf_bytes(&der));
		seed_put_hurt("csr", "pem", buf_bytes(&pem));
		buf_truncate(&pem, 0);
		base64_encode(&pem, buf_bytes(&der));
		seed_put("csr", "base64", buf_bytes(&pem));
	}
}

/* CertificationRequestInfo with the signer's key. */
static void
make_info(uint64_t version, struct bytes subject, struct bytes attributes, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;
	DEFER(buf_clear_public) struct buf spki = {0};

	csr_signer_spki(&spki);
	der_writer_init(&w, 1024);
	der_put_element(&w, DER_CONTEXT_CONSTRUCTED(0), attributes);
	der_put(&w, buf_bytes(&spki));
	der_put(&w, subject);
	der_put_int(&w, version);
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
}

static void
put_info(const char *name, uint64_t version, struct bytes subject, struct bytes attributes)
{
	DEFER(buf_clear_public) struct buf info = {0};

	make_info(version, subject, attributes, &info);
	seed_put("csr_signed", name, buf_bytes(&info));
}

/* EST: a request whose attribute of this type (contents of its OID) has the text for a value; the
 * info alone, and signed as a body. */
static void
put_bound(const char *name, struct bytes type, const char *text)
{
	DEFER(der_writer_clear) struct der_writer w;
	DEFER(buf_clear_public) struct buf input = {0};
	DEFER(buf_clear_public) struct buf info = {0};
	DEFER(buf_clear_public) struct buf body_name = {0};

	der_writer_init(&w, 128);
	der_put_element(&w, DER_UTF8_STRING, bytes_of_text(text));
	der_wrap(&w, DER_SET, 0);
	der_put_element(&w, DER_OID, type);
	der_wrap(&w, DER_SEQUENCE, 0);
	make_info(0, (struct bytes)BYTES_LITERAL("\x30\x00"), der_written(&w), &info);
	buf_append_u8(&input, 2);
	buf_append(&input, buf_bytes(&info));
	seed_put("est", name, buf_bytes(&input));
	buf_truncate(&input, 0);
	buf_append_u8(&input, 1);
	csr_sign(buf_bytes(&info), &input);
	buf_append_format(&body_name, "body-%s", name);
	seed_put_hurt("est", buf_text(&body_name), buf_bytes(&input));
}

/* What tests/fuzz/est_fuzz.c takes for the session's. */
#define SESSION_TEXT "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define BYTES(literal) ((struct bytes)BYTES_LITERAL(literal))
#define NAME                                                   \
	"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01" \
	"a"
#define CHALLENGE                                                              \
	"\x30\x10\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07\x31\x03\x0c\x01" \
	"a"
#define EXTENSIONS                                                                                 \
	"\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e\x31\x0d\x30\x0b\x30\x09\x06\x03\x55" \
	"\x1d"                                                                                     \
	"\x13\x04\x02\x30\x00"

void
seed_requests(void)
{
	put_kinds();
	put_info("empty-name", 0, BYTES("\x30\x00"), BYTES(""));
	put_info("a-name", 0, BYTES(NAME), BYTES(""));
	put_info("version-2", 1, BYTES(NAME), BYTES(""));
	put_info("an-attribute", 0, BYTES(NAME), BYTES(CHALLENGE));
	put_info("an-attribute-twice", 0, BYTES(NAME), BYTES(CHALLENGE CHALLENGE));
	put_info("extensions", 0, BYTES(NAME), BYTES(EXTENSIONS CHALLENGE));
	put_info("not-a-name", 0, BYTES("\x30\x02\x05\x00"), BYTES(""));
	put_info("nested", 0, BYTES("\x30\x08\x30\x06\x30\x04\x30\x02\x30\x00"), BYTES(""));
	put_bound("password", OID_CHALLENGE_PASSWORD, "1234");
	put_bound("binding", OID_CHALLENGE_PASSWORD, SESSION_TEXT);
	put_bound("linking", OID_EST_IDENTITY_LINKING, SESSION_TEXT);
	put_bound("another-unique", OID_CHALLENGE_PASSWORD, "AAAAAAAAAAAAAAAA");
	put_bound("another-linking", OID_EST_IDENTITY_LINKING, "AAAAAAAAAAAAAAAA");
	put_info("broken-attribute", 0, BYTES(NAME), BYTES("\x30\x03\x06\x05\x2a"));
}
