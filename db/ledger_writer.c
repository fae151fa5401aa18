/* The ledger's thread: recovers when it must, else runs batches, else sleeps. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/ledger_core.h"
#include "db/ledger_keeper.h"

#define IDLE_MS 1000
#define RECOVER_PAUSE_MIN_MS 100
#define RECOVER_PAUSE_MAX_MS 2000

struct work {
	bool done, fenced, must_recover, stopping;
	bool queued, own; /* a batch is due: of proposals, of what is the ledger's own */
	bool aborts;      /* which goes before any proposal */
	int wait_ms;      /* when none is */
};

static struct work
look_locked(const struct ledger *ledger, int64_t now_ms)
{
	const bool may_own = now_ms >= ledger->own_not_before_ms;
	const int64_t unkept_ms = now_ms - ledger->unkept_since_ms;
	const bool has_unkept = ledger->unkept_count > 0 && may_own;
	const bool has_own = ledger->note_count > 0 || ledger->abort_count > 0 || ledger->drain;
	struct work work = {.fenced = ledger->fenced,
	    .must_recover = !ledger->ready || ledger->keeper_lost,
	    .stopping = ledger->stopping,
	    .queued = ledger->queue_head != NULL,
	    .own = may_own && (has_own || (has_unkept && (unkept_ms >= LEDGER_KEEP_AFTER_MS ||
							     ledger->stopping))),
	    .aborts = may_own && ledger->abort_count > 0,
	    .wait_ms = has_unkept ? (int)(LEDGER_KEEP_AFTER_MS - unkept_ms) : IDLE_MS};

	work.done = work.stopping && !work.queued && ledger->flight_count == 0 &&
		    (!work.own || work.must_recover || work.fenced);
	return work;
}

/* A new keeper is greeted before anything is sent to it: its journal may be another. */
static bool
keeper_is_the_same(const struct ledger *ledger)
{
	bool alive = false;

	return keeper_client_generation(ledger->options.keeper, &alive) ==
		   ledger->keeper_generation &&
	       alive;
}

static struct work
look(struct ledger *ledger)
{
	const bool same = keeper_is_the_same(ledger);
	struct work work;

	ledger_lock(ledger);
	if (!same)
		ledger->keeper_lost = true;
	work = look_locked(ledger, clock_monotonic_ms());
	ledger_unlock(ledger);
	return work;
}

/* Sleeps until there may be work: a proposal, a signature, a NOTIFY, the end of `wait_ms`. */
static void
wait_for_work(struct ledger *ledger, int wait_ms)
{
	const bool connected = ledger->conn != NULL && !conn_failed(ledger->conn);
	struct pollfd fds[2] = {{.fd = ledger->wake, .events = POLLIN},
	    {.fd = connected ? conn_socket(ledger->conn) : -1, .events = POLLIN}};
	uint64_t count;

	if (connected && conn_notified(ledger->conn)) { /* it came with the last transaction */
		ledger->drain = true;
		return;
	}
	if (poll(fds, COUNT(fds), wait_ms) <= 0)
		return;
	if (fds[0].revents != 0)
		(void)!read(ledger->wake, &count, sizeof count);
	if (fds[1].revents == 0)
		return;
	if (conn_notified(ledger->conn))
		ledger->drain = true;
	if (conn_failed(ledger->conn))
		ledger_not_ready(ledger, "the connection to the database is lost");
}

static void
note_waits(const struct ledger *ledger, const struct batch *batch)
{
	const int64_t now_us = clock_monotonic_us();

	for (size_t i = 0; i < batch->count; i++)
		metrics_observe(ledger->options.metrics, LEDGER_QUEUE_WAIT, 0,
		    now_us - batch->entries[i]->queued_at_us);
}

static void
run_aborts(struct ledger *ledger, struct batch *batch)
{
	keeper_wait_for_flights(ledger, KEEPER_IN_FLIGHT_MAX - 1);
	batch->kind = NULL;
	batch->count = 0;
	batch_run(ledger, batch);
}

/* Signatures that go with no proposals, or nothing else behind them would be kept under load. */
static void
keep_apart(struct ledger *ledger, struct batch *batch)
{
	bool due;

	ledger_lock(ledger);
	due = ledger->unkept_count > 0 && ledger->unkept[0].apart;
	ledger_unlock(ledger);
	if (!due)
		return;
	batch->kind = NULL;
	batch->count = 0;
	batch_run(ledger, batch);
}

static void
run_batch(struct ledger *ledger, struct batch *batch, bool unsigned_only)
{
	keeper_wait_for_flights(ledger, KEEPER_IN_FLIGHT_MAX - 1);
	keep_apart(ledger, batch);
	ledger_take_batch(ledger, batch, unsigned_only);
	if (unsigned_only && batch->count == 0)
		return; /* what came meanwhile needs signatures */
	note_waits(ledger, batch);
	batch_run(ledger, batch);
}

/* The keeper alone is missing: its journal takes up later what is committed now. */
static bool
may_record(const struct ledger *ledger, const struct error *failed)
{
	return failed->code == E_KEEPER_UNAVAILABLE && ledger->owned && ledger->journal_fits &&
	       !ledger->fenced && !conn_failed(ledger->conn);
}

/* Records what needs no signature, such as revocations, and refuses the rest. */
static void
answer_queue(struct ledger *ledger, struct batch *batch, const struct error *failed)
{
	while (may_record(ledger, failed)) {
		ledger_fail_queue(ledger, failed, true);
		if (!look(ledger).queued)
			return;
		run_batch(ledger, batch, true);
	}
	ledger_fail_queue(ledger, failed, false);
}

/* Who waits, or comes while this waits, is answered at once. */
static void
refuse_for(struct ledger *ledger, struct batch *batch, int pause_ms, const struct error *failed)
{
	const int64_t until_ms = clock_monotonic_ms() + pause_ms;
	int64_t left_ms = pause_ms;

	answer_queue(ledger, batch, failed);
	while (left_ms > 0 && !look(ledger).stopping) {
		wait_for_work(ledger, (int)left_ms);
		answer_queue(ledger, batch, failed);
		left_ms = until_ms - clock_monotonic_ms();
	}
}

static void
refuse_fenced(struct ledger *ledger, struct batch *batch)
{
	struct error err = {0};

	(void)error_set(&err, E_RECORD_UNAVAILABLE, "another process owns the log");
	err.retry_after_s = 5;
	refuse_for(ledger, batch, IDLE_MS, &err);
}

/* Said once, not at every attempt. */
static void
say_not_ready(struct ledger *ledger, const struct error *err)
{
	const bool said = strncmp(ledger->why_not, err->detail, sizeof ledger->why_not - 1) == 0;

	ledger_not_ready(ledger, err->detail);
	if (!said)
		log_error(LOG_LEVEL_WARNING, "ledger.not_ready", NULL, err);
}

static void
recover_or_refuse(struct ledger *ledger, struct batch *batch)
{
	struct error err = {0};

	if (ledger_recover(ledger, &err)) {
		ledger->recover_pause_ms = 0;
		log_info("ledger.ready", "the log is open at size %lld", (long long)ledger->size);
		return;
	}
	say_not_ready(ledger, &err);
	if (error_info(err.code)->kind != ERROR_KIND_UNAVAILABLE)
		err.code = E_RECORD_UNAVAILABLE;
	err.retry_after_s = 1;
	ledger->recover_pause_ms *= 2;
	if (ledger->recover_pause_ms < RECOVER_PAUSE_MIN_MS)
		ledger->recover_pause_ms = RECOVER_PAUSE_MIN_MS;
	if (ledger->recover_pause_ms > RECOVER_PAUSE_MAX_MS)
		ledger->recover_pause_ms = RECOVER_PAUSE_MAX_MS;
	refuse_for(ledger, batch, ledger->recover_pause_ms, &err);
}

static void
end(struct ledger *ledger)
{
	ledger_lock(ledger);
	ledger->writer_done = true;
	(void)pthread_cond_broadcast(&ledger->flight_changed);
	ledger_unlock(ledger);
}

void *
ledger_writer(void *context)
{
	struct ledger *ledger = context;
	struct batch *batch = xcalloc(1, sizeof *batch);
	struct work work;

	for (work = look(ledger); !work.done; work = look(ledger)) {
		if (work.fenced)
			refuse_fenced(ledger, batch);
		else if (work.must_recover)
			recover_or_refuse(ledger, batch);
		else if (work.queued || work.own)
			work.aborts ? run_aborts(ledger, batch) : run_batch(ledger, batch, false);
		else
			wait_for_work(ledger, work.wait_ms);
	}
	buf_clear_public(&batch->text);
	free(batch);
	end(ledger);
	return NULL;
}
