/* events: the log on request: leaves verbatim, keyset paging pinned to a tree size. */
#ifndef AUDIT_EVENTS_H
#define AUDIT_EVENTS_H

#include "base/buf.h"
#include "base/error.h"
#include "db/db.h"
#include "proof/leaf.h"

#define EVENTS_LIMIT_MAX 10000 /* leaves in one answer */
#define EVENTS_SCAN_MAX 200000 /* leaves looked at for one answer */

struct events_log {
	int id;
	char origin[129];
	int64_t size;
	uint8_t public_key[32];
};
#define EVENTS_LOGS_MAX 64
MUST_CHECK bool events_logs(
    struct db *db, struct events_log *out, size_t *out_count, struct error *err);

struct events_query {
	const char *log;      /* origin or its last part; NULL: the only one (else E_INCOMPLETE) */
	int64_t after;        /* leaves with seq > after; -1: from the first */
	int64_t size;         /* pinned tree size: leaves with seq < size; -1: the present one */
	int64_t limit;        /* 1 to EVENTS_LIMIT_MAX */
	int64_t from_s, to_s; /* of `st`: from <= st < to; -1: open */
	const char *event, *code, *actor; /* exact, or NULL; an event ending in '*' is a prefix */
};
struct events_page {
	struct buf lines; /* leaf bytes, each ended by a newline */
	int64_t size;     /* the tree size it is pinned to */
	int64_t next;     /* `after` for the next page, or -1: this was the last */
	int64_t count;
};
/*
 * A leaf that cannot be read passes every filter: whoever reads the log has to see it.
 * E_NOT_FOUND    no such log
 * E_INCOMPLETE   there are several logs, and `log` does not say which
 * E_BAD_SYNTAX   no such event, a code that is not spelled like one, a number out of range
 */
MUST_CHECK bool events_read(
    struct db *db, const struct events_query *query, struct events_page *out, struct error *err);
void events_page_clear(struct events_page *page);
DEFER_DECLARE_CLEAR(struct events_page, events_page_clear)

const struct stmt *const *events_statements(void);

#endif
