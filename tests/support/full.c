/*
 * full: preloaded into PostgreSQL where no small disk can be mounted: while the file named by
 * FULL_WHEN is there, a write that makes a file longer finds no room.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

static bool
finds_no_room(int fd, size_t len, off_t at)
{
	const char *when = getenv("FULL_WHEN");
	struct stat status;

	return when != NULL && access(when, F_OK) == 0 && fstat(fd, &status) == 0 &&
	       S_ISREG(status.st_mode) && at + (off_t)len > status.st_size;
}

static size_t
length_of(const struct iovec *parts, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += parts[i].iov_len;
	return len;
}

static ssize_t
fail(void)
{
	errno = ENOSPC;
	return -1;
}

ssize_t
pwrite(int fd, const void *octets, size_t len, off_t at)
{
	return finds_no_room(fd, len, at) ? fail() : NEXT(pwrite)(fd, octets, len, at);
}

ssize_t
pwrite64(int fd, const void *octets, size_t len, off64_t at)
{
	return finds_no_room(fd, len, at) ? fail() : NEXT(pwrite64)(fd, octets, len, at);
}

ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
	return finds_no_room(fd, length_of(parts, count), at) ? fail()
							      : NEXT(pwritev)(fd, parts, count, at);
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
	return finds_no_room(fd, length_of(parts, count), at)
		   ? fail()
		   : NEXT(pwritev64)(fd, parts, count, at);
}
