#include "provisioning/spool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/chain_file.h"
#include "base/json_in.h"
#include "base/mem.h"

struct spool {
	struct chain_file *file;
	struct spool_entry *entries;
	size_t count;
};

/* ---- entries ---- */

struct entry_members {
	const char *id, *serial, *reason, *why, *officer;
	int64_t at_s, person;
};
#define AT(member) offsetof(struct entry_members, member)
static const struct json_member ENTRY[] = {
    {"id", "/id", JSON_MEMBER_TEXT, AT(id), 0, true, 0, HANDLE_TEXT_LEN},
    {"serial", "/serial", JSON_MEMBER_TEXT, AT(serial), 0, true, 0, SERIAL_TEXT_LEN},
    {"reason", "/reason", JSON_MEMBER_TEXT, AT(reason), 0, true, 0, 32},
    {"why", "/why", JSON_MEMBER_TEXT, AT(why), 0, false, 0, 32},
    {"at", "/at", JSON_MEMBER_INT, AT(at_s), 0, true, 0, TIME_MAX_AT_S},
    {"person", "/person", JSON_MEMBER_INT, AT(person), 0, true, 1, INT64_MAX},
    {"officer", "/officer", JSON_MEMBER_TEXT, AT(officer), 0, true, 0, HANDLE_TEXT_LEN},
};
#undef AT

void
spool_entry_encode(const struct spool_entry *entry, struct buf *out)
{
	const char *why = revoke_detail_name(entry->detail);
	char serial[SERIAL_TEXT_LEN + 1];

	hex_encode(serial, bytes_of(entry->serial, SERIAL_BYTES));
	buf_append_format(out, "{\"id\":\"%s\",\"serial\":\"%s\",\"reason\":\"%s\",", entry->id,
	    serial, reason_code(entry->reason));
	if (why != NULL)
		buf_append_format(out, "\"why\":\"%s\",", why);
	buf_append_format(out, "\"at\":%lld,\"person\":%lld,\"officer\":\"%s\"}",
	    (long long)entry->at_s, (long long)entry->person, entry->officer);
}

bool
spool_entry_parse(struct bytes text, struct spool_entry *out, struct error *err)
{
	DEFER(json_release) json_t *object = NULL;
	struct entry_members in = {0};
	struct spool_entry entry = {0};
	uint16_t month;

	if (!json_parse(text, &object, err) || !json_read(object, ENTRY, COUNT(ENTRY), &in, err))
		return false;
	if (!handle_valid(bytes_of_text(in.id)) ||
	    !hex_decode(bytes_of_text(in.serial), entry.serial, SERIAL_BYTES) ||
	    !serial_month(entry.serial, &month) || !reason_of(in.reason, &entry.reason) ||
	    entry.reason == REASON_HOLD ||
	    (in.why != NULL && !revoke_detail_of(in.why, &entry.detail)) ||
	    !handle_valid(bytes_of_text(in.officer)))
		return error_set(err, E_BAD_SYNTAX, "not a revocation");
	(void)snprintf(entry.id, sizeof entry.id, "%s", in.id);
	(void)snprintf(entry.officer, sizeof entry.officer, "%s", in.officer);
	entry.at_s = in.at_s;
	entry.person = in.person;
	*out = entry;
	return true;
}

/* ---- the file ---- */

static bool
take_entry(void *context, struct bytes text)
{
	struct spool *spool = context;
	struct error ignored = {0};

	if (spool->count == SPOOL_ENTRIES_MAX ||
	    !spool_entry_parse(text, &spool->entries[spool->count], &ignored))
		return false;
	spool->count++;
	return true;
}

bool
spool_open(const char *path, struct spool **out, struct error *err)
{
	DEFER(spool_close) struct spool *spool = xcalloc(1, sizeof *spool);

	spool->entries = xcalloc(SPOOL_ENTRIES_MAX, sizeof *spool->entries);
	if (!chain_file_open(path, take_entry, spool, &spool->file, err))
		return false;
	*out = TAKE(spool);
	return true;
}

void
spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	chain_file_close(spool->file);
	free(spool->entries);
	free(spool);
}

bool
spool_append(struct spool *spool, const struct spool_entry *entry, struct error *err)
{
	DEFER(buf_clear_public) struct buf object = {0};

	if (spool->count == SPOOL_ENTRIES_MAX)
		return error_set(err, E_RECORD_UNAVAILABLE, "the spool is full");
	spool_entry_encode(entry, &object);
	if (!chain_file_append(spool->file, &(struct bytes){object.data, object.len}, 1, err))
		return false;
	spool->entries[spool->count++] = *entry;
	return true;
}

size_t
spool_count(const struct spool *spool)
{
	return spool->count;
}

const struct spool_entry *
spool_at(const struct spool *spool, size_t i)
{
	return &spool->entries[i];
}

const struct spool_entry *
spool_find(const struct spool *spool, const char *id)
{
	for (size_t i = 0; i < spool->count; i++)
		if (strcmp(spool->entries[i].id, id) == 0)
			return &spool->entries[i];
	return NULL;
}

bool
spool_damaged(const struct spool *spool)
{
	return chain_file_damaged(spool->file);
}

bool
spool_empty(struct spool *spool, struct error *err)
{
	if (!chain_file_empty(spool->file, err))
		return false;
	spool->count = 0;
	return true;
}
