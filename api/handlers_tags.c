/* What those need who keep hardware ids to themselves: tags, lists of them (manifests), and the
 * seats that they seal to. */
#include "api/decode.h"
#include "api/handlers.h"
#include "api/limits.h"
#include "api/shapes.h"
#include "base/text.h"
#include "provisioning/manifest.h"

struct evaluation_members {
	json_t *points;
};
static const struct json_member EVALUATION[] = {
    {"points", "/points", JSON_MEMBER_ARRAY, offsetof(struct evaluation_members, points), 0, true,
	1, KEEPER_POINTS_MAX},
};

static json_t *
shape_points(uint8_t kid, const uint8_t (*points)[TAG_BYTES], size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, shape_hex(points[i], TAG_BYTES));
	return json_pack("{s:i, s:o}", "kid", kid, "points", list);
}

static bool
evaluate(const struct app *app, const uint8_t (*points)[TAG_BYTES], size_t count,
    uint8_t (*out)[TAG_BYTES], uint8_t *out_kid, struct error *err)
{
	struct error failed = {0};

	if (keeper_evaluate(app->keeper, points, count, out, out_kid, &failed))
		return true;
	if (failed.code == E_TAG_INVALID)
		return error_set_field(err, E_TAG_INVALID, "/points",
		    "one is not a point of ristretto255 but the identity");
	*err = failed;
	return false;
}

/* It answers with points, never with whether one is known; what is blinded tells it nothing. */
bool
post_evaluation(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	struct evaluation_members in = {0};
	uint8_t points[KEEPER_POINTS_MAX][TAG_BYTES], out[KEEPER_POINTS_MAX][TAG_BYTES];
	size_t count = 0;
	uint8_t kid = 0;

	return decode_json(request, &body, err) &&
	       json_read(body, EVALUATION, COUNT(EVALUATION), &in, err) &&
	       decode_points(in.points, "/points", points, COUNT(points), &count, err) &&
	       limiter_evaluation(app->limiter, request->caller, (int64_t)count, err) &&
	       evaluate(app, (const uint8_t(*)[TAG_BYTES])points, count, out, &kid, err) &&
	       http_ok(response, shape_points(kid, (const uint8_t(*)[TAG_BYTES])out, count));
}

/* ---- manifests ---- */

struct manifest_members {
	int64_t kid;
	json_t *tags;
};
static const struct json_member MANIFEST[] = {
    {"kid", "/kid", JSON_MEMBER_INT, offsetof(struct manifest_members, kid), 0, true, 0, UINT8_MAX},
    {"tags", "/tags", JSON_MEMBER_ARRAY, offsetof(struct manifest_members, tags), 0, true, 1,
	MANIFEST_ADD_MAX},
};

static bool
list_tags(const struct app *app, const struct http_request *request, const json_t *body,
    size_t *out_added, struct error *err)
{
	struct manifest_members in = {0};
	uint8_t tags[MANIFEST_ADD_MAX][TAG_BYTES];
	size_t count = 0;
	char actor[CALLER_ACTOR_LEN];

	caller_actor(request->caller, ROLE_ADMIN, actor);
	return json_read(body, MANIFEST, COUNT(MANIFEST), &in, err) &&
	       decode_points(in.tags, "/tags", tags, COUNT(tags), &count, err) &&
	       manifest_add(&app->enrollment,
		   &(struct manifest_addition){.batch = request->params[0],
		       .actor = actor,
		       .kid = (uint8_t)in.kid,
		       .tags = (const uint8_t(*)[TAG_BYTES])tags,
		       .count = count},
		   out_added, err);
}

bool
post_manifest(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	size_t added = 0;

	return decode_json(request, &body, err) && list_tags(app, request, body, &added, err) &&
	       http_ok(response, json_pack("{s:I}", "added", (json_int_t)added));
}

bool
get_manifest(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct manifest_coverage coverage;

	return manifest_get_coverage(app->db, request->params[0], &coverage, err) &&
	       http_ok(response, json_pack("{s:I, s:I, s:I}", "listed", (json_int_t)coverage.listed,
				     "enrolled", (json_int_t)coverage.enrolled, "missing",
				     (json_int_t)(coverage.listed - coverage.enrolled)));
}

/* ---- whom a blind station seals to ---- */

static json_t *
shape_seat_set(const struct seat_set *set, struct bytes signature)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf encoded = {0};

	seat_set_encode(set, &text);
	base64_encode(&encoded, signature);
	return json_pack("{s:I, s:s%, s:s%}", "number", (json_int_t)set->number, "text",
	    (const char *)text.data, text.len, "signature", (const char *)encoded.data,
	    encoded.len);
}

/* The one in force, if there is one. */
bool
get_seat_sets(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(buf_clear_public) struct buf signature = {0};
	json_t *items = json_array();
	struct seat_set set;

	(void)request;
	(void)err;
	if (app->enrollment.seats != NULL &&
	    seats_get_signed(app->enrollment.seats, &set, &signature))
		(void)json_array_append_new(items, shape_seat_set(&set, buf_bytes(&signature)));
	return http_ok(response, json_pack("{s:o, s:n}", "items", items, "next"));
}
