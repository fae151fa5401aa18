/* CRLs built by two services on one database. */
#include "tests/support/crl_world.h"

#include <pthread.h>

#define LEASE_S 60 /* as crl_make.c has it */

static void
while_one_node_has_the_lease_the_other_builds_nothing(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(crl_made_clear) struct crl_made made = {0};
	const struct crl_list none = {0};
	struct crl_lease lease, other;
	struct crl_key key;
	struct error err = {0};
	bool kept = true;

	(void)state;
	world_init(&world);
	key = (struct crl_key){.issuer = world.issuer->id};
	assert_true(crl_store_lease(
	    world.nodes[0].db, key, "node1", TEST_NOW_S, TEST_NOW_S + LEASE_S, &lease, &err));
	assert_true(lease.number >= (uint64_t)TEST_NOW_S);
	assert_false(make(&world, 1, true, &made));
	assert_null(made.files[CRL_FULL]);

	/* node1 hangs; when its lease has run out, node2 builds, and what node1 had is not kept. */
	world.nodes[1].clock = clock_fixed(TEST_NOW_S + LEASE_S);
	assert_true(make(&world, 1, true, &made));
	assert_true(made.lists[CRL_FULL].number > lease.number);
	assert_true(crl_store_keep(world.nodes[0].db,
	    &(struct crl_publication){
		.key = key, .node = "node1", .number = lease.number, .lists = {&none, &none}},
	    &kept, &err));
	assert_false(kept);
	assert_int_equal(test_db_int(&world.test, "SELECT max(full_number) FROM crl"),
	    (int64_t)made.lists[CRL_FULL].number);
	assert_true(crl_store_lease(
	    world.nodes[0].db, key, "node1", TEST_NOW_S, TEST_NOW_S + LEASE_S, &other, &err));
	assert_true(other.number > made.lists[CRL_FULL].number);
}

struct racer {
	struct world *world;
	int node;
	uint64_t numbers[20];
	size_t count;
};

static void *
race(void *context)
{
	struct racer *racer = context;

	for (int i = 0; i < 20; i++) {
		DEFER(crl_made_clear) struct crl_made made = {0};

		if (make(racer->world, racer->node, i % 2 == 0, &made))
			racer->numbers[racer->count++] = made.lists[CRL_DELTA].number;
	}
	return NULL;
}

static void
two_nodes_at_once_never_use_a_number_twice(void **state)
{
	DEFER(world_clear) struct world world;
	struct racer racers[2] = {{&world, 0, {0}, 0}, {&world, 1, {0}, 0}};
	pthread_t threads[2];
	uint64_t highest = 0;

	(void)state;
	world_init(&world);
	revoke_all(&world, 1, 500);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(racers[0].count + racers[1].count > 0);
	for (int r = 0; r < 2; r++)
		for (size_t i = 0; i < racers[r].count; i++) {
			if (racers[r].numbers[i] > highest)
				highest = racers[r].numbers[i];
			assert_true(i == 0 || racers[r].numbers[i] > racers[r].numbers[i - 1]);
			for (size_t j = 0; j < racers[1 - r].count; j++)
				assert_int_not_equal(
				    racers[r].numbers[i], racers[1 - r].numbers[j]);
		}
	assert_int_equal(
	    test_db_int(&world.test, "SELECT max(delta_number) FROM crl"), (int64_t)highest);
}

/* What one service made is what the other one serves, also when it is of several parts. */
static void
another_service_reads_what_was_made(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(crl_made_clear) struct crl_made first = {0};
	DEFER(crl_made_clear) struct crl_made made = {0};

	(void)state;
	world_init(&world);
	assert_true(make(&world, 0, true, &first));
	revoke_all(&world, 1, 50000);
	assert_true(make(&world, 0, true, &made));
	assert_int_equal(entries_of(made.files[CRL_FULL]), 50000);
	assert_int_equal(entries_of(made.files[CRL_DELTA]), 50000);
	assert_true(test_db_int(&world.test,
			"SELECT count(*) FROM crl_part WHERE NOT delta AND octets IS NOT NULL"
			" AND issuer = (SELECT issuer FROM crl_part WHERE delta LIMIT 1)") >= 3);
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
		DEFER(crl_file_free) struct crl_file *read = NULL;
		DEFER(buf_clear_public) struct buf stored = {0};
		DEFER(buf_clear_public) struct buf built = {0};
		struct crl_list list;
		struct error err = {0};

		assert_true(
		    crl_store_get(world.nodes[1].db, (struct crl_key){.issuer = world.issuer->id},
			(enum crl_kind)kind, world.folder.path, &list, &read, &err));
		assert_int_equal(list.number, made.lists[kind].number);
		assert_int_equal(list.status_seq, 50000);
		list_read(read, &stored);
		list_read(made.files[kind], &built);
		assert_true(bytes_equal(buf_bytes(&stored), buf_bytes(&built)));
	}
}

/* A delta alone: cheap, whatever the length of the full CRL, which stays in force. */
static void
a_delta_alone_leaves_the_full_crl_in_force(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(crl_made_clear) struct crl_made both = {0};
	DEFER(crl_made_clear) struct crl_made delta = {0};

	(void)state;
	world_init(&world);
	assert_true(make(&world, 0, false, &both)); /* without a base there is no delta alone */
	assert_non_null(both.files[CRL_FULL]);
	assert_int_equal(entries_of(both.files[CRL_DELTA]), 0);
	revoke_all(&world, 1, 3);
	assert_true(make(&world, 1, false, &delta));
	assert_null(delta.files[CRL_FULL]);
	assert_int_equal(entries_of(delta.files[CRL_DELTA]), 3);
	assert_true(delta.lists[CRL_DELTA].number > both.lists[CRL_FULL].number);
	assert_int_equal(test_db_int(&world.test, "SELECT max(full_number) FROM crl"),
	    (int64_t)both.lists[CRL_FULL].number);
}

/* RFC 5280 section 5.2.3: issued at the same time, they say the same and have one number. */
static void
lists_made_together_are_of_one_moment(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(crl_made_clear) struct crl_made first = {0};
	DEFER(crl_made_clear) struct crl_made made = {0};

	(void)state;
	world_init(&world);
	assert_true(make(&world, 0, true, &first));
	revoke_all(&world, 1, 7);
	world.nodes[0].clock = clock_fixed(TEST_NOW_S + 5);
	assert_true(make(&world, 0, true, &made));
	assert_memory_equal(
	    &made.lists[CRL_FULL], &made.lists[CRL_DELTA], sizeof made.lists[CRL_FULL]);
	assert_int_equal(made.lists[CRL_FULL].this_update_s, TEST_NOW_S + 5);
	assert_int_equal(entries_of(made.files[CRL_FULL]), 7);
	assert_int_equal(entries_of(made.files[CRL_DELTA]), 7);
}

/* RFC 5280 sections 3.3 and 5.2.4: nobody leaves before a full CRL after his end has listed him. */
static void
who_expires_before_the_next_full_crl_is_on_it_once(void **state)
{
	static const struct {
		int at_s;
		bool full;
		int on_full, on_delta;
	} ROWS[] = {{5, false, 0, 1}, {100, true, 1, 1}, {150, false, 0, 1}, {200, true, 0, 1}};
	DEFER(world_clear) struct world world;
	DEFER(crl_made_clear) struct crl_made first = {0};
	char sql[128];

	(void)state;
	world_init(&world);
	assert_true(make(&world, 0, true, &first));
	revoke_all(&world, 1, 1);
	(void)snprintf(sql, sizeof sql, "UPDATE revocation SET not_after_at_s = %lld",
	    (long long)TEST_NOW_S + 10);
	test_db_run(&world.test, sql);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(crl_made_clear) struct crl_made made = {0};

		world.nodes[0].clock = clock_fixed(TEST_NOW_S + ROWS[i].at_s);
		assert_true(make(&world, 0, ROWS[i].full, &made));
		assert_int_equal(entries_of(made.files[CRL_DELTA]), ROWS[i].on_delta);
		if (ROWS[i].full)
			assert_int_equal(entries_of(made.files[CRL_FULL]), ROWS[i].on_full);
	}
}

static void
a_build_that_fails_leaves_what_is_in_force(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(crl_made_clear) struct crl_made good = {0};
	DEFER(crl_made_clear) struct crl_made again = {0};
	struct crl_made bad = {0};
	struct error err = {0};

	(void)state;
	world_init(&world);
	assert_true(make(&world, 0, true, &good));
	revoke_all(&world, 1, 2);
	world.keeper.refuses = true;
	assert_false(crl_make(&world.nodes[0].options, world.issuer, 0, true, &bad, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	world.keeper.refuses = false;
	world.nodes[0].options.dir = "/nowhere/at/all";
	err = (struct error){0};
	assert_false(crl_make(&world.nodes[0].options, world.issuer, 0, true, &bad, &err));
	assert_int_equal(err.code, E_FILE_FAILED);
	assert_int_equal(test_db_int(&world.test, "SELECT max(full_number) FROM crl"),
	    (int64_t)good.lists[CRL_FULL].number);
	assert_true(make(&world, 1, true, &again)); /* the lease was given back */
	assert_int_equal(entries_of(again.files[CRL_FULL]), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(while_one_node_has_the_lease_the_other_builds_nothing),
	    cmocka_unit_test(two_nodes_at_once_never_use_a_number_twice),
	    cmocka_unit_test(another_service_reads_what_was_made),
	    cmocka_unit_test(a_delta_alone_leaves_the_full_crl_in_force),
	    cmocka_unit_test(lists_made_together_are_of_one_moment),
	    cmocka_unit_test(who_expires_before_the_next_full_crl_is_on_it_once),
	    cmocka_unit_test(a_build_that_fails_leaves_what_is_in_force),
	};

	secret_process_init();
	return cmocka_run_group_tests_name("crl", tests, NULL, NULL);
}
