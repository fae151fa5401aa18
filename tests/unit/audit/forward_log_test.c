/* The logs of a node in their folders, as the forwarder reads them. */
#include "tests/support/signed_log.h"

#include "audit/forward_log.h"
#include "base/file.h"
#include "tests/support/folder.h"

#define LEAVES 300

struct world {
	struct folder folder;
	struct signed_log log;
	uint64_t next, count; /* of what was taken */
};

static void
world_clear(struct world *world)
{
	signed_log_clear(&world->log);
	folder_clear(&world->folder);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

static const char *
path_of(const struct world *world, const char *name)
{
	static char path[160];

	(void)snprintf(path, sizeof path, "%s/%s", world->folder.path, name);
	return path;
}

/* Publishes the first `size` leaves in the folder of this name. */
static void
publish(struct world *world, const char *name, size_t size)
{
	const struct tiles_source source = signed_log_source(&world->log);
	DEFER(tiles_free) struct tiles *tiles = NULL;
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};

	signed_log_note(&world->log, size, &note);
	if (!tiles_open(path_of(world, name), SIGNED_LOG_ORIGIN, &source, &tiles, &err) ||
	    !tiles_publish(tiles, buf_bytes(&note), &err))
		fail_msg("%s: %s", name, err.detail);
}

static void
world_init(struct world *world)
{
	*world = (struct world){0};
	folder_init(&world->folder);
	signed_log_init(&world->log);
	signed_log_grow(&world->log, LEAVES);
}

static bool
take(void *taker, uint64_t seq, struct bytes leaf, struct error *err)
{
	struct world *world = taker;

	(void)err;
	assert_int_equal(seq, world->next++);
	assert_true(bytes_equal(leaf, buf_bytes(&world->log.leaves[seq])));
	world->count++;
	return true;
}

static bool
reads(struct world *world, uint64_t from, uint64_t to, uint64_t size, struct error *err)
{
	world->next = from;
	world->count = 0;
	return forward_log_read(path_of(world, "a"), from, to, size, take, world, err);
}

static void
leaves_come_in_order_from_any_to_any(void **state)
{
	static const uint64_t SPANS[][2] = {
	    {0, 300}, {0, 1}, {299, 300}, {250, 260}, {256, 300}, {0, 256}, {5, 5}};
	DEFER(world_clear) struct world world;
	struct error err = {0};
	uint64_t size = 1;

	(void)state;
	world_init(&world);
	assert_true(forward_log_size(path_of(&world, "a"), &size, &err));
	assert_int_equal(size, 0);
	publish(&world, "a", LEAVES);
	assert_true(forward_log_size(path_of(&world, "a"), &size, &err));
	assert_int_equal(size, LEAVES);
	for (size_t i = 0; i < COUNT(SPANS); i++) {
		assert_true(reads(&world, SPANS[i][0], SPANS[i][1], LEAVES, &err));
		assert_int_equal(world.count, SPANS[i][1] - SPANS[i][0]);
	}
	/* A partial bundle that has become full meanwhile: its beginning. */
	signed_log_grow(&world.log, 600);
	publish(&world, "a", 600);
	assert_true(reads(&world, 290, 300, LEAVES, &err));
	assert_int_equal(world.count, 10);
}

static void
a_leaf_that_was_changed_or_is_gone_is_not_sent(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(buf_clear_public) struct buf octets = {0};
	struct error err = {0}, changed = {0}, cut = {0}, gone = {0};
	char path[160];

	(void)state;
	world_init(&world);
	publish(&world, "a", LEAVES);
	(void)snprintf(path, sizeof path, "%s", path_of(&world, "a/tile/entries/000"));
	assert_true(file_read(path, SIZE_MAX / 2, &octets, &err));
	octets.data[40] ^= 1;
	assert_true(file_write(path, buf_bytes(&octets), 0644, &err));
	assert_false(reads(&world, 0, 256, LEAVES, &changed));
	assert_int_equal(changed.code, E_BAD_PROOF);
	assert_int_equal(world.count, 0);
	octets.data[40] ^= 1;
	assert_true(file_write(path, bytes_of(octets.data, octets.len - 1), 0644, &err));
	assert_false(reads(&world, 0, 256, LEAVES, &cut));
	assert_int_equal(cut.code, E_BAD_PROOF);
	assert_int_equal(unlink(path), 0);
	assert_false(reads(&world, 0, 256, LEAVES, &gone));
	assert_int_equal(gone.code, E_RECORD_UNAVAILABLE);
	assert_true(reads(&world, 256, LEAVES, LEAVES, &err));
}

/* A log in the folder `name` that continues the one in `before`, or none. */
static void
publish_after(struct world *world, const char *name, const char *before)
{
	struct leaf leaf = {.event = LEAF_LOG_OPEN};

	signed_log_clear(&world->log);
	signed_log_init(&world->log);
	if (before[0] != '\0') {
		leaf.details[0] = (struct leaf_detail){.key = "log", .text = before};
		leaf.details[1] = (struct leaf_detail){.key = "size", .number = 7};
		leaf.details[2] = (struct leaf_detail){
		    .key = "root", .text = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
	}
	signed_log_add(&world->log, leaf);
	publish(world, name, 1);
}

static void
comes_after(const struct world *world, const char *before, const char *last, const char *then)
{
	char got[LEAF_VALUE_MAX + 1];
	struct error err = {0};

	if (!forward_log_after(world->folder.path, before, last, got, &err))
		fail_msg("%s", err.detail);
	assert_string_equal(got, then);
}

static void
a_log_leads_to_the_one_that_continues_it(void **state)
{
	DEFER(world_clear) struct world world;
	char got[LEAF_VALUE_MAX + 1];
	struct error none = {0}, strange = {0};

	(void)state;
	world_init(&world);
	publish_after(&world, "a", "");
	publish_after(&world, "b", "a");
	publish_after(&world, "c", "b");
	comes_after(&world, "a", "c", "b");
	comes_after(&world, "b", "c", "c");
	comes_after(&world, "x", "c", "");
	comes_after(&world, "c", "b", "");
	assert_false(forward_log_after(world.folder.path, "a", "d", got, &none));
	assert_int_equal(none.code, E_RECORD_UNAVAILABLE);
	publish_after(&world, "e", "../a");
	assert_false(forward_log_after(world.folder.path, "a", "e", got, &strange));
	assert_int_equal(strange.code, E_BAD_PROOF);
	publish_after(&world, "f", "f"); /* round and round */
	comes_after(&world, "a", "f", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(leaves_come_in_order_from_any_to_any),
	    cmocka_unit_test(a_leaf_that_was_changed_or_is_gone_is_not_sent),
	    cmocka_unit_test(a_log_leads_to_the_one_that_continues_it),
	};

	return cmocka_run_group_tests_name("forward_log", tests, NULL, NULL);
}
