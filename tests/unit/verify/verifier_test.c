/* The verdict on a certificate, and which bundle may follow which. */
#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/file.h"
#include "tests/support/trust.h"
#include "verify/moniker_verify.h"

#define NOW_S INT64_C(1790000000)
#define DAY_S INT64_C(86400)

DEFER_DECLARE(struct moniker_verifier, moniker_verifier_free)

/* 0x40 00 .. 02 is revoked, 0x40 00 .. 03 is held. */
static const struct trust_entry ENTRIES[] = {
    {{0x40, [19] = 2}, 1, NOW_S - DAY_S},
    {{0x40, [19] = 3}, 0x86, NOW_S - DAY_S},
};
static const uint8_t REVOKED[] = {0x40, [19] = 2}, HELD[] = {0x40, [19] = 3};
#define BOTH .entries = ENTRIES, .count = COUNT(ENTRIES)

struct bench {
	struct trust trust;
	struct moniker_verifier *verifier;
};

static enum moniker_load
give(struct bench *bench, const struct trust_set *set, int64_t now_s)
{
	DEFER(buf_clear_public) struct buf text = {0};
	char why[MONIKER_WHY_MAX] = "untouched";
	enum moniker_load loaded;

	trust_bundle(&bench->trust, set, NULL, 0, &text);
	loaded = moniker_verifier_load(bench->verifier, text.data, text.len, now_s, why);
	assert_int_equal(loaded == MONIKER_LOADED, why[0] == '\0');
	return loaded;
}

static void
bench_init(struct bench *bench)
{
	DEFER(buf_clear_public) struct buf root = {0};

	trust_init(&bench->trust, NOW_S);
	trust_pem(bench->trust.ca, &root); /* as in trust.pem, where others may come before it */
	trust_pem(bench->trust.root, &root);
	bench->verifier = moniker_verifier_new(root.data, root.len, NULL);
	assert_non_null(bench->verifier);
	assert_int_equal(give(bench, &(struct trust_set){BOTH}, NOW_S), MONIKER_LOADED);
}

static void
bench_clear(struct bench *bench)
{
	trust_clear(&bench->trust);
	moniker_verifier_free(bench->verifier);
}
DEFER_DECLARE_CLEAR(struct bench, bench_clear)

static enum moniker_verdict
ask(struct bench *bench, const struct trust_certificate *what, const struct moniker_policy *policy,
    struct moniker_result *out)
{
	DEFER(X509_free) X509 *certificate = trust_issue(&bench->trust, what);
	DEFER(buf_clear_public) struct buf text = {0};
	const struct moniker_policy now = {.now_s = NOW_S};
	enum moniker_verdict verdict;

	trust_pem(certificate, &text);
	verdict = moniker_verify(
	    bench->verifier, text.data, text.len, policy != NULL ? policy : &now, out);
	assert_int_equal(verdict, out->verdict);
	assert_string_not_equal(out->explain, "");
	assert_int_equal(ERR_peek_error(), 0); /* the caller's queue is his own */
	return verdict;
}

static void
a_device_is_good(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	assert_int_equal(ask(&bench, &(struct trust_certificate){0}, NULL, &result), MONIKER_GOOD);
	assert_string_equal(result.pseudonym, TRUST_PSEUDONYM);
	assert_string_equal(result.serial, "4000000000000000000000000000000000000001");
	assert_int_equal(strlen(result.issuer), 16);
	assert_string_equal(result.reason, "");
	assert_int_equal(result.since_s, 0);
	assert_int_equal(result.stale, 0);
	assert_int_equal(result.not_before_s, NOW_S - DAY_S);
	assert_int_equal(result.not_after_s, NOW_S + 365 * DAY_S);
	assert_int_equal(result.issued_s, NOW_S);
	assert_int_equal(result.fresh_until_s, NOW_S + DAY_S);
	assert_string_equal(result.explain, "neither held nor revoked as of 2026-09-21T14:13:20Z");
}

static void
the_answer_is_no_longer_fresh_than_the_certificate_is_valid(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	assert_int_equal(
	    ask(&bench, &(struct trust_certificate){.not_after_s = NOW_S + 10}, NULL, &result),
	    MONIKER_GOOD);
	assert_int_equal(result.fresh_until_s, NOW_S + 10);
}

static void
what_is_listed_is_revoked_or_held(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	assert_int_equal(ask(&bench, &(struct trust_certificate){.serial = REVOKED}, NULL, &result),
	    MONIKER_REVOKED);
	assert_string_equal(result.reason, "keyCompromise");
	assert_int_equal(result.since_s, NOW_S - DAY_S);
	assert_string_equal(result.pseudonym, TRUST_PSEUDONYM);
	assert_string_equal(result.explain, "revoked since 2026-09-20T14:13:20Z: keyCompromise");
	assert_int_equal(
	    ask(&bench, &(struct trust_certificate){.serial = HELD}, NULL, &result), MONIKER_HELD);
	assert_string_equal(result.reason, "certificateHold");
	/* What is known against it weighs more than that its time is over. */
	assert_int_equal(
	    ask(&bench, &(struct trust_certificate){.serial = REVOKED, .not_after_s = NOW_S - 1},
		NULL, &result),
	    MONIKER_REVOKED);
}

static void
validity_has_both_ends(void **state)
{
	static const struct {
		int64_t not_before_s, not_after_s;
		enum moniker_verdict want;
	} rows[] = {
	    {NOW_S, NOW_S + 1, MONIKER_GOOD},
	    {NOW_S + 1, NOW_S + 2, MONIKER_NOT_YET_VALID},
	    {NOW_S - 1, NOW_S, MONIKER_GOOD},
	    {NOW_S - 2, NOW_S - 1, MONIKER_EXPIRED},
	};
	DEFER(bench_clear) struct bench bench;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
		    ask(&bench,
			&(struct trust_certificate){.not_before_s = rows[i].not_before_s,
			    .not_after_s = rows[i].not_after_s},
			NULL, &result),
		    rows[i].want);
}

/* All of them signed by an authority of the bundle, and none of them a device's. */
static void
only_what_is_for_a_device_is_trusted(void **state)
{
	static const uint8_t LONG[] = {0x40, [20] = 1};
	const struct trust_certificate rows[] = {
	    {.extended = "serverAuth"},
	    {.basic = "critical,CA:TRUE", .usage = "critical,keyCertSign"},
	    {.serial = LONG, .serial_len = sizeof LONG},
	    {.serial = (const uint8_t[]){0}, .serial_len = 1},
	};
	DEFER(bench_clear) struct bench bench;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (ask(&bench, &rows[i], NULL, &result) != MONIKER_UNTRUSTED)
			fail_msg("row %zu: %s", i, result.explain);
}

static void
only_an_authority_of_the_bundle_vouches(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(trust_clear) struct trust others = {0};
	DEFER(X509_free) X509 *device = NULL;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	trust_init(&others, NOW_S); /* the same names, other keys */
	assert_int_equal(
	    ask(&bench,
		&(struct trust_certificate){.issuer = others.ca, .issuer_key = others.ca_key}, NULL,
		&result),
	    MONIKER_UNTRUSTED);
	assert_string_equal(result.pseudonym, "");
	/* The root itself, and a device that thinks that it is an authority. */
	assert_int_equal(ask(&bench,
			     &(struct trust_certificate){
				 .issuer = bench.trust.root, .issuer_key = bench.trust.root_key},
			     NULL, &result),
	    MONIKER_UNTRUSTED);
	assert_non_null(strstr(result.explain, "the root's own"));
	device = trust_issue(&bench.trust, &(struct trust_certificate){.key = others.ca_key});
	assert_int_equal(
	    ask(&bench, &(struct trust_certificate){.issuer = device, .issuer_key = others.ca_key},
		NULL, &result),
	    MONIKER_UNTRUSTED);
}

static void
an_authority_that_has_ended_vouches_for_nothing(void **state)
{
	DEFER(bench_clear) struct bench bench;
	const struct moniker_policy later = {
	    .now_s = NOW_S + 366 * DAY_S, .on_stale = MONIKER_STALE_MARK};
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	assert_int_equal(
	    ask(&bench, &(struct trust_certificate){.not_after_s = NOW_S + 1000 * DAY_S}, &later,
		&result),
	    MONIKER_UNTRUSTED);
}

static void
a_name_that_is_no_pseudonym_is_left_out(void **state)
{
	static const char *const names[] = {"device.example",
	    "0F1E2D3C-4B5A-4978-8A9B-0C1D2E3F4A5B", "0f1e2d3c-4b5a-4978-8a9b-0c1d2e3f4a5",
	    "0f1e2d3c-4b5a-4978-8a9b-0c1d2e3f4a5bb", "0f1e2d3c04b5a-4978-8a9b-0c1d2e3f4a5b"};
	DEFER(bench_clear) struct bench bench;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(ask(&bench, &(struct trust_certificate){.common_name = names[i]},
				     NULL, &result),
		    MONIKER_GOOD);
		assert_string_equal(result.pseudonym, "");
	}
}

static void
what_is_no_certificate_is_malformed(void **state)
{
	DEFER(bench_clear) struct bench bench;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(X509_free) X509 *certificate = NULL;
	const struct moniker_policy now = {.now_s = NOW_S};
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	certificate = trust_issue(&bench.trust, &(struct trust_certificate){0});
	trust_der(certificate, &der);
	assert_int_equal(
	    moniker_verify(bench.verifier, der.data, der.len, &now, &result), MONIKER_GOOD);
	for (size_t len = 0; len < der.len; len++)
		assert_int_equal(moniker_verify(bench.verifier, der.data, len, &now, &result),
		    MONIKER_MALFORMED);
	assert_string_equal(result.serial, "");
	assert_int_equal(result.not_after_s, 0);
	buf_append_u8(&der, 0);
	assert_int_equal(
	    moniker_verify(bench.verifier, der.data, der.len, &now, &result), MONIKER_MALFORMED);
	assert_int_equal(
	    moniker_verify(bench.verifier, "-----BEGIN CERTIFICATE-----\n", 28, &now, &result),
	    MONIKER_MALFORMED);
	(void)buf_extend(&der, MONIKER_CERTIFICATE_MAX);
	assert_int_equal(
	    moniker_verify(bench.verifier, der.data, der.len, &now, &result), MONIKER_MALFORMED);
	assert_int_equal(ERR_peek_error(), 0);
}

/* ---- stale ---- */

static void
stale_is_as_the_policy_says(void **state)
{
	static const struct {
		int64_t after_s; /* issued; it is fresh for a day */
		enum moniker_stale on_stale;
		int64_t max_age_s;
		enum moniker_verdict want;
		int stale;
	} rows[] = {
	    {DAY_S, MONIKER_STALE_REFUSE, 0, MONIKER_GOOD, 0},
	    {DAY_S + 1, MONIKER_STALE_REFUSE, 0, MONIKER_STALE, 0},
	    {DAY_S + 1, MONIKER_STALE_MARK, 0, MONIKER_GOOD, 1},
	    {DAY_S, MONIKER_STALE_MARK, 0, MONIKER_GOOD, 0},
	    {100 * DAY_S, MONIKER_STALE_MARK, 0, MONIKER_GOOD, 1},
	    {2 * DAY_S, MONIKER_STALE_MARK, 2 * DAY_S, MONIKER_GOOD, 1},
	    {2 * DAY_S + 1, MONIKER_STALE_MARK, 2 * DAY_S, MONIKER_STALE, 0},
	    {600, MONIKER_STALE_REFUSE, 600, MONIKER_GOOD, 0},
	    {601, MONIKER_STALE_REFUSE, 600, MONIKER_STALE, 0},
	    {2 * DAY_S, MONIKER_STALE_REFUSE, 3 * DAY_S, MONIKER_STALE, 0},
	    {-300, MONIKER_STALE_REFUSE, 0, MONIKER_GOOD, 0},
	    {-301, MONIKER_STALE_REFUSE, 0, MONIKER_STALE, 0}, /* the clock was set back */
	    {-301, MONIKER_STALE_MARK, 0, MONIKER_GOOD, 1},
	};
	DEFER(bench_clear) struct bench bench;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct moniker_policy policy = {
		    NOW_S + rows[i].after_s, rows[i].on_stale, rows[i].max_age_s};
		struct moniker_result result;

		if (ask(&bench, &(struct trust_certificate){0}, &policy, &result) != rows[i].want ||
		    result.stale != rows[i].stale)
			fail_msg("row %zu: %s", i, result.explain);
		/* What is known against a certificate is known, however old. */
		assert_int_equal(
		    ask(&bench, &(struct trust_certificate){.serial = REVOKED}, &policy, &result),
		    MONIKER_REVOKED);
	}
}

/* ---- loading ---- */

static void
without_a_bundle_nothing_is_told(void **state)
{
	struct moniker_verifier *verifier = moniker_verifier_new(NULL, 0, NULL);
	struct moniker_bundle_info info;
	struct moniker_result result;

	(void)state;
	assert_int_equal(moniker_verify(verifier, "x", 1, NULL, &result), MONIKER_NO_BUNDLE);
	assert_int_equal(result.verdict, MONIKER_NO_BUNDLE);
	moniker_verifier_info(verifier, &info);
	assert_int_equal(info.issued_s, 0);
	moniker_verifier_free(verifier);
	moniker_verifier_free(NULL);
}

static void
a_root_is_pem(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	char why[MONIKER_WHY_MAX];

	(void)state;
	trust_init(&trust, NOW_S);
	trust_pem(trust.ca, &text);
	assert_null(moniker_verifier_new(text.data, text.len, why));
	assert_string_equal(why, "no certificate of a root, PEM");
	assert_null(moniker_verifier_new("", 0, why));
}

static void
an_older_bundle_takes_no_newer_ones_place(void **state)
{
	static const struct {
		int64_t seq, issued_s;
		enum moniker_load want;
	} rows[] = {
	    {10, NOW_S, MONIKER_LOADED},
	    {10, NOW_S, MONIKER_LOADED},
	    {9, NOW_S + 1, MONIKER_LOAD_OLDER},
	    {11, NOW_S - 1, MONIKER_LOAD_OLDER},
	    {10, NOW_S + 1, MONIKER_LOADED},
	    {11, NOW_S + 1, MONIKER_LOADED},
	};
	DEFER(bench_clear) struct bench bench;
	struct moniker_bundle_info info;

	(void)state;
	bench_init(&bench);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (give(&bench,
			&(struct trust_set){.seq = rows[i].seq, .issued_s = rows[i].issued_s},
			NOW_S) != rows[i].want)
			fail_msg("row %zu", i);
	moniker_verifier_info(bench.verifier, &info);
	assert_int_equal(info.seq, 11);
	assert_int_equal(info.issued_s, NOW_S + 1);
	assert_int_equal(info.count, 0);
}

static void
what_is_refused_leaves_the_old_one_in_force(void **state)
{
	DEFER(bench_clear) struct bench bench;
	struct moniker_result result;

	(void)state;
	bench_init(&bench);
	assert_int_equal(
	    give(&bench, &(struct trust_set){.seq = 5, .find = "set 1", .replace = "set 2"}, NOW_S),
	    MONIKER_LOAD_MALFORMED);
	assert_int_equal(ask(&bench, &(struct trust_certificate){.serial = REVOKED}, NULL, &result),
	    MONIKER_REVOKED);
	assert_int_equal(give(&bench, &(struct trust_set){.seq = 5}, NOW_S), MONIKER_LOADED);
	assert_int_equal(ask(&bench, &(struct trust_certificate){.serial = REVOKED}, NULL, &result),
	    MONIKER_GOOD);
}

static void
the_first_root_is_kept(void **state)
{
	DEFER(trust_clear) struct trust first = {0}, second = {0};
	DEFER(buf_clear_public) struct buf one = {0}, two = {0};
	DEFER(moniker_verifier_free)
	struct moniker_verifier *verifier = moniker_verifier_new(NULL, 0, NULL);

	(void)state;
	trust_init(&first, NOW_S);
	trust_init(&second, NOW_S);
	trust_bundle(&first, &(struct trust_set){0}, NULL, 0, &one);
	trust_bundle(&second, &(struct trust_set){.seq = 2}, NULL, 0, &two);
	assert_int_equal(
	    moniker_verifier_load(verifier, one.data, one.len, NOW_S, NULL), MONIKER_LOADED);
	assert_int_equal(moniker_verifier_load(verifier, two.data, two.len, NOW_S, NULL),
	    MONIKER_LOAD_UNTRUSTED);
}

static void
a_bundle_is_read_from_a_file(void **state)
{
	char path[] = "/tmp/moniker-bundle-XXXXXX";
	DEFER(bench_clear) struct bench bench;
	DEFER(buf_clear_public) struct buf text = {0};
	char why[MONIKER_WHY_MAX];
	struct error err = {0};

	(void)state;
	bench_init(&bench);
	trust_bundle(&bench.trust, &(struct trust_set){.seq = 3}, NULL, 0, &text);
	assert_true(close(mkstemp(path)) == 0 && file_write(path, buf_bytes(&text), 0600, &err));
	assert_int_equal(
	    moniker_verifier_load_file(bench.verifier, path, NOW_S, why), MONIKER_LOADED);
	assert_string_equal(why, "");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
	    moniker_verifier_load_file(bench.verifier, path, NOW_S, why), MONIKER_LOAD_UNREADABLE);
	assert_string_equal(why, "cannot open it: No such file or directory");
	assert_int_equal(moniker_verifier_load_file(bench.verifier, "/dev/zero", NOW_S, why),
	    MONIKER_LOAD_UNREADABLE);
	assert_string_equal(why, "longer than 104857600 octets");
	assert_int_equal(moniker_verifier_load_file(bench.verifier, "/tmp", NOW_S, why),
	    MONIKER_LOAD_UNREADABLE);
}

static void
each_verdict_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(moniker_verdict_name(MONIKER_GOOD), "good");
	assert_string_equal(moniker_verdict_name(MONIKER_NO_MEMORY), "no_memory");
	assert_string_equal(moniker_verdict_name((enum moniker_verdict)99), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_device_is_good),
	    cmocka_unit_test(the_answer_is_no_longer_fresh_than_the_certificate_is_valid),
	    cmocka_unit_test(what_is_listed_is_revoked_or_held),
	    cmocka_unit_test(validity_has_both_ends),
	    cmocka_unit_test(only_what_is_for_a_device_is_trusted),
	    cmocka_unit_test(only_an_authority_of_the_bundle_vouches),
	    cmocka_unit_test(an_authority_that_has_ended_vouches_for_nothing),
	    cmocka_unit_test(a_name_that_is_no_pseudonym_is_left_out),
	    cmocka_unit_test(what_is_no_certificate_is_malformed),
	    cmocka_unit_test(stale_is_as_the_policy_says),
	    cmocka_unit_test(without_a_bundle_nothing_is_told),
	    cmocka_unit_test(a_root_is_pem),
	    cmocka_unit_test(an_older_bundle_takes_no_newer_ones_place),
	    cmocka_unit_test(what_is_refused_leaves_the_old_one_in_force),
	    cmocka_unit_test(the_first_root_is_kept),
	    cmocka_unit_test(a_bundle_is_read_from_a_file),
	    cmocka_unit_test(each_verdict_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
