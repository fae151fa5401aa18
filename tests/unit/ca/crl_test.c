#include "cmocka_all.h"

#include <signal.h>
#include <sys/resource.h>

#include "authorities.h"
#include "base/defer_openssl.h"
#include "ca/crl.h"
#include "keeper/check.h"
#include "lists.h"

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
keeper_accepts(const struct policy_issuer *policy, struct crl_build *build, size_t chunk_max,
    uint64_t *out_number, unsigned *out_shard, struct error *err)
{
	DEFER(mem_free) uint8_t *run = xcalloc(1, chunk_max);
	struct check_crl crl;
	size_t at = 0, len;

	if (!check_crl_head(&crl, policy, buf_bytes(&build->head), TEST_NOW_S, err))
		return false;
	do {
		assert_true(crl_build_next(build, &at, run, chunk_max, &len, err));
		if (!check_crl_entries(&crl, bytes_of(run, len), err))
			return false;
	} while (len > 0);
	return check_crl_end(&crl, buf_bytes(&build->extensions), out_number, out_shard, err);
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

		list_close(&build, &terms, entries, COUNTS[i]);
		if (!keeper_accepts(policy_find(&authorities.ceremony.policy, issuer->id), &build,
			i % 2 == 0 ? 1000 : KEEPER_CRL_CHUNK_MAX, &number, &shard, &err))
			fail_msg("%zu entries: %s", COUNTS[i], err.detail);
		assert_int_equal(number, 7 + i);
		assert_int_equal(shard, 0);
	}
}

/* Each with its serial, date and reason. */
static void
assert_entries(X509_CRL *view, const struct crl_entry *entries, size_t count)
{
	STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(view);

	assert_int_equal(count > 0 ? sk_X509_REVOKED_num(revoked) : 0, (int)count);
	if (count == 0)
		assert_null(revoked);
	for (size_t i = 0; i < count; i++) {
		const X509_REVOKED *one = sk_X509_REVOKED_value(revoked, (int)i);
		const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(one);
		time_t at = (time_t)entries[i].revoked_at_s;
		ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(one, NID_crl_reason, NULL, NULL);
		const long expected =
		    entries[i].removed ? CRL_REASON_REMOVE_FROM_CRL : (long)entries[i].reason;

		assert_int_equal(ASN1_STRING_length(serial), SERIAL_BYTES);
		assert_memory_equal(ASN1_STRING_get0_data(serial), entries[i].serial, SERIAL_BYTES);
		assert_int_equal(
		    ASN1_TIME_cmp_time_t(X509_REVOKED_get0_revocationDate(one), at), 0);
		assert_int_equal(reason != NULL, expected != 0);
		if (reason != NULL)
			assert_int_equal(ASN1_ENUMERATED_get(reason), expected);
		ASN1_ENUMERATED_free(reason);
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
		DEFER(mem_free) struct crl_entry *entries = make_entries(COUNTS[i]);
		DEFER(crl_file_free) struct crl_file *made = NULL;
		DEFER(X509_CRL_free) X509_CRL *view = NULL;
		const struct crl_terms terms = make_terms(issuer, 1000000);

		made = list_make(&terms, entries, COUNTS[i], key);
		view = list_view(made);
		assert_int_equal(X509_CRL_verify(view, issuer->public_key), 1);
		assert_int_equal(X509_CRL_get_version(view), X509_CRL_VERSION_2);
		assert_entries(view, entries, COUNTS[i]);
	}
}

/* UTCTime up to 2049, GeneralizedTime from 2050 on: RFC 5280 section 5.1.2.6. */
static void
dates_of_entries_are_right_whatever_their_order(void **state)
{
	static const int64_t dates_s[] = {0, 1, 86399, 86400, TEST_NOW_S, TEST_NOW_S - 1,
	    951782399 /* 2000-02-28 */, 951782400, 951868800, 2524607999, 2524608000, 2524608001,
	    TEST_NOW_S, 4102444799, 4102444800};
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(key_free) struct key *key = NULL;
	DEFER(mem_free) struct crl_entry *entries = make_entries(COUNT(dates_s));
	DEFER(crl_file_free) struct crl_file *made = NULL;
	DEFER(X509_CRL_free) X509_CRL *view = NULL;
	struct crl_terms terms;

	(void)state;
	authorities_init(&authorities);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	terms = make_terms(issuers_active(authorities.issuers, ISSUER_DEVICE_CA), 1);
	for (size_t i = 0; i < COUNT(dates_s); i++)
		entries[i].revoked_at_s = dates_s[i];
	made = list_make(&terms, entries, COUNT(dates_s), key);
	view = list_view(made);
	assert_entries(view, entries, COUNT(dates_s));
	for (size_t i = 0; i < COUNT(dates_s); i++) {
		const X509_REVOKED *one = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(view), (int)i);

		assert_int_equal(ASN1_STRING_type(X509_REVOKED_get0_revocationDate(one)),
		    dates_s[i] < 2524608000 ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME);
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
	list_close(&build, &terms, entries, 3);
	assert_false(keeper_accepts(policy_find(&authorities.ceremony.policy, issuer->id), &build,
	    KEEPER_CRL_CHUNK_MAX, &number, &shard, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
}

static void
runs_hold_whole_entries_and_cover_all(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(crl_build_clear) struct crl_build build = {0};
	DEFER(mem_free) struct crl_entry *entries = make_entries(500);
	struct crl_terms terms;
	uint8_t run[256];
	size_t at = 0, before = 0, len, runs = 0;
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	terms = make_terms(issuers_active(authorities.issuers, ISSUER_DEVICE_CA), 1);
	list_close(&build, &terms, entries, 500);
	for (;; runs++, before = at) {
		assert_true(crl_build_next(&build, &at, run, sizeof run, &len, &err));
		assert_int_equal(at - before, len);
		if (len == 0)
			break;
		assert_int_equal(run[0], 0x30);
	}
	assert_int_equal(at, build.entries_end - build.entries_at);
	assert_true(runs > 50);
}

/* RFC 5280 sections 5.2.4 and 5.2.6, as OpenSSL reads them. */
static void
a_full_crl_names_its_delta_and_a_delta_its_base(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(key_free) struct key *key = NULL;
	DEFER(mem_free) struct crl_entry *entries = make_entries(3);
	const struct issuer *issuer;

	(void)state;
	authorities_init(&authorities);
	issuer = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	for (int delta = 0; delta <= 1; delta++) {
		DEFER(crl_file_free) struct crl_file *made = NULL;
		DEFER(X509_CRL_free) X509_CRL *view = NULL;
		DEFER(crl_build_clear) struct crl_build build = {0};
		struct crl_terms terms = make_terms(issuer, 1000);
		ASN1_INTEGER *base;
		uint64_t number = 0;
		unsigned shard = 9;
		int critical = -1;
		struct error err = {0};

		terms.delta = delta;
		terms.base_number = 900;
		entries[1].removed = delta;
		made = list_make(&terms, entries, 3, key);
		view = list_view(made);
		assert_int_equal(X509_CRL_verify(view, issuer->public_key), 1);
		assert_entries(view, entries, 3);
		assert_int_equal(X509_CRL_get_ext_by_NID(view, NID_freshest_crl, -1) >= 0, !delta);
		base = X509_CRL_get_ext_d2i(view, NID_delta_crl, &critical, NULL);
		assert_int_equal(base != NULL, delta);
		assert_int_equal(critical, delta ? 1 : -1);
		if (delta)
			assert_int_equal(ASN1_INTEGER_get(base), 900);
		ASN1_INTEGER_free(base);
		list_close(&build, &terms, entries, 3);
		assert_true(keeper_accepts(policy_find(&authorities.ceremony.policy, issuer->id),
		    &build, 100, &number, &shard, &err));
		assert_int_equal(number, 1000);
	}
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
		DEFER(X509_CRL_free) X509_CRL *second = NULL;
		ASN1_INTEGER *number;
		struct error err = {0};

		assert_int_equal(X509_CRL_verify(view, root->public_key), 1);
		assert_null(X509_CRL_get_REVOKED(view));
		assert_int_equal(X509_CRL_get_ext_by_NID(view, NID_freshest_crl, -1), -1);
		assert_true(
		    ceremony_root_crl(authorities.ceremony.roots, root, 2, TEST_NOW_S, &der, &err));
		second = openssl_view(buf_bytes(&der));
		number = X509_CRL_get_ext_d2i(second, NID_crl_number, NULL, NULL);
		assert_int_equal(ASN1_INTEGER_get(number), 2);
		ASN1_INTEGER_free(number);
		assert_int_equal(X509_CRL_verify(second, root->public_key), 1);
		assert_false(ceremony_root_crl(
		    authorities.ceremony.keeper, root, 3, TEST_NOW_S, &der, &err));
		assert_int_equal(err.code, E_NOT_FOUND);
	}
}

/* ---- the file ---- */

/* A disk that takes no more is a failure that is told, not the end. */
static void
a_list_that_does_not_fit_is_a_failure(void **state)
{
	const struct rlimit small = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};
	DEFER(crl_build_clear) struct crl_build build = {0};
	DEFER(mem_free) struct crl_entry *entries = make_entries(5000);
	DEFER(crl_file_free) struct crl_file *nowhere = NULL;
	struct rlimit before;
	struct error err = {0};

	(void)state;
	assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_true(crl_build_begin(&build, LISTS_DIR, &err));
	assert_false(crl_build_add(&build, entries, 5000, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	err = (struct error){0};
	assert_false(crl_file_new("/nowhere/at/all", 0, &nowhere, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
}

/* ---- as verifiers see it ---- */

DEFER_DECLARE(X509_STORE, X509_STORE_free)
DEFER_DECLARE(X509_STORE_CTX, X509_STORE_CTX_free)

struct case_of { /* one device's certificate, and a verifier */
	const struct authorities *authorities;
	struct bytes leaf;
	X509_CRL *full, *delta; /* delta NULL: none */
};

static X509 *
certificate_view(struct bytes der)
{
	const uint8_t *at = der.data;

	return d2i_X509(NULL, &at, (long)der.len);
}

/* Chain and CRLs through OpenSSL as a verifier with crl_check_all would; the verdict. */
static int
verify(const struct case_of *of)
{
	const struct ceremony *made = &of->authorities->ceremony;
	DEFER(X509_free)
	X509 *root = certificate_view(buf_bytes(&made->certificates[ISSUER_DEVICE_ROOT]));
	DEFER(X509_free)
	X509 *ca = certificate_view(buf_bytes(&made->certificates[ISSUER_DEVICE_CA]));
	DEFER(X509_free) X509 *leaf = certificate_view(of->leaf);
	DEFER(X509_CRL_free) X509_CRL *root_crl = openssl_view(buf_bytes(&made->root_crls[0]));
	DEFER(X509_STORE_free) X509_STORE *store = X509_STORE_new();
	DEFER(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;

	X509_STORE_add_cert(store, root);
	X509_STORE_add_cert(store, ca);
	X509_STORE_add_crl(store, root_crl);
	X509_STORE_add_crl(store, of->full);
	if (of->delta != NULL)
		X509_STORE_add_crl(store, of->delta);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_flags(
	    param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
		       X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS);
	X509_VERIFY_PARAM_set_time(param, TEST_NOW_S);
	X509_verify_cert(ctx);
	return X509_STORE_CTX_get_error(ctx);
}

/* What a device is on: nothing, a revocation or hold, or removeFromCRL. */
enum listed { OFF, ON, REMOVED };

static struct crl_file *
list_with(const struct issuer *issuer, const struct key *key, uint64_t number, uint64_t base,
    const uint8_t *serial, enum listed listed)
{
	DEFER(mem_free) struct crl_entry *entries = make_entries(10);
	struct crl_terms terms = make_terms(issuer, number);

	terms.delta = base > 0;
	terms.base_number = base;
	if (listed != OFF)
		memcpy(entries[5].serial, serial, SERIAL_BYTES);
	entries[5].reason = REASON_HOLD;
	entries[5].removed = listed == REMOVED;
	return list_make(&terms, entries, 10, key);
}

static void
a_verifier_that_checks_all_crls_finds_the_revoked_and_passes_the_rest(void **state)
{
	static const struct {
		enum listed full, delta;
		uint64_t base; /* of the delta, which is number 20; the full one is 10; 0: none */
		int verdict;
	} ROWS[] = {
	    {OFF, OFF, 0, X509_V_OK}, {ON, OFF, 0, X509_V_ERR_CERT_REVOKED},
	    {OFF, OFF, 10, X509_V_OK}, {OFF, ON, 10, X509_V_ERR_CERT_REVOKED},
	    {OFF, ON, 3, X509_V_ERR_CERT_REVOKED}, /* the full CRL is newer than the base */
	    {ON, REMOVED, 10, X509_V_OK}, {ON, OFF, 10, X509_V_ERR_CERT_REVOKED},
	    {ON, REMOVED, 11, X509_V_ERR_CERT_REVOKED}, /* not a delta to this one */
	};
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(key_free) struct key *key = NULL;
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(issued_clear) struct issued issued = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	const struct rng rng = rng_system();
	struct issue_request request = {.profile = profile_find(PROFILE_DEVICE),
	    .common_name = "0b7c1f3e-6f0a-4a52-9c58-3c1f0c9a7d11",
	    .uuid = "0b7c1f3e-6f0a-4a52-9c58-3c1f0c9a7d11",
	    .now_s = TEST_NOW_S};
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	request.issuer = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	request.spki = buf_bytes(&spki);
	key = authorities_key(&authorities, ISSUER_DEVICE_CA);
	assert_true(issue_prepare(&request, &rng, &issued, &err));
	authorities_sign(&authorities, ISSUER_DEVICE_CA, buf_bytes(&issued.tbs), &der);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(crl_file_free)
		struct crl_file *full =
		    list_with(request.issuer, key, 10, 0, issued.serial, ROWS[i].full);
		DEFER(crl_file_free)
		struct crl_file *delta =
		    list_with(request.issuer, key, 20, ROWS[i].base, issued.serial, ROWS[i].delta);
		DEFER(X509_CRL_free) X509_CRL *full_view = list_view(full);
		DEFER(X509_CRL_free) X509_CRL *delta_view = list_view(delta);
		const struct case_of of = {
		    &authorities, buf_bytes(&der), full_view, ROWS[i].base > 0 ? delta_view : NULL};

		if (verify(&of) != ROWS[i].verdict)
			fail_msg("row %zu: %d", i, verify(&of));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_keeper_accepts_lists_of_any_length),
	    cmocka_unit_test(openssl_verifies_a_signed_list_and_finds_each_entry),
	    cmocka_unit_test(dates_of_entries_are_right_whatever_their_order),
	    cmocka_unit_test(the_keeper_refuses_an_entry_of_another_form),
	    cmocka_unit_test(runs_hold_whole_entries_and_cover_all),
	    cmocka_unit_test(a_full_crl_names_its_delta_and_a_delta_its_base),
	    cmocka_unit_test(a_root_crl_is_the_roots_and_lists_nobody),
	    cmocka_unit_test(a_list_that_does_not_fit_is_a_failure),
	    cmocka_unit_test(a_verifier_that_checks_all_crls_finds_the_revoked_and_passes_the_rest),
	};

	return cmocka_run_group_tests_name("crl", tests, NULL, NULL);
}
