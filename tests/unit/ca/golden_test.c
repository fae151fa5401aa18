/*
 * What is issued, as text, from fixed inputs: tests/golden/NAME.txt. A change of what we issue is
 * a change of these files. Run with GOLDEN_WRITE=1 in the environment to write them anew.
 */
#include "cmocka_all.h"

#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/defer_openssl.h"
#include "base/file.h"
#include "ca/certificate.h"
#include "ca/tbs.h"
#include "lists.h"

#define START_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define GOLDEN_MAX 65536
#define UUID "0b7c1f3e-6f0a-4a52-9c58-3c1f0c9a7d11"

DEFER_DECLARE(BIO, BIO_vfree)

/* The base point of P-256 as a key: private key 1. */
static const uint8_t SPKI[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
static const uint8_t KEY_IDENTIFIER[20] = {0x11, 0x22, 0x33, 0x44};
static const uint8_t SERIAL[SERIAL_BYTES] = {0x40, 0x00, 0x48, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
    0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11};
/* r = s = 1: the text is of what is signed, not of who signed. */
static const uint8_t SIGNATURE[] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};

static struct tbs_issuer
make_issuer(struct buf *name, const char *common_name, int shard_count)
{
	struct error err = {0};

	assert_true(tbs_name(common_name, name, &err));
	return (struct tbs_issuer){.subject = buf_bytes(name),
	    .key_identifier = bytes_of(KEY_IDENTIFIER, sizeof KEY_IDENTIFIER),
	    .http_url = "http://pki.example:8080",
	    .id_text = "0123456789abcdef",
	    .shard_count = shard_count};
}

static void
compare(const char *name, BIO *text)
{
	DEFER(buf_clear_public) struct buf golden = {0};
	char path[512];
	char *octets;
	struct bytes actual;
	struct error err = {0};

	actual.len = (size_t)BIO_get_mem_data(text, &octets);
	actual.data = (const uint8_t *)octets;
	snprintf(path, sizeof path, "%s/%s.txt", GOLDEN_DIR, name);
	if (getenv("GOLDEN_WRITE") != NULL)
		assert_true(file_write(path, actual, 0644, &err));
	if (!file_read(path, GOLDEN_MAX, &golden, &err))
		fail_msg("%s cannot be read", path);
	if (!bytes_equal(buf_bytes(&golden), actual))
		fail_msg("%s differs:\n%.*s", path, (int)actual.len, octets);
}

static void
compare_certificate(const char *name, struct bytes tbs)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(BIO_vfree) BIO *text = BIO_new(BIO_s_mem());
	DEFER(X509_free) X509 *x509 = NULL;
	const uint8_t *at;

	certificate_assemble(tbs, bytes_of(SIGNATURE, sizeof SIGNATURE), &der);
	at = der.data;
	x509 = d2i_X509(NULL, &at, (long)der.len);
	assert_non_null(x509);
	assert_int_equal(X509_print_ex(text, x509, XN_FLAG_COMPAT, X509_FLAG_NO_SIGDUMP), 1);
	compare(name, text);
}

static void
profiles(void **state)
{
	static const char *const dns[] = {"pki.example", "localhost", NULL};
	static const uint8_t v4[] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	static const struct bytes ip[] = {{v4, sizeof v4}, {v6, sizeof v6}};
	static const struct golden {
		const char *file, *profile, *issuer, *common_name, *uuid;
		int shard_count;
		bool names;
	} rows[] = {
	    {"device", PROFILE_DEVICE, "Moniker Device CA", UUID, UUID, 1, false},
	    {"device-shards", PROFILE_DEVICE, "Moniker Device CA", UUID, UUID, 64, false},
	    {"operator", PROFILE_OPERATOR, "Moniker Operators CA", "7f3kq2m5nv4wxyza", NULL, 1,
		false},
	    {"service", PROFILE_SERVICE, "Moniker Service TLS CA", "pki.example", NULL, 1, true},
	    {"ocsp", PROFILE_OCSP, "Moniker Device CA", OCSP_RESPONDER_NAME, NULL, 1, false},
	    {"device-without-ocsp", PROFILE_DEVICE, "Moniker Device CA", UUID, UUID, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		DEFER(buf_clear_public) struct buf name = {0};
		DEFER(buf_clear_public) struct buf tbs = {0};
		const struct profile *profile = profile_find(rows[i].profile);
		struct tbs_request request = {.profile = profile,
		    .issuer = make_issuer(&name, rows[i].issuer, rows[i].shard_count),
		    .not_before_s = START_S,
		    .not_after_s = START_S + profile->validity_s,
		    .spki = bytes_of(SPKI, sizeof SPKI),
		    .common_name = rows[i].common_name,
		    .uuid = rows[i].uuid,
		    .dns = rows[i].names ? dns : NULL,
		    .ip = ip,
		    .ip_count = rows[i].names ? COUNT(ip) : 0};
		struct error err = {0};

		memcpy(request.serial, SERIAL, sizeof SERIAL);
		/* As before there was a responder: an authority keeps to what its policy says. */
		request.issuer.ocsp = strcmp(rows[i].file, "device-without-ocsp") != 0;
		assert_true(tbs_build(&request, &tbs, &err));
		compare_certificate(rows[i].file, buf_bytes(&tbs));
	}
}

static void
authorities(void **state)
{
	(void)state;
	for (int is_root = 0; is_root <= 1; is_root++) {
		DEFER(buf_clear_public) struct buf name = {0};
		DEFER(buf_clear_public) struct buf tbs = {0};
		struct tbs_ca_request request = {
		    .issuer = make_issuer(&name, "Moniker Device Root", 1),
		    .self_signed = is_root,
		    .not_before_s = START_S,
		    .not_after_s = START_S + (is_root ? 25 : 10) * 365 * DAY_S,
		    .spki = bytes_of(SPKI, sizeof SPKI),
		    .common_name = is_root ? "Moniker Device Root" : "Moniker Device CA",
		    .path_len = is_root};
		struct error err = {0};

		memcpy(request.serial, SERIAL, sizeof SERIAL);
		assert_true(tbs_build_ca(&request, &tbs, &err));
		compare_certificate(is_root ? "root" : "issuing-ca", buf_bytes(&tbs));
	}
}

static void
compare_crl(const char *file, const struct crl_entry *entries, size_t count, uint64_t base)
{
	DEFER(buf_clear_public) struct buf name = {0};
	DEFER(crl_build_clear) struct crl_build build = {0};
	DEFER(crl_file_free) struct crl_file *made = NULL;
	DEFER(BIO_vfree) BIO *text = BIO_new(BIO_s_mem());
	DEFER(X509_CRL_free) X509_CRL *crl = NULL;
	const struct crl_terms terms = {.issuer = make_issuer(&name, "Moniker Device CA", 1),
	    .number = 4711,
	    .delta = base > 0,
	    .base_number = base,
	    .this_update_s = START_S,
	    .next_update_s = START_S + DAY_S};
	struct error err = {0};

	list_close(&build, &terms, entries, count);
	assert_true(crl_build_finish(&build, bytes_of(SIGNATURE, sizeof SIGNATURE), &made, &err));
	crl = list_view(made);
	assert_int_equal(X509_CRL_print(text, crl), 1);
	compare(file, text);
}

static void
revocation_lists(void **state)
{
	static const enum reason reasons[] = {REASON_UNSPECIFIED, REASON_KEY_COMPROMISE,
	    REASON_CA_COMPROMISE, REASON_AFFILIATION_CHANGED, REASON_SUPERSEDED, REASON_CESSATION,
	    REASON_HOLD, REASON_PRIVILEGE_WITHDRAWN};
	struct crl_entry entries[COUNT(reasons)];

	(void)state;
	for (size_t i = 0; i < COUNT(reasons); i++) {
		memcpy(entries[i].serial, SERIAL, sizeof SERIAL);
		entries[i].serial[SERIAL_BYTES - 1] = (uint8_t)i;
		entries[i].revoked_at_s = START_S - (int64_t)i * 60;
		entries[i].reason = reasons[i];
		entries[i].removed = false;
	}
	compare_crl("crl", entries, COUNT(entries), 0);
	compare_crl("crl-empty", entries, 0, 0);
	entries[1].removed = true;
	compare_crl("crl-delta", entries, 3, 4700);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(profiles),
	    cmocka_unit_test(authorities),
	    cmocka_unit_test(revocation_lists),
	};

	return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
