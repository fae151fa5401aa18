#include "cmocka_all.h"

#include <openssl/x509v3.h>

#include "authorities.h"
#include "base/defer_openssl.h"
#include "base/mem.h"
#include "ca/crl.h"
#include "ca/crl_build.h"
#include "keeper/check.h"
#include "keeper/client.h"

DEFER_DECLARE(X509_CRL, X509_CRL_free)

static X509_CRL *
openssl_view(struct bytes der)
{
	const uint8_t *at = der.data;
	X509_CRL *view = d2i_X509_CRL(NULL, &at, (long)der.len);

	assert_non_null(view);
	assert_ptr_equal(at, der.data + der.len);
	return view;
}

static struct crl_terms
make_terms(const struct issuer *issuer, uint64_t number)
{
	return (struct crl_terms){.issuer = issuer->tbs,
	    .number = number,
	    .this_update_s = TEST_NOW_S,
	    .next_update_s = TEST_NOW_S + DAY_S};
}

static struct crl_entry *
make_entries(size_t count)
{
	static const enum reason reasons[] = {
	    REASON_UNSPECIFIED, REASON_KEY_COMPROMISE, REASON_HOLD, REASON_SUPERSEDED};
	const struct rng rng = rng_system();
	struct crl_entry *entries = xcalloc(count + 1, sizeof *entries);

	for (size_t i = 0; i < count; i++) {
		serial_make(entries[i].serial, time_month(TEST_NOW_S), &rng);
		entries[i].revoked_at_s = TEST_NOW_S - (int64_t)i;
		entries[i].reason = reasons[i % COUNT(reasons)];
	}
	return entries;
}

/* The keeper's reading, in the chunks in which it would come. */
static bool
keeper_accepts(const struct policy_issuer *policy, const struct crl_build *build, size_t chunk_max,
    uint64_t *out_number, unsigned *out_shard, struct error *err)
{
	struct check_crl crl;
	struct bytes entries = crl_build_entries(build);

	if (!check_crl_head(&crl, policy, crl_build_head(build), TEST_NOW_S, err))
		return false;
	for (size_t at = 0; at < entries.len;) {
		size_t end = crl_build_run(build, at, chunk_max);

		if (!check_crl_entries(&crl, bytes_of(entries.data + at, end - at), err))
			return false;
		at = end;
	}
	return check_crl_end(&crl, crl_build_extensions(build), out_number, out_shard, err);
}

static const size_t COUNTS[] = {0, 1, 2, 3, 100, 2000, 3000};

static void
the_keeper_accepts_lists_of_any_length(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	const struct issuer *issuer;

	(void)state;
	authorities_init(&authorities);
	issuer = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	for (size_t i = 0; i < COUNT(COUNTS); i++) {
		DEFER(crl_build_clear) struct crl_build build = {0};
		DEFER(mem_free) struct crl_entry *entries = make_entries(COUNTS[i]);
		const struct crl_terms terms = make_terms(issuer, 7 + i);
		uint64_t number = 0;
		unsigned shard = 99;
		struct error err = {0};

		crl_build_add(&build, entries, COUNTS[i]);
		assert_true(crl_build_close(&build, &terms, &err));
		if (!keeper_accepts(policy_find(&authorities.ceremony.policy, issuer->id), &build,
			i % 2 == 0 ? 1000 : KEEPER_CRL_CHUNK_MAX, &number, &shard, &err))
			fail_msg("%zu entries: %s", COUNTS[i], err.detail);
		assert_int_equal(number, 7 + i);
		assert_int_equal(shard, 0);
	}
}

static void
openssl_verifies_a_signed_list_and_finds_each_entry(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(key_free) struct key *key = NULL;
	const struct issuer *issuer;

	(void)state;
	authorities_init(&authorities);
	issuer = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	for (size_t i = 0; i < COUNT(COUNTS); i++) {
		DEFER(crl_build_clear) struct crl_build build = {0};
		DEFER(mem_free) struct crl_entry *entries = make_entries(COUNTS[i]);
		DEFER(X509_CRL_free) X509_CRL *view = NULL;
		const struct crl_terms terms = make_terms(issuer, 1000000);
		uint8_t signature[KEY_SIGNATURE_MAX];
		size_t signature_len;
		uint64_t number;
		struct error err = {0};

		crl_build_add(&build, entries, COUNTS[i] / 2); /* in two runs */
		crl_build_add(&build, entries + COUNTS[i] / 2, COUNTS[i] - COUNTS[i] / 2);
		assert_true(crl_build_close(&build, &terms, &err));
		assert_true(key_sign(key, crl_build_der(&build), signature, &signature_len, &err));
		crl_build_finish(&build, bytes_of(signature, signature_len));
		view = openssl_view(crl_build_der(&build));

		assert_int_equal(X509_CRL_verify(view, issuer->public_key), 1);
		assert_int_equal(X509_CRL_get_version(view), X509_CRL_VERSION_2);
		assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(view)) * (COUNTS[i] > 0),
		    (int)COUNTS[i]);
		assert_true(crl_number_of(crl_build_der(&build), &number, &err));
		assert_int_equal(number, 1000000);
		for (size_t j = 0; j < COUNTS[i]; j++) {
			X509_REVOKED *revoked =
			    sk_X509_REVOKED_value(X509_CRL_get_REVOKED(view), (int)j);
			const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(revoked);

			assert_int_equal(ASN1_STRING_length(serial), SERIAL_BYTES);
			assert_memory_equal(
			    ASN1_STRING_get0_data(serial), entries[j].serial, SERIAL_BYTES);
			assert_int_equal(X509_REVOKED_get_ext_count(revoked),
			    entries[j].reason != REASON_UNSPECIFIED);
		}
	}
}

static void
the_keeper_refuses_an_entry_of_another_form(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(crl_build_clear) struct crl_build build = {0};
	DEFER(mem_free) struct crl_entry *entries = make_entries(3);
	const struct issuer *issuer;
	struct crl_terms terms;
	uint64_t number;
	unsigned shard;
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	issuer = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	terms = make_terms(issuer, 1);
	entries[1].serial[0] = 0x3f;
	crl_build_add(&build, entries, 3);
	assert_true(crl_build_close(&build, &terms, &err));
	assert_false(keeper_accepts(policy_find(&authorities.ceremony.policy, issuer->id), &build,
	    KEEPER_CRL_CHUNK_MAX, &number, &shard, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
}

static void
runs_hold_whole_entries_and_cover_all(void **state)
{
	DEFER(crl_build_clear) struct crl_build build = {0};
	DEFER(mem_free) struct crl_entry *entries = make_entries(500);
	struct bytes all;
	size_t at = 0, runs = 0;

	(void)state;
	crl_build_add(&build, entries, 500);
	all = crl_build_entries(&build);
	for (; at < all.len; runs++) {
		size_t end = crl_build_run(&build, at, 256);

		assert_in_range(end - at, 1, 256);
		assert_int_equal(all.data[at], 0x30);
		at = end;
	}
	assert_int_equal(at, all.len);
	assert_int_equal(crl_build_run(&build, at, 256), at);
	assert_true(runs > 50);
}

static void
a_root_crl_is_the_roots_and_lists_nobody(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};

	(void)state;
	authorities_init(&authorities);
	for (int kind = ISSUER_DEVICE_ROOT; kind <= ISSUER_OPERATIONS_ROOT; kind++) {
		const struct issuer *root =
		    issuers_active(authorities.issuers, (enum issuer_kind)kind);
		DEFER(X509_CRL_free)
		X509_CRL *view = openssl_view(buf_bytes(&authorities.ceremony.root_crls[kind]));
		DEFER(buf_clear_public) struct buf der = {0};
		uint64_t number;
		struct error err = {0};

		assert_int_equal(X509_CRL_verify(view, root->public_key), 1);
		assert_null(X509_CRL_get_REVOKED(view));
		assert_true(
		    ceremony_root_crl(authorities.ceremony.roots, root, 2, TEST_NOW_S, &der, &err));
		assert_true(crl_number_of(buf_bytes(&der), &number, &err));
		assert_int_equal(number, 2);
		assert_false(ceremony_root_crl(
		    authorities.ceremony.keeper, root, 3, TEST_NOW_S, &der, &err));
		assert_int_equal(err.code, E_NOT_FOUND);
	}
}

static void
what_is_no_crl_has_no_number(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	const struct buf *crl;

	(void)state;
	authorities_init(&authorities);
	crl = &authorities.ceremony.root_crls[0];
	for (size_t len = 0; len < crl->len - 80; len++) { /* up to the signature */
		uint64_t number;
		struct error err = {0};

		assert_false(crl_number_of(bytes_of(crl->data, len), &number, &err));
		assert_int_equal(err.code, E_INTERNAL);
	}
}

DEFER_DECLARE(X509_STORE, X509_STORE_free)
DEFER_DECLARE(X509_STORE_CTX, X509_STORE_CTX_free)

/* Chain and CRLs through OpenSSL as a verifier with crl_check_all would; the verdict. */
static int
verify(const struct authorities *authorities, struct bytes leaf_der, struct bytes crl_der)
{
	const struct buf *made = authorities->ceremony.certificates;
	const uint8_t *at[] = {
	    made[ISSUER_DEVICE_ROOT].data, made[ISSUER_DEVICE_CA].data, leaf_der.data};
	const size_t lens[] = {
	    made[ISSUER_DEVICE_ROOT].len, made[ISSUER_DEVICE_CA].len, leaf_der.len};
	DEFER(X509_free) X509 *root = d2i_X509(NULL, &at[0], (long)lens[0]);
	DEFER(X509_free) X509 *ca = d2i_X509(NULL, &at[1], (long)lens[1]);
	DEFER(X509_free) X509 *leaf = d2i_X509(NULL, &at[2], (long)lens[2]);
	DEFER(X509_CRL_free)
	X509_CRL *root_crl = openssl_view(buf_bytes(&authorities->ceremony.root_crls[0]));
	DEFER(X509_CRL_free) X509_CRL *ca_crl = openssl_view(crl_der);
	DEFER(X509_STORE_free) X509_STORE *store = X509_STORE_new();
	DEFER(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;

	X509_STORE_add_cert(store, root);
	X509_STORE_add_cert(store, ca);
	X509_STORE_add_crl(store, root_crl);
	X509_STORE_add_crl(store, ca_crl);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(
	    param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_VERIFY_PARAM_set_time(param, TEST_NOW_S);
	X509_verify_cert(ctx);
	return X509_STORE_CTX_get_error(ctx);
}

static void
a_verifier_that_checks_all_crls_finds_the_revoked_and_passes_the_rest(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(key_free) struct key *key = NULL;
	DEFER(buf_clear_public) struct buf spki = {0};
	const struct rng rng = rng_system();
	const struct issuer *issuer;

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	issuer = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	for (int revoked = 0; revoked <= 1; revoked++) {
		DEFER(issued_clear) struct issued issued = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(crl_build_clear) struct crl_build build = {0};
		DEFER(mem_free) struct crl_entry *entries = make_entries(10);
		const struct crl_terms terms = make_terms(issuer, 1);
		const struct issue_request request = {.profile = profile_find(PROFILE_DEVICE),
		    .issuer = issuer,
		    .spki = buf_bytes(&spki),
		    .common_name = "0b7c1f3e-6f0a-4a52-9c58-3c1f0c9a7d11",
		    .uuid = "0b7c1f3e-6f0a-4a52-9c58-3c1f0c9a7d11",
		    .now_s = TEST_NOW_S};
		uint8_t signature[KEY_SIGNATURE_MAX];
		size_t signature_len;
		struct error err = {0};

		assert_true(issue_prepare(&request, &rng, &issued, &err));
		authorities_sign(&authorities, ISSUER_DEVICE_CA, buf_bytes(&issued.tbs), &der);
		if (revoked)
			memcpy(entries[5].serial, issued.serial, SERIAL_BYTES);
		crl_build_add(&build, entries, 10);
		assert_true(crl_build_close(&build, &terms, &err));
		assert_true(key_sign(key, crl_build_der(&build), signature, &signature_len, &err));
		crl_build_finish(&build, bytes_of(signature, signature_len));
		assert_int_equal(verify(&authorities, buf_bytes(&der), crl_build_der(&build)),
		    revoked ? X509_V_ERR_CERT_REVOKED : X509_V_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_keeper_accepts_lists_of_any_length),
	    cmocka_unit_test(openssl_verifies_a_signed_list_and_finds_each_entry),
	    cmocka_unit_test(the_keeper_refuses_an_entry_of_another_form),
	    cmocka_unit_test(runs_hold_whole_entries_and_cover_all),
	    cmocka_unit_test(a_root_crl_is_the_roots_and_lists_nobody),
	    cmocka_unit_test(what_is_no_crl_has_no_number),
	    cmocka_unit_test(a_verifier_that_checks_all_crls_finds_the_revoked_and_passes_the_rest),
	};

	return cmocka_run_group_tests_name("crl", tests, NULL, NULL);
}
