#include "tests/support/memory_log.h"

#include "base/text.h"
#include "known.h"
#include "proof/prove.h"
#include "proof/tlog_proof.h"

/* The proof of leaf 1 of the three known leaves. */
static void
make_known(struct buf *out)
{
	DEFER(tlog_proof_clear)
	struct tlog_proof proof = {.index = 1, .note = bytes_of_text(KNOWN_NOTE)};

	buf_append_text(&proof.extra, KNOWN_LEAF1);
	assert_true(hex_decode(
	    bytes_of_text(KNOWN_HASH0), buf_extend(&proof.hashes, SHA256_BYTES), SHA256_BYTES));
	assert_true(hex_decode(
	    bytes_of_text(KNOWN_HASH2), buf_extend(&proof.hashes, SHA256_BYTES), SHA256_BYTES));
	tlog_proof_encode(&proof, out);
}

static struct note_key
known_key(void)
{
	struct note_key key;
	struct error err = {0};

	assert_true(note_key_parse(bytes_of_text(KNOWN_VKEY), &key, &err));
	return key;
}

static enum error_code
verdict(struct bytes text)
{
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	const struct note_key key = known_key();
	struct checkpoint checkpoint;
	struct error err = {0};

	if (tlog_proof_parse(text, &proof, &err) &&
	    tlog_proof_verify(&proof, &key, &checkpoint, &err)) {
		assert_int_equal(checkpoint.size, 3);
		return E_NONE;
	}
	assert_int_not_equal(err.code, E_NONE);
	return err.code;
}

static void
the_known_proof_is_good_and_spelled_as_specified(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	make_known(&text);
	assert_int_equal(
	    strncmp(buf_text(&text), "c2sp.org/tlog-proof@v1\nextra eyJzZXEiOjEs", 41), 0);
	assert_non_null(strstr(buf_text(&text),
	    "\nindex "
	    "1\n09JYvls2zw1tci3uXodCBZXw6n1p00z1dwGckEhuFUU="
	    "\n8MX1BxmOFEBfydixtcVlW/nEYMyj7LdlJWbGh2OUAsc=\n\n" KNOWN_NOTE));
	assert_int_equal(verdict(buf_bytes(&text)), E_NONE);
}

static void
no_flipped_bit_of_a_proof_passes(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	make_known(&text);
	for (size_t bit = 0; bit < 8 * text.len; bit++) {
		text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (verdict(buf_bytes(&text)) == E_NONE)
			fail_msg("bit %zu flipped", bit);
		text.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(verdict(buf_bytes(&text)), E_NONE);
}

static void
a_cut_proof_is_refused(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	make_known(&text);
	for (size_t len = 0; len < text.len; len++)
		assert_int_not_equal(verdict(bytes_of(text.data, len)), E_NONE);
}

static void
a_proof_is_read_as_it_was_written(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	struct error err = {0};

	(void)state;
	make_known(&text);
	assert_true(tlog_proof_parse(buf_bytes(&text), &proof, &err));
	assert_octets_text(buf_bytes(&proof.extra), KNOWN_LEAF1);
	tlog_proof_encode(&proof, &again);
	assert_octets(buf_bytes(&again), buf_bytes(&text));
}

static void
texts_that_are_no_proof(void **state)
{
	static const struct {
		const char *text;
		enum error_code want;
	} ROWS[] = {
	    {"", E_BAD_SYNTAX},
	    {"c2sp.org/tlog-proof@v2\nindex 0\n\nx", E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "\n", E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "index 0\n\n", E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "index 00\n\n" KNOWN_NOTE, E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "index -1\n\n" KNOWN_NOTE, E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "extra \nindex 0\n\n" KNOWN_NOTE, E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "extra !\nindex 0\n\n" KNOWN_NOTE, E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "index 0\nAAAA\n\n" KNOWN_NOTE, E_BAD_SYNTAX},
	    {TLOG_PROOF_HEAD "index 0\n\n" KNOWN_NOTE, E_BAD_SYNTAX}, /* no leaf */
	    {TLOG_PROOF_HEAD "index 0\n\nnothing signed\n", E_BAD_SYNTAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++)
		assert_int_equal(verdict(bytes_of_text(ROWS[i].text)), ROWS[i].want);
}

/* A true leaf and a true path, told for another place or another log. */
static void
a_true_leaf_elsewhere_is_refused(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	struct note_key key = known_key(), other;
	struct checkpoint checkpoint;
	struct error err = {0}, moved = {0}, foreign = {0};

	(void)state;
	make_known(&text);
	assert_true(tlog_proof_parse(buf_bytes(&text), &proof, &err));
	proof.index = 0;
	assert_false(tlog_proof_verify(&proof, &key, &checkpoint, &moved));
	assert_int_equal(moved.code, E_BAD_PROOF);
	proof.index = 1;
	assert_true(note_key_init(&other, "moniker.example/node2-2026", key.public_key, &err));
	assert_false(tlog_proof_verify(&proof, &other, &checkpoint, &foreign));
	assert_int_equal(foreign.code, E_BAD_PROOF);
}

static void
hashes_are_lines(void **state)
{
	DEFER(buf_clear_public) struct buf lines = {0};
	DEFER(buf_clear_public) struct buf hashes = {0};
	uint8_t octets[(TLOG_PROOF_HASHES_MAX + 1) * SHA256_BYTES];
	struct error err = {0}, cut = {0}, many = {0};

	(void)state;
	memset(octets, 7, sizeof octets);
	tlog_hashes_encode(bytes_of(octets, sizeof octets - SHA256_BYTES), &lines);
	assert_true(tlog_hashes_parse(buf_bytes(&lines), &hashes, &err));
	assert_octets(buf_bytes(&hashes), bytes_of(octets, sizeof octets - SHA256_BYTES));
	assert_false(tlog_hashes_parse(bytes_of(lines.data, lines.len - 1), &hashes, &cut));
	assert_int_equal(cut.code, E_BAD_SYNTAX);
	buf_truncate(&lines, 0);
	buf_truncate(&hashes, 0);
	tlog_hashes_encode(bytes_of(octets, sizeof octets), &lines);
	assert_false(tlog_hashes_parse(buf_bytes(&lines), &hashes, &many));
	assert_int_equal(many.code, E_BAD_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_known_proof_is_good_and_spelled_as_specified),
	    cmocka_unit_test(no_flipped_bit_of_a_proof_passes),
	    cmocka_unit_test(a_cut_proof_is_refused),
	    cmocka_unit_test(a_proof_is_read_as_it_was_written),
	    cmocka_unit_test(texts_that_are_no_proof),
	    cmocka_unit_test(a_true_leaf_elsewhere_is_refused),
	    cmocka_unit_test(hashes_are_lines),
	};

	return cmocka_run_group_tests_name("proof/tlog_proof", tests, NULL, NULL);
}
