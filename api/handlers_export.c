/* Exports of the audit log: begun, looked at, fetched in parts, removed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/shapes.h"
#include "audit/export.h"
#include "base/mem.h"

bool
post_export(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(mem_free) struct export_job *job = xcalloc(1, sizeof *job);
	char actor[CALLER_ACTOR_LEN];
	struct export_scope scope;
	const char *log = NULL;
	char location[64];

	caller_actor(request->caller, ROLE_AUDITOR, actor);
	if (!decode_json(request, &body, err) || !decode_export(body, &scope, &log, err) ||
	    !export_begin(app->exports, actor, log, &scope, job, err))
		return false;
	(void)snprintf(location, sizeof location, "/v1/audit/exports/%s", job->id);
	return http_accepted(response, location, shape_export(job));
}

bool
get_exports(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct export_job *jobs = xcalloc(EXPORT_LIST_MAX, sizeof *jobs);
	json_t *items;
	size_t count = 0;

	(void)request;
	if (!export_list(app->exports, jobs, &count, err))
		return false;
	items = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(items, shape_export(&jobs[i]));
	return http_ok(response, shape_list(items, NULL));
}

bool
get_export(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct export_job *job = xcalloc(1, sizeof *job);

	return export_get(app->exports, request->params[0], job, err) &&
	       http_ok(response, shape_export(job));
}

bool
delete_export(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	return export_remove(app->exports, request->params[0], err) && http_no_content(response);
}

/* ---- the archive ---- */

struct part { /* of a file, while it is sent */
	int fd;
	uint64_t first;
};

static void
part_free(struct part *part)
{
	if (part == NULL)
		return;
	(void)close(part->fd);
	free(part);
}
DEFER_DECLARE(struct part, part_free)

static void
release_part(void *context)
{
	part_free(context);
}

static bool
read_part(void *context, size_t from, uint8_t *out, size_t len)
{
	const struct part *part = context;
	size_t done = 0;

	while (done < len) {
		const ssize_t got =
		    pread(part->fd, out + done, len - done, (off_t)(part->first + from + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

/* Takes the part over. */
static void
put_part(
    struct http_response *response, struct part *part, const struct http_range *range, uint64_t len)
{
	part->first = range->first;
	response->status = range->part ? 206 : 200;
	response->read = read_part;
	response->read_len = (size_t)range->len;
	response->release = release_part;
	response->release_context = part;
	if (range->part)
		http_header(response, "Content-Range", "bytes %llu-%llu/%llu",
		    (unsigned long long)range->first,
		    (unsigned long long)(range->first + range->len - 1), (unsigned long long)len);
}

bool
get_export_result(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct export_job *job = xcalloc(1, sizeof *job);
	DEFER(part_free) struct part *part = NULL;
	char hash[2 * SHA256_BYTES + 1];
	struct http_range range;
	int fd = -1;

	if (!export_open(app->exports, request->params[0], job, &fd, err))
		return false;
	part = xcalloc(1, sizeof *part);
	part->fd = fd;
	if (!http_range(request, job->result.len, &range, err))
		return false;
	put_part(response, TAKE(part), &range, job->result.len);
	response->content_type = "application/x-tar";
	hex_encode(hash, bytes_of(job->result.sha256, SHA256_BYTES));
	http_header(response, "ETag", "\"%s\"", hash);
	http_header(response, "Accept-Ranges", "bytes");
	http_header(response, "Cache-Control", "private, no-store");
	http_header(response, "Content-Disposition", "attachment; filename=\"%s.tar\"", job->id);
	return true;
}
