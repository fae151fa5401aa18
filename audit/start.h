/* start: what the log has of a start of the service: svc.start, and before it svc.down where the
 * one before was not stopped in order. */
#ifndef AUDIT_START_H
#define AUDIT_START_H

#include "db/ledger.h"

struct start {
	struct db *db;
	const char *origin, *actor;
	int64_t at_s; /* of the start: before the ledger ran */
};
/* What reading leaves, or ledger_submit(), says. */
MUST_CHECK bool start_record(const struct start *start, struct ledger *ledger, struct error *err);

#endif
