/* A seat changes hands: what one role sees of a record, and what is sealed again from it. */
#include "tests/unit/provisioning/cmocka_all.h"

#include <sodium.h>
#include <string.h>

#include "provisioning/escrow_open.h"

enum { OLD, OTHER, OFFICER, HEIR, KEY_COUNT }; /* heir: of the old one's place */

struct world {
	struct seat_key keys[KEY_COUNT];
	struct buf record;
	struct escrow_view view, part;
};

static void
make_key(struct seat_key *out, enum seat_role role, int number)
{
	uint8_t secret[SEAT_KEY_BYTES];

	out->seat.role = role;
	out->seat.number = number;
	assert_int_equal(crypto_box_keypair(out->seat.public_key, secret), 0);
	out->secret = secret_new(bytes_of(secret, sizeof secret));
}

static int
make_world(void **state)
{
	static struct world world;
	static const struct escrow_identity identity = {
	    .model = BYTES_LITERAL("gateway-a"), .now_s = INT64_C(1767225601)};
	const struct rng rng = rng_system();
	struct seat seats[HEIR];
	struct seat_set set;
	struct error err = {0};

	make_key(&world.keys[OLD], SEAT_LEGAL, 1);
	make_key(&world.keys[OTHER], SEAT_LEGAL, 2);
	make_key(&world.keys[OFFICER], SEAT_OFFICER, 1);
	make_key(&world.keys[HEIR], SEAT_LEGAL, 1);
	for (size_t i = 0; i < COUNT(seats); i++)
		seats[i] = world.keys[i].seat;
	assert_true(seat_set_make(3, seats, COUNT(seats), &set, &err));
	assert_true(escrow_seal(&identity, &set, &rng, &world.record, &err));
	assert_true(escrow_parse(buf_bytes(&world.record), &world.view, &err));
	assert_true(escrow_parse_part(world.view.header,
	    escrow_find_group(&world.view, SEAT_LEGAL)->octets, &world.part, &err));
	*state = &world;
	return 0;
}

static int
drop_world(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < KEY_COUNT; i++)
		seat_key_clear(&world->keys[i]);
	buf_clear_public(&world->record);
	return 0;
}

static void
the_groups_stand_one_behind_the_other(void **state)
{
	const struct world *world = *state;
	const struct bytes legal = escrow_find_group(&world->view, SEAT_LEGAL)->octets;
	const struct bytes officer = escrow_find_group(&world->view, SEAT_OFFICER)->octets;

	assert_int_equal(legal.len, 3 + 2 * (2 + ESCROW_SEALED_SHARE_BYTES));
	assert_int_equal(officer.len, 3 + 2 + ESCROW_SEALED_SHARE_BYTES);
	assert_ptr_equal(
	    legal.data, world->record.data + ESCROW_HEADER_BYTES + ESCROW_CIPHERTEXT_BYTES);
	assert_ptr_equal(officer.data, legal.data + legal.len);
	assert_ptr_equal(officer.data + officer.len, world->record.data + world->record.len);
}

/* ---- what one role sees ---- */

static void
a_part_has_one_role_and_no_ciphertext(void **state)
{
	const struct world *world = *state;
	struct escrow_share share;
	struct error err = {0};

	assert_int_equal(world->part.group_count, 1);
	assert_int_equal(world->part.ciphertext.len, 0);
	assert_null(escrow_find_group(&world->part, SEAT_OFFICER));
	assert_false(escrow_share_open(
	    &world->part, &world->keys[OFFICER], (struct bytes){0}, &share, &err));
	assert_int_equal(err.code, E_ESCROW_UNREADABLE);
}

static bool
parses(struct bytes head, struct bytes group)
{
	struct escrow_view view;
	struct error err = {0};

	if (escrow_parse_part(head, group, &view, &err))
		return true;
	assert_int_equal(err.code, E_ESCROW_UNREADABLE);
	return false;
}

static void
cut_and_lengthened_parts_are_refused(void **state)
{
	const struct world *world = *state;
	const struct bytes head = world->view.header;
	const struct bytes group = escrow_find_group(&world->view, SEAT_LEGAL)->octets;
	const size_t both = group.len + escrow_find_group(&world->view, SEAT_OFFICER)->octets.len;

	for (size_t len = 0; len < head.len; len++)
		assert_false(parses(bytes_of(head.data, len), group));
	for (size_t len = 0; len <= both; len++)
		assert_true(parses(head, bytes_of(group.data, len)) == (len == group.len));
	assert_false(parses(bytes_of(head.data, head.len + 1), group));
}

/* ---- sealed again ---- */

/* The record's identity, with the heir's share from `sealed` and the officer's own. */
static bool
heir_opens(const struct world *world, struct bytes sealed)
{
	struct escrow_share shares[2];
	DEFER(buf_clear) struct buf plain = {0};
	struct error err = {0};

	return escrow_share_open(&world->view, &world->keys[HEIR], sealed, &shares[0], &err) &&
	       escrow_share_open(
		   &world->view, &world->keys[OFFICER], (struct bytes){0}, &shares[1], &err) &&
	       escrow_open(&world->view, shares, COUNT(shares), &plain, &err);
}

static void
any_seat_of_the_role_hands_over_from_the_part_alone(void **state)
{
	const struct world *world = *state;

	for (size_t from = OLD; from <= OTHER; from++) {
		DEFER(buf_clear_public) struct buf sealed = {0};
		struct escrow_share share;
		struct error err = {0};

		assert_true(escrow_share_open(
		    &world->part, &world->keys[from], (struct bytes){0}, &share, &err));
		assert_true(escrow_share_reseal(
		    &world->part, &share, &world->keys[HEIR].seat, &sealed, &err));
		assert_int_equal(sealed.len, ESCROW_SEALED_SHARE_BYTES);
		assert_true(heir_opens(world, buf_bytes(&sealed)));
		assert_false(escrow_share_open(&world->view, &world->keys[OLD], buf_bytes(&sealed),
		    &share, &err)); /* it is not the old one's */
	}
	assert_false(heir_opens(world, (struct bytes){0})); /* nor was it the heir's before */
}

static void
a_share_that_came_through_two_hands_opens(void **state)
{
	const struct world *world = *state;
	DEFER(buf_clear_public) struct buf first = {0};
	DEFER(buf_clear_public) struct buf second = {0};
	DEFER(seat_key_clear) struct seat_key third = {0};
	struct escrow_share share;
	struct error err = {0};

	make_key(&third, SEAT_LEGAL, 2);
	assert_true(
	    escrow_share_open(&world->part, &world->keys[OTHER], (struct bytes){0}, &share, &err));
	assert_true(
	    escrow_share_reseal(&world->part, &share, &world->keys[HEIR].seat, &first, &err));
	assert_true(
	    escrow_share_open(&world->part, &world->keys[HEIR], buf_bytes(&first), &share, &err));
	assert_true(escrow_share_reseal(&world->part, &share, &third.seat, &second, &err));
	assert_true(escrow_share_open(&world->view, &third, buf_bytes(&second), &share, &err));
}

static void
noise_and_other_places_are_refused(void **state)
{
	const struct world *world = *state;
	DEFER(buf_clear_public) struct buf sealed = {0};
	struct seat elsewhere = world->keys[HEIR].seat;
	uint8_t noise[ESCROW_SEALED_SHARE_BYTES];
	struct escrow_share share;
	struct error err = {0};

	randombytes_buf(noise, sizeof noise);
	assert_false(heir_opens(world, bytes_of(noise, sizeof noise)));
	assert_true(
	    escrow_share_open(&world->part, &world->keys[OTHER], (struct bytes){0}, &share, &err));
	elsewhere.number = 9;
	assert_false(escrow_share_reseal(&world->part, &share, &elsewhere, &sealed, &err));
	elsewhere.number = 2; /* in the record, and not the heir's */
	assert_true(escrow_share_reseal(&world->part, &share, &elsewhere, &sealed, &err));
	assert_false(heir_opens(world, buf_bytes(&sealed)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_groups_stand_one_behind_the_other),
	    cmocka_unit_test(a_part_has_one_role_and_no_ciphertext),
	    cmocka_unit_test(cut_and_lengthened_parts_are_refused),
	    cmocka_unit_test(any_seat_of_the_role_hands_over_from_the_part_alone),
	    cmocka_unit_test(a_share_that_came_through_two_hands_opens),
	    cmocka_unit_test(noise_and_other_places_are_refused),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, make_world, drop_world);
}
