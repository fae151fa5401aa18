#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "known.h"
#include "proof/note.h"

#define DASH "\xe2\x80\x94 "
#define NAME16 "0123456789abcdef"
#define NAME128 NAME16 NAME16 NAME16 NAME16 NAME16 NAME16 NAME16 NAME16
#define WITNESS DASH "witness.example/w1 AAAAAAAAAAAAAAAA\n"
static void
known_seed(uint8_t seed[static NOTE_SEED_BYTES])
{
	for (uint8_t i = 0; i < NOTE_SEED_BYTES; i++)
		seed[i] = (uint8_t)(i + 1);
}

static struct note_key
key_of(const char *vkey)
{
	struct note_key key;
	struct error err = {0};

	assert_true(note_key_parse(bytes_of_text(vkey), &key, &err));
	return key;
}

static enum error_code
verify(struct bytes note, struct bytes *out_text)
{
	const struct note_key key = key_of(KNOWN_VKEY);
	struct error err = {0};

	return note_verify(note, &key, out_text, &err) ? E_NONE : err.code;
}

static void
assert_refused(struct bytes note)
{
	struct bytes text = BYTES_LITERAL("untouched");

	assert_int_not_equal(verify(note, &text), E_NONE);
	assert_true(bytes_equal(text, bytes_of_text("untouched")));
}

/* ---- keys ---- */

static void
known_key_has_its_text(void **state)
{
	const struct note_key known = key_of(KNOWN_VKEY);
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};
	struct note_key key;

	(void)state;
	assert_string_equal(known.name, KNOWN_ORIGIN);
	assert_memory_equal(known.key_hash, "\xfe\xf7\xc7\xb4", 4);
	assert_true(note_key_init(&key, KNOWN_ORIGIN, known.public_key, &err));
	assert_memory_equal(key.key_hash, known.key_hash, 4);
	note_key_encode(&key, &text);
	assert_string_equal(buf_text(&text), KNOWN_VKEY);
}

static const struct reject {
	const char *why, *text;
} BAD_KEYS[] = {
    {"nothing", ""},
    {"no name", "+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"a name alone", KNOWN_ORIGIN},
    {"no key", KNOWN_ORIGIN "+fef7c7b4+"},
    {"another name", "moniker.example/node2-2026+fef7c7b4+"
		     "AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"space in the name", "moniker example+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"another hash", KNOWN_ORIGIN "+fef7c7b5+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"hash in upper case", KNOWN_ORIGIN "+FEF7C7B4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"hash too short", KNOWN_ORIGIN "+fef7c7b+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"hash too long", KNOWN_ORIGIN "+0fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"another algorithm", KNOWN_ORIGIN "+fef7c7b4+BHm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZk"},
    {"another public key", KNOWN_ORIGIN "+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZl"},
    {"public key too short", KNOWN_ORIGIN "+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJ=="},
    {"public key too long",
	KNOWN_ORIGIN "+fef7c7b4+AXm1Vi6P5lT5QHixEuipi6eQH4U65pW+1+DjkQutBJZkAAAA"},
    {"trailing newline", KNOWN_VKEY "\n"},
    {"leading space", " " KNOWN_VKEY},
};

static void
bad_verifier_keys_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(BAD_KEYS); i++) {
		struct error err = {0};
		struct note_key key;

		if (note_key_parse(bytes_of_text(BAD_KEYS[i].text), &key, &err))
			fail_msg("accepted: %s", BAD_KEYS[i].why);
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
every_truncation_of_a_verifier_key_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(KNOWN_VKEY); len++) {
		struct error err = {0};
		struct note_key key;

		assert_false(note_key_parse(bytes_of(KNOWN_VKEY, len), &key, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
names_are_bounded_and_printable(void **state)
{
	static const char *const BAD[] = {
	    "", " ", "a b", "a+b", "a\nb", "a\x7f", "\xc3\xb6", NAME128 "x"};
	const uint8_t public_key[NOTE_PUBLIC_BYTES] = {1};
	struct note_key key;

	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++) {
		struct error err = {0};

		assert_false(note_key_init(&key, BAD[i], public_key, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
	assert_true(note_key_init(&key, NAME128, public_key, &(struct error){0}));
	assert_string_equal(key.name, NAME128);
}

/* ---- notes ---- */

static void
known_note_is_signed(void **state)
{
	const struct note_key key = key_of(KNOWN_VKEY);
	DEFER(buf_clear_public) struct buf note = {0};
	uint8_t seed[NOTE_SEED_BYTES];

	(void)state;
	known_seed(seed);
	note_sign(&key, seed, bytes_of_text(KNOWN_CHECKPOINT), &note);
	assert_string_equal(buf_text(&note), KNOWN_NOTE);
}

static const char *const GOOD_NOTES[] = {
    KNOWN_NOTE, KNOWN_NOTE WITNESS, KNOWN_CHECKPOINT "\n" WITNESS KNOWN_SIGNATURE,
    KNOWN_NOTE KNOWN_SIGNATURE, KNOWN_NOTE DASH "witn\xc3\xa9ss AAAAAAAA\n",
    KNOWN_NOTE DASH KNOWN_ORIGIN " AAAAAAAAAAAAAAAA\n", /* the same name, another key */
};

static void
good_notes_give_their_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(GOOD_NOTES); i++) {
		struct bytes text = {0};

		assert_int_equal(verify(bytes_of_text(GOOD_NOTES[i]), &text), E_NONE);
		assert_true(bytes_equal(text, bytes_of_text(KNOWN_CHECKPOINT)));
	}
}

/* The last empty line divides, so a text may have empty lines. */
static void
a_text_with_empty_lines_survives(void **state)
{
	const struct note_key key = key_of(KNOWN_VKEY);
	const struct bytes text = BYTES_LITERAL("one\n\ntwo\n\n");
	DEFER(buf_clear_public) struct buf note = {0};
	uint8_t seed[NOTE_SEED_BYTES];
	struct bytes read = {0};

	(void)state;
	known_seed(seed);
	note_sign(&key, seed, text, &note);
	assert_int_equal(verify(buf_bytes(&note), &read), E_NONE);
	assert_true(bytes_equal(read, text));
}

static const struct {
	const char *why, *note;
	enum error_code want;
} BAD_NOTES[] = {
    {"nothing", "", E_BAD_SYNTAX},
    {"a text alone", KNOWN_CHECKPOINT, E_BAD_SYNTAX},
    {"no signature", KNOWN_CHECKPOINT "\n", E_BAD_SYNTAX},
    {"no empty line", KNOWN_CHECKPOINT KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"a signature alone", "\n" KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"no name", KNOWN_NOTE DASH "AAAAAAAA\n", E_BAD_SYNTAX},
    {"empty name", KNOWN_NOTE DASH " AAAAAAAA\n", E_BAD_SYNTAX},
    {"plus sign in a name", KNOWN_NOTE DASH "a+b AAAAAAAA\n", E_BAD_SYNTAX},
    {"a hyphen for the dash", KNOWN_NOTE "- w AAAAAAAA\n", E_BAD_SYNTAX},
    {"no space after the dash", KNOWN_NOTE "\xe2\x80\x94w AAAAAAAA\n", E_BAD_SYNTAX},
    {"signature without octets", KNOWN_NOTE DASH "w \n", E_BAD_SYNTAX},
    {"signature of a hash alone", KNOWN_NOTE DASH "w AAAAAA==\n", E_BAD_SYNTAX},
    {"signature not in base64", KNOWN_NOTE DASH "w AAAA-AAA\n", E_BAD_SYNTAX},
    {"trailing space", KNOWN_NOTE DASH "w AAAAAAAA \n", E_BAD_SYNTAX},
    {"carriage return", KNOWN_NOTE DASH "w AAAAAAAA\r\n", E_BAD_SYNTAX},
    {"line without end", KNOWN_NOTE DASH "w AAAAAAAA", E_BAD_SYNTAX},
    {"an empty line at the end", KNOWN_NOTE "\n", E_BAD_SYNTAX},
    {"a text at the end", KNOWN_NOTE "text\n", E_BAD_SYNTAX},
    {"control character in the text", "a\tb\n\n" KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"text not UTF-8", "\xff\n\n" KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"overlong UTF-8", "\xc0\xaf\n\n" KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"surrogate in UTF-8", "\xed\xa0\x80\n\n" KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"UTF-8 beyond U+10FFFF", "\xf4\x90\x80\x80\n\n" KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"cut UTF-8", "\xe2\x80\n\n" KNOWN_SIGNATURE, E_BAD_SYNTAX},
    {"only a witness", KNOWN_CHECKPOINT "\n" WITNESS, E_BAD_PROOF},
    {"another text", "another\n\n" KNOWN_SIGNATURE, E_BAD_PROOF},
    {"another size",
	KNOWN_ORIGIN "\n4\nsYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E=\n\n" KNOWN_SIGNATURE,
	E_BAD_PROOF},
    {"a line added to the text", KNOWN_CHECKPOINT "x\n\n" KNOWN_SIGNATURE, E_BAD_PROOF},
    {"another empty line", KNOWN_CHECKPOINT "\n\n" KNOWN_SIGNATURE, E_BAD_PROOF},
    {"signature too short", KNOWN_CHECKPOINT "\n" DASH KNOWN_ORIGIN " /vfHtFBL\n", E_BAD_PROOF},
    {"a good and a wrong signature", KNOWN_NOTE DASH KNOWN_ORIGIN " /vfHtFBL\n", E_BAD_PROOF},
    {"a wrong and a good signature",
	KNOWN_CHECKPOINT "\n" DASH KNOWN_ORIGIN " /vfHtFBL\n" KNOWN_SIGNATURE, E_BAD_PROOF},
};

static void
bad_notes_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(BAD_NOTES); i++) {
		struct bytes text = {0};
		const enum error_code code = verify(bytes_of_text(BAD_NOTES[i].note), &text);

		if (code != BAD_NOTES[i].want)
			fail_msg("%s: %s", BAD_NOTES[i].why, error_info(code)->name);
	}
}

static void
more_than_100_signatures_are_refused(void **state)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct bytes text = {0};

	(void)state;
	buf_append_text(&note, KNOWN_NOTE);
	for (int count = 1; count < 100; count++)
		buf_append_text(&note, WITNESS);
	assert_int_equal(verify(buf_bytes(&note), &text), E_NONE);
	buf_append_text(&note, WITNESS);
	assert_int_equal(verify(buf_bytes(&note), &text), E_BAD_SYNTAX);
}

static void
every_flipped_bit_is_refused(void **state)
{
	uint8_t note[] = KNOWN_NOTE;
	const size_t len = sizeof(note) - 1;

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		note[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_refused(bytes_of(note, len));
		note[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(KNOWN_NOTE); len++)
		assert_refused(bytes_of(KNOWN_NOTE, len));
}

static void
a_foreign_key_is_refused(void **state)
{
	const uint8_t public_key[NOTE_PUBLIC_BYTES] = {1};
	struct error err = {0};
	struct note_key key;
	struct bytes text = {0};

	(void)state;
	assert_true(note_key_init(&key, KNOWN_ORIGIN, public_key, &err));
	assert_false(note_verify(bytes_of_text(KNOWN_NOTE), &key, &text, &err));
	assert_int_equal(err.code, E_BAD_PROOF);
}

static void
a_note_too_long_is_refused(void **state)
{
	const struct note_key key = key_of(KNOWN_VKEY);
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	uint8_t seed[NOTE_SEED_BYTES];
	struct bytes read = {0};
	const size_t signature_len = strlen(KNOWN_SIGNATURE) + 1;

	(void)state;
	known_seed(seed);
	memset(buf_extend(&text, NOTE_MAX - signature_len), 'a', NOTE_MAX - signature_len);
	text.data[text.len - 1] = '\n';
	note_sign(&key, seed, buf_bytes(&text), &note);
	assert_int_equal(note.len, NOTE_MAX);
	assert_int_equal(verify(buf_bytes(&note), &read), E_NONE);
	buf_clear_public(&note);
	text.data[text.len - 1] = 'a';
	buf_append_text(&text, "\n");
	note_sign(&key, seed, buf_bytes(&text), &note);
	assert_int_equal(verify(buf_bytes(&note), &read), E_BAD_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_key_has_its_text),
	    cmocka_unit_test(bad_verifier_keys_are_refused),
	    cmocka_unit_test(every_truncation_of_a_verifier_key_is_refused),
	    cmocka_unit_test(names_are_bounded_and_printable),
	    cmocka_unit_test(known_note_is_signed),
	    cmocka_unit_test(good_notes_give_their_text),
	    cmocka_unit_test(a_text_with_empty_lines_survives),
	    cmocka_unit_test(bad_notes_are_refused),
	    cmocka_unit_test(more_than_100_signatures_are_refused),
	    cmocka_unit_test(every_flipped_bit_is_refused),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(a_foreign_key_is_refused),
	    cmocka_unit_test(a_note_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
