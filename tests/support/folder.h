/* folder: an empty folder of its own for one test, removed with all its files at the end. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include "tests/support/cmocka_all.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/defer.h"

struct folder {
	char path[64];
	char file[160]; /* the last answer of folder_file() */
};

__attribute__((unused)) static int
folder_remove_entry(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

__attribute__((unused)) static void
folder_clear(struct folder *folder)
{
	(void)nftw(folder->path, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
DEFER_DECLARE_CLEAR(struct folder, folder_clear)

__attribute__((unused)) static void
folder_init(struct folder *folder)
{
	*folder = (struct folder){.path = "/tmp/moniker-test-XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
}

/* The path of a file in the folder; valid until the next call. */
__attribute__((unused)) static const char *
folder_file(struct folder *folder, const char *name)
{
	(void)snprintf(folder->file, sizeof folder->file, "%s/%s", folder->path, name);
	return folder->file;
}

/* Makes a file with these contents and this mode; the path as folder_file() gives it. */
__attribute__((unused)) static const char *
folder_put(struct folder *folder, const char *name, struct bytes contents, mode_t mode)
{
	const char *path = folder_file(folder, name);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, contents.data, contents.len), contents.len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
	return path;
}

#endif
