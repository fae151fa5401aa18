#include "tests/support/cmocka_all.h"

#include "verify/armor.h"

#define A64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct {
	const char *why;
	const char *lines;
	int len; /* octets; -1: refused */
} LINES[] = {
    {"one octet", "AA==\n", 1},
    {"two octets", "AAA=\n", 2},
    {"three octets", "AAAA\n", 3},
    {"a whole line", A64 "\n", 48},
    {"a whole line and one octet", A64 "\n/w==\n", 49},
    {"nothing", "", -1},
    {"an empty line", "\n", -1},
    {"an empty line at the end", A64 "\n\n", -1},
    {"no newline", "AAAA", -1},
    {"a carriage return", "AAAA\r\n", -1},
    {"a short line that is not the last", "AAAA\n" A64 "\n", -1},
    {"a long line", A64 "AAAA\n", -1},
    {"padding before the end", "AA==AAAA\n", -1},
    {"padding in a line that is not the last", "AA==" A64 "\n", -1},
    {"three pads", "A===\n", -1},
    {"a pad in the middle", "A=A=\n", -1},
    {"bits under the padding", "AB==\n", -1},
    {"bits under one pad", "AAB=\n", -1},
    {"not a multiple of four", "AAAAA\n", -1},
    {"a space", "AA A\n", -1},
    {"the other alphabet", "AA_A\n", -1},
    {"an octet that is no character",
	"AA\xff"
	"A\n",
	-1},
};

static void
base64_is_read_to_the_letter(void **state)
{
	uint8_t out[100];

	(void)state;
	for (size_t i = 0; i < COUNT(LINES); i++) {
		const struct bytes lines = bytes_of_text(LINES[i].lines);
		size_t len = 0;

		assert_true(mv_armor_room(lines) <= sizeof out);
		if (mv_armor_decode(lines, out, &len) != (LINES[i].len >= 0) ||
		    (LINES[i].len >= 0 && len != (size_t)LINES[i].len))
			fail_msg("%s", LINES[i].why);
	}
}

static void
each_octet_comes_back(void **state)
{
	uint8_t out[3];

	(void)state;
	assert_true(mv_base64_exact(bytes_of_text("+/8A"), out, 3));
	assert_memory_equal(out, "\xfb\xff\x00", 3);
	assert_true(mv_base64_exact(bytes_of_text("Zm8="), out, 2));
	assert_memory_equal(out, "fo", 2);
	assert_false(mv_base64_exact(bytes_of_text("Zm9v"), out, 2));
	assert_false(mv_base64_exact(bytes_of_text("Zm8="), out, 3));
	assert_false(mv_base64_exact(bytes_of_text("Zg=="), out, 2));
	assert_false(mv_base64_exact(bytes_of_text(""), out, 1));
}

#define B "-----BEGIN X-----\n"
#define E "-----END X-----\n"
static const struct {
	const char *text;
	const char *lines; /* NULL: it does not begin with a block */
	const char *rest;
} BLOCKS[] = {
    {B "AAAA\n" E, "AAAA\n", ""},
    {B "AAAA\n" E "more", "AAAA\n", "more"},
    {B E, "", ""},
    {"", NULL, ""},
    {" " B "AAAA\n" E, NULL, NULL},
    {"-----BEGIN Y-----\nAAAA\n-----END Y-----\n", NULL, NULL},
    {B "AAAA\n-----END Y-----\n", NULL, NULL},
    {B "AAAA\n-----END X-----", NULL, NULL},
    {B "AAAA\n", NULL, NULL},
    {B, NULL, NULL},
    {"-----BEGIN X-----\r\nAAAA\n" E, NULL, NULL},
};

static void
a_block_is_taken_off_the_front(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(BLOCKS); i++) {
		struct bytes rest = bytes_of_text(BLOCKS[i].text), lines = {0};
		const struct bytes all = rest;

		assert_int_equal(mv_armor_take(&rest, "X", &lines), BLOCKS[i].lines != NULL);
		if (BLOCKS[i].lines == NULL) {
			assert_true(bytes_equal(rest, all));
			continue;
		}
		assert_octets_text(lines, BLOCKS[i].lines);
		assert_octets_text(rest, BLOCKS[i].rest);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(base64_is_read_to_the_letter),
	    cmocka_unit_test(each_octet_comes_back),
	    cmocka_unit_test(a_block_is_taken_off_the_front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
