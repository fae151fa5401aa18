/* logs_store: the rows of audit_log. Internal to audit/logs*.c. */
#ifndef AUDIT_LOGS_STORE_H
#define AUDIT_LOGS_STORE_H

#include "audit/logs.h"

struct logs_row { /* of the log asked for */
	bool found, retired;
	int64_t size, last_st_s, gone_at_s;
	int64_t live; /* other logs that are not retired */
};
/* Locks every log, so that of two who retire the last two one sees what the other did. */
MUST_CHECK bool logs_lock(
    struct tx *tx, const char *origin, struct logs_row *out, struct error *err);
MUST_CHECK bool logs_set_gone(struct tx *tx, const char *origin, int64_t now_s, struct error *err);

#endif
