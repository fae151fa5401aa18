#include "tests/support/signed_log.h"

#include "base/text.h"
#include "known.h"
#include "proof/prove.h"
#include "proof/witness_request.h"

#define LEAVES 40

/* Hashes of perfect subtrees, for proofs. */
static bool
read_node(
    void *context, int level, uint64_t index, uint8_t out[static SHA256_BYTES], struct error *err)
{
	const struct signed_log *log = context;
	struct merkle tree = {0};

	(void)err;
	for (uint64_t i = index << level; i < (index + 1) << level; i++) {
		uint8_t hash[SHA256_BYTES];

		leaf_hash(buf_bytes(&log->leaves[i]), hash);
		merkle_append(&tree, hash);
	}
	merkle_root(&tree, out);
	return true;
}

static void
state_of(const struct signed_log *log, size_t size, struct witness_state *out)
{
	struct merkle tree = {0};

	witness_state_init(out);
	for (size_t i = 0; i < size; i++) {
		uint8_t hash[SHA256_BYTES];

		leaf_hash(buf_bytes(&log->leaves[i]), hash);
		merkle_append(&tree, hash);
	}
	out->size = size;
	merkle_root(&tree, out->root);
}

static void
prove(const struct signed_log *log, size_t from, size_t to, struct buf *out)
{
	const struct prove_nodes nodes = {(void *)(uintptr_t)log, read_node};
	struct error err = {0};

	if (from > 0 && from < to)
		assert_true(prove_consistency(from, to, &nodes, out, &err));
}

/* The verdict on a request that says `old`, has the proof of from..to, and the note of `to`. */
static enum witness_verdict
decide(const struct signed_log *log, size_t state_size, size_t old, size_t from, size_t to)
{
	DEFER(witness_request_clear) struct witness_request request = {.old_size = old};
	DEFER(buf_clear_public) struct buf note = {0};
	struct witness_state state;
	struct checkpoint now = {0};
	struct error err = {0};
	enum witness_verdict verdict;

	prove(log, from, to, &request.hashes);
	signed_log_note(log, to, &note);
	request.note = buf_bytes(&note);
	state_of(log, state_size, &state);
	verdict = witness_decide(&request, &log->key, &state, &now, &err);
	assert_int_equal(now.size, verdict == WITNESS_COSIGNS ? to : 0);
	assert_int_equal(err.code == E_NONE, verdict == WITNESS_COSIGNS);
	return verdict;
}

static void
every_growth_is_cosigned(void **state)
{
	DEFER(signed_log_clear) struct signed_log log;

	(void)state;
	signed_log_init(&log);
	signed_log_grow(&log, LEAVES);
	for (size_t from = 0; from <= LEAVES; from++)
		for (size_t to = from; to <= LEAVES; to++)
			assert_int_equal(decide(&log, from, from, from, to), WITNESS_COSIGNS);
}

static void
what_does_not_follow_the_state_is_not(void **state)
{
	DEFER(signed_log_clear) struct signed_log log;

	(void)state;
	signed_log_init(&log);
	signed_log_grow(&log, LEAVES);
	assert_int_equal(decide(&log, 10, 0, 0, 20), WITNESS_CONFLICT);
	assert_int_equal(decide(&log, 10, 9, 9, 20), WITNESS_CONFLICT);
	assert_int_equal(decide(&log, 10, 11, 11, 20), WITNESS_CONFLICT);
	assert_int_equal(decide(&log, 0, 10, 10, 20), WITNESS_CONFLICT);
	assert_int_equal(decide(&log, 10, 21, 10, 20), WITNESS_MALFORMED);
	assert_int_equal(decide(&log, 10, 10, 0, 20), WITNESS_INCONSISTENT); /* no proof */
	assert_int_equal(decide(&log, 10, 10, 9, 20), WITNESS_INCONSISTENT); /* another's */
	assert_int_equal(decide(&log, 10, 10, 5, 10), WITNESS_INCONSISTENT); /* one too many */
	assert_int_equal(decide(&log, 0, 0, 5, 10), WITNESS_INCONSISTENT);
}

/* The log was written anew from some leaf on, and signed again. */
static void
another_history_is_not_cosigned(void **state)
{
	DEFER(signed_log_clear) struct signed_log log;
	DEFER(signed_log_clear) struct signed_log other;

	(void)state;
	signed_log_init(&log);
	signed_log_init(&other);
	signed_log_grow(&log, 10);
	signed_log_grow(&other, 9);
	signed_log_add(&other, (struct leaf){.event = LEAF_SVC_STOP});
	signed_log_grow(&other, LEAVES);
	for (size_t to = 10; to <= LEAVES; to++) {
		DEFER(witness_request_clear) struct witness_request request = {.old_size = 10};
		DEFER(buf_clear_public) struct buf note = {0};
		struct witness_state known;
		struct checkpoint now;
		struct error err = {0};

		prove(&other, 10, to, &request.hashes);
		signed_log_note(&other, to, &note);
		request.note = buf_bytes(&note);
		state_of(&log, 10, &known);
		assert_int_equal(witness_decide(&request, &log.key, &known, &now, &err),
		    to == 10 ? WITNESS_CONFLICT : WITNESS_INCONSISTENT);
	}
}

static void
what_the_log_did_not_sign_is_not(void **state)
{
	DEFER(witness_request_clear) struct witness_request request = {0};
	struct witness_state known;
	struct checkpoint now;
	struct note_key key;
	struct error err = {0};
	char note[] = KNOWN_NOTE;

	(void)state;
	witness_state_init(&known);
	assert_true(note_key_parse(bytes_of_text(KNOWN_VKEY), &key, &err));
	request.note = bytes_of(note, sizeof note - 1);
	assert_int_equal(witness_decide(&request, &key, &known, &now, &err), WITNESS_COSIGNS);
	note[sizeof KNOWN_ORIGIN] = '4';
	assert_int_equal(witness_decide(&request, &key, &known, &now, &err), WITNESS_UNSIGNED);
	err = (struct error){0};
	key.name[0] = 'n';
	assert_int_equal(witness_decide(&request, &key, &known, &now, &err), WITNESS_UNSIGNED);
}

#define HASH "sYYjl3/YdGLB3zpSRVTbjy0mmWON4vkgzocrRoMuv8E=\n"

static void
a_request_is_read_as_it_is_written(void **state)
{
	static const char TEXT[] = "old 2\n" HASH HASH "\n" KNOWN_NOTE;
	DEFER(witness_request_clear) struct witness_request request = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	struct error err = {0};

	(void)state;
	assert_true(witness_request_parse(bytes_of_text(TEXT), &request, &err));
	assert_int_equal(request.old_size, 2);
	assert_int_equal(request.hashes.len, 2 * SHA256_BYTES);
	assert_octets(request.note, bytes_of_text(KNOWN_NOTE));
	witness_request_encode(&request, &again);
	assert_string_equal(buf_text(&again), TEXT);
}

static void
what_is_no_request_is_refused(void **state)
{
	static const char *const ROWS[] = {"", "old 2", "old 2\n", "old 2\n\n",
	    "old 02\n\n" KNOWN_NOTE, "old -1\n\n" KNOWN_NOTE, "old  2\n\n" KNOWN_NOTE,
	    "Old 2\n\n" KNOWN_NOTE, "old 2\r\n\r\n" KNOWN_NOTE,
	    "old 9223372036854775808\n\n" KNOWN_NOTE, "old 2\n" HASH KNOWN_NOTE,
	    "old 2\nAAAA\n\n" KNOWN_NOTE, HASH "\n" KNOWN_NOTE, "old 2\nold 3\n\n" KNOWN_NOTE};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(witness_request_clear) struct witness_request request = {0};
		struct error err = {0};

		assert_false(witness_request_parse(bytes_of_text(ROWS[i]), &request, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
more_than_63_hashes_are_refused(void **state)
{
	(void)state;
	for (int count = 63; count <= 64; count++) {
		DEFER(witness_request_clear) struct witness_request request = {0};
		DEFER(buf_clear_public) struct buf text = {0};
		struct error err = {0};

		buf_append_text(&text, "old 2\n");
		for (int i = 0; i < count; i++)
			buf_append_text(&text, HASH);
		buf_append_text(&text, "\n" KNOWN_NOTE);
		assert_int_equal(
		    witness_request_parse(buf_bytes(&text), &request, &err), count == 63);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_growth_is_cosigned),
	    cmocka_unit_test(what_does_not_follow_the_state_is_not),
	    cmocka_unit_test(another_history_is_not_cosigned),
	    cmocka_unit_test(what_the_log_did_not_sign_is_not),
	    cmocka_unit_test(a_request_is_read_as_it_is_written),
	    cmocka_unit_test(what_is_no_request_is_refused),
	    cmocka_unit_test(more_than_63_hashes_are_refused),
	};

	return cmocka_run_group_tests_name("proof/witness_request", tests, NULL, NULL);
}
