#include "ca/status_copy.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/chain_file.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define LINES_AT_ONCE 512
#define ANEW_AT_ONCE 8192 /* each write is synced, and the index's thread may wait */
#define SETTLED "settled"

struct status_copy {
	struct status_index *statuses;
	char *path;
	pthread_mutex_t mutex; /* of all below */
	struct chain_file *file;
	uint64_t anew_at;                 /* more lines are too many */
	bool unsynced;                    /* the name of a file that was written anew */
	struct status_copy_line *waiting; /* to be written: what could not be */
	size_t waiting_count, waiting_room;
	bool failing; /* said once */
};

/* ---- a line ---- */

void
status_copy_encode(const struct status_copy_line *line, struct buf *out)
{
	char issuer[2 * ISSUER_ID_BYTES + 1], serial[SERIAL_TEXT_LEN + 1];
	const struct status_entry *entry = &line->entry;

	if (line->settled) {
		buf_append_format(out, "%lld " SETTLED, (long long)line->seq);
		return;
	}
	hex_encode(issuer, bytes_of(entry->issuer, ISSUER_ID_BYTES));
	hex_encode(serial, bytes_of(entry->serial, SERIAL_BYTES));
	buf_append_format(out, "%lld %s %s %s %s %lld", (long long)line->seq, issuer, serial,
	    certificate_state_name(entry->state), reason_code(entry->reason),
	    (long long)entry->at_s);
}

/* Up to the next space, which is taken too; at the end nothing. */
static struct bytes
take_word(struct bytes *rest)
{
	const uint8_t *space = memchr(rest->data, ' ', rest->len);
	const size_t len = space == NULL ? rest->len : (size_t)(space - rest->data);
	const struct bytes word = bytes_of(rest->data, len);

	*rest = space == NULL ? bytes_of(rest->data + len, 0)
			      : bytes_of(space + 1, rest->len - len - 1);
	return word;
}

/* Decimal, as printf() writes it. */
static bool
take_number(struct bytes *rest, int64_t max, int64_t *out)
{
	const struct bytes word = take_word(rest);

	*out = 0;
	for (size_t i = 0; i < word.len; i++) {
		const uint8_t c = word.data[i];

		if (c < '0' || c > '9' || *out > (max - (c - '0')) / 10)
			return false;
		*out = *out * 10 + (c - '0');
	}
	return word.len > 0 && (word.len == 1 || word.data[0] != '0');
}

/* A name of a table, as text. */
static bool
take_name(struct bytes *rest, char out[static 32])
{
	const struct bytes word = take_word(rest);

	if (word.len == 0 || word.len >= 32 || memchr(word.data, '\0', word.len) != NULL)
		return false;
	memcpy(out, word.data, word.len);
	out[word.len] = '\0';
	return true;
}

static bool
take_entry(struct bytes rest, struct status_entry *out)
{
	char state[32], reason[32];
	uint16_t month;

	return hex_decode(take_word(&rest), out->issuer, ISSUER_ID_BYTES) &&
	       hex_decode(take_word(&rest), out->serial, SERIAL_BYTES) &&
	       serial_month(out->serial, &month) && take_name(&rest, state) &&
	       certificate_state_of(state, &out->state) && take_name(&rest, reason) &&
	       reason_of(reason, &out->reason) && take_number(&rest, UINT32_MAX, &out->at_s) &&
	       rest.len == 0;
}

bool
status_copy_parse(struct bytes text, struct status_copy_line *out, struct error *err)
{
	struct status_copy_line line = {0};
	struct bytes rest = text;

	if (!take_number(&rest, INT64_MAX, &line.seq))
		return error_set(err, E_BAD_SYNTAX, "not a place in the order");
	line.settled = bytes_equal(rest, bytes_of_text(SETTLED));
	if (!line.settled &&
	    (rest.len == 0 || rest.data[rest.len - 1] == ' ' || !take_entry(rest, &line.entry)))
		return error_set(err, E_BAD_SYNTAX, "not a change of status");
	*out = line;
	return true;
}

/* ---- what a file says ---- */

struct reading {
	struct status_set *set; /* what all lines come to */
	int64_t last_seq;       /* of the order that they were written by */
};

static bool
read_line(void *context, struct bytes text)
{
	struct reading *reading = context;
	struct status_copy_line line;
	struct error ignored = {0};

	if (!status_copy_parse(text, &line, &ignored))
		return false;
	if (line.settled || line.seq > reading->last_seq)
		reading->last_seq = line.seq;
	return line.settled || status_set_put(reading->set, &line.entry);
}

static size_t
count_of(const struct status_set *set)
{
	return status_set_count(set, CERTIFICATE_HELD) + status_set_count(set, CERTIFICATE_REVOKED);
}

static struct status_entry *
all_of(const struct status_set *set, size_t *out_count)
{
	const size_t count = count_of(set);
	struct status_entry *entries = xcalloc(count + 1, sizeof *entries);

	status_set_copy(set, entries);
	*out_count = count;
	return entries;
}

/* ---- writing; behind the mutex ---- */

static void
put_off(struct status_copy *copy, const struct status_copy_line *line)
{
	if (copy->waiting_count == copy->waiting_room) {
		copy->waiting_room = copy->waiting_room == 0 ? 64 : 2 * copy->waiting_room;
		copy->waiting = xrealloc(copy->waiting, copy->waiting_room * sizeof *copy->waiting);
	}
	copy->waiting[copy->waiting_count++] = *line;
}

static bool
write_some(
    struct chain_file *file, const struct status_copy_line *lines, size_t count, struct error *err)
{
	DEFER(mem_free) struct bytes *texts = xcalloc(count, sizeof *texts);
	DEFER(mem_free) size_t *ends = xcalloc(count, sizeof *ends);
	DEFER(buf_clear_public) struct buf all = {0};

	for (size_t i = 0; i < count; i++) {
		status_copy_encode(&lines[i], &all);
		ends[i] = all.len;
	}
	for (size_t i = 0; i < count; i++) { /* now that it does not move any more */
		const size_t from = i == 0 ? 0 : ends[i - 1];

		texts[i] = bytes_of(all.data + from, ends[i] - from);
	}
	return chain_file_append(file, texts, count, err);
}

/* That a crash does not bring the file before it back. */
static bool
sync_name(struct status_copy *copy, struct error *err)
{
	DEFER(mem_free) char *folder = xstrdup(copy->path);
	char *slash = strrchr(folder, '/');

	if (slash != NULL)
		*slash = '\0';
	if (copy->unsynced && slash != NULL && !file_sync_dir(folder, err))
		return false;
	copy->unsynced = false;
	return true;
}

static void
write_waiting(struct status_copy *copy)
{
	struct error err = {0};
	size_t done = 0;

	(void)!sync_name(copy, &err);
	while (done < copy->waiting_count && err.code == E_NONE) {
		const size_t left = copy->waiting_count - done;
		const size_t count = left < LINES_AT_ONCE ? left : LINES_AT_ONCE;

		if (write_some(copy->file, copy->waiting + done, count, &err))
			done += count;
	}
	copy->waiting_count -= done;
	if (copy->waiting_count > 0)
		memmove(copy->waiting, copy->waiting + done,
		    copy->waiting_count * sizeof *copy->waiting);
	if (err.code != E_NONE && !copy->failing)
		log_error(LOG_LEVEL_ERROR, "status.copy", NULL, &err);
	copy->failing = err.code != E_NONE;
}

static void
put_off_all(struct status_copy *copy, const struct status_entry *entries, size_t count, int64_t seq)
{
	for (size_t i = 0; i < count; i++)
		put_off(copy, &(struct status_copy_line){.seq = seq, .entry = entries[i]});
}

/* ---- the file anew; behind the mutex ---- */

static uint64_t
too_many(size_t entries)
{
	return 2 * (uint64_t)entries + STATUS_COPY_SPARE;
}

/* What `reading` came to, in lines that come to the same: the first has its place in the order. */
static bool
write_all(struct chain_file *file, const struct reading *reading, struct error *err)
{
	size_t count;
	DEFER(mem_free) struct status_entry *entries = all_of(reading->set, &count);
	DEFER(mem_free) struct status_copy_line *lines = xcalloc(ANEW_AT_ONCE, sizeof *lines);
	size_t have = 0;

	lines[have++] = (struct status_copy_line){.seq = reading->last_seq, .settled = true};
	for (size_t i = 0; i < count; i++) {
		lines[have++] =
		    (struct status_copy_line){.seq = reading->last_seq, .entry = entries[i]};
		if (have == ANEW_AT_ONCE) {
			if (!write_some(file, lines, have, err))
				return false;
			have = 0;
		}
	}
	return have == 0 || write_some(file, lines, have, err);
}

/* From here on lines go to `file`, which is taken: none before its name is on the disk. */
static bool
put_in_place(
    struct status_copy *copy, const char *from, struct chain_file **file, struct error *err)
{
	if (rename(from, copy->path) != 0) {
		(void)error_set(err, E_FILE_FAILED, "the new copy cannot be put in place");
		error_cause_errno(err);
		return false;
	}
	log_info("status.copy", "it had %llu lines, and was written anew with %llu",
	    (unsigned long long)chain_file_count(copy->file),
	    (unsigned long long)chain_file_count(*file));
	chain_file_close(copy->file);
	copy->file = TAKE(*file);
	copy->unsynced = true;
	write_waiting(copy); /* with the name first */
	return true;
}

static bool
ignore_line(void *context, struct bytes text)
{
	(void)context;
	(void)text;
	return true;
}

/* From the file itself: what is on the disk counts, whatever the index has heard since. */
static bool
write_anew(struct status_copy *copy, struct error *err)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	DEFER(chain_file_close) struct chain_file *old = NULL;
	DEFER(chain_file_close) struct chain_file *file = NULL;
	DEFER(buf_clear_public) struct buf path = {0};
	struct reading reading = {.set = set};

	buf_append_format(&path, "%s.new", copy->path);
	(void)unlink(buf_text(&path)); /* of a run that was killed */
	if (!chain_file_open(copy->path, read_line, &reading, &old, err))
		return false;
	if (chain_file_damaged(old))
		return error_set(err, E_FILE_FAILED, "the copy is damaged, and stays as it is");
	if (!chain_file_open(buf_text(&path), ignore_line, NULL, &file, err) ||
	    !write_all(file, &reading, err) || !put_in_place(copy, buf_text(&path), &file, err)) {
		(void)unlink(buf_text(&path)); /* a full disk needs the room */
		return false;
	}
	copy->anew_at = too_many(count_of(set));
	return true;
}

static void
write_anew_if_due(struct status_copy *copy)
{
	const uint64_t count = chain_file_count(copy->file);
	struct error err = {0};

	if (count <= copy->anew_at || copy->waiting_count > 0 || chain_file_damaged(copy->file) ||
	    write_anew(copy, &err))
		return;
	copy->anew_at = count + STATUS_COPY_SPARE; /* not each second */
	log_error(LOG_LEVEL_ERROR, "status.copy", NULL, &err);
}

/* ---- while it runs ---- */

/* The index's thread. With no changes it was read anew, and anything may have changed. */
static void
follow(void *context, const struct status_entry *changes, size_t count, int64_t from, int64_t to)
{
	struct status_copy *copy = context;

	(void)to;
	(void)pthread_mutex_lock(&copy->mutex);
	if (count == 0) {
		DEFER(status_index_snapshot_clear) struct status_index_snapshot now = {0};

		status_index_snapshot(copy->statuses, &now);
		put_off_all(copy, now.entries, now.count, now.place.seq);
	}
	for (size_t i = 0; i < count; i++)
		put_off(copy,
		    &(struct status_copy_line){.seq = from + (int64_t)i, .entry = changes[i]});
	write_waiting(copy);
	(void)pthread_mutex_unlock(&copy->mutex);
}

/* ---- at a start ---- */

/* Whether `set` says at least as much against the certificate. */
static bool
has(const struct status_set *set, const struct status_entry *entry)
{
	struct status_entry there;

	return status_set_find(set, entry->serial, entry->issuer, &there) &&
	       there.state >= entry->state;
}

static void
find_lost(
    const struct reading *reading, const struct status_set *index, struct status_copy_lost *out)
{
	size_t count;

	out->entries = all_of(reading->set, &count);
	for (size_t i = 0; i < count; i++)
		if (!has(index, &out->entries[i]))
			out->entries[out->count++] = out->entries[i];
	log_warning("status.lost",
	    "the database is older than the copy of what was revoked, and lacks %zu of it",
	    out->count);
}

static void
add_missing(struct status_copy *copy, const struct reading *reading,
    const struct status_index_snapshot *now)
{
	for (size_t i = 0; i < now->count; i++)
		if (!has(reading->set, &now->entries[i]))
			put_off(copy, &(struct status_copy_line){
					  .seq = now->place.seq, .entry = now->entries[i]});
	write_waiting(copy);
}

/* Behind the mutex: what changes meanwhile is written after. */
static void
compare(struct status_copy *copy, const struct reading *reading, struct status_copy_lost *out_lost)
{
	DEFER(status_index_snapshot_clear) struct status_index_snapshot now = {0};
	DEFER(status_set_free) struct status_set *index = status_set_new();

	status_index_snapshot(copy->statuses, &now);
	status_set_reserve(index, now.count);
	for (size_t i = 0; i < now.count; i++)
		if (!status_set_put(index, &now.entries[i]))
			log_warning("status.copy", "an entry of the index is not ours");
	if (now.place.seq < reading->last_seq)
		find_lost(reading, index, out_lost);
	add_missing(copy, reading, &now);
}

bool
status_copy_new(const char *path, struct status_index *statuses, struct status_copy **out,
    struct status_copy_lost *out_lost, struct error *err)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	DEFER(chain_file_close) struct chain_file *file = NULL;
	struct reading reading = {.set = set};
	struct status_copy *copy;

	if (!chain_file_open(path, read_line, &reading, &file, err))
		return false;
	copy = xcalloc(1, sizeof *copy);
	copy->statuses = statuses;
	copy->path = xstrdup(path);
	copy->file = TAKE(file);
	copy->anew_at = too_many(count_of(set));
	(void)pthread_mutex_init(&copy->mutex, NULL);
	(void)pthread_mutex_lock(&copy->mutex);
	status_index_watch(
	    statuses, &(struct status_index_watcher){.changed = follow, .context = copy});
	compare(copy, &reading, out_lost);
	(void)pthread_mutex_unlock(&copy->mutex);
	*out = copy;
	return true;
}

void
status_copy_free(struct status_copy *copy)
{
	if (copy == NULL)
		return;
	status_index_unwatch(copy->statuses, copy);
	chain_file_close(copy->file);
	(void)pthread_mutex_destroy(&copy->mutex);
	free(copy->waiting);
	free(copy->path);
	free(copy);
}

bool
status_copy_force(const char *path, struct status_index *statuses, struct error *err)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	DEFER(chain_file_close) struct chain_file *file = NULL;
	DEFER(mem_free) struct status_entry *entries = NULL;
	struct reading reading = {.set = set};
	size_t count;

	if (!chain_file_open(path, read_line, &reading, &file, err))
		return false;
	entries = all_of(set, &count);
	for (size_t i = 0; i < count; i++)
		if (entries[i].state == CERTIFICATE_REVOKED &&
		    !status_index_force(statuses, &entries[i]))
			log_warning("status.copy", "an entry cannot be put in force");
	return true;
}

void
status_copy_lost_clear(struct status_copy_lost *lost)
{
	free(lost->entries);
	*lost = (struct status_copy_lost){0};
}

/* ---- later ---- */

void
status_copy_settle(struct status_copy *copy)
{
	struct status_index_place place;
	int64_t as_of_s;

	status_index_place(copy->statuses, &place, &as_of_s);
	(void)pthread_mutex_lock(&copy->mutex);
	put_off(copy, &(struct status_copy_line){.seq = place.seq, .settled = true});
	write_waiting(copy);
	(void)pthread_mutex_unlock(&copy->mutex);
}

void
status_copy_look(struct status_copy *copy)
{
	(void)pthread_mutex_lock(&copy->mutex);
	if (copy->waiting_count > 0)
		write_waiting(copy);
	write_anew_if_due(copy);
	(void)pthread_mutex_unlock(&copy->mutex);
}

void
status_copy_health(struct status_copy *copy, struct status_copy_health *out)
{
	*out = (struct status_copy_health){0};
	if (copy == NULL)
		return;
	(void)pthread_mutex_lock(&copy->mutex);
	*out = (struct status_copy_health){
	    .behind = copy->waiting_count, .damaged = chain_file_damaged(copy->file)};
	(void)pthread_mutex_unlock(&copy->mutex);
}
