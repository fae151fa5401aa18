#include "audit/log_folder.h"
#include "audit/tiles.h"
#include "base/file.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"

struct place {
	struct folder folder;
	struct signed_log log;
	struct tiles *tiles;
};

static void
open_tiles(struct place *place)
{
	const struct tiles_source source = signed_log_source(&place->log);
	struct error err = {0};

	tiles_free(TAKE(place->tiles));
	assert_true(
	    tiles_open(place->folder.path, SIGNED_LOG_ORIGIN, &source, &place->tiles, &err));
}

static int
make_place(void **state)
{
	struct place *place = calloc(1, sizeof *place);

	assert_non_null(place);
	folder_init(&place->folder);
	signed_log_init(&place->log);
	open_tiles(place);
	*state = place;
	return 0;
}

static int
remove_place(void **state)
{
	struct place *place = *state;

	folder_clear(&place->folder);
	tiles_free(place->tiles);
	signed_log_clear(&place->log);
	free(place);
	return 0;
}

static bool
publish(struct place *place, size_t size, struct error *err)
{
	DEFER(buf_clear_public) struct buf note = {0};

	signed_log_note(&place->log, size, &note);
	return tiles_publish(place->tiles, buf_bytes(&note), err);
}

static void
published(struct place *place, size_t size)
{
	struct error err = {0};

	signed_log_grow(&place->log, size);
	if (!publish(place, size, &err))
		fail_msg("%zu: %s (%s)", size, err.detail, err.cause);
}

static uint64_t
judge(const struct place *place)
{
	const struct tile_files files = log_folder_files(place->folder.path);

	return signed_log_judge(&place->log, &files);
}

static bool
exists(struct place *place, const char *name)
{
	return access(folder_file(&place->folder, name), F_OK) == 0;
}

static void
every_size_is_proven_by_what_is_there(void **state)
{
	static const size_t SIZES[] = {
	    1, 2, 3, 7, 8, 9, 127, 128, 255, 256, 257, 300, 511, 512, 513};
	struct place *place = *state;

	for (size_t i = 0; i < COUNT(SIZES); i++) {
		published(place, SIZES[i]);
		assert_int_equal(judge(place), SIZES[i]);
	}
}

/* More than is held in memory at once, and across a tile of the second level. */
static void
a_long_way_is_caught_up(void **state)
{
	struct place *place = *state;

	published(place, 100);
	published(place, 66000);
	assert_int_equal(judge(place), 66000);
	assert_true(exists(place, "tile/1/000"));
	assert_true(exists(place, "tile/2/000.p/1"));
	open_tiles(place);
	assert_int_equal(tiles_size(place->tiles), 66000);
}

static void
partial_tiles_stay_until_the_full_one_is_there(void **state)
{
	struct place *place = *state;

	published(place, 10);
	published(place, 20);
	assert_true(exists(place, "tile/0/000.p/10"));
	assert_true(exists(place, "tile/entries/000.p/20"));
	published(place, 256);
	assert_true(exists(place, "tile/0/000"));
	assert_true(exists(place, "tile/entries/000"));
	assert_false(exists(place, "tile/0/000.p"));
	assert_false(exists(place, "tile/entries/000.p"));
	assert_true(exists(place, "tile/1/000.p/1"));
}

static void
it_goes_on_where_it_stood(void **state)
{
	struct place *place = *state;

	published(place, 300);
	open_tiles(place);
	assert_int_equal(tiles_size(place->tiles), 300);
	assert_true(tiles_note(place->tiles).len > 0);
	place->log.leaves[0].data[0] ^= 1; /* what is published is not read again */
	place->log.leaves[0].data[0] ^= 1;
	published(place, 301);
	assert_int_equal(judge(place), 301);
}

/* A fresh signature over the same tree is published without a leaf. */
static void
the_same_size_again_is_published(void **state)
{
	struct place *place = *state;

	published(place, 7);
	place->log.away = true;
	published(place, 7);
	assert_int_equal(judge(place), 7);
}

static void
leaves_that_differ_are_not_published(void **state)
{
	static const size_t SIZES[] = {20, 5000}; /* at once, and in steps */
	struct place *place = *state;

	for (size_t i = 0; i < COUNT(SIZES); i++) {
		DEFER(buf_clear_public) struct buf note = {0};
		const uint64_t before = tiles_size(place->tiles);
		struct error edited = {0}, missing = {0};
		struct buf *leaf;

		signed_log_grow(&place->log, SIZES[i]);
		signed_log_note(&place->log, SIZES[i], &note);
		leaf = &place->log.leaves[SIZES[i] - 3];
		leaf->data[10] ^= 1;
		assert_false(tiles_publish(place->tiles, buf_bytes(&note), &edited));
		assert_int_equal(edited.code, E_BAD_PROOF);
		leaf->data[10] ^= 1;
		place->log.hidden_from = SIZES[i] - 1;
		assert_false(tiles_publish(place->tiles, buf_bytes(&note), &missing));
		assert_int_equal(missing.code, E_BAD_PROOF);
		place->log.hidden_from = SIZE_MAX;
		assert_int_equal(tiles_size(place->tiles), before);
		assert_int_equal(judge(place), before);
		published(place, SIZES[i]);
		assert_int_equal(judge(place), SIZES[i]);
	}
}

static void
a_smaller_or_foreign_checkpoint_is_not_published(void **state)
{
	struct place *place = *state;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error smaller = {0}, foreign = {0}, rubbish = {0};

	published(place, 20);
	assert_false(publish(place, 19, &smaller));
	assert_int_equal(smaller.code, E_BAD_PROOF);
	signed_log_note(&place->log, 20, &note);
	note.data[note.len - 5] ^= 1;
	assert_false(tiles_publish(place->tiles, buf_bytes(&note), &foreign));
	assert_int_not_equal(foreign.code, E_NONE);
	assert_false(tiles_publish(place->tiles, bytes_of_text("one\n"), &rubbish));
	assert_int_equal(rubbish.code, E_BAD_SYNTAX);
	assert_int_equal(judge(place), 20);
}

static void
damage(struct place *place, const char *name)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	struct error err = {0};

	assert_true(file_read(folder_file(&place->folder, name), TILE_LEN_MAX, &octets, &err));
	octets.data[octets.len - 1] ^= 1;
	(void)folder_put(&place->folder, name, buf_bytes(&octets), 0644);
}

static void
a_folder_that_does_not_verify_is_made_anew(void **state)
{
	static const char *const NAMES[] = {
	    "checkpoint", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44"};
	struct place *place = *state;

	published(place, 300);
	for (size_t i = 0; i < COUNT(NAMES); i++) {
		damage(place, NAMES[i]);
		open_tiles(place);
		assert_int_equal(tiles_size(place->tiles), 0);
		published(place, 300);
		assert_int_equal(judge(place), 300);
		assert_false(tiles_repaired(place->tiles));
	}
	assert_int_equal(unlink(folder_file(&place->folder, "tile/0/001.p/44")), 0);
	open_tiles(place);
	published(place, 301);
	assert_int_equal(judge(place), 301);
}

static void
a_full_tile_that_changed_is_put_right_and_told(void **state)
{
	struct place *place = *state;

	published(place, 300);
	damage(place, "tile/0/000");
	damage(place, "checkpoint"); /* so that it begins anew */
	open_tiles(place);
	published(place, 300);
	assert_true(tiles_repaired(place->tiles));
	assert_false(tiles_repaired(place->tiles));
	assert_int_equal(judge(place), 300);
}

static void
what_a_crash_left_half_written_is_swept(void **state)
{
	struct place *place = *state;

	(void)folder_put(&place->folder, ".new/7", bytes_of_text("half"), 0600);
	open_tiles(place);
	assert_false(exists(place, ".new/7"));
	published(place, 1);
	assert_int_equal(judge(place), 1);
}

static void
a_full_disk_leaves_what_was_there(void **state)
{
	struct place *place = *state;
	struct error err = {0};

	published(place, 300);
	assert_int_equal(unlink(folder_file(&place->folder, ".new/checkpoint")), -1);
	assert_int_equal(rmdir(folder_file(&place->folder, ".new")), 0);
	signed_log_grow(&place->log, 600);
	assert_false(publish(place, 600, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
	assert_int_equal(judge(place), 300);
	assert_int_equal(tiles_size(place->tiles), 300);
	assert_int_equal(mkdir(folder_file(&place->folder, ".new"), 0755), 0);
	published(place, 600);
	assert_int_equal(judge(place), 600);
}

static void
names_of_logs(void **state)
{
	char longest[130];

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[128] = '\0';
	assert_true(log_folder_name_valid("node1-2026"));
	assert_true(log_folder_name_valid(longest));
	longest[128] = 'a';
	longest[129] = '\0';
	assert_false(log_folder_name_valid(longest));
	assert_false(log_folder_name_valid(""));
	assert_false(log_folder_name_valid("."));
	assert_false(log_folder_name_valid(".."));
	assert_false(log_folder_name_valid(".new"));
	assert_false(log_folder_name_valid("a/b"));
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_PLACE(every_size_is_proven_by_what_is_there),
	    WITH_PLACE(a_long_way_is_caught_up),
	    WITH_PLACE(partial_tiles_stay_until_the_full_one_is_there),
	    WITH_PLACE(it_goes_on_where_it_stood),
	    WITH_PLACE(the_same_size_again_is_published),
	    WITH_PLACE(leaves_that_differ_are_not_published),
	    WITH_PLACE(a_smaller_or_foreign_checkpoint_is_not_published),
	    WITH_PLACE(a_folder_that_does_not_verify_is_made_anew),
	    WITH_PLACE(a_full_tile_that_changed_is_put_right_and_told),
	    WITH_PLACE(what_a_crash_left_half_written_is_swept),
	    WITH_PLACE(a_full_disk_leaves_what_was_there),
	    cmocka_unit_test(names_of_logs),
	};

	return cmocka_run_group_tests_name("audit/tiles", tests, NULL, NULL);
}
