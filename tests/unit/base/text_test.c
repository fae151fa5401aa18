/* Hex, base64, handles and UUIDs; text_time_test.c and text_pem_test.c have the rest. */
#include "tests/support/cmocka_all.h"

#include "base/text.h"

static void
hex_is_written_in_lower_case_and_read_in_either(void **state)
{
	uint8_t octets[3];
	char text[7];

	(void)state;
	hex_encode(text, bytes_of("\x00\xab\xff", 3));
	assert_string_equal(text, "00abff");
	assert_true(hex_decode(bytes_of_text("00ABfF"), octets, sizeof octets));
	assert_memory_equal(octets, "\x00\xab\xff", 3);
	hex_encode(text, (struct bytes){0});
	assert_string_equal(text, "");
	assert_true(hex_decode((struct bytes){0}, octets, 0));
}

static void
hex_of_another_length_or_alphabet_is_refused(void **state)
{
	static const char *const BAD[] = {"", "00abf", "00abff0", "00abff00", "0x0abf", "00abfg",
	    " 0abff", "00abf ", "00abf/", "00abf:", "00abf@", "00abfG", "00abf`", "00ab\xc3\xbf"};
	uint8_t octets[3];

	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++)
		if (hex_decode(bytes_of_text(BAD[i]), octets, sizeof octets))
			fail_msg("%s", BAD[i]);
}

/* RFC 4648 section 10. */
/* clang-format off */
static const struct vector { const char *octets, *base64, *base64url; } VECTORS[] = {
	{"",        "",         ""},
	{"f",       "Zg==",     "Zg"},
	{"fo",      "Zm8=",     "Zm8"},
	{"foo",     "Zm9v",     "Zm9v"},
	{"foob",    "Zm9vYg==", "Zm9vYg"},
	{"fooba",   "Zm9vYmE=", "Zm9vYmE"},
	{"foobar",  "Zm9vYmFy", "Zm9vYmFy"},
	{"\xfb\xff\xbf", "+/+/", "-_-_"},
};
/* clang-format on */

typedef bool (*decode_exact)(struct bytes text, uint8_t *out, size_t out_len);

/* Of its own length, and of no other. */
static void
assert_exact(decode_exact decode, struct bytes text, struct bytes want)
{
	for (size_t len = 0; len <= want.len + 1; len++) {
		uint8_t octets[16];

		assert_int_equal(decode(text, octets, len), len == want.len);
		if (len == want.len && len > 0)
			assert_memory_equal(octets, want.data, want.len);
	}
}

static void
base64_is_that_of_rfc_4648_in_both_alphabets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		DEFER(buf_clear) struct buf text = {0};
		DEFER(buf_clear) struct buf url = {0};
		DEFER(buf_clear) struct buf octets = {0};
		const struct bytes want = bytes_of_text(VECTORS[i].octets);

		base64_encode(&text, want);
		base64url_encode(&url, want);
		assert_string_equal(buf_text(&text), VECTORS[i].base64);
		assert_string_equal(buf_text(&url), VECTORS[i].base64url);
		assert_int_equal(text.len, BASE64_TEXT_LEN(want.len));
		assert_true(base64_decode(buf_bytes(&text), &octets));
		assert_octets(buf_bytes(&octets), want);
		assert_true(base64url_decode(buf_bytes(&url), &octets)); /* appends */
		assert_int_equal(octets.len, 2 * want.len);
		assert_exact(base64_decode_exact, buf_bytes(&text), want);
		assert_exact(base64url_decode_exact, buf_bytes(&url), want);
	}
}

/* clang-format off */
static const struct spelling { const char *why; struct bytes text; bool url; } SPELLINGS[] = {
	{"trailing bits, one octet",      OCTETS("Zh=="), false},
	{"trailing bits, two octets",     OCTETS("Zm9="), false},
	{"all trailing bits",             OCTETS("Zv=="), false},
	{"no padding",                    OCTETS("Zg"), false},
	{"half the padding",              OCTETS("Zg="), false},
	{"too much padding",              OCTETS("Zg==="), false},
	{"padding of nothing",            OCTETS("===="), false},
	{"padding after a full group",    OCTETS("Zm9v===="), false},
	{"padding in the middle",         OCTETS("Zg==Zg=="), false},
	{"one character",                 OCTETS("Z"), false},
	{"five characters",               OCTETS("Zm9vY"), false},
	{"newline at the end",            OCTETS("Zm9v\n"), false},
	{"newline inside",                OCTETS("Zm\n9v"), false},
	{"space in front",                OCTETS(" Zm9v"), false},
	{"NUL at the end",                OCTETS("Zm9v\0"), false},
	{"NUL inside",                    OCTETS("Zm\0v"), false},
	{"the URL alphabet",              OCTETS("-_-_"), false},
	{"an octet above 127",            OCTETS("Zm9\xf6"), false},
	{"trailing bits, one octet",      OCTETS("Zh"), true},
	{"trailing bits, two octets",     OCTETS("Zm9"), true},
	{"padding",                       OCTETS("Zg=="), true},
	{"one character",                 OCTETS("Z"), true},
	{"five characters",               OCTETS("Zm9vY"), true},
	{"the other alphabet",            OCTETS("+/+/"), true},
	{"newline at the end",            OCTETS("Zg\n"), true},
	{"NUL at the end",                OCTETS("Zg\0"), true},
};
/* clang-format on */

static void
another_spelling_of_base64_is_refused_and_leaves_the_buffer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(SPELLINGS); i++) {
		DEFER(buf_clear) struct buf out = {0};
		bool good;

		buf_append_text(&out, "kept");
		good = SPELLINGS[i].url ? base64url_decode(SPELLINGS[i].text, &out)
					: base64_decode(SPELLINGS[i].text, &out);
		if (good)
			fail_msg("%s", SPELLINGS[i].why);
		assert_octets_text(buf_bytes(&out), "kept");
	}
}

static void
another_spelling_of_base64_is_refused_at_every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(SPELLINGS); i++)
		for (size_t len = 0; len <= 9; len++) {
			uint8_t octets[9];

			if (SPELLINGS[i].url
				? base64url_decode_exact(SPELLINGS[i].text, octets, len)
				: base64_decode_exact(SPELLINGS[i].text, octets, len))
				fail_msg("%s", SPELLINGS[i].why);
		}
}

/* Both readers of base64url, this one and libsodium's, take the same. */
static void
the_two_readers_of_base64url_agree(void **state)
{
	(void)state;
	for (unsigned last = 0; last < 65536; last++) {
		DEFER(buf_clear_public) struct buf octets = {0};
		const uint8_t text[] = {'Z', (uint8_t)(last >> 8), (uint8_t)last};
		const struct bytes spelled = bytes_of(text, sizeof text);
		uint8_t exact[2];
		const bool taken = base64url_decode(spelled, &octets);

		assert_int_equal(base64url_decode_exact(spelled, exact, sizeof exact), taken);
		if (taken)
			assert_memory_equal(exact, octets.data, sizeof exact);
	}
}

/* Whatever four characters are accepted, encoding gives them back: one spelling per value. */
static void
what_base64_accepts_is_its_own_encoding(void **state)
{
	(void)state;
	for (unsigned last = 0; last < 65536; last++) {
		DEFER(buf_clear_public) struct buf octets = {0};
		DEFER(buf_clear_public) struct buf again = {0};
		const uint8_t text[] = {'Z', 'm', (uint8_t)(last >> 8), (uint8_t)last};

		if (!base64_decode(bytes_of(text, sizeof text), &octets))
			continue;
		base64_encode(&again, buf_bytes(&octets));
		assert_octets(buf_bytes(&again), bytes_of(text, sizeof text));
	}
}

static void
a_handle_is_16_characters_of_base32(void **state)
{
	char text[HANDLE_TEXT_LEN + 1];

	(void)state;
	handle_encode(text, (const uint8_t[HANDLE_BYTES]){0});
	assert_string_equal(text, "aaaaaaaaaaaaaaaa");
	handle_encode(text, (const uint8_t *)"foobarfoob");
	assert_string_equal(text, "mzxw6ytbojtg633c"); /* as basenc --base32 gives it */
	handle_encode(text, (const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
	assert_string_equal(text, "7777777777777777");
	assert_true(handle_valid(bytes_of_text("abcdefghijklmnop")));
	assert_true(handle_valid(bytes_of_text("qrstuvwxyz234567")));
}

static void
another_spelling_of_a_handle_is_refused(void **state)
{
	static const struct bytes BAD[] = {OCTETS(""), OCTETS("mzxw6ytboi2dgnb"),
	    OCTETS("mzxw6ytboi2dgnbva"), OCTETS("Mzxw6ytboi2dgnbv"), OCTETS("mzxw6ytboi2dgnb0"),
	    OCTETS("mzxw6ytboi2dgnb1"), OCTETS("mzxw6ytboi2dgnb8"), OCTETS("mzxw6ytboi2dgnb="),
	    OCTETS("mzxw6ytboi2dgnb "), OCTETS("mzxw6ytboi2dgnb\0"),
	    OCTETS("mzxw6ytboi2dgn\xc3\xa4")};

	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++)
		if (handle_valid(BAD[i]))
			fail_msg("row %zu", i);
}

static void
a_uuid_has_one_spelling(void **state)
{
	static const char GOOD[] = "01234567-89ab-cdef-0123-456789abcdef";
	uint8_t uuid[UUID_BYTES];
	char text[UUID_TEXT_LEN + 1];

	(void)state;
	assert_true(uuid_decode(bytes_of_text(GOOD), uuid));
	assert_memory_equal(
	    uuid, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", UUID_BYTES);
	uuid_encode(text, uuid);
	assert_string_equal(text, GOOD);
}

static void
another_spelling_of_a_uuid_is_refused(void **state)
{
	static const char *const BAD[] = {"", "01234567-89ab-cdef-0123-456789abcde",
	    "01234567-89ab-cdef-0123-456789abcdef0", "01234567-89AB-cdef-0123-456789abcdef",
	    "0123456789abcdef0123456789abcdef", "{1234567-89ab-cdef-0123-456789abcde}",
	    "01234567-89ab-cdef-0123-456789abcdeg", "0123456-789ab-cdef-0123-456789abcdef",
	    "01234567089ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123_456789abcdef",
	    "01234567-89ab-cdef-0123-456789abcde\n"};
	uint8_t uuid[UUID_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++)
		if (uuid_decode(bytes_of_text(BAD[i]), uuid))
			fail_msg("%s", BAD[i]);
}

static void
a_stamped_uuid_is_version_4_and_keeps_its_other_bits(void **state)
{
	uint8_t zeros[UUID_BYTES] = {0}, ones[UUID_BYTES];
	char text[UUID_TEXT_LEN + 1];

	(void)state;
	memset(ones, 0xff, sizeof ones);
	uuid_stamp(zeros);
	uuid_stamp(ones);
	uuid_encode(text, zeros);
	assert_string_equal(text, "00000000-0000-4000-8000-000000000000");
	uuid_encode(text, ones);
	assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hex_is_written_in_lower_case_and_read_in_either),
	    cmocka_unit_test(hex_of_another_length_or_alphabet_is_refused),
	    cmocka_unit_test(base64_is_that_of_rfc_4648_in_both_alphabets),
	    cmocka_unit_test(another_spelling_of_base64_is_refused_and_leaves_the_buffer),
	    cmocka_unit_test(another_spelling_of_base64_is_refused_at_every_length),
	    cmocka_unit_test(what_base64_accepts_is_its_own_encoding),
	    cmocka_unit_test(the_two_readers_of_base64url_agree),
	    cmocka_unit_test(a_handle_is_16_characters_of_base32),
	    cmocka_unit_test(another_spelling_of_a_handle_is_refused),
	    cmocka_unit_test(a_uuid_has_one_spelling),
	    cmocka_unit_test(another_spelling_of_a_uuid_is_refused),
	    cmocka_unit_test(a_stamped_uuid_is_version_4_and_keeps_its_other_bits),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
