#ifndef AUDIT_RETENTION_STORE_H
#define AUDIT_RETENTION_STORE_H

#include "db/db.h"
#include "proof/checkpoint.h"
#include "proof/leaf.h"

#define RETENTION_PART_LEAVES INT64_C(1048576)
#define RETENTION_NAME_MAX 32
#define RETENTION_HOLDS_MAX 64 /* in force */

enum retention_what { RETENTION_LEAVES, RETENTION_BLOBS };

struct retention_log { /* id 0: there is none */
	int id;
	int64_t size;
	uint8_t public_key[32];
};
MUST_CHECK bool retention_find_log(
    struct tx *tx, const char *origin, struct retention_log *out, struct error *err);

/* The first full part that is there; -1: none. */
MUST_CHECK bool retention_first_part(struct tx *tx, const struct retention_log *log,
    enum retention_what what, int64_t *out_part, struct error *err);
/* Whether this part is there and full. */
MUST_CHECK bool retention_has_part(struct tx *tx, const struct retention_log *log,
    enum retention_what what, int64_t part, bool *out, struct error *err);
/* The body of one leaf, empty if it is not there. */
MUST_CHECK bool retention_read_leaf(
    struct tx *tx, int log, int64_t seq, struct buf *out, struct error *err);
/* Statements of this transaction may take as long as they need: a part can have a million sealed
 * identities. */
MUST_CHECK bool retention_take_time(struct tx *tx, struct error *err);
MUST_CHECK bool retention_drop(
    struct tx *tx, int log, enum retention_what what, int64_t part, struct error *err);

struct hold {
	char name[RETENTION_NAME_MAX + 1];
	char origin[CHECKPOINT_ORIGIN_MAX + 1]; /* of its log; "": all logs */
	char actor[LEAF_VALUE_MAX + 1];         /* who placed it, or releases it; "": not known */
	int64_t placed_at_s;
};

/* The name of a hold in force of this log, or of all; "": none. */
MUST_CHECK bool retention_find_hold(
    struct tx *tx, int log, char out_name[static RETENTION_NAME_MAX + 1], struct error *err);
/*
 * From here on this transaction does not wait long for a lock: placing and releasing wait for a
 * part that is being dropped with all its sealed identities, and the log for them.
 */
MUST_CHECK bool retention_wait_briefly(struct tx *tx, struct error *err);
/* Nothing is written where one of this name is in force, or where there is no such log. */
MUST_CHECK bool retention_insert_hold(
    struct tx *tx, const struct hold *hold, int64_t now_s, bool *out_placed, struct error *err);
MUST_CHECK bool retention_release_hold(struct tx *tx, const char *name, const char *actor,
    int64_t now_s, bool *out_found, struct error *err);
/* In force, oldest first; at most RETENTION_HOLDS_MAX. */
MUST_CHECK bool retention_holds(struct tx *tx, struct hold out[static RETENTION_HOLDS_MAX],
    size_t *out_count, struct error *err);

const struct stmt *const *retention_statements(void);

#endif
