#include "cmd/seat_handover.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json_in.h"
#include "base/text.h"
#include "cmd/disclose_record.h"
#include "cmd/seat_trust.h"
#include "provisioning/handover.h"

static bool
write_json(const char *path, const json_t *json, struct error *err)
{
	char *text = json_dumps(json, JSON_COMPACT);
	bool written;

	if (text == NULL)
		return error_set(err, E_INTERNAL, "the shares cannot be written");
	written = file_write(path, bytes_of_text(text), 0600, err);
	free(text);
	return written;
}

static bool
read_json(const char *path, json_t **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};

	return file_read(path, SEAT_HANDOVER_FILE_MAX, &text, err) &&
	       json_parse(buf_bytes(&text), out, err);
}

/* ---- fetch ---- */

static bool
fetch_page(struct http_client *client, const struct seat_waiting *waiting, const char *after,
    json_t **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "/v1/seats/shares?role=%s&seat=%d%s%s",
	    seat_role_name(waiting->role), waiting->seat, after != NULL ? "&after=" : "",
	    after != NULL ? after : "");
	return cli_call(client, "GET", buf_text(&path), NULL, out, err);
}

bool
seat_handover_fetch(struct http_client *client, const struct seat_waiting *waiting, const char *out,
    size_t *out_count, json_t **out_next, struct error *err)
{
	DEFER(json_release)
	json_t *all = json_pack("{s:s, s:i, s:[]}", "role", seat_role_name(waiting->role), "seat",
	    waiting->seat, "items");
	DEFER(json_release) json_t *page = NULL;
	json_t *items = json_object_get(all, "items");
	const char *after = waiting->after;

	do {
		json_t *next = NULL;

		if (!fetch_page(client, waiting, after, &next, err))
			return false;
		json_decref(page);
		page = next;
		after = json_string_value(json_object_get(page, "next"));
		(void)json_array_extend(items, json_object_get(page, "items"));
		(void)json_object_set(all, "seat_set", json_object_get(page, "seat_set"));
	} while (after != NULL && json_array_size(items) + HANDOVER_PAGE_MAX <= SEAT_HANDOVER_MAX);
	*out_count = json_array_size(items);
	if (!write_json(out, all, err))
		return false;
	*out_next = after != NULL ? json_string(after) : json_null();
	return true;
}

/* ---- seal again ---- */

/* The set that says who holds the seat; and that it is who we think. */
static bool
check_receiver(const struct seat_handover *handover, const json_t *package, struct seat_set *out,
    struct error *err)
{
	const json_t *set = json_object_get(package, "seat_set");
	const struct seat *to = handover->to, *found;
	DEFER(buf_clear_public) struct buf signature = {0};
	struct bytes text;

	if (strcmp(cli_text(package, "role"), seat_role_name(to->role)) != 0 ||
	    json_integer_value(json_object_get(package, "seat")) != to->number ||
	    handover->key->seat.role != to->role)
		return error_set(err, E_BAD_SYNTAX,
		    "the package, the key and who gets the shares are not of one role, or the "
		    "package "
		    "is of another seat than %s %d",
		    seat_role_name(to->role), to->number);
	if (!disclose_text(set, "text", &text, err) ||
	    !disclose_octets(set, "signature", &signature, err) ||
	    !seat_trust_verify(handover->cacert, text, buf_bytes(&signature), out, err))
		return false;
	found = seat_set_find(out, to->role, to->number);
	return (found != NULL && memcmp(found->public_key, to->public_key, SEAT_KEY_BYTES) == 0) ||
	       error_set(err, E_BAD_PROOF, "seat set %u has another key for seat %s %d",
		   (unsigned)out->number, seat_role_name(to->role), to->number);
}

static bool
reseal_one(
    const struct seat_handover *handover, const json_t *item, struct buf *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf head = {0};
	DEFER(buf_clear_public) struct buf group = {0};
	DEFER(escrow_share_clear) struct escrow_share share = {0};
	struct escrow_view view;

	return disclose_octets(item, "head", &head, err) &&
	       disclose_octets(item, "group", &group, err) &&
	       escrow_parse_part(buf_bytes(&head), buf_bytes(&group), &view, err) &&
	       disclose_share(&view, item, handover->key, &share, err) &&
	       escrow_share_reseal(&view, &share, handover->to, out, err);
}

static json_t *
reseal_all(const struct seat_handover *handover, const json_t *items)
{
	json_t *list = json_array();

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		DEFER(buf_clear_public) struct buf sealed = {0};
		DEFER(buf_clear_public) struct buf text = {0};
		struct error why = {0};

		if (!reseal_one(handover, item, &sealed, &why))
			continue;
		base64_encode(&text, buf_bytes(&sealed));
		(void)json_array_append_new(
		    list, json_pack("{s:O, s:O, s:s}", "log", json_object_get(item, "log"), "leaf",
			      json_object_get(item, "leaf"), "sealed", buf_text(&text)));
	}
	return list;
}

bool
seat_handover_reseal(
    const struct seat_handover *handover, size_t *out_count, size_t *out_skipped, struct error *err)
{
	DEFER(json_release) json_t *package = NULL;
	DEFER(json_release) json_t *sealed = NULL;
	struct seat_set set;
	json_t *list;

	if (!read_json(handover->package, &package, err) ||
	    !check_receiver(handover, package, &set, err))
		return false;
	list = reseal_all(handover, json_object_get(package, "items"));
	*out_count = json_array_size(list);
	*out_skipped = json_array_size(json_object_get(package, "items")) - *out_count;
	sealed = json_pack("{s:s, s:i, s:I, s:o}", "role", seat_role_name(handover->to->role),
	    "seat", handover->to->number, "number", (json_int_t)set.number, "items", list);
	if (*out_count == 0 && *out_skipped > 0)
		return error_set(
		    err, E_ESCROW_UNREADABLE, "this seat's key opens none of %zu", *out_skipped);
	return write_json(handover->out, sealed, err);
}

/* ---- hand in ---- */

static json_t *
page_of(const json_t *all, size_t from)
{
	const json_t *items = json_object_get(all, "items");
	json_t *page = json_array();

	for (size_t i = from; i < json_array_size(items) && i < from + HANDOVER_PAGE_MAX; i++)
		(void)json_array_append(page, json_array_get(items, i));
	return json_pack("{s:O, s:O, s:O, s:o}", "role", json_object_get(all, "role"), "seat",
	    json_object_get(all, "seat"), "number", json_object_get(all, "number"), "items", page);
}

bool
seat_handover_submit(struct http_client *client, const char *package, size_t *out_count,
    size_t *out_kept, struct error *err)
{
	DEFER(json_release) json_t *all = NULL;

	*out_kept = 0;
	if (!read_json(package, &all, err))
		return false;
	*out_count = json_array_size(json_object_get(all, "items"));
	for (size_t at = 0; at < *out_count; at += HANDOVER_PAGE_MAX) {
		DEFER(json_release) json_t *answer = NULL;
		json_t *page = page_of(all, at);

		if (page == NULL)
			return error_set(err, E_BAD_SYNTAX,
			    "%s is not what `moniker seat reseal` wrote", package);
		if (!cli_call(client, "POST", "/v1/seats/shares", page, &answer, err))
			return false;
		*out_kept += (size_t)json_integer_value(json_object_get(answer, "kept"));
	}
	return true;
}
