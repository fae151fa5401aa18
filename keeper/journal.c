#include "keeper/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "keeper/journal_private.h"

bool
journal_fail(struct error *err, const char *what)
{
	(void)error_set(err, E_FILE_FAILED, "the journal cannot be %s", what);
	error_cause_errno(err);
	return false;
}

static bool
write_all(int fd, struct bytes octets)
{
	while (octets.len > 0) {
		ssize_t n = write(fd, octets.data, octets.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		octets = bytes_of(octets.data + n, octets.len - (size_t)n);
	}
	return true;
}

bool
journal_read_at(
    const struct journal *journal, uint64_t offset, size_t len, struct buf *out, struct error *err)
{
	uint8_t *to;

	buf_truncate(out, 0);
	to = buf_extend(out, len);
	while (len > 0) {
		ssize_t n = pread(journal->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return journal_fail(err, "read");
		if (n == 0)
			return error_set(err, E_BAD_SYNTAX, "the journal became shorter");
		to += n;
		len -= (size_t)n;
		offset += (size_t)n;
	}
	return true;
}

static void
fd_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
DEFER_DECLARE_CLEAR(int, fd_close)

/* ---- creating ---- */

/* A new file lasts only once its folder's entry does. */
static bool
sync_folder(const char *path, struct error *err)
{
	DEFER(mem_free) char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	DEFER(fd_close) int fd = -1;

	if (slash != NULL)
		slash[slash == folder ? 1 : 0] = '\0';
	fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return journal_fail(err, "created");
	return true;
}

bool
journal_create(
    const char *path, const char *origin, const struct secret *mac_key, struct error *err)
{
	DEFER(buf_clear_public) struct buf header = {0};
	uint8_t mac[RECORD_MAC_BYTES];
	DEFER(fd_close) int fd = -1;

	header_encode(origin, mac_key, &header, mac);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return journal_fail(err, "created");
	if (!write_all(fd, buf_bytes(&header)) || fsync(fd) != 0) {
		(void)journal_fail(err, "created");
		(void)unlink(path);
		return false;
	}
	return sync_folder(path, err);
}

/* ---- opening ---- */

static bool
open_file(const char *path, struct journal *journal, uint64_t *out_len, struct error *err)
{
	struct stat st;

	journal->fd = open(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	if (journal->fd < 0 || fstat(journal->fd, &st) != 0)
		return journal_fail(err, "opened");
	if (!S_ISREG(st.st_mode))
		return error_set(err, E_FILE_FAILED, "the journal is not a regular file");
	if (flock(journal->fd, LOCK_EX | LOCK_NB) != 0)
		return journal_fail(err, "locked: another process has it open");
	*out_len = (uint64_t)st.st_size;
	return true;
}

static bool
open_header(struct journal *journal, uint64_t file_len, struct error *err)
{
	DEFER(buf_clear_public) struct buf start = {0};
	size_t len = 0;

	if (!journal_read_at(
		journal, 0, file_len < HEADER_MAX ? (size_t)file_len : HEADER_MAX, &start, err))
		return false;
	if (!header_parse(
		buf_bytes(&start), journal->mac_key, journal->origin, journal->header_mac, &len))
		return error_set(err, E_BAD_SYNTAX, "the journal's header is not authentic");
	journal->start = len;
	return true;
}

/* The end of the last whole record in `window`, which ends the file: an index into it; 0: none. */
static size_t
last_end(struct bytes window)
{
	for (size_t end = window.len; end >= RECORD_MIN; end--) {
		struct bytes trailer =
		    bytes_of(window.data + end - RECORD_TRAILER_BYTES, RECORD_TRAILER_BYTES);

		if (record_trailer_len(trailer) != 0)
			return end;
	}
	return 0;
}

/*
 * Finds where the last whole record ends. What follows it is shorter than one record, so the
 * window of one record's length always shows the trailer of the one before, or the header's end.
 */
static bool
find_end(const struct journal *journal, uint64_t file_len, uint64_t *out_end, struct error *err)
{
	DEFER(buf_clear_public) struct buf window = {0};
	uint64_t body = file_len - journal->start;
	size_t len = body < RECORD_TRAILER_BYTES ? (size_t)body : RECORD_TRAILER_BYTES;
	size_t end;

	if (!journal_read_at(journal, file_len - len, len, &window, err))
		return false;
	if (len == 0 || record_trailer_len(buf_bytes(&window)) != 0) {
		*out_end = file_len;
		return true;
	}
	len = body < RECORD_MAX + RECORD_TRAILER_BYTES ? (size_t)body
						       : RECORD_MAX + RECORD_TRAILER_BYTES;
	if (!journal_read_at(journal, file_len - len, len, &window, err))
		return false;
	end = last_end(buf_bytes(&window));
	if ((end == 0 && len < body) || !record_is_cut(bytes_of(window.data + end, len - end)))
		return error_set(
		    err, E_BAD_SYNTAX, "the journal is damaged after its last whole record");
	*out_end = file_len - len + end;
	return true;
}

bool
journal_record_before(const struct journal *journal, uint64_t end, struct buf *octets,
    struct record *out, struct error *err)
{
	size_t len = 0;

	if (end - journal->start >= RECORD_MIN) {
		if (!journal_read_at(
			journal, end - RECORD_TRAILER_BYTES, RECORD_TRAILER_BYTES, octets, err))
			return false;
		len = record_trailer_len(buf_bytes(octets));
	}
	if (len == 0 || len > end - journal->start)
		return error_set(err, E_BAD_SYNTAX, "a record of the journal has no valid end");
	if (!journal_read_at(journal, end - len, len, octets, err))
		return false;
	if (!record_parse(buf_bytes(octets), journal->header_mac, journal->mac_key, out))
		return error_set(err, E_BAD_SYNTAX, "a record of the journal is not authentic");
	return true;
}

static bool
cut_tail(struct journal *journal, uint64_t file_len, struct error *err)
{
	if (journal->end == file_len)
		return true;
	if (ftruncate(journal->fd, (off_t)journal->end) != 0 || fsync(journal->fd) != 0)
		return journal_fail(err, "cut at its last whole record");
	return true;
}

bool
journal_open(
    const char *path, const struct secret *mac_key, struct journal **out, struct error *err)
{
	DEFER(journal_free) struct journal *journal = xcalloc(1, sizeof(*journal));
	DEFER(buf_clear_public) struct buf octets = {0};
	struct record last = {0};
	uint64_t file_len = 0, end = 0;

	journal->fd = -1;
	journal->mac_key = secret_new(secret_bytes(mac_key));
	if (!open_file(path, journal, &file_len, err) || !open_header(journal, file_len, err) ||
	    !find_end(journal, file_len, &end, err))
		return false;
	if (end != journal->start && !journal_record_before(journal, end, &octets, &last, err))
		return false;
	journal->end = end;
	journal->tree = last.tree;
	if (!cut_tail(journal, file_len, err))
		return false;
	*out = TAKE(journal);
	return true;
}

void
journal_free(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->fd >= 0)
		(void)close(journal->fd);
	secret_free(journal->mac_key);
	mem_free(journal);
}

const char *
journal_origin(const struct journal *journal)
{
	return journal->origin;
}

const struct merkle *
journal_tree(const struct journal *journal)
{
	return &journal->tree;
}

bool
journal_in_doubt(const struct journal *journal)
{
	return journal->in_doubt;
}

void
journal_interrupt(struct journal *journal)
{
	journal->interrupted = true;
}

/* ---- appending ---- */

/*
 * After a failed write the file is cut back to its last record. After a failed fdatasync the
 * kernel may have dropped what it could not write and report success the next time, so nothing
 * about the file is known any more.
 */
static bool
append_durably(struct journal *journal, struct bytes record, struct error *err)
{
	if (!write_all(journal->fd, record)) {
		(void)journal_fail(err, "written");
		journal->in_doubt = ftruncate(journal->fd, (off_t)journal->end) != 0;
		return false;
	}
	if (fdatasync(journal->fd) != 0) {
		journal->in_doubt = true;
		return journal_fail(err, "made durable");
	}
	return true;
}

bool
journal_append(struct journal *journal, const struct bytes *leaves, size_t count, struct error *err)
{
	DEFER(buf_clear_public) struct buf record = {0};
	struct merkle tree = journal->tree;
	uint8_t hash[SHA256_BYTES];

	assert(count > 0 && count <= JOURNAL_APPEND_MAX);
	if (journal->in_doubt)
		return error_set(err, E_FILE_FAILED, "the journal has to be opened again");
	for (size_t i = 0; i < count; i++) {
		assert(leaves[i].len <= LEAF_MAX);
		leaf_hash(leaves[i], hash);
		merkle_append(&tree, hash);
	}
	record_encode(leaves, count, &tree, journal->header_mac, journal->mac_key, &record);
	if (!append_durably(journal, buf_bytes(&record), err))
		return false;
	journal->tree = tree;
	journal->end += record.len;
	return true;
}
