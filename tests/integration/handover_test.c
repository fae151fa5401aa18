/* Shares that wait for a seat's holder, and those that come back: what the database keeps of them.
 */
#include "tests/support/cmocka_all.h"

#include "provisioning/handover_store.h"
#include "tests/support/test_db.h"

#define ORIGIN "test.example/node1-2026"

struct world {
	struct test_db test;
	struct db *db; /* the service's */
	struct handover_seat seat;
	int64_t old[1];
};

/* Set 1 is the former holder's; set 2 is in force. */
static void
world_init(struct world *world)
{
	static const uint8_t PUBLIC_KEY[32] = {1};

	test_db_init(&world->test);
	test_db_open_log(&world->test, ORIGIN, PUBLIC_KEY);
	world->db = db_new(&(struct db_options){.url = world->test.service_url,
	    .application = "test",
	    .connections_max = 2,
	    .wait_ms = 1000});
	world->old[0] = 1;
	world->seat = (struct handover_seat){
	    .holder = {.role = SEAT_LEGAL, .number = 1}, .old = world->old, .old_count = 1};
	memset(world->seat.holder.public_key, 'b', SEAT_KEY_BYTES);
}

static void
world_clear(struct world *world)
{
	db_free(world->db);
	test_db_clear(&world->test);
}
DEFER_DECLARE_CLEAR(struct world, world_clear)

#define RECORDS(set, from, to)                                                             \
	"INSERT INTO escrow_record SELECT 1, n, " set ", substring(sha256(n::text::bytea)" \
	" FOR 16), sha256('n'), convert_to(repeat('x', 64), 'UTF8')"                       \
	" FROM generate_series(" from ", " to ") AS n"

static struct handover_share
share_of(int64_t seq, uint8_t fill)
{
	struct handover_share share = {.origin = BYTES_LITERAL(ORIGIN), .seq = seq};

	memset(share.sealed, fill, sizeof share.sealed);
	return share;
}

static int64_t
inserts(struct world *world, const struct handover_share *shares, size_t count)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct error err = {0};
	int64_t inserted = -1;

	assert_true(tx_begin(world->db, &tx, &err));
	assert_true(handover_store_insert(tx, &world->seat, shares, count, 5, &inserted, &err));
	assert_true(tx_commit(&tx, &err));
	return inserted;
}

static void
assert_state(struct world *world, const struct handover_share *shares, size_t count, int64_t known,
    int64_t there, int64_t same)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct handover_state state;
	struct error err = {0};

	assert_true(tx_begin(world->db, &tx, &err));
	assert_true(handover_store_state(tx, &world->seat, shares, count, &state, &err));
	assert_int_equal(state.known, known);
	assert_int_equal(state.there, there);
	assert_int_equal(state.same, same);
}

/* How many wait, and in how many requests they were found. */
static size_t
count_waiting(struct world *world, size_t *out_requests)
{
	struct handover_cursor after = {-1, -1};
	bool more = true;
	size_t count = 0;

	for (*out_requests = 0; more; ++*out_requests) {
		DEFER(handover_rows_free) struct handover_rows *rows = NULL;
		struct error err = {0};

		assert_true(handover_store_waiting(world->db, &world->seat, after, &rows, &err));
		for (size_t i = 0; i < rows->count; i++) {
			assert_true(rows->at[i].at.seq > after.seq);
			assert_string_equal(rows->at[i].origin, ORIGIN);
			after = rows->at[i].at;
		}
		count += rows->count;
		more = rows->more;
		after = rows->next;
	}
	return count;
}

static void
all_that_wait_are_found_however_few_of_many(void **state)
{
	DEFER(world_clear) struct world world;
	size_t requests;

	(void)state;
	world_init(&world);
	assert_int_equal(count_waiting(&world, &requests), 0);
	assert_int_equal(requests, 1);
	test_db_run(&world.test, RECORDS("1", "0", "249"));
	assert_int_equal(count_waiting(&world, &requests), 250);
	assert_int_equal(requests, 3);
	test_db_run(&world.test, RECORDS("2", "250", "44999"));
	test_db_run(&world.test, RECORDS("1", "45000", "45000"));
	assert_int_equal(count_waiting(&world, &requests), 251);
	assert_int_equal(
	    requests, 5); /* two full pages; then 20,000 records in each, and the rest */
}

static void
what_is_erased_or_has_its_share_does_not_wait(void **state)
{
	DEFER(world_clear) struct world world;
	const struct handover_share share = share_of(3, 's');
	size_t requests;

	(void)state;
	world_init(&world);
	test_db_run(&world.test, RECORDS("1", "0", "9"));
	assert_int_equal(inserts(&world, &share, 1), 1);
	assert_int_equal(count_waiting(&world, &requests), 9);
	test_db_run(&world.test,
	    "INSERT INTO person (name, handle, created_at_s) VALUES ('p', 'aaaaaaaaaaaaaaaa', 1);"
	    "INSERT INTO erasure (id, person, asked, body, nonce, log, seq, at_s)"
	    " SELECT 'aaaaaaaaaaaaaaaa', id, sha256('a'), 'b', sha256('n'), 1, 0, 1 FROM person;"
	    "INSERT INTO erasure_record SELECT shred_id, 'aaaaaaaaaaaaaaaa' FROM escrow_record"
	    " WHERE seq = 5");
	assert_int_equal(count_waiting(&world, &requests), 8);
	world.seat.holder.number = 2; /* its place has no share */
	assert_int_equal(count_waiting(&world, &requests), 9);
	world.seat.holder.number = 1;
	memset(world.seat.holder.public_key, 'c', SEAT_KEY_BYTES); /* nor has the next holder one */
	assert_int_equal(count_waiting(&world, &requests), 9);
}

static void
a_share_is_never_written_over(void **state)
{
	DEFER(world_clear) struct world world;
	struct handover_share shares[] = {share_of(1, 's'), share_of(2, 's'), share_of(3, 's')};

	(void)state;
	world_init(&world);
	test_db_run(&world.test, RECORDS("1", "0", "9"));
	assert_state(&world, shares, 3, 3, 0, 0);
	assert_int_equal(inserts(&world, shares, 2), 2);
	assert_state(&world, shares, 3, 3, 2, 2);
	assert_int_equal(inserts(&world, shares, 3), 1);
	assert_int_equal(inserts(&world, shares, 3), 0);
	assert_state(&world, shares, 3, 3, 3, 3);
	shares[1] = share_of(2, 'o');
	assert_state(&world, shares, 3, 3, 3, 2);
	assert_int_equal(inserts(&world, shares, 3), 0);
	assert_int_equal(
	    test_db_int(&world.test,
		"SELECT count(*) FROM escrow_share WHERE sealed = repeat('s', 112)::bytea"),
	    3);
	memset(world.seat.holder.public_key, 'c', SEAT_KEY_BYTES); /* the next one has its own */
	assert_int_equal(inserts(&world, shares, 3), 3);
	assert_int_equal(test_db_int(&world.test, "SELECT count(*) FROM escrow_share"), 6);
}

static void
only_records_of_former_holders_are_known(void **state)
{
	DEFER(world_clear) struct world world;
	struct handover_share shares[] = {share_of(1, 's'), share_of(12, 's'), share_of(99, 's')};

	(void)state;
	world_init(&world);
	test_db_run(&world.test, RECORDS("1", "0", "9") ";" RECORDS("2", "10", "19"));
	assert_state(&world, shares, 3, 1, 0, 0);
	shares[1] = share_of(1, 's');
	assert_state(&world, shares, 2, 1, 0, 0); /* twice is once */
	shares[0].origin = bytes_of_text("test.example/none");
	assert_state(&world, shares, 1, 0, 0, 0);
}

static void
the_service_may_neither_change_nor_delete_a_share(void **state)
{
	DEFER(world_clear) struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(
	    test_db_int(&world.test,
		"SELECT count(*) FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS p"
		" WHERE has_table_privilege('moniker_service', 'escrow_share', p)"
		" OR has_table_privilege('moniker_service', 'seat_loss', p)"
		" OR has_table_privilege('moniker_service', 'seat_set', p)"),
	    0);
	assert_int_equal(test_db_int(&world.test,
			     "SELECT count(*) FROM unnest(ARRAY['seat_loss', 'seat_set']) AS t"
			     " WHERE has_table_privilege('moniker_service', t, 'INSERT')"),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_that_wait_are_found_however_few_of_many),
	    cmocka_unit_test(what_is_erased_or_has_its_share_does_not_wait),
	    cmocka_unit_test(a_share_is_never_written_over),
	    cmocka_unit_test(only_records_of_former_holders_are_known),
	    cmocka_unit_test(the_service_may_neither_change_nor_delete_a_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
