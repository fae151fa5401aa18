/* Holds: what of the log may not be dropped, until it is released. */
#include <stdio.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/shapes.h"
#include "base/mem.h"

struct hold_members {
	const char *name, *log;
};
#define AT(member) offsetof(struct hold_members, member)
static const struct json_member REQUEST[] = {
    {"name", "/name", JSON_MEMBER_TEXT, AT(name), 0, true, 1, RETENTION_NAME_MAX},
    {"log", "/log", JSON_MEMBER_TEXT, AT(log), 0, false, 1, CHECKPOINT_ORIGIN_MAX},
};
#undef AT

static json_t *
text_or_null(const char *text)
{
	return text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *
shape_hold(const struct hold *hold)
{
	return json_pack("{s:s, s:o, s:o, s:o}", "name", hold->name, "log",
	    text_or_null(hold->origin), "placed_at", shape_time(hold->placed_at_s), "placed_by",
	    text_or_null(hold->actor));
}

bool
post_hold(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct hold_members in = {0};
	char actor[CALLER_ACTOR_LEN];
	struct hold hold;
	char location[64];

	caller_actor(request->caller, ROLE_LEGAL, actor);
	if (!decode_json(request, &body, err) ||
	    !json_read(body, REQUEST, COUNT(REQUEST), &in, err) ||
	    !holds_place(&app->holds, in.name, in.log, actor, &hold, err))
		return false;
	(void)snprintf(location, sizeof location, "/v1/audit/holds/%s", hold.name);
	return http_created(response, location, shape_hold(&hold));
}

bool
get_holds(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(mem_free) struct hold *holds = xcalloc(RETENTION_HOLDS_MAX, sizeof *holds);
	json_t *items;
	size_t count = 0;

	(void)request;
	if (!holds_list(&app->holds, holds, &count, err))
		return false;
	items = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(items, shape_hold(&holds[i]));
	return http_ok(response, shape_list(items, NULL));
}

bool
get_hold(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	struct hold hold;

	return holds_get(&app->holds, request->params[0], &hold, err) &&
	       http_ok(response, shape_hold(&hold));
}

bool
delete_hold(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	char actor[CALLER_ACTOR_LEN];

	caller_actor(request->caller, ROLE_LEGAL, actor);
	return holds_release(&app->holds, request->params[0], actor, err) &&
	       http_no_content(response);
}
