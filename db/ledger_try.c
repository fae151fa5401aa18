/* One transaction: lock and read, decide, gather, place leaves, write, fence, COMMIT. */
#include <stdio.h>

#include "base/log.h"
#include "base/text.h"
#include "db/ledger_core.h"
#include "db/ledger_store.h"

#define SQLSTATE_FENCED "MK001"
#define SQLSTATE_SHORT "MK006" /* expect_rows(): another node was first */

/* ---- what the proposals' kind does ---- */

static bool
lock_and_read(struct batch *batch, struct error *err)
{
	const struct ledger_kind *kind = batch->kind;

	return batch->count == 0 || kind->lock_and_read == NULL ||
	       kind->lock_and_read(kind->context, &batch->public, err);
}

static void
decide(struct batch *batch)
{
	if (batch->count == 0)
		return;
	batch->kind->decide(batch->kind->context, &batch->public);
	for (size_t i = 0; i < batch->count; i++)
		for (size_t k = 0; k < batch->proposals[i]->record_count; k++) {
			struct record *record = &batch->proposals[i]->records[k];

			record->dropped = false;
			record->seq = -1;
			record->signature_len = 0;
		}
}

static bool
write_winners(struct batch *batch, bool *out_lost_race, struct error *err)
{
	const struct ledger_kind *kind = batch->kind;

	*out_lost_race = false;
	return batch->count == 0 || kind->write == NULL ||
	       kind->write(kind->context, &batch->public, out_lost_race, err);
}

/* How many of the proposals, in order, have no more leaves than a batch may have. */
static size_t
count_fitting(const struct batch *batch)
{
	size_t leaf_count = 0, i = 0;

	for (; i < batch->count; i++) {
		leaf_count += batch->proposals[i]->record_count;
		if (leaf_count > LEDGER_RECORDS_MAX)
			break;
	}
	return i;
}

/* ---- what is the ledger's own: outbox, notes, signatures ---- */

static bool
drain(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;

	batch->drained_count = 0;
	batch->drained_all = false;
	if (!batch->own || !ledger->drain)
		return true;
	if (hooks->drain != NULL && !hooks->drain(hooks->audit, &batch->public, batch->extra,
					LEDGER_DRAIN_MAX, &batch->drained_count, err))
		return false;
	batch->drained_all = batch->drained_count < LEDGER_DRAIN_MAX;
	return true;
}

static void
note_to_leaf(const struct ledger *ledger, const struct note *note, int64_t now_s, struct leaf *out)
{
	const struct error_info *info = error_info(note->code);

	*out = (struct leaf){
	    .event = note->event, .severity = info->severity, .failure = true, .at_s = now_s};
	(void)snprintf(out->code, sizeof out->code, "%s", info->name);
	(void)snprintf(out->actor, sizeof out->actor, "%s", ledger->actor);
	(void)snprintf(out->subject, sizeof out->subject, "%s", note->subject);
}

/* With the mutex held: the leaves of what is given up, after the outbox's and the notes'. */
static void
gather_aborts_locked(const struct ledger *ledger, struct batch *batch)
{
	const bool due = batch->own && batch->count == 0;
	const size_t count =
	    ledger->abort_count < LEDGER_ABORTS_MAX ? ledger->abort_count : LEDGER_ABORTS_MAX;

	batch->abort_count = due ? count : 0;
	for (size_t i = 0; i < batch->abort_count; i++) {
		struct record *record = &batch->extra[batch->drained_count + batch->note_count + i];
		struct note note = {.event = LEAF_CERT_ABORT, .code = E_KEEPER_REFUSED};

		memcpy(note.subject, ledger->aborts[i].subject, sizeof note.subject);
		memcpy(batch->aborts[i], ledger->aborts[i].ref, sizeof batch->aborts[i]);
		*record = (struct record){0};
		note_to_leaf(ledger, &note, batch->public.now_s, &record->leaf);
	}
}

size_t
ledger_count_alike(const struct ledger_signature *signatures, size_t max)
{
	size_t count = 0;

	while (count < max && signatures[count].apart == signatures[0].apart &&
	       memcmp(signatures[count].issuer, signatures[0].issuer, ISSUER_ID_BYTES) == 0)
		count++;
	return count;
}

/* How many signatures this transaction keeps: none beside rows that they must not be seen with. */
static size_t
count_kept_locked(const struct ledger *ledger, const struct batch *batch)
{
	const size_t max =
	    ledger->unkept_count < COUNT(batch->kept) ? ledger->unkept_count : COUNT(batch->kept);

	if (max == 0 || (batch->count > 0 && (batch->kind->apart || ledger->unkept[0].apart)))
		return 0;
	return ledger_count_alike(ledger->unkept, max);
}

/* Only this thread takes these away, so what is copied here stays the front. */
static void
gather_own(struct ledger *ledger, struct batch *batch)
{
	batch->note_count = 0;
	batch->kept_count = 0;
	ledger_lock(ledger);
	if (batch->own) {
		batch->note_count = ledger->note_count;
		batch->kept_count = count_kept_locked(ledger, batch);
	}
	for (size_t i = 0; i < batch->note_count; i++) {
		struct record *record = &batch->extra[batch->drained_count + i];

		*record = (struct record){0};
		note_to_leaf(ledger, &ledger->notes[i], batch->public.now_s, &record->leaf);
	}
	if (batch->kept_count > 0)
		memcpy(batch->kept, ledger->unkept, batch->kept_count * sizeof batch->kept[0]);
	gather_aborts_locked(ledger, batch);
	ledger_unlock(ledger);
	batch->extra_count = batch->drained_count + batch->note_count + batch->abort_count;
}

static bool
keep_signatures(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;

	return batch->kept_count == 0 || hooks->keep_signatures == NULL ||
	       hooks->keep_signatures(
		   hooks->certificates, batch->public.tx, batch->kept, batch->kept_count, err);
}

static bool
abort_refused(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;

	return batch->abort_count == 0 || hooks->abort == NULL ||
	       hooks->abort(hooks->certificates, batch->public.tx,
		   (const uint8_t(*)[CERTIFICATE_REF_BYTES])batch->aborts, batch->abort_count, err);
}

static bool
write_windows(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;

	return hooks->write_windows == NULL ||
	       hooks->write_windows(hooks->audit, &batch->public, err);
}

/* ---- leaves ---- */

/* What a tool left in the outbox gets its place; what would not be a leaf becomes a data.fault. */
static bool
encode_tail(struct ledger *ledger, struct batch *batch, struct record *record, struct error *err)
{
	static const struct note FAULT = {
	    .event = LEAF_DATA_FAULT, .code = E_BAD_SYNTAX, .subject = "outbox"};
	const size_t start = batch->text.len;
	char st[TIME_TEXT_LEN + 1];
	struct error bad = {0};
	struct leaf_view view;

	time_encode(st, batch->public.now_s);
	buf_append_format(&batch->text, "{\"seq\":%lld,\"st\":\"%s\",", (long long)record->seq, st);
	buf_append(&batch->text, record->tail);
	if (leaf_parse(bytes_of(batch->text.data + start, batch->text.len - start), &view, &bad)) {
		record->leaf.event = view.event;
		return true;
	}
	log_error(LOG_LEVEL_ERROR, "ledger.outbox", NULL, &bad);
	buf_truncate(&batch->text, start);
	note_to_leaf(ledger, &FAULT, batch->public.now_s, &record->leaf);
	record->leaf.seq = record->seq;
	record->leaf.sequenced_at_s = batch->public.now_s;
	rng_fill(ledger->options.rng, record->leaf.nonce, sizeof record->leaf.nonce);
	return leaf_encode(&record->leaf, &batch->text, err);
}

static bool
place(struct ledger *ledger, struct batch *batch, struct record *record, struct error *err)
{
	record->seq = batch->first_seq + (int64_t)batch->record_count;
	batch->leaf_at[batch->record_count] = batch->text.len;
	batch->records[batch->record_count++] = record;
	if (record->tail.len > 0)
		return encode_tail(ledger, batch, record, err);
	record->leaf.seq = record->seq;
	record->leaf.sequenced_at_s = batch->public.now_s;
	rng_fill(ledger->options.rng, record->leaf.nonce, sizeof record->leaf.nonce);
	return leaf_encode(&record->leaf, &batch->text, err);
}

static bool
place_all(struct ledger *ledger, struct batch *batch, struct error *err)
{
	batch->record_count = 0;
	batch->first_seq = ledger->size;
	buf_truncate(&batch->text, 0);
	for (size_t i = 0; i < batch->extra_count; i++)
		if (!place(ledger, batch, &batch->extra[i], err))
			return false;
	for (size_t i = 0; i < batch->count; i++)
		for (size_t k = 0; k < batch->proposals[i]->record_count; k++) {
			struct record *record = &batch->proposals[i]->records[k];

			if (!record->dropped && !place(ledger, batch, record, err))
				return false;
		}
	batch->leaf_at[batch->record_count] = batch->text.len;
	return true;
}

/* ---- the end of the transaction ---- */

static bool
changes_status(const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->proposals[i]->changes_status)
			return true;
	return false;
}

static bool
queue_fence(const struct ledger *ledger, const struct batch *batch, struct error *err)
{
	struct bytes leaves[LEDGER_LEAVES_MAX];

	for (size_t i = 0; i < batch->record_count; i++)
		leaves[i] = batch_leaf(batch, i);
	return ledger_queue_fence(
	    batch->public.tx, ledger, leaves, batch->record_count, batch->public.now_s, err);
}

/* One round trip: the fence stops a COMMIT that comes too late. */
static bool
fence_and_commit(struct ledger *ledger, struct batch *batch, struct error *err)
{
	struct tx *tx = batch->public.tx;
	const int64_t began_us = clock_monotonic_us();

	if (batch->count == 0 && batch->extra_count == 0 && batch->kept_count == 0)
		return true; /* nothing to write: rolled back */
	if ((changes_status(batch) && !ledger_queue_status_lock(tx, err)) ||
	    !queue_fence(ledger, batch, err) || !tx_commit(&batch->public.tx, err))
		return false;
	metrics_observe(ledger->options.metrics, LEDGER_COMMIT, 0, clock_monotonic_us() - began_us);
	return true;
}

/* With the mutex held. */
static void
forget_own_locked(struct ledger *ledger, const struct batch *batch)
{
	ledger->unkept_count -= batch->kept_count;
	if (ledger->unkept_count > 0)
		memmove(ledger->unkept, ledger->unkept + batch->kept_count,
		    ledger->unkept_count * sizeof ledger->unkept[0]);
	ledger->unkept_since_ms = clock_monotonic_ms();
	ledger->abort_count -= batch->abort_count;
	if (ledger->abort_count > 0)
		memmove(ledger->aborts, ledger->aborts + batch->abort_count,
		    ledger->abort_count * sizeof ledger->aborts[0]);
	ledger->note_count -= batch->note_count;
	memmove(ledger->notes, ledger->notes + batch->note_count,
	    ledger->note_count * sizeof ledger->notes[0]);
}

static void
note_committed(struct ledger *ledger, struct batch *batch)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;

	ledger_lock(ledger);
	ledger->size += (int64_t)batch->record_count;
	ledger->batches++;
	ledger->proposals += batch->count;
	forget_own_locked(ledger, batch);
	ledger_unlock(ledger);
	ledger->last_st_s = batch->public.now_s;
	if (batch->drained_all)
		ledger->drain = false;
	for (size_t i = 0; i < batch->count; i++) {
		struct proposal *proposal = batch->proposals[i];

		if (proposal->err.code != E_NONE && proposal->record_count > 0)
			proposal->err.recorded = true;
	}
	if (batch->count > 0 && batch->kind->committed != NULL)
		batch->kind->committed(batch->kind->context, &batch->public);
	if (hooks->status_changed != NULL && changes_status(batch))
		hooks->status_changed(hooks->statuses);
}

/* ---- the whole ---- */

static bool
run(struct ledger *ledger, struct batch *batch, bool *out_lost_race, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;

	if (!lock_and_read(batch, err))
		return false;
	decide(batch);
	batch->fit_count = count_fitting(batch);
	if (batch->fit_count < batch->count)
		return error_set(err, E_INTERNAL, "more leaves than a transaction may have");
	if (!drain(ledger, batch, err))
		return false;
	gather_own(ledger, batch);
	if (hooks->sift != NULL)
		hooks->sift(hooks->audit, &batch->public);
	if (!place_all(ledger, batch, err) || !write_winners(batch, out_lost_race, err))
		return false;
	return *out_lost_race ||
	       (keep_signatures(ledger, batch, err) && abort_refused(ledger, batch, err) &&
		   write_windows(ledger, batch, err) && fence_and_commit(ledger, batch, err));
}

static enum try_result
judge(const struct ledger *ledger, const struct batch *batch, const struct error *err)
{
	const char *sqlstate = conn_sqlstate(ledger->conn);

	if (conn_failed(ledger->conn))
		return TRY_LOST;
	if (batch->fit_count > 0 && batch->fit_count < batch->count)
		return TRY_TOO_MANY;
	if (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 ||
	    strcmp(sqlstate, SQLSTATE_SHORT) == 0) {
		metrics_add(ledger->options.metrics, DB_RACES, db_race_of(sqlstate), 1);
		return TRY_LOST_RACE;
	}
	if (err->code == E_INTERNAL && strcmp(sqlstate, SQLSTATE_FENCED) == 0)
		return TRY_FENCED;
	return error_info(err->code)->kind == ERROR_KIND_UNAVAILABLE ? TRY_UNAVAILABLE : TRY_FAULT;
}

static void
begin(struct ledger *ledger, struct batch *batch)
{
	const int64_t now_s = clock_now_s(ledger->options.clock);

	for (size_t i = 0; i < batch->count; i++)
		batch->proposals[i] = batch->entries[i]->proposal;
	batch->public = (struct ledger_batch){.log = ledger->log,
	    .now_s = now_s > ledger->last_st_s ? now_s : ledger->last_st_s,
	    .proposals = batch->proposals,
	    .count = batch->count};
	batch->fit_count = batch->count;
	tx_begin_on(ledger->conn, &batch->public.tx);
}

/* Fewer rows came back than were written. */
static enum try_result
give_way(const struct ledger *ledger)
{
	metrics_add(ledger->options.metrics, DB_RACES, DB_RACE_LOST, 1);
	return TRY_LOST_RACE;
}

static void
count_committed(const struct ledger *ledger, const struct batch *batch, int64_t began_us)
{
	struct metrics *metrics = ledger->options.metrics;

	metrics_observe(metrics, LEDGER_TRANSACTION, 0, clock_monotonic_us() - began_us);
	if (batch->count > 0)
		metrics_observe(metrics, LEDGER_BATCH_PROPOSALS, 0, (int64_t)batch->count);
	for (size_t i = 0; i < batch->record_count; i++)
		metrics_add(metrics, LEDGER_LEAVES, batch->records[i]->leaf.event, 1);
}

enum try_result
batch_try(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const int64_t began_us = clock_monotonic_us();
	enum try_result result = TRY_COMMITTED;
	bool lost_race = false;
	struct error failed = {0};

	begin(ledger, batch);
	if (!run(ledger, batch, &lost_race, &failed))
		result = judge(ledger, batch, &failed);
	else if (lost_race)
		result = give_way(ledger);
	else
		note_committed(ledger, batch);
	if (result == TRY_COMMITTED)
		count_committed(ledger, batch, began_us);
	if (batch->public.snapshot != NULL && batch->kind->snapshot_free != NULL)
		batch->kind->snapshot_free(batch->public.snapshot);
	tx_free(TAKE(batch->public.tx)); /* rolls back what was not committed */
	if (result != TRY_COMMITTED && result != TRY_LOST_RACE && result != TRY_TOO_MANY)
		*err = failed;
	return result;
}
