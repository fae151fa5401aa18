/* A request to a witness is written as it was read; without the log's signature none is cosigned.
 */
#include "proof/tlog_policy.h"
#include "proof/witness_request.h"
#include "tests/fuzz/note_signer.h"

static void
decide(const struct witness_request *request)
{
	static const uint8_t nobodys[NOTE_PUBLIC_BYTES] = {9};
	struct witness_state state;
	struct checkpoint now;
	struct error err = {0};
	struct note_key key;
	enum witness_verdict verdict;

	witness_state_init(&state);
	MUST(note_key_init(&key, "moniker.example/log", nobodys, &err));
	verdict = witness_decide(request, &key, &state, &now, &err);
	MUST(verdict == WITNESS_UNSIGNED || verdict == WITNESS_MALFORMED);
	MUST(err.code == E_BAD_PROOF || err.code == E_BAD_SYNTAX);
}

/* The input's text, signed: nothing is continued by whatever comes without a proof. */
static void
decide_signed(const struct witness_request *request)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct witness_request again = {.old_size = request->old_size, .hashes = request->hashes};
	struct witness_state state;
	struct checkpoint now;
	struct error err = {0};
	struct note_key key;
	uint8_t seed[NOTE_SEED_BYTES];
	struct bytes text;
	enum witness_verdict verdict;

	if (!note_text(request->note, &text, &err))
		return;
	note_signer(&key, seed);
	note_sign(&key, seed, text, &note);
	again.note = buf_bytes(&note);
	witness_state_init(&state);
	err = (struct error){0};
	verdict = witness_decide(&again, &key, &state, &now, &err);
	if (verdict == WITNESS_COSIGNS)
		MUST(again.old_size == 0 && again.hashes.len == 0 &&
		     strcmp(now.origin, key.name) == 0);
}

static void
policy(struct bytes in)
{
	static struct tlog_policy read;
	struct error err = {0};

	if (!fuzz_verdict(tlog_policy_parse(in, &read, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	MUST(read.witness_count <= TLOG_POLICY_WITNESSES_MAX &&
	     read.node_count <= TLOG_POLICY_NODES_MAX && read.quorum < (int)read.node_count);
	MUST(tlog_policy_is_quorum(&read, UINT64_MAX));
	MUST(read.quorum < 0 || !tlog_policy_is_quorum(&read, 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes in = bytes_of(data, size);
	DEFER(witness_request_clear) struct witness_request request = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	struct error err = {0};

	policy(in);
	if (!fuzz_verdict(witness_request_parse(in, &request, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX && request.hashes.data == NULL);
		return 0;
	}
	witness_request_encode(&request, &again);
	MUST(bytes_equal(buf_bytes(&again), in));
	decide(&request);
	decide_signed(&request);
	return 0;
}
