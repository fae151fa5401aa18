#include "cmd/process_lock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/settings.h"

/* The folder is another user's: its links are not followed. */
#define FLAGS (O_CLOEXEC | O_NOFOLLOW)

bool
process_lock_take(const char *keeper_dir, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(keeper_dir, "lock");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const int fd = open(path, O_RDWR | O_CREAT | FLAGS, 0600); /* stays open: the lock is it */

	if (fd < 0)
		return error_set(err, E_FILE_FAILED, "cannot open %s", path);
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return true;
	(void)close(fd);
	return error_set(
	    err, E_STATE_CONFLICT, "another process runs with the keys in %s", keeper_dir);
}

pid_t
process_lock_holder(const char *keeper_dir)
{
	DEFER(mem_free) char *path = settings_path(keeper_dir, "lock");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const int fd = open(path, O_RDWR | FLAGS);
	const bool asked = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0;

	if (fd >= 0)
		(void)close(fd);
	/* A holder in another process namespace is 0 or -1. */
	return asked && lock.l_type != F_UNLCK && lock.l_pid > 0 ? lock.l_pid : 0;
}
