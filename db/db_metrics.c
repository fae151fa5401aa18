#include "db/db_metrics.h"

#include <string.h>

#include "base/bytes.h"
#include "db/ledger_core.h"
#include "proof/leaf.h"

static void
put_label(struct buf *out, const char *name, const char *value)
{
	buf_append_format(out, "%s=\"%s\"", name, value);
}

static size_t
result_count(void)
{
	return TRY_FAULT + 1;
}

static void
append_result(struct buf *out, size_t series)
{
	static const char *const names[] = {[TRY_COMMITTED] = "committed",
	    [TRY_LOST_RACE] = "lost_race",
	    [TRY_TOO_MANY] = "too_many",
	    [TRY_UNAVAILABLE] = "unavailable",
	    [TRY_LOST] = "connection_lost",
	    [TRY_FENCED] = "fenced",
	    [TRY_FAULT] = "fault"};

	put_label(out, "result", names[series]);
}

static size_t
event_count(void)
{
	return LEAF_EVENT_COUNT;
}

static void
append_event(struct buf *out, size_t series)
{
	put_label(out, "event",
	    series == LEAF_EVENT_NONE ? "none" : leaf_event_name((enum leaf_event)series));
}

static size_t
race_count(void)
{
	return DB_RACE_COUNT;
}

static void
append_race(struct buf *out, size_t series)
{
	static const char *const names[] = {[DB_RACE_SERIALIZATION] = "serialization",
	    [DB_RACE_DEADLOCK] = "deadlock",
	    [DB_RACE_LOST] = "another_writer"};

	put_label(out, "cause", names[series]);
}

static const struct metric_labels RESULTS = {result_count, append_result, false};
static const struct metric_labels EVENTS = {event_count, append_event, true};
static const struct metric_labels RACES = {race_count, append_race, false};

#define US METRIC_US_PER_S
#define LATENCY &METRIC_LATENCY_US

/* clang-format off */
static const struct metric TABLE[] = {
	/*                          name                                      type             per labels    buckets        help */
	[LEDGER_BATCHES]         = {"moniker_ledger_batches_total",           METRIC_COUNTER,   1, &RESULTS, NULL,          "Group commits by how they ended."},
	[LEDGER_BATCH_PROPOSALS] = {"moniker_ledger_batch_proposals",         METRIC_HISTOGRAM, 1, NULL,     &METRIC_SIZES, "Proposals in one committed transaction."},
	[LEDGER_QUEUE_WAIT]      = {"moniker_ledger_queue_wait_seconds",      METRIC_HISTOGRAM, US, NULL,    LATENCY,       "Time a proposal waited for its transaction to begin."},
	[LEDGER_TRANSACTION]     = {"moniker_ledger_transaction_seconds",     METRIC_HISTOGRAM, US, NULL,    LATENCY,       "Time of a committed transaction from its first lock to the end of COMMIT."},
	[LEDGER_COMMIT]          = {"moniker_ledger_commit_seconds",          METRIC_HISTOGRAM, US, NULL,    LATENCY,       "Time of the round trip with writes, leaves and COMMIT."},
	[LEDGER_KEEPER]          = {"moniker_ledger_keeper_seconds",          METRIC_HISTOGRAM, US, NULL,    LATENCY,       "Time from sending leaves to the keeper until their signatures came."},
	[LEDGER_IN_FLIGHT]       = {"moniker_ledger_keeper_appends_in_flight", METRIC_GAUGE,    1, NULL,     NULL,          "Appends that the keeper has and has not answered."},
	[LEDGER_LEAVES]          = {"moniker_ledger_leaves_total",            METRIC_COUNTER,   1, &EVENTS,  NULL,          "Leaves committed to the audit log by event."},
	[DB_RACES]           = {"moniker_db_lost_races_total",            METRIC_COUNTER,   1, &RACES,   NULL,          "Transactions rolled back because of another one; the ledger's are tried again."},
	[DB_CONNECTIONS]         = {"moniker_db_pool_connections",            METRIC_GAUGE,     1, NULL,     NULL,          "Connections of the pool, open or being opened."},
	[DB_CONNECTIONS_USED]    = {"moniker_db_pool_connections_in_use",     METRIC_GAUGE,     1, NULL,     NULL,          "Connections of the pool that are lent."},
	[DB_POOL_WAIT]           = {"moniker_db_pool_wait_seconds",           METRIC_HISTOGRAM, US, NULL,    LATENCY,       "Time waited for a connection, of those who had to wait."},
	[DB_POOL_TIMEOUTS]       = {"moniker_db_pool_timeouts_total",         METRIC_COUNTER,   1, NULL,     NULL,          "Requests that got no connection in time."},
	[DB_CONNECT_FAILURES]    = {"moniker_db_connect_failures_total",      METRIC_COUNTER,   1, NULL,     NULL,          "Connections that could not be opened."},
	[DB_UP]                  = {"moniker_db_up",                          METRIC_GAUGE,     1, NULL,     NULL,          "1 when the last connection asked for was there and worked, else 0."},
};
/* clang-format on */

enum db_race
db_race_of(const char *sqlstate)
{
	if (strcmp(sqlstate, "40001") == 0)
		return DB_RACE_SERIALIZATION;
	return strcmp(sqlstate, "40P01") == 0 ? DB_RACE_DEADLOCK : DB_RACE_LOST;
}

struct metrics *
db_metrics_new(void)
{
	return metrics_new(TABLE, COUNT(TABLE));
}
