#include "cmocka_all.h"

#include "authorities.h"
#include "ca/expiry.h"
#include "ca/profile.h"

#define YEAR_S (365 * DAY_S)

static const struct expiry *
find(const struct expiry *list, size_t count, enum expiry_what what, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].what == what && strcmp(list[i].id, id) == 0)
			return &list[i];
	return NULL;
}

/* clang-format off */
static const struct row {
	const char *what;
	enum expiry_what of;
	struct expiry_renewed renewed;
	int64_t operators, log, status, partitions; /* the other facts; 0: not known */
	int64_t not_after, warn_from;       /* wanted */
	bool vital;
} ROWS[] = {
	{ "a certificate that is to be renewed has a day of patience",
	  EXPIRY_TLS, { 90 * DAY_S, 60 * DAY_S, false }, 0, 0, 0, 0, 90 * DAY_S, 61 * DAY_S, true },
	{ "or a quarter of what is left of a short life",
	  EXPIRY_TLS, { 7200, 4800, false }, 0, 0, 0, 0, 7200, 5400, true },
	{ "and none after a failure",
	  EXPIRY_TLS, { 90 * DAY_S, 60 * DAY_S, true }, 0, 0, 0, 0, 90 * DAY_S, 60 * DAY_S, true },
	{ "the same for the responders of OCSP",
	  EXPIRY_OCSP, { 7 * DAY_S, 7 * DAY_S / 2, false }, 0, 0, 0, 0, 7 * DAY_S, 7 * DAY_S / 2 + 7 * DAY_S / 8, true },
	{ "persons have 30 days",
	  EXPIRY_OPERATORS, { 0 }, 100 * DAY_S, 0, 0, 0, 100 * DAY_S, 70 * DAY_S, false },
	{ "a status signer has 90 days, and nothing stops when it ends",
	  EXPIRY_STATUS, { 0 }, 0, 0, 3650 * DAY_S, 0, 3650 * DAY_S, 3560 * DAY_S, false },
	{ "a log has 13 months",
	  EXPIRY_LOG, { 0 }, 0, DAY_S, 0, 0, 397 * DAY_S, 397 * DAY_S, false },
	{ "tables are made 60 days ahead",
	  EXPIRY_PARTITIONS, { 0 }, 0, 0, 0, 100 * DAY_S, 100 * DAY_S, 40 * DAY_S, true },
};
/* clang-format on */

static void
each_fact_warns_from_its_own_day_on(void **state)
{
	static const struct expiry_renewed none = {0};
	DEFER(authorities_clear) struct authorities authorities = {0};

	(void)state;
	authorities_init(&authorities);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const struct row *row = &ROWS[i];
		struct expiry_facts facts = {.issuers = authorities.issuers,
		    .tls = row->of == EXPIRY_TLS ? row->renewed : none,
		    .ocsp = row->of == EXPIRY_OCSP ? row->renewed : none,
		    .operators_not_after_s = row->operators,
		    .operators_due_count = 7,
		    .log_origin = "moniker.example/a",
		    .log_opened_at_s = row->log,
		    .status_not_after_s = row->status,
		    .partitions_until_s = row->partitions};
		struct expiry list[EXPIRY_MAX];
		const size_t count = expiry_list(&facts, list);
		const char *id = row->of == EXPIRY_LOG ? "moniker.example/a" : "";
		const struct expiry *got = find(list, count, row->of, id);

		if (got == NULL || got->not_after_s != row->not_after ||
		    got->warn_from_s != row->warn_from || got->vital != row->vital)
			fail_msg("%s", row->what);
		assert_int_equal(got->due_count, row->of == EXPIRY_OPERATORS ? 7 : 1);
		assert_int_equal(count, 2 + 5 + 1); /* roots, issuing CAs, and this one */
		assert_int_equal(expiry_state(got, row->warn_from - 1), EXPIRY_FAR);
		assert_int_equal(expiry_state(got, row->warn_from),
		    row->warn_from == row->not_after ? EXPIRY_PAST : EXPIRY_DUE);
		if (row->warn_from < row->not_after)
			assert_int_equal(expiry_state(got, row->not_after - 1), EXPIRY_DUE);
		assert_int_equal(expiry_state(got, row->not_after), EXPIRY_PAST);
	}
}

/* The ceremony's dates: roots 25 years, issuing CAs 10, from the day before. */
static void
authorities_warn_while_they_can_still_issue_in_full(void **state)
{
	static const struct {
		enum issuer_kind kind;
		enum expiry_what what;
		int64_t warn_s;
	} rows[] = {
	    {ISSUER_DEVICE_ROOT, EXPIRY_ROOT, 3 * YEAR_S},
	    {ISSUER_OPERATIONS_ROOT, EXPIRY_ROOT, 3 * YEAR_S},
	    {ISSUER_DEVICE_CA, EXPIRY_ISSUER, YEAR_S + 90 * DAY_S},
	    {ISSUER_SERVICE_CA, EXPIRY_ISSUER, 180 * DAY_S},
	    {ISSUER_OPERATORS_CA, EXPIRY_ISSUER, YEAR_S + 90 * DAY_S},
	    {ISSUER_BIRTH_CA, EXPIRY_ISSUER, 5 * YEAR_S + 90 * DAY_S},
	    {ISSUER_PSEUDONYM_CA, EXPIRY_ISSUER, 98 * DAY_S},
	};
	DEFER(authorities_clear) struct authorities authorities = {0};
	struct expiry list[EXPIRY_MAX];
	struct expiry_facts facts = {0};
	size_t count;

	(void)state;
	authorities_init(&authorities);
	facts.issuers = authorities.issuers;
	count = expiry_list(&facts, list);
	assert_int_equal(count, COUNT(rows));
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct issuer *issuer = issuers_active(authorities.issuers, rows[i].kind);
		const struct expiry *got = find(list, count, rows[i].what, issuer->id_text);

		assert_non_null(got);
		assert_int_equal(got->not_after_s, issuer->certificate.not_after_s);
		assert_int_equal(got->warn_from_s, got->not_after_s - rows[i].warn_s);
		assert_true(got->vital);
		assert_int_equal(expiry_state(got, TEST_NOW_S), EXPIRY_FAR);
	}
}

static void
a_root_crl_warns_60_days_ahead(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	struct expiry list[EXPIRY_MAX];
	struct expiry_facts facts = {0};
	const struct issuer *root;
	const struct expiry *got;
	size_t count;

	(void)state;
	authorities_init(&authorities);
	root = issuers_active(authorities.issuers, ISSUER_DEVICE_ROOT);
	facts.issuers = authorities.issuers;
	facts.root_crl_count = 2; /* the second: a root that this process has not read yet */
	memcpy(facts.root_crls[0].issuer, root->id, ISSUER_ID_BYTES);
	facts.root_crls[0].next_update_s = TEST_NOW_S + YEAR_S;
	facts.root_crls[1].next_update_s = TEST_NOW_S + YEAR_S;
	count = expiry_list(&facts, list);
	assert_int_equal(count, 2 + 1 + 5);
	got = find(list, count, EXPIRY_ROOT_CRL, root->id_text);
	assert_non_null(got);
	assert_int_equal(got->warn_from_s, TEST_NOW_S + YEAR_S - 60 * DAY_S);
	assert_true(got->vital);
}

static void
every_kind_has_a_name_and_a_remedy(void **state)
{
	(void)state;
	assert_string_equal(expiry_name(EXPIRY_ROOT_CRL), "root-crl");
	for (int what = 0; what < EXPIRY_WHAT_COUNT; what++) {
		assert_true(strlen(expiry_name((enum expiry_what)what)) > 0);
		assert_true(strlen(expiry_remedy((enum expiry_what)what)) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_fact_warns_from_its_own_day_on),
	    cmocka_unit_test(authorities_warn_while_they_can_still_issue_in_full),
	    cmocka_unit_test(a_root_crl_warns_60_days_ahead),
	    cmocka_unit_test(every_kind_has_a_name_and_a_remedy),
	};

	return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
