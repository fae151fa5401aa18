/* db_metrics: what the ledger and the connection pool count; docs/metrics.md says what it means. */
#ifndef DB_DB_METRICS_H
#define DB_DB_METRICS_H

#include "base/metrics.h"

enum db_metric {
	LEDGER_BATCHES,         /* by enum try_result of the batch's end */
	LEDGER_BATCH_PROPOSALS, /* in one transaction */
	LEDGER_QUEUE_WAIT,
	LEDGER_TRANSACTION,
	LEDGER_COMMIT,
	LEDGER_KEEPER,
	LEDGER_IN_FLIGHT,
	LEDGER_LEAVES, /* by enum leaf_event */
	DB_RACES,      /* by enum db_race */
	DB_CONNECTIONS,
	DB_CONNECTIONS_USED,
	DB_POOL_WAIT,
	DB_POOL_TIMEOUTS,
	DB_CONNECT_FAILURES,
	DB_UP,
};

enum db_race { DB_RACE_SERIALIZATION, DB_RACE_DEADLOCK, DB_RACE_LOST, DB_RACE_COUNT };
/* Of an SQLSTATE: 40001, 40P01, or anything else: another writer was first. */
enum db_race db_race_of(const char *sqlstate);

struct metrics *db_metrics_new(void);

#endif
