#include "ca/reason.h"

#include <assert.h>
#include <string.h>

/* clang-format off */
static const struct spelling {
	enum reason reason;
	const char *code, *name;
} SPELLINGS[] = {
	{REASON_UNSPECIFIED,         "UNSPECIFIED",         "unspecified"},
	{REASON_KEY_COMPROMISE,      "KEY_COMPROMISE",      "keyCompromise"},
	{REASON_CA_COMPROMISE,       "CA_COMPROMISE",       "cACompromise"},
	{REASON_AFFILIATION_CHANGED, "AFFILIATION_CHANGED", "affiliationChanged"},
	{REASON_SUPERSEDED,          "SUPERSEDED",          "superseded"},
	{REASON_CESSATION,           "CESSATION",           "cessationOfOperation"},
	{REASON_HOLD,                "HOLD",                "certificateHold"},
	{REASON_PRIVILEGE_WITHDRAWN, "PRIVILEGE_WITHDRAWN", "privilegeWithdrawn"},
};
/* clang-format on */

static const struct spelling *
spelling_of(enum reason reason)
{
	for (size_t i = 0; i < COUNT(SPELLINGS); i++)
		if (SPELLINGS[i].reason == reason)
			return &SPELLINGS[i];
	assert(false); /* not a reason of the enumeration */
	return &SPELLINGS[0];
}

const char *
reason_code(enum reason reason)
{
	return spelling_of(reason)->code;
}

const char *
reason_name(enum reason reason)
{
	return spelling_of(reason)->name;
}

bool
reason_of(const char *text, enum reason *out)
{
	for (size_t i = 0; i < COUNT(SPELLINGS); i++) {
		if (strcmp(SPELLINGS[i].code, text) == 0 || strcmp(SPELLINGS[i].name, text) == 0) {
			*out = SPELLINGS[i].reason;
			return true;
		}
	}
	return false;
}
