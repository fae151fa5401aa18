#include "cmocka_all.h"

#include "ca/profile.h"
#include "request.h"

static void
profiles_are_found_by_their_exact_name(void **state)
{
	static const char *const names[] = {PROFILE_DEVICE, PROFILE_OPERATOR, PROFILE_SERVICE};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_non_null(profile_find(names[i]));
		assert_string_equal(profile_find(names[i])->name, names[i]);
	}
	assert_null(profile_find(""));
	assert_null(profile_find("Device"));
	assert_null(profile_find("device2"));
}

static void
a_batch_may_name_the_device_profile_alone(void **state)
{
	(void)state;
	assert_true(profile_find(PROFILE_DEVICE)->for_devices);
	assert_false(profile_find(PROFILE_OPERATOR)->for_devices);
	assert_false(profile_find(PROFILE_SERVICE)->for_devices);
}

static void
only_the_service_profile_lets_a_server_be_authenticated(void **state)
{
	(void)state;
	assert_int_equal(profile_find(PROFILE_DEVICE)->ekus, PROFILE_CLIENT_AUTH);
	assert_int_equal(profile_find(PROFILE_OPERATOR)->ekus, PROFILE_CLIENT_AUTH);
	assert_int_equal(profile_find(PROFILE_SERVICE)->ekus, PROFILE_SERVER_AUTH);
}

/* clang-format off */
static const struct row {
	const char *profile, *kind;
	unsigned bits;
	enum error_code want;
} ROWS[] = {
	{PROFILE_DEVICE,   "P-256",   256,  E_NONE},
	{PROFILE_DEVICE,   "P-384",   384,  E_NONE},
	{PROFILE_DEVICE,   "ED25519", 0,    E_NONE},
	{PROFILE_DEVICE,   "RSA",     2048, E_NONE},
	{PROFILE_OPERATOR, "RSA",     2048, E_NONE},
	{PROFILE_SERVICE,  "P-256",   256,  E_NONE},
	{PROFILE_SERVICE,  "P-384",   384,  E_PROFILE_DENIED},
	{PROFILE_SERVICE,  "ED25519", 0,    E_PROFILE_DENIED},
	{PROFILE_SERVICE,  "RSA",     2048, E_PROFILE_DENIED},
};
/* clang-format on */

static void
a_profile_takes_its_kinds_of_keys_and_says_which(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const struct row *row = &ROWS[i];
		DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key(row->kind, row->bits);
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(csr_free) struct csr *csr = NULL;
		struct error err = {0};

		request_make(key, row->bits == 0 ? NULL : EVP_sha256(), &der);
		assert_true(csr_parse(buf_bytes(&der), &csr, &err));
		assert_int_equal(
		    profile_check_key(profile_find(row->profile), csr, &err), row->want == E_NONE);
		assert_int_equal(err.code, row->want);
		if (row->want != E_NONE) {
			assert_string_equal(err.pointer, "/csr");
			assert_non_null(strstr(err.detail, "P-256"));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(profiles_are_found_by_their_exact_name),
	    cmocka_unit_test(a_batch_may_name_the_device_profile_alone),
	    cmocka_unit_test(only_the_service_profile_lets_a_server_be_authenticated),
	    cmocka_unit_test(a_profile_takes_its_kinds_of_keys_and_says_which),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
