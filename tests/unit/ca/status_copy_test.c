#include "ca/status_copy.h"

#include "cmocka_all.h"

#define OF "00112233aabbccdd 4000520000000000000000000000000000000001"

static struct status_copy_line
line_of(enum certificate_state state, enum reason reason)
{
	struct status_copy_line line = {.seq = 17,
	    .entry = {.serial = {0x40, 0, 0x52},
		.issuer = {0, 0x11, 0x22, 0x33, 0xaa, 0xbb, 0xcc, 0xdd},
		.state = state,
		.reason = reason,
		.at_s = 1800000000}};

	line.entry.serial[SERIAL_BYTES - 1] = 1;
	return line;
}

static void
a_line_has_this_form(void **state)
{
	static const struct row {
		enum certificate_state state;
		enum reason reason;
		const char *text;
	} rows[] = {
	    {CERTIFICATE_REVOKED, REASON_KEY_COMPROMISE,
		"17 " OF " revoked KEY_COMPROMISE 1800000000"},
	    {CERTIFICATE_HELD, REASON_HOLD, "17 " OF " held HOLD 1800000000"},
	    {CERTIFICATE_CLEAR, REASON_UNSPECIFIED, "17 " OF " good UNSPECIFIED 1800000000"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct status_copy_line line = line_of(rows[i].state, rows[i].reason);
		DEFER(buf_clear_public) struct buf text = {0};
		struct status_copy_line again;
		struct error err = {0};

		status_copy_encode(&line, &text);
		assert_string_equal(buf_text(&text), rows[i].text);
		assert_true(status_copy_parse(buf_bytes(&text), &again, &err));
		assert_int_equal(again.seq, 17);
		assert_false(again.settled);
		assert_memory_equal(again.entry.serial, line.entry.serial, SERIAL_BYTES);
		assert_memory_equal(again.entry.issuer, line.entry.issuer, ISSUER_ID_BYTES);
		assert_int_equal(again.entry.state, rows[i].state);
		assert_int_equal(again.entry.reason, rows[i].reason);
		assert_int_equal(again.entry.at_s, 1800000000);
	}
}

static void
so_has_the_end_of_what_was_lost(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct status_copy_line again;
	struct error err = {0};

	(void)state;
	status_copy_encode(&(struct status_copy_line){.seq = 9, .settled = true}, &text);
	assert_string_equal(buf_text(&text), "9 settled");
	assert_true(status_copy_parse(buf_bytes(&text), &again, &err));
	assert_true(again.settled);
	assert_int_equal(again.seq, 9);
}

static void
what_is_no_line_is_refused(void **state)
{
	static const char *const texts[] = {
	    "",
	    " ",
	    "17",
	    "17 ",
	    "17 settled ",
	    "17 settled x",
	    "-1 settled",
	    "017 settled",
	    "9223372036854775808 settled",
	    "x " OF " revoked KEY_COMPROMISE 1",
	    "17  " OF " revoked KEY_COMPROMISE 1",
	    "17 " OF " revoked KEY_COMPROMISE",
	    "17 " OF " revoked KEY_COMPROMISE ",
	    "17 " OF " revoked KEY_COMPROMISE 1 ",
	    "17 " OF " revoked KEY_COMPROMISE 1 x",
	    "17 " OF " revoked KEY_COMPROMISE 01",
	    "17 " OF " revoked KEY_COMPROMISE -1",
	    "17 " OF " revoked KEY_COMPROMISE 4294967296",
	    "17 " OF " revoked BECAUSE 1",
	    "17 " OF " revoked  1",
	    "17 " OF " lost KEY_COMPROMISE 1",
	    "17 " OF " aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa KEY_COMPROMISE 1",
	    "17 0011 4000520000000000000000000000000000000001 revoked KEY_COMPROMISE 1",
	    "17 00112233aabbccdd 0000520000000000000000000000000000000001 revoked KEY_COMPROMISE 1",
	    "17 00112233aabbccdd 40005200000000000000000000000000000000 revoked KEY_COMPROMISE 1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct status_copy_line line;
		struct error err = {0};

		if (status_copy_parse(bytes_of_text(texts[i]), &line, &err))
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_this_form),
	    cmocka_unit_test(so_has_the_end_of_what_was_lost),
	    cmocka_unit_test(what_is_no_line_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
