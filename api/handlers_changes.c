/* What verifiers follow: changes of status, the status set, the trust bundle. docs/status.md */
#include <string.h>

#include "api/handlers.h"
#include "ca/status_notes.h"

#define WAIT_MAX_S 60

/*
 * A page that is empty is what is answered when the time is up: the request waits with it in hand,
 * and comes here again when something has changed.
 */
bool
get_changes(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(status_notes_page_clear) struct status_notes_page page = {0};
	int64_t wait_s = 0;

	if (!http_query_int(request, "wait", 0, WAIT_MAX_S, &wait_s, err) ||
	    !status_notes_page(app->notes, http_query(request, "after"), &page, err))
		return false;
	buf_append(&response->body, buf_bytes(&page.note));
	response->content_type = "text/plain; charset=utf-8";
	http_header(response, "Moniker-Next", "%s", page.cursor);
	http_header(response, "Cache-Control", "no-store");
	response->status = 200;
	if (page.empty && !request->resumed && !request->draining) {
		response->park_ms = (int)wait_s * 1000;
		response->park_beyond_seq = page.to;
	}
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
