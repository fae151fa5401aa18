#include "captured.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/secret.h"

static void
a_secret_holds_a_copy(void **state)
{
	char octets[] = "passphrase";
	DEFER(secret_free) struct secret *secret = secret_new(bytes_of(octets, 10));

	(void)state;
	memset(octets, 0, sizeof octets);
	assert_true(secret_equal(secret_bytes(secret), bytes_of_text("passphrase")));
	secret_free(NULL);
}

static void
random_secrets_have_their_length_and_differ(void **state)
{
	DEFER(secret_free) struct secret *a = secret_random(32);
	DEFER(secret_free) struct secret *b = secret_random(32);
	DEFER(secret_free) struct secret *none = secret_random(0);

	(void)state;
	assert_int_equal(secret_bytes(a).len, 32);
	assert_int_equal(secret_bytes(none).len, 0);
	assert_false(secret_equal(secret_bytes(a), secret_bytes(b)));
}

static void
only_equal_octets_are_equal(void **state)
{
	(void)state;
	assert_true(secret_equal((struct bytes){0}, (struct bytes){0}));
	assert_true(secret_equal(bytes_of_text("abc"), bytes_of_text("abc")));
	assert_false(secret_equal(bytes_of_text("abc"), bytes_of_text("abd")));
	assert_false(secret_equal(bytes_of_text("abc"), bytes_of_text("abcd")));
	assert_false(secret_equal(bytes_of_text("abc"), (struct bytes){0}));
}

/* Writes to the octet in a child; the signal that ended it, or 0. */
static int
signal_of_write(const uint8_t *at)
{
	const pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit none = {0, 0};

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would report and exit */
		*(volatile uint8_t *)(uintptr_t)at = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
a_filled_secret_can_be_neither_changed_nor_overrun(void **state)
{
	DEFER(secret_free) struct secret *secret = secret_random(16);

	(void)state;
	assert_int_equal(signal_of_write(secret_bytes(secret).data), SIGSEGV);
	assert_int_equal(signal_of_write(secret_bytes(secret).data + 16), SIGSEGV);
}

/* clang-format off */
static const struct file { const char *why; size_t len; bool newline; mode_t mode; size_t want_len; } FILES[] = {
	{"a passphrase",           5,                   false, 0400, 5},
	{"its newline is cut",     5,                   true,  0600, 5},
	{"the longest",            SECRET_FILE_MAX,     false, 0600, SECRET_FILE_MAX},
	{"the longest, newline",   SECRET_FILE_MAX - 1, true,  0600, SECRET_FILE_MAX - 1},
	{"too long",               SECRET_FILE_MAX + 1, false, 0600, 0},
	{"much too long",          20000,               false, 0600, 0},
	{"too long by its newline", SECRET_FILE_MAX,    true,  0600, 0},
	{"empty",                  0,                   false, 0600, 0},
	{"only a newline",         0,                   true,  0600, 0},
	{"open to the group",      5,                   false, 0640, 0},
	{"open to all",            5,                   false, 0604, 0},
	{"writable by all",        5,                   false, 0602, 0},
};
/* clang-format on */

static void
a_file_is_taken_when_it_is_short_and_private(void **state)
{
	char octets[20001];

	(void)state;
	memset(octets, 'p', sizeof octets);
	for (size_t i = 0; i < COUNT(FILES); i++) {
		DEFER(secret_free) struct secret *secret = NULL;
		char path[sizeof SCRATCH_PATH];
		struct error err = {0};
		bool read;

		octets[FILES[i].len] = FILES[i].newline ? '\n' : 'p';
		scratch_file(path, bytes_of(octets, FILES[i].len + FILES[i].newline));
		octets[FILES[i].len] = 'p';
		assert_int_equal(chmod(path, FILES[i].mode), 0);
		read = secret_read_file(path, &secret, &err);
		(void)unlink(path);
		if (read != (FILES[i].want_len > 0))
			fail_msg("%s", FILES[i].why);
		if (read)
			assert_int_equal(secret_bytes(secret).len, FILES[i].want_len);
		else
			assert_int_equal(err.code, E_FILE_FAILED);
	}
}

static void
only_one_newline_is_cut(void **state)
{
	DEFER(secret_free) struct secret *secret = NULL;
	char path[sizeof SCRATCH_PATH];
	struct error err = {0};

	(void)state;
	scratch_file(path, bytes_of_text(" a \n\n"));
	assert_true(secret_read_file(path, &secret, &err));
	(void)unlink(path);
	assert_true(secret_equal(secret_bytes(secret), bytes_of_text(" a \n")));
}

static void
missing_files_folders_pipes_and_devices_are_refused(void **state)
{
	char folder[sizeof SCRATCH_PATH];
	char fifo[sizeof SCRATCH_PATH + 8];
	const char *const paths[] = {folder, fifo, "/dev/zero", "/nonexistent/secret"};
	struct secret *secret = NULL;

	(void)state;
	scratch_folder(folder);
	(void)snprintf(fifo, sizeof fifo, "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct error err = {0};

		assert_false(secret_read_file(paths[i], &secret, &err));
		assert_int_equal(err.code, E_FILE_FAILED);
		assert_null(secret);
	}
	(void)unlink(fifo);
	(void)rmdir(folder);
}

static void
a_pipe_is_read_to_its_end(void **state)
{
	DEFER(secret_free) struct secret *secret = NULL;
	struct error err = {0};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "ab", 2), 2);
	assert_int_equal(write(ends[1], "c\n", 2), 2);
	(void)close(ends[1]);
	assert_true(secret_read_fd(ends[0], &secret, &err));
	(void)close(ends[0]);
	assert_true(secret_equal(secret_bytes(secret), bytes_of_text("abc")));

	assert_false(secret_read_fd(-1, &secret, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
	assert_string_equal(err.cause, "Bad file descriptor");
}

static void
a_protected_process_dumps_nothing(void **state)
{
	const pid_t child = fork();
	int status = -1;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit core = {1, 1};

		secret_process_init();
		_exit(prctl(PR_GET_DUMPABLE) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
			      core.rlim_max == 0
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_secret_holds_a_copy),
	    cmocka_unit_test(random_secrets_have_their_length_and_differ),
	    cmocka_unit_test(only_equal_octets_are_equal),
	    cmocka_unit_test(a_filled_secret_can_be_neither_changed_nor_overrun),
	    cmocka_unit_test(a_file_is_taken_when_it_is_short_and_private),
	    cmocka_unit_test(only_one_newline_is_cut),
	    cmocka_unit_test(missing_files_folders_pipes_and_devices_are_refused),
	    cmocka_unit_test(a_pipe_is_read_to_its_end),
	    cmocka_unit_test(a_protected_process_dumps_nothing),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
