/* One batch of the ledger: lock and read, decide, write, fence, leaves, COMMIT. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/ledger_core.h"

#define EXTRA_MAX (LEDGER_DRAIN_MAX + LEDGER_ABORTS_MAX)
#define PARTITION_LEAVES INT64_C(1048576)

enum outcome {
	BATCH_DONE,
	BATCH_RACE,        /* do the whole transaction again */
	BATCH_TOO_LARGE,   /* more leaves than a transaction may have: fewer proposals */
	BATCH_UNAVAILABLE, /* the database is lost, or the outcome of COMMIT unknown */
	BATCH_FAULT,       /* something in it does not work */
};

struct batch *
batch_new(void)
{
	struct batch *batch = xcalloc(1, sizeof *batch);

	batch->extra = xcalloc(EXTRA_MAX, sizeof *batch->extra);
	batch->records = xcalloc(LEDGER_RECORDS_MAX + EXTRA_MAX, sizeof *batch->records);
	batch->leaf_at = xcalloc(LEDGER_RECORDS_MAX + EXTRA_MAX + 1, sizeof *batch->leaf_at);
	return batch;
}

void
batch_free(struct batch *batch)
{
	buf_clear_public(&batch->leaves);
	free(batch->extra);
	free(batch->records);
	free(batch->leaf_at);
	free(batch->kept);
	free(batch);
}

static const struct ledger_kind *
kind_of(const struct batch *batch)
{
	return batch->count > 0 ? batch->entries[0]->proposal->kind : NULL;
}

/* ---- the steps of one try ---- */

static bool
lock_and_decide(struct batch *batch, struct error *err)
{
	const struct ledger_kind *kind = kind_of(batch);

	if (kind == NULL)
		return true;
	for (size_t i = 0; i < batch->count; i++) {
		batch->proposals[i] = batch->entries[i]->proposal;
		batch->proposals[i]->err = (struct error){0};
		batch->proposals[i]->record_count = 0;
		batch->proposals[i]->changes_status = false;
	}
	if (kind->lock_and_read != NULL && !kind->lock_and_read(kind->context, &batch->public, err))
		return false;
	kind->decide(kind->context, &batch->public);
	return true;
}

static void
add_aborts(struct ledger *ledger, struct batch *batch)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	batch->abort_count = ledger->abort_count;
	for (size_t i = 0; i < ledger->abort_count; i++) {
		struct record *record = &batch->extra[batch->extra_count++];

		*record = (struct record){.leaf = {.event = LEAF_CERT_ABORT,
					      .severity = 5,
					      .failure = true,
					      .code = "KEEPER_REFUSED",
					      .at_s = batch->public.now_s}};
		(void)snprintf(
		    record->leaf.subject, sizeof record->leaf.subject, "%s", ledger->aborts[i]);
	}
	(void)pthread_mutex_unlock(&ledger->mutex);
}

/* Leaves that are nobody's proposal: the outbox's, and cert.abort. They come first. */
static bool
add_extra(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;
	size_t drained = 0;

	batch->extra_count = 0;
	if (ledger->drain && hooks->drain != NULL) {
		memset(batch->extra, 0, LEDGER_DRAIN_MAX * sizeof *batch->extra);
		if (!hooks->drain(hooks->audit, &batch->public, batch->extra, LEDGER_DRAIN_MAX,
			&drained, err))
			return false;
	}
	batch->extra_count = drained;
	add_aborts(ledger, batch);
	return true;
}

static bool
collect(struct batch *batch)
{
	batch->record_count = 0;
	for (size_t i = 0; i < batch->extra_count; i++)
		batch->records[batch->record_count++] = &batch->extra[i];
	for (size_t i = 0; i < batch->count; i++) {
		struct proposal *proposal = batch->proposals[i];

		if (batch->record_count + proposal->record_count > LEDGER_RECORDS_MAX + EXTRA_MAX)
			return false;
		for (size_t j = 0; j < proposal->record_count; j++) {
			struct record *record = &proposal->records[j];

			record->seq = -1;
			record->signature_len = 0;
			if (!record->dropped)
				batch->records[batch->record_count++] = record;
		}
	}
	return true;
}

static bool
encode(struct ledger *ledger, struct batch *batch, struct record *record, struct error *err)
{
	const size_t start = batch->leaves.len;
	char sequenced_at[TIME_TEXT_LEN + 1];
	struct leaf_view view;

	if (record->tail.len == 0) {
		record->leaf.seq = record->seq;
		record->leaf.sequenced_at_s = batch->public.now_s;
		rng_fill(ledger->options.rng, record->leaf.nonce, sizeof record->leaf.nonce);
		return leaf_encode(&record->leaf, &batch->leaves, err);
	}
	time_encode(sequenced_at, batch->public.now_s);
	buf_append_format(
	    &batch->leaves, "{\"seq\":%lld,\"st\":\"%s\",", (long long)record->seq, sequenced_at);
	buf_append(&batch->leaves, record->tail);
	return leaf_parse(
	    bytes_of(batch->leaves.data + start, batch->leaves.len - start), &view, err);
}

/* Gives every leaf its place and its bytes. */
static bool
number(struct ledger *ledger, struct batch *batch, struct error *err)
{
	batch->first_seq = ledger->size;
	buf_truncate(&batch->leaves, 0);
	for (size_t i = 0; i < batch->record_count; i++) {
		batch->records[i]->seq = batch->first_seq + (int64_t)i;
		batch->leaf_at[i] = batch->leaves.len;
		if (!encode(ledger, batch, batch->records[i], err))
			return false;
	}
	batch->leaf_at[batch->record_count] = batch->leaves.len;
	return true;
}

/* Partitions are made well before the first leaf that needs them. */
static bool
ensure_partition(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const int64_t end = ledger->size + (int64_t)batch->record_count + PARTITION_LEAVES / 2;

	if (end < ledger->partition_until)
		return true;
	return ledger_ensure_partition(batch->public.tx, ledger->log, end, err);
}

static bool
write_all(struct ledger *ledger, struct batch *batch, bool *out_lost_race, struct error *err)
{
	const struct ledger_kind *kind = kind_of(batch);
	const struct ledger_hooks *hooks = &ledger->options.hooks;

	*out_lost_race = false;
	if (kind != NULL && kind->write != NULL &&
	    !kind->write(kind->context, &batch->public, out_lost_race, err))
		return false;
	if (*out_lost_race)
		return true;
	if (batch->kept_count > 0 && hooks->keep_signatures != NULL &&
	    !hooks->keep_signatures(
		hooks->certificates, batch->public.tx, batch->kept, batch->kept_count, err))
		return false;
	return (hooks->write_windows == NULL ||
		   hooks->write_windows(hooks->audit, &batch->public, err)) &&
	       ensure_partition(ledger, batch, err);
}

/* The fence, the leaves and COMMIT travel together. */
static bool
commit(struct ledger *ledger, struct batch *batch, struct error *err)
{
	struct bytes *leaves;
	bool queued;

	if (batch->record_count == 0)
		return tx_commit(&batch->public.tx, err);
	leaves = xcalloc(batch->record_count, sizeof *leaves);
	for (size_t i = 0; i < batch->record_count; i++)
		leaves[i] = bytes_of(batch->leaves.data + batch->leaf_at[i],
		    batch->leaf_at[i + 1] - batch->leaf_at[i]);
	queued = ledger_queue_fence(batch->public.tx, ledger, (int64_t)batch->record_count,
		     batch->public.now_s, err) &&
		 ledger_queue_leaves(batch->public.tx, ledger->log, batch->first_seq, leaves,
		     batch->record_count, err);
	free(leaves);
	return queued && tx_commit(&batch->public.tx, err);
}

/* ---- one try, and what follows from it ---- */

static enum outcome
judge_failure(struct ledger *ledger, struct batch *batch, const struct error *err)
{
	const char *state = conn_sqlstate(ledger->conn);

	if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
		return BATCH_RACE;
	if (strcmp(state, "MK001") == 0) {
		(void)pthread_mutex_lock(&ledger->mutex);
		ledger->fenced = true;
		(void)pthread_mutex_unlock(&ledger->mutex);
		ledger_not_ready(ledger, "another process owns the log");
		return BATCH_UNAVAILABLE;
	}
	(void)batch;
	return conn_failed(ledger->conn) || error_info(err->code)->kind == ERROR_KIND_UNAVAILABLE
		   ? BATCH_UNAVAILABLE
		   : BATCH_FAULT;
}

static enum outcome
try_steps(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;
	bool lost_race = false;

	if (!lock_and_decide(batch, err) || !add_extra(ledger, batch, err))
		return judge_failure(ledger, batch, err);
	if (batch->count > 0 && hooks->sift != NULL)
		hooks->sift(hooks->audit, &batch->public);
	if (!collect(batch))
		return BATCH_TOO_LARGE;
	if (!number(ledger, batch, err))
		return BATCH_FAULT;
	if (!write_all(ledger, batch, &lost_race, err))
		return judge_failure(ledger, batch, err);
	if (lost_race)
		return BATCH_RACE;
	return commit(ledger, batch, err) ? BATCH_DONE : judge_failure(ledger, batch, err);
}

static enum outcome
try_once(struct ledger *ledger, struct batch *batch, struct error *err)
{
	const struct ledger_kind *kind = kind_of(batch);
	const int64_t now_s = clock_now_s(ledger->options.clock);
	enum outcome outcome;

	batch->public = (struct ledger_batch){.log = ledger->log,
	    .now_s = now_s > ledger->last_st_s ? now_s : ledger->last_st_s,
	    .proposals = batch->proposals,
	    .count = batch->count};
	tx_begin_on(ledger->conn, &batch->public.tx);
	outcome = try_steps(ledger, batch, err);
	tx_free(batch->public.tx);
	batch->public.tx = NULL;
	if (outcome == BATCH_DONE && kind != NULL && kind->committed != NULL)
		kind->committed(kind->context, &batch->public);
	if (kind != NULL && kind->snapshot_free != NULL && batch->public.snapshot != NULL)
		kind->snapshot_free(batch->public.snapshot);
	if (ledger->options.hooks.settled != NULL)
		ledger->options.hooks.settled(ledger->options.hooks.audit, outcome == BATCH_DONE);
	return outcome;
}

/* Signatures that this batch takes into the database; they go back if it fails. */
static void
take_unkept(struct ledger *ledger, struct batch *batch)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	free(batch->kept);
	batch->kept = ledger->unkept;
	batch->kept_count = ledger->unkept_count;
	ledger->unkept = NULL;
	ledger->unkept_count = ledger->unkept_capacity = 0;
	(void)pthread_mutex_unlock(&ledger->mutex);
}

static void
give_unkept_back(struct ledger *ledger, struct batch *batch)
{
	for (size_t i = 0; i < batch->kept_count; i++)
		keeper_remember(ledger, batch->kept[i].ref, batch->kept[i].signature,
		    batch->kept[i].signature_len);
	batch->kept_count = 0;
}

static void
after_commit(struct ledger *ledger, struct batch *batch)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	ledger->batches++;
	ledger->proposals += batch->count;
	ledger->size += (int64_t)batch->record_count;
	ledger->abort_count -= batch->abort_count;
	memmove(ledger->aborts, ledger->aborts[batch->abort_count],
	    ledger->abort_count * sizeof ledger->aborts[0]);
	(void)pthread_mutex_unlock(&ledger->mutex);
	if (batch->record_count > 0)
		ledger->last_st_s = batch->public.now_s;
	ledger->partition_until =
	    (ledger->size + PARTITION_LEAVES / 2) / PARTITION_LEAVES * PARTITION_LEAVES +
	    PARTITION_LEAVES;
	ledger->drain = batch->extra_count - batch->abort_count == LEDGER_DRAIN_MAX;
	batch->kept_count = 0;
	for (size_t i = 0; i < batch->count; i++)
		if (batch->proposals[i]->err.code != E_NONE)
			batch->proposals[i]->err.recorded = true;
	if (batch->record_count > 0)
		keeper_hand_over(ledger, batch);
	else
		for (size_t i = 0; i < batch->count; i++)
			ledger_finish(ledger, batch->entries[i], NULL);
}

static void
fail_all(struct ledger *ledger, struct batch *batch, const struct error *failed)
{
	for (size_t i = 0; i < batch->count; i++)
		ledger_finish(ledger, batch->entries[i], failed);
}

static void run_entries(struct ledger *ledger, struct batch *batch);

/* The first `first` proposals, then the rest, each as a batch of its own. */
static void
run_in_two(struct ledger *ledger, struct batch *batch, size_t first)
{
	const size_t count = batch->count;
	struct entry **rest = xcalloc(count - first, sizeof(struct entry *));

	memcpy(rest, batch->entries + first, (count - first) * sizeof(struct entry *));
	batch->count = first;
	run_entries(ledger, batch);
	memcpy(batch->entries, rest, (count - first) * sizeof(struct entry *));
	free(rest);
	batch->count = count - first;
	keeper_wait_for_slot(ledger);
	run_entries(ledger, batch);
}

/* It fails alone: 500 for its caller, data.fault in the log (with the next batch's extra leaves).
 */
static void
fail_alone(struct ledger *ledger, struct batch *batch, const struct error *err)
{
	struct proposal *proposal = batch->entries[0]->proposal;

	log_error(LOG_LEVEL_ERROR, "ledger.fault", NULL, err);
	proposal->err = (struct error){0};
	(void)error_set(&proposal->err, E_INTERNAL, "the record could not be written");
	proposal->record_count = 0;
	ledger_finish(ledger, batch->entries[0], NULL);
}

static void
run_failed(struct ledger *ledger, struct batch *batch, enum outcome outcome, struct error *err)
{
	struct error failed = *err;

	if ((outcome == BATCH_TOO_LARGE || outcome == BATCH_FAULT) && batch->count > 1) {
		run_in_two(ledger, batch, outcome == BATCH_FAULT ? 1 : batch->count / 2);
		return;
	}
	if (outcome == BATCH_FAULT || outcome == BATCH_TOO_LARGE) {
		if (batch->count == 1)
			fail_alone(ledger, batch, err);
		else
			log_error(LOG_LEVEL_ERROR, "ledger.fault", NULL, err);
		ledger->drain = false; /* until the next NOTIFY: do not spin on it */
		return;
	}
	if (failed.code == E_NONE)
		(void)error_set(
		    &failed, E_RECORD_UNAVAILABLE, "too many others write the same rows");
	if (error_info(failed.code)->kind != ERROR_KIND_UNAVAILABLE)
		failed.code = E_RECORD_UNAVAILABLE;
	failed.retry_after_s = 1;
	fail_all(ledger, batch, &failed);
	if (outcome == BATCH_UNAVAILABLE) {
		log_error(LOG_LEVEL_WARNING, "ledger.database", NULL, err);
		ledger_not_ready(ledger, "the database is lost");
	}
}

static void
run_entries(struct ledger *ledger, struct batch *batch)
{
	enum outcome outcome = BATCH_RACE;
	struct error err = {0};

	take_unkept(ledger, batch);
	for (int try = 0; outcome == BATCH_RACE && try < LEDGER_TRIES_MAX; try++) {
		err = (struct error){0};
		outcome = try_once(ledger, batch, &err);
		if (outcome != BATCH_RACE)
			break;
		(void)pthread_mutex_lock(&ledger->mutex);
		ledger->retries++;
		(void)pthread_mutex_unlock(&ledger->mutex);
	}
	if (outcome == BATCH_DONE) {
		after_commit(ledger, batch);
		return;
	}
	give_unkept_back(ledger, batch);
	run_failed(ledger, batch, outcome, &err);
}

void
batch_run(struct ledger *ledger, struct batch *batch)
{
	run_entries(ledger, batch);
}
