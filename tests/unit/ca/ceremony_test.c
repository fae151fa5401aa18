#include "cmocka_all.h"

#include "authorities.h"

/* clang-format off */
static const struct place {
	enum issuer_kind kind;
	bool in_roots, in_operators, in_keeper;
} PLACES[] = {
	{ISSUER_DEVICE_ROOT,     true,  false, false},
	{ISSUER_OPERATIONS_ROOT, true,  false, false},
	{ISSUER_DEVICE_CA,       false, false, true},
	{ISSUER_SERVICE_CA,      false, false, true},
	{ISSUER_OPERATORS_CA,    false, true,  false},
	{ISSUER_BIRTH_CA,        false, false, true},
	{ISSUER_PSEUDONYM_CA,    false, false, true},
};
/* clang-format on */

static void
each_key_is_in_its_one_place(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	static const char *const service_keys[] = {
	    "log", "tag:1", "token:1", "status:1", "link:1", "block:1", "journal"};

	(void)state;
	authorities_init(&authorities);
	for (size_t i = 0; i < COUNT(PLACES); i++) {
		const struct issuer *issuer = issuers_active(authorities.issuers, PLACES[i].kind);
		char name[KEYRING_NAME_MAX + 1];

		snprintf(name, sizeof name, "issuer:%s", issuer->id_text);
		assert_int_equal(
		    keyring_find(authorities.ceremony.roots, name) != NULL, PLACES[i].in_roots);
		assert_int_equal(keyring_find(authorities.ceremony.operators, name) != NULL,
		    PLACES[i].in_operators);
		assert_int_equal(
		    keyring_find(authorities.ceremony.keeper, name) != NULL, PLACES[i].in_keeper);
	}
	for (size_t i = 0; i < COUNT(service_keys); i++)
		assert_non_null(keyring_find(authorities.ceremony.keeper, service_keys[i]));
	assert_int_equal(keyring_count(authorities.ceremony.roots), 2);
	assert_int_equal(keyring_count(authorities.ceremony.operators), 1);
	assert_int_equal(keyring_count(authorities.ceremony.keeper), 4 + COUNT(service_keys));
}

static void
the_policy_names_the_keepers_authorities_and_no_other(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	const struct policy *policy;
	const struct policy_issuer *device;

	(void)state;
	authorities_init(&authorities);
	policy = &authorities.ceremony.policy;
	assert_int_equal(policy->issuer_count, 4);
	for (size_t i = 0; i < COUNT(PLACES); i++)
		assert_int_equal(
		    policy_find(policy, issuers_active(authorities.issuers, PLACES[i].kind)->id) !=
			NULL,
		    PLACES[i].in_keeper);
	device = policy_find(policy, issuers_active(authorities.issuers, ISSUER_DEVICE_CA)->id);
	/* Its OCSP responder's certificate, and no other: keeper/check_responder_test.c */
	assert_int_not_equal(device->events & UINT64_C(1) << LEAF_CERT_ISSUE, 0);
	assert_true(
	    bytes_equal(buf_bytes(&device->ocsp_url), bytes_of_text(TEST_HTTP_URL "/ocsp")));
	assert_int_not_equal(device->events & UINT64_C(1) << LEAF_ENROLL_OK, 0);
	assert_int_equal(device->validity_max_s, 365 * DAY_S);
}

static void
no_authority_outlives_its_issuer(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};

	(void)state;
	authorities_init(&authorities);
	for (size_t i = 0; i < COUNT(PLACES); i++) {
		const struct issuer *issuer = issuers_active(authorities.issuers, PLACES[i].kind);

		assert_int_equal(issuer->certificate.not_before_s, TEST_NOW_S - DAY_S);
		if (issuer->parent != NULL)
			assert_true(issuer->certificate.not_after_s <=
				    issuer->parent->certificate.not_after_s);
	}
}

static void
a_ring_signs_only_with_keys_that_it_holds(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	const struct issuer *operators;
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	operators = issuers_active(authorities.issuers, ISSUER_OPERATORS_CA);
	assert_true(ceremony_sign(
	    authorities.ceremony.operators, operators->id, bytes_of_text("tbs"), &signature, &err));
	assert_true(signature.len > 0);
	assert_false(ceremony_sign(
	    authorities.ceremony.keeper, operators->id, bytes_of_text("tbs"), &signature, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
}

static void
a_name_that_is_too_long_is_refused(void **state)
{
	const struct clock clock = clock_fixed(TEST_NOW_S);
	const struct rng rng = rng_system();
	char name[64];
	const struct ceremony_request request = {.name = name,
	    .http_url = TEST_HTTP_URL,
	    .origin = "moniker.example/node1-2026",
	    .clock = &clock,
	    .rng = &rng};
	struct ceremony ceremony = {0};
	struct error err = {0};

	(void)state;
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_false(ceremony_run(&request, &ceremony, &err));
	assert_int_equal(err.code, E_CONFIG_INVALID);
	assert_null(ceremony.keeper);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_key_is_in_its_one_place),
	    cmocka_unit_test(the_policy_names_the_keepers_authorities_and_no_other),
	    cmocka_unit_test(no_authority_outlives_its_issuer),
	    cmocka_unit_test(a_ring_signs_only_with_keys_that_it_holds),
	    cmocka_unit_test(a_name_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("ceremony", tests, NULL, NULL);
}
