#include "tests/support/cmocka_all.h"

#include "../ca/authorities.h"
#include "base/defer_openssl.h"
#include "base/work.h"
#include "provisioning/verify.h"
#include "provisioning/verify_cache.h"

#define START_S INT64_C(1767225600)
#define END_S (START_S + 365 * INT64_C(86400))
#define IN_S (START_S + 1000)
#define ROW .known = true, .not_before_s = START_S, .not_after_s = END_S

/* clang-format off */
static const struct row {
	const char *claim;
	struct certificate_status status;
	int64_t now_s;
	enum verdict want;
} ROWS[] = {
	{"good",                                 {ROW, .device_state = "active"},                   IN_S,        VERDICT_GOOD},
	{"good on its first second",             {ROW, .device_state = "active"},                   START_S,     VERDICT_GOOD},
	{"good on its last second",              {ROW, .device_state = "active"},                   END_S,       VERDICT_GOOD},
	{"expired a second later",               {ROW, .device_state = "active"},                   END_S + 1,   VERDICT_EXPIRED},
	{"not yet valid a second before",        {ROW, .device_state = "active"},                   START_S - 1, VERDICT_NOT_YET_VALID},
	{"well signed without a row",            {.not_before_s = START_S, .not_after_s = END_S},   IN_S,        VERDICT_UNKNOWN},
	{"a row with another end",               {.known = true, .not_before_s = START_S, .not_after_s = END_S - 1, .device_state = "active"}, IN_S, VERDICT_UNKNOWN},
	{"a row with another start",             {.known = true, .not_before_s = START_S - 1, .not_after_s = END_S, .device_state = "active"}, IN_S, VERDICT_UNKNOWN},
	{"a device in a state not known here",   {ROW, .device_state = "lost"},                     IN_S,        VERDICT_UNKNOWN},
	{"revoked",                              {ROW, .device_state = "revoked", .revoked = true}, IN_S,        VERDICT_REVOKED},
	{"revoked, the device not",              {ROW, .device_state = "active", .revoked = true},  IN_S,        VERDICT_REVOKED},
	{"the device revoked, this not listed",  {ROW, .device_state = "revoked"},                  IN_S,        VERDICT_REVOKED},
	{"the device replaced",                  {ROW, .device_state = "replaced"},                 IN_S,        VERDICT_REVOKED},
	{"held",                                 {ROW, .device_state = "held", .held = true},       IN_S,        VERDICT_HELD},
	{"the device held, this not listed",     {ROW, .device_state = "held"},                     IN_S,        VERDICT_HELD},
	{"revoked comes before held",            {ROW, .device_state = "held", .revoked = true},    IN_S,        VERDICT_REVOKED},
	{"revoked comes before expired",         {ROW, .device_state = "revoked", .revoked = true}, END_S + 1,   VERDICT_REVOKED},
	{"expiry does not end a hold",           {ROW, .device_state = "held", .held = true},       END_S + 1,   VERDICT_HELD},
	{"held comes before not yet valid",      {ROW, .device_state = "held", .held = true},       START_S - 1, VERDICT_HELD},
};
/* clang-format on */

static void
judges(void **state)
{
	const struct row *row = *state;

	assert_int_equal(verify_judge(&row->status, START_S, END_S, row->now_s), row->want);
}

static int
make_authorities(void **state)
{
	struct authorities *authorities = calloc(1, sizeof *authorities);

	authorities_init(authorities);
	*state = authorities;
	return 0;
}

static int
remove_authorities(void **state)
{
	authorities_clear(*state);
	free(*state);
	return 0;
}

/* Without a database: anything that asked for a status would crash. */
static bool
verify_texts(const struct authorities *authorities, const struct verify_text *texts, size_t count,
    struct verification *out, struct error *err)
{
	const struct clock clock = clock_fixed(TEST_NOW_S);
	DEFER(verify_cache_free) struct verify_cache *cache = verify_cache_new();
	DEFER(work_pool_free) struct work_pool *work = work_pool_new(2);
	const struct verify_service service = {
	    .issuers = authorities->issuers, .cache = cache, .work = work, .clock = &clock};

	return verify_many(&service, texts, count, out, err);
}

static struct verification
verify_text(const struct authorities *authorities, struct bytes text)
{
	struct verification verification;
	struct error err = {0};

	assert_true(
	    verify_texts(authorities, &(struct verify_text){.text = text}, 1, &verification, &err));
	return verification;
}

static void
what_is_no_certificate_is_malformed(void **state)
{
	static const struct bytes TEXTS[] = {
	    BYTES_LITERAL(""),
	    BYTES_LITERAL("M"),
	    BYTES_LITERAL("MAA="),
	    BYTES_LITERAL("not a certificate"),
	    BYTES_LITERAL("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
	    BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
	    BYTES_LITERAL("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"),
	};

	for (size_t i = 0; i < COUNT(TEXTS); i++) {
		struct verification got = verify_text(*state, TEXTS[i]);

		assert_int_equal(got.verdict, VERDICT_MALFORMED);
		assert_string_equal(got.serial, "");
		assert_string_equal(got.pseudonym, "");
		assert_int_equal(got.fresh_until_s, TEST_NOW_S);
	}
}

static void
a_text_beyond_the_bound_is_malformed(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	memset(buf_extend(&text, CERTIFICATE_TEXT_MAX + 1), 'M', CERTIFICATE_TEXT_MAX + 1);
	assert_int_equal(verify_text(*state, buf_bytes(&text)).verdict, VERDICT_MALFORMED);
}

static void
certificates_of_other_authorities_are_untrusted(void **state)
{
	const struct authorities *authorities = *state;

	for (int kind = 0; kind < ISSUER_KIND_COUNT; kind++) {
		DEFER(buf_clear_public) struct buf pem = {0};
		struct verification got;

		pem_encode(
		    &pem, "CERTIFICATE", buf_bytes(&authorities->ceremony.certificates[kind]));
		got = verify_text(authorities, buf_bytes(&pem));
		assert_int_equal(got.verdict, VERDICT_UNTRUSTED);
		assert_int_equal(strlen(got.serial), SERIAL_TEXT_LEN);
	}
}

static void
a_tampered_certificate_is_not_trusted(void **state)
{
	const struct authorities *authorities = *state;
	const struct buf *der = &authorities->ceremony.certificates[ISSUER_DEVICE_CA];

	for (size_t at = 0; at < der->len; at += 37) {
		DEFER(buf_clear_public) struct buf tampered = {0};
		DEFER(buf_clear_public) struct buf text = {0};
		enum verdict got;

		buf_append(&tampered, buf_bytes(der));
		tampered.data[at] ^= 1;
		base64_encode(&text, buf_bytes(&tampered));
		got = verify_text(authorities, buf_bytes(&text)).verdict;
		assert_true(got == VERDICT_UNTRUSTED || got == VERDICT_MALFORMED);
	}
}

static void
an_escaped_text_is_read_as_json_would(void **state)
{
	const struct authorities *authorities = *state;
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(buf_clear_public) struct buf escaped = {0};
	struct verify_text texts[3] = {[1].escaped = true, [2].escaped = true};
	struct verification got[3];
	struct error err = {0};

	pem_encode(
	    &pem, "CERTIFICATE", buf_bytes(&authorities->ceremony.certificates[ISSUER_DEVICE_CA]));
	for (size_t i = 0; i < pem.len; i++)
		if (pem.data[i] == '\n')
			buf_append_text(&escaped, i % 2 == 0 ? "\\n" : "\\r\\n");
		else if (pem.data[i] == '/')
			buf_append_text(&escaped, "\\/");
		else
			buf_append_u8(&escaped, pem.data[i]);
	texts[0].text = buf_bytes(&pem);
	texts[1].text = buf_bytes(&escaped);
	texts[2].text = bytes_of_text("not\\ta certificate");
	assert_true(verify_texts(authorities, texts, COUNT(texts), got, &err));
	assert_int_equal(got[0].verdict, VERDICT_UNTRUSTED);
	assert_int_equal(got[1].verdict, VERDICT_UNTRUSTED);
	assert_string_equal(got[1].serial, got[0].serial);
	assert_int_equal(got[2].verdict, VERDICT_MALFORMED);
}

static void
an_escaped_text_that_is_not_plain_is_left_to_json(void **state)
{
	static const struct bytes TEXTS[] = {
	    BYTES_LITERAL("\\"),
	    BYTES_LITERAL("abc\\"),
	    BYTES_LITERAL("\\u0041"),
	    BYTES_LITERAL("\\b"),
	    BYTES_LITERAL("\\\\"),
	    BYTES_LITERAL("a\nb"),
	    BYTES_LITERAL("\xc3\xa4"),
	    BYTES_LITERAL("a\0b"),
	    BYTES_LITERAL("a\x7f"),
	};

	for (size_t i = 0; i < COUNT(TEXTS); i++) {
		const struct verify_text text = {TEXTS[i], true};
		struct verification got;
		struct error err = {0};

		assert_false(verify_texts(*state, &text, 1, &got, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
more_than_the_bound_are_refused_at_once(void **state)
{
	const struct authorities *authorities = *state;
	struct error err = {0};

	assert_false(verify_texts(authorities, NULL, VERIFY_MANY_MAX + 1, NULL, &err));
	assert_int_equal(err.code, E_TOO_LARGE);
}

static void
only_a_lower_case_uuid_is_a_pseudonym(void **state)
{
	static const char *const PSEUDONYMS[] = {
	    "", "x", "6BA7B810-9DAD-41D1-80B4-00C04FD430C8", "6ba7b8109dad41d180b400c04fd430c8"};

	(void)state;
	for (size_t i = 0; i < COUNT(PSEUDONYMS); i++) {
		struct device_view view;
		struct error err = {0};

		assert_false(device_get(NULL, PSEUDONYMS[i], &view, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
verdicts_have_the_names_of_the_interface(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_GOOD), "good");
	assert_string_equal(verdict_name(VERDICT_REVOKED), "revoked");
	assert_string_equal(verdict_name(VERDICT_HELD), "held");
	assert_string_equal(verdict_name(VERDICT_EXPIRED), "expired");
	assert_string_equal(verdict_name(VERDICT_NOT_YET_VALID), "not_yet_valid");
	assert_string_equal(verdict_name(VERDICT_UNTRUSTED), "untrusted");
	assert_string_equal(verdict_name(VERDICT_MALFORMED), "malformed");
	assert_string_equal(verdict_name(VERDICT_UNKNOWN), "unknown");
}

int
main(void)
{
	const struct CMUnitTest others[] = {
	    cmocka_unit_test(what_is_no_certificate_is_malformed),
	    cmocka_unit_test(a_text_beyond_the_bound_is_malformed),
	    cmocka_unit_test(certificates_of_other_authorities_are_untrusted),
	    cmocka_unit_test(a_tampered_certificate_is_not_trusted),
	    cmocka_unit_test(an_escaped_text_is_read_as_json_would),
	    cmocka_unit_test(an_escaped_text_that_is_not_plain_is_left_to_json),
	    cmocka_unit_test(more_than_the_bound_are_refused_at_once),
	    cmocka_unit_test(only_a_lower_case_uuid_is_a_pseudonym),
	    cmocka_unit_test(verdicts_have_the_names_of_the_interface),
	};
	struct CMUnitTest tests[COUNT(ROWS)];

	for (size_t i = 0; i < COUNT(ROWS); i++)
		tests[i] = (struct CMUnitTest){.name = ROWS[i].claim,
		    .test_func = judges,
		    .initial_state = (void *)(uintptr_t)&ROWS[i]};
	return cmocka_run_group_tests_name("verify_judge", tests, NULL, NULL) +
	       cmocka_run_group_tests_name("verify", others, make_authorities, remove_authorities);
}
