#include "audit/events.h"

#include "audit/events_filter.h"
#include "audit/events_store.h"

#define READ_AT_ONCE 2000 /* leaves in one statement */

bool
events_logs(struct db *db, struct events_log *out, size_t *out_count, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!events_read_logs(db, EVENTS_LOGS_MAX, &rows, err))
		return false;
	for (size_t i = 0; i < rows_count(rows); i++) {
		out[i].id = (int)rows_int(rows, i, 0);
		rows_text(rows, i, 1, out[i].origin, sizeof out[i].origin);
		out[i].size = rows_int(rows, i, 2);
		memcpy(out[i].public_key, rows_bytes(rows, i, 3).data, sizeof out[i].public_key);
	}
	*out_count = rows_count(rows);
	return true;
}

struct scan { /* one answer in the making */
	const struct events_query *query;
	int log;
	int64_t size;    /* pinned */
	int64_t last;    /* seq of the last leaf looked at */
	int64_t scanned; /* leaves looked at */
	bool past;       /* nothing after `last` can match */
};

/*
 * The last leaf before the time asked for, by halving: `st` never decreases. So a narrow window
 * in a long log is not a walk through all of it.
 */
static bool
seek(struct db *db, struct scan *scan, struct error *err)
{
	int64_t low = scan->last; /* before from_s, or not asked for */
	int64_t high = scan->size;

	while (scan->query->from_s >= 0 && high - low > 1) {
		DEFER(rows_free) struct rows *rows = NULL;
		int64_t middle = low + (high - low) / 2;
		struct error unreadable = {0};
		struct leaf_view leaf;

		if (!events_read_leaves(db, scan->log, middle - 1, middle + 1, 1, &rows, err))
			return false;
		if (rows_count(rows) == 0 ||
		    !leaf_parse(rows_bytes(rows, 0, 1), &leaf, &unreadable))
			break; /* missing or damaged: walk from the last good place */
		if (leaf.sequenced_at_s < scan->query->from_s)
			low = middle;
		else
			high = middle;
	}
	scan->last = low;
	return true;
}

static void
take_leaf(struct scan *scan, int64_t seq, struct bytes body, struct events_page *page)
{
	enum events_match match = events_match(scan->query, body);

	if (match == EVENTS_PAST) {
		scan->past = true;
		return;
	}
	scan->last = seq;
	scan->scanned++;
	if (match == EVENTS_SKIP)
		return;
	buf_append(&page->lines, body);
	buf_append_u8(&page->lines, '\n');
	page->count++;
}

/* One statement's worth of leaves. */
static bool
scan_some(struct db *db, struct scan *scan, struct events_page *page, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!events_read_leaves(db, scan->log, scan->last, scan->size, READ_AT_ONCE, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		scan->past = true;
	for (size_t i = 0; i < rows_count(rows); i++) {
		if (scan->past || page->count == scan->query->limit)
			break;
		take_leaf(scan, rows_int(rows, i, 0), rows_bytes(rows, i, 1), page);
	}
	return true;
}

static bool
scan_begin(struct db *db, const struct events_query *query, struct scan *out, struct error *err)
{
	struct events_log logs[EVENTS_LOGS_MAX];
	const struct events_log *log;
	size_t count;

	if (!events_check(query, err) || !events_logs(db, logs, &count, err) ||
	    !events_pick_log(logs, count, query->log, &log, err))
		return false;
	if (query->size > log->size)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/after", "the log has no such tree size");
	*out = (struct scan){
	    .query = query,
	    .log = log->id,
	    .size = query->size < 0 ? log->size : query->size,
	    .last = query->after,
	};
	return seek(db, out, err);
}

bool
events_read(
    struct db *db, const struct events_query *query, struct events_page *out, struct error *err)
{
	DEFER(events_page_clear) struct events_page page = {0};
	struct scan scan;

	if (!scan_begin(db, query, &scan, err))
		return false;
	while (!scan.past && scan.last < scan.size - 1 && page.count < query->limit &&
	       scan.scanned < EVENTS_SCAN_MAX)
		if (!scan_some(db, &scan, &page, err))
			return false;
	page.size = scan.size;
	page.next = scan.past || scan.last >= scan.size - 1 ? -1 : scan.last;
	*out = page;
	page = (struct events_page){0};
	return true;
}

void
events_page_clear(struct events_page *page)
{
	buf_clear_public(&page->lines);
}
