/* captured: a file of the test's own, and what a piece of code writes to standard error. */
#ifndef TESTS_UNIT_BASE_CAPTURED_H
#define TESTS_UNIT_BASE_CAPTURED_H

#include "tests/support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define SCRATCH_PATH "/tmp/moniker-base-XXXXXX"

/* A new file with these octets; its name goes to `path`. The caller unlinks it. */
__attribute__((unused)) static void
scratch_file(char path[static sizeof SCRATCH_PATH], struct bytes contents)
{
	int fd;

	memcpy(path, SCRATCH_PATH, sizeof SCRATCH_PATH);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, contents.data, contents.len), (ssize_t)contents.len);
	assert_int_equal(close(fd), 0);
}

/* A new folder; its name goes to `path`. The caller removes it. */
__attribute__((unused)) static void
scratch_folder(char path[static sizeof SCRATCH_PATH])
{
	memcpy(path, SCRATCH_PATH, sizeof SCRATCH_PATH);
	assert_non_null(mkdtemp(path));
}

struct capture {
	int old_fd;
	char path[sizeof SCRATCH_PATH];
};

__attribute__((unused)) static struct capture
capture_begin(void)
{
	struct capture capture = {.path = SCRATCH_PATH};
	const int fd = mkstemp(capture.path);

	assert_true(fd >= 0);
	capture.old_fd = dup(STDERR_FILENO);
	assert_true(capture.old_fd >= 0);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	(void)close(fd);
	return capture;
}

/* Puts standard error back and gives what was written to it, NUL-terminated. */
__attribute__((unused)) static size_t
capture_end(const struct capture *capture, char *out, size_t out_len)
{
	ssize_t got;

	assert_int_equal(lseek(STDERR_FILENO, 0, SEEK_SET), 0);
	got = read(STDERR_FILENO, out, out_len - 1);
	assert_int_equal(dup2(capture->old_fd, STDERR_FILENO), STDERR_FILENO);
	(void)close(capture->old_fd);
	(void)unlink(capture->path);
	assert_true(got >= 0);
	out[got] = '\0';
	return (size_t)got;
}

#endif
