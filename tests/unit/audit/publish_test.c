#include "audit/log_folder.h"
#include "audit/publish.h"
#include "base/file.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"

#define WAIT_MS 10000

struct place {
	struct folder folder;
	char dir[96]; /* missing: the publisher makes it */
	char log_dir[128];
	struct signed_log log;
	struct clock clock;
};

static int
make_place(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	assert_non_null(place);
	folder_init(&place->folder);
	snprintf(place->dir, sizeof place->dir, "%s/logs", place->folder.path);
	snprintf(place->log_dir, sizeof place->log_dir, "%s/node1-2026", place->dir);
	signed_log_init(&place->log);
	place->clock = clock_fixed(SIGNED_LOG_BEGAN_S);
	*state = place;
	return 0;
}

static int
remove_place(void **state)
{
	struct place *place = *state;

	folder_clear(&place->folder);
	signed_log_clear(&place->log);
	free(place);
	return 0;
}

static bool
begin(struct place *place, const char *origin, struct publisher **out, struct error *err)
{
	return publisher_new(&(struct publisher_options){.dir = place->dir,
				 .origin = origin,
				 .clock = &place->clock,
				 .source = signed_log_source(&place->log)},
	    out, err);
}

static struct publisher *
begun(struct place *place)
{
	struct publisher *publisher = NULL;
	struct error err = {0};

	assert_true(begin(place, SIGNED_LOG_ORIGIN, &publisher, &err));
	return publisher;
}

static void
offer(struct publisher *publisher, struct place *place, size_t size)
{
	DEFER(buf_clear_public) struct buf note = {0};

	signed_log_grow(&place->log, size);
	signed_log_note(&place->log, size, &note);
	publisher_offer(publisher, buf_bytes(&note));
}

static void
wait_for(struct publisher *publisher, uint64_t size)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	assert_true(publisher_wait(publisher, size - 1, WAIT_MS, &note, &err));
}

static uint64_t
judge(const struct place *place)
{
	const struct tile_files files = log_folder_files(place->log_dir);

	return signed_log_judge(&place->log, &files);
}

static void
a_log_becomes_files_that_all_may_read(void **state)
{
	struct place *place = *state;
	DEFER(publisher_free) struct publisher *publisher = begun(place);
	static const char *const NAMES[] = {"checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"};

	offer(publisher, place, 3);
	wait_for(publisher, 3);
	assert_int_equal(judge(place), 3);
	for (size_t i = 0; i < COUNT(NAMES); i++) {
		char path[256];
		struct stat file;

		snprintf(path, sizeof path, "%s/%s", place->log_dir, NAMES[i]);
		assert_int_equal(stat(path, &file), 0);
		assert_int_equal(file.st_mode & 07777, 0644);
	}
	offer(publisher, place, 700);
	wait_for(publisher, 700);
	assert_int_equal(judge(place), 700);
}

static void
the_newest_of_many_is_what_stays(void **state)
{
	struct place *place = *state;
	struct publisher *publisher = begun(place);

	signed_log_grow(&place->log, 600); /* not while the publisher reads it */
	for (size_t size = 1; size <= 600; size++)
		offer(publisher, place, size);
	publisher_free(publisher); /* what is pending is written first */
	assert_int_equal(judge(place), 600);
}

static void
what_is_handed_out_is_what_is_on_disk(void **state)
{
	struct place *place = *state;
	DEFER(publisher_free) struct publisher *publisher = begun(place);
	DEFER(buf_clear_public) struct buf note = {0};
	DEFER(buf_clear_public) struct buf file = {0};
	struct error err = {0}, absent = {0};
	char path[256];

	assert_false(publisher_get(publisher, &note, &absent));
	assert_int_equal(absent.code, E_NOT_FOUND);
	assert_int_equal(publisher_age_s(publisher), -1);
	offer(publisher, place, 5);
	wait_for(publisher, 5);
	assert_int_equal(publisher_age_s(publisher), 0);
	assert_true(publisher_get(publisher, &note, &err));
	snprintf(path, sizeof path, "%s/checkpoint", place->log_dir);
	assert_true(file_read(path, NOTE_MAX, &file, &err));
	assert_octets(buf_bytes(&note), buf_bytes(&file));
}

static void
waiting_for_a_leaf_ends_with_it_or_in_time(void **state)
{
	struct place *place = *state;
	DEFER(publisher_free) struct publisher *publisher = begun(place);
	DEFER(buf_clear_public) struct buf note = {0};
	struct error late = {0};

	offer(publisher, place, 5);
	wait_for(publisher, 5);
	assert_false(publisher_wait(publisher, 5, 10, &note, &late));
	assert_int_equal(late.code, E_RECORD_UNAVAILABLE);
	assert_int_equal(late.retry_after_s, 1);
	assert_int_equal(note.len, 0);
}

/* The database comes back, and nobody has to say so. */
static void
what_could_not_be_read_is_published_later(void **state)
{
	struct place *place = *state;
	DEFER(publisher_free) struct publisher *publisher = NULL;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error late = {0};

	signed_log_grow(&place->log, 9);
	place->log.away = true;
	publisher = begun(place);
	offer(publisher, place, 9);
	assert_false(publisher_wait(publisher, 8, 50, &note, &late));
	assert_int_equal(judge(place), 0);
	publisher_free(TAKE(publisher));
	place->log.away = false;
	publisher = begun(place);
	offer(publisher, place, 9);
	wait_for(publisher, 9);
	assert_int_equal(judge(place), 9);
}

static void
a_log_that_differs_is_a_fault_that_is_told_once(void **state)
{
	struct place *place = *state;
	DEFER(publisher_free) struct publisher *publisher = NULL;
	struct error fault = {0};
	const int64_t until_ms = clock_monotonic_ms() + WAIT_MS;

	signed_log_grow(&place->log, 9);
	place->log.hidden_from = 7;
	publisher = begun(place);
	offer(publisher, place, 9);
	while (!publisher_take_fault(publisher, &fault))
		assert_true(clock_monotonic_ms() < until_ms);
	assert_int_equal(fault.code, E_BAD_PROOF);
	assert_string_equal(fault.detail, "leaf 7 is not in the database");
	assert_false(publisher_take_fault(publisher, &fault));
	assert_int_equal(judge(place), 0);
}

static void
an_origin_cannot_lead_out_of_the_folder(void **state)
{
	static const char *const ORIGINS[] = {
	    "moniker.example/..", "moniker.example/.", "moniker.example/", "..", "", "a/b c"};
	struct place *place = *state;

	for (size_t i = 0; i < COUNT(ORIGINS); i++) {
		struct publisher *publisher = NULL;
		struct error err = {0};

		assert_false(begin(place, ORIGINS[i], &publisher, &err));
		assert_int_equal(err.code, E_CONFIG_INVALID);
		assert_null(publisher);
	}
}

static void
a_folder_that_cannot_be_made_is_said_at_once(void **state)
{
	struct place *place = *state;
	struct publisher *publisher = NULL;
	struct error err = {0};

	snprintf(place->dir, sizeof place->dir, "/dev/null/logs");
	assert_false(begin(place, SIGNED_LOG_ORIGIN, &publisher, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_PLACE(a_log_becomes_files_that_all_may_read),
	    WITH_PLACE(the_newest_of_many_is_what_stays),
	    WITH_PLACE(what_is_handed_out_is_what_is_on_disk),
	    WITH_PLACE(waiting_for_a_leaf_ends_with_it_or_in_time),
	    WITH_PLACE(what_could_not_be_read_is_published_later),
	    WITH_PLACE(a_log_that_differs_is_a_fault_that_is_told_once),
	    WITH_PLACE(an_origin_cannot_lead_out_of_the_folder),
	    WITH_PLACE(a_folder_that_cannot_be_made_is_said_at_once),
	};

	return cmocka_run_group_tests_name("audit/publish", tests, NULL, NULL);
}
