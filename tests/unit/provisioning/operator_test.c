#include "tests/support/cmocka_all.h"

#include "provisioning/operator_grant.h"

#define PRESENT .person_exists = true, .person = 7, .active = true, .roles = ROLE_OFFICER
#define REMOVED .person_exists = true, .person = 7
#define THEIR_KEY .key_exists = true, .key_person = 7
#define RENEWAL (1U << ROLE_COUNT)
#define MINE "the one that asks..."
#define NEWER "the one after it...."
#define OTHERS_KEY .key_exists = true, .key_person = 8

/* clang-format off */
static const struct row {
	const char *claim;
	struct operator_known known;
	unsigned roles; /* RENEWAL: asked for with the certificate MINE */
	enum operator_decision want;
	enum error_code code;
	const char *pointer;
} ROWS[] = {
	{"a new person",                          {0},                                     ROLE_OFFICER, OPERATOR_PERSON,      E_NONE,           NULL},
	{"a new person without a role",           {0},                                     0,            OPERATOR_REFUSE,      E_INCOMPLETE,     "/roles"},
	{"a new person with somebody's key",      {OTHERS_KEY},                            ROLE_OFFICER, OPERATOR_REFUSE,      E_KEY_REUSED,     "/csr"},
	{"one more certificate",                  {PRESENT},                               0,            OPERATOR_CERTIFICATE, E_NONE,           NULL},
	{"one more, roles said again",            {PRESENT},                               ROLE_OFFICER, OPERATOR_CERTIFICATE, E_NONE,           NULL},
	{"one more with other roles",             {PRESENT},                               ROLE_ADMIN,   OPERATOR_REFUSE,      E_STATE_CONFLICT, "/roles"},
	{"one more with more roles",              {PRESENT},                               ROLE_OFFICER | ROLE_ADMIN, OPERATOR_REFUSE, E_STATE_CONFLICT, "/roles"},
	{"the same request again",                {PRESENT, THEIR_KEY},                    ROLE_OFFICER, OPERATOR_REPLAY,      E_NONE,           NULL},
	{"the same key with more roles",          {PRESENT, THEIR_KEY},                    ROLE_OFFICER | ROLE_ADMIN, OPERATOR_REFUSE, E_STATE_CONFLICT, "/roles"},
	{"another person's key",                  {PRESENT, OTHERS_KEY},                   ROLE_OFFICER, OPERATOR_REFUSE,      E_KEY_REUSED,     "/csr"},
	{"a key that was taken away",             {PRESENT, THEIR_KEY, .key_revoked = true}, ROLE_OFFICER, OPERATOR_REFUSE,    E_KEY_REUSED,     "/csr"},
	{"who was removed comes back",            {REMOVED},                               ROLE_STATION, OPERATOR_PERSON,      E_NONE,           NULL},
	{"who was removed has no roles left",     {REMOVED},                               0,            OPERATOR_REFUSE,      E_INCOMPLETE,     "/roles"},
	{"who was removed needs a new key",       {REMOVED, THEIR_KEY, .key_revoked = true}, ROLE_STATION, OPERATOR_REFUSE,    E_KEY_REUSED,     "/csr"},
	{"a renewal with a new key",              {PRESENT},                               RENEWAL,      OPERATOR_CERTIFICATE, E_NONE,           NULL},
	{"the same renewal again",                {PRESENT, THEIR_KEY, .key_serial = NEWER, .pending = true}, RENEWAL, OPERATOR_REPLAY, E_NONE, NULL},
	{"the same renewal when it is signed",    {PRESENT, THEIR_KEY, .key_serial = NEWER}, RENEWAL,    OPERATOR_REPLAY,      E_NONE,           NULL},
	{"a renewal with its own key",            {PRESENT, THEIR_KEY, .key_serial = MINE}, RENEWAL,     OPERATOR_REFUSE,      E_KEY_REUSED,     "/csr"},
	{"a renewal with another person's key",   {PRESENT, OTHERS_KEY},                   RENEWAL,      OPERATOR_REFUSE,      E_KEY_REUSED,     "/csr"},
	{"a second renewal while one waits",      {PRESENT, .pending = true},              RENEWAL,      OPERATOR_REFUSE,      E_STATE_CONFLICT, NULL},
	{"a renewal of who was removed meanwhile", {REMOVED},                              RENEWAL,      OPERATOR_REFUSE,      E_CALLER_REVOKED, NULL},
	{"a renewal of nobody",                   {0},                                     RENEWAL,      OPERATOR_REFUSE,      E_CALLER_REVOKED, NULL},
};
/* clang-format on */

static void
judges(void **state)
{
	const struct row *row = *state;
	const struct operator_request request = {.roles = row->roles & (RENEWAL - 1),
	    .renews = row->roles == RENEWAL ? (const uint8_t *)MINE : NULL};
	struct error err = {0};

	assert_int_equal(operator_judge(&row->known, &request, &err), row->want);
	assert_int_equal(err.code, row->code);
	if (row->pointer != NULL)
		assert_string_equal(err.pointer, row->pointer);
}

static void
roles_and_their_names_are_one_to_one(void **state)
{
	unsigned all = 0;

	(void)state;
	for (unsigned bit = 0; bit < ROLE_COUNT; bit++) {
		unsigned role = 0;

		assert_true(operator_role_of(operator_role_name(1U << bit), &role));
		assert_int_equal(role, 1U << bit);
		all |= role;
	}
	assert_int_equal(all, (1U << ROLE_COUNT) - 1);
}

static void
other_words_are_no_roles(void **state)
{
	static const char *const WORDS[] = {"", "root", "Admin", "admin ", "admi", "device"};
	unsigned role;

	(void)state;
	for (size_t i = 0; i < COUNT(WORDS); i++)
		assert_false(operator_role_of(WORDS[i], &role));
}

static void
a_list_of_roles_gives_their_bits(void **state)
{
	(void)state;
	assert_int_equal(operator_roles_of_list(""), 0);
	assert_int_equal(operator_roles_of_list("admin"), ROLE_ADMIN);
	assert_int_equal(
	    operator_roles_of_list("station,legal,admin"), ROLE_STATION | ROLE_LEGAL | ROLE_ADMIN);
	assert_int_equal(operator_roles_of_list("station,averyveryverylongword,officer"),
	    ROLE_STATION | ROLE_OFFICER);
	assert_int_equal(operator_roles_of_list(",,admin,"), ROLE_ADMIN);
}

static void
names_are_short_and_plain(void **state)
{
	static const char *const GOOD[] = {"a", "alice@example.org", "line-4_b", "A.B"};
	static const char *const BAD[] = {"", "a b", "a/b", "a\n", "\xc3\xa4", "a\"b",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	for (size_t i = 0; i < COUNT(GOOD); i++)
		assert_true(operator_check_name(GOOD[i], &(struct error){0}));
	for (size_t i = 0; i < COUNT(BAD); i++) {
		struct error err = {0};

		assert_false(operator_check_name(BAD[i], &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
		assert_string_equal(err.pointer, "/name");
	}
}

static void
a_grant_names_every_role_in_its_leaf(void **state)
{
	const struct operator_request request = {
	    .roles = (1U << ROLE_COUNT) - 1, .actor = "admin:aaaaaaaaaaaaaaaa"};
	const struct operator_grant grant = {.request = &request, .handle = "mzxw6ytboi2dgnbv"};
	DEFER(buf_clear) struct buf text = {0};
	struct error err = {0};
	struct leaf leaf;

	(void)state;
	operator_grant_leaf(&leaf, &grant, 1767225600);
	assert_true(leaf_encode(&leaf, &text, &err));
	assert_non_null(strstr(buf_text(&text),
	    "\"sub\":\"p:mzxw6ytboi2dgnbv\",\"d\":{\"station\":1,\"verifier\":1,\"officer\":1,"
	    "\"auditor\":1,\"legal\":1,\"admin\":1}}"));
}

static void
a_certificate_s_leaf_commits_to_it(void **state)
{
	const struct operator_request request = {.actor = "admin:aaaaaaaaaaaaaaaa"};
	struct operator_grant grant = {.request = &request, .handle = "mzxw6ytboi2dgnbv"};
	struct leaf leaf;

	(void)state;
	strcpy(grant.issued.handle, "onsxg43jn5xhgzlt");
	memset(grant.issued.commitment, 0xa5, sizeof grant.issued.commitment);
	operator_grant_issue_leaf(&leaf, &grant, 1767225600);
	assert_int_equal(leaf.event, LEAF_CERT_ISSUE);
	assert_string_equal(leaf.subject, "p:mzxw6ytboi2dgnbv/h:onsxg43jn5xhgzlt");
	assert_true(leaf.has_commitment);
	assert_memory_equal(leaf.commitment, grant.issued.commitment, sizeof leaf.commitment);
}

int
main(void)
{
	const struct CMUnitTest others[] = {
	    cmocka_unit_test(roles_and_their_names_are_one_to_one),
	    cmocka_unit_test(other_words_are_no_roles),
	    cmocka_unit_test(a_list_of_roles_gives_their_bits),
	    cmocka_unit_test(names_are_short_and_plain),
	    cmocka_unit_test(a_grant_names_every_role_in_its_leaf),
	    cmocka_unit_test(a_certificate_s_leaf_commits_to_it),
	};
	struct CMUnitTest tests[COUNT(ROWS)];

	for (size_t i = 0; i < COUNT(ROWS); i++)
		tests[i] = (struct CMUnitTest){.name = ROWS[i].claim,
		    .test_func = judges,
		    .initial_state = (void *)(uintptr_t)&ROWS[i]};
	return cmocka_run_group_tests_name("operator_judge", tests, NULL, NULL) +
	       cmocka_run_group_tests_name("operator", others, NULL, NULL);
}
