#include "fixture.h"

static const struct bytes TBS = BYTES_LITERAL("any octets: check_tbs reads them");

struct row {
	const char *what;
	enum leaf_event event;
	bool commits;
	uint8_t nonce; /* filled with; the leaf was made with 1 */
	const char *why;
};

/* clang-format off */
static const struct row ROWS[] = {
	{"an allowed event that commits",     LEAF_ENROLL_OK,      true,  1, NULL},
	{"another allowed event",             LEAF_RENEW_OK,       true,  1, NULL},
	{"an event of another issuer",        LEAF_CERT_ISSUE,     true,  1, "may not issue"},
	{"a refusal",                         LEAF_ENROLL_REFUSED, true,  1, "may not issue"},
	{"no event",                          LEAF_EVENT_NONE,     true,  1, "may not issue"},
	{"a leaf that commits to nothing",    LEAF_ENROLL_OK,      false, 1, "commits to nothing"},
	{"another nonce",                     LEAF_ENROLL_OK,      true,  2, "something else"},
};
/* clang-format on */

static void
a_leaf_must_allow_and_commit(void **state)
{
	struct policy policy = {.issuer_count = 1};

	(void)state;
	issuer_init(&policy.issuers[0]);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct leaf_view view = {.event = ROWS[i].event, .has_commitment = ROWS[i].commits};
		uint8_t made_with[COMMITMENT_NONCE_BYTES], given[COMMITMENT_NONCE_BYTES];
		struct error err = {0};

		memset(made_with, 1, sizeof(made_with));
		memset(given, ROWS[i].nonce, sizeof(given));
		leaf_commit(view.commitment, made_with, TBS);
		if (check_leaf(&policy.issuers[0], &view, given, TBS, &err) !=
		    (ROWS[i].why == NULL))
			fail_msg("%s: %s", ROWS[i].what, err.detail);
		if (ROWS[i].why != NULL)
			assert_non_null(strstr(err.detail, ROWS[i].why));
	}
	policy_clear(&policy);
}

static void
a_commitment_to_another_tbs_is_refused(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct leaf_view view = {.event = LEAF_ENROLL_OK, .has_commitment = true};
	uint8_t nonce[COMMITMENT_NONCE_BYTES] = {0};
	struct error err = {0};

	(void)state;
	issuer_init(&policy.issuers[0]);
	leaf_commit(view.commitment, nonce, TBS);
	assert_false(
	    check_leaf(&policy.issuers[0], &view, nonce, bytes_of(TBS.data, TBS.len - 1), &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	policy_clear(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_leaf_must_allow_and_commit),
	    cmocka_unit_test(a_commitment_to_another_tbs_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
