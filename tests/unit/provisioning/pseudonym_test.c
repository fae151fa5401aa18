#include "cmocka_all.h"

#include "provisioning/pseudonym.h"

/* clang-format off */
static const struct judged {
	const char *why;
	struct pseudonym_facts facts;
	enum pseudonym_decision want;
	enum error_code code;
	size_t place;
} JUDGED[] = {
	{"the first",               {0},                                       PSEUDONYM_ISSUE,  E_NONE, 0},
	{"the second",              {.slot_taken = {true}},                    PSEUDONYM_ISSUE,  E_NONE, 1},
	{"a slot between",          {.slot_taken = {true, false, true}},       PSEUDONYM_ISSUE,  E_NONE, 1},
	{"the last",                {.slot_taken = {true, true, true}},        PSEUDONYM_ISSUE,  E_NONE, 3},
	{"one too many",            {.slot_taken = {true, true, true, true}},  PSEUDONYM_REFUSE, E_PSEUDONYMS_EXHAUSTED, 4},
	{"a key on record",         {.key_known = true},                       PSEUDONYM_RECALL, E_NONE, 0},
	{"a retry of the last",     {.key_known = true, .slot_taken = {true, true, true, true}}, PSEUDONYM_RECALL, E_NONE, 4},
	{"a blocked device",        {.blocked = true},                         PSEUDONYM_REFUSE, E_DEVICE_BLOCKED, 0},
	{"its retry",               {.blocked = true, .key_known = true},      PSEUDONYM_REFUSE, E_DEVICE_BLOCKED, 0},
	{"a revoked certificate",   {.revoked = true},                         PSEUDONYM_REFUSE, E_DEVICE_BLOCKED, 0},
	{"a revoked device",        {.device = DEVICE_REVOKED},                PSEUDONYM_REFUSE, E_DEVICE_BLOCKED, 0},
	{"a replaced device",       {.device = DEVICE_REPLACED},               PSEUDONYM_REFUSE, E_DEVICE_BLOCKED, 0},
	{"a held certificate",      {.held = true},                            PSEUDONYM_REFUSE, E_DEVICE_HELD, 0},
	{"a held device",           {.device = DEVICE_HELD},                   PSEUDONYM_REFUSE, E_DEVICE_HELD, 0},
	{"held, and blocked",       {.held = true, .blocked = true},           PSEUDONYM_REFUSE, E_DEVICE_BLOCKED, 0},
};
/* clang-format on */

static void
status_counts_before_keys_and_those_before_the_quota(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(JUDGED); i++) {
		struct error err = {0};
		size_t place = 99;

		if (pseudonym_judge(&JUDGED[i].facts, &place, &err) != JUDGED[i].want ||
		    err.code != JUDGED[i].code || place != JUDGED[i].place)
			fail_msg("%s: %d, place %zu", JUDGED[i].why, (int)err.code, place);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(status_counts_before_keys_and_those_before_the_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
