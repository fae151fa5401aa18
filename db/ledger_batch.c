/* One batch to its end: again after a lost race, each alone after a fault. */
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "db/ledger_core.h"
#include "db/ledger_keeper.h"

static void
settled(struct ledger *ledger, bool committed)
{
	if (ledger->options.hooks.settled != NULL)
		ledger->options.hooks.settled(ledger->options.hooks.audit, committed);
}

/* A few milliseconds, not the same for all nodes, and more with each try. */
static void
pause_after_race(const struct ledger *ledger, int try_count)
{
	struct timespec pause = {0};
	uint8_t random[2];

	rng_fill(ledger->options.rng, random, sizeof random);
	pause.tv_nsec = (random[0] * 256L + random[1]) * 50 * try_count; /* at most 3.3 ms a try */
	(void)nanosleep(&pause, NULL);
}

static enum try_result
try_often(struct ledger *ledger, struct batch *batch, struct error *err)
{
	int lost_count = 0;

	for (;;) {
		const enum try_result result = batch_try(ledger, batch, err);

		if (result == TRY_TOO_MANY) {
			ledger_put_back(ledger, batch, batch->fit_count);
			continue;
		}
		if (result != TRY_LOST_RACE || ++lost_count == LEDGER_TRIES_MAX)
			return result;
		ledger_lock(ledger);
		ledger->retries++;
		ledger_unlock(ledger);
		pause_after_race(ledger, lost_count);
	}
}

static void
fail_all(struct ledger *ledger, struct batch *batch, const struct error *failed)
{
	for (size_t i = 0; i < batch->count; i++)
		ledger_finish(ledger, batch->entries[i], failed);
	batch->count = 0;
}

static void
refuse_for_now(struct ledger *ledger, struct batch *batch, const struct error *cause)
{
	struct error err = *cause;

	log_error(LOG_LEVEL_WARNING, "ledger.refused", NULL, cause);
	if (error_info(err.code)->kind != ERROR_KIND_UNAVAILABLE)
		err.code = E_RECORD_UNAVAILABLE;
	err.retry_after_s = 1;
	fail_all(ledger, batch, &err);
}

/* The outcome is unknown: the callers retry, and find what was recorded. */
static void
lose_connection(struct ledger *ledger, struct batch *batch, const struct error *cause)
{
	struct error err = *cause;

	ledger_not_ready(ledger, "the connection to the database is lost");
	err.code = E_DATABASE_UNAVAILABLE;
	err.retry_after_s = 1;
	fail_all(ledger, batch, &err);
}

static void
stop_fenced(struct ledger *ledger, struct batch *batch)
{
	struct error err = {0};

	(void)error_set(&err, E_RECORD_UNAVAILABLE, "another process owns the log");
	err.retry_after_s = 5;
	log_error(LOG_LEVEL_ERROR, "ledger.fenced", NULL, &err);
	ledger_lock(ledger);
	ledger->fenced = true;
	ledger_unlock(ledger);
	ledger_not_ready(ledger, err.detail);
	fail_all(ledger, batch, &err);
}

static void
give_up_race(struct ledger *ledger, struct batch *batch)
{
	struct error err = {0};

	(void)error_set(&err, E_RECORD_UNAVAILABLE, "the transaction lost every race");
	err.retry_after_s = 1;
	fail_all(ledger, batch, &err);
}

/* Leaves the batch without proposals, but after TRY_FAULT, when each is still to be tried alone. */
static void
conclude(
    struct ledger *ledger, struct batch *batch, enum try_result result, const struct error *err)
{
	settled(ledger, result == TRY_COMMITTED);
	metrics_add(ledger->options.metrics, LEDGER_BATCHES, result, 1);
	switch (result) {
	case TRY_COMMITTED: keeper_hand_over(ledger, batch); break;
	case TRY_LOST: lose_connection(ledger, batch, err); break;
	case TRY_FENCED: stop_fenced(ledger, batch); break;
	case TRY_LOST_RACE: give_up_race(ledger, batch); break;
	case TRY_UNAVAILABLE: refuse_for_now(ledger, batch, err); break;
	case TRY_TOO_MANY:
	case TRY_FAULT: break; /* handled by the callers */
	}
}

/* What cannot be written even alone is our fault, and the log says that there was one. */
static void
poison(struct ledger *ledger, struct entry *entry, const struct error *cause)
{
	struct error *err = &entry->proposal->err;

	entry->proposal->record_count = 0;
	log_error(LOG_LEVEL_ERROR, "ledger.fault", NULL, cause);
	keeper_note(ledger, LEAF_DATA_FAULT, E_INTERNAL, "");
	*err = (struct error){0};
	(void)error_set(err, E_INTERNAL, "the proposal cannot be recorded");
	error_cause(err, "%s", cause->cause);
	ledger_finish(ledger, entry, NULL);
}

/* True: it was this one's fault. */
static bool
run_alone(struct ledger *ledger, struct batch *batch, struct entry *entry)
{
	struct error err = {0};
	enum try_result result;

	batch->entries[0] = entry;
	batch->count = 1;
	keeper_wait_for_flights(ledger, KEEPER_IN_FLIGHT_MAX - 1);
	result = try_often(ledger, batch, &err);
	conclude(ledger, batch, result, &err);
	if (result != TRY_FAULT)
		return false;
	poison(ledger, entry, &err);
	return true;
}

static void
rest_own(struct ledger *ledger, const struct error *cause)
{
	log_error(LOG_LEVEL_ERROR, "ledger.fault", NULL, cause);
	ledger->own_not_before_ms = clock_monotonic_ms() + LEDGER_OWN_PAUSE_MS;
}

static void
run_each_alone(struct ledger *ledger, struct batch *batch, const struct error *cause)
{
	struct entry *entries[LEDGER_BATCH_MAX];
	const size_t count = batch->count;
	size_t faults = 0;

	memcpy(entries, batch->entries, count * sizeof(struct entry *));
	batch->own = false;
	for (size_t i = 0; i < count; i++) {
		if (!ledger->fenced && !conn_failed(ledger->conn)) {
			faults += run_alone(ledger, batch, entries[i]) ? 1 : 0;
			continue;
		}
		/* Lost in between: the rest waits for the recovery. */
		memcpy(batch->entries, entries + i, (count - i) * sizeof(struct entry *));
		batch->count = count - i;
		ledger_put_back(ledger, batch, 0);
		return;
	}
	if (faults == 0) /* so it was in what they were alone without */
		rest_own(ledger, cause);
}

void
batch_run(struct ledger *ledger, struct batch *batch)
{
	struct error err = {0};
	enum try_result result;

	batch->own = clock_monotonic_ms() >= ledger->own_not_before_ms;
	if (ledger_extend(ledger, &err))
		result = try_often(ledger, batch, &err);
	else
		result = conn_failed(ledger->conn) ? TRY_LOST : TRY_UNAVAILABLE;
	conclude(ledger, batch, result, &err);
	if (result == TRY_FAULT)
		run_each_alone(ledger, batch, &err);
	else if (result != TRY_COMMITTED && batch->own)
		ledger->own_not_before_ms = clock_monotonic_ms() + LEDGER_KEEP_AFTER_MS;
}
