/* Sealed records, and who can open them. */
#include "tests/unit/provisioning/cmocka_all.h"

#include <sodium.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "provisioning/escrow.h"
#include "provisioning/escrow_open.h"

#define SET_NUMBER 7
#define MAC "0242ac110002"

static const struct {
	enum seat_role role;
	int number;
} PLACES[] = {
    {SEAT_LEGAL, 1}, {SEAT_LEGAL, 2}, {SEAT_OFFICER, 1}, {SEAT_OFFICER, 2}, {SEAT_OFFICER, 3}};

struct world {
	struct seat_key keys[COUNT(PLACES)];
	struct seat_set set;
	struct buf record;
	struct escrow_view view;
};

/* The secret keys of the known answer: seeds of one octet, repeated: 0x11 for legal 1, ... */
static void
make_seat(size_t i, struct seat_key *out)
{
	uint8_t seed[crypto_box_SEEDBYTES], secret[SEAT_KEY_BYTES];

	out->seat.role = PLACES[i].role;
	out->seat.number = PLACES[i].number;
	memset(seed, (int)PLACES[i].role * 16 + PLACES[i].number, sizeof seed);
	assert_int_equal(crypto_box_seed_keypair(out->seat.public_key, secret, seed), 0);
	out->secret = secret_new(bytes_of(secret, sizeof secret));
}

static const struct escrow_identity *
identity(void)
{
	static struct hwid ids[2];
	static struct escrow_identity identity = {.model = BYTES_LITERAL("gateway-a"),
	    .station = BYTES_LITERAL("7f3kq2m5nv4wxyza"),
	    .now_s = INT64_C(1767225601)};
	struct error err = {0};

	assert_true(hwid_parse(bytes_of_text("mac48"), bytes_of_text(MAC), &ids[0], &err));
	assert_true(
	    hwid_parse(bytes_of_text("imei"), bytes_of_text("490154203237518"), &ids[1], &err));
	for (size_t i = 0; i < COUNT(ids); i++)
		identity.hardware_ids[i] = bytes_of(ids[i].message, ids[i].len);
	identity.hardware_id_count = COUNT(ids);
	return &identity;
}

static int
make_world(void **state)
{
	struct world *world = xcalloc(1, sizeof *world);
	struct seat seats[COUNT(PLACES)];
	const struct rng rng = rng_system();
	struct error err = {0};

	for (size_t i = 0; i < COUNT(PLACES); i++) {
		make_seat(i, &world->keys[i]);
		seats[COUNT(PLACES) - 1 - i] = world->keys[i].seat; /* any order will do */
	}
	assert_true(seat_set_make(SET_NUMBER, seats, COUNT(seats), &world->set, &err));
	assert_true(escrow_seal(identity(), &world->set, &rng, &world->record, &err));
	assert_true(escrow_parse(buf_bytes(&world->record), &world->view, &err));
	*state = world;
	return 0;
}

static int
drop_world(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(PLACES); i++)
		seat_key_clear(&world->keys[i]);
	buf_clear(&world->record);
	free(world);
	return 0;
}

/* What the seats of `mask` read, all of whose shares are tried; false: refused. */
static bool
open_with(const struct world *world, struct bytes record, unsigned mask, struct buf *out)
{
	struct escrow_share shares[COUNT(PLACES)];
	struct escrow_view view;
	struct error err = {0};
	size_t count = 0;

	if (!escrow_parse(record, &view, &err))
		return false;
	for (size_t i = 0; i < COUNT(PLACES); i++)
		if ((mask & 1U << i) != 0 && !escrow_share_open(&view, &world->keys[i],
						 (struct bytes){0}, &shares[count++], &err)) {
			assert_int_equal(err.code, E_ESCROW_UNREADABLE);
			return false;
		}
	if (escrow_open(&view, shares, count, out, &err))
		return true;
	assert_int_equal(err.code, E_ESCROW_UNREADABLE);
	assert_int_equal(out->len, 0);
	return false;
}

static void
assert_identity(struct bytes plain)
{
	static const struct {
		enum escrow_field field;
		uint8_t type;
		const char *value;
	} wanted[] = {{ESCROW_HARDWARE_ID, HWID_MAC48, "\x02\x42\xac\x11"}, /* and two more */
	    {ESCROW_HARDWARE_ID, HWID_IMEI, "490154203237518"}, {ESCROW_DAY, 0, "2026-01-01"},
	    {ESCROW_STATION, 0, "7f3kq2m5nv4wxyza"}, {ESCROW_MODEL, 0, "gateway-a"}};
	struct escrow_value value;
	struct error err = {0};

	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_true(escrow_next(&plain, &value, &err));
		assert_int_equal(value.field, wanted[i].field);
		assert_int_equal(value.hardware_type, wanted[i].type);
		assert_memory_equal(value.value.data, wanted[i].value, strlen(wanted[i].value));
	}
	assert_false(escrow_next(&plain, &value, &err));
	assert_int_equal(err.code, E_NONE);
}

/* ---- who can open ---- */

static void
any_pair_across_the_roles_opens_it(void **state)
{
	const struct world *world = *state;

	for (size_t a = 0; a < COUNT(PLACES); a++)
		for (size_t b = 0; b < COUNT(PLACES); b++) {
			DEFER(buf_clear) struct buf plain = {0};

			if (PLACES[a].role != SEAT_LEGAL || PLACES[b].role != SEAT_OFFICER)
				continue;
			assert_true(
			    open_with(world, buf_bytes(&world->record), 1U << a | 1U << b, &plain));
			assert_identity(buf_bytes(&plain));
		}
}

static void
no_coalition_within_one_role_opens_it(void **state)
{
	const struct world *world = *state;
	unsigned refused = 0;

	for (unsigned mask = 0; mask < 1U << COUNT(PLACES); mask++) {
		DEFER(buf_clear) struct buf plain = {0};
		const bool both = (mask & 3U) != 0 && (mask & 28U) != 0;

		assert_int_equal(open_with(world, buf_bytes(&world->record), mask, &plain), both);
		refused += !both;
	}
	assert_int_equal(refused, 4 + 8 - 1); /* nobody counts once */
}

static void
one_role_s_half_taken_for_both_opens_nothing(void **state)
{
	const struct world *world = *state;
	struct escrow_share shares[2];
	struct buf plain = {0};
	struct error err = {0};

	assert_true(
	    escrow_share_open(&world->view, &world->keys[0], (struct bytes){0}, &shares[0], &err));
	shares[1] = shares[0];
	shares[1].group = SEAT_OFFICER;
	assert_false(escrow_open(&world->view, shares, COUNT(shares), &plain, &err));
	assert_int_equal(err.code, E_ESCROW_UNREADABLE);
}

static void
a_seat_that_is_not_in_the_set_has_no_share(void **state)
{
	const struct world *world = *state;
	struct seat_key other = world->keys[0];
	struct escrow_share share;
	struct error err = {0};

	other.seat.number = 3;
	assert_false(escrow_share_open(&world->view, &other, (struct bytes){0}, &share, &err));
	assert_int_equal(err.code, E_ESCROW_UNREADABLE);
}

static void
a_share_of_another_record_is_refused(void **state)
{
	const struct world *world = *state;
	const struct rng rng = rng_system();
	DEFER(buf_clear) struct buf other = {0};
	struct escrow_view view;
	struct escrow_share share;
	struct error err = {0};

	assert_true(escrow_seal(identity(), &world->set, &rng, &other, &err));
	assert_true(escrow_parse(buf_bytes(&other), &view, &err));
	assert_false(escrow_share_open(
	    &world->view, &world->keys[0], view.groups[0].places[0].sealed, &share, &err));
	assert_int_equal(err.code, E_ESCROW_UNREADABLE);
}

/* ---- what was changed is refused ---- */

/* Everything that the seats of `mask` look at; what is sealed to others is theirs to find. */
static bool
concerns(unsigned mask, size_t octet)
{
	size_t at = ESCROW_HEADER_BYTES + ESCROW_CIPHERTEXT_BYTES;

	if (octet < at)
		return true;
	for (size_t i = 0; i < COUNT(PLACES); i++) {
		if (i == 0 || PLACES[i].role != PLACES[i - 1].role) {
			if (octet < at + 3)
				return true; /* group, k, n */
			at += 3;
		}
		if (octet < at + 2 + ESCROW_SEALED_SHARE_BYTES)
			return (mask & 1U << i) != 0;
		at += 2 + ESCROW_SEALED_SHARE_BYTES;
	}
	return false;
}

static void
one_flipped_bit_of_any_field_is_refused(void **state)
{
	const struct world *world = *state;
	static const unsigned masks[] = {1U << 0 | 1U << 2, 1U << 1 | 1U << 4};
	size_t refused = 0;

	for (size_t octet = 0; octet < world->record.len; octet++)
		for (unsigned bit = 0; bit < 8; bit++)
			for (size_t m = 0; m < COUNT(masks); m++) {
				DEFER(buf_clear) struct buf plain = {0};

				if (!concerns(masks[m], octet))
					continue;
				world->record.data[octet] ^= (uint8_t)(1U << bit);
				assert_false(
				    open_with(world, buf_bytes(&world->record), masks[m], &plain));
				world->record.data[octet] ^= (uint8_t)(1U << bit);
				refused++;
			}
	/* Twice the header, ciphertext and groups' heads; once each share, of four of the five. */
	assert_int_equal(refused, 8 * (2 * (358 + 6) + 4 * 114));
}

static void
cut_and_lengthened_records_are_refused(void **state)
{
	const struct world *world = *state;
	DEFER(buf_clear) struct buf longer = {0};
	struct escrow_view view;

	for (size_t len = 0; len < world->record.len; len++) {
		struct error err = {0};

		assert_false(escrow_parse(bytes_of(world->record.data, len), &view, &err));
		assert_int_equal(err.code, E_ESCROW_UNREADABLE);
	}
	buf_append(&longer, buf_bytes(&world->record));
	buf_append_u8(&longer, 0);
	assert_false(escrow_parse(buf_bytes(&longer), &view, &(struct error){0}));
}

/* ---- the form ---- */

/* ---- what the service sees of one that a station has sealed ---- */

static void
expect_fit(struct bytes record, const struct seat_set *set, enum error_code code)
{
	struct escrow_view view;
	struct error err = {0};

	assert_true(escrow_parse(record, &view, &err));
	assert_int_equal(escrow_fits(&view, set, &err), code == E_NONE);
	assert_int_equal(err.code, code);
	if (code != E_NONE)
		assert_string_equal(err.pointer, "/sealed");
}

/* The set without the seats of `mask`, or with one more of the last role. */
static struct seat_set
other_set(const struct world *world, uint32_t number, unsigned without, bool more)
{
	struct seat seats[COUNT(PLACES) + 1];
	struct seat_set set;
	struct error err = {0};
	size_t count = 0;

	for (size_t i = 0; i < COUNT(PLACES); i++)
		if ((without & 1U << i) == 0)
			seats[count++] = world->keys[i].seat;
	if (more) {
		seats[count] = seats[count - 1];
		seats[count].number = SEAT_NUMBER_MAX;
		seats[count++].public_key[0] ^= 1;
	}
	assert_true(seat_set_make(number, seats, count, &set, &err));
	return set;
}

static void
a_record_fits_its_seat_set_and_no_other(void **state)
{
	const struct world *world = *state;
	const struct bytes record = buf_bytes(&world->record);
	const struct seat_set newer = other_set(world, SET_NUMBER + 1, 0, false);
	const struct seat_set more = other_set(world, SET_NUMBER, 0, true);

	expect_fit(record, &world->set, E_NONE);
	expect_fit(record, &newer, E_SEAT_SET_CHANGED);
	expect_fit(record, &more, E_SEALED_INVALID);
	for (size_t i = 0; i < COUNT(PLACES); i++) {
		const struct seat_set less = other_set(world, SET_NUMBER, 1U << i, false);

		expect_fit(record, &less, E_SEALED_INVALID);
	}
}

static void
a_record_of_other_places_or_groups_does_not_fit(void **state)
{
	/* of the group legal: k, the second seat, its x */
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {{358 + 1, 2}, {358 + 3 + 114, 3}, {358 + 3 + 114 + 1, 3}};
	const struct world *world = *state;
	const size_t legal = 3 + 2 * 114, officer = 3 + 3 * 114;

	for (size_t i = 0; i < COUNT(changes); i++) {
		DEFER(buf_clear_public) struct buf record = {0};

		buf_append(&record, buf_bytes(&world->record));
		record.data[changes[i].at] = changes[i].value;
		expect_fit(buf_bytes(&record), &world->set, E_SEALED_INVALID);
	}
	for (uint8_t group = 3; group <= 4; group++) { /* another role's, or one more */
		DEFER(buf_clear_public) struct buf record = {0};

		buf_append(&record, buf_bytes(&world->record));
		if (group == 3)
			record.data[358 + legal] = group;
		else {
			buf_append(&record, bytes_of(world->record.data + 358 + legal, officer));
			record.data[358 + legal + officer] = group;
			record.data[6]++;
		}
		expect_fit(buf_bytes(&record), &world->set, E_SEALED_INVALID);
	}
}

static void
all_records_of_a_set_have_one_length(void **state)
{
	const struct world *world = *state;
	const struct rng rng = rng_system();
	const struct escrow_identity nothing = {.now_s = 1767225601};
	DEFER(buf_clear) struct buf other = {0};
	struct error err = {0};

	assert_true(escrow_seal(&nothing, &world->set, &rng, &other, &err));
	assert_int_equal(other.len, world->record.len);
	assert_int_equal(other.len, 358 + 2 * 3 + 5 * 114);
}

static void
a_long_model_is_cut_and_the_rest_is_whole(void **state)
{
	const struct world *world = *state;
	const struct rng rng = rng_system();
	struct escrow_identity longest = *identity();
	struct hwid ids[HWID_COUNT_MAX];
	char model[129] = "";
	DEFER(buf_clear) struct buf record = {0};
	DEFER(buf_clear) struct buf plain = {0};
	struct error err = {0};
	struct escrow_value value = {0};
	struct bytes rest;
	size_t hardware = 0;

	memset(model, 'm', sizeof model - 1);
	for (size_t i = 0; i < COUNT(ids); i++) {
		char text[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef0";

		text[0] = (char)('0' + i);
		assert_true(
		    hwid_parse(bytes_of_text("tpm_ek"), bytes_of_text(text), &ids[i], &err));
		longest.hardware_ids[i] = bytes_of(ids[i].message, ids[i].len);
	}
	longest.hardware_id_count = COUNT(ids);
	longest.model = bytes_of_text(model);
	assert_true(escrow_seal(&longest, &world->set, &rng, &record, &err));
	assert_true(open_with(world, buf_bytes(&record), 1U << 0 | 1U << 2, &plain));
	for (rest = buf_bytes(&plain); escrow_next(&rest, &value, &err);)
		hardware += value.field == ESCROW_HARDWARE_ID;
	assert_int_equal(err.code, E_NONE);
	assert_int_equal(hardware, HWID_COUNT_MAX);
	assert_int_equal(value.field, ESCROW_MODEL);
	assert_true(value.value.len > 60 && value.value.len < 128);
}

static void
no_hardware_id_stands_in_the_record(void **state)
{
	const struct world *world = *state;
	uint8_t mac[6];

	assert_true(hex_decode(bytes_of_text(MAC), mac, sizeof mac));
	assert_null(memmem(world->record.data, world->record.len, mac, sizeof mac));
	assert_null(memmem(world->record.data, world->record.len, "490154203237518", 15));
	assert_null(memmem(world->record.data, world->record.len, "gateway-a", 9));
}

/* ---- handover ---- */

static void
a_resealed_share_opens_for_the_successor_alone(void **state)
{
	const struct world *world = *state;
	struct seat_key successor = {.seat = {SEAT_LEGAL, 1, {0}}};
	uint8_t secret[SEAT_KEY_BYTES];
	DEFER(buf_clear) struct buf sealed = {0};
	DEFER(buf_clear) struct buf plain = {0};
	struct escrow_share shares[2];
	struct error err = {0};

	assert_int_equal(crypto_box_keypair(successor.seat.public_key, secret), 0);
	successor.secret = secret_new(bytes_of(secret, sizeof secret));
	/* The seat is lost: another of its role seals to who holds it now. */
	assert_true(
	    escrow_share_open(&world->view, &world->keys[1], (struct bytes){0}, &shares[0], &err));
	assert_true(escrow_share_reseal(&world->view, &shares[0], &successor.seat, &sealed, &err));
	assert_int_equal(sealed.len, ESCROW_SEALED_SHARE_BYTES);

	assert_false(
	    escrow_share_open(&world->view, &world->keys[0], buf_bytes(&sealed), &shares[0], &err));
	err = (struct error){0};
	assert_true(
	    escrow_share_open(&world->view, &successor, buf_bytes(&sealed), &shares[0], &err));
	assert_true(
	    escrow_share_open(&world->view, &world->keys[3], (struct bytes){0}, &shares[1], &err));
	assert_true(escrow_open(&world->view, shares, COUNT(shares), &plain, &err));
	assert_identity(buf_bytes(&plain));

	successor.seat.role = SEAT_OFFICER; /* nobody moves a half to the other role */
	assert_false(escrow_share_reseal(&world->view, &shares[0], &successor.seat, &sealed, &err));
	seat_key_clear(&successor);
}

/* ---- seat sets ---- */

static void
a_seat_set_reads_back_as_it_was_written(void **state)
{
	const struct world *world = *state;
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	struct seat_set set = {0};
	struct error err = {0};

	seat_set_encode(&world->set, &text);
	assert_true(seat_set_parse(buf_bytes(&text), &set, &err));
	assert_int_equal(set.number, SET_NUMBER);
	assert_int_equal(set.count, COUNT(PLACES));
	seat_set_encode(&set, &again);
	assert_true(bytes_equal(buf_bytes(&text), buf_bytes(&again)));
	assert_non_null(seat_set_find(&set, SEAT_OFFICER, 3));
	assert_null(seat_set_find(&set, SEAT_LEGAL, 3));
}

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_C "AgECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define HEAD "moniker-seat-set/1\nnumber 1\n"

static void
malformed_seat_sets_are_refused(void **state)
{
	static const struct {
		const char *why, *text;
	} rejects[] = {
	    {"nothing", ""},
	    {"another version",
		"moniker-seat-set/2\nnumber 1\nlegal 1 " KEY_A "\nofficer 1 " KEY_B "\n"},
	    {"number 0", "moniker-seat-set/1\nnumber 0\nlegal 1 " KEY_A "\nofficer 1 " KEY_B "\n"},
	    {"a leading zero",
		"moniker-seat-set/1\nnumber 01\nlegal 1 " KEY_A "\nofficer 1 " KEY_B "\n"},
	    {"a number above 32 bits",
		"moniker-seat-set/1\nnumber 4294967296\nlegal 1 " KEY_A "\nofficer 1 " KEY_B "\n"},
	    {"no seat", HEAD},
	    {"one role", HEAD "legal 1 " KEY_A "\nlegal 2 " KEY_B "\n"},
	    {"an unknown role", HEAD "legal 1 " KEY_A "\nofficer 1 " KEY_B "\nadmin 1 " KEY_C "\n"},
	    {"out of order", HEAD "officer 1 " KEY_B "\nlegal 1 " KEY_A "\n"},
	    {"a seat twice", HEAD "legal 1 " KEY_A "\nlegal 1 " KEY_C "\nofficer 1 " KEY_B "\n"},
	    {"a key in two roles", HEAD "legal 1 " KEY_A "\nofficer 1 " KEY_A "\n"},
	    {"seat 0", HEAD "legal 0 " KEY_A "\nofficer 1 " KEY_B "\n"},
	    {"seat 17", HEAD "legal 17 " KEY_A "\nofficer 1 " KEY_B "\n"},
	    {"a short key", HEAD "legal 1 AAEC\nofficer 1 " KEY_B "\n"},
	    {"no line feed at the end", HEAD "legal 1 " KEY_A "\nofficer 1 " KEY_B},
	    {"something behind it", HEAD "legal 1 " KEY_A "\nofficer 1 " KEY_B "\n\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rejects); i++) {
		struct seat_set set;
		struct error err = {0};

		if (seat_set_parse(bytes_of_text(rejects[i].text), &set, &err))
			fail_msg("taken: %s", rejects[i].why);
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

/* ---- a record of before ---- */

#include "tests/unit/provisioning/escrow_known.h"

/* Sealed once and kept: what has been sealed can be opened for ever. */
static void
the_known_record_opens(void **state)
{
	const struct world *world = *state;
	DEFER(buf_clear) struct buf record = {0};
	DEFER(buf_clear) struct buf plain = {0};

	assert_true(base64_decode(bytes_of_text(ESCROW_KNOWN_RECORD), &record));
	assert_true(open_with(world, buf_bytes(&record), 1U << 1 | 1U << 3, &plain));
	assert_identity(buf_bytes(&plain));
}

/* Computed with another implementation of BLAKE2b. */
static void
the_commitment_is_as_specified(void **state)
{
	static const char wanted[] = ESCROW_KNOWN_COMMITMENT;
	uint8_t key[ESCROW_KEY_BYTES], id[ESCROW_ID_BYTES], out[ESCROW_COMMITMENT_BYTES];
	char text[2 * ESCROW_COMMITMENT_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	memset(id, 0xa5, sizeof id);
	escrow_commit(out, key, bytes_of(id, sizeof id));
	hex_encode(text, bytes_of(out, sizeof out));
	assert_string_equal(text, wanted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(any_pair_across_the_roles_opens_it),
	    cmocka_unit_test(no_coalition_within_one_role_opens_it),
	    cmocka_unit_test(one_role_s_half_taken_for_both_opens_nothing),
	    cmocka_unit_test(a_seat_that_is_not_in_the_set_has_no_share),
	    cmocka_unit_test(a_share_of_another_record_is_refused),
	    cmocka_unit_test(one_flipped_bit_of_any_field_is_refused),
	    cmocka_unit_test(cut_and_lengthened_records_are_refused),
	    cmocka_unit_test(a_record_fits_its_seat_set_and_no_other),
	    cmocka_unit_test(a_record_of_other_places_or_groups_does_not_fit),
	    cmocka_unit_test(all_records_of_a_set_have_one_length),
	    cmocka_unit_test(a_long_model_is_cut_and_the_rest_is_whole),
	    cmocka_unit_test(no_hardware_id_stands_in_the_record),
	    cmocka_unit_test(a_resealed_share_opens_for_the_successor_alone),
	    cmocka_unit_test(a_seat_set_reads_back_as_it_was_written),
	    cmocka_unit_test(malformed_seat_sets_are_refused),
	    cmocka_unit_test(the_known_record_opens),
	    cmocka_unit_test(the_commitment_is_as_specified),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, make_world, drop_world);
}
