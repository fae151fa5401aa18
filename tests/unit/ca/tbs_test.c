#include "cmocka_all.h"

#include <openssl/x509v3.h>

#include "authorities.h"
#include "base/defer_openssl.h"
#include "base/mem.h"
#include "keeper/check.h"

#define UUID "0b7c1f3e-6f0a-4a52-9c58-3c1f0c9a7d11"

static X509 *
openssl_view(struct bytes der)
{
	const uint8_t *at = der.data;
	X509 *view = d2i_X509(NULL, &at, (long)der.len);

	assert_non_null(view);
	assert_ptr_equal(at, der.data + der.len);
	return view;
}

static struct tbs_request
device_request(const struct issuer *issuer, struct bytes spki)
{
	const struct rng rng = rng_system();
	struct tbs_request request = {
	    .profile = profile_find(PROFILE_DEVICE),
	    .issuer = issuer->tbs,
	    .not_before_s = time_day_start(TEST_NOW_S),
	    .not_after_s = time_day_start(TEST_NOW_S) + 365 * DAY_S,
	    .spki = spki,
	    .common_name = UUID,
	    .uuid = UUID,
	};

	serial_make(request.serial, time_month(request.not_before_s), &rng);
	return request;
}

static struct tbs_request
service_request(const struct issuer *issuer, struct bytes spki)
{
	static const char *const dns[] = {"pki.example", "localhost", NULL};
	static const uint8_t v4[] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	static const struct bytes ip[] = {{v4, sizeof v4}, {v6, sizeof v6}};
	struct tbs_request request = device_request(issuer, spki);

	request.profile = profile_find(PROFILE_SERVICE);
	request.not_after_s = request.not_before_s + 90 * DAY_S;
	request.common_name = "pki.example";
	request.uuid = NULL;
	request.dns = dns;
	request.ip = ip;
	request.ip_count = COUNT(ip);
	return request;
}

static void
the_keeper_accepts_what_the_profiles_build_for_its_authorities(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	const struct issuer *device, *service;
	struct tbs_request requests[2];

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	device = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	service = issuers_active(authorities.issuers, ISSUER_SERVICE_CA);
	requests[0] = device_request(device, buf_bytes(&spki));
	requests[1] = service_request(service, buf_bytes(&spki));
	for (size_t i = 0; i < COUNT(requests); i++) {
		const struct issuer *issuer = i == 0 ? device : service;
		const struct policy_issuer *policy =
		    policy_find(&authorities.ceremony.policy, issuer->id);
		DEFER(buf_clear_public) struct buf tbs = {0};
		struct error err = {0};

		assert_non_null(policy);
		assert_true(tbs_build(&requests[i], &tbs, &err));
		if (!check_tbs(policy, buf_bytes(&tbs), TEST_NOW_S, &err))
			fail_msg("%s: %s", issuer->id_text, err.detail);
	}
}

static void
the_keeper_refuses_what_another_profile_builds(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf tbs = {0};
	const struct issuer *device;
	struct tbs_request request;
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	device = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	request = service_request(device, buf_bytes(&spki));
	assert_true(tbs_build(&request, &tbs, &err));
	assert_false(check_tbs(policy_find(&authorities.ceremony.policy, device->id),
	    buf_bytes(&tbs), TEST_NOW_S, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
}

static void
openssl_reads_a_device_certificate_as_it_was_meant(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf tbs = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(X509_free) X509 *x509 = NULL;
	struct tbs_request request;
	struct error err = {0};
	char name[128];

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	request =
	    device_request(issuers_active(authorities.issuers, ISSUER_DEVICE_CA), buf_bytes(&spki));
	assert_true(tbs_build(&request, &tbs, &err));
	authorities_sign(&authorities, ISSUER_DEVICE_CA, buf_bytes(&tbs), &der);
	x509 = openssl_view(buf_bytes(&der));

	assert_int_equal(X509_get_version(x509), X509_VERSION_3);
	X509_NAME_oneline(X509_get_subject_name(x509), name, sizeof name);
	assert_string_equal(name, "/CN=" UUID);
	assert_int_equal(X509_check_purpose(x509, X509_PURPOSE_SSL_CLIENT, 0), 1);
	assert_int_equal(X509_check_purpose(x509, X509_PURPOSE_SSL_SERVER, 0), 0);
	assert_int_equal(X509_check_ca(x509), 0);
	assert_int_equal(X509_get_key_usage(x509), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(x509), XKU_SSL_CLIENT);
	assert_int_equal(X509_get_ext_count(x509), 8);
	assert_true(X509_get_extension_flags(x509) & EXFLAG_BCONS);
	assert_false(X509_get_extension_flags(x509) & (EXFLAG_INVALID | EXFLAG_CRITICAL));
}

DEFER_DECLARE(X509_STORE, X509_STORE_free)
DEFER_DECLARE(X509_STORE_CTX, X509_STORE_CTX_free)

/* One chain through OpenSSL's strictest path validation; the verdict. */
static int
verify_chain(const struct authorities *authorities, enum issuer_kind root, enum issuer_kind ca,
    struct bytes leaf_der, int purpose)
{
	const struct buf *certificates = authorities->ceremony.certificates;
	DEFER(X509_free) X509 *root_x509 = openssl_view(buf_bytes(&certificates[root]));
	DEFER(X509_free) X509 *ca_x509 = openssl_view(buf_bytes(&certificates[ca]));
	DEFER(X509_free) X509 *leaf = openssl_view(leaf_der);
	DEFER(X509_STORE_free) X509_STORE *store = X509_STORE_new();
	DEFER(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509_VERIFY_PARAM *param;

	sk_X509_push(untrusted, ca_x509);
	X509_STORE_add_cert(store, root_x509);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, untrusted), 1);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
	X509_VERIFY_PARAM_set_purpose(param, purpose);
	X509_VERIFY_PARAM_set_time(param, TEST_NOW_S);
	X509_verify_cert(ctx);
	sk_X509_free(untrusted);
	return X509_STORE_CTX_get_error(ctx);
}

static void
chains_pass_strict_path_validation(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	for (int i = 0; i < 2; i++) {
		enum issuer_kind root = i == 0 ? ISSUER_DEVICE_ROOT : ISSUER_OPERATIONS_ROOT;
		enum issuer_kind ca = i == 0 ? ISSUER_DEVICE_CA : ISSUER_SERVICE_CA;
		int purpose = i == 0 ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
		const struct issuer *issuer = issuers_active(authorities.issuers, ca);
		struct tbs_request request = i == 0 ? device_request(issuer, buf_bytes(&spki))
						    : service_request(issuer, buf_bytes(&spki));
		DEFER(buf_clear_public) struct buf tbs = {0};
		DEFER(buf_clear_public) struct buf der = {0};

		assert_true(tbs_build(&request, &tbs, &err));
		authorities_sign(&authorities, ca, buf_bytes(&tbs), &der);
		assert_int_equal(
		    verify_chain(&authorities, root, ca, buf_bytes(&der), purpose), X509_V_OK);
	}
}

static void
an_operator_certificate_names_no_crl(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf tbs = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(X509_free) X509 *x509 = NULL;
	struct tbs_request request;
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	request = device_request(
	    issuers_active(authorities.issuers, ISSUER_OPERATORS_CA), buf_bytes(&spki));
	request.profile = profile_find(PROFILE_OPERATOR);
	request.common_name = "7f3kq2m5nv4wxyza";
	request.uuid = NULL;
	assert_true(tbs_build(&request, &tbs, &err));
	authorities_sign(&authorities, ISSUER_OPERATORS_CA, buf_bytes(&tbs), &der);
	x509 = openssl_view(buf_bytes(&der));
	assert_int_equal(X509_get_ext_by_NID(x509, NID_crl_distribution_points, -1), -1);
	assert_int_equal(X509_get_ext_by_NID(x509, NID_subject_alt_name, -1), -1);
	assert_true(X509_get_ext_by_NID(x509, NID_info_access, -1) >= 0);
}

static void
names_that_do_not_fit_are_refused(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf out = {0};
	static const uint8_t five[5];
	static const struct bytes bad_ip[] = {{five, sizeof five}};
	char long_name[66], long_dns[255];
	const char *const dns[] = {long_dns, NULL};
	struct tbs_request good, bad;

	(void)state;
	memset(long_name, 'a', 65);
	long_name[65] = '\0';
	memset(long_dns, 'a', 254);
	long_dns[254] = '\0';
	authorities_init(&authorities);
	test_spki(&spki);
	good = service_request(
	    issuers_active(authorities.issuers, ISSUER_SERVICE_CA), buf_bytes(&spki));
	for (int i = 0; i < 5; i++) {
		struct error err = {0};

		bad = good;
		if (i == 0)
			bad.common_name = long_name;
		else if (i == 1)
			bad.common_name = "";
		else if (i == 2)
			bad.dns = dns;
		else if (i == 3)
			bad.ip = bad_ip, bad.ip_count = 1;
		else
			bad.spki = bytes_of(five, sizeof five);
		assert_false(tbs_build(&bad, &out, &err));
		assert_int_equal(err.code, E_INTERNAL);
		assert_int_equal(out.len, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_keeper_accepts_what_the_profiles_build_for_its_authorities),
	    cmocka_unit_test(the_keeper_refuses_what_another_profile_builds),
	    cmocka_unit_test(openssl_reads_a_device_certificate_as_it_was_meant),
	    cmocka_unit_test(chains_pass_strict_path_validation),
	    cmocka_unit_test(an_operator_certificate_names_no_crl),
	    cmocka_unit_test(names_that_do_not_fit_are_refused),
	};

	return cmocka_run_group_tests_name("tbs", tests, NULL, NULL);
}
