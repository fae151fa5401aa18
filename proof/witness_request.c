#include "proof/witness_request.h"

#include "base/text.h"
#include "proof/merkle.h"
#include "proof/scan.h"

void
witness_request_clear(struct witness_request *request)
{
	buf_clear_public(&request->hashes);
}

void
witness_request_encode(const struct witness_request *request, struct buf *out)
{
	buf_append_format(out, "old %llu\n", (unsigned long long)request->old_size);
	tlog_hashes_encode(buf_bytes(&request->hashes), out);
	buf_append_u8(out, '\n');
	buf_append(out, request->note);
}

static bool
take_old_size(struct scan *in, uint64_t *out)
{
	int64_t size = 0;

	if (!scan_literal(in, "old ") || !scan_number(in, &size) || !scan_literal(in, "\n"))
		return false;
	*out = (uint64_t)size;
	return true;
}

/* The lines before the empty one; that one is taken, too. */
static bool
take_hashes(struct scan *in, struct buf *out, struct error *err)
{
	const uint8_t *from = in->rest.data;
	struct bytes line = {0};

	do {
		if (!scan_line(in, &line))
			return error_set(err, E_BAD_SYNTAX, "there is no empty line");
	} while (line.len > 0);
	return tlog_hashes_parse(bytes_of(from, (size_t)(in->rest.data - from) - 1), out, err);
}

bool
witness_request_parse(struct bytes text, struct witness_request *out, struct error *err)
{
	DEFER(witness_request_clear) struct witness_request request = {0};
	struct scan in = {text};

	if (text.len > WITNESS_REQUEST_MAX)
		return error_set(err, E_BAD_SYNTAX, "longer than %d octets", WITNESS_REQUEST_MAX);
	if (!take_old_size(&in, &request.old_size))
		return error_set(err, E_BAD_SYNTAX, "there is no old size");
	if (!take_hashes(&in, &request.hashes, err))
		return false;
	if (in.rest.len == 0)
		return error_set(err, E_BAD_SYNTAX, "there is no checkpoint");
	request.note = in.rest;
	*out = request;
	memset(&request, 0, sizeof request);
	return true;
}

void
witness_state_init(struct witness_state *out)
{
	const struct merkle empty = {0};

	*out = (struct witness_state){0};
	merkle_root(&empty, out->root);
}

/* The order is the specification's: what does not depend on the state comes first. */
static enum witness_verdict
judge(const struct witness_request *request, const struct witness_state *state,
    const struct checkpoint *now, struct error *err)
{
	if (request->old_size > now->size) {
		(void)error_set(err, E_BAD_SYNTAX, "the old size is above the checkpoint's");
		return WITNESS_MALFORMED;
	}
	if (request->old_size != state->size) {
		(void)error_set(err, E_STATE_CONFLICT, "the newest size here is %llu",
		    (unsigned long long)state->size);
		return WITNESS_CONFLICT;
	}
	if (now->size == state->size && memcmp(now->root, state->root, SHA256_BYTES) != 0) {
		(void)error_set(err, E_STATE_CONFLICT, "another root of %llu leaves is cosigned",
		    (unsigned long long)state->size);
		return WITNESS_CONFLICT;
	}
	return merkle_verify_consistency(
		   state->size, now->size, buf_bytes(&request->hashes), state->root, now->root, err)
		   ? WITNESS_COSIGNS
		   : WITNESS_INCONSISTENT;
}

enum witness_verdict
witness_decide(const struct witness_request *request, const struct note_key *key,
    const struct witness_state *state, struct checkpoint *out, struct error *err)
{
	struct checkpoint now;
	enum witness_verdict verdict;

	if (!tlog_open(request->note, key, &now, err))
		return err->code == E_BAD_PROOF ? WITNESS_UNSIGNED : WITNESS_MALFORMED;
	verdict = judge(request, state, &now, err);
	if (verdict == WITNESS_COSIGNS)
		*out = now;
	return verdict;
}
