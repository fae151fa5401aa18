#include "tests/support/cmocka_all.h"

#include "base/reader.h"

static const uint8_t INPUT[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};

static void
integers_and_octets_come_off_the_front(void **state)
{
	struct reader reader = reader_of(bytes_of(INPUT, sizeof INPUT));
	uint8_t octet = 0;

	(void)state;
	assert_int_equal(reader_u8(&reader), 1);
	assert_int_equal(reader_u16(&reader), 0x0203);
	assert_int_equal(reader_u32(&reader), 0x04050607);
	assert_true(reader_u64(&reader) == 0x08090a0b0c0d0e0f);
	assert_false(reader_done(&reader));
	assert_ptr_equal(reader_bytes(&reader, 1).data, &INPUT[15]);
	reader_copy(&reader, &octet, 1);
	assert_int_equal(octet, 17);
	assert_true(reader_done(&reader));
}

static void
a_record_cut_at_any_octet_fails_and_stays_failed(void **state)
{
	(void)state;
	for (size_t len = 0; len < 15; len++) {
		struct reader reader = reader_of(bytes_of(INPUT, len));

		(void)reader_u8(&reader);
		(void)reader_u16(&reader);
		(void)reader_u32(&reader);
		(void)reader_u64(&reader);
		assert_false(reader.ok);
		assert_false(reader_done(&reader));
		assert_int_equal(reader_u8(&reader), 0);
		assert_int_equal(reader_bytes(&reader, 0).len, 0);
		assert_null(reader_bytes(&reader, 0).data);
	}
}

static void
a_failed_copy_gives_zeros(void **state)
{
	struct reader reader = reader_of(bytes_of(INPUT, 3));
	uint8_t out[4] = {9, 9, 9, 9};

	(void)state;
	reader_copy(&reader, out, sizeof out);
	for (size_t i = 0; i < sizeof out; i++)
		assert_int_equal(out[i], 0);
	assert_false(reader_done(&reader));
}

static void
a_length_near_the_largest_does_not_wrap(void **state)
{
	struct reader reader = reader_of(bytes_of(INPUT, sizeof INPUT));

	(void)state;
	assert_int_equal(reader_bytes(&reader, SIZE_MAX).len, 0);
	assert_false(reader.ok);
}

static void
nothing_can_be_taken_from_nothing(void **state)
{
	struct reader reader = reader_of((struct bytes){0});

	(void)state;
	assert_int_equal(reader_bytes(&reader, 0).len, 0);
	reader_copy(&reader, NULL, 0);
	assert_true(reader_done(&reader));
	assert_int_equal(reader_u16(&reader), 0);
	assert_false(reader_done(&reader));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(integers_and_octets_come_off_the_front),
	    cmocka_unit_test(a_record_cut_at_any_octet_fails_and_stays_failed),
	    cmocka_unit_test(a_failed_copy_gives_zeros),
	    cmocka_unit_test(a_length_near_the_largest_does_not_wrap),
	    cmocka_unit_test(nothing_can_be_taken_from_nothing),
	};

	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
