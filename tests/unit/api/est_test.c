/* EST's forms: what HTTP Basic carries, and what clients read out of our answers. */
#include "tests/support/cmocka_all.h"

#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "api/est.h"
#include "base/text.h"

#define TOKEN "mk1.AQ-_b"

/* ---- credentials ---- */

/* clang-format off */
static const struct good {
	const char *claim, *plain; /* "user:password", encoded */
	const char *token;
	size_t ids;
	const char *first_type, *first_value, *last_type, *last_value;
} GOOD[] = {
	{ "a token", "x:" TOKEN, TOKEN, 0, "", "", "", "" },
	{ "a token, and nobody's name", ":" TOKEN, TOKEN, 0, "", "", "", "" },
	{ "a name that has nothing to say", "station 7=x:" TOKEN, TOKEN, 0, "", "", "", "" },
	{ "a name like a list of something else", "cn=board,mac48=0242ac110002:" TOKEN, TOKEN, 0, "", "", "", "" },
	{ "a hardware id", "mac48=0242ac110002:" TOKEN, TOKEN, 1, "mac48", "0242ac110002", "mac48", "0242ac110002" },
	{ "a hardware id with colons", "mac48=02:42:ac:11:00:02:" TOKEN, TOKEN, 1, "mac48", "02:42:ac:11:00:02", "mac48", "02:42:ac:11:00:02" },
	{ "two hardware ids", "mac48=0242ac110002,imei=490154203237518:" TOKEN, TOKEN, 2, "mac48", "0242ac110002", "imei", "490154203237518" },
	{ "four hardware ids", "mac48=1,eui64=2,soc_uid=3,idevid=4:" TOKEN, TOKEN, 4, "mac48", "1", "idevid", "4" },
	{ "hardware without a token", "mac48=0242ac110002:", NULL, 1, "mac48", "0242ac110002", "mac48", "0242ac110002" },
	{ "nothing at all", ":", NULL, 0, "", "", "", "" },
};

static const struct bad {
	const char *claim, *plain; /* encoded, or */
	const char *field;         /* as it is */
	enum error_code code;
} BAD[] = {
	{ "another scheme", NULL, "Bearer eA==", E_CALLER_MISSING },
	{ "a scheme alone", NULL, "Basic", E_CALLER_MISSING },
	{ "a scheme that begins alike", NULL, "Basically eA==", E_CALLER_MISSING },
	{ "digest", NULL, "Digest username=\"x\"", E_CALLER_MISSING },
	{ "no base64", NULL, "Basic !", E_BAD_SYNTAX },
	{ "base64 without its padding", NULL, "Basic eDp5", E_NONE },
	{ "base64 cut short", NULL, "Basic eDp", E_BAD_SYNTAX },
	{ "base64 in two words", NULL, "Basic eDp5 eDp5", E_BAD_SYNTAX },
	{ "no colon", "x", NULL, E_BAD_SYNTAX },
	{ "a line feed", "x:y\n", NULL, E_BAD_SYNTAX },
	{ "an empty hardware id", "mac48=:" TOKEN, NULL, E_HARDWARE_ID_INVALID },
	{ "a list that ends in words", "mac48=1,board:" TOKEN, NULL, E_HARDWARE_ID_INVALID },
	{ "a kind that there is not", "mac48=1,serial=2:" TOKEN, NULL, E_HARDWARE_ID_INVALID },
	{ "a kind in capitals later on", "mac48=1,IMEI=2:" TOKEN, NULL, E_HARDWARE_ID_INVALID },
	{ "an empty item", "mac48=1,,imei=2:" TOKEN, NULL, E_HARDWARE_ID_INVALID },
	{ "five hardware ids", "mac48=1,mac48=2,mac48=3,mac48=4,mac48=5:" TOKEN, NULL, E_HARDWARE_ID_INVALID },
	{ "more than a value may have", "soc_uid=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789:" TOKEN, NULL, E_HARDWARE_ID_INVALID },
};
/* clang-format on */

static void
basic_of(const char *scheme, struct bytes plain, struct buf *out)
{
	buf_append_text(out, scheme);
	base64_encode(out, plain);
}

static void
what_basic_carries_is_read(void **state)
{
	static const char *const schemes[] = {"Basic ", "basic ", "BASIC   "};

	(void)state;
	for (size_t i = 0; i < COUNT(GOOD); i++) {
		const struct good *row = &GOOD[i];
		DEFER(buf_clear) struct buf field = {0};
		DEFER(est_credential_clear) struct est_credential out = {0};
		struct error err = {0};

		basic_of(schemes[i % COUNT(schemes)], bytes_of_text(row->plain), &field);
		if (!est_credential_parse(buf_bytes(&field), &out, &err))
			fail_msg("%s: %s", row->claim, err.detail);
		if (row->token == NULL)
			assert_null(out.token);
		else
			assert_string_equal(out.token, row->token);
		assert_int_equal(out.hardware_id_count, row->ids);
		if (row->ids == 0)
			continue;
		assert_true(bytes_equal(out.hardware_ids[0].type, bytes_of_text(row->first_type)));
		assert_true(
		    bytes_equal(out.hardware_ids[0].value, bytes_of_text(row->first_value)));
		assert_true(bytes_equal(
		    out.hardware_ids[row->ids - 1].type, bytes_of_text(row->last_type)));
		assert_true(bytes_equal(
		    out.hardware_ids[row->ids - 1].value, bytes_of_text(row->last_value)));
	}
}

static void
what_is_no_credential_is_refused_and_not_repeated(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++) {
		DEFER(buf_clear) struct buf field = {0};
		DEFER(est_credential_clear) struct est_credential out = {0};
		struct error err = {0};

		if (BAD[i].field != NULL)
			buf_append_text(&field, BAD[i].field);
		else
			basic_of("Basic ", bytes_of_text(BAD[i].plain), &field);
		(void)!est_credential_parse(buf_bytes(&field), &out, &err);
		if (err.code != BAD[i].code)
			fail_msg("%s: %s", BAD[i].claim, error_info(err.code)->name);
		assert_null(strstr(err.detail, TOKEN));
		assert_null(strstr(err.detail, "serial"));
	}
}

static void
no_field_is_no_credential(void **state)
{
	DEFER(est_credential_clear) struct est_credential out = {0};
	struct error err = {0};

	(void)state;
	assert_true(est_credential_parse((struct bytes){0}, &out, &err));
	assert_null(out.token);
	assert_int_equal(out.hardware_id_count, 0);
}

static void
a_field_that_is_too_long_is_refused(void **state)
{
	DEFER(buf_clear) struct buf field = {0};
	DEFER(est_credential_clear) struct est_credential out = {0};
	struct error err = {0};

	(void)state;
	buf_append_text(&field, "Basic ");
	while (field.len <= EST_AUTHORIZATION_MAX)
		buf_append_text(&field, "eDp5");
	assert_false(est_credential_parse(buf_bytes(&field), &out, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
}

/* ---- requests ---- */

static void
words_before_the_armor_are_passed_over(void **state)
{
	static const struct {
		const char *body, *want;
	} rows[] = {
	    {"Subject: CN=x\n\n-----BEGIN X-----\nAA==\n", "-----BEGIN X-----\nAA==\n"},
	    {"Subject: CN=x\r\n-----BEGIN X-----\r\n", "-----BEGIN X-----\r\n"},
	    {"-----BEGIN X-----\nAA==\n", "-----BEGIN X-----\nAA==\n"},
	    {"-----BEGIN X-----\n-----BEGIN X-----\n", "-----BEGIN X-----\n-----BEGIN X-----\n"},
	    {" -----BEGIN X-----\n-----BEGIN X-----\n", " -----BEGIN X-----\n-----BEGIN X-----\n"},
	    {"in one line -----BEGIN X-----\n", "in one line -----BEGIN X-----\n"},
	    {"0\n-----BEGIN X-----\n", "0\n-----BEGIN X-----\n"}, /* DER */
	    {"AAAA\nBBBB\n", "AAAA\nBBBB\n"},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(bytes_equal(
		    est_skip_words(bytes_of_text(rows[i].body)), bytes_of_text(rows[i].want)));
}

/* ---- answers ---- */

static void
make_certificate(int serial, struct buf *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	uint8_t *der = NULL;
	int len;

	assert_non_null(key);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	len = i2d_X509(certificate, &der);
	buf_append(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void
openssl_reads_the_certificates_in_their_order(void **state)
{
	struct buf ders[3] = {0};
	struct bytes certificates[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		make_certificate(i + 1, &ders[i]);
		certificates[i] = buf_bytes(&ders[i]);
	}
	for (size_t count = 1; count <= 3; count++) {
		DEFER(buf_clear_public) struct buf der = {0};
		const uint8_t *at;
		PKCS7 *pkcs7;
		STACK_OF(X509) * found;

		est_put_certificates(&der, certificates, count);
		at = der.data;
		pkcs7 = d2i_PKCS7(NULL, &at, (long)der.len);
		assert_non_null(pkcs7);
		assert_ptr_equal(at, der.data + der.len);
		assert_true(PKCS7_type_is_signed(pkcs7));
		assert_int_equal(sk_PKCS7_SIGNER_INFO_num(pkcs7->d.sign->signer_info), 0);
		found = pkcs7->d.sign->cert;
		assert_int_equal(sk_X509_num(found), (int)count);
		for (int i = 0; i < (int)count; i++)
			assert_int_equal(
			    ASN1_INTEGER_get(X509_get_serialNumber(sk_X509_value(found, i))),
			    i + 1);
		PKCS7_free(pkcs7);
	}
	for (int i = 0; i < 3; i++)
		buf_clear_public(&ders[i]);
}

/* Two forms: one line for all, for strongSwan fails at a line's end; lines for libest. */
static void
base64_is_one_line_or_lines_of_64(void **state)
{
	uint8_t octets[200] = {0};
	const struct bytes der = bytes_of(octets, sizeof octets);
	DEFER(buf_clear_public) struct buf line = {0};
	DEFER(buf_clear_public) struct buf lines = {0};
	size_t at = 0;

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)i;
	est_put_text(&line, der, false);
	assert_int_equal(line.len, BASE64_TEXT_LEN(sizeof octets));
	assert_null(memchr(line.data, '\n', line.len));
	est_put_text(&lines, der, true);
	assert_int_equal(lines.len, line.len + (line.len + 63) / 64);
	for (size_t i = 0; i < lines.len; i++) {
		if (i % 65 == 64 || i == lines.len - 1)
			assert_int_equal(lines.data[i], '\n');
		else
			assert_int_equal(lines.data[i], line.data[at++]);
	}
	assert_true(est_wants_lines("libest 1.0"));
	assert_true(est_wants_lines("LIBEST"));
	assert_false(est_wants_lines("curl/7.88.1 libest"));
	assert_false(est_wants_lines(""));
}

static void
the_request_that_we_ask_for_has_a_key_on_p256(void **state)
{
	static const uint8_t wanted[] = {0x30, 0x21, 0x30, 0x15, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce,
	    0x3d, 0x02, 0x01, 0x31, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
	    0x07, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
	static const struct profile without = {.name = "rsa", .key_types = CSR_KEY_RSA};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf nothing = {0};

	(void)state;
	est_put_csr_attributes(&der, profile_find(PROFILE_DEVICE));
	assert_int_equal(der.len, sizeof wanted);
	assert_memory_equal(der.data, wanted, sizeof wanted);
	est_put_csr_attributes(&nothing, &without);
	assert_int_equal(nothing.len, 2);
	assert_memory_equal(nothing.data, "\x30\x00", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_basic_carries_is_read),
	    cmocka_unit_test(what_is_no_credential_is_refused_and_not_repeated),
	    cmocka_unit_test(no_field_is_no_credential),
	    cmocka_unit_test(a_field_that_is_too_long_is_refused),
	    cmocka_unit_test(words_before_the_armor_are_passed_over),
	    cmocka_unit_test(openssl_reads_the_certificates_in_their_order),
	    cmocka_unit_test(base64_is_one_line_or_lines_of_64),
	    cmocka_unit_test(the_request_that_we_ask_for_has_a_key_on_p256),
	};

	return cmocka_run_group_tests_name("est", tests, NULL, NULL);
}
