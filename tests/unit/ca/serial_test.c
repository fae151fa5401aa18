#include "cmocka_all.h"

#include "base/text.h"
#include "ca/serial.h"

static void
serials_are_positive_have_20_octets_and_carry_their_month(void **state)
{
	const struct rng rng = rng_system();

	(void)state;
	for (uint16_t month = 0; month < 2000; month++) {
		uint8_t serial[SERIAL_BYTES];
		uint16_t read;

		serial_make(serial, month, &rng);
		assert_in_range(serial[0], 0x40, 0x7f);
		assert_true(serial_month(serial, &read));
		assert_int_equal(read, month);
	}
}

static void
the_first_octet_and_the_month_are_the_only_fixed_bits(void **state)
{
	const struct rng rng = rng_system();
	uint8_t ones[SERIAL_BYTES] = {0}, zeros[SERIAL_BYTES] = {0};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint8_t serial[SERIAL_BYTES];

		serial_make(serial, 0x0123, &rng);
		for (size_t j = 0; j < SERIAL_BYTES; j++) {
			ones[j] |= serial[j];
			zeros[j] |= (uint8_t)~serial[j];
		}
	}
	assert_int_equal(ones[0], 0x7f);
	assert_int_equal(zeros[0], 0xbf);
	assert_int_equal(ones[1], 0x01);
	assert_int_equal(ones[2], 0x23);
	for (size_t j = 3; j < SERIAL_BYTES; j++) {
		assert_int_equal(ones[j], 0xff);
		assert_int_equal(zeros[j], 0xff);
	}
}

/* clang-format off */
static const struct text { const char *why, *text; bool good; } TEXTS[] = {
	{"lower case",       "4000480000000000000000000000000000000001", true},
	{"upper case",       "7F00480000000000000000000000000000ABCDEF", true},
	{"first octet 0x3f", "3f00480000000000000000000000000000000001", false},
	{"first octet 0x80", "8000480000000000000000000000000000000001", false},
	{"month above 2^15", "4080000000000000000000000000000000000001", false},
	{"19 octets",        "40004800000000000000000000000000000001",   false},
	{"21 octets",        "400048000000000000000000000000000000000101", false},
	{"colons",           "40:00:48:00:00:00:00:00:00:00:00:00:00:00", false},
	{"no hex",           "g000480000000000000000000000000000000001", false},
	{"empty",            "", false},
};
/* clang-format on */

static void
only_40_hex_digits_of_our_form_are_a_serial(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(TEXTS); i++) {
		uint8_t serial[SERIAL_BYTES];
		struct error err = {0};
		bool good = serial_parse(bytes_of_text(TEXTS[i].text), serial, &err);

		if (good != TEXTS[i].good)
			fail_msg("%s", TEXTS[i].why);
		assert_int_equal(err.code, good ? E_NONE : E_UNKNOWN_CERTIFICATE);
	}
}

static void
a_reference_is_month_and_serial(void **state)
{
	const uint8_t serial[SERIAL_BYTES] = {0x41, 0x01, 0x02, 0x03};
	uint8_t ref[CERTIFICATE_REF_BYTES];

	(void)state;
	serial_ref(ref, serial);
	assert_int_equal(ref[0], 0x01);
	assert_int_equal(ref[1], 0x02);
	assert_memory_equal(ref + 2, serial, SERIAL_BYTES);
}

static void
the_shard_is_the_serial_modulo_the_shard_count(void **state)
{
	uint8_t serial[SERIAL_BYTES] = {0x40};

	(void)state;
	serial[SERIAL_BYTES - 2] = 0x01; /* 0x40 << 152 | 0x0105 */
	serial[SERIAL_BYTES - 1] = 0x05;
	assert_int_equal(serial_shard(serial, 1), 0);
	assert_int_equal(serial_shard(serial, 256), 5);
	assert_int_equal(serial_shard(serial, 2), 1);
	assert_int_equal(serial_shard(serial, 9999), 5863); /* computed with other means */
}

static void
a_serial_can_be_moved_into_any_shard_by_its_last_octet(void **state)
{
	const struct rng rng = rng_system();

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint8_t serial[SERIAL_BYTES], moved[SERIAL_BYTES];

		serial_make(serial, 84, &rng);
		serial[SERIAL_BYTES - 1] = (uint8_t)(i % 256); /* also where it cannot grow */
		for (int shard = 0; shard < 4; shard++) {
			memcpy(moved, serial, sizeof moved);
			serial_move(moved, shard, 4);
			assert_int_equal(serial_shard(moved, 4), shard);
			assert_memory_equal(moved, serial, SERIAL_BYTES - 1);
		}
		memcpy(moved, serial, sizeof moved);
		serial_move(moved, serial_shard(serial, 128), 128);
		assert_memory_equal(moved, serial, SERIAL_BYTES);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(serials_are_positive_have_20_octets_and_carry_their_month),
	    cmocka_unit_test(the_first_octet_and_the_month_are_the_only_fixed_bits),
	    cmocka_unit_test(only_40_hex_digits_of_our_form_are_a_serial),
	    cmocka_unit_test(a_reference_is_month_and_serial),
	    cmocka_unit_test(the_shard_is_the_serial_modulo_the_shard_count),
	    cmocka_unit_test(a_serial_can_be_moved_into_any_shard_by_its_last_octet),
	};

	return cmocka_run_group_tests_name("serial", tests, NULL, NULL);
}
