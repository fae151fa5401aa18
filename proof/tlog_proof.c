#include "proof/tlog_proof.h"

#include "base/text.h"
#include "proof/merkle.h"
#include "proof/scan.h"

void
tlog_proof_clear(struct tlog_proof *proof)
{
	buf_clear_public(&proof->extra);
	buf_clear_public(&proof->hashes);
}

void
tlog_hashes_encode(struct bytes hashes, struct buf *out)
{
	for (size_t at = 0; at < hashes.len; at += SHA256_BYTES) {
		base64_encode(out, bytes_of(hashes.data + at, SHA256_BYTES));
		buf_append_u8(out, '\n');
	}
}

void
tlog_proof_encode(const struct tlog_proof *proof, struct buf *out)
{
	buf_append_text(out, TLOG_PROOF_HEAD);
	if (proof->extra.len > 0) {
		buf_append_text(out, "extra ");
		base64_encode(out, buf_bytes(&proof->extra));
		buf_append_u8(out, '\n');
	}
	buf_append_format(out, "index %llu\n", (unsigned long long)proof->index);
	tlog_hashes_encode(buf_bytes(&proof->hashes), out);
	buf_append_u8(out, '\n');
	buf_append(out, proof->note);
}

static bool
take_extra(struct scan *in, struct buf *out)
{
	struct bytes line = {0};

	if (!scan_literal(in, "extra "))
		return true;
	return scan_line(in, &line) && base64_decode(line, out) && out->len > 0 &&
	       out->len <= LEAF_MAX;
}

static bool
take_index(struct scan *in, uint64_t *out)
{
	int64_t index = 0;

	if (!scan_literal(in, "index ") || !scan_number(in, &index) || !scan_literal(in, "\n"))
		return false;
	*out = (uint64_t)index;
	return true;
}

/* One line of a hash. */
static bool
take_hash(struct scan *in, struct buf *out)
{
	const size_t before = out->len;
	struct bytes line = {0};

	return before < TLOG_PROOF_HASHES_MAX * SHA256_BYTES && scan_line(in, &line) &&
	       line.len == BASE64_TEXT_LEN(SHA256_BYTES) && base64_decode(line, out) &&
	       out->len == before + SHA256_BYTES;
}

/* Lines of hashes, up to an empty one that is taken, too. */
static bool
take_hashes(struct scan *in, struct buf *out)
{
	while (!scan_literal(in, "\n"))
		if (!take_hash(in, out))
			return false;
	return true;
}

bool
tlog_hashes_parse(struct bytes lines, struct buf *out, struct error *err)
{
	struct scan in = {lines};

	while (in.rest.len > 0)
		if (!take_hash(&in, out))
			return error_set(err, E_BAD_SYNTAX, "not lines of up to %d hashes",
			    TLOG_PROOF_HASHES_MAX);
	return true;
}

bool
tlog_proof_parse(struct bytes text, struct tlog_proof *out, struct error *err)
{
	DEFER(tlog_proof_clear) struct tlog_proof proof = {0};
	struct scan in = {text};

	if (text.len > TLOG_PROOF_MAX)
		return error_set(
		    err, E_BAD_SYNTAX, "a proof is longer than %d octets", TLOG_PROOF_MAX);
	if (!scan_literal(&in, TLOG_PROOF_HEAD) || !take_extra(&in, &proof.extra) ||
	    !take_index(&in, &proof.index) || !take_hashes(&in, &proof.hashes) || in.rest.len == 0)
		return error_set(err, E_BAD_SYNTAX, "not a tlog-proof");
	proof.note = in.rest;
	*out = proof;
	memset(&proof, 0, sizeof proof);
	return true;
}

bool
tlog_open(struct bytes note, const struct note_key *key, struct checkpoint *out, struct error *err)
{
	struct checkpoint checkpoint;
	struct bytes text = {0};

	if (!note_verify(note, key, &text, err) || !checkpoint_parse(text, &checkpoint, err))
		return false;
	if (strcmp(checkpoint.origin, key->name) != 0)
		return error_set(err, E_BAD_PROOF, "the checkpoint is of %.60s, the key of %.60s",
		    checkpoint.origin, key->name);
	*out = checkpoint;
	return true;
}

bool
tlog_proof_verify(const struct tlog_proof *proof, const struct note_key *key,
    struct checkpoint *out, struct error *err)
{
	struct checkpoint checkpoint;
	struct leaf_view leaf;
	uint8_t hash[SHA256_BYTES];

	if (!tlog_open(proof->note, key, &checkpoint, err))
		return false;
	if (proof->extra.len == 0)
		return error_set(err, E_BAD_SYNTAX, "the proof holds no leaf");
	if (!leaf_parse(buf_bytes(&proof->extra), &leaf, err))
		return false;
	if ((uint64_t)leaf.seq != proof->index)
		return error_set(err, E_BAD_PROOF, "the leaf is number %lld, the proof is of %llu",
		    (long long)leaf.seq, (unsigned long long)proof->index);
	leaf_hash(buf_bytes(&proof->extra), hash);
	if (!merkle_verify_inclusion(proof->index, checkpoint.size, hash, buf_bytes(&proof->hashes),
		checkpoint.root, err))
		return false;
	*out = checkpoint;
	return true;
}
