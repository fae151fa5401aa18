#include "fixture.h"

#include "keeper/crl_numbers.h"

#define CLOCK (NOW_S * CRL_NUMBERS_PER_S)

static const uint8_t ISSUER_A[ISSUER_ID_BYTES] = {1}, ISSUER_B[ISSUER_ID_BYTES] = {2};

static struct crl_numbers *
numbers_open(const char *path)
{
	struct crl_numbers *numbers = NULL;
	struct error err = {0};

	assert_ok(crl_numbers_open(path, &numbers, &err), &err);
	return numbers;
}

static enum error_code
take_kind(
    struct crl_numbers *numbers, const uint8_t *issuer, unsigned shard, bool delta, uint64_t number)
{
	struct error err = {0};

	return crl_numbers_take(numbers, issuer, shard, delta, number, NOW_S, &err) ? E_NONE
										    : err.code;
}

static enum error_code
take_code(struct crl_numbers *numbers, const uint8_t *issuer, unsigned shard, uint64_t number)
{
	return take_kind(numbers, issuer, shard, false, number);
}

static void
numbers_only_rise_for_each_issuer_and_shard(void **state)
{
	static const struct {
		const uint8_t *issuer;
		unsigned shard;
		uint64_t number;
		enum error_code code;
	} ROWS[] = {
	    {ISSUER_A, 0, 5, E_NONE},
	    {ISSUER_A, 0, 5, E_KEEPER_REFUSED},
	    {ISSUER_A, 0, 4, E_KEEPER_REFUSED},
	    {ISSUER_A, 1, 1, E_NONE},
	    {ISSUER_B, 0, 2, E_NONE},
	    {ISSUER_A, 0, 6, E_NONE},
	    {ISSUER_B, 0, 2, E_KEEPER_REFUSED},
	    {ISSUER_B, 9998, INT64_MAX, E_KEEPER_REFUSED},
	    {ISSUER_B, 9998, CLOCK + CRL_NUMBERS_AHEAD_MAX + 1, E_KEEPER_REFUSED},
	    {ISSUER_B, 9998, CLOCK + CRL_NUMBERS_AHEAD_MAX, E_NONE},
	    {ISSUER_B, 9998, CLOCK + 2 * CRL_NUMBERS_AHEAD_MAX + 1, E_KEEPER_REFUSED},
	    {ISSUER_B, 9998, CLOCK + 2 * CRL_NUMBERS_AHEAD_MAX, E_NONE}, /* above the last */
	    {ISSUER_B, 9998, CLOCK + 2 * CRL_NUMBERS_AHEAD_MAX, E_KEEPER_REFUSED},
	};
	DEFER(folder_clear) struct folder folder;
	const char *path;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "numbers");
	for (size_t i = 0; i < COUNT(ROWS); i++) { /* a new process each time */
		DEFER(crl_numbers_free) struct crl_numbers *numbers = numbers_open(path);

		if (take_code(numbers, ROWS[i].issuer, ROWS[i].shard, ROWS[i].number) !=
		    ROWS[i].code)
			fail_msg("row %zu", i);
	}
}

static void
a_full_crl_and_one_delta_share_a_number(void **state)
{
	enum { FULL, DELTA };
	static const struct {
		bool delta;
		uint64_t number;
		enum error_code code;
	} ROWS[] = {
	    {FULL, 5, E_NONE}, {DELTA, 5, E_NONE}, {DELTA, 5, E_KEEPER_REFUSED},
	    {FULL, 5, E_KEEPER_REFUSED}, {DELTA, 6, E_NONE}, /* a delta alone */
	    {DELTA, 6, E_KEEPER_REFUSED}, {DELTA, 5, E_KEEPER_REFUSED}, {FULL, 6, E_NONE},
	    {FULL, 6, E_KEEPER_REFUSED}, {FULL, 7, E_NONE}, {DELTA, 6, E_KEEPER_REFUSED},
	    {FULL, 8, E_NONE}, {DELTA, 7, E_KEEPER_REFUSED}, /* the time of 7 is over */
	};
	DEFER(folder_clear) struct folder folder;
	const char *path;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "numbers");
	for (size_t i = 0; i < COUNT(ROWS); i++) { /* a new process each time */
		DEFER(crl_numbers_free) struct crl_numbers *numbers = numbers_open(path);

		if (take_kind(numbers, ISSUER_A, 0, ROWS[i].delta, ROWS[i].number) != ROWS[i].code)
			fail_msg("row %zu", i);
	}
}

/* What has a number in a file from before there were deltas is not known: nothing else gets it. */
static void
a_number_of_an_older_file_is_used_up(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(buf_clear) struct buf slot = {0};
	DEFER(crl_numbers_free) struct crl_numbers *numbers = NULL;
	uint8_t check[SHA256_BYTES];
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "numbers");
	buf_append(&slot, bytes_of(ISSUER_A, ISSUER_ID_BYTES));
	buf_append_u64(&slot, 0); /* shard 0, and nothing else */
	buf_append_u64(&slot, 7);
	sha256(buf_bytes(&slot), check);
	buf_append(&slot, bytes_of(check, 8));
	assert_ok(file_write(path, buf_bytes(&slot), 0600, &err), &err);
	numbers = numbers_open(path);
	assert_int_equal(take_kind(numbers, ISSUER_A, 0, true, 7), E_KEEPER_REFUSED);
	assert_int_equal(take_kind(numbers, ISSUER_A, 0, false, 7), E_KEEPER_REFUSED);
	assert_int_equal(take_kind(numbers, ISSUER_A, 0, true, 8), E_NONE);
}

static void
a_slot_that_was_being_added_is_taken_again(void **state)
{
	static const uint8_t UNWRITTEN[32] = {0};
	DEFER(folder_clear) struct folder folder;
	DEFER(buf_clear) struct buf whole = {0};
	struct crl_numbers *first;
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "numbers");
	first = numbers_open(path);
	assert_int_equal(take_code(first, ISSUER_A, 0, 7), E_NONE);
	crl_numbers_free(first);
	assert_ok(file_read(path, 1024, &whole, &err), &err);
	assert_int_equal(whole.len, 32);
	for (size_t len = 1; len <= sizeof(UNWRITTEN); len++) {
		DEFER(crl_numbers_free) struct crl_numbers *numbers = NULL;

		buf_truncate(&whole, 32);
		buf_append(&whole, bytes_of(UNWRITTEN, len));
		assert_ok(file_write(path, buf_bytes(&whole), 0600, &err), &err);
		numbers = numbers_open(path);
		assert_int_equal(take_code(numbers, ISSUER_A, 0, 7), E_KEEPER_REFUSED);
		assert_int_equal(take_code(numbers, ISSUER_B, 0, 1), E_NONE);
		crl_numbers_free(TAKE(numbers));
		numbers = numbers_open(path);
		assert_int_equal(take_code(numbers, ISSUER_B, 0, 1), E_KEEPER_REFUSED);
	}
}

static void
a_changed_slot_is_found(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(buf_clear) struct buf whole = {0};
	struct crl_numbers *numbers;
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "numbers");
	numbers = numbers_open(path);
	assert_int_equal(take_code(numbers, ISSUER_A, 3, 7), E_NONE);
	crl_numbers_free(numbers);
	assert_ok(file_read(path, 1024, &whole, &err), &err);
	for (size_t at = 0; at < whole.len; at++) {
		whole.data[at] ^= 0x20;
		assert_ok(file_write(path, buf_bytes(&whole), 0600, &err), &err);
		err = (struct error){0};
		assert_false(crl_numbers_open(path, &numbers, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
		err = (struct error){0};
		whole.data[at] ^= 0x20;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_only_rise_for_each_issuer_and_shard),
	    cmocka_unit_test(a_full_crl_and_one_delta_share_a_number),
	    cmocka_unit_test(a_number_of_an_older_file_is_used_up),
	    cmocka_unit_test(a_slot_that_was_being_added_is_taken_again),
	    cmocka_unit_test(a_changed_slot_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
