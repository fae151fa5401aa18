/* The log on request. */
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/shapes.h"
#include "audit/events.h"
#include "base/mem.h"
#include "proof/note.h"

#define LIMIT_DEFAULT 1000

bool
get_events(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(events_page_clear) struct events_page page = {0};
	struct events_query query = {.log = http_query(request, "log"),
	    .after = -1,
	    .size = -1,
	    .limit = LIMIT_DEFAULT,
	    .from_s = -1,
	    .to_s = -1,
	    .event = http_query(request, "ev"),
	    .code = http_query(request, "rc"),
	    .actor = http_query(request, "act")};

	if (!http_query_int(request, "after", -1, INT64_MAX, &query.after, err) ||
	    !http_query_int(request, "size", 0, INT64_MAX, &query.size, err) ||
	    !http_query_int(request, "limit", 1, EVENTS_LIMIT_MAX, &query.limit, err) ||
	    !http_query_time(request, "from", &query.from_s, err) ||
	    !http_query_time(request, "to", &query.to_s, err) ||
	    !events_read(app->db, &query, &page, err))
		return false;
	response->status = 200;
	response->content_type = "application/x-ndjson";
	response->body = page.lines;
	page.lines = (struct buf){0};
	http_header(response, "Moniker-Log-Size", "%lld", (long long)page.size);
	if (page.next >= 0)
		http_header(response, "Moniker-Next", "%lld", (long long)page.next);
	return true;
}

static json_t *
shape_log(const struct app *app, const struct events_log *log)
{
	DEFER(buf_clear_public) struct buf vkey = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct error ignored = {0};
	struct note_key key;
	json_t *json =
	    json_pack("{s:s, s:I}", "origin", log->origin, "size", (json_int_t)log->size);

	if (note_key_init(&key, log->origin, log->public_key, &ignored)) {
		note_key_encode(&key, &vkey);
		(void)json_object_set_new(
		    json, "vkey", json_stringn((const char *)vkey.data, vkey.len));
	}
	if (audit_checkpoint(app->audit, &note, &ignored) && note.len > strlen(log->origin) &&
	    memcmp(note.data, log->origin, strlen(log->origin)) == 0 &&
	    note.data[strlen(log->origin)] == '\n')
		(void)json_object_set_new(
		    json, "checkpoint", json_stringn((const char *)note.data, note.len));
	return json;
}

bool
get_logs(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(mem_free) struct events_log *logs = xcalloc(EVENTS_LOGS_MAX, sizeof *logs);
	json_t *items;
	size_t count = 0;

	(void)request;
	if (!events_logs(app->db, logs, &count, err))
		return false;
	items = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(items, shape_log(app, &logs[i]));
	return http_ok(response, shape_list(items, NULL));
}

bool
get_checkpoint(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	if (!audit_log_checkpoint(app->audit, request->params[0], &response->body, err))
		return false;
	response->status = 200;
	response->content_type = "text/plain; charset=utf-8";
	http_header(response, "Cache-Control", "no-cache");
	return true;
}

/* A tile never changes, but a partial one goes when the full one is there. */
bool
get_tile(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};
	struct error malformed = {0};
	struct tile tile;

	buf_append_format(&path, "tile/%s", request->tail);
	if (!tile_path_parse(buf_bytes(&path), &tile, &malformed))
		return error_set(err, E_NOT_FOUND, "%s", malformed.detail);
	if (!audit_log_tile(app->audit, request->params[0], &tile, &response->body, err))
		return false;
	response->status = 200;
	response->content_type = "application/octet-stream";
	/* Private: what a cache on the way keeps is not for auditors only. */
	if (tile.width == TILE_WIDTH)
		http_header(response, "Cache-Control", "private, max-age=31536000, immutable");
	else
		http_header(response, "Cache-Control", "private, max-age=3600");
	return true;
}
