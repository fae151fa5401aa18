#include "base/chain_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "tests/support/folder.h"

struct texts {
	char at[8][64];
	size_t count;
};

static bool
take(void *context, struct bytes text)
{
	struct texts *texts = context;
	const size_t room = sizeof texts->at[0] - 1;
	const size_t len = text.len < room ? text.len : room;

	assert_true(texts->count < COUNT(texts->at));
	memcpy(texts->at[texts->count], text.data, len);
	texts->at[texts->count++][len] = '\0';
	return text.data[0] != '!';
}

static struct chain_file *
open_file(const char *path, struct texts *texts)
{
	struct chain_file *file = NULL;
	struct error err = {0};

	*texts = (struct texts){0};
	assert_true(chain_file_open(path, take, texts, &file, &err));
	return file;
}

static void
append(struct chain_file *file, const char *a, const char *b)
{
	const struct bytes texts[] = {bytes_of_text(a), bytes_of_text(b == NULL ? "" : b)};
	struct error err = {0};

	assert_true(chain_file_append(file, texts, b == NULL ? 1 : 2, &err));
}

static off_t
size_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_size;
}

static void
lines_come_back_in_order(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(chain_file_close) struct chain_file *file = NULL;
	struct texts texts;
	const char *path;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "lines");
	file = open_file(path, &texts);
	append(file, "one", "two");
	append(file, "three", NULL);
	chain_file_close(TAKE(file));
	file = open_file(path, &texts);
	assert_int_equal(texts.count, 3);
	assert_string_equal(texts.at[0], "one");
	assert_string_equal(texts.at[1], "two");
	assert_string_equal(texts.at[2], "three");
	assert_false(chain_file_damaged(file));
	append(file, "four", NULL); /* the chain goes on */
	chain_file_close(TAKE(file));
	file = open_file(path, &texts);
	assert_int_equal(texts.count, 4);
	assert_false(chain_file_damaged(file));
}

static void
a_line_that_was_cut_is_none(void **state)
{
	DEFER(folder_clear) struct folder folder;
	struct texts texts;
	const char *path;
	off_t one, two;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "lines");
	chain_file_close(open_file(path, &texts));
	for (off_t cut = 1; cut < 64 + 1 + 3 + 1; cut++) {
		DEFER(chain_file_close) struct chain_file *file = open_file(path, &texts);
		struct error err = {0};

		assert_true(chain_file_empty(file, &err));
		append(file, "one", NULL);
		one = size_of(path);
		append(file, "two", NULL);
		two = size_of(path);
		chain_file_close(TAKE(file));
		assert_int_equal(truncate(path, two - cut), 0);
		file = open_file(path, &texts);
		assert_int_equal(texts.count, 1);
		assert_int_equal(size_of(path), one);
		assert_false(chain_file_damaged(file));
	}
}

static void
every_changed_bit_is_damage_and_hides_no_other_line(void **state)
{
	DEFER(folder_clear) struct folder folder;
	struct texts texts;
	const char *path;
	off_t size;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "lines");
	{
		DEFER(chain_file_close) struct chain_file *file = open_file(path, &texts);

		append(file, "one", "two");
	}
	size = size_of(path);
	for (off_t at = 0; at < size - 1; at++) { /* without the last end it is a cut line */
		DEFER(chain_file_close) struct chain_file *file = NULL;
		const int fd = open(path, O_RDWR | O_CLOEXEC);
		uint8_t octet;

		assert_int_equal(pread(fd, &octet, 1, at), 1);
		octet ^= 1;
		assert_int_equal(pwrite(fd, &octet, 1, at), 1);
		file = open_file(path, &texts);
		assert_true(chain_file_damaged(file));
		octet ^= 1;
		assert_int_equal(pwrite(fd, &octet, 1, at), 1);
		assert_int_equal(close(fd), 0);
	}
}

static void
what_counts_for_nothing_is_damage(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(chain_file_close) struct chain_file *file = NULL;
	struct texts texts;

	(void)state;
	folder_init(&folder);
	file = open_file(folder_file(&folder, "lines"), &texts);
	append(file, "!one", "two");
	chain_file_close(TAKE(file));
	file = open_file(folder_file(&folder, "lines"), &texts);
	assert_true(chain_file_damaged(file));
	assert_int_equal(texts.count, 2);
}

/* Longer than what is read at once, and without an end: nothing is taken, and memory is bounded. */
static void
a_line_without_an_end_is_damage(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(chain_file_close) struct chain_file *file = NULL;
	DEFER(mem_free) uint8_t *octets = xcalloc(1, 200000);
	struct texts texts;
	const char *path;

	(void)state;
	folder_init(&folder);
	memset(octets, 'x', 200000);
	octets[150000] = '\n';
	path = folder_put(&folder, "lines", bytes_of(octets, 200000), 0600);
	file = open_file(path, &texts);
	assert_true(chain_file_damaged(file));
	append(file, "one", NULL);
	chain_file_close(TAKE(file));
	file = open_file(path, &texts);
	assert_non_null(file);
	assert_string_equal(texts.at[texts.count - 1], "one");
}

static void
what_cannot_be_written_is_not_there(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(chain_file_close) struct chain_file *file = NULL;
	const struct bytes two[] = {bytes_of_text("two"), bytes_of_text("three")};
	struct rlimit before, limit;
	struct error err = {0};
	struct texts texts;
	const char *path;
	off_t size;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "lines");
	file = open_file(path, &texts);
	append(file, "one", NULL);
	size = size_of(path);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)size + 80; /* the first of both has room */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_false(chain_file_append(file, two, COUNT(two), &err));
	assert_int_equal(err.code, E_RECORD_UNAVAILABLE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(size_of(path), size);
	assert_false(chain_file_damaged(file));
	append(file, "two", NULL);
	chain_file_close(TAKE(file));
	file = open_file(path, &texts);
	assert_int_equal(texts.count, 2);
	assert_false(chain_file_damaged(file));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_come_back_in_order),
	    cmocka_unit_test(a_line_that_was_cut_is_none),
	    cmocka_unit_test(every_changed_bit_is_damage_and_hides_no_other_line),
	    cmocka_unit_test(what_counts_for_nothing_is_damage),
	    cmocka_unit_test(a_line_without_an_end_is_damage),
	    cmocka_unit_test(what_cannot_be_written_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
