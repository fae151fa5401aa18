/* A proof is written as it was read; without the log's signature none is good. */
#include "proof/tlog_proof.h"
#include "tests/fuzz/fuzz.h"

static void
verify(const struct tlog_proof *proof)
{
	static const uint8_t nobodys[NOTE_PUBLIC_BYTES] = {9};
	struct checkpoint checkpoint;
	struct error err = {0};
	struct note_key key;

	MUST(note_key_init(&key, "moniker.example/log", nobodys, &err));
	MUST(!fuzz_verdict(tlog_proof_verify(proof, &key, &checkpoint, &err), &err));
	MUST(err.code == E_BAD_PROOF || err.code == E_BAD_SYNTAX);
}

static void
lines(struct bytes in)
{
	DEFER(buf_clear_public) struct buf hashes = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	struct error err = {0};

	if (!fuzz_verdict(tlog_hashes_parse(in, &hashes, &err), &err))
		return;
	MUST(hashes.len % SHA256_BYTES == 0 && hashes.len <= TLOG_PROOF_HASHES_MAX * SHA256_BYTES);
	tlog_hashes_encode(buf_bytes(&hashes), &again);
	MUST(bytes_equal(buf_bytes(&again), in));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes in = bytes_of(data, size);
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	struct error err = {0};

	lines(in);
	if (!fuzz_verdict(tlog_proof_parse(in, &proof, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX && proof.extra.data == NULL);
		return 0;
	}
	tlog_proof_encode(&proof, &again);
	MUST(bytes_equal(buf_bytes(&again), in));
	verify(&proof);
	return 0;
}
