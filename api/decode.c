#include "api/decode.h"

#include <stdio.h>
#include <string.h>

#include "api/http.h"
#include "base/text.h"
#include "ca/csr.h"

bool
decode_json(const struct http_request *request, json_t **out, struct error *err)
{
	if (strcmp(request->content_type, "application/json") != 0)
		return error_set(err, E_BAD_TYPE, "send application/json");
	return json_parse(request->body, out, err);
}

/* ---- hardware ids ---- */

struct hardware_id_member {
	const char *type, *value;
};
static const struct json_member HARDWARE_ID[] = {
    {"type", "/hardware_ids", JSON_MEMBER_TEXT, offsetof(struct hardware_id_member, type), 0, true,
	0, 16},
    {"value", "/hardware_ids", JSON_MEMBER_TEXT, offsetof(struct hardware_id_member, value), 0,
	true, 0, HWID_TEXT_MAX},
};

bool
decode_hardware_ids(const json_t *list, const char *pointer,
    struct enroll_hardware_id out[static HWID_COUNT_MAX], size_t *out_count, struct error *err)
{
	const size_t count = json_array_size(list);

	if (count > HWID_COUNT_MAX)
		return error_set_field(
		    err, E_BAD_SYNTAX, pointer, "at most %d hardware ids", HWID_COUNT_MAX);
	for (size_t i = 0; i < count; i++) {
		struct hardware_id_member member = {0};

		if (!json_read(
			json_array_get(list, i), HARDWARE_ID, COUNT(HARDWARE_ID), &member, err))
			return false;
		out[i].type = bytes_of_text(member.type);
		out[i].value = bytes_of_text(member.value);
	}
	*out_count = count;
	return true;
}

/* ---- points of ristretto255: tags, or blinded ---- */

bool
decode_points(const json_t *list, const char *pointer, uint8_t (*out)[TAG_BYTES], size_t max,
    size_t *out_count, struct error *err)
{
	const json_t *point;
	size_t i;

	if (json_array_size(list) > max)
		return error_set_field(err, E_TOO_LARGE, pointer, "more than %zu", max);
	json_array_foreach(list, i, point)
	{
		const char *text = json_string_value(point);

		if (text == NULL ||
		    !hex_decode(bytes_of(text, json_string_length(point)), out[i], TAG_BYTES))
			return error_set_field(
			    err, E_BAD_SYNTAX, pointer, "each is %d hex digits", 2 * TAG_BYTES);
	}
	*out_count = json_array_size(list);
	return true;
}

struct tags_members {
	int64_t kid;
	json_t *tags;
};
static const struct json_member HARDWARE_TAGS[] = {
    {"kid", "/hardware_tags/kid", JSON_MEMBER_INT, offsetof(struct tags_members, kid), 0, true, 0,
	UINT8_MAX},
    {"tags", "/hardware_tags/tags", JSON_MEMBER_ARRAY, offsetof(struct tags_members, tags), 0, true,
	1, HWID_COUNT_MAX},
};

static bool
decode_hardware_tags(const json_t *object, struct enroll_hardware_tags *out, struct error *err)
{
	struct tags_members in = {0};

	if (object == NULL)
		return true;
	if (!json_read(object, HARDWARE_TAGS, COUNT(HARDWARE_TAGS), &in, err))
		return false;
	out->kid = (uint8_t)in.kid;
	return decode_points(
	    in.tags, "/hardware_tags/tags", out->tags, HWID_COUNT_MAX, &out->count, err);
}

/* ---- enrollment ---- */

struct enrollment_members {
	const char *batch, *csr, *token, *profile, *sealed;
	json_t *hardware_ids, *hardware_tags;
	bool replace;
};
#define AT(member) offsetof(struct enrollment_members, member)
static const struct json_member ENROLLMENT[] = {
    {"batch", "/batch", JSON_MEMBER_TEXT, AT(batch), 0, false, 0, BATCH_NAME_MAX},
    {"csr", "/csr", JSON_MEMBER_TEXT, AT(csr), 0, true, 0, CSR_TEXT_MAX},
    {"hardware_ids", "/hardware_ids", JSON_MEMBER_ARRAY, AT(hardware_ids), 0, false, 0,
	HWID_COUNT_MAX},
    {"hardware_tags", "/hardware_tags", JSON_MEMBER_OBJECT, AT(hardware_tags), 0, false, 0, 0},
    {"token", "/token", JSON_MEMBER_TEXT, AT(token), 0, false, 0, TOKEN_TEXT_MAX},
    {"replace", "/replace", JSON_MEMBER_BOOL, AT(replace), 0, false, 0, 0},
    {"profile", "/profile", JSON_MEMBER_TEXT, AT(profile), 0, false, 0, BATCH_PROFILE_MAX},
    {"sealed", "/sealed", JSON_MEMBER_TEXT, AT(sealed), 0, false, 0, ESCROW_TEXT_MAX},
};
#undef AT

bool
decode_enrollment(const json_t *body, struct enroll_request *out, struct error *err)
{
	struct enrollment_members in = {0};

	if (!json_read(body, ENROLLMENT, COUNT(ENROLLMENT), &in, err) ||
	    !decode_hardware_ids(in.hardware_ids, "/hardware_ids", out->hardware_ids,
		&out->hardware_id_count, err) ||
	    !decode_hardware_tags(in.hardware_tags, &out->hardware_tags, err))
		return false;
	out->batch = in.batch;
	out->csr = bytes_of_text(in.csr);
	out->token = in.token;
	out->replace = in.replace;
	out->profile = in.profile;
	if (in.sealed != NULL)
		out->sealed = bytes_of_text(in.sealed);
	return true;
}

/* ---- revocation ---- */

struct select_members {
	const char *serial, *pseudonym, *handle;
};
#define AT(member) offsetof(struct select_members, member)
static const struct json_member SELECT[] = {
    {"serial", "/select/serial", JSON_MEMBER_TEXT, AT(serial), 0, false, 0, 64},
    {"pseudonym", "/select/pseudonym", JSON_MEMBER_TEXT, AT(pseudonym), 0, false, 0, 64},
    {"handle", "/select/handle", JSON_MEMBER_TEXT, AT(handle), 0, false, 0, 64},
};
#undef AT
struct revocation_members {
	json_t *select;
	const char *action, *reason, *why;
	bool dry_run;
};
#define AT(member) offsetof(struct revocation_members, member)
static const struct json_member REVOCATION[] = {
    {"select", "/select", JSON_MEMBER_OBJECT, AT(select), 0, true, 0, 0},
    {"action", "/action", JSON_MEMBER_TEXT, AT(action), 0, true, 0, 16},
    {"reason", "/reason", JSON_MEMBER_TEXT, AT(reason), 0, false, 0, 32},
    {"why", "/why", JSON_MEMBER_TEXT, AT(why), 0, false, 0, 32},
    {"dry_run", "/dry_run", JSON_MEMBER_BOOL, AT(dry_run), 0, false, 0, 0},
};
#undef AT

static bool
decode_select(const json_t *object, struct revoke_request *out, struct error *err)
{
	struct select_members in = {0};
	const unsigned known = (json_object_get(object, "serial") != NULL ? 1U : 0U) +
			       (json_object_get(object, "pseudonym") != NULL ? 1U : 0U) +
			       (json_object_get(object, "handle") != NULL ? 1U : 0U);

	if (json_object_size(object) > known)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/select", "only serial, pseudonym or handle for now");
	if (!json_read(object, SELECT, COUNT(SELECT), &in, err))
		return false;
	if (known != 1)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/select", "one of serial, pseudonym and handle");
	out->select = in.serial != NULL      ? REVOKE_BY_SERIAL
		      : in.pseudonym != NULL ? REVOKE_BY_PSEUDONYM
					     : REVOKE_BY_HANDLE;
	out->value = in.serial != NULL      ? in.serial
		     : in.pseudonym != NULL ? in.pseudonym
					    : in.handle;
	return true;
}

bool
decode_revocation(const json_t *body, struct revoke_request *out, struct error *err)
{
	struct revocation_members in = {0};

	if (!json_read(body, REVOCATION, COUNT(REVOCATION), &in, err) ||
	    !decode_select(in.select, out, err))
		return false;
	if (!status_action_of(in.action, &out->action))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/action", "revoke, hold, release or readmit");
	out->reason = out->action == STATUS_HOLD ? REASON_HOLD : REASON_UNSPECIFIED;
	if (in.reason != NULL && !reason_of(in.reason, &out->reason))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/reason", "a reason of RFC 5280, such as keyCompromise");
	if (in.why != NULL && !revoke_detail_of(in.why, &out->detail))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/why", "LOST, CLONE, POLICY, REGULATOR or DECOMMISSIONED");
	out->dry_run = in.dry_run;
	return true;
}

/* ---- batch ---- */

struct batch_members {
	const char *id, *model, *mode, *profile, *hardware_ids, *replace;
	int64_t quota, opens_at_s, closes_at_s, hours_from, hours_until;
	json_t *stations;
	bool escrow;
	bool manifest;
};
#define AT(member) offsetof(struct batch_members, member)
static const struct json_member BATCH[] = {
    {"id", "/id", JSON_MEMBER_TEXT, AT(id), 0, true, 0, BATCH_NAME_MAX},
    {"model", "/model", JSON_MEMBER_TEXT, AT(model), 0, true, 0, BATCH_MODEL_MAX},
    {"mode", "/mode", JSON_MEMBER_TEXT, AT(mode), 0, false, 0, 16},
    {"profile", "/profile", JSON_MEMBER_TEXT, AT(profile), 0, false, 0, BATCH_PROFILE_MAX},
    {"quota", "/quota", JSON_MEMBER_INT, AT(quota), 0, true, 1, 1000000000},
    {"opens_at", "/opens_at", JSON_MEMBER_TIME, AT(opens_at_s), 0, false, 0, 0},
    {"closes_at", "/closes_at", JSON_MEMBER_TIME, AT(closes_at_s), 0, false, 0, 0},
    {"hours_from", "/hours_from", JSON_MEMBER_INT, AT(hours_from), 0, false, 0, 1439},
    {"hours_until", "/hours_until", JSON_MEMBER_INT, AT(hours_until), 0, false, 1, 1440},
    {"hardware_ids", "/hardware_ids", JSON_MEMBER_TEXT, AT(hardware_ids), 0, false, 0, 16},
    {"manifest", "/manifest", JSON_MEMBER_BOOL, AT(manifest), 0, false, 0, 0},
    {"replace", "/replace", JSON_MEMBER_TEXT, AT(replace), 0, false, 0, 16},
    {"stations", "/stations", JSON_MEMBER_ARRAY, AT(stations), 0, false, 0, BATCH_STATIONS_MAX},
    {"escrow", "/escrow", JSON_MEMBER_BOOL, AT(escrow), 0, false, 0, 0},
};
#undef AT

bool
decode_choice(const char *text, const char *pointer, const char *if_false, const char *if_true,
    bool *out, struct error *err)
{
	*out = strcmp(text, if_true) == 0;
	return *out || strcmp(text, if_false) == 0 ||
	       error_set_field(err, E_BAD_SYNTAX, pointer, "%s or %s", if_false, if_true);
}

static bool
decode_hardware_rule(const char *text, struct batch *out, struct error *err)
{
	out->blind = strcmp(text, "blind") == 0;
	out->hardware_ids_required = out->blind || strcmp(text, "required") == 0;
	return out->hardware_ids_required || strcmp(text, "optional") == 0 ||
	       error_set_field(err, E_BAD_SYNTAX, "/hardware_ids", "required, optional or blind");
}

static bool
decode_stations(const json_t *list, struct batch *out, struct error *err)
{
	const json_t *name;
	size_t i;

	json_array_foreach(list, i, name)
	{
		const char *text = json_string_value(name);

		if (text == NULL || json_string_length(name) >= sizeof out->station_names[0])
			return error_set_field(err, E_BAD_SYNTAX, "/stations", "names of stations");
		(void)snprintf(out->station_names[i], sizeof out->station_names[i], "%s", text);
	}
	out->station_count = json_array_size(list);
	return true;
}

bool
decode_batch(const json_t *body, int64_t now_s, struct batch *out, struct error *err)
{
	struct batch_members in = {.mode = "pseudonymous",
	    .hardware_ids = "required",
	    .replace = "same_station",
	    .hours_from = -1,
	    .hours_until = -1};
	bool unlinkable = false;

	if (!json_read(body, BATCH, COUNT(BATCH), &in, err) ||
	    !decode_choice(in.mode, "/mode", "pseudonymous", "unlinkable", &unlinkable, err) ||
	    !decode_hardware_rule(in.hardware_ids, out, err) ||
	    !decode_choice(
		in.replace, "/replace", "never", "same_station", &out->replace_same_station, err) ||
	    !decode_stations(in.stations, out, err))
		return false;
	if ((in.hours_from < 0) != (in.hours_until < 0))
		return error_set_field(
		    err, E_INCOMPLETE, "/hours_until", "hours_from and hours_until go together");
	if (in.closes_at_s != 0 && in.closes_at_s <= (in.opens_at_s != 0 ? in.opens_at_s : now_s))
		return error_set_field(err, E_BAD_SYNTAX, "/closes_at", "is not after opens_at");
	(void)snprintf(out->name, sizeof out->name, "%s", in.id);
	(void)snprintf(out->model, sizeof out->model, "%s", in.model);
	if (in.profile == NULL)
		in.profile = unlinkable ? PROFILE_BIRTH : PROFILE_DEVICE;
	(void)snprintf(out->profile, sizeof out->profile, "%s", in.profile);
	out->mode = unlinkable ? BATCH_UNLINKABLE : BATCH_PSEUDONYMOUS;
	out->escrow = in.escrow;
	out->manifest = in.manifest;
	out->quota = in.quota;
	out->opens_at_s = in.opens_at_s;
	out->closes_at_s = in.closes_at_s;
	out->hours_from = (int)in.hours_from;
	out->hours_until = (int)in.hours_until;
	return true;
}

/* ---- exports of the audit log ---- */

struct export_members {
	const char *log, *event, *code, *actor;
	int64_t after, limit, from_s, to_s;
};
#define AT(member) offsetof(struct export_members, member)
static const struct json_member EXPORT[] = {
    {"log", "/log", JSON_MEMBER_TEXT, AT(log), 0, false, 0, CHECKPOINT_ORIGIN_MAX},
    {"after", "/after", JSON_MEMBER_INT, AT(after), 0, false, 0, INT64_MAX - 1},
    {"limit", "/limit", JSON_MEMBER_INT, AT(limit), 0, false, 1, INT64_MAX},
    {"from", "/from", JSON_MEMBER_TIME, AT(from_s), 0, false, 0, 0},
    {"to", "/to", JSON_MEMBER_TIME, AT(to_s), 0, false, 0, 0},
    {"ev", "/ev", JSON_MEMBER_TEXT, AT(event), 0, false, 0, LEAF_VALUE_MAX},
    {"rc", "/rc", JSON_MEMBER_TEXT, AT(code), 0, false, 0, 31},
    {"act", "/act", JSON_MEMBER_TEXT, AT(actor), 0, false, 0, LEAF_VALUE_MAX},
};
#undef AT

static void
copy_text(char *out, size_t out_len, const char *text)
{
	(void)snprintf(out, out_len, "%s", text != NULL ? text : "");
}

bool
decode_export(const json_t *body, struct export_scope *out, const char **out_log, struct error *err)
{
	struct export_members members = {.after = -1, .limit = -1, .from_s = -1, .to_s = -1};
	struct export_scope scope;

	if (!json_read(body, EXPORT, COUNT(EXPORT), &members, err))
		return false;
	scope = (struct export_scope){.after = members.after,
	    .limit = members.limit,
	    .from_s = members.from_s,
	    .to_s = members.to_s};
	copy_text(scope.event, sizeof scope.event, members.event);
	copy_text(scope.code, sizeof scope.code, members.code);
	copy_text(scope.actor, sizeof scope.actor, members.actor);
	if (!export_scope_check(&scope, err))
		return false;
	*out = scope;
	*out_log = members.log;
	return true;
}

/* ---- pseudonyms ---- */

static int
compare_pseudonyms(const void *a, const void *b)
{
	return memcmp(a, b, UUID_BYTES);
}

bool
decode_pseudonyms(const json_t *list, uint8_t out[static DISCLOSURE_DEVICES_MAX][UUID_BYTES],
    size_t *out_count, struct error *err)
{
	const json_t *item;
	size_t i;

	if (json_array_size(list) > DISCLOSURE_DEVICES_MAX)
		return error_set_field(err, E_BAD_SYNTAX, "/pseudonyms", "too many");
	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		if (text == NULL || !uuid_decode(bytes_of_text(text), out[i]))
			return error_set_field(
			    err, E_BAD_SYNTAX, "/pseudonyms", "lower-case UUIDs");
	}
	*out_count = json_array_size(list);
	qsort(out, *out_count, UUID_BYTES, compare_pseudonyms);
	for (i = 1; i < *out_count; i++)
		if (memcmp(out[i - 1], out[i], UUID_BYTES) == 0)
			return error_set_field(
			    err, E_BAD_SYNTAX, "/pseudonyms", "one is there twice");
	return true;
}

/* ---- shares that were sealed again ---- */

struct shares_members {
	const char *role;
	int64_t seat, number;
	json_t *items;
};
#define AT(member) offsetof(struct shares_members, member)
static const struct json_member SHARES[] = {
    {"role", "/role", JSON_MEMBER_TEXT, AT(role), 0, true, 0, 16},
    {"seat", "/seat", JSON_MEMBER_INT, AT(seat), 0, true, 1, SEAT_NUMBER_MAX},
    {"number", "/number", JSON_MEMBER_INT, AT(number), 0, true, 1, UINT32_MAX},
    {"items", "/items", JSON_MEMBER_ARRAY, AT(items), 0, true, 1, HANDOVER_PAGE_MAX},
};
#undef AT

struct share_members {
	const char *log, *sealed;
	int64_t leaf;
};
#define AT(member) offsetof(struct share_members, member)
static const struct json_member SHARE[] = {
    {"log", "/items", JSON_MEMBER_TEXT, AT(log), 0, true, 0, HANDOVER_ORIGIN_MAX},
    {"leaf", "/items", JSON_MEMBER_INT, AT(leaf), 0, true, 0, INT64_MAX},
    {"sealed", "/items", JSON_MEMBER_TEXT, AT(sealed), 0, true, 0,
	BASE64_TEXT_LEN(ESCROW_SEALED_SHARE_BYTES)},
};
#undef AT

static bool
decode_share(const json_t *item, struct handover_share *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf sealed = {0};
	struct share_members in = {0};

	if (!json_read(item, SHARE, COUNT(SHARE), &in, err))
		return false;
	if (!base64_decode(bytes_of_text(in.sealed), &sealed) ||
	    sealed.len != ESCROW_SEALED_SHARE_BYTES)
		return error_set_field(err, E_BAD_SYNTAX, "/items", "not a sealed share in base64");
	out->origin = bytes_of_text(in.log);
	out->seq = in.leaf;
	memcpy(out->sealed, sealed.data, sealed.len);
	return true;
}

bool
decode_shares(const json_t *body, struct shares_in *out, struct error *err)
{
	struct shares_members in = {0};

	if (!json_read(body, SHARES, COUNT(SHARES), &in, err))
		return false;
	if (!seat_role_of(bytes_of_text(in.role), &out->role))
		return error_set_field(err, E_BAD_SYNTAX, "/role", "legal or officer");
	out->seat = (int)in.seat;
	out->number = (uint32_t)in.number;
	out->count = json_array_size(in.items);
	for (size_t i = 0; i < out->count; i++)
		if (!decode_share(json_array_get(in.items, i), &out->shares[i], err))
			return false;
	return true;
}
