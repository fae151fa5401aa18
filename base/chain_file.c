#include "base/chain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define PIECE_BYTES ((size_t)65536)
#define HASH_TEXT_LEN ((size_t)(2 * SHA256_BYTES))

struct chain_file {
	int fd;
	off_t len; /* of what counts */
	struct chain chain;
};

/* ---- lines ---- */

void
chain_init(struct chain *chain)
{
	memset(chain->hash, '0', HASH_TEXT_LEN);
	chain->hash[HASH_TEXT_LEN] = '\0';
	chain->count = 0;
	chain->damaged = false;
}

static void
hash_line(const char *before, struct bytes text, char out[static HASH_TEXT_LEN + 1])
{
	uint8_t digest[SHA256_BYTES];
	struct sha256 hash;

	sha256_init(&hash);
	sha256_update(&hash, bytes_of(before, HASH_TEXT_LEN));
	sha256_update(&hash, text);
	sha256_final(&hash, digest);
	hex_encode(out, bytes_of(digest, sizeof digest));
}

/* One whole line, without its end. */
static void
take_line(struct chain *chain, struct bytes line, chain_take take, void *context)
{
	char hash[HASH_TEXT_LEN + 1];
	struct bytes text;

	chain->count++;
	if (line.len <= HASH_TEXT_LEN + 1) {
		chain->damaged = true;
		return;
	}
	text = bytes_of(line.data + HASH_TEXT_LEN + 1, line.len - HASH_TEXT_LEN - 1);
	hash_line(chain->hash, text, hash);
	chain->damaged |=
	    memcmp(hash, line.data, HASH_TEXT_LEN) != 0 || line.data[HASH_TEXT_LEN] != ' ';
	memcpy(chain->hash, line.data, HASH_TEXT_LEN); /* the next one follows what is written */
	chain->damaged |= !take(context, text);
}

size_t
chain_read(struct chain *chain, struct bytes octets, chain_take take, void *context)
{
	size_t at = 0;

	while (at < octets.len) {
		const uint8_t *end = memchr(octets.data + at, '\n', octets.len - at);

		if (end == NULL)
			break;
		take_line(chain, bytes_of(octets.data + at, (size_t)(end - (octets.data + at))),
		    take, context);
		at = (size_t)(end - octets.data) + 1;
	}
	return at;
}

void
chain_write(struct chain *chain, struct bytes text, struct buf *out)
{
	char hash[HASH_TEXT_LEN + 1];

	hash_line(chain->hash, text, hash);
	buf_append_text(out, hash);
	buf_append_u8(out, ' ');
	buf_append(out, text);
	buf_append_u8(out, '\n');
	memcpy(chain->hash, hash, sizeof hash);
	chain->count++;
}

/* ---- the file ---- */

static bool
fail(enum error_code code, const char *detail, struct error *err)
{
	(void)error_set(err, code, "%s", detail);
	error_cause_errno(err);
	return false;
}

/* Whatever a failed append, or a crash, left behind the last line. */
static bool
cut(struct chain_file *file)
{
	return ftruncate(file->fd, file->len) == 0 && fsync(file->fd) == 0;
}

static bool
open_file(const char *path, struct chain_file *file, struct error *err)
{
	DEFER(mem_free) char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');

	file->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_DSYNC | O_CLOEXEC | O_NOFOLLOW,
	    S_IRUSR | S_IWUSR);
	if (file->fd < 0)
		return fail(E_FILE_FAILED, "a file of lines cannot be opened", err);
	if (slash == NULL)
		return true;
	*slash = '\0';
	return file_sync_dir(folder, err);
}

/* More than a piece without an end is no line: what is left of it will be none either. */
static size_t
take_piece(struct chain_file *file, struct bytes piece, chain_take take, void *context)
{
	const size_t taken = chain_read(&file->chain, piece, take, context);

	if (taken > 0 || piece.len < PIECE_BYTES)
		return taken;
	file->chain.damaged = true;
	return piece.len;
}

static bool
read_file(struct chain_file *file, chain_take take, void *context, struct error *err)
{
	DEFER(mem_free) uint8_t *piece = xcalloc(1, PIECE_BYTES);
	size_t have = 0, taken;
	ssize_t got = 1;

	while (got > 0) {
		got = pread(file->fd, piece + have, PIECE_BYTES - have, file->len + (off_t)have);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			return fail(E_FILE_FAILED, "a file of lines cannot be read", err);
		else
			have += (size_t)got;
		taken = take_piece(file, bytes_of(piece, have), take, context);
		memmove(piece, piece + taken, have - taken);
		have -= taken;
		file->len += (off_t)taken;
	}
	return have == 0 || cut(file) || fail(E_FILE_FAILED, "a file of lines cannot be cut", err);
}

bool
chain_file_open(
    const char *path, chain_take take, void *context, struct chain_file **out, struct error *err)
{
	DEFER(chain_file_close) struct chain_file *file = xcalloc(1, sizeof *file);

	chain_init(&file->chain);
	if (!open_file(path, file, err) || !read_file(file, take, context, err))
		return false;
	*out = TAKE(file);
	return true;
}

void
chain_file_close(struct chain_file *file)
{
	if (file == NULL)
		return;
	if (file->fd >= 0)
		(void)close(file->fd);
	free(file);
}

bool
chain_file_append(
    struct chain_file *file, const struct bytes *texts, size_t count, struct error *err)
{
	DEFER(buf_clear_public) struct buf lines = {0};
	struct chain after = file->chain;
	ssize_t put;

	for (size_t i = 0; i < count; i++)
		chain_write(&after, texts[i], &lines);
	put = write(file->fd, lines.data, lines.len); /* O_DSYNC */
	if (put != (ssize_t)lines.len) {
		(void)fail(E_RECORD_UNAVAILABLE, "a file of lines cannot be written", err);
		file->chain.damaged |= !cut(file);
		return false;
	}
	file->len += put;
	file->chain = after;
	return true;
}

bool
chain_file_damaged(const struct chain_file *file)
{
	return file->chain.damaged;
}

uint64_t
chain_file_count(const struct chain_file *file)
{
	return file->chain.count;
}

bool
chain_file_empty(struct chain_file *file, struct error *err)
{
	if (ftruncate(file->fd, 0) != 0 || fsync(file->fd) != 0)
		return fail(E_FILE_FAILED, "a file of lines cannot be emptied", err);
	file->len = 0;
	chain_init(&file->chain);
	return true;
}
