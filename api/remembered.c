#include "api/remembered.h"

#include <stdlib.h>

#include "base/json_in.h"
#include "base/mem.h"
#include "base/text.h"

#define VERSION 1
#define CERTIFICATE_BASE64_MAX 16384
#define SHARDS_MAX 10000 /* numbers of four digits */
#define ROLES_ALL ((1 << ROLE_COUNT) - 1)

void
remembered_clear(struct remembered *remembered)
{
	issuers_free(remembered->issuers);
	free(remembered->callers);
	*remembered = (struct remembered){0};
}

/* ---- writing ---- */

static const char *
truth(bool value)
{
	return value ? "true" : "false";
}

static void
put_issuer(const struct issuer *issuer, struct buf *out)
{
	buf_append_format(
	    out, "{\"kind\":\"%s\",\"certificate\":\"", issuer_kind_name(issuer->kind));
	base64_encode(out, buf_bytes(&issuer->der));
	buf_append_text(out, "\",");
	if (issuer->parent != NULL)
		buf_append_format(out, "\"parent\":\"%s\",", issuer->parent->id_text);
	buf_append_format(out, "\"shards\":%d,\"in_keeper\":%s,\"ocsp\":%s,\"state\":\"%s\"}",
	    issuer->shard_count, truth(issuer->in_keeper), truth(issuer->ocsp),
	    issuer_state_name(issuer_state(issuer)));
}

static void
put_caller(const struct operator_caller *caller, struct buf *out)
{
	char serial[SERIAL_TEXT_LEN + 1];

	hex_encode(serial, bytes_of(caller->serial, SERIAL_BYTES));
	buf_append_format(out, "{\"serial\":\"%s\",\"person\":%lld,\"roles\":%u,\"handle\":\"%s\"}",
	    serial, (long long)caller->person, caller->roles, caller->handle);
}

void
remembered_encode(const struct issuers *issuers, const struct operator_caller *callers,
    size_t caller_count, struct buf *out)
{
	const size_t issuer_count = issuers_count(issuers);

	buf_append_format(out, "{\"version\":%d,\"issuers\":[\n", VERSION);
	for (size_t i = 0; i < issuer_count; i++) {
		buf_append_text(out, i > 0 ? ",\n" : "");
		put_issuer(issuers_at(issuers, i), out);
	}
	buf_append_text(out, "],\"callers\":[\n");
	for (size_t i = 0; i < caller_count; i++) {
		buf_append_text(out, i > 0 ? ",\n" : "");
		put_caller(&callers[i], out);
	}
	buf_append_text(out, "]}\n");
}

/* ---- reading ---- */

struct members {
	int64_t version;
	json_t *issuers, *callers;
};
static const struct json_member MEMBERS[] = {
    {"version", "/version", JSON_MEMBER_INT, offsetof(struct members, version), 0, true, VERSION,
	VERSION},
    {"issuers", "/issuers", JSON_MEMBER_ARRAY, offsetof(struct members, issuers), 0, true, 1,
	ISSUERS_MAX},
    {"callers", "/callers", JSON_MEMBER_ARRAY, offsetof(struct members, callers), 0, true, 0,
	REMEMBERED_CALLERS_MAX},
};

struct issuer_members {
	const char *kind, *certificate, *parent, *state;
	int64_t shards;
	bool in_keeper, ocsp;
};
#define AT(member) offsetof(struct issuer_members, member)
static const struct json_member ISSUER[] = {
    {"kind", "/issuers/kind", JSON_MEMBER_TEXT, AT(kind), 0, true, 0, 32},
    {"certificate", "/issuers/certificate", JSON_MEMBER_TEXT, AT(certificate), 0, true, 0,
	CERTIFICATE_BASE64_MAX},
    {"parent", "/issuers/parent", JSON_MEMBER_TEXT, AT(parent), 0, false, 0, ISSUER_ID_TEXT_LEN},
    {"shards", "/issuers/shards", JSON_MEMBER_INT, AT(shards), 0, true, 1, SHARDS_MAX},
    {"in_keeper", "/issuers/in_keeper", JSON_MEMBER_BOOL, AT(in_keeper), 0, true, 0, 0},
    {"ocsp", "/issuers/ocsp", JSON_MEMBER_BOOL, AT(ocsp), 0, true, 0, 0},
    {"state", "/issuers/state", JSON_MEMBER_TEXT, AT(state), 0, true, 0, 16},
};
#undef AT

struct caller_members {
	const char *serial, *handle;
	int64_t person, roles;
};
#define AT(member) offsetof(struct caller_members, member)
static const struct json_member CALLER[] = {
    {"serial", "/callers/serial", JSON_MEMBER_TEXT, AT(serial), 0, true, 0, SERIAL_TEXT_LEN},
    {"person", "/callers/person", JSON_MEMBER_INT, AT(person), 0, true, 1, INT64_MAX},
    {"roles", "/callers/roles", JSON_MEMBER_INT, AT(roles), 0, true, 0, ROLES_ALL},
    {"handle", "/callers/handle", JSON_MEMBER_TEXT, AT(handle), 0, true, 0, HANDLE_TEXT_LEN},
};
#undef AT

struct issuer_table { /* the rows, and what they borrow */
	struct issuer_row rows[ISSUERS_MAX];
	struct buf certificates[ISSUERS_MAX];
	uint8_t parents[ISSUERS_MAX][ISSUER_ID_BYTES];
	size_t count;
};

static void
issuer_table_free(struct issuer_table *table)
{
	for (size_t i = 0; table != NULL && i < table->count; i++)
		buf_clear_public(&table->certificates[i]);
	free(table);
}
DEFER_DECLARE(struct issuer_table, issuer_table_free)

static bool
take_issuer(const json_t *object, struct issuer_table *table, struct error *err)
{
	const size_t i = table->count++;
	struct issuer_row *row = &table->rows[i];
	struct issuer_members in = {0};

	if (!json_read(object, ISSUER, COUNT(ISSUER), &in, err))
		return false;
	if (!issuer_kind_of(in.kind, &row->kind) || !issuer_state_of(in.state, &row->state) ||
	    !base64_decode(bytes_of_text(in.certificate), &table->certificates[i]) ||
	    (in.parent != NULL &&
		!hex_decode(bytes_of_text(in.parent), table->parents[i], ISSUER_ID_BYTES)))
		return error_set(err, E_BAD_SYNTAX, "not an authority");
	row->certificate = buf_bytes(&table->certificates[i]);
	if (in.parent != NULL)
		row->parent = bytes_of(table->parents[i], ISSUER_ID_BYTES);
	row->shard_count = (int)in.shards;
	row->in_keeper = in.in_keeper;
	row->ocsp = in.ocsp;
	return true;
}

static bool
take_issuers(const json_t *array, const char *http_url, struct issuers **out, struct error *err)
{
	DEFER(issuer_table_free) struct issuer_table *table = xcalloc(1, sizeof *table);

	for (size_t i = 0; i < json_array_size(array); i++)
		if (!take_issuer(json_array_get(array, i), table, err))
			return false;
	return issuers_new(table->rows, table->count, http_url, out, err);
}

static bool
take_caller(const json_t *object, struct operator_caller *out, struct error *err)
{
	struct caller_members in = {0};

	if (!json_read(object, CALLER, COUNT(CALLER), &in, err))
		return false;
	if (!hex_decode(bytes_of_text(in.serial), out->serial, SERIAL_BYTES) ||
	    !handle_valid(bytes_of_text(in.handle)))
		return error_set(err, E_BAD_SYNTAX, "not a caller");
	out->person = in.person;
	out->roles = (unsigned)in.roles;
	memcpy(out->handle, in.handle, HANDLE_TEXT_LEN + 1);
	return true;
}

static bool
take_callers(const json_t *array, struct remembered *out, struct error *err)
{
	out->caller_count = json_array_size(array);
	out->callers = xcalloc(out->caller_count + 1, sizeof *out->callers);
	for (size_t i = 0; i < out->caller_count; i++) {
		struct operator_caller *caller = &out->callers[i];

		if (!take_caller(json_array_get(array, i), caller, err))
			return false;
		if (i > 0 && memcmp(caller[-1].serial, caller->serial, SERIAL_BYTES) >= 0)
			return error_set(err, E_BAD_SYNTAX, "callers out of order");
	}
	return true;
}

bool
remembered_parse(struct bytes text, const char *http_url, struct remembered *out, struct error *err)
{
	DEFER(json_release) json_t *object = NULL;
	DEFER(remembered_clear) struct remembered made = {0};
	struct members in = {0};

	if (!json_parse(text, &object, err) ||
	    !json_read(object, MEMBERS, COUNT(MEMBERS), &in, err) ||
	    !take_issuers(in.issuers, http_url, &made.issuers, err) ||
	    !take_callers(in.callers, &made, err))
		return false;
	*out = made;
	made = (struct remembered){0};
	return true;
}
