/* What is revoked and not on record yet, in CRLs: with the database and without it. */
#include "tests/support/crl_world.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ca/crl_slot.h"

static void
serial_of(int number, uint8_t out[static SERIAL_BYTES])
{
	memset(out, 0, SERIAL_BYTES);
	memcpy(out, "\x40\x00\x48", 3);
	out[SERIAL_BYTES - 2] = (uint8_t)(number >> 8);
	out[SERIAL_BYTES - 1] = (uint8_t)number;
}

static void
force(const struct world *world, struct status_index *statuses, int number)
{
	struct status_entry entry = {
	    .state = CERTIFICATE_REVOKED, .reason = REASON_KEY_COMPROMISE, .at_s = TEST_NOW_S + 3};

	serial_of(number, entry.serial);
	memcpy(entry.issuer, world->issuer->id, sizeof entry.issuer);
	assert_true(status_index_force(statuses, &entry));
}

/* The reason of a certificate in a list; -1: it is not there. */
static long
reason_in(struct crl_file *file, int number)
{
	DEFER(X509_CRL_free) X509_CRL *view = list_view(file);
	uint8_t serial[SERIAL_BYTES];
	ASN1_INTEGER *wanted = ASN1_INTEGER_new();
	X509_REVOKED *found = NULL;
	ASN1_ENUMERATED *reason = NULL;
	long code = -1;

	serial_of(number, serial);
	assert_int_equal(ASN1_STRING_set(wanted, serial, sizeof serial), 1);
	if (X509_CRL_get0_by_serial(view, &found, wanted) != 0) {
		reason = X509_REVOKED_get_ext_d2i(found, NID_crl_reason, NULL, NULL);
		code = reason == NULL ? 0 : ASN1_ENUMERATED_get(reason);
	}
	ASN1_ENUMERATED_free(reason);
	ASN1_INTEGER_free(wanted);
	return code;
}

static void
statuses_init(struct world *world, struct status_index **out)
{
	struct error err = {0};

	assert_true(status_index_new(
	    &(struct status_index_options){.clock = &world->nodes[0].clock}, out, &err));
	world->nodes[0].options.statuses = *out;
}

#define HOLD_ONE "UPDATE revocation SET state = 'held', reason = 6 WHERE seq = 2"

static void
what_is_spooled_is_in_a_list_once(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(status_index_free) struct status_index *statuses = NULL;
	DEFER(crl_made_clear) struct crl_made made = {0};
	DEFER(crl_made_clear) struct crl_made settled = {0};

	(void)state;
	world_init(&world);
	statuses_init(&world, &statuses);
	revoke_all(&world, 1, 3);
	test_db_run(&world.test, HOLD_ONE);
	force(&world, statuses, 1); /* recorded a moment ago: the index has not heard of it */
	force(&world, statuses, 2); /* on hold: from here on it is revoked */
	force(&world, statuses, 100);
	assert_true(make(&world, 0, true, &made));
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
		assert_int_equal(entries_of(made.files[kind]), kind == CRL_FULL ? 4 : 3);
		assert_int_equal(reason_in(made.files[kind], 100), REASON_KEY_COMPROMISE);
	}
	assert_int_equal(reason_in(made.files[CRL_FULL], 2), REASON_KEY_COMPROMISE);
	assert_true(made.spooled);
	status_index_settle(statuses); /* 100 was none of ours */
	assert_true(made.turn != status_index_turn(statuses));
	assert_true(make(&world, 0, true, &settled));
	assert_int_equal(entries_of(settled.files[CRL_FULL]), 3);
	assert_int_equal(reason_in(settled.files[CRL_FULL], 2), REASON_HOLD);
	assert_false(settled.spooled);
}

/* In force: the newest of what was made. */
static void
put_in_force(struct crl_made *made, struct crl_view served[static CRL_KIND_COUNT])
{
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
		if (made->files[kind] == NULL)
			continue;
		crl_view_clear(&served[kind]);
		served[kind] = (struct crl_view){.der = TAKE(made->files[kind]),
		    .info = {.number = made->lists[kind].number,
			.next_update_s = made->lists[kind].next_update_s,
			.ours = made->ours[kind]}};
	}
}

static bool
extend_as(struct world *world, struct status_index *statuses,
    struct crl_view served[static CRL_KIND_COUNT], uint64_t number, struct crl_made *out,
    struct error *err)
{
	DEFER(crl_spooled_clear) struct crl_spooled spooled = {0};
	const struct crl_spooled_base base = {
	    .issuer = world->issuer, .served = served, .number = number};

	assert_int_not_equal(number, 0);
	crl_spooled_read(statuses, world->issuer, 0, &spooled);
	return crl_spooled_make(&world->nodes[0].options, &base, &spooled, out, err);
}

static void
extend(struct world *world, struct status_index *statuses,
    struct crl_view served[static CRL_KIND_COUNT], struct crl_made *out)
{
	struct error err = {0};

	if (!extend_as(
		world, statuses, served, crl_spooled_number(served, 0, TEST_NOW_S + 60), out, &err))
		fail_msg("%s (%s)", err.detail, err.cause);
}

static void
assert_signed_by(const struct world *world, struct crl_file *file)
{
	DEFER(X509_CRL_free) X509_CRL *view = list_view(file);
	const struct bytes spki = key_spki(world->keeper.key);
	const uint8_t *at = spki.data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len);

	assert_int_equal(X509_CRL_verify(view, key), 1);
	EVP_PKEY_free(key);
}

#define RELEASE_ONE                                                                               \
	"WITH gone AS (DELETE FROM revocation WHERE seq = 5 RETURNING *),"                        \
	" head AS (UPDATE status_head SET seq = 5011)"                                            \
	" INSERT INTO status_change SELECT 5011, month, serial, issuer, 'good', 0, revoked_at_s," \
	" sha256(serial) FROM gone"

/* The full CRL is older than the delta: what has changed between them is in both that follow. */
static void
without_the_database_lists_go_on_from_those_in_force(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(status_index_free) struct status_index *statuses = NULL;
	struct crl_view served[CRL_KIND_COUNT] = {0};
	DEFER(crl_made_clear) struct crl_made made = {0};
	uint64_t number;

	(void)state;
	world_init(&world);
	statuses_init(&world, &statuses);
	revoke_all(&world, 1, 5000);
	assert_true(make(&world, 0, true, &made));
	put_in_force(&made, served);
	revoke_all(&world, 5001, 5010);
	test_db_run(&world.test, RELEASE_ONE);
	assert_true(make(&world, 0, false, &made));
	assert_int_equal(entries_of(made.files[CRL_DELTA]), 11);
	number = made.lists[CRL_DELTA].number;
	put_in_force(&made, served);
	for (int i = 0; i < 2; i++) {
		force(&world, statuses, 9000 + i);
		force(&world, statuses, 5005); /* it is on a list already */
		extend(&world, statuses, served, &made);
		assert_int_equal(entries_of(made.files[CRL_FULL]), 5000 - 1 + 10 + 1 + i);
		assert_int_equal(entries_of(made.files[CRL_DELTA]), 11 + 1 + i);
		assert_int_equal(reason_in(made.files[CRL_FULL], 5), -1);
		assert_int_equal(reason_in(made.files[CRL_DELTA], 5), CRL_REASON_REMOVE_FROM_CRL);
		for (int kind = 0; kind < CRL_KIND_COUNT; kind++) {
			assert_signed_by(&world, made.files[kind]);
			assert_int_equal(made.lists[kind].number, number + 1 + (uint64_t)i);
			assert_int_equal(made.lists[kind].next_update_s, TEST_NOW_S + DAY_S);
			assert_int_equal(
			    reason_in(made.files[kind], 9000 + i), REASON_KEY_COMPROMISE);
		}
		put_in_force(&made, served);
	}
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		crl_view_clear(&served[kind]);
}

/* Another node's list, one that has ended, numbers that are used up, the halves of two pairs. */
static void
only_lists_of_ones_own_are_gone_on_from(void **state)
{
	static const struct {
		struct crl_info full, delta;
		bool may;
	} ROWS[] = {
	    {{.number = 500000, .next_update_s = 7, .ours = {.base_number = 1}},
		{.number = 600000, .next_update_s = 7, .ours = {.base_number = 1}}, true},
	    {{.number = 500000, .next_update_s = 7},
		{.number = 600000, .next_update_s = 7, .ours = {.base_number = 1}}, false},
	    {{.number = 500000, .next_update_s = 7, .ours = {.base_number = 1}},
		{.number = 600000, .next_update_s = 7}, false},
	    {{.number = 500000, .next_update_s = 6, .ours = {.base_number = 1}},
		{.number = 600000, .next_update_s = 7, .ours = {.base_number = 1}}, false},
	    {{.number = 500000, .next_update_s = 7, .ours = {.base_number = 1}},
		{.number = 699999, .next_update_s = 7, .ours = {.base_number = 1}}, false},
	    {{.number = 600001, .next_update_s = 7, .ours = {.base_number = 1}},
		{.number = 600000, .next_update_s = 7, .ours = {.base_number = 1}}, false},
	    {{.number = 500000, .next_update_s = 7, .ours = {.base_number = 500000}},
		{.number = 600000, .next_update_s = 7, .ours = {.base_number = 600000}}, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const struct crl_view served[CRL_KIND_COUNT] = {
		    [CRL_FULL] = {.info = ROWS[i].full}, [CRL_DELTA] = {.info = ROWS[i].delta}};

		if ((crl_spooled_number(served, 0, 6) != 0) != ROWS[i].may)
			fail_msg("row %zu", i);
	}
}

/* The keeper has signed the full CRL, and then something failed. */
static void
a_number_that_was_tried_is_not_tried_again(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(status_index_free) struct status_index *statuses = NULL;
	struct crl_view served[CRL_KIND_COUNT] = {0};
	DEFER(crl_made_clear) struct crl_made made = {0};
	struct error err = {0};
	uint64_t first, next;

	(void)state;
	world_init(&world);
	statuses_init(&world, &statuses);
	revoke_all(&world, 1, 3);
	assert_true(make(&world, 0, true, &made));
	put_in_force(&made, served);
	force(&world, statuses, 100);
	first = crl_spooled_number(served, 0, TEST_NOW_S + 60);
	assert_true(crl_numbers_take(
	    world.keeper.numbers, world.issuer->id, 0, false, first, TEST_NOW_S, &err));
	assert_false(extend_as(&world, statuses, served, first, &made, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	next = crl_spooled_number(served, first, TEST_NOW_S + 60);
	assert_int_equal(next, first + 1);
	err = (struct error){0};
	assert_true(extend_as(&world, statuses, served, next, &made, &err));
	assert_int_equal(reason_in(made.files[CRL_DELTA], 100), REASON_KEY_COMPROMISE);
	assert_int_equal(crl_spooled_number(served, 1, TEST_NOW_S + 60), first); /* long ago */
	assert_int_equal(
	    crl_spooled_number(served, first - 1 + CRL_NUMBERS_PER_S - 1, TEST_NOW_S + 60), 0);
	for (int kind = 0; kind < CRL_KIND_COUNT; kind++)
		crl_view_clear(&served[kind]);
}

/* What a crash leaves of two lists of one number can be gone on from. */
static void
a_delta_is_kept_before_its_full_list(void **state)
{
	DEFER(world_clear) struct world world;
	DEFER(crl_made_clear) struct crl_made made = {0};
	struct crl_slot *slot;
	char folder[256];
	char events[4096] __attribute__((aligned(8)));
	const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	(void)state;
	world_init(&world);
	revoke_all(&world, 1, 3);
	assert_true(make(&world, 0, true, &made));
	(void)snprintf(folder, sizeof folder, "%s/crl", world.folder.path);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_true(inotify_add_watch(watch, folder, IN_MOVED_TO) >= 0);
	slot = crl_slot_new(world.issuer, 0, world.folder.path);
	crl_slot_serve_made(slot, &made);
	assert_true(read(watch, events, sizeof events) > 0);
	assert_non_null(strstr(((const struct inotify_event *)events)->name, "-delta.crl"));
	crl_slot_free(slot);
	(void)close(watch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_spooled_is_in_a_list_once),
	    cmocka_unit_test(without_the_database_lists_go_on_from_those_in_force),
	    cmocka_unit_test(only_lists_of_ones_own_are_gone_on_from),
	    cmocka_unit_test(a_number_that_was_tried_is_not_tried_again),
	    cmocka_unit_test(a_delta_is_kept_before_its_full_list),
	};

	secret_process_init();
	return cmocka_run_group_tests_name("crl_spooled", tests, NULL, NULL);
}
