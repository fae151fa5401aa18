#include "provisioning/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json_in.h"
#include "base/mem.h"

#define FILE_LEN_MAX ((size_t)SPOOL_ENTRIES_MAX * SPOOL_LINE_MAX)
#define HASH_TEXT_LEN ((size_t)(2 * SHA256_BYTES))

struct spool {
	int fd;
	struct spool_entry *entries;
	size_t count;
	off_t len; /* of what counts */
	char hash[HASH_TEXT_LEN + 1];
	bool damaged;
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

/* ---- lines ---- */

static void
hash_line(const char *before, struct bytes object, char out[static HASH_TEXT_LEN + 1])
{
	uint8_t digest[SHA256_BYTES];
	struct sha256 hash;

	sha256_init(&hash);
	sha256_update(&hash, bytes_of(before, HASH_TEXT_LEN));
	sha256_update(&hash, object);
	sha256_final(&hash, digest);
	hex_encode(out, bytes_of(digest, sizeof digest));
}

/* One whole line, without its end. */
static void
take_line(struct spool *spool, struct bytes line)
{
	struct error ignored = {0};
	struct bytes object;
	char hash[HASH_TEXT_LEN + 1];

	if (line.len <= HASH_TEXT_LEN + 1 || spool->count == SPOOL_ENTRIES_MAX) {
		spool->damaged = true;
		return;
	}
	object = bytes_of(line.data + HASH_TEXT_LEN + 1, line.len - HASH_TEXT_LEN - 1);
	hash_line(spool->hash, object, hash);
	spool->damaged |=
	    memcmp(hash, line.data, HASH_TEXT_LEN) != 0 || line.data[HASH_TEXT_LEN] != ' ';
	memcpy(spool->hash, line.data, HASH_TEXT_LEN); /* the next one follows what is written */
	if (spool_entry_parse(object, &spool->entries[spool->count], &ignored))
		spool->count++;
	else
		spool->damaged = true;
}

/* Where the last whole line ends. */
static size_t
read_lines(struct spool *spool, struct bytes file)
{
	size_t at = 0;

	while (at < file.len) {
		const uint8_t *end = memchr(file.data + at, '\n', file.len - at);

		if (end == NULL)
			break;
		take_line(spool, bytes_of(file.data + at, (size_t)(end - (file.data + at))));
		at = (size_t)(end - file.data) + 1;
	}
	return at;
}

/* ---- the file ---- */

static bool
fail(enum error_code code, const char *detail, struct error *err)
{
	(void)error_set(err, code, "%s", detail);
	error_cause_errno(err);
	return false;
}

/* Whatever a failed append left behind the last entry. */
static bool
cut(struct spool *spool)
{
	return ftruncate(spool->fd, spool->len) == 0 && fsync(spool->fd) == 0;
}

static void
start_chain(struct spool *spool)
{
	memset(spool->hash, '0', HASH_TEXT_LEN);
	spool->hash[HASH_TEXT_LEN] = '\0';
}

static bool
open_file(const char *path, struct spool *spool, struct error *err)
{
	DEFER(mem_free) char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');

	spool->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_DSYNC | O_CLOEXEC | O_NOFOLLOW,
	    S_IRUSR | S_IWUSR);
	if (spool->fd < 0)
		return fail(E_FILE_FAILED, "the spool cannot be opened", err);
	if (slash == NULL)
		return true;
	*slash = '\0';
	return file_sync_dir(folder, err);
}

bool
spool_open(const char *path, struct spool **out, struct error *err)
{
	DEFER(spool_close) struct spool *spool = xcalloc(1, sizeof *spool);
	DEFER(buf_clear_public) struct buf file = {0};

	spool->entries = xcalloc(SPOOL_ENTRIES_MAX, sizeof *spool->entries);
	start_chain(spool);
	if (!open_file(path, spool, err) || !file_read(path, FILE_LEN_MAX, &file, err))
		return false;
	spool->len = (off_t)read_lines(spool, buf_bytes(&file));
	if (spool->len < (off_t)file.len && !cut(spool))
		return fail(E_FILE_FAILED, "the spool cannot be cut", err);
	*out = TAKE(spool);
	return true;
}

void
spool_close(struct spool *spool)
{
	if (spool == NULL)
		return;
	if (spool->fd >= 0)
		(void)close(spool->fd);
	free(spool->entries);
	free(spool);
}

bool
spool_append(struct spool *spool, const struct spool_entry *entry, struct error *err)
{
	DEFER(buf_clear_public) struct buf object = {0};
	DEFER(buf_clear_public) struct buf line = {0};
	char hash[HASH_TEXT_LEN + 1];
	ssize_t put;

	if (spool->count == SPOOL_ENTRIES_MAX)
		return error_set(err, E_RECORD_UNAVAILABLE, "the spool is full");
	spool_entry_encode(entry, &object);
	hash_line(spool->hash, buf_bytes(&object), hash);
	buf_append_format(&line, "%s %s\n", hash, buf_text(&object));
	put = write(spool->fd, line.data, line.len); /* O_DSYNC */
	if (put != (ssize_t)line.len) {
		(void)fail(E_RECORD_UNAVAILABLE, "the spool cannot be written", err);
		spool->damaged |= !cut(spool);
		return false;
	}
	spool->len += put;
	memcpy(spool->hash, hash, sizeof hash);
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
	return spool->damaged;
}

bool
spool_empty(struct spool *spool, struct error *err)
{
	if (ftruncate(spool->fd, 0) != 0 || fsync(spool->fd) != 0)
		return fail(E_FILE_FAILED, "the spool cannot be emptied", err);
	spool->count = 0;
	spool->len = 0;
	spool->damaged = false;
	start_chain(spool);
	return true;
}
