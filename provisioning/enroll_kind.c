#include "provisioning/enroll_kind.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/note.h"
#include "base/mem.h"
#include "ca/status.h"
#include "provisioning/enroll_store.h"
#include "provisioning/escrow_store.h"

void
enroll_proposal_clear(struct enroll_proposal *proposal)
{
	issued_clear(&proposal->issued);
	escrow_sealed_free(proposal->sealed);
}

static bool
lock_and_read(void *context, struct ledger_batch *batch, struct error *err)
{
	struct enroll_snapshot *snapshot;

	if (!enroll_store_read(batch, context, &snapshot, err))
		return false;
	batch->snapshot = snapshot;
	return true;
}

static void
snapshot_free(void *snapshot)
{
	enroll_snapshot_free(snapshot);
}

/* ---- decide: from decisions to leaves ---- */

static void
name_actor(const struct enroll_proposal *proposal, const struct enroll_snapshot *snapshot,
    char out[static LEAF_VALUE_MAX + 1])
{
	const struct decide_token *token;

	if (!proposal->input.has_token) {
		(void)snprintf(out, LEAF_VALUE_MAX + 1, "station:%s", proposal->station_handle);
		return;
	}
	token = decide_find_token(&snapshot->rows, proposal->input.token);
	if (token != NULL)
		(void)snprintf(out, LEAF_VALUE_MAX + 1, "token:%s",
		    snapshot->token_handles[token - snapshot->rows.tokens]);
	else
		(void)snprintf(out, LEAF_VALUE_MAX + 1, "nobody");
}

static struct leaf *
add_leaf(struct enroll_proposal *proposal, enum leaf_event event, const char *actor,
    const char *subject, int64_t at_s)
{
	const struct error *err = proposal->base.err.code != E_NONE ? &proposal->base.err : NULL;
	struct record *record = &proposal->records[proposal->base.record_count++];

	*record = (struct record){0};
	note_leaf(
	    &record->leaf, event, actor, subject, event == LEAF_TOKEN_BURN ? NULL : err, at_s);
	return &record->leaf;
}

static void
record_refusal(struct enroll_proposal *proposal, const char *actor, int64_t at_s)
{
	char subject[LEAF_VALUE_MAX + 1] = "";

	proposal->base.err = proposal->output.err;
	if (proposal->batch_handle[0] != '\0')
		(void)snprintf(subject, sizeof subject, "b:%s", proposal->batch_handle);
	add_leaf(proposal, LEAF_ENROLL_REFUSED, actor, subject, at_s);
	if (proposal->output.burns_token)
		add_leaf(proposal, LEAF_TOKEN_BURN, actor, subject, at_s);
}

/* What both kinds of success commit to: the certificate, and the sealed identity, if any. */
static void
commit(struct enroll_proposal *proposal)
{
	struct record *record = &proposal->records[0];

	issue_fill_record(&proposal->issued, record);
	if (proposal->sealed == NULL)
		return;
	record->leaf.has_second_commitment = true;
	memcpy(record->leaf.second_commitment, proposal->sealed->commitment, SHA256_BYTES);
}

static void
record_issue(struct enroll_proposal *proposal, const char *actor, int64_t at_s)
{
	char subject[LEAF_VALUE_MAX + 1];

	(void)snprintf(
	    subject, sizeof subject, "b:%s/h:%s", proposal->batch_handle, proposal->issued.handle);
	add_leaf(proposal, LEAF_ENROLL_OK, actor, subject, at_s);
	commit(proposal);
}

static const struct enroll_superseded *
get_superseded(const struct enroll_snapshot *snapshot, int64_t device)
{
	size_t i = 0;

	while (i < snapshot->superseded_count && snapshot->superseded[i].device != device)
		i++;
	assert(i < snapshot->superseded_count);
	return &snapshot->superseded[i];
}

static void
record_replacement(struct enroll_proposal *proposal, const struct enroll_snapshot *snapshot,
    const char *actor, int64_t at_s)
{
	char subject[LEAF_VALUE_MAX + 1];
	struct leaf *supersede;

	proposal->superseded = *get_superseded(snapshot, proposal->output.replaced_device);
	proposal->base.changes_status = true;

	(void)snprintf(subject, sizeof subject, "b:%s/h:%s/h:%s", proposal->batch_handle,
	    proposal->issued.handle, proposal->superseded.handle);
	add_leaf(proposal, LEAF_ENROLL_REPLACE, actor, subject, at_s);
	commit(proposal);

	(void)snprintf(subject, sizeof subject, "h:%s", proposal->superseded.handle);
	supersede = add_leaf(proposal, LEAF_CERT_SUPERSEDE, actor, subject, at_s);
	(void)snprintf(
	    supersede->code, sizeof supersede->code, "%s", reason_code(REASON_SUPERSEDED));
}

/* A replay changes nothing, so it leaves no leaf: the caller reads what is recorded. */
static void
point_to_replayed(const struct ledger_batch *batch, struct enroll_proposal *proposal)
{
	const struct enroll_snapshot *snapshot = batch->snapshot;
	const struct decide_key *key;

	if (proposal->output.replayed_device == 0) {
		memcpy(proposal->replayed_serial,
		    enroll_at(batch, proposal->output.replayed_input)->issued.serial, SERIAL_BYTES);
		return;
	}
	key = decide_find_key(&snapshot->rows, proposal->input.spki_sha256);
	assert(key != NULL);
	memcpy(proposal->replayed_serial, snapshot->key_serials[key - snapshot->rows.keys],
	    SERIAL_BYTES);
}

static void
settle(const struct ledger_batch *batch, struct enroll_proposal *proposal)
{
	char actor[LEAF_VALUE_MAX + 1];

	name_actor(proposal, batch->snapshot, actor);
	proposal->base.err = (struct error){0};
	proposal->base.records = proposal->records;
	proposal->base.record_count = 0;
	proposal->base.changes_status = false;

	switch (proposal->output.decision) {
	case DECIDE_REFUSE: record_refusal(proposal, actor, batch->now_s); break;
	case DECIDE_ISSUE: record_issue(proposal, actor, batch->now_s); break;
	case DECIDE_REPLACE:
		record_replacement(proposal, batch->snapshot, actor, batch->now_s);
		break;
	case DECIDE_REPLAY: point_to_replayed(batch, proposal); break;
	}
}

static void
decide_all(void *context, struct ledger_batch *batch)
{
	const struct enroll_snapshot *snapshot = batch->snapshot;
	DEFER(mem_free) struct decide_input *inputs = xcalloc(batch->count, sizeof *inputs);
	DEFER(mem_free) struct decide_output *outs = xcalloc(batch->count, sizeof *outs);
	DEFER(mem_free) struct error *errs = xcalloc(batch->count, sizeof *errs);

	(void)context;
	for (size_t i = 0; i < batch->count; i++) {
		inputs[i] = enroll_at(batch, i)->input;
		if (inputs[i].refused == NULL && !decide_settle_tags(&snapshot->rows.tag_keys,
						     inputs[i].tags, inputs[i].tag_count, &errs[i]))
			inputs[i].refused = &errs[i];
	}
	decide(&snapshot->rows, inputs, batch->count, batch->now_s, outs);
	for (size_t i = 0; i < batch->count; i++) {
		enroll_at(batch, i)->output = outs[i];
		settle(batch, enroll_at(batch, i));
	}
}

/* ---- write ---- */

/* Last, because of the order of locks: rows, status_head, fence. */
static bool
write_status(const struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free)
	struct status_change *changes = xcalloc(batch->count, sizeof *changes);
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);
		const struct enroll_superseded *old = &proposal->superseded;
		struct status_change *change = &changes[count];

		if (proposal->output.decision != DECIDE_REPLACE)
			continue;
		change->state = DEVICE_REPLACED;
		change->reason = REASON_SUPERSEDED;
		change->not_after_s = old->not_after_s;
		memcpy(change->serial, old->serial, SERIAL_BYTES);
		memcpy(change->issuer, old->issuer, ISSUER_ID_BYTES);
		count++;
	}
	return count == 0 || status_write(batch->tx, changes, count, batch->now_s, err);
}

static bool
write_escrow(const struct ledger_batch *batch, struct error *err)
{
	DEFER(mem_free) struct escrow_row *rows = NULL;
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct enroll_proposal *proposal = enroll_at(batch, i);

		if (proposal->sealed == NULL || !enroll_wins(proposal))
			continue;
		if (rows == NULL)
			rows = xcalloc(batch->count, sizeof *rows);
		rows[count++] = (struct escrow_row){
		    .sealed = proposal->sealed, .seq = proposal->records[0].seq};
	}
	return count == 0 || escrow_store_insert(batch->tx, batch->log, rows, count, err);
}

static bool
write_all(void *context, struct ledger_batch *batch, bool *out_lost_race, struct error *err)
{
	*out_lost_race = false;
	return enroll_store_write(batch, batch->snapshot, context, err) &&
	       write_escrow(batch, err) && write_status(batch, err);
}

struct ledger_kind *
enroll_kind_new(void)
{
	struct ledger_kind *kind = xcalloc(1, sizeof *kind);

	*kind = (struct ledger_kind){
	    .name = "enroll",
	    .context = xcalloc(1, sizeof(struct device_ids)),
	    .signs = true,
	    .lock_and_read = lock_and_read,
	    .decide = decide_all,
	    .write = write_all,
	    .snapshot_free = snapshot_free,
	};
	return kind;
}

void
enroll_kind_free(struct ledger_kind *kind)
{
	if (kind != NULL)
		free(kind->context);
	free(kind);
}
