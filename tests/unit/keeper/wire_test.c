#include "fixture.h"

#include "keeper/wire.h"

/* One leaf alone, and one with a TBSCertificate. */
static void
entries_encode(struct buf *out)
{
	static const uint8_t nonce[COMMITMENT_NONCE_BYTES] = {1}, issuer[ISSUER_ID_BYTES] = {2};
	const struct wire_entry alone = {.leaf = BYTES_LITERAL("{}")};
	const struct wire_entry with = {.leaf = BYTES_LITERAL("{\"a\"}"),
	    .tbs = BYTES_LITERAL("\x30\x00"),
	    .nonce = nonce,
	    .issuer = issuer};

	wire_entry_encode(&alone, out);
	wire_entry_encode(&with, out);
}

static bool
entries_take(struct bytes octets, struct buf *out_again)
{
	struct reader reader = reader_of(octets);

	for (int i = 0; i < 2; i++) {
		struct wire_entry entry;

		wire_entry_take(&reader, &entry);
		if (!reader.ok)
			return false;
		wire_entry_encode(&entry, out_again);
	}
	return reader_done(&reader);
}

static void
entries_are_taken_as_they_were_written_and_never_in_part(void **state)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	DEFER(buf_clear_public) struct buf again = {0};

	(void)state;
	entries_encode(&octets);
	assert_true(entries_take(buf_bytes(&octets), &again));
	assert_true(bytes_equal(buf_bytes(&octets), buf_bytes(&again)));
	for (size_t len = 0; len < octets.len; len++) {
		DEFER(buf_clear_public) struct buf ignored = {0};
		DEFER(mem_free) uint8_t *cut = xcalloc(1, len + (len == 0));

		memcpy(cut, octets.data, len);
		assert_false(entries_take(bytes_of(cut, len), &ignored));
	}
	buf_append_u8(&octets, 0);
	assert_false(entries_take(buf_bytes(&octets), &again));
}

/* clang-format off */
static const struct refusal { const char *why; struct bytes body; enum error_code code; const char *detail; } REFUSALS[] = {
	{"a reason",                  BYTES_LITERAL("\x0eKEEPER_REFUSEDbecause"), E_KEEPER_REFUSED,     "because"},
	{"no reason",                 BYTES_LITERAL("\x0eKEEPER_REFUSED"),        E_KEEPER_REFUSED,     "it gives no reason"},
	{"a reason of NUL",           BYTES_LITERAL("\x0eKEEPER_REFUSED\0more"),  E_KEEPER_REFUSED,     "it gives no reason"},
	{"a reason beyond ASCII",     BYTES_LITERAL("\x0eKEEPER_REFUSED\n\xc3"),  E_KEEPER_REFUSED,     "??"},
	{"what only the keeper knows", BYTES_LITERAL("\x0b" "FILE_FAILEDdisk"),   E_KEEPER_UNAVAILABLE, "disk"},
	{"no code",                   BYTES_LITERAL("\0why"),                     E_KEEPER_UNAVAILABLE, "why"},
	{"an unknown code",           BYTES_LITERAL("\1Xwhy"),                    E_KEEPER_UNAVAILABLE, "why"},
	{"a code cut short",          BYTES_LITERAL("\x0eKEEPER"),                E_KEEPER_UNAVAILABLE, "the key keeper's answer is malformed"},
	{"nothing",                   BYTES_LITERAL(""),                          E_KEEPER_UNAVAILABLE, "the key keeper's answer is malformed"},
};
/* clang-format on */

static void
every_refusal_raises_an_error_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(REFUSALS); i++) {
		struct error err = {0};

		assert_false(wire_refusal_raise(REFUSALS[i].body, &err));
		if (err.code != REFUSALS[i].code || strcmp(err.detail, REFUSALS[i].detail) != 0)
			fail_msg(
			    "%s: %s %s", REFUSALS[i].why, error_info(err.code)->name, err.detail);
	}
}

/* clang-format off */
static const struct result { const char *why; struct bytes octets; bool good; } RESULTS[] = {
	{"nothing to sign",        BYTES_LITERAL("\0\0"), true},
	{"a signature",            BYTES_LITERAL("\1\2ab"), true},
	{"a reason",               BYTES_LITERAL("\2\3why"), true},
	{"a reason why not now",   BYTES_LITERAL("\3\3why"), true},
	{"a kind that there is not", BYTES_LITERAL("\4\0"), false},
	{"cut short",              BYTES_LITERAL("\2\3wh"), false},
	{"a signature of 73 octets", BYTES_LITERAL("\1\x49" "0123456789012345678901234567890123456789012345678901234567890123456789012"), false},
	{"the longest of 72",      BYTES_LITERAL("\1\x48" "012345678901234567890123456789012345678901234567890123456789012345678901"), true},
};
/* clang-format on */

static void
results_keep_to_their_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(RESULTS); i++) {
		struct reader reader = reader_of(RESULTS[i].octets);
		struct wire_result result;

		wire_result_take(&reader, &result);
		if (reader_done(&reader) != RESULTS[i].good)
			fail_msg("%s", RESULTS[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries_are_taken_as_they_were_written_and_never_in_part),
	    cmocka_unit_test(every_refusal_raises_an_error_with_a_reason),
	    cmocka_unit_test(results_keep_to_their_bounds),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
