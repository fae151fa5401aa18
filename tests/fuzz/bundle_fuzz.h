/* bundle_fuzz: what a bundle and a status set that were read promise. */
#ifndef TESTS_FUZZ_BUNDLE_FUZZ_H
#define TESTS_FUZZ_BUNDLE_FUZZ_H

#include "tests/fuzz/fuzz.h"
#include "verify/bundle.h"

#define BUNDLE_FUZZ_NOW_S INT64_C(1790000000)

static inline void
bundle_fuzz_told(bool good, const struct why *why)
{
	MUST(good == (why->code == MONIKER_LOADED));
	MUST(good == (why->text[0] == '\0'));
	for (const char *c = why->text; *c != '\0'; c++)
		MUST(*c >= ' ' && *c <= '~');
}

/* Each record is of an issuer that is named, and is found again. */
static inline void
bundle_fuzz_set(const struct status_set *set)
{
	const uint8_t *at = set->records;
	struct status_found found;

	MUST(set->fresh_until_s >= set->issued_s);
	MUST(set->issued_s <= BUNDLE_FUZZ_NOW_S + MONIKER_CLOCK_SKEW_S);
	for (size_t i = 0; i < set->count; i++, at += 26) {
		MUST(at[0] < set->issuer_count);
		MUST(mv_status_set_find(set, set->issuers[at[0]], at + 1, &found));
		MUST(found.reason != NULL && found.held == ((at[21] & 0x80) != 0));
		MUST(found.since_s >= 0 && found.since_s <= UINT32_MAX);
	}
}

#endif
