/* A node's log is rolled over at a year's end: rows, the announcement, and the end of the one
 * before. */
#include "tests/support/cmocka_all.h"

#include "audit/logs_store.h"
#include "audit/opening.h"
#include "audit/outbox.h"
#include "audit/outbox_store.h"
#include "base/file.h"
#include "proof/tlog_proof.h"
#include "tests/support/folder.h"
#include "tests/support/signed_log.h"
#include "tests/support/test_db.h"

#define OLD_YEAR_S INT64_C(1798761599) /* 2026-12-31T23:59:59Z */
#define NEW_YEAR_S (OLD_YEAR_S + 1)
#define LEAVES 5

struct world {
	struct test_db test;
	struct db *owner, *service;
	struct signed_log log; /* moniker.example/node1-2026 */
	struct folder folder;
};

static void
world_init(struct world *world)
{
	char path[160];

	*world = (struct world){0};
	test_db_init(&world->test);
	signed_log_init(&world->log);
	signed_log_grow(&world->log, LEAVES);
	folder_init(&world->folder);
	snprintf(path, sizeof path, "%s/node1-2026", world->folder.path);
	assert_int_equal(mkdir(path, 0755), 0);
	test_db_open_log(&world->test, SIGNED_LOG_ORIGIN, world->log.key.public_key);
	test_db_run(&world->test, "UPDATE audit_log SET size = 5, last_st_at_s = 1000");
	world->owner = db_new(&(struct db_options){.url = world->test.owner_url,
	    .application = "test",
	    .connections_max = 2,
	    .wait_ms = 5000});
	world->service = db_new(&(struct db_options){.url = world->test.service_url,
	    .application = "test",
	    .connections_max = 2,
	    .wait_ms = 5000});
}

static void
world_clear(struct world *world)
{
	db_free(world->owner);
	db_free(world->service);
	test_db_clear(&world->test);
	signed_log_clear(&world->log);
	folder_clear(&world->folder);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

static bool
roll(struct world *world, const char *before, int64_t now_s, char *out_name, struct error *err)
{
	const struct logs_roll options = {.name = "moniker.example",
	    .node = "node1",
	    .before = before,
	    .public_key = world->log.key.public_key,
	    .now_s = now_s};
	const struct rng rng = rng_repeatable(1);
	DEFER(tx_free) struct tx *tx = NULL;

	return tx_begin(world->owner, &tx, err) && logs_roll(tx, &options, &rng, out_name, err) &&
	       tx_commit(&tx, err);
}

static void
publish(const struct world *world, size_t size)
{
	DEFER(buf_clear_public) struct buf note = {0};
	struct error err = {0};
	char path[160];

	signed_log_note(&world->log, size, &note);
	snprintf(path, sizeof path, "%s/node1-2026/checkpoint", world->folder.path);
	assert_true(file_write(path, buf_bytes(&note), 0644, &err));
}

static bool
look(const struct world *world, const char *origin, struct opening *out, struct error *err)
{
	return opening_read(world->service, origin, world->folder.path, out, err);
}

/* Takes what waits for a log of this name; how many. */
static size_t
drain(struct world *world, const char *name)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(buf_clear_public) struct buf subject = {0};
	struct error err = {0};

	outbox_subject(name, &subject);
	assert_true(tx_begin(world->service, &tx, &err));
	assert_true(outbox_take(tx, 10, buf_bytes(&subject), &rows, &err));
	assert_true(tx_commit(&tx, &err));
	return rows_count(rows);
}

static void
a_new_year_has_a_new_log_that_another_announces(void **state)
{
	DEFER(world_clear) struct world world;
	char name[LOGS_NAME_MAX + 1], again[LOGS_NAME_MAX + 1];
	struct error err = {0};
	bool announced = true;

	(void)state;
	world_init(&world);
	assert_true(roll(&world, "node1-2026", NEW_YEAR_S, name, &err));
	assert_string_equal(name, "node1-2027");
	assert_true(logs_is_announced(world.owner, name, &announced, &err));
	assert_false(announced);
	assert_true(roll(&world, "node1-2026", NEW_YEAR_S, again, &err)); /* was cut short */
	assert_string_equal(again, name);
	assert_true(roll(&world, "node1-2027", NEW_YEAR_S, again, &err)); /* or was not */
	assert_string_equal(again, name);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM audit_outbox"), 1);
	assert_int_equal(drain(&world, "node1-2027"), 0); /* no log announces itself */
	assert_int_equal(drain(&world, "node1-2026"), 1);
	assert_true(logs_is_announced(world.owner, name, &announced, &err));
	assert_true(announced);
}

static void
a_second_one_of_a_year_has_a_number(void **state)
{
	DEFER(world_clear) struct world world;
	char name[LOGS_NAME_MAX + 1];
	struct error err = {0};

	(void)state;
	world_init(&world);
	assert_true(roll(&world, "node1-2026", OLD_YEAR_S, name, &err));
	assert_string_equal(name, "node1-2026-2");
	err = (struct error){0};
	assert_false(roll(&world, "node1-2025", OLD_YEAR_S, name, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
}

static void
it_opens_where_the_one_before_ended(void **state)
{
	DEFER(world_clear) struct world world;
	char name[LOGS_NAME_MAX + 1];
	struct opening opening;
	struct error err = {0};
	struct leaf leaf;

	(void)state;
	world_init(&world);
	assert_true(roll(&world, "node1-2026", NEW_YEAR_S, name, &err));
	publish(&world, LEAVES);
	assert_true(look(&world, "moniker.example/node1-2027", &opening, &err));
	assert_true(opening.due && opening.continues);
	assert_string_equal(opening.log, "node1-2026");
	assert_int_equal(opening.size, LEAVES);
	opening_leaf(&opening, "system:node1", NEW_YEAR_S, &leaf);
	assert_int_equal(leaf.event, LEAF_LOG_OPEN);
	assert_string_equal(leaf.details[2].text, opening.root);
	assert_true(look(&world, SIGNED_LOG_ORIGIN, &opening, &err));
	assert_false(opening.due);
}

static void
what_is_not_closed_is_not_continued(void **state)
{
	DEFER(world_clear) struct world world;
	char name[LOGS_NAME_MAX + 1];
	struct opening opening;
	struct error absent = {0}, behind = {0}, ahead = {0}, unknown = {0}, err = {0};

	(void)state;
	world_init(&world);
	assert_true(roll(&world, "node1-2026", NEW_YEAR_S, name, &err));
	assert_false(look(&world, "moniker.example/node1-2027", &opening, &absent));
	assert_int_equal(absent.code, E_STATE_CONFLICT);
	publish(&world, LEAVES - 1);
	assert_false(look(&world, "moniker.example/node1-2027", &opening, &behind));
	assert_int_equal(behind.code, E_STATE_CONFLICT);
	test_db_run(&world.test, "UPDATE audit_log SET size = 3 WHERE id = 1");
	assert_false(look(&world, "moniker.example/node1-2027", &opening, &ahead));
	assert_int_equal(ahead.code, E_STATE_CONFLICT);
	assert_false(look(&world, "moniker.example/node9-2027", &opening, &unknown));
	assert_int_equal(unknown.code, E_NOT_FOUND);
}

static bool
end_before(struct world *world, int64_t size, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	const struct opening opening = {.due = true, .continues = true, .size = size};

	return tx_begin(world->service, &tx, err) &&
	       opening_end_before(tx, 2, &opening, NEW_YEAR_S, err) && tx_commit(&tx, err);
}

static void
the_one_before_ends_for_ever(void **state)
{
	DEFER(world_clear) struct world world;
	char name[LOGS_NAME_MAX + 1];
	struct error err = {0}, other = {0}, twice = {0}, closed = {0};

	(void)state;
	world_init(&world);
	assert_true(roll(&world, "node1-2026", NEW_YEAR_S, name, &err));
	test_db_run(&world.test,
	    "INSERT INTO refusal_window VALUES (1, 0, 'enroll.refused', 'BAD_PROOF', 'a:b', 3)");
	assert_false(end_before(&world, LEAVES + 1, &other)); /* it has grown meanwhile */
	assert_int_equal(
	    test_db_int(&world.test, "SELECT count(*) FROM audit_log WHERE gone_at_s IS NULL"), 2);
	assert_true(end_before(&world, LEAVES, &err));
	assert_int_equal(
	    test_db_int(&world.test, "SELECT count(*) FROM audit_log WHERE gone_at_s IS NULL"), 1);
	assert_int_equal(
	    test_db_int(&world.test, "SELECT count(*) FROM refusal_window WHERE log = 2"), 1);
	assert_false(end_before(&world, LEAVES, &twice));
	assert_false(roll(&world, "node1-2026", NEW_YEAR_S, name, &closed));
	assert_int_equal(closed.code, E_STATE_CONFLICT);
}

/* Readers of a log look in it for what was dropped of it. */
static void
a_log_tells_itself_what_was_dropped_of_it_while_it_lives(void **state)
{
	DEFER(world_clear) struct world world;
	char name[LOGS_NAME_MAX + 1];
	struct error err = {0};

	(void)state;
	world_init(&world);
	assert_true(roll(&world, "node1-2026", NEW_YEAR_S, name, &err));
	test_db_run(&world.test, "DELETE FROM audit_outbox; INSERT INTO audit_outbox (tail) VALUES"
				 " ('\"v\":1,\"ev\":\"log.prune\",\"sub\":\"log:node1-2026\"}')");
	assert_int_equal(drain(&world, "node1-2027"), 0);
	assert_int_equal(drain(&world, "node2-2026"), 0);
	test_db_run(&world.test, "UPDATE audit_log SET gone_at_s = 1 WHERE id = 1");
	assert_int_equal(drain(&world, "node1-2027"), 1);
	test_db_run(&world.test,
	    "UPDATE audit_log SET gone_at_s = NULL WHERE id = 1; INSERT INTO audit_outbox (tail)"
	    " VALUES ('\"v\":1,\"ev\":\"log.prune\",\"sub\":\"log:node1-2026\"}')");
	assert_int_equal(drain(&world, "node1-2026"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_year_has_a_new_log_that_another_announces),
	    cmocka_unit_test(a_second_one_of_a_year_has_a_number),
	    cmocka_unit_test(it_opens_where_the_one_before_ended),
	    cmocka_unit_test(what_is_not_closed_is_not_continued),
	    cmocka_unit_test(the_one_before_ends_for_ever),
	    cmocka_unit_test(a_log_tells_itself_what_was_dropped_of_it_while_it_lives),
	};

	return cmocka_run_group_tests_name("log_roll", tests, NULL, NULL);
}
