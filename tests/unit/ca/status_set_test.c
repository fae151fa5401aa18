#include "cmocka_all.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ca/status_set.h"

#define DAY_S 86400

static struct status_entry
entry_of(uint32_t number, enum certificate_state state)
{
	struct status_entry entry = {
	    .serial = {0x40, 0x00, 0x53},
	    .issuer = {(uint8_t)(number % 3)},
	    .state = state,
	    .reason = state == CERTIFICATE_HELD ? REASON_HOLD : REASON_KEY_COMPROMISE,
	    .at_s = 1700000000 + number,
	    .not_after_s = 1800000000 / DAY_S * DAY_S,
	};
	const uint64_t spread = number * UINT64_C(0x9e3779b97f4a7c15);

	memcpy(entry.serial + 4, &number, sizeof number);
	memcpy(entry.serial + 12, &spread, sizeof spread);
	return entry;
}

static void
put(struct status_set *set, struct status_entry entry)
{
	assert_true(status_set_put(set, &entry));
}

static bool
has(const struct status_set *set, const struct status_entry *wanted)
{
	struct status_entry found;

	return status_set_find(set, wanted->serial, wanted->issuer, &found) &&
	       memcmp(found.serial, wanted->serial, SERIAL_BYTES) == 0 &&
	       memcmp(found.issuer, wanted->issuer, ISSUER_ID_BYTES) == 0 &&
	       found.state == wanted->state && found.reason == wanted->reason &&
	       found.at_s == wanted->at_s && found.not_after_s == wanted->not_after_s;
}

static void
an_entry_comes_back_as_it_went(void **state)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	struct status_entry entry = entry_of(7, CERTIFICATE_REVOKED), other = entry;

	(void)state;
	assert_false(status_set_find(set, entry.serial, entry.issuer, NULL));
	put(set, entry);
	assert_true(has(set, &entry));
	other.issuer[7] = 1; /* the same serial of another authority */
	assert_false(status_set_find(set, other.serial, other.issuer, NULL));
	put(set, other);
	assert_true(has(set, &entry) && has(set, &other));
	other.serial[19] ^= 1;
	assert_false(status_set_find(set, other.serial, other.issuer, NULL));
	assert_int_equal(status_set_count(set, CERTIFICATE_REVOKED), 2);
}

static void
a_hold_can_be_released_and_a_revocation_is_final(void **state)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	struct status_entry held = entry_of(1, CERTIFICATE_HELD);
	struct status_entry revoked = entry_of(1, CERTIFICATE_REVOKED);

	(void)state;
	put(set, held);
	assert_true(has(set, &held));
	put(set, entry_of(1, CERTIFICATE_CLEAR));
	assert_false(status_set_find(set, held.serial, held.issuer, NULL));
	put(set, entry_of(1, CERTIFICATE_CLEAR)); /* of what is not there: nothing */
	put(set, held);
	put(set, revoked);
	assert_true(has(set, &revoked));
	put(set, entry_of(1, CERTIFICATE_CLEAR));
	put(set, held);
	held = revoked;
	held.at_s += 100;
	put(set, held);
	assert_true(has(set, &revoked));
	assert_int_equal(status_set_count(set, CERTIFICATE_HELD), 0);
	assert_int_equal(status_set_count(set, CERTIFICATE_REVOKED), 1);
}

static void
what_is_not_ours_is_refused(void **state)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	struct status_entry entry = entry_of(1, CERTIFICATE_REVOKED);

	(void)state;
	entry.serial[0] = 0x80;
	assert_false(status_set_put(set, &entry));
	entry.serial[0] = 0x40;
	for (int i = 0; i < STATUS_SET_ISSUERS_MAX; i++) {
		entry.issuer[0] = (uint8_t)i;
		put(set, entry);
	}
	entry.issuer[0] = STATUS_SET_ISSUERS_MAX;
	assert_false(status_set_put(set, &entry));
	assert_int_equal(status_set_count(set, CERTIFICATE_REVOKED), STATUS_SET_ISSUERS_MAX);
}

static void
times_beyond_its_form_are_cut_not_wrapped(void **state)
{
	DEFER(status_set_free) struct status_set *set = status_set_new();
	struct status_entry entry = entry_of(1, CERTIFICATE_REVOKED), found;

	(void)state;
	entry.at_s = INT64_C(1) << 40;
	entry.not_after_s = 1 + 19000 * (int64_t)DAY_S; /* one second into the day */
	put(set, entry);
	assert_true(status_set_find(set, entry.serial, entry.issuer, &found));
	assert_true(found.at_s == UINT32_MAX);
	assert_int_equal(found.not_after_s, 19001 * (int64_t)DAY_S);
}

/* Against a plain array: what a table with gaps closed and grown must still say. */
static void
many_come_and_go_and_the_rest_stays(void **state)
{
	enum { MANY = 60000 };
	DEFER(status_set_free) struct status_set *set = status_set_new();
	DEFER(mem_free) uint8_t *states = xcalloc(MANY, 1);
	DEFER(mem_free) struct status_entry *copy = NULL;
	uint32_t random = 1;
	size_t held = 0, revoked = 0;

	(void)state;
	for (int i = 0; i < 6 * MANY; i++) {
		uint32_t number;
		enum certificate_state next;

		random = random * 1664525 + 1013904223;
		number = (random >> 8) % MANY;
		next = (random >> 4) % 16 == 0  ? CERTIFICATE_REVOKED
		       : (random >> 5) % 2 == 0 ? CERTIFICATE_CLEAR
						: CERTIFICATE_HELD;
		put(set, entry_of(number, next));
		if (states[number] != CERTIFICATE_REVOKED)
			states[number] = (uint8_t)next;
	}
	for (uint32_t i = 0; i < MANY; i++) {
		const struct status_entry wanted = entry_of(i, (enum certificate_state)states[i]);

		held += states[i] == CERTIFICATE_HELD;
		revoked += states[i] == CERTIFICATE_REVOKED;
		if (states[i] == CERTIFICATE_CLEAR)
			assert_false(status_set_find(set, wanted.serial, wanted.issuer, NULL));
		else
			assert_true(has(set, &wanted));
	}
	assert_true(held > 1000 && revoked > 1000);
	assert_int_equal(status_set_count(set, CERTIFICATE_HELD), held);
	assert_int_equal(status_set_count(set, CERTIFICATE_REVOKED), revoked);
	copy = xcalloc(held + revoked, sizeof *copy);
	status_set_copy(set, copy);
	for (size_t i = 0; i < held + revoked; i++)
		assert_true(has(set, &copy[i]));
}

static void
a_million_fit_into_their_budget(void **state)
{
	enum { MILLION = 1000000 };
	DEFER(status_set_free) struct status_set *set = status_set_new();
	DEFER(status_set_free) struct status_set *reserved = status_set_new();
	size_t bytes;

	(void)state;
	status_set_reserve(reserved, MILLION);
	bytes = status_set_bytes(reserved);
	for (uint32_t i = 0; i < MILLION; i++) {
		put(set, entry_of(i, CERTIFICATE_REVOKED));
		put(reserved, entry_of(i, CERTIFICATE_REVOKED));
		assert_in_range(status_set_bytes(set), 0, 64 * (1 << 20));
	}
	assert_in_range(status_set_bytes(reserved), bytes, 40 * 1000000); /* none or few grew */
	for (uint32_t i = 0; i < MILLION; i += 997) {
		const struct status_entry wanted = entry_of(i, CERTIFICATE_REVOKED);

		assert_true(has(set, &wanted) && has(reserved, &wanted));
	}
}

static void
states_have_the_names_of_the_database(void **state)
{
	enum certificate_state read;

	(void)state;
	for (int i = CERTIFICATE_CLEAR; i <= CERTIFICATE_REVOKED; i++) {
		assert_true(
		    certificate_state_of(certificate_state_name((enum certificate_state)i), &read));
		assert_int_equal(read, i);
	}
	assert_string_equal(certificate_state_name(CERTIFICATE_CLEAR), "good");
	assert_false(certificate_state_of("lost", &read));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_entry_comes_back_as_it_went),
	    cmocka_unit_test(a_hold_can_be_released_and_a_revocation_is_final),
	    cmocka_unit_test(what_is_not_ours_is_refused),
	    cmocka_unit_test(times_beyond_its_form_are_cut_not_wrapped),
	    cmocka_unit_test(many_come_and_go_and_the_rest_stays),
	    cmocka_unit_test(a_million_fit_into_their_budget),
	    cmocka_unit_test(states_have_the_names_of_the_database),
	};

	return cmocka_run_group_tests_name("status_set", tests, NULL, NULL);
}
