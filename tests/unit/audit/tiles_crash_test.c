/*
 * A publication killed with SIGKILL at each of its steps: every call that changes the folder is
 * one. What is there then is proven, and going on gives the same files as if nothing had been.
 *
 *	tiles_crash_test [ROUNDS [SEED]]    so many random kills beside those (20)
 *
 * The linker puts the functions below before the C library's (-Wl,--wrap).
 */
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>

#include "audit/log_folder.h"
#include "audit/tiles.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"

#define ROUNDS 20
#define LEAVES_MAX 1400

/* ---- steps ---- */

#define PATHS_MAX 64

/* Paths that wait for something; folders that are not synced, files that are. */
struct paths {
	char at[PATHS_MAX][PATH_MAX];
	size_t count;
};

static struct {
	long left;  /* steps until it is killed; below 0: never */
	long count; /* steps so far */
	bool trace;
	struct paths dirty_folders, synced_files;
} steps = {.left = -1};

static void
step(void)
{
	steps.count++;
	if (steps.left >= 0 && steps.left-- == 0)
		(void)kill(getpid(), SIGKILL);
}

static void
paths_add(struct paths *paths, const char *path)
{
	assert_true(paths->count < PATHS_MAX);
	(void)snprintf(paths->at[paths->count++], PATH_MAX, "%s", path);
}

static bool
paths_remove(struct paths *paths, const char *path)
{
	bool found = false;

	for (size_t i = 0; i < paths->count;) {
		if (strcmp(paths->at[i], path) != 0) {
			i++;
			continue;
		}
		found = true;
		paths->count--;
		memmove(paths->at[i], paths->at[paths->count], PATH_MAX);
	}
	return found;
}

static void
soil_folder_of(const char *path)
{
	char folder[PATH_MAX];

	(void)snprintf(folder, sizeof folder, "%s", path);
	*strrchr(folder, '/') = '\0';
	if (strstr(path, "/.new") == NULL)
		paths_add(&steps.dirty_folders, folder);
}

int __real_rename(const char *from, const char *to);
ssize_t __real_write(int fd, const void *octets, size_t len);
int __real_mkdir(const char *path, mode_t mode);
int __real_unlinkat(int fd, const char *path, int flags);
int __real_rmdir(const char *path);
int __wrap_rename(const char *from, const char *to);
int __wrap_fsync(int fd);
ssize_t __wrap_write(int fd, const void *octets, size_t len);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_unlinkat(int fd, const char *path, int flags);
int __wrap_rmdir(const char *path);

/* What a loss of power would need: nothing is moved that is not synced, and the checkpoint comes
 * when all folders are. */
int
__wrap_rename(const char *from, const char *to)
{
	step();
	if (steps.trace) {
		assert_true(paths_remove(&steps.synced_files, from));
		if (strstr(to, "/checkpoint") != NULL)
			assert_int_equal(steps.dirty_folders.count, 0);
		soil_folder_of(to);
	}
	return __real_rename(from, to);
}

int
__wrap_fsync(int fd)
{
	char link[64], path[PATH_MAX];
	struct stat status;
	ssize_t len;

	step();
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof path - 1);
	if (steps.trace && len > 0 && fstat(fd, &status) == 0) {
		path[len] = '\0';
		if (S_ISDIR(status.st_mode))
			(void)paths_remove(&steps.dirty_folders, path);
		else
			paths_add(&steps.synced_files, path);
	}
	return 0; /* a kill takes nothing from the kernel, and the disk has better to do */
}

/* Half of it first: a torn write is a step, too. */
ssize_t
__wrap_write(int fd, const void *octets, size_t len)
{
	if (len > 1 && fd > STDERR_FILENO) {
		step();
		len = len / 2;
	}
	return __real_write(fd, octets, len);
}

int
__wrap_mkdir(const char *path, mode_t mode)
{
	int result;

	step();
	result = __real_mkdir(path, mode);
	if (steps.trace && result == 0)
		soil_folder_of(path);
	return result;
}

int
__wrap_unlinkat(int fd, const char *path, int flags)
{
	step();
	return __real_unlinkat(fd, path, flags);
}

int
__wrap_rmdir(const char *path)
{
	step();
	return __real_rmdir(path);
}

/* ---- rounds ---- */

static struct signed_log log_of_all;

static void
publish_or_die(const char *folder, size_t size)
{
	const struct tiles_source source = signed_log_source(&log_of_all);
	DEFER(tiles_free) struct tiles *tiles = NULL;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	signed_log_note(&log_of_all, size, &note);
	if (!tiles_open(folder, SIGNED_LOG_ORIGIN, &source, &tiles, &err) ||
	    !tiles_publish(tiles, buf_bytes(&note), &err))
		_exit(1);
}

/* Publishes in a process that is killed after `left` steps; how many it took, or -1: killed. */
static long
publish_in_child(const char *folder, size_t size, long left)
{
	int status = 0;
	int ends[2];
	long count = -1;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		steps.left = left;
		steps.count = 0;
		publish_or_die(folder, size);
		steps.left = -1;
		_exit(__real_write(ends[1], &steps.count, sizeof steps.count) == sizeof steps.count
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)close(ends[1]);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGKILL);
	else {
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_int_equal(read(ends[0], &count, sizeof count), sizeof count);
	}
	(void)close(ends[0]);
	return count;
}

static uint64_t
judge(const char *folder)
{
	const struct tile_files files = log_folder_files(folder);

	return signed_log_judge(&log_of_all, &files);
}

/* From one size to another, killed at every step, and then once more without. */
static void
kill_at_every_step(size_t from, size_t to)
{
	long killed = 0;

	for (long left = 0;; left++) {
		DEFER(folder_clear) struct folder folder;
		uint64_t size;

		folder_init(&folder);
		if (from > 0)
			publish_or_die(folder.path, from);
		if (publish_in_child(folder.path, to, left) >= 0)
			break;
		killed++;
		size = judge(folder.path);
		assert_true(size == from || size == to);
		publish_or_die(folder.path, to);
		assert_int_equal(judge(folder.path), to);
	}
	assert_true(killed > 8);
}

static void
a_kill_at_any_step_leaves_what_verifies(void **state)
{
	static const size_t WAYS[][2] = {{0, 3}, {255, 300}, {300, 520}, {300, 300}};

	(void)state;
	for (size_t i = 0; i < COUNT(WAYS); i++)
		kill_at_every_step(WAYS[i][0], WAYS[i][1]);
}

static int rounds = ROUNDS;
static unsigned seed = 1;

/* One folder that is killed again and again while its log grows. */
static void
random_kills_lose_nothing(void **state)
{
	DEFER(folder_clear) struct folder folder;
	uint64_t size = 0;
	size_t target = 0;
	int killed = 0;

	(void)state;
	folder_init(&folder);
	srand(seed);
	while (killed < rounds) {
		target += (size_t)(rand() % 90); /* NOLINT: to be repeated by its seed */
		target = target > LEAVES_MAX ? LEAVES_MAX : target;
		if (target == LEAVES_MAX) { /* another log */
			folder_clear(&folder);
			folder_init(&folder);
			target = size = 0;
			continue;
		}
		if (publish_in_child(folder.path, target, rand() % 24) < 0) /* NOLINT */
			killed++;
		assert_true(judge(folder.path) >= size);
		size = judge(folder.path);
	}
	publish_or_die(folder.path, LEAVES_MAX);
	assert_int_equal(judge(folder.path), LEAVES_MAX);
}

static void
the_checkpoint_comes_when_all_else_is_durable(void **state)
{
	static const size_t SIZES[] = {1, 2, 255, 256, 257, 900, LEAVES_MAX};
	DEFER(folder_clear) struct folder folder;

	(void)state;
	folder_init(&folder);
	steps.trace = true;
	for (size_t i = 0; i < COUNT(SIZES); i++)
		publish_or_die(folder.path, SIZES[i]);
	steps.trace = false;
	assert_int_equal(judge(folder.path), LEAVES_MAX);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_kill_at_any_step_leaves_what_verifies),
	    cmocka_unit_test(random_kills_lose_nothing),
	    cmocka_unit_test(the_checkpoint_comes_when_all_else_is_durable),
	};
	int failed;

	rounds = argc > 1 ? atoi(argv[1]) : ROUNDS;
	seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
	signed_log_init(&log_of_all);
	signed_log_grow(&log_of_all, LEAVES_MAX);
	failed = cmocka_run_group_tests_name("audit/tiles_crash", tests, NULL, NULL);
	signed_log_clear(&log_of_all);
	return failed;
}
