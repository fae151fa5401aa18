#include "ca/crl_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/mem.h"

#define BUFFER_BYTES ((size_t)65536)
#define KEPT_MAX BUFFER_BYTES /* what a sealed list may take in memory, instead of a descriptor */

struct crl_file {
	atomic_int holders;
	int fd;          /* -1: sealed, and in memory */
	uint8_t *buffer; /* what is not written yet; NULL once it is sealed */
	size_t buffered, written;
	size_t start;  /* what stands before is gap */
	uint8_t *kept; /* sealed and short: all from `start` on */
	atomic_bool damaged;
};

static bool
fail(struct error *err, const char *what)
{
	(void)error_set(err, E_FILE_FAILED, "a list cannot be %s", what);
	error_cause_errno(err);
	return false;
}

bool
crl_file_new(const char *dir, size_t gap, struct crl_file **out, struct error *err)
{
	DEFER(crl_file_free) struct crl_file *file = xcalloc(1, sizeof *file);
	char path[4096];

	atomic_init(&file->holders, 1);
	(void)snprintf(path, sizeof path, "%s/.crl-XXXXXX", dir);
	file->fd = mkostemp(path, O_CLOEXEC);
	if (file->fd < 0 || unlink(path) != 0)
		return fail(err, "begun");
	file->buffer = xcalloc(1, BUFFER_BYTES);
	file->start = file->written = gap;
	*out = TAKE(file);
	return true;
}

struct crl_file *
crl_file_hold(struct crl_file *file)
{
	if (file != NULL)
		(void)atomic_fetch_add(&file->holders, 1);
	return file;
}

void
crl_file_free(struct crl_file *file)
{
	if (file == NULL || atomic_fetch_sub(&file->holders, 1) > 1)
		return;
	if (file->fd >= 0)
		(void)close(file->fd);
	mem_free(file->buffer);
	mem_free(file->kept);
	mem_free(file);
}

static bool
write_at(int fd, struct bytes octets, size_t at, struct error *err)
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
flush(struct crl_file *file, struct error *err)
{
	if (!write_at(file->fd, bytes_of(file->buffer, file->buffered), file->written, err))
		return false;
	file->written += file->buffered;
	file->buffered = 0;
	return true;
}

bool
crl_file_append(struct crl_file *file, struct bytes octets, struct error *err)
{
	if (file->buffered + octets.len > BUFFER_BYTES && !flush(file, err))
		return false;
	if (octets.len > BUFFER_BYTES) {
		if (!write_at(file->fd, octets, file->written, err))
			return false;
		file->written += octets.len;
		return true;
	}
	if (octets.len > 0)
		memcpy(file->buffer + file->buffered, octets.data, octets.len);
	file->buffered += octets.len;
	return true;
}

size_t
crl_file_len(const struct crl_file *file)
{
	return file->written + file->buffered;
}

static bool
read_at(int fd, size_t from, uint8_t *out, size_t len, struct error *err)
{
	while (len > 0) {
		const ssize_t got = pread(fd, out, len, (off_t)from);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = ENODATA; /* it was longer */
		if (got <= 0)
			return fail(err, "read back");
		out += got;
		from += (size_t)got;
		len -= (size_t)got;
	}
	return true;
}

bool
crl_file_read(struct crl_file *file, size_t from, uint8_t *out, size_t len, struct error *err)
{
	assert(from + len <= crl_file_len(file));
	return flush(file, err) && read_at(file->fd, from, out, len, err);
}

bool
crl_file_begin(struct crl_file *file, struct bytes octets, struct error *err)
{
	assert(octets.len <= file->start);
	if (!write_at(file->fd, octets, file->start - octets.len, err))
		return false;
	file->start -= octets.len;
	return true;
}

bool
crl_file_seal(struct crl_file *file, struct error *err)
{
	if (!flush(file, err))
		return false;
	mem_free(file->buffer);
	file->buffer = NULL;
	if (crl_file_size(file) > KEPT_MAX)
		return true;
	file->kept = xcalloc(1, crl_file_size(file) + 1);
	if (!read_at(file->fd, file->start, file->kept, crl_file_size(file), err))
		return false;
	(void)close(file->fd);
	file->fd = -1;
	return true;
}

size_t
crl_file_size(const struct crl_file *file)
{
	assert(file->buffer == NULL);
	return file->written - file->start;
}

bool
crl_file_copy(struct crl_file *file, size_t from, uint8_t *out, size_t len, struct error *err)
{
	assert(from + len <= crl_file_size(file));
	if (file->kept != NULL) {
		memcpy(out, file->kept + from, len);
		return true;
	}
	if (read_at(file->fd, file->start + from, out, len, err))
		return true;
	atomic_store(&file->damaged, true);
	return false;
}

bool
crl_file_damaged(const struct crl_file *file)
{
	return file != NULL && atomic_load(&file->damaged);
}

/* ---- gzip ---- */

#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for a gzip header */
#define GZIP_MEMORY 8
#define LARGE_BYTES ((size_t)1 << 20) /* beyond, time counts more than octets */

static void
deflate_clear(z_stream *stream)
{
	(void)deflateEnd(stream);
}
DEFER_DECLARE_CLEAR(z_stream, deflate_clear)

/* What is squeezed, piece by piece. */
struct source {
	struct crl_file *file;
	size_t at;
	uint8_t piece[BUFFER_BYTES];
};

static bool
refill(struct source *from, z_stream *stream, struct error *err)
{
	const size_t left = crl_file_size(from->file) - from->at;
	const size_t len = left < sizeof from->piece ? left : sizeof from->piece;

	if (stream->avail_in > 0 || len == 0)
		return true;
	if (!crl_file_copy(from->file, from->at, from->piece, len, err))
		return false;
	stream->next_in = from->piece;
	stream->avail_in = (uInt)len;
	from->at += len;
	return true;
}

/* Serials are random: half of an entry cannot be compressed, the rest falls to any level. */
static bool
squeeze(z_stream *stream, struct source *from, struct crl_file *to, struct error *err)
{
	DEFER(mem_free) uint8_t *piece = xcalloc(1, BUFFER_BYTES);
	int rc = Z_OK;

	while (rc != Z_STREAM_END) {
		if (!refill(from, stream, err))
			return false;
		stream->next_out = piece;
		stream->avail_out = BUFFER_BYTES;
		rc = deflate(stream, from->at < crl_file_size(from->file) ? Z_NO_FLUSH : Z_FINISH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return error_set(err, E_INTERNAL, "zlib says %d", rc);
		if (!crl_file_append(to, bytes_of(piece, BUFFER_BYTES - stream->avail_out), err))
			return false;
	}
	return true;
}

bool
crl_file_gzip(struct crl_file *file, const char *dir, struct crl_file **out, struct error *err)
{
	const size_t size = crl_file_size(file);
	DEFER(crl_file_free) struct crl_file *made = NULL;
	DEFER(mem_free) struct source *source = xcalloc(1, sizeof *source);
	DEFER(deflate_clear) z_stream stream = {0};

	source->file = file;
	if (deflateInit2(&stream, size > LARGE_BYTES ? Z_BEST_SPEED : Z_DEFAULT_COMPRESSION,
		Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return error_set(err, E_INTERNAL, "zlib does not start");
	if (!crl_file_new(dir, 0, &made, err) || !squeeze(&stream, source, made, err) ||
	    !crl_file_seal(made, err))
		return false;
	*out = crl_file_size(made) < size ? TAKE(made) : NULL;
	return true;
}
