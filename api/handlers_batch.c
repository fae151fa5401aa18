/* Production lots and their tokens. */
#include <stdio.h>
#include <stdlib.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "api/shapes.h"
#include "base/mem.h"

#define LIST_LIMIT 100

/* A caller that is a station and no admin sees its own batches only. */
static int64_t
only_station(const struct caller *caller)
{
	return (caller->mask & ROLE_ADMIN) != 0 ? 0 : caller->person;
}

/* An installation that is older than the mode makes its authorities with `moniker ca roll`. */
static bool
mode_is_offered(const struct app *app, const struct batch *batch, struct error *err)
{
	return batch->mode == BATCH_PSEUDONYMOUS ||
	       (issuers_active(app->issuers, ISSUER_BIRTH_CA) != NULL &&
		   issuers_active(app->issuers, ISSUER_PSEUDONYM_CA) != NULL) ||
	       error_set_field(err, E_PROFILE_DENIED, "/mode",
		   "its authorities are not made yet: moniker ca roll birth-ca and pseudonym-ca");
}

bool
post_batch(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(mem_free) struct batch *batch = xcalloc(1, sizeof *batch);
	char actor[CALLER_ACTOR_LEN];
	char location[96];
	bool created = false;

	caller_actor(request->caller, ROLE_ADMIN, actor);
	if (!decode_json(request, &body, err) ||
	    !decode_batch(body, clock_now_s(app->clock), batch, err) ||
	    !mode_is_offered(app, batch, err) ||
	    !batch_open(&app->batches, batch, actor, &created, err))
		return false;
	(void)snprintf(location, sizeof location, "/v1/batches/%s", batch->name);
	return created ? http_created(response, location, shape_batch(batch))
		       : http_ok(response, shape_batch(batch));
}

bool
get_batches(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(mem_free) struct batch *list = xcalloc(LIST_LIMIT, sizeof *list);
	json_t *items;
	json_t *next = NULL;
	size_t count = 0;
	int64_t after = 0;

	if (!http_query_int(request, "after", 0, INT64_MAX, &after, err) ||
	    !batch_list(
		app->db, after, only_station(request->caller), LIST_LIMIT, list, &count, err))
		return false;
	items = json_array();
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(items, shape_batch(&list[i]));
	if (count == LIST_LIMIT)
		next = json_sprintf("%lld", (long long)list[count - 1].id);
	return http_ok(response, shape_list(items, next));
}

bool
get_batch(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	DEFER(mem_free) struct batch *batch = xcalloc(1, sizeof *batch);
	const int64_t station = only_station(request->caller);

	if (!batch_get(app->db, request->params[0], batch, err))
		return false;
	if (station != 0 && !batch_allows_station(batch, station))
		return error_set(err, E_UNKNOWN_BATCH, "there is no such batch for this station");
	return http_ok(response, shape_batch(batch));
}

/* ---- tokens ---- */

struct tokens_members {
	int64_t count, expires_in_s;
	json_t *bound;
};
static const struct json_member TOKENS[] = {
    {"count", "/count", JSON_MEMBER_INT, offsetof(struct tokens_members, count), 0, false, 1,
	TOKEN_MINT_MAX},
    {"expires_in_s", "/expires_in_s", JSON_MEMBER_INT,
	offsetof(struct tokens_members, expires_in_s), 0, false, 1, TOKEN_VALIDITY_MAX_S},
    {"for", "/for", JSON_MEMBER_ARRAY, offsetof(struct tokens_members, bound), 0, false, 1,
	TOKEN_MINT_MAX},
};

struct bound_members {
	json_t *hardware_ids;
};
static const struct json_member BOUND[] = {
    {"hardware_ids", "/for/hardware_ids", JSON_MEMBER_ARRAY,
	offsetof(struct bound_members, hardware_ids), 0, true, 1, HWID_COUNT_MAX},
};

static bool
decode_binding(const json_t *object, struct token_binding *out, struct error *err)
{
	struct enroll_hardware_id ids[HWID_COUNT_MAX];
	struct bound_members in = {0};

	if (!json_read(object, BOUND, COUNT(BOUND), &in, err) ||
	    !decode_hardware_ids(in.hardware_ids, "/for/hardware_ids", ids, &out->count, err))
		return false;
	for (size_t i = 0; i < out->count; i++)
		if (!hwid_parse(ids[i].type, ids[i].value, &out->hwids[i], err))
			return false;
	return true;
}

static bool
decode_bindings(const json_t *list, struct token_binding *out, struct error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!decode_binding(json_array_get(list, i), &out[i], err))
			return false;
	return true;
}

static json_t *
take_texts(char **texts, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		(void)json_array_append_new(list, json_string(texts[i]));
		free(texts[i]);
	}
	free(texts);
	return json_pack("{s:o}", "tokens", list);
}

static bool
mint(const struct app *app, const struct http_request *request, const struct tokens_members *in,
    struct token_binding *bindings, char ***out_texts, struct error *err)
{
	DEFER(mem_free) struct batch *batch = xcalloc(1, sizeof *batch);
	char actor[CALLER_ACTOR_LEN];

	caller_actor(request->caller, ROLE_ADMIN, actor);
	if ((in->bound != NULL && !decode_bindings(in->bound, bindings, err)) ||
	    !batch_get(app->db, request->params[0], batch, err))
		return false;
	if (in->bound != NULL && batch->blind)
		return error_set_field(err, E_HARDWARE_ID_INVALID, "/for",
		    "this batch shows the service no hardware id: mint free tokens");
	return token_mint(&app->tokens,
	    &(struct token_mint_request){.batch = batch->id,
		.batch_handle = batch->handle,
		.actor = actor,
		.count = (size_t)in->count,
		.bindings = in->bound != NULL ? bindings : NULL,
		.expires_in_s = in->expires_in_s},
	    out_texts, err);
}

bool
post_tokens(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct tokens_members in = {.expires_in_s = TOKEN_VALIDITY_DEFAULT_S};
	struct token_binding *bindings;
	char **texts = NULL;
	size_t bound_count;
	bool minted;

	if (!decode_json(request, &body, err) || !json_read(body, TOKENS, COUNT(TOKENS), &in, err))
		return false;
	if ((in.count != 0) == (in.bound != NULL))
		return error_set_field(err, E_INCOMPLETE, "/count", "one of count and for");
	bound_count = json_array_size(in.bound);
	if (in.bound != NULL)
		in.count = (int64_t)bound_count;
	bindings = xcalloc(bound_count, sizeof *bindings);
	minted = mint(app, request, &in, bindings, &texts, err);
	for (size_t i = 0; i < bound_count; i++)
		for (size_t j = 0; j < HWID_COUNT_MAX; j++)
			hwid_clear(&bindings[i].hwids[j]);
	free(bindings);
	return minted && http_created(response, NULL, take_texts(texts, (size_t)in.count));
}
