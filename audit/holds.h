/*
 * holds: what keeps the log from being dropped, placed and released by the API. The hold and its
 * leaf are in one transaction of the ledger. What a hold does: audit/retention.h.
 */
#ifndef AUDIT_HOLDS_H
#define AUDIT_HOLDS_H

#include "audit/retention_store.h"
#include "db/ledger.h"

struct holds_service {
	struct db *db;
	struct ledger *ledger;
};

/*
 * `log`: an origin or its last part; NULL: all logs.
 * E_BAD_SYNTAX       the name is none (audit/retention.h)
 * E_NOT_FOUND        there is no such log
 * E_STATE_CONFLICT   one of this name is in force, or RETENTION_HOLDS_MAX are
 * and those of ledger_submit()
 */
MUST_CHECK bool holds_place(const struct holds_service *service, const char *name, const char *log,
    const char *actor, struct hold *out, struct error *err);
/* E_NOT_FOUND: none of this name is in force; and those of ledger_submit() */
MUST_CHECK bool holds_release(
    const struct holds_service *service, const char *name, const char *actor, struct error *err);

/* In force, oldest first. */
MUST_CHECK bool holds_list(const struct holds_service *service,
    struct hold out[static RETENTION_HOLDS_MAX], size_t *out_count, struct error *err);
/* E_NOT_FOUND */
MUST_CHECK bool holds_get(
    const struct holds_service *service, const char *name, struct hold *out, struct error *err);

#endif
