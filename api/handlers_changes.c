/* What verifiers follow: changes of status, the status set, the trust bundle. docs/status.md */
#include <stdio.h>

#include "api/handlers.h"
#include "ca/status_notes.h"

#define WAIT_MAX_S 60
#define BEAT_MS 10000 /* how long a stream is silent */

/* Each line of the note, its last newline aside, is one of the event's data. */
static void
put_event(const struct status_notes_page *page, struct buf *out)
{
	const struct bytes note = buf_bytes(&page->note);
	bool begins = true;

	buf_append_format(out, "id: %s\nevent: page\n", page->cursor);
	for (size_t i = 0; i < note.len; i++) {
		if (begins)
			buf_append_text(out, "data: ");
		buf_append_u8(out, note.data[i]);
		begins = note.data[i] == '\n';
	}
	buf_append_text(out, "\n");
}

/* A stream's first page says where it stands, though it be empty; later ones tell of changes. */
static void
answer_event(const struct http_request *request, const struct status_notes_page *page,
    struct http_response *response)
{
	if (page->empty && request->resumed)
		buf_append_text(&response->body, ":\n\n");
	else
		put_event(page, &response->body);
	response->content_type = "text/event-stream";
	response->stream = !request->head;
	response->park_ms = request->head ? 0 : BEAT_MS;
	response->park_beyond_seq = page->to;
	(void)snprintf(response->event_id, sizeof response->event_id, "%s", page->cursor);
}

/*
 * A page that is empty is what is answered when the time is up: the request waits with it in hand,
 * and comes here again when something has changed.
 */
static void
answer_page(const struct http_request *request, struct status_notes_page *page, int64_t wait_s,
    struct http_response *response)
{
	buf_append(&response->body, buf_bytes(&page->note));
	response->content_type = "text/plain; charset=utf-8";
	if (page->empty && !request->resumed && !request->draining) {
		response->park_ms = (int)wait_s * 1000;
		response->park_beyond_seq = page->to;
	}
}

bool
get_changes(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(status_notes_page_clear) struct status_notes_page page = {0};
	const bool events = http_accepts_events(request);
	const char *after = http_query(request, "after");
	int64_t wait_s = 0;

	/* What a client says that comes again is newer than the address that it comes to. */
	if (events && request->last_event_id[0] != '\0')
		after = request->last_event_id;
	if (!http_query_int(request, "wait", 0, WAIT_MAX_S, &wait_s, err) ||
	    !status_notes_page(app->notes, after, &page, err))
		return false;
	if (events)
		answer_event(request, &page, response);
	else
		answer_page(request, &page, wait_s, response);
	http_header(response, "Moniker-Next", "%s", page.cursor);
	http_header(response, "Cache-Control", "no-store");
	response->status = 200;
	return true;
}

static void
release_file(void *context)
{
	status_file_free(context);
}

static bool
share_file(struct status_file *file, const char *type, struct http_response *response)
{
	response->shared = status_file_bytes(file);
	response->release = release_file;
	response->release_context = file;
	response->content_type = type;
	http_header(response, "Moniker-Next", "%s", status_file_cursor(file));
	http_header(response, "Cache-Control", "no-store");
	response->status = 200;
	return true;
}

bool
get_snapshot(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct status_file *file;

	(void)request;
	return status_notes_set(app->notes, &file, err) &&
	       share_file(file, "application/octet-stream", response);
}

bool
get_trust_bundle(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct status_file *file;

	(void)request;
	return status_notes_bundle(app->notes, &file, err) &&
	       share_file(file, "application/x-pem-file", response);
}
