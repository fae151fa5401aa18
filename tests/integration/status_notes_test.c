/* Pages of changes from several services on one database: one order, one history. */
#include "tests/support/cmocka_all.h"

#include <sodium.h>

#include "ca/status.h"
#include "ca/status_index.h"
#include "ca/status_notes.h"
#include "proof/note.h"
#include "tests/support/test_db.h"

#define NOW_S 1750000000
#define ORIGIN "moniker.example/status"
#define IN_TIME_MS 20000

/* The keeper's part, in process and with a key of the test's. */
bool
keeper_sign_status(struct keeper_client *client, struct bytes text,
    uint8_t out_public_key[static 32], struct buf *out_note, struct error *err)
{
	static const uint8_t seed[NOTE_SEED_BYTES] = {7};
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	struct note_key key;

	(void)client;
	(void)crypto_sign_seed_keypair(public_key, secret_key, seed);
	memcpy(out_public_key, public_key, sizeof public_key);
	if (!status_note_check(text, ORIGIN, NOW_S, err) ||
	    !note_key_init(&key, ORIGIN, public_key, err))
		return false;
	note_sign(&key, seed, text, out_note);
	return true;
}

struct node {
	struct db *db;
	struct status_index *index;
	struct status_notes *notes;
};

struct world {
	struct test_db test;
	struct clock clock;
	struct node one, other;
};

static void
node_start(const struct world *world, struct node *node)
{
	struct error err = {0};

	node->db = db_new(&(struct db_options){.url = world->test.service_url,
	    .application = "status_notes_test",
	    .connections_max = 4,
	    .wait_ms = 5000});
	if (!status_index_new(
		&(struct status_index_options){
		    .db = node->db, .url = world->test.service_url, .clock = &world->clock},
		&node->index, &err))
		fail_msg("%s (%s)", err.detail, err.cause);
	node->notes = status_notes_new(&(struct status_notes_options){.db = node->db,
	    .statuses = node->index,
	    .clock = &world->clock,
	    .name = "moniker.example",
	    .fresh_s = 86400});
}

static void
node_stop(struct node *node)
{
	status_notes_free(node->notes);
	status_index_free(node->index);
	db_free(node->db);
}

static void
world_init(struct world *world)
{
	test_db_init(&world->test);
	test_db_run(&world->test,
	    "INSERT INTO ca_issuer (id, kind, certificate, not_before_at_s, not_after_at_s,"
	    " in_keeper, state) VALUES ('\\x0000000000000001', 'device-ca', '\\x00', 0, 1, true,"
	    " 'active')");
	world->clock = clock_fixed(NOW_S);
	node_start(world, &world->one);
	node_start(world, &world->other);
}

static void
world_clear(struct world *world)
{
	node_stop(&world->one);
	node_stop(&world->other);
	test_db_clear(&world->test);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

/* Committed by this node. */
static void
change(const struct node *node, uint32_t number, enum device_state state)
{
	struct status_change change = {.serial = {0x40},
	    .issuer = {[7] = 1},
	    .state = state,
	    .reason = state == DEVICE_HELD ? REASON_HOLD : REASON_KEY_COMPROMISE,
	    .not_after_s = NOW_S + 86400};
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};

	memcpy(change.serial + 14, &number, sizeof number);
	if (!tx_begin(node->db, &tx, &err) || !status_write(tx, &change, 1, NOW_S, &err) ||
	    !tx_commit(&tx, &err))
		fail_msg("%s (%s)", err.detail, err.cause);
}

struct read { /* a page, and what it says */
	struct status_notes_page page;
	struct status_page says;
};

static void
read_page(const struct node *node, const char *cursor, struct read *out)
{
	struct error err = {0};
	struct bytes text;

	*out = (struct read){0};
	if (!status_notes_page(node->notes, cursor, &out->page, &err) ||
	    !note_text(buf_bytes(&out->page.note), &text, &err) ||
	    !status_page_parse(text, ORIGIN, &out->says, &err))
		fail_msg("%s (%s)", err.detail, err.cause);
}

static void
read_clear(struct read *read)
{
	status_notes_page_clear(&read->page);
}
DEFER_DECLARE_CLEAR(struct read, read_clear)

static void
assert_lines_equal(const struct read *a, const struct read *b)
{
	assert_int_equal(a->says.from, b->says.from);
	assert_int_equal(a->says.to, b->says.to);
	assert_memory_equal(a->says.before, b->says.before, SHA256_BYTES);
	assert_memory_equal(a->says.after, b->says.after, SHA256_BYTES);
	assert_true(bytes_equal(a->says.lines, b->says.lines));
	assert_string_equal(a->page.cursor, b->page.cursor);
}

/* Changes come from both in turn, and a reader goes from one to the other with each page. */
static void
a_cursor_of_one_node_goes_on_at_the_other(void **state)
{
	DEFER(world_clear) struct world world;
	char cursor[STATUS_CURSOR_LEN + 1];
	uint8_t at[SHA256_BYTES] = {0};

	(void)state;
	world_init(&world);
	change(&world.one, 0, DEVICE_HELD);
	for (uint32_t i = 1; i <= 20; i++) {
		const struct node *from = i % 2 == 0 ? &world.one : &world.other;
		const struct node *to = i % 2 == 0 ? &world.other : &world.one;
		DEFER(read_clear) struct read here = {0};
		DEFER(read_clear) struct read there = {0};

		change(from, i, i % 3 == 0 ? DEVICE_HELD : DEVICE_REVOKED);
		assert_true(status_index_wait_beyond(to->index, i, IN_TIME_MS) > i);
		assert_true(status_index_wait_beyond(from->index, i, IN_TIME_MS) > i);
		read_page(to, i == 1 ? NULL : cursor, &there);
		read_page(from, i == 1 ? NULL : cursor, &here);
		assert_lines_equal(&here, &there);
		assert_int_equal(there.says.to, i + 1);
		assert_int_equal(there.says.to - there.says.from, i == 1 ? 2 : 1);
		assert_memory_equal(there.says.before, at, sizeof at);
		memcpy(at, there.says.after, sizeof at);
		memcpy(cursor, there.page.cursor, sizeof cursor);
	}
}

static void
a_cursor_goes_on_after_a_restart(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(read_clear) struct read before = {0};
	DEFER(read_clear) struct read after = {0};
	DEFER(read_clear) struct read whole = {0};

	(void)state;
	world_init(&world);
	change(&world.one, 1, DEVICE_HELD);
	change(&world.one, 2, DEVICE_REVOKED);
	assert_true(status_index_wait_beyond(world.one.index, 1, IN_TIME_MS) >= 2);
	read_page(&world.one, NULL, &before);
	assert_int_equal(before.says.to, 2);
	node_stop(&world.one);
	change(&world.other, 1, DEVICE_ACTIVE);
	change(&world.other, 1, DEVICE_REVOKED);
	node_start(&world, &world.one);
	read_page(&world.one, before.page.cursor, &after);
	assert_int_equal(after.says.from, 2);
	assert_int_equal(after.says.to, 4);
	assert_memory_equal(after.says.before, before.says.after, SHA256_BYTES);
	read_page(&world.one, NULL, &whole);
	assert_string_equal(whole.page.cursor, after.page.cursor);
}

/* Of so many changes only the first are made: what a reader is told does not depend on the rest. */
static void
who_is_too_far_behind_is_told_to_take_the_snapshot(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(read_clear) struct read first = {0};
	DEFER(read_clear) struct read next = {0};
	struct status_notes_page page = {0};
	struct error err = {0};
	char sql[64];

	(void)state;
	world_init(&world);
	change(&world.one, 1, DEVICE_REVOKED);
	assert_true(status_index_wait_beyond(world.one.index, 0, IN_TIME_MS) >= 1);
	read_page(&world.one, NULL, &first);
	assert_int_equal(first.says.to, 1);
	change(&world.one, 2, DEVICE_REVOKED);
	node_stop(&world.one);
	(void)snprintf(
	    sql, sizeof sql, "UPDATE status_head SET seq = %d", STATUS_NOTES_BEHIND_MAX + 1);
	test_db_run(&world.test, sql);
	node_start(&world, &world.one);
	assert_false(status_notes_page(world.one.notes, NULL, &page, &err));
	assert_int_equal(err.code, E_CURSOR_GONE);
	read_page(&world.one, first.page.cursor, &next);
	assert_int_equal(next.says.from, 1);
	assert_int_equal(next.says.to, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cursor_of_one_node_goes_on_at_the_other),
	    cmocka_unit_test(a_cursor_goes_on_after_a_restart),
	    cmocka_unit_test(who_is_too_far_behind_is_told_to_take_the_snapshot),
	};

	return cmocka_run_group_tests_name("status_notes", tests, NULL, NULL);
}
