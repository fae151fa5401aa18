#include <inttypes.h>
#include <unistd.h>

#include "base/mem.h"
#include "keeper/lane.h"
#include "proof/checkpoint.h"

/* An append whose parts are taken off the wire's octets. */
struct batch {
	struct wire_entry *entries; /* borrowed octets */
	struct leaf_view *views;
	struct bytes *leaves;
	size_t count;
};

static void
batch_clear(struct batch *batch)
{
	mem_free(batch->entries);
	mem_free(batch->views);
	mem_free(batch->leaves);
}
DEFER_DECLARE_CLEAR(struct batch, batch_clear)

/* ---- the tree ---- */

static void
checkpoint_now(const struct keeper_core *core, struct checkpoint *out)
{
	const struct merkle *tree = journal_tree(core->journal);

	memset(out, 0, sizeof(*out));
	memcpy(
	    out->origin, journal_origin(core->journal), strlen(journal_origin(core->journal)) + 1);
	out->size = tree->size;
	merkle_root(tree, out->root);
}

static bool
answer_checkpoint(struct lane *lane, struct error *err)
{
	const struct keeper_core *core = lane->core;
	DEFER(buf_clear_public) struct buf text = {0};
	struct checkpoint checkpoint;

	checkpoint_now(core, &checkpoint);
	checkpoint_encode(&checkpoint, &text);
	buf_truncate(&lane->out, 0);
	note_sign(&core->log_key, secret_bytes(core->log_seed).data, buf_bytes(&text), &lane->out);
	return lane_answer(lane, WIRE_APPENDED, err);
}

bool
lane_hello(struct lane *lane, struct bytes body, struct error *err)
{
	struct checkpoint checkpoint;

	(void)body;
	checkpoint_now(lane->core, &checkpoint);
	buf_append_u64(&lane->out, checkpoint.size);
	buf_append(&lane->out, bytes_of(checkpoint.root, sizeof(checkpoint.root)));
	buf_append(&lane->out, bytes_of(lane->core->log_key.public_key, NOTE_PUBLIC_BYTES));
	buf_append_text(&lane->out, checkpoint.origin);
	return lane_answer(lane, WIRE_STATE, err);
}

bool
lane_checkpoint(struct lane *lane, struct bytes body, struct error *err)
{
	(void)body;
	return lane_may_sign(lane->core, err) && answer_checkpoint(lane, err);
}

/* ---- an append arrives ---- */

bool
lane_append_begin(struct lane *lane, struct bytes body, struct error *err)
{
	struct reader reader = reader_of(body);
	struct append *append = &lane->append;

	append->first_seq = reader_u64(&reader);
	append->announced = reader_u32(&reader);
	append->arrived = 0;
	buf_truncate(&append->entries, 0);
	if (append->announced == 0 || append->announced > JOURNAL_APPEND_MAX)
		return error_set(
		    err, E_BAD_SYNTAX, "append: %" PRIu32 " leaves", append->announced);
	lane->state = LANE_IN_APPEND;
	return true;
}

bool
lane_append_records(struct lane *lane, struct bytes body, struct error *err)
{
	struct reader reader = reader_of(body);
	struct append *append = &lane->append;
	struct wire_entry entry;

	while (reader.ok && reader.rest.len > 0) {
		wire_entry_take(&reader, &entry);
		if (++append->arrived > append->announced)
			return error_set(err, E_BAD_SYNTAX, "append: more leaves than announced");
	}
	if (!reader.ok)
		return error_set(err, E_BAD_SYNTAX, "append: leaf %" PRIu32 " is malformed",
		    append->arrived - 1);
	buf_append(&append->entries, body);
	return true;
}

/* ---- and is checked, recorded, signed ---- */

static bool
leaf_accept(const struct lane *lane, uint64_t seq, int64_t not_before_s, struct bytes leaf,
    struct leaf_view *out, struct error *err)
{
	struct error cause = {0};

	if (!leaf_parse(leaf, out, &cause))
		return error_set(err, E_KEEPER_REFUSED, "leaf %" PRIu64 ": %s", seq, cause.detail);
	if (out->seq < 0 || (uint64_t)out->seq != seq)
		return error_set(err, E_KEEPER_REFUSED,
		    "leaf %" PRIu64 " of log %s says seq %" PRId64, seq,
		    journal_origin(lane->core->journal), out->seq);
	if (out->sequenced_at_s < not_before_s)
		return error_set(err, E_KEEPER_REFUSED, "leaf %" PRIu64 ": st goes back", seq);
	return true;
}

/* Reads and checks every leaf before anything is written. */
static bool
batch_take(const struct lane *lane, struct batch *out, struct error *err)
{
	const struct append *append = &lane->append;
	struct reader reader = reader_of(buf_bytes(&append->entries));
	int64_t last_at_s = lane->core->last_at_s;

	if (append->arrived != append->announced)
		return error_set(err, E_KEEPER_REFUSED, "append: %" PRIu32 " leaves of %" PRIu32,
		    append->arrived, append->announced);
	if (append->first_seq != journal_tree(lane->core->journal)->size)
		return error_set(err, E_KEEPER_REFUSED,
		    "append at %" PRIu64 " to a log of %" PRIu64, append->first_seq,
		    journal_tree(lane->core->journal)->size);
	out->count = append->announced;
	out->entries = xcalloc(out->count, sizeof(*out->entries));
	out->views = xcalloc(out->count, sizeof(*out->views));
	out->leaves = xcalloc(out->count, sizeof(*out->leaves));
	for (size_t i = 0; i < out->count; i++) {
		wire_entry_take(&reader, &out->entries[i]);
		out->leaves[i] = out->entries[i].leaf;
		if (!leaf_accept(lane, append->first_seq + i, last_at_s, out->leaves[i],
			&out->views[i], err))
			return false;
		last_at_s = out->views[i].sequenced_at_s;
	}
	return true;
}

/* Signs what the leaf commits to, once leaf and TBSCertificate pass the keeper's own checks. */
static bool
entry_sign(const struct keeper_core *core, const struct wire_entry *entry,
    const struct leaf_view *view, uint8_t out[static KEY_SIGNATURE_MAX], size_t *out_len,
    struct error *err)
{
	const struct signer *signer = lane_signer(core, entry->issuer);

	if (signer == NULL)
		return error_set(err, E_NOT_FOUND, "no key of this issuer is here");
	return check_leaf(signer->issuer, view, entry->nonce, entry->tbs, err) &&
	       check_issued(
		   signer->issuer, view->event, entry->tbs, clock_now_s(core->clock), err) &&
	       key_sign(signer->key, entry->tbs, out, out_len, err);
}

/*
 * Appends the entry's result. A refusal is one: that TBSCertificate will never be signed. So is a
 * key that is not here. Any other failure is not: it fails the whole request.
 */
static bool
entry_result(const struct keeper_core *core, const struct wire_entry *entry,
    const struct leaf_view *view, struct buf *out, struct error *err)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len = 0;
	struct error why = {0};

	if (entry->tbs.len == 0) {
		wire_result_encode(WIRE_RESULT_NOTHING, (struct bytes){0}, out);
		return true;
	}
	if (entry_sign(core, entry, view, signature, &signature_len, &why)) {
		wire_result_encode(WIRE_RESULT_SIGNED, bytes_of(signature, signature_len), out);
		return true;
	}
	if (why.code != E_KEEPER_REFUSED && why.code != E_NOT_FOUND) {
		*err = why;
		return false;
	}
	wire_result_encode(why.code == E_NOT_FOUND ? WIRE_RESULT_NOT_NOW : WIRE_RESULT_REFUSED,
	    bytes_of_text(why.detail), out);
	return true;
}

/* Messages of whole results. */
static bool
answer_results(struct lane *lane, struct bytes results, struct error *err)
{
	struct reader reader = reader_of(results);
	struct wire_result result;

	buf_truncate(&lane->out, 0);
	while (reader.rest.len > 0) {
		struct bytes from = reader.rest;

		wire_result_take(&reader, &result);
		if (lane->out.len + (from.len - reader.rest.len) > WIRE_BODY_MAX &&
		    !lane_answer(lane, WIRE_RESULTS, err))
			return false;
		buf_append(&lane->out, bytes_of(from.data, from.len - reader.rest.len));
	}
	return lane_answer(lane, WIRE_RESULTS, err);
}

/* After a write whose effect is unknown only a new process can tell what the journal holds. */
static bool
record(struct keeper_core *core, const struct batch *batch, struct error *err)
{
	static const uint64_t one = 1;

	if (journal_append(core->journal, batch->leaves, batch->count, err)) {
		core->last_at_s = batch->views[batch->count - 1].sequenced_at_s;
		return true;
	}
	if (journal_in_doubt(core->journal) &&
	    write(core->failure_fd, &one, sizeof(one)) != sizeof(one))
		core->damaged = true;
	return false;
}

bool
lane_append_end(struct lane *lane, struct bytes body, struct error *err)
{
	DEFER(batch_clear) struct batch batch = {0};
	DEFER(buf_clear_public) struct buf results = {0};

	(void)body;
	lane->state = LANE_IDLE;
	if (!lane_may_sign(lane->core, err) || !batch_take(lane, &batch, err) ||
	    !record(lane->core, &batch, err))
		return false;
	for (size_t i = 0; i < batch.count; i++)
		if (!entry_result(lane->core, &batch.entries[i], &batch.views[i], &results, err))
			return false;
	return answer_results(lane, buf_bytes(&results), err) && answer_checkpoint(lane, err);
}

bool
lane_sign_recorded(struct lane *lane, struct bytes body, struct error *err)
{
	struct reader reader = reader_of(body);
	uint64_t seq = reader_u64(&reader);
	DEFER(buf_clear_public) struct buf leaf = {0};
	struct leaf_view view;
	struct wire_entry entry;

	wire_entry_take(&reader, &entry);
	if (!reader_done(&reader) || entry.leaf.len != 0 || entry.tbs.len == 0)
		return error_set(err, E_BAD_SYNTAX, "sign recorded: not one TBSCertificate");
	if (!lane_may_sign(lane->core, err) || !journal_get(lane->core->journal, seq, &leaf, err) ||
	    !leaf_accept(lane, seq, INT64_MIN, buf_bytes(&leaf), &view, err))
		return false;
	buf_truncate(&lane->out, 0);
	return entry_result(lane->core, &entry, &view, &lane->out, err) &&
	       lane_answer(lane, WIRE_RESULTS, err);
}
