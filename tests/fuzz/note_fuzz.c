/* Signed notes and verifier keys. What we sign verifies, and nothing that was changed after. */
#include "base/buf.h"
#include "tests/fuzz/note_signer.h"

/* As it came: good only with a signature, the text the note's front, an empty line after it. */
static bool
verify(struct bytes note, const struct note_key *key)
{
	struct bytes text = {0};
	struct error err = {0};

	if (!fuzz_verdict(note_verify(note, key, &text, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX || err.code == E_BAD_PROOF);
		return false;
	}
	MUST(note.len <= NOTE_MAX && text.data == note.data && text.len < note.len);
	MUST(text.data[text.len - 1] == '\n' && note.data[text.len] == '\n');
	return true;
}

/* The input as a text of ours: signed, and signed with one bit changed after. */
static void
sign(struct bytes input, const struct note_key *key, const uint8_t *seed)
{
	DEFER(buf_clear_public) struct buf note = {0};
	size_t bit = fuzz_take(&input);

	bit = bit << 8 | fuzz_take(&input);
	if (input.len == 0 || input.data[input.len - 1] != '\n')
		return;
	note_sign(key, seed, input, &note);
	if (!verify(buf_bytes(&note), key))
		return;
	note.data[bit / 8 % note.len] ^= (uint8_t)(1 << bit % 8);
	MUST(!verify(buf_bytes(&note), key));
}

static void
read_key(struct bytes text)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct error err = {0};
	struct note_key key;

	if (!fuzz_verdict(note_key_parse(text, &key, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	note_key_encode(&key, &again);
	MUST(bytes_equal(buf_bytes(&again), text));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t seed[NOTE_SEED_BYTES];
	struct note_key key;

	note_signer(&key, seed);
	(void)verify(bytes_of(data, size), &key);
	read_key(bytes_of(data, size));
	sign(bytes_of(data, size), &key, seed);
	return 0;
}
