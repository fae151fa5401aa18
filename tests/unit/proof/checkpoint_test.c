#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "known.h"
#include "proof/checkpoint.h"

#define ROOT "sYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E="
#define ORIGIN16 "0123456789abcdef"
#define ORIGIN128 ORIGIN16 ORIGIN16 ORIGIN16 ORIGIN16 ORIGIN16 ORIGIN16 ORIGIN16 ORIGIN16

static struct checkpoint
known_checkpoint(void)
{
	struct checkpoint checkpoint = {.origin = KNOWN_ORIGIN, .size = 3};

	assert_true(hex_decode(bytes_of_text(KNOWN_ROOT3), checkpoint.root, SHA256_BYTES));
	return checkpoint;
}

static bool
accepts(struct bytes text)
{
	static const struct checkpoint UNTOUCHED = {.origin = "untouched", .size = 1};
	struct checkpoint checkpoint = UNTOUCHED;
	struct error err = {0};

	if (checkpoint_parse(text, &checkpoint, &err))
		return true;
	assert_int_equal(err.code, E_BAD_SYNTAX);
	assert_memory_equal(&checkpoint, &UNTOUCHED, sizeof(checkpoint));
	return false;
}

static void
known_checkpoint_has_its_text(void **state)
{
	const struct checkpoint checkpoint = known_checkpoint();
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	checkpoint_encode(&checkpoint, &text);
	assert_string_equal(buf_text(&text), KNOWN_CHECKPOINT);
}

static void
assert_parses_to_known(const char *text)
{
	const struct checkpoint want = known_checkpoint();
	struct checkpoint checkpoint;
	struct error err = {0};

	assert_true(checkpoint_parse(bytes_of_text(text), &checkpoint, &err));
	assert_string_equal(checkpoint.origin, want.origin);
	assert_int_equal(checkpoint.size, want.size);
	assert_memory_equal(checkpoint.root, want.root, SHA256_BYTES);
}

static void
known_text_is_its_checkpoint(void **state)
{
	(void)state;
	assert_parses_to_known(KNOWN_CHECKPOINT);
}

static void
extension_lines_are_ignored(void **state)
{
	(void)state;
	assert_parses_to_known(KNOWN_CHECKPOINT "extension\n");
	assert_parses_to_known(KNOWN_CHECKPOINT "extension\nanother one\n");
}

static void
bounds_are_inclusive(void **state)
{
	(void)state;
	assert_true(accepts(bytes_of_text("o\n0\n" ROOT "\n")));
	assert_true(accepts(bytes_of_text("o\n9223372036854775807\n" ROOT "\n")));
	assert_true(accepts(bytes_of_text(ORIGIN128 "\n3\n" ROOT "\n")));
}

static const struct reject {
	const char *why, *text;
} REJECTS[] = {
    {"nothing", ""},
    {"empty lines", "\n\n\n"},
    {"empty origin", "\n3\n" ROOT "\n"},
    {"origin too long", ORIGIN128 "x\n3\n" ROOT "\n"},
    {"control character in the origin", "o\tp\n3\n" ROOT "\n"},
    {"origin outside ASCII", "\xc3\xb6\n3\n" ROOT "\n"},
    {"empty size", "o\n\n" ROOT "\n"},
    {"leading zero", "o\n03\n" ROOT "\n"},
    {"negative size", "o\n-3\n" ROOT "\n"},
    {"plus sign", "o\n+3\n" ROOT "\n"},
    {"space before the size", "o\n 3\n" ROOT "\n"},
    {"space after the size", "o\n3 \n" ROOT "\n"},
    {"hexadecimal size", "o\n0x3\n" ROOT "\n"},
    {"size beyond 63 bits", "o\n9223372036854775808\n" ROOT "\n"},
    {"size beyond 64 bits", "o\n18446744073709551619\n" ROOT "\n"},
    {"carriage return", "o\r\n3\r\n" ROOT "\r\n"},
    {"empty root", "o\n3\n\n"},
    {"root too short", "o\n3\nsYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuvw==\n"},
    {"root too long", "o\n3\nsYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8EA\n"},
    {"root without padding", "o\n3\nsYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E\n"},
    {"root with stray bits", "o\n3\nsYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8F=\n"},
    {"root in base64url", "o\n3\nsYYjl3_YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E=\n"},
    {"root in hexadecimal", "o\n3\n" KNOWN_ROOT3 "\n"},
    {"space after the root", "o\n3\n" ROOT " \n"},
    {"empty extension line", "o\n3\n" ROOT "\n\n"},
    {"empty line between extensions", "o\n3\n" ROOT "\nx\n\ny\n"},
    {"extension without newline", "o\n3\n" ROOT "\nx"},
};

static void
deviations_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(REJECTS); i++)
		if (accepts(bytes_of_text(REJECTS[i].text)))
			fail_msg("accepted: %s", REJECTS[i].why);
}

static void
a_zero_octet_does_not_end_the_origin(void **state)
{
	static const char TEXT[] = "o\0p\n3\n" ROOT "\n";

	(void)state;
	assert_false(accepts(bytes_of(TEXT, sizeof(TEXT) - 1)));
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(KNOWN_CHECKPOINT); len++)
		assert_false(accepts(bytes_of(KNOWN_CHECKPOINT, len)));
}

/* A changed bit is refused, or is another checkpoint. */
static void
every_flipped_bit_is_seen(void **state)
{
	uint8_t text[sizeof(KNOWN_CHECKPOINT) - 1];

	(void)state;
	memcpy(text, KNOWN_CHECKPOINT, sizeof(text));
	for (size_t i = 0; i < sizeof(text) * 8; i++) {
		DEFER(buf_clear_public) struct buf again = {0};
		struct checkpoint checkpoint;
		struct error err = {0};

		text[i / 8] ^= (uint8_t)(1 << i % 8);
		if (checkpoint_parse(bytes_of(text, sizeof(text)), &checkpoint, &err)) {
			checkpoint_encode(&checkpoint, &again);
			assert_memory_equal(again.data, text, again.len);
			assert_true(again.len > i / 8);
		}
		text[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_checkpoint_has_its_text),
	    cmocka_unit_test(known_text_is_its_checkpoint),
	    cmocka_unit_test(extension_lines_are_ignored),
	    cmocka_unit_test(bounds_are_inclusive),
	    cmocka_unit_test(deviations_are_refused),
	    cmocka_unit_test(a_zero_octet_does_not_end_the_origin),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(every_flipped_bit_is_seen),
	};

	return cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
}
