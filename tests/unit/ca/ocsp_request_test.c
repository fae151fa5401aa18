#include "cmocka_all.h"

#include <openssl/ocsp.h>

#include "ca/ocsp_request.h"
#include "tests/support/der_text.h"
#include "tests/support/ocsp_text.h"

/* One certificate by its SHA-1 hashes, as `openssl ocsp -no_nonce` asks. */
static const uint8_t KNOWN[] = {0x30, 0x43, 0x30, 0x41, 0x30, 0x3f, 0x30, 0x3d, 0x30, 0x3b, 0x30,
    0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14, 0x61, 0x62, 0x63, 0x64,
    0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74,
    0x04, 0x14, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e,
    0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x02, 0x02, 0x12, 0x34};

static void
a_request_of_known_octets_is_read(void **state)
{
	const struct ocsp_certid *certid;
	struct ocsp_request request;
	struct error err = {0};

	(void)state;
	assert_true(ocsp_request_parse(bytes_of(KNOWN, sizeof KNOWN), &request, &err));
	assert_int_equal(request.count, 1);
	assert_int_equal(request.nonce.len, 0);
	certid = &request.certids[0];
	assert_int_equal(certid->hash, OCSP_HASH_SHA1);
	assert_true(bytes_equal(certid->whole, bytes_of(KNOWN + 8, sizeof KNOWN - 8)));
	assert_true(bytes_equal(certid->name_hash, bytes_of_text("abcdefghijklmnopqrst")));
	assert_true(bytes_equal(certid->key_hash, bytes_of_text("ABCDEFGHIJKLMNOPQRST")));
	assert_true(bytes_equal(certid->serial, bytes_of_text("\x12\x34")));
}

static void
what_clients_send_is_read_and_what_is_no_request_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(OCSP_TEXTS); i++) {
		const struct ocsp_text *text = &OCSP_TEXTS[i];
		DEFER(buf_clear_public) struct buf der = {0};
		struct ocsp_request request = {0};
		struct error err = {0};
		bool taken;

		der_text(text->text, &der);
		taken = ocsp_request_parse(buf_bytes(&der), &request, &err);
		if (taken != (text->count > 0))
			fail_msg("%s: %s", text->what, taken ? "taken" : err.detail);
		assert_int_equal(err.code, taken ? E_NONE : E_BAD_SYNTAX);
		assert_int_equal(request.count, text->count);
		assert_int_equal(request.nonce.len, text->nonce_len);
	}
}

static void
a_cut_or_longer_request_is_refused(void **state)
{
	DEFER(buf_clear_public) struct buf der = {0};
	struct ocsp_request request;
	struct error err = {0};

	(void)state;
	der_text(OCSP_TEXT("", ONE, OCSP_TEXT_EXTENSIONS(NONCE), ""), &der);
	assert_true(ocsp_request_parse(buf_bytes(&der), &request, &err));
	for (size_t len = 0; len < der.len; len++) {
		err = (struct error){0};
		assert_false(ocsp_request_parse(bytes_of(der.data, len), &request, &err));
	}
	buf_append_u8(&der, 0);
	err = (struct error){0};
	assert_false(ocsp_request_parse(buf_bytes(&der), &request, &err));
}

/* Opened and closed around what is put between. */
static void
make(const char *requests, const char *extensions, struct buf *out)
{
	DEFER(buf_clear_public) struct buf text = {0};

	buf_append_format(&text, "30(30(30(%s)%s))", requests, extensions);
	der_text(buf_text(&text), out);
}

static void
as_many_certificates_as_are_bounded(void **state)
{
	(void)state;
	for (size_t count = OCSP_CERTIDS_MAX; count <= OCSP_CERTIDS_MAX + 1; count++) {
		DEFER(buf_clear_public) struct buf list = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		struct ocsp_request request;
		struct error err = {0};

		for (size_t i = 0; i < count; i++)
			buf_append_text(&list, ONE);
		make(buf_text(&list), "", &der);
		assert_true(ocsp_request_parse(buf_bytes(&der), &request, &err) ==
			    (count <= OCSP_CERTIDS_MAX));
	}
}

static void
more_octets_than_are_bounded_are_not_read(void **state)
{
	(void)state;
	for (size_t len = OCSP_REQUEST_MAX - 256; len <= OCSP_REQUEST_MAX; len += 256) {
		DEFER(buf_clear_public) struct buf extension = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		struct ocsp_request request;
		struct error err = {0};

		buf_append_text(&extension, "a2(30(30(" OTHER "04(");
		for (size_t i = 0; i < len; i++)
			buf_append_text(&extension, "00");
		buf_append_text(&extension, "))))");
		make(ONE, buf_text(&extension), &der);
		assert_true(ocsp_request_parse(buf_bytes(&der), &request, &err) ==
			    (len < OCSP_REQUEST_MAX));
	}
}

/* ---- and what OpenSSL makes ---- */

static OCSP_CERTID *
openssl_certid(const EVP_MD *md, long serial)
{
	X509_NAME *name = X509_NAME_new();
	ASN1_BIT_STRING *key = ASN1_BIT_STRING_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	OCSP_CERTID *made;

	assert_true(X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const uint8_t *)"Test CA", -1, -1, 0));
	assert_true(ASN1_BIT_STRING_set(key, (uint8_t[]){1, 2, 3}, 3));
	assert_true(ASN1_INTEGER_set(number, serial));
	made = OCSP_cert_id_new(md, name, key, number);
	X509_NAME_free(name);
	ASN1_BIT_STRING_free(key);
	ASN1_INTEGER_free(number);
	assert_non_null(made);
	return made;
}

static void
what_openssl_asks_is_read(void **state)
{
	const EVP_MD *const mds[] = {
	    EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha224()};
	OCSP_REQUEST *asked = OCSP_REQUEST_new();
	struct ocsp_request request;
	struct error err = {0};
	uint8_t *der = NULL;
	int der_len;

	(void)state;
	for (size_t i = 0; i < COUNT(mds); i++)
		assert_non_null(
		    OCSP_request_add0_id(asked, openssl_certid(mds[i], 1000 + (long)i)));
	assert_true(OCSP_request_add1_nonce(asked, NULL, 32));
	der_len = i2d_OCSP_REQUEST(asked, &der);
	assert_true(der_len > 0);
	assert_true(ocsp_request_parse(bytes_of(der, (size_t)der_len), &request, &err));
	assert_int_equal(request.count, COUNT(mds));
	assert_int_equal(request.nonce.len, 32);
	for (size_t i = 0; i < COUNT(mds); i++)
		assert_int_equal(request.certids[i].hash, i);
	assert_int_equal(request.certids[4].hash, OCSP_HASH_COUNT);
	for (size_t i = 0; i < COUNT(mds); i++) {
		DEFER(buf_clear_public) struct buf theirs = {0};
		OCSP_CERTID *id = openssl_certid(mds[i], 1000 + (long)i);
		uint8_t *at = buf_extend(&theirs, (size_t)i2d_OCSP_CERTID(id, NULL));

		assert_int_equal(i2d_OCSP_CERTID(id, &at), theirs.len);
		assert_true(bytes_equal(buf_bytes(&theirs), request.certids[i].whole));
		OCSP_CERTID_free(id);
	}
	OPENSSL_free(der);
	OCSP_REQUEST_free(asked);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_request_of_known_octets_is_read),
	    cmocka_unit_test(what_clients_send_is_read_and_what_is_no_request_refused),
	    cmocka_unit_test(a_cut_or_longer_request_is_refused),
	    cmocka_unit_test(as_many_certificates_as_are_bounded),
	    cmocka_unit_test(more_octets_than_are_bounded_are_not_read),
	    cmocka_unit_test(what_openssl_asks_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
