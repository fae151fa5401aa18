/* logs_store: the rows of audit_log. Internal to audit/logs*.c. */
#ifndef AUDIT_LOGS_STORE_H
#define AUDIT_LOGS_STORE_H

#include "audit/logs.h"
#include "proof/checkpoint.h"
#include "proof/note.h"

struct logs_row { /* of the log asked for */
	bool found, retired;
	int64_t size, last_st_s, gone_at_s;
	int64_t live; /* other logs that are not retired */
};
/* Locks every log, so that of two who retire the last two one sees what the other did. */
MUST_CHECK bool logs_lock(
    struct tx *tx, const char *origin, struct logs_row *out, struct error *err);
MUST_CHECK bool logs_set_gone(struct tx *tx, const char *origin, int64_t now_s, struct error *err);

/* Of the log of an origin, and of the one that it follows. */
struct logs_before {
	int64_t own_size;
	bool found; /* it follows one: */
	char origin[CHECKPOINT_ORIGIN_MAX + 1];
	int64_t size;
	uint8_t public_key[NOTE_PUBLIC_BYTES];
};
/* E_NOT_FOUND: there is no log of that origin */
MUST_CHECK bool logs_read_before(
    struct db *db, const char *origin, struct logs_before *out, struct error *err);
/* That one ends at `size`, for ever, unless it has another size. */
MUST_CHECK bool logs_continue(
    struct tx *tx, int log, int64_t size, int64_t now_s, struct error *err);

/* The name of the log that follows that of `origin` and has no leaf yet: true, and it is there. */
MUST_CHECK bool logs_find_next(struct tx *tx, const char *origin, bool *out_found,
    char out_next[static CHECKPOINT_ORIGIN_MAX + 1], struct error *err);
MUST_CHECK bool logs_set_follows(
    struct tx *tx, const char *origin, const char *before, struct error *err);
/* How many leaves that tell of this log wait for one that lives. */
MUST_CHECK bool logs_count_waiting(
    struct db *db, const char *name, int64_t *out, struct error *err);

#endif
