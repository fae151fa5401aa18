#include "ca/crl_kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/reader.h"

#define MAGIC "moniker-crl-2\n\n\n"
#define MAGIC_BYTES (sizeof MAGIC - 1)
#define NUMBERS_BYTES (MAGIC_BYTES + 6 * 8)
#define HEAD_BYTES (NUMBERS_BYTES + SHA256_BYTES) /* of the numbers and the list */
#define PIECE_BYTES ((size_t)65536)
#define PATH_BYTES 4096

static bool
fail(struct error *err, const char *what)
{
	(void)error_set(err, E_FILE_FAILED, "a kept list cannot be %s", what);
	error_cause_errno(err);
	return false;
}

static void
path_of(const char *dir, const struct issuer *issuer, int shard, enum crl_kind kind,
    const char *end, char out[static PATH_BYTES])
{
	(void)snprintf(out, PATH_BYTES, "%s/crl/%s-%04d%s.crl%s", dir, issuer->id_text, shard,
	    kind == CRL_DELTA ? "-delta" : "", end);
}

struct descriptor {
	int fd;
};

static void
descriptor_clear(struct descriptor *descriptor)
{
	if (descriptor->fd >= 0)
		(void)close(descriptor->fd);
}
DEFER_DECLARE_CLEAR(struct descriptor, descriptor_clear)

/* ---- writing ---- */

static bool
put_at(int fd, struct bytes octets, size_t at, struct error *err)
{
	while (octets.len > 0) {
		const ssize_t put = pwrite(fd, octets.data, octets.len, (off_t)at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return fail(err, "written");
		octets = bytes_of(octets.data + put, octets.len - (size_t)put);
		at += (size_t)put;
	}
	return true;
}

static bool
put_list(int fd, struct crl_file *file, struct sha256 *hash, struct error *err)
{
	DEFER(mem_free) uint8_t *piece = xcalloc(1, PIECE_BYTES);
	const size_t size = crl_file_size(file);

	for (size_t at = 0; at < size; at += PIECE_BYTES) {
		const size_t len = size - at < PIECE_BYTES ? size - at : PIECE_BYTES;

		if (!crl_file_copy(file, at, piece, len, err) ||
		    !put_at(fd, bytes_of(piece, len), HEAD_BYTES + at, err))
			return false;
		sha256_update(hash, bytes_of(piece, len));
	}
	return true;
}

static bool
put_all(int fd, const struct crl_view *view, struct error *err)
{
	DEFER(buf_clear_public) struct buf head = {0};
	uint8_t digest[SHA256_BYTES];
	struct sha256 hash;

	buf_append_text(&head, MAGIC);
	buf_append_u64(&head, view->info.number);
	buf_append_u64(&head, (uint64_t)view->info.this_update_s);
	buf_append_u64(&head, (uint64_t)view->info.next_update_s);
	buf_append_u64(&head, view->info.ours.base_number);
	buf_append_u64(&head, view->info.ours.entries_at);
	buf_append_u64(&head, view->info.ours.entries_len);
	sha256_init(&hash);
	sha256_update(&hash, buf_bytes(&head));
	if (!put_list(fd, view->der, &hash, err))
		return false;
	sha256_final(&hash, digest);
	buf_append(&head, bytes_of(digest, sizeof digest));
	return put_at(fd, buf_bytes(&head), 0, err);
}

static bool
put_file(const char *path, const struct crl_view *view, struct error *err)
{
	DEFER(descriptor_clear)
	struct descriptor to = {
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)};

	if (to.fd < 0)
		return fail(err, "begun");
	return put_all(to.fd, view, err) && (fdatasync(to.fd) == 0 || fail(err, "synced"));
}

void
crl_kept_write(const char *dir, const struct issuer *issuer, int shard, enum crl_kind kind,
    const struct crl_view *view)
{
	char folder[PATH_BYTES], part[PATH_BYTES], path[PATH_BYTES];
	struct error err = {0};

	(void)snprintf(folder, sizeof folder, "%s/crl", dir);
	path_of(dir, issuer, shard, kind, ".part", part);
	path_of(dir, issuer, shard, kind, "", path);
	if (file_make_dir(folder, 0755, &err) && put_file(part, view, &err) &&
	    (rename(part, path) == 0 || fail(&err, "renamed")))
		return;
	(void)unlink(part);
	log_error(LOG_LEVEL_WARNING, "crl.keep", NULL, &err);
}

/* ---- reading ---- */

/* *out_len: less than PIECE_BYTES at the end only. */
static bool
take_piece(int fd, size_t at, uint8_t *piece, size_t *out_len, struct error *err)
{
	ssize_t got = 1;

	*out_len = 0;
	while (*out_len < PIECE_BYTES && got != 0) {
		got = pread(fd, piece + *out_len, PIECE_BYTES - *out_len, (off_t)(at + *out_len));
		if (got < 0 && errno != EINTR)
			return fail(err, "read");
		*out_len += got > 0 ? (size_t)got : 0;
	}
	return true;
}

static bool
take_head(
    struct bytes head, struct crl_info *out, uint8_t digest[static SHA256_BYTES], struct error *err)
{
	struct reader reader = reader_of(head);
	const struct bytes magic = reader_bytes(&reader, MAGIC_BYTES);

	*out = (struct crl_info){.number = reader_u64(&reader)};
	out->this_update_s = (int64_t)reader_u64(&reader);
	out->next_update_s = (int64_t)reader_u64(&reader);
	out->ours.base_number = reader_u64(&reader);
	out->ours.entries_at = reader_u64(&reader);
	out->ours.entries_len = reader_u64(&reader);
	reader_copy(&reader, digest, SHA256_BYTES);
	return (reader_done(&reader) && bytes_equal(magic, bytes_of_text(MAGIC))) ||
	       error_set(err, E_BAD_SYNTAX, "a kept list is none");
}

static bool
take_list(int fd, struct crl_file *to, struct sha256 *hash, struct error *err)
{
	DEFER(mem_free) uint8_t *piece = xcalloc(1, PIECE_BYTES);
	size_t at = HEAD_BYTES, len;

	do {
		if (!take_piece(fd, at, piece, &len, err) ||
		    !crl_file_append(to, bytes_of(piece, len), err))
			return false;
		sha256_update(hash, bytes_of(piece, len));
		at += len;
	} while (len == PIECE_BYTES);
	return crl_file_seal(to, err);
}

static bool
take_file(int fd, const char *dir, struct crl_view *out, struct error *err)
{
	DEFER(crl_file_free) struct crl_file *file = NULL;
	uint8_t head[HEAD_BYTES], wanted[SHA256_BYTES], digest[SHA256_BYTES];
	const ssize_t got = pread(fd, head, sizeof head, 0);
	struct crl_info info;
	struct sha256 hash;

	if (!take_head(bytes_of(head, got > 0 ? (size_t)got : 0), &info, wanted, err) ||
	    !crl_file_new(dir, 0, &file, err))
		return false;
	sha256_init(&hash);
	sha256_update(&hash, bytes_of(head, NUMBERS_BYTES));
	if (!take_list(fd, file, &hash, err))
		return false;
	sha256_final(&hash, digest);
	if (memcmp(wanted, digest, sizeof digest) != 0)
		return error_set(err, E_BAD_SYNTAX, "a kept list is damaged");
	info.der_len = crl_file_size(file);
	if (info.ours.entries_at > info.der_len ||
	    info.ours.entries_len > info.der_len - info.ours.entries_at)
		return error_set(err, E_BAD_SYNTAX, "a kept list is shorter than its entries");
	*out = (struct crl_view){.der = TAKE(file), .info = info};
	return true;
}

void
crl_kept_read(const char *dir, const struct issuer *issuer, int shard, enum crl_kind kind,
    struct crl_view *out)
{
	DEFER(descriptor_clear) struct descriptor from = {-1};
	char path[PATH_BYTES];
	struct error err = {0};

	path_of(dir, issuer, shard, kind, "", path);
	from.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from.fd < 0 && errno == ENOENT)
		return;
	if (from.fd < 0 ? !fail(&err, "opened") : !take_file(from.fd, dir, out, &err))
		log_error(LOG_LEVEL_WARNING, "crl.kept", NULL, &err);
}
