/* Retention in the database: what goes, what stays, and that a hold stops it. */
#include "tests/support/cmocka_all.h"

#include "audit/retention.h"
#include "tests/support/test_db.h"

#define ORIGIN "test.example/node1-2026"
#define OTHER "test.example/node2-2026"
#define PART RETENTION_PART_LEAVES
#define NOW_S INT64_C(1800000000)

/* The last leaf of each part is there; parts 0 and 1 are of January, 2 of March; 3 is not full. */
#define LAST_LEAF(part, day)                                                               \
	"SELECT audit_partition_ensure(1::int2, " #part " * 1048576);"                     \
	"INSERT INTO audit_leaf VALUES (1, (" #part " + 1) * 1048576 - 1,"                 \
	" convert_to('{\"seq\":' || (" #part " + 1) * 1048576 - 1 || ',\"st\":\"2026-" day \
	"T00:00:00Z\",\"v\":1,\"ev\":\"svc.heartbeat\",\"rc\":\"OK\",\"sev\":1,\"out\":"   \
	"\"success\",\"t\":\"2026-" day "T00:00:00Z\",\"n\":\"Djp8yJ-1B-ngHUVmVtIWmw\"}'," \
	" 'UTF8'));"                                                                       \
	"INSERT INTO audit_blob VALUES (1, " #part " * 1048576, sha256('n'), 'blob');"
#define FEBRUARY_S INT64_C(1769904000)
#define APRIL_S INT64_C(1775001600)

struct world {
	struct test_db test;
	struct db *db;
	struct rng rng;
};

static void
world_init(struct world *world)
{
	static const uint8_t PUBLIC_KEY[32] = {1};

	test_db_init(&world->test);
	test_db_open_log(&world->test, ORIGIN, PUBLIC_KEY);
	test_db_open_log(&world->test, OTHER, PUBLIC_KEY);
	test_db_run(&world->test,
	    LAST_LEAF(0, "01-10") LAST_LEAF(1, "01-20")
		LAST_LEAF(2, "03-01") "SELECT audit_partition_ensure(1::int2, 3 * 1048576);"
				      "UPDATE audit_log SET size = 3 * 1048576 + 10 WHERE id = 1");
	world->db = db_new(&(struct db_options){.url = world->test.owner_url,
	    .application = "test",
	    .connections_max = 2,
	    .wait_ms = 1000});
	world->rng = rng_repeatable(1);
}

static void
world_clear(struct world *world)
{
	db_free(world->db);
	test_db_clear(&world->test);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

static bool
prune(struct world *world, const struct retention_request *request, struct retention_result *out,
    struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	assert_true(tx_begin(world->db, &tx, err));
	return retention_prune(tx, request, NOW_S, &world->rng, out, err) && tx_commit(&tx, err);
}

static void
prunes(struct world *world, struct retention_request request, size_t parts, int64_t first,
    int64_t last)
{
	struct retention_result result;
	struct error err = {0};

	request.origin = ORIGIN;
	if (!prune(world, &request, &result, &err))
		fail_msg("%s (%s)", err.detail, err.cause);
	assert_int_equal(result.parts, parts);
	assert_int_equal(result.first, first);
	assert_int_equal(result.last, last);
}

static void
does_not_prune(struct world *world, const struct retention_request *request, enum error_code code,
    const char *detail)
{
	const int64_t before = test_db_int(&world->test, "SELECT count(*) FROM audit_leaf");
	struct retention_result result;
	struct error err = {0};

	assert_false(prune(world, request, &result, &err));
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.detail, detail));
	assert_int_equal(test_db_int(&world->test, "SELECT count(*) FROM audit_leaf"), before);
	assert_int_equal(test_db_int(&world->test, "SELECT count(*) FROM audit_outbox"), 0);
}

static int64_t
outbox_has(const struct world *world, const char *text)
{
	char sql[256];

	(void)snprintf(sql, sizeof sql,
	    "SELECT count(*) FROM audit_outbox WHERE position('%s' IN convert_from(tail, 'UTF8')) "
	    "> 0",
	    text);
	return test_db_int(&world->test, sql);
}

static bool
place(struct world *world, const char *name, const char *origin, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	assert_true(tx_begin(world->db, &tx, err));
	return retention_hold(tx, name, origin, NOW_S, &world->rng, err) && tx_commit(&tx, err);
}

static bool
release(struct world *world, const char *name, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;

	assert_true(tx_begin(world->db, &tx, err));
	return retention_release(tx, name, NOW_S, &world->rng, err) && tx_commit(&tx, err);
}

/* ---- what goes ---- */

static void
old_parts_go_and_a_leaf_says_which(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	prunes(&world, (struct retention_request){.before_s = FEBRUARY_S, .published = INT64_MAX},
	    2, 0, 2 * PART - 1);
	assert_int_equal(test_db_int(&world.test, "SELECT min(seq) FROM audit_leaf"), 3 * PART - 1);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM audit_blob"), 3);
	assert_int_equal(outbox_has(&world, "\"ev\":\"log.prune\""), 1);
	assert_int_equal(outbox_has(&world, "\"sub\":\"log:node1-2026\",\"cnt\":2097152,"), 1);
	assert_int_equal(outbox_has(&world, "\"d\":{\"first\":0,\"last\":2097151}"), 1);
	/* Nothing is left of that age; a leaf is left where something went. */
	prunes(&world, (struct retention_request){.before_s = FEBRUARY_S, .published = INT64_MAX},
	    0, 0, 0);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM audit_outbox"), 1);
	prunes(&world, (struct retention_request){.before_s = APRIL_S, .published = INT64_MAX}, 1,
	    2 * PART, 3 * PART - 1);
}

static void
what_is_young_or_not_published_or_not_full_stays(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	prunes(&world, (struct retention_request){.before_s = 0, .published = INT64_MAX}, 0, 0, 0);
	prunes(&world,
	    (struct retention_request){.before_s = NOW_S, .published = (uint64_t)PART - 1}, 0, 0,
	    0);
	prunes(&world, (struct retention_request){.before_s = NOW_S, .published = (uint64_t)PART},
	    1, 0, PART - 1);
	prunes(&world, (struct retention_request){.before_s = NOW_S, .published = INT64_MAX}, 2,
	    PART, 3 * PART - 1);
	prunes(
	    &world, (struct retention_request){.before_s = NOW_S, .published = INT64_MAX}, 0, 0, 0);
	assert_int_equal(
	    test_db_int(&world.test, "SELECT count(to_regclass('audit_leaf_1_3'))"), 1);
}

static void
a_log_of_just_full_parts_keeps_its_last(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	test_db_run(&world.test, "UPDATE audit_log SET size = 3 * 1048576 WHERE id = 1");
	prunes(&world, (struct retention_request){.before_s = NOW_S, .published = INT64_MAX}, 2, 0,
	    2 * PART - 1);
}

static void
blobs_go_and_leaves_stay(void **state)
{
	DEFER(world_clear) struct world world;
	const struct retention_request blobs = {
	    .what = RETENTION_BLOBS, .before_s = FEBRUARY_S, .published = INT64_MAX};

	(void)state;
	world_init(&world);
	prunes(&world, blobs, 2, 0, 2 * PART - 1);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM audit_leaf"), 3);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM audit_blob"), 1);
	assert_int_equal(outbox_has(&world, "\"d\":{\"blobs_first\":0,\"blobs_last\":2097151}"), 1);
	assert_int_equal(outbox_has(&world, "\"first\":0,\"last\""), 0);
	/* Whose leaves went before are old enough. */
	prunes(&world, (struct retention_request){.before_s = APRIL_S, .published = INT64_MAX}, 3,
	    0, 3 * PART - 1);
	prunes(&world, blobs, 1, 2 * PART, 3 * PART - 1);
}

/* Sealed identities go with the part that their leaves are in, and their keys are to follow. */
#define ESCROW(seq)                                                                              \
	"INSERT INTO escrow_record SELECT 1, " #seq ", 1, substring(sha256('" #seq "') FOR 16)," \
	" sha256('n'), convert_to(repeat('x', 64), 'UTF8');"                                     \
	"INSERT INTO escrow_share SELECT 1, " #seq ", 1, 1,"                                     \
	" convert_to(repeat('x', 112), 'UTF8'), 1, sha256('k');"

/* A million of them take longer than statements of other transactions may. */
#define ONLY_WITH_TIME                                                                  \
	"CREATE FUNCTION only_with_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN" \
	" IF current_setting('statement_timeout') <> '0' THEN RAISE 'no time'; END IF;" \
	" RETURN OLD; END $$;"                                                          \
	"CREATE TRIGGER only_with_time BEFORE DELETE ON escrow_record FOR EACH ROW"     \
	" EXECUTE FUNCTION only_with_time()"

static void
sealed_identities_go_with_the_blobs(void **state)
{
	DEFER(world_clear) struct world world;
	const struct retention_request blobs = {
	    .what = RETENTION_BLOBS, .before_s = FEBRUARY_S, .published = INT64_MAX};
	struct error err = {0};

	(void)state;
	world_init(&world);
	test_db_run(&world.test, ESCROW(0) ESCROW(2097151) ESCROW(2097152));
	test_db_run(&world.test, ONLY_WITH_TIME);
	assert_true(place(&world, "held", NULL, &err));
	test_db_run(&world.test, "DELETE FROM audit_outbox");
	does_not_prune(&world,
	    &(struct retention_request){.origin = ORIGIN,
		.what = RETENTION_BLOBS,
		.before_s = FEBRUARY_S,
		.published = INT64_MAX},
	    E_STATE_CONFLICT, "held");
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM escrow_record"), 3);
	assert_true(release(&world, "held", &err));
	prunes(&world, blobs, 2, 0, 2 * PART - 1);
	assert_int_equal(test_db_int(&world.test, "SELECT min(seq) FROM escrow_record"), 2097152);
	assert_int_equal(test_db_int(&world.test, "SELECT min(seq) FROM escrow_share"), 2097152);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM shred_pruned"), 2);
	assert_int_equal(
	    test_db_int(&world.test, "SELECT count(*) FROM audit_pruned WHERE log = 1 AND"
				     " what = 'audit_blob' AND part IN (0, 1)"),
	    2);
	/* Leaves alone take no identity along. */
	prunes(&world, (struct retention_request){.before_s = APRIL_S, .published = INT64_MAX}, 3,
	    0, 3 * PART - 1);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM escrow_record"), 1);
}

static void
an_unknown_log_and_a_missing_leaf_are_told(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	does_not_prune(&world,
	    &(struct retention_request){
		.origin = "test.example/nobody", .before_s = NOW_S, .published = INT64_MAX},
	    E_NOT_FOUND, "nobody");
	test_db_run(&world.test, "SET session_replication_role = replica;"
				 "DELETE FROM audit_leaf WHERE seq < 1048576");
	does_not_prune(&world,
	    &(struct retention_request){
		.origin = ORIGIN, .before_s = NOW_S, .published = INT64_MAX},
	    E_RECORD_UNAVAILABLE, "leaf 1048575 is not in the database");
}

/* ---- what holds it ---- */

static void
a_hold_stops_it_until_it_is_released(void **state)
{
	static const char *const LOGS[] = {ORIGIN, NULL};
	const struct retention_request request = {
	    .origin = ORIGIN, .before_s = FEBRUARY_S, .published = INT64_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(LOGS); i++) {
		DEFER(world_clear) struct world world;
		struct error err = {0};

		world_init(&world);
		assert_true(place(&world, "case-4711", LOGS[i], &err));
		assert_int_equal(outbox_has(&world, "\"ev\":\"log.hold\""), 1);
		test_db_run(&world.test, "DELETE FROM audit_outbox");
		does_not_prune(&world, &request, E_STATE_CONFLICT, "case-4711");
		assert_true(release(&world, "case-4711", &err));
		assert_int_equal(outbox_has(&world, "\"ev\":\"log.release\""), 1);
		prunes(&world, request, 2, 0, 2 * PART - 1);
	}
}

static void
a_hold_of_another_log_does_not(void **state)
{
	DEFER(world_clear) struct world world;
	struct error err = {0};

	(void)state;
	world_init(&world);
	assert_true(place(&world, "other", OTHER, &err));
	assert_int_equal(outbox_has(&world, "\"sub\":\"hold:other/node2-2026\""), 1);
	prunes(&world, (struct retention_request){.before_s = FEBRUARY_S, .published = INT64_MAX},
	    2, 0, 2 * PART - 1);
}

static void
two_holds_are_released_one_by_one(void **state)
{
	const struct retention_request request = {
	    .origin = ORIGIN, .before_s = FEBRUARY_S, .published = INT64_MAX};
	DEFER(world_clear) struct world world;
	struct error err = {0}, twice = {0};

	(void)state;
	world_init(&world);
	assert_true(place(&world, "a", NULL, &err) && place(&world, "b", ORIGIN, &err));
	assert_false(place(&world, "a", ORIGIN, &twice));
	assert_int_equal(twice.code, E_STATE_CONFLICT);
	assert_true(release(&world, "a", &err));
	test_db_run(&world.test, "DELETE FROM audit_outbox");
	does_not_prune(&world, &request, E_STATE_CONFLICT, "b");
	assert_true(release(&world, "b", &err));
	twice = (struct error){0};
	assert_false(release(&world, "b", &twice));
	assert_int_equal(twice.code, E_NOT_FOUND);
	assert_true(place(&world, "a", NULL, &err)); /* again, on record twice */
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM legal_hold"), 3);
}

static void
names_of_holds_are_bounded(void **state)
{
	static const char *const BAD[] = {"", "a b", "a/b", ".", "..", "-a", "_a", "\"", "a\n",
	    "123456789012345678901234567890123", "\xc3\xa4"};
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < COUNT(BAD); i++) {
		struct error err = {0};

		assert_false(place(&world, BAD[i], NULL, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM legal_hold"), 0);
}

static void
no_more_holds_than_can_be_listed(void **state)
{
	DEFER(world_clear) struct world world;
	struct error err = {0}, refused = {0};
	char name[8];

	(void)state;
	world_init(&world);
	for (int i = 0; i < RETENTION_HOLDS_MAX; i++) {
		(void)snprintf(name, sizeof name, "h%d", i);
		assert_true(place(&world, name, NULL, &err));
	}
	assert_false(place(&world, "more", NULL, &refused));
	assert_int_equal(refused.code, E_STATE_CONFLICT);
	assert_true(release(&world, "h7", &err));
	assert_true(place(&world, "more", NULL, &err));
}

static void
the_service_places_and_releases_holds_and_no_more(void **state)
{
	static const struct {
		const char *column, *privilege;
		int may;
	} ROWS[] = {{"name", "INSERT", 1}, {"released_at_s", "UPDATE", 1}, {"name", "UPDATE", 0},
	    {"log", "UPDATE", 0}, {"placed_at_s", "UPDATE", 0}, {"placed_by", "UPDATE", 0},
	    {"released_at_s", "INSERT", 0}};
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		char sql[160];

		(void)snprintf(sql, sizeof sql,
		    "SELECT has_column_privilege('moniker_service', 'legal_hold', '%s', '%s')::int",
		    ROWS[i].column, ROWS[i].privilege);
		assert_int_equal(test_db_int(&world.test, sql), ROWS[i].may);
	}
	assert_int_equal(
	    test_db_int(&world.test,
		"SELECT has_table_privilege('moniker_service', 'legal_hold', 'DELETE, TRUNCATE')"
		"::int"),
	    0);
}

/* Whoever calls it, and whatever was looked at before. */
static void
the_database_itself_drops_nothing_that_is_held(void **state)
{
	static const char *const CALLS[] = {"audit_leaf', 1::int2, 0", "audit_leaf', 1::int2, 3",
	    "audit_leaf', 1::int2, -1", "audit_leaf', 9::int2, 0", "audit_log', 1::int2, 0"};
	DEFER(world_clear) struct world world;
	struct error err = {0};

	(void)state;
	world_init(&world);
	assert_true(place(&world, "all", NULL, &err));
	for (size_t i = 0; i < COUNT(CALLS); i++) {
		char sql[400];

		/* The first, once it is released, is the one that is right. */
		(void)snprintf(sql, sizeof sql,
		    "DO $$ BEGIN PERFORM audit_prune('%s); RAISE EXCEPTION 'done' USING ERRCODE = "
		    "'MK999'; EXCEPTION WHEN SQLSTATE '%s' THEN NULL; END $$",
		    CALLS[i], i == 0 ? "MK009" : "MK004");
		test_db_run(&world.test, sql);
		if (i == 0)
			assert_true(release(&world, "all", &err));
	}
	assert_int_equal(
	    test_db_int(&world.test,
		"SELECT has_function_privilege('moniker_service', 'audit_prune(text, smallint, "
		"bigint)', 'EXECUTE')::int"),
	    0);
	test_db_run(&world.test, "SELECT audit_prune('audit_leaf', 1::int2, 0)");
	assert_int_equal(
	    test_db_int(&world.test, "SELECT count(to_regclass('audit_leaf_1_0'))"), 0);
}

static void
a_hold_that_is_being_placed_is_waited_for(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(tx_free) struct tx *tx = NULL;
	struct retention_result result;
	struct error err = {0}, refused = {0};

	(void)state;
	world_init(&world);
	assert_true(tx_begin(world.db, &tx, &err));
	assert_true(retention_hold(tx, "late", NULL, NOW_S, &world.rng, &err));
	assert_false(prune(&world,
	    &(struct retention_request){
		.origin = ORIGIN, .before_s = FEBRUARY_S, .published = INT64_MAX},
	    &result, &refused));
	assert_true(tx_commit(&tx, &err));
	assert_int_equal(
	    test_db_int(&world.test, "SELECT count(to_regclass('audit_leaf_1_0'))"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(old_parts_go_and_a_leaf_says_which),
	    cmocka_unit_test(what_is_young_or_not_published_or_not_full_stays),
	    cmocka_unit_test(a_log_of_just_full_parts_keeps_its_last),
	    cmocka_unit_test(blobs_go_and_leaves_stay),
	    cmocka_unit_test(sealed_identities_go_with_the_blobs),
	    cmocka_unit_test(an_unknown_log_and_a_missing_leaf_are_told),
	    cmocka_unit_test(a_hold_stops_it_until_it_is_released),
	    cmocka_unit_test(a_hold_of_another_log_does_not),
	    cmocka_unit_test(two_holds_are_released_one_by_one),
	    cmocka_unit_test(names_of_holds_are_bounded),
	    cmocka_unit_test(no_more_holds_than_can_be_listed),
	    cmocka_unit_test(the_service_places_and_releases_holds_and_no_more),
	    cmocka_unit_test(the_database_itself_drops_nothing_that_is_held),
	    cmocka_unit_test(a_hold_that_is_being_placed_is_waited_for),
	};

	return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
