#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"

static bool
fail(struct error *err, const char *what, const char *path)
{
	(void)error_set(err, E_FILE_FAILED, "cannot %s %s", what, path);
	error_cause_errno(err);
	return false;
}

/* Appends what `fd` holds, at most `len` octets: a file that grows meanwhile is read as it was. */
static bool
read_all(int fd, size_t len, struct buf *out)
{
	const size_t start = out->len;
	uint8_t *at = buf_extend(out, len);
	size_t done = 0;

	while (done < len) {
		const ssize_t got = read(fd, at + done, len - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			buf_truncate(out, start);
			return false;
		}
		if (got == 0)
			break;
		done += (size_t)got;
	}
	buf_truncate(out, start + done);
	return true;
}

bool
file_read(const char *path, size_t len_max, struct buf *out, struct error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	bool done;

	if (fd < 0)
		return fail(err, "open", path);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
	    (size_t)status.st_size > len_max) {
		(void)close(fd);
		return error_set(err, E_FILE_FAILED,
		    "%s is not a regular file of at most %zu octets", path, len_max);
	}
	done = read_all(fd, (size_t)status.st_size, out);
	(void)close(fd);
	return done || fail(err, "read", path);
}

static bool
write_all(int fd, struct bytes contents)
{
	while (contents.len > 0) {
		const ssize_t put = write(fd, contents.data, contents.len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		contents = bytes_of(contents.data + put, contents.len - (size_t)put);
	}
	return true;
}

static bool
sync_dir(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const bool done = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd);
	return done;
}

/* The rename itself must survive a crash. */
static bool
sync_folder(const char *path)
{
	DEFER(mem_free) char *copy = xstrdup(path);

	return sync_dir(dirname(copy));
}

bool
file_sync_dir(const char *path, struct error *err)
{
	return sync_dir(path) || fail(err, "sync the folder", path);
}

bool
file_stage(const char *path, struct bytes contents, mode_t mode, struct error *err)
{
	const int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	bool done;

	if (fd < 0)
		return fail(err, "create", path);
	done = fchmod(fd, mode) == 0 && write_all(fd, contents) && fsync(fd) == 0;
	done = close(fd) == 0 && done;
	return done || fail(err, "write", path);
}

/* Root writes in other users' folders: whoever reads the file now can read it afterwards. */
static bool
keep_owner(int fd, const char *path)
{
	struct stat status;

	return geteuid() != 0 || lstat(path, &status) != 0 || !S_ISREG(status.st_mode) ||
	       fchown(fd, status.st_uid, status.st_gid) == 0;
}

bool
file_write(const char *path, struct bytes contents, mode_t mode, struct error *err)
{
	DEFER(buf_clear_public) struct buf temporary = {0};
	int fd;
	bool done;

	buf_append_format(&temporary, "%s.XXXXXX", path);
	(void)buf_text(&temporary);
	fd = mkostemp((char *)temporary.data, O_CLOEXEC);
	if (fd < 0)
		return fail(err, "create", buf_text(&temporary));
	done = keep_owner(fd, path) && fchmod(fd, mode) == 0 && write_all(fd, contents) &&
	       fsync(fd) == 0;
	done = close(fd) == 0 && done;
	if (done && rename(buf_text(&temporary), path) == 0 && sync_folder(path))
		return true;
	(void)fail(err, "write", path);
	(void)unlink(buf_text(&temporary));
	return false;
}

bool
file_room(const char *path, int64_t *out_bytes)
{
	struct statvfs room;

	if (statvfs(path, &room) != 0)
		return false;
	*out_bytes = (int64_t)room.f_bavail * (int64_t)room.f_frsize;
	return true;
}

bool
file_make_dir(const char *path, mode_t mode, struct error *err)
{
	DEFER(mem_free) char *copy = xstrdup(path);
	struct stat status;

	if (*path == '\0')
		return error_set(err, E_FILE_FAILED, "a folder without a name");
	for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = '\0';
	/* Parents that we make are readable by all, as the mode is for the last folder. */
	for (char *slash = copy + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
		*slash = '\0';
		if (mkdir(copy, 0755) != 0 && errno != EEXIST)
			return fail(err, "make the folder", copy);
	}
	if (mkdir(copy, mode) == 0)
		return chmod(copy, mode) == 0 || fail(err, "set the mode of", copy);
	if (errno == EEXIST && stat(copy, &status) == 0 && S_ISDIR(status.st_mode))
		return true;
	return fail(err, "make the folder", copy);
}
