#include "audit/log_folder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#define NAME_MAX_LEN 128

static bool
read_file(void *context, const char *path, size_t len_max, struct buf *out, bool *out_found,
    struct error *err)
{
	const char *folder = context;
	char name[PATH_MAX];
	const int len = snprintf(name, sizeof name, "%s/%s", folder, path);

	if (len < 0 || (size_t)len >= sizeof name)
		return error_set(err, E_FILE_FAILED, "the path of a log's file is too long");
	*out_found = access(name, F_OK) == 0;
	if (!*out_found && errno != ENOENT && errno != ENOTDIR) {
		(void)error_set(err, E_FILE_FAILED, "cannot look for %s", path);
		error_cause_errno(err);
		return false;
	}
	return !*out_found || file_read(name, len_max, out, err);
}

struct tile_files
log_folder_files(const char *folder)
{
	/* The reader changes nothing; the context of other files may. */
	return (struct tile_files){(void *)(uintptr_t)folder, read_file};
}

bool
log_folder_name_valid(const char *name)
{
	static const char ALLOWED[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const size_t len = strspn(name, ALLOWED);

	return len > 0 && len <= NAME_MAX_LEN && name[len] == '\0' && name[0] != '.';
}
