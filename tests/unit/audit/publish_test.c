#include "audit/publish.h"
#include "base/file.h"
#include "tests/support/folder.h"

#define ORIGIN "moniker.example/node1-2026"
#define WAIT_MS 5000

struct place {
	struct folder folder;
	char dir[96]; /* missing: the publisher makes it */
	char file[192];
};

static int
make_place(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	assert_non_null(place);
	folder_init(&place->folder);
	snprintf(place->dir, sizeof place->dir, "%s/logs", place->folder.path);
	snprintf(place->file, sizeof place->file, "%s/node1-2026/checkpoint", place->dir);
	*state = place;
	return 0;
}

static int
remove_place(void **state)
{
	struct place *place = *state;

	folder_clear(&place->folder);
	free(place);
	return 0;
}

static bool
file_holds(const char *path, const char *want)
{
	DEFER(buf_clear_public) struct buf found = {0};
	struct error err = {0};

	return file_read(path, 1 << 16, &found, &err) &&
	       bytes_equal(buf_bytes(&found), bytes_of_text(want));
}

static void
wait_for(const char *path, const char *want)
{
	const int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;

	while (!file_holds(path, want)) {
		if (clock_monotonic_ms() > deadline_ms)
			fail_msg("never saw \"%s\"", want);
		usleep(1000);
	}
}

static void
a_note_becomes_a_file_that_all_may_read(void **state)
{
	const struct place *place = *state;
	const struct clock clock = clock_system();
	DEFER(publisher_free) struct publisher *publisher = NULL;
	struct error err = {0};
	struct stat file;

	assert_true(publisher_new(place->dir, ORIGIN, &clock, &publisher, &err));
	publisher_offer(publisher, bytes_of_text("one\n"));
	wait_for(place->file, "one\n");
	assert_int_equal(stat(place->file, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0644);
	publisher_offer(publisher, bytes_of_text("two\n"));
	wait_for(place->file, "two\n");
}

static void
the_newest_of_many_is_what_stays(void **state)
{
	const struct place *place = *state;
	const struct clock clock = clock_system();
	struct publisher *publisher = NULL;
	struct error err = {0};
	char note[32];

	assert_true(publisher_new(place->dir, ORIGIN, &clock, &publisher, &err));
	for (int i = 0; i <= 5000; i++) {
		snprintf(note, sizeof note, "size %d\n", i);
		publisher_offer(publisher, bytes_of_text(note));
	}
	publisher_free(publisher); /* what is pending is written first */
	assert_true(file_holds(place->file, "size 5000\n"));
}

static void
what_is_handed_out_is_what_is_on_disk(void **state)
{
	const struct place *place = *state;
	const struct clock clock = clock_fixed(1767225600);
	DEFER(publisher_free) struct publisher *publisher = NULL;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0}, absent = {0};
	int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;

	assert_true(publisher_new(place->dir, ORIGIN, &clock, &publisher, &err));
	assert_false(publisher_get(publisher, &note, &absent));
	assert_int_equal(absent.code, E_NOT_FOUND);
	assert_int_equal(publisher_age_s(publisher), -1);
	publisher_offer(publisher, bytes_of_text("one\n"));
	while (publisher_age_s(publisher) != 0)
		assert_true(clock_monotonic_ms() < deadline_ms);
	assert_true(publisher_get(publisher, &note, &err));
	assert_string_equal(buf_text(&note), "one\n");
	assert_true(file_holds(place->file, "one\n"));
}

static void
an_origin_cannot_lead_out_of_the_folder(void **state)
{
	static const char *const ORIGINS[] = {
	    "moniker.example/..", "moniker.example/.", "moniker.example/", "..", ""};
	const struct place *place = *state;
	const struct clock clock = clock_system();

	for (size_t i = 0; i < COUNT(ORIGINS); i++) {
		struct publisher *publisher = NULL;
		struct error err = {0};

		assert_false(publisher_new(place->dir, ORIGINS[i], &clock, &publisher, &err));
		assert_int_equal(err.code, E_CONFIG_INVALID);
		assert_null(publisher);
	}
}

static void
a_folder_that_cannot_be_made_is_said_at_once(void **state)
{
	const struct clock clock = clock_system();
	struct publisher *publisher = NULL;
	struct error err = {0};

	(void)state;
	assert_false(publisher_new("/dev/null/logs", ORIGIN, &clock, &publisher, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_PLACE(a_note_becomes_a_file_that_all_may_read),
	    WITH_PLACE(the_newest_of_many_is_what_stays),
	    WITH_PLACE(what_is_handed_out_is_what_is_on_disk),
	    WITH_PLACE(an_origin_cannot_lead_out_of_the_folder),
	    cmocka_unit_test(a_folder_that_cannot_be_made_is_said_at_once),
	};

	return cmocka_run_group_tests_name("audit/publish", tests, NULL, NULL);
}
