#include "cmd/log_source.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/log_folder.h"
#include "base/file.h"
#include "base/mem.h"
#include "proof/checkpoint.h"
#include "proof/scan.h"
#include "proof/tar.h"

struct mapped {
	void *octets;
	size_t len;
};

struct log_source {
	char *folder; /* NULL: an archive */
	bool has_blobs;
	struct mapped *mapped; /* files of the folder */
	size_t mapped_count, mapped_capacity;

	void *map;
	size_t map_len;
	struct tar_entry *entries; /* sorted by name, without what stands before the log's files */
	size_t count, capacity;
	bool plain;
};

void
log_source_free(struct log_source *source)
{
	if (source == NULL)
		return;
	if (source->map_len > 0)
		(void)munmap(source->map, source->map_len);
	for (size_t i = 0; i < source->mapped_count; i++)
		(void)munmap(source->mapped[i].octets, source->mapped[i].len);
	free(source->mapped);
	free(source->entries);
	free(source->folder);
	free(source);
}

/* ---- archives ---- */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const struct tar_entry *)a)->name, ((const struct tar_entry *)b)->name);
}

static bool
read_entries(struct log_source *source, struct error *err)
{
	struct bytes rest = bytes_of(source->map, source->map_len);
	uint64_t len = 2 * TAR_BLOCK;

	for (;;) {
		const struct tar_entry *entry;
		bool end = false;

		if (source->count == source->capacity) {
			source->capacity = source->capacity * 2 + 64;
			source->entries =
			    xrealloc(source->entries, source->capacity * sizeof source->entries[0]);
		}
		if (!tar_take(&rest, &source->entries[source->count], &end, err))
			return false;
		source->plain = len == source->map_len;
		if (end)
			return true;
		entry = &source->entries[source->count++];
		len += TAR_BLOCK + entry->contents.len + tar_padding(entry->contents.len);
	}
}

/* Whoever unpacks it gets the later one, whoever looks it up perhaps the other. */
static bool
check_names(const struct log_source *source, struct error *err)
{
	for (size_t i = 1; i < source->count; i++)
		if (strcmp(source->entries[i - 1].name, source->entries[i].name) == 0)
			return error_set(err, E_BAD_SYNTAX, "the archive has %.80s twice",
			    source->entries[i].name);
	return true;
}

/* The log's files are those beside its checkpoint, wherever that is. */
static bool
strip_names(struct log_source *source, struct error *err)
{
	static const char NAME[] = "checkpoint";
	size_t prefix = SIZE_MAX, kept = 0;
	char before[TAR_NAME_MAX + 1] = "";

	for (size_t i = 0; i < source->count && prefix == SIZE_MAX; i++) {
		const char *name = source->entries[i].name;
		const size_t len = strlen(name);

		if (len >= sizeof NAME - 1 && strcmp(name + len - (sizeof NAME - 1), NAME) == 0 &&
		    (len == sizeof NAME - 1 || name[len - sizeof NAME] == '/')) {
			prefix = len - (sizeof NAME - 1);
			(void)snprintf(before, sizeof before, "%.*s", (int)prefix, name);
		}
	}
	if (prefix == SIZE_MAX)
		return error_set(err, E_BAD_SYNTAX, "there is no checkpoint in the archive");
	for (size_t i = 0; i < source->count; i++) {
		struct tar_entry *entry = &source->entries[i];

		if (strncmp(entry->name, before, prefix) != 0) {
			source->plain = false;
			continue;
		}
		memmove(entry->name, entry->name + prefix, strlen(entry->name + prefix) + 1);
		source->has_blobs = source->has_blobs || strncmp(entry->name, "blobs/", 6) == 0;
		source->entries[kept++] = *entry;
	}
	source->count = kept;
	qsort(source->entries, kept, sizeof source->entries[0], compare_names);
	return check_names(source, err);
}

static bool
open_archive(struct log_source *source, const char *path, struct error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0) {
		source->map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		source->map_len = source->map == MAP_FAILED ? 0 : (size_t)status.st_size;
	}
	if (fd >= 0)
		(void)close(fd);
	if (source->map_len == 0) {
		(void)error_set(err, E_FILE_FAILED, "cannot read %s", path);
		error_cause_errno(err);
		return false;
	}
	return read_entries(source, err) && strip_names(source, err);
}

static const struct tar_entry *
find_entry(const struct log_source *source, const char *path)
{
	DEFER(mem_free) struct tar_entry *key = xcalloc(1, sizeof *key);

	(void)snprintf(key->name, sizeof key->name, "%s", path);
	return bsearch(
	    key, source->entries, source->count, sizeof source->entries[0], compare_names);
}

static bool
read_entry(void *context, const char *path, size_t len_max, struct buf *out, bool *out_found,
    struct error *err)
{
	const struct tar_entry *found = find_entry(context, path);

	*out_found = found != NULL;
	if (found == NULL)
		return true;
	if (found->contents.len > len_max)
		return error_set(err, E_FILE_FAILED, "%s is longer than %zu octets", path, len_max);
	buf_append(out, found->contents);
	return true;
}

/* ---- folders ---- */

/* An empty file is there, and is mapped nowhere. */
static bool
map_file(struct log_source *source, int fd, struct bytes *out)
{
	struct stat status;
	struct mapped *mapped;

	*out = (struct bytes){0};
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	if (status.st_size == 0)
		return true;
	if (source->mapped_count == source->mapped_capacity) {
		source->mapped_capacity = source->mapped_capacity * 2 + 64;
		source->mapped =
		    xrealloc(source->mapped, source->mapped_capacity * sizeof source->mapped[0]);
	}
	mapped = &source->mapped[source->mapped_count];
	mapped->len = (size_t)status.st_size;
	mapped->octets = mmap(NULL, mapped->len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapped->octets == MAP_FAILED)
		return false;
	source->mapped_count++;
	*out = bytes_of(mapped->octets, mapped->len);
	return true;
}

bool
log_source_map(void *context, const char *name, struct bytes *out)
{
	struct log_source *source = context;
	DEFER(buf_clear_public) struct buf path = {0};
	bool mapped;
	int fd;

	if (source->folder == NULL) {
		const struct tar_entry *entry = find_entry(source, name);

		if (entry != NULL)
			*out = entry->contents;
		return entry != NULL;
	}
	buf_append_format(&path, "%s/%s", source->folder, name);
	fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	mapped = map_file(source, fd, out);
	if (fd >= 0)
		(void)close(fd);
	return mapped;
}

/* ---- either ---- */

bool
log_source_open(const char *path, struct log_source **out, struct error *err)
{
	DEFER(log_source_free) struct log_source *source = xcalloc(1, sizeof *source);
	struct stat status;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
		DEFER(buf_clear_public) struct buf blobs = {0};

		source->folder = xstrdup(path);
		buf_append_format(&blobs, "%s/blobs", path);
		source->has_blobs = access(buf_text(&blobs), F_OK) == 0;
	} else if (!open_archive(source, path, err))
		return false;
	*out = TAKE(source);
	return true;
}

struct tile_files
log_source_files(struct log_source *source)
{
	if (source->folder != NULL)
		return log_folder_files(source->folder);
	return (struct tile_files){source, read_entry};
}

const char *
log_source_name(void *context, size_t index)
{
	const struct log_source *source = context;

	return index < source->count ? source->entries[index].name : NULL;
}

bool
log_source_is_plain(const struct log_source *source)
{
	return source->folder != NULL || source->plain;
}

bool
log_source_has_blobs(const struct log_source *source)
{
	return source->has_blobs;
}

/* ---- keys ---- */

/* Beside what the policy says of logs; the same key again is no harm. */
static bool
add_key(struct tlog_policy *policy, const char *vkey, struct error *err)
{
	struct note_key key;

	if (!note_key_parse(bytes_of_text(vkey), &key, err))
		return false;
	if (tlog_policy_log(policy, bytes_of_text(key.name)) != NULL)
		return error_set(err, E_BAD_SYNTAX, "the policy has a key of %.100s", key.name);
	if (policy->log_count == TLOG_POLICY_LOGS_MAX)
		return error_set(err, E_BAD_SYNTAX, "more than %d keys", TLOG_POLICY_LOGS_MAX);
	policy->logs[policy->log_count++] = key;
	return true;
}

static bool
read_policy(const char *path, struct tlog_policy *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf text = {0};

	return file_read(path, TLOG_POLICY_MAX, &text, err) &&
	       tlog_policy_parse(buf_bytes(&text), out, err);
}

bool
log_keys_read(const char *vkey, const char *policy_path, struct log_keys *out, struct error *err)
{
	*out = (struct log_keys){.policy.quorum = -1};
	if ((policy_path != NULL && !read_policy(policy_path, &out->policy, err)) ||
	    (vkey != NULL && !add_key(&out->policy, vkey, err)))
		return false;
	return out->policy.log_count > 0 ||
	       error_set(err, E_INCOMPLETE, "the log's key is needed: --vkey or --policy");
}

bool
log_keys_pick(
    const struct log_keys *keys, struct bytes note, const struct note_key **out, struct error *err)
{
	struct scan in = {note};
	struct bytes origin = {0};

	if (!scan_line(&in, &origin))
		return error_set(err, E_NOT_FOUND, "there is no checkpoint to take a key for");
	*out = tlog_policy_log(&keys->policy, origin);
	return *out != NULL ||
	       error_set(err, E_NOT_FOUND, "there is no key for the log %.*s",
		   (int)(origin.len < 100 ? origin.len : 100), (const char *)origin.data);
}

/* Up to its last slash, which is counted. */
static size_t
prefix_len(const char *origin)
{
	const char *slash = strrchr(origin, '/');

	return slash == NULL ? 0 : (size_t)(slash - origin) + 1;
}

bool
log_keys_pick_like(
    const struct log_keys *keys, struct bytes note, struct note_key *out, struct error *err)
{
	const struct note_key *own = NULL;
	struct checkpoint claimed;
	struct error none = {0};
	struct bytes text = {0};
	size_t len;

	if (log_keys_pick(keys, note, &own, &none)) {
		*out = *own;
		return true;
	}
	if (!note_text(note, &text, err) || !checkpoint_parse(text, &claimed, err))
		return false;
	len = prefix_len(claimed.origin);
	for (size_t i = 0; i < keys->policy.log_count; i++) {
		const struct note_key *key = &keys->policy.logs[i];

		if (len > 0 && prefix_len(key->name) == len &&
		    strncmp(key->name, claimed.origin, len) == 0)
			return note_key_init(out, claimed.origin, key->public_key, err);
	}
	return error_set(err, E_NOT_FOUND, "%s", none.detail);
}

bool
log_keys_quorum(const struct log_keys *keys, struct bytes note, struct error *err)
{
	struct error few = {0};
	uint64_t cosigned = 0;

	return tlog_policy_check(&keys->policy, note, &cosigned, &few) ||
	       error_set(err, E_NOT_FOUND, "the checkpoint: %s", few.detail);
}
