/* Seats that change hands: shares of one role out, sealed again, and back. */
#include <stdio.h>
#include <stdlib.h>

#include "api/decode.h"
#include "api/handlers.h"
#include "base/mem.h"
#include "base/text.h"

static json_t *
base64(struct bytes octets)
{
	DEFER(buf_clear_public) struct buf text = {0};

	base64_encode(&text, octets);
	return json_stringn((const char *)text.data, text.len);
}

/* Nobody carries the other role's shares about. */
static bool
act_as(const struct http_request *request, enum seat_role role, char actor[static CALLER_ACTOR_LEN],
    struct error *err)
{
	const unsigned mask = role == SEAT_LEGAL ? ROLE_LEGAL : ROLE_OFFICER;

	caller_actor(request->caller, mask, actor);
	return (request->caller->mask & mask) != 0 ||
	       error_set_field(err, E_ROLE_DENIED, "/role", "you do not have this role");
}

/* ---- out ---- */

/* key(32) sealed(112), one behind the other. */
static json_t *
shape_shares(struct bytes shares)
{
	const size_t both = SEAT_KEY_BYTES + ESCROW_SEALED_SHARE_BYTES;
	json_t *list = json_array();

	for (size_t at = 0; at + both <= shares.len; at += both)
		(void)json_array_append_new(
		    list, json_pack("{s:o, s:o}", "key",
			      base64(bytes_of(shares.data + at, SEAT_KEY_BYTES)), "sealed",
			      base64(bytes_of(
				  shares.data + at + SEAT_KEY_BYTES, ESCROW_SEALED_SHARE_BYTES))));
	return list;
}

static json_t *
shape_page(const struct handover_page *page)
{
	DEFER(buf_clear_public) struct buf text = {0};
	json_t *items = json_array();
	char next[48];

	seat_set_encode(&page->set, &text);
	for (size_t i = 0; i < page->count; i++)
		(void)json_array_append_new(
		    items, json_pack("{s:s, s:I, s:o, s:o, s:o}", "log", page->items[i].origin,
			       "leaf", (json_int_t)page->items[i].seq, "head",
			       base64(buf_bytes(&page->items[i].header)), "group",
			       base64(buf_bytes(&page->items[i].group)), "shares",
			       shape_shares(buf_bytes(&page->items[i].shares))));
	(void)snprintf(
	    next, sizeof next, "%lld.%lld", (long long)page->next.log, (long long)page->next.seq);
	return json_pack("{s:{s:I, s:s%, s:o}, s:o, s:s?}", "seat_set", "number",
	    (json_int_t)page->set.number, "text", (const char *)text.data, text.len, "signature",
	    base64(buf_bytes(&page->signature)), "items", items, "next", page->more ? next : NULL);
}

/* "2.4711", from the page before. */
static bool
decode_cursor(const char *text, struct handover_cursor *out, struct error *err)
{
	const char *dot;
	char *end = NULL;

	*out = (struct handover_cursor){-1, -1};
	if (text == NULL)
		return true;
	dot = strchr(text, '.');
	if (dot != NULL && text[0] >= '0' && text[0] <= '9' && dot[1] >= '0' && dot[1] <= '9') {
		out->log = strtoll(text, &end, 10);
		if (end == dot)
			out->seq = strtoll(dot + 1, &end, 10);
		if (end != dot && *end == '\0' && out->log <= INT16_MAX)
			return true;
	}
	return error_set_field(err, E_BAD_SYNTAX, "/after", "not what the page before gave");
}

bool
get_seat_shares(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(handover_page_clear) struct handover_page page = {0};
	const char *role = http_query(request, "role");
	struct handover_place place = {0};
	struct handover_cursor after;
	char actor[CALLER_ACTOR_LEN];
	int64_t seat = 0;

	if (role == NULL || !seat_role_of(bytes_of_text(role), &place.role))
		return error_set_field(
		    err, role == NULL ? E_INCOMPLETE : E_BAD_SYNTAX, "/role", "legal or officer");
	if (!act_as(request, place.role, actor, err) ||
	    !http_query_int(request, "seat", 1, SEAT_NUMBER_MAX, &seat, err) ||
	    !decode_cursor(http_query(request, "after"), &after, err))
		return false;
	if (seat == 0)
		return error_set_field(err, E_INCOMPLETE, "/seat", "whose holder has changed");
	place.seat = (int)seat;
	place.actor = actor;
	return handover_fetch(&app->handovers, &place, after, &page, err) &&
	       http_ok(response, shape_page(&page));
}

/* ---- back ---- */

bool
post_seat_shares(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	DEFER(json_release) json_t *body = NULL;
	DEFER(mem_free) struct shares_in *in = xcalloc(1, sizeof *in);
	struct handover_place place;
	char actor[CALLER_ACTOR_LEN];
	size_t kept = 0;

	if (!decode_json(request, &body, err) || !decode_shares(body, in, err) ||
	    !act_as(request, in->role, actor, err))
		return false;
	place = (struct handover_place){in->role, in->seat, actor};
	return handover_keep(
		   &app->handovers, &place, in->number, in->shares, in->count, &kept, err) &&
	       http_ok(response, json_pack("{s:I}", "kept", (json_int_t)kept));
}
