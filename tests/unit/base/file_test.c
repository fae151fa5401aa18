#include "captured.h"

#include <sys/stat.h>

#include "base/file.h"

static void
what_is_written_is_read_back_with_its_exact_mode(void **state)
{
	DEFER(buf_clear) struct buf out = {0};
	char folder[sizeof SCRATCH_PATH];
	char path[sizeof SCRATCH_PATH + 8];
	struct error err = {0};
	struct stat status;
	const mode_t mask = umask(077);

	(void)state;
	scratch_folder(folder);
	(void)snprintf(path, sizeof path, "%s/file", folder);
	assert_true(file_write(path, bytes_of_text("old and longer"), 0600, &err));
	assert_true(file_write(path, bytes_of_text("new"), 0644, &err));
	(void)umask(mask);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	buf_append_text(&out, "kept ");
	assert_true(file_read(path, 3, &out, &err));
	assert_string_equal(buf_text(&out), "kept new");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0); /* empty: no temporary file is left */
}

static void
a_failed_write_leaves_no_temporary_file(void **state)
{
	char folder[sizeof SCRATCH_PATH];
	char path[sizeof SCRATCH_PATH + 8];
	struct error err = {0};

	(void)state;
	scratch_folder(folder);
	(void)snprintf(path, sizeof path, "%s/sub", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(
	    file_write(path, bytes_of_text("x"), 0600, &err)); /* a folder is in its place */
	assert_int_equal(err.code, E_FILE_FAILED);
	assert_true(strlen(err.cause) > 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);

	err = (struct error){0};
	assert_false(file_write(path, bytes_of_text("x"), 0600, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
}

static void
writing_replaces_a_link_and_not_what_it_points_to(void **state)
{
	DEFER(buf_clear) struct buf out = {0};
	char target[sizeof SCRATCH_PATH];
	char link_path[sizeof SCRATCH_PATH + 8];
	struct error err = {0};

	(void)state;
	scratch_file(target, bytes_of_text("untouched"));
	(void)snprintf(link_path, sizeof link_path, "%s.link", target);
	assert_int_equal(symlink(target, link_path), 0);
	assert_true(file_write(link_path, bytes_of_text("mine"), 0600, &err));
	assert_true(file_read(target, 100, &out, &err));
	assert_string_equal(buf_text(&out), "untouched");
	(void)unlink(link_path);
	(void)unlink(target);
}

static void
a_file_longer_than_its_bound_is_refused(void **state)
{
	DEFER(buf_clear) struct buf out = {0};
	char path[sizeof SCRATCH_PATH];
	struct error err = {0};

	(void)state;
	scratch_file(path, bytes_of_text("12345"));
	assert_true(file_read(path, 5, &out, &err));
	assert_false(file_read(path, 4, &out, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
	assert_int_equal(out.len, 5);
	(void)unlink(path);
}

static void
an_empty_file_gives_nothing(void **state)
{
	DEFER(buf_clear) struct buf out = {0};
	char path[sizeof SCRATCH_PATH];
	struct error err = {0};

	(void)state;
	scratch_file(path, (struct bytes){0});
	assert_true(file_read(path, 0, &out, &err));
	assert_int_equal(out.len, 0);
	(void)unlink(path);
}

static void
folders_pipes_devices_and_missing_files_cannot_be_read(void **state)
{
	DEFER(buf_clear) struct buf out = {0};
	char folder[sizeof SCRATCH_PATH];
	char fifo[sizeof SCRATCH_PATH + 8];
	const char *const paths[] = {folder, fifo, "/dev/zero", "/nonexistent/file", ""};

	(void)state;
	scratch_folder(folder);
	(void)snprintf(fifo, sizeof fifo, "%s/fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct error err = {0};

		assert_false(file_read(paths[i], 1000, &out, &err));
		assert_int_equal(err.code, E_FILE_FAILED);
		assert_int_equal(out.len, 0);
	}
	(void)unlink(fifo);
	(void)rmdir(folder);
}

static void
folders_are_made_with_their_parents_and_may_be_there(void **state)
{
	char folder[sizeof SCRATCH_PATH];
	char path[sizeof SCRATCH_PATH + 16];
	struct error err = {0};
	struct stat status;

	(void)state;
	scratch_folder(folder);
	(void)snprintf(path, sizeof path, "%s/a/b/", folder);
	for (int i = 0; i < 2; i++)
		assert_true(file_make_dir(path, 0700, &err));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(rmdir(path), 0);
	(void)snprintf(path, sizeof path, "%s/a", folder);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_true(file_make_dir("/", 0755, &err));
}

static void
a_file_in_the_way_is_no_folder(void **state)
{
	char path[sizeof SCRATCH_PATH];
	char below[sizeof SCRATCH_PATH + 8];
	const char *const paths[] = {path, below, ""};

	(void)state;
	scratch_file(path, (struct bytes){0});
	(void)snprintf(below, sizeof below, "%s/x", path);
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct error err = {0};

		assert_false(file_make_dir(paths[i], 0700, &err));
		assert_int_equal(err.code, E_FILE_FAILED);
	}
	(void)unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_back_with_its_exact_mode),
	    cmocka_unit_test(a_failed_write_leaves_no_temporary_file),
	    cmocka_unit_test(writing_replaces_a_link_and_not_what_it_points_to),
	    cmocka_unit_test(a_file_longer_than_its_bound_is_refused),
	    cmocka_unit_test(an_empty_file_gives_nothing),
	    cmocka_unit_test(folders_pipes_devices_and_missing_files_cannot_be_read),
	    cmocka_unit_test(folders_are_made_with_their_parents_and_may_be_there),
	    cmocka_unit_test(a_file_in_the_way_is_no_folder),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
