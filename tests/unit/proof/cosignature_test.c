#include "tests/support/cmocka_all.h"

#include "base/text.h"
#include "known.h"
#include "proof/cosignature.h"

#define COSIGNED KNOWN_NOTE KNOWN_COSIGNATURE

static void
witness(struct note_key *out, uint8_t seed[static NOTE_SEED_BYTES])
{
	struct error err = {0};

	for (uint8_t i = 0; i < NOTE_SEED_BYTES; i++)
		seed[i] = (uint8_t)(0x41 + i);
	assert_true(note_cosigner_parse(bytes_of_text(KNOWN_WITNESS_VKEY), out, &err));
}

static enum error_code
verify(struct bytes note, int64_t *out_at_s)
{
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key;
	struct error err = {0};

	witness(&key, seed);
	return cosignature_verify(note, &key, out_at_s, &err) ? E_NONE : err.code;
}

static void
a_cosignature_is_what_go_makes_of_it(void **state)
{
	uint8_t seed[NOTE_SEED_BYTES];
	DEFER(buf_clear_public) struct buf line = {0};
	struct note_key key;

	(void)state;
	witness(&key, seed);
	cosignature_sign(&key, seed, bytes_of_text(KNOWN_CHECKPOINT), KNOWN_COSIGNED_AT_S, &line);
	assert_string_equal(buf_text(&line), KNOWN_COSIGNATURE);
}

static void
its_time_comes_with_it(void **state)
{
	int64_t at_s = 0;

	(void)state;
	assert_int_equal(verify(bytes_of_text(COSIGNED), &at_s), E_NONE);
	assert_int_equal(at_s, KNOWN_COSIGNED_AT_S);
}

static void
the_log_still_verifies_its_cosigned_note(void **state)
{
	struct note_key key;
	struct bytes text = {0};
	struct error err = {0};

	(void)state;
	assert_true(note_key_parse(bytes_of_text(KNOWN_VKEY), &key, &err));
	assert_true(note_verify(bytes_of_text(COSIGNED), &key, &text, &err));
	assert_octets(text, bytes_of_text(KNOWN_CHECKPOINT));
}

static void
a_note_without_one_has_none(void **state)
{
	int64_t at_s = 0;

	(void)state;
	assert_int_equal(verify(bytes_of_text(KNOWN_NOTE), &at_s), E_NOT_FOUND);
	assert_int_equal(verify(bytes_of_text("no note"), &at_s), E_BAD_SYNTAX);
}

/* In the text, the name, the key hash, the time, the signature. */
static void
every_bit_of_text_and_cosignature_counts(void **state)
{
	const size_t line = sizeof KNOWN_NOTE - 1;
	size_t refused = 0;

	(void)state;
	for (size_t i = 0; i < sizeof COSIGNED - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			char note[] = COSIGNED;
			int64_t at_s = 0;

			if (i >= sizeof KNOWN_CHECKPOINT - 1 && i < line)
				continue; /* the log's own line */
			note[i] = (char)(note[i] ^ (1 << bit));
			assert_int_not_equal(
			    verify(bytes_of(note, sizeof note - 1), &at_s), E_NONE);
			refused++;
		}
	assert_true(refused > 8 * 200);
}

static void
a_key_of_a_log_is_none_of_a_witness(void **state)
{
	struct note_key key;
	struct error err = {0};

	(void)state;
	assert_false(note_cosigner_parse(bytes_of_text(KNOWN_VKEY), &key, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
	err = (struct error){0};
	assert_false(note_key_parse(bytes_of_text(KNOWN_WITNESS_VKEY), &key, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
}

static enum error_code
take(const char *answer, struct buf *out)
{
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key;
	struct error err = {0};

	witness(&key, seed);
	return cosignature_take(
		   bytes_of_text(answer), bytes_of_text(KNOWN_CHECKPOINT), &key, out, &err)
		   ? E_NONE
		   : err.code;
}

static void
of_an_answer_one_good_line_of_the_witness_is_taken(void **state)
{
	static const char OTHER[] = "\xe2\x80\x94 other.example/w AAAAAAAAAAAAAAAA\n";
	DEFER(buf_clear_public) struct buf out = {0};
	DEFER(buf_clear_public) struct buf answer = {0};

	(void)state;
	buf_append_format(&answer, "%s%s%s", OTHER, KNOWN_COSIGNATURE, KNOWN_COSIGNATURE);
	assert_int_equal(take(buf_text(&answer), &out), E_NONE);
	assert_string_equal(buf_text(&out), KNOWN_COSIGNATURE);
}

static void
an_answer_that_is_none_leaves_nothing(void **state)
{
	static const struct {
		const char *answer;
		enum error_code code;
	} ROWS[] = {
	    {"", E_BAD_PROOF},
	    {"hello\n", E_BAD_SYNTAX},
	    {KNOWN_SIGNATURE, E_BAD_PROOF},
	    {"\xe2\x80\x94 " KNOWN_WITNESS " XJF/9QAAAABpVblk\n", E_BAD_PROOF},
	    {KNOWN_COSIGNATURE "trailing", E_BAD_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf out = {0};

		assert_int_equal(take(ROWS[i].answer, &out), ROWS[i].code);
		assert_int_equal(out.len, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cosignature_is_what_go_makes_of_it),
	    cmocka_unit_test(its_time_comes_with_it),
	    cmocka_unit_test(the_log_still_verifies_its_cosigned_note),
	    cmocka_unit_test(a_note_without_one_has_none),
	    cmocka_unit_test(every_bit_of_text_and_cosignature_counts),
	    cmocka_unit_test(a_key_of_a_log_is_none_of_a_witness),
	    cmocka_unit_test(of_an_answer_one_good_line_of_the_witness_is_taken),
	    cmocka_unit_test(an_answer_that_is_none_leaves_nothing),
	};

	return cmocka_run_group_tests_name("proof/cosignature", tests, NULL, NULL);
}
