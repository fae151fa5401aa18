#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/mem.h"

struct secret {
	uint8_t *data; /* guarded, locked, read-only */
	size_t len;
};

static struct secret *
make(size_t len)
{
	struct secret *secret = xcalloc(1, sizeof *secret);

	if (sodium_init() < 0)
		abort();
	secret->len = len;
	secret->data = sodium_malloc(len > 0 ? len : 1);
	if (secret->data == NULL)
		abort();
	return secret;
}

static void
seal(struct secret *secret)
{
	if (sodium_mprotect_readonly(secret->data) != 0)
		abort();
}

struct secret *
secret_new(struct bytes octets)
{
	struct secret *secret = make(octets.len);

	if (octets.len > 0)
		memcpy(secret->data, octets.data, octets.len);
	seal(secret);
	return secret;
}

struct secret *
secret_random(size_t len)
{
	struct secret *secret = make(len);

	randombytes_buf(secret->data, len);
	seal(secret);
	return secret;
}

struct bytes
secret_bytes(const struct secret *secret)
{
	return bytes_of(secret->data, secret->len);
}

bool
secret_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || sodium_memcmp(a.data, b.data, a.len) == 0);
}

void
secret_free(struct secret *secret)
{
	if (secret == NULL)
		return;
	sodium_free(secret->data); /* wipes */
	free(secret);
}

/* Reads to the end of `fd`, or until `out` is full. */
static bool
read_octets(int fd, uint8_t *out, size_t out_len, size_t *out_got, struct error *err)
{
	size_t len = 0;

	while (len < out_len) {
		const ssize_t got = read(fd, out + len, out_len - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			(void)error_set(err, E_FILE_FAILED, "cannot read the secret");
			error_cause_errno(err);
			return false;
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*out_got = len;
	return true;
}

bool
secret_read_fd(int fd, struct secret **out, struct error *err)
{
	uint8_t octets[SECRET_FILE_MAX + 1]; /* one more, to see that there is more */
	size_t len = 0;
	bool done = read_octets(fd, octets, sizeof octets, &len, err);

	if (done && len > 0 && len <= SECRET_FILE_MAX && octets[len - 1] == '\n')
		len--;
	if (done && (len == 0 || len > SECRET_FILE_MAX))
		done = error_set(err, E_FILE_FAILED, "a secret is 1 to %d octets", SECRET_FILE_MAX);
	if (done)
		*out = secret_new(bytes_of(octets, len));
	sodium_memzero(octets, sizeof octets);
	return done;
}

bool
secret_read_file(const char *path, struct secret **out, struct error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	bool done;

	if (fd < 0) {
		(void)error_set(err, E_FILE_FAILED, "cannot open %s", path);
		error_cause_errno(err);
		return false;
	}
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		done = error_set(err, E_FILE_FAILED, "%s is not a regular file", path);
	else if ((status.st_mode & 077) != 0)
		done = error_set(
		    err, E_FILE_FAILED, "%s must not be open to others (chmod 400)", path);
	else
		done = secret_read_fd(fd, out, err);
	(void)close(fd);
	return done;
}

void
secret_process_init(void)
{
	const struct rlimit none = {0, 0};

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}
