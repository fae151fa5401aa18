#include "tests/support/cmocka_all.h"

#include "base/der.h"
#include "base/mem.h"
#include "base/text.h"

static struct der_writer
writer(size_t capacity)
{
	struct der_writer w;

	der_writer_init(&w, capacity);
	return w;
}

/* clang-format off */
static const struct length { size_t len; struct bytes header; } LENGTHS[] = {
	{0,     OCTETS("\x04\x00")},
	{1,     OCTETS("\x04\x01")},
	{127,   OCTETS("\x04\x7f")},
	{128,   OCTETS("\x04\x81\x80")},
	{255,   OCTETS("\x04\x81\xff")},
	{256,   OCTETS("\x04\x82\x01\x00")},
	{65535, OCTETS("\x04\x82\xff\xff")},
	{65536, OCTETS("\x04\x83\x01\x00\x00")},
};
/* clang-format on */

static void
lengths_are_minimal_and_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(LENGTHS); i++) {
		DEFER(der_writer_clear) struct der_writer w = writer(16);
		DEFER(mem_free) uint8_t *contents = xcalloc(1, LENGTHS[i].len);
		const struct bytes header = LENGTHS[i].header;
		struct bytes written;
		struct der in;

		if (LENGTHS[i].len > 0)
			contents[0] = contents[LENGTHS[i].len - 1] = 0x5a;
		der_put_element(&w, DER_OCTET_STRING, bytes_of(contents, LENGTHS[i].len));
		written = der_written(&w);
		assert_int_equal(written.len, header.len + LENGTHS[i].len);
		assert_octets(bytes_of(written.data, header.len), header);
		in = der_of(written);
		assert_octets(der_take(&in, DER_OCTET_STRING), bytes_of(contents, LENGTHS[i].len));
		assert_true(der_end(&in));
	}
}

/* clang-format off */
static const struct named { unsigned bits; struct bytes want; } NAMED[] = {
	{0x0000, OCTETS("\x03\x01\x00")},
	{0x0001, OCTETS("\x03\x02\x07\x80")}, /* digitalSignature */
	{0x0005, OCTETS("\x03\x02\x05\xa0")}, /* and keyEncipherment */
	{0x0060, OCTETS("\x03\x02\x01\x06")}, /* keyCertSign, cRLSign */
	{0x0080, OCTETS("\x03\x02\x00\x01")},
	{0x0100, OCTETS("\x03\x03\x07\x00\x80")}, /* decipherOnly */
	{0x0101, OCTETS("\x03\x03\x07\x80\x80")},
	{0x8000, OCTETS("\x03\x03\x00\x00\x01")},
	{0xffff, OCTETS("\x03\x03\x00\xff\xff")},
};
/* clang-format on */

static void
named_bits_lose_their_trailing_zeros(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(NAMED); i++) {
		DEFER(der_writer_clear) struct der_writer w = writer(8);

		der_put_named_bits(&w, NAMED[i].bits);
		assert_octets(der_written(&w), NAMED[i].want);
	}
}

/* clang-format off */
static const struct number { uint64_t value; struct bytes want; } NUMBERS[] = {
	{0,          OCTETS("\x02\x01\x00")},
	{1,          OCTETS("\x02\x01\x01")},
	{127,        OCTETS("\x02\x01\x7f")},
	{128,        OCTETS("\x02\x02\x00\x80")},
	{255,        OCTETS("\x02\x02\x00\xff")},
	{256,        OCTETS("\x02\x02\x01\x00")},
	{32768,      OCTETS("\x02\x03\x00\x80\x00")},
	{INT64_MAX,  OCTETS("\x02\x08\x7f\xff\xff\xff\xff\xff\xff\xff")},
	{UINT64_MAX, OCTETS("\x02\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff")},
};
static const struct magnitude { struct bytes octets, want; } MAGNITUDES[] = {
	{OCTETS(""),                 OCTETS("\x02\x01\x00")},
	{OCTETS("\x00\x00"),         OCTETS("\x02\x01\x00")},
	{OCTETS("\x00\x00\x7f"),     OCTETS("\x02\x01\x7f")},
	{OCTETS("\x00\x80"),         OCTETS("\x02\x02\x00\x80")},
	{OCTETS("\x80\x00"),         OCTETS("\x02\x03\x00\x80\x00")},
	{OCTETS("\x40\x00"),         OCTETS("\x02\x02\x40\x00")},
};
/* clang-format on */

static void
integers_are_minimal_and_positive(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(NUMBERS); i++) {
		DEFER(der_writer_clear) struct der_writer w = writer(0);

		der_put_int(&w, NUMBERS[i].value);
		assert_octets(der_written(&w), NUMBERS[i].want);
	}
	for (size_t i = 0; i < COUNT(MAGNITUDES); i++) {
		DEFER(der_writer_clear) struct der_writer w = writer(0);

		der_put_unsigned(&w, MAGNITUDES[i].octets);
		assert_octets(der_written(&w), MAGNITUDES[i].want);
	}
}

static void
times_change_their_form_in_2050_and_read_back(void **state)
{
	static const int64_t INSTANTS[] = {0, 1, 951782400, INT64_C(2524607999),
	    INT64_C(2524608000), INT64_C(4102444800), TIME_MAX_AT_S};

	(void)state;
	for (size_t i = 0; i < COUNT(INSTANTS); i++) {
		DEFER(der_writer_clear) struct der_writer w = writer(32);
		struct der in;

		der_put_time(&w, INSTANTS[i]);
		in = der_of(der_written(&w));
		assert_int_equal(der_peek(&in), i <= 3 ? DER_UTC_TIME : DER_GENERALIZED_TIME);
		assert_int_equal(der_take_time(&in), INSTANTS[i]);
		assert_true(der_end(&in));
	}
}

static void
booleans_and_bit_strings_read_back(void **state)
{
	DEFER(der_writer_clear) struct der_writer w = writer(0);
	struct der in;

	(void)state;
	der_put_bits(&w, (struct bytes){0});
	der_put_bits(&w, bytes_of("\xa5\x00", 2));
	der_put_bool(&w, false);
	der_put_bool(&w, true);
	in = der_of(der_written(&w));
	assert_true(der_take_bool(&in));
	assert_false(der_take_bool(&in));
	assert_octets(der_take_bits(&in), bytes_of("\xa5\x00", 2));
	assert_int_equal(der_take_bits(&in).len, 0);
	assert_true(der_end(&in));
}

/* A tree of 40 levels: every wrap adds its own header before what stands. */
static void
nested_elements_read_back_whatever_the_first_capacity(void **state)
{
	static const size_t CAPACITIES[] = {0, 1, 7, 64, 4096};

	(void)state;
	for (size_t i = 0; i < COUNT(CAPACITIES); i++) {
		DEFER(der_writer_clear) struct der_writer w = writer(CAPACITIES[i]);
		struct der in;

		der_put(&w, bytes_of("\x05\x00", 2));
		for (int level = 0; level < 40; level++) {
			der_put_int(&w, (uint64_t)level);
			der_wrap(&w, level % 2 == 0 ? DER_SEQUENCE : DER_SET, 0);
		}
		in = der_of(der_written(&w));
		for (int level = 39; level >= 0; level--) {
			struct der inner = der_enter(&in, level % 2 == 0 ? DER_SEQUENCE : DER_SET);

			assert_true(der_end(&in));
			assert_int_equal(der_take_int(&inner), level);
			in = inner;
		}
		assert_int_equal(der_take(&in, DER_NULL).len, 0);
		assert_true(der_end(&in));
	}
}

static void
a_mark_bounds_what_is_wrapped(void **state)
{
	DEFER(der_writer_clear) struct der_writer w = writer(64);
	size_t mark;

	(void)state;
	der_put_int(&w, 2);
	mark = der_mark(&w);
	der_put_int(&w, 1);
	der_wrap(&w, DER_SEQUENCE, mark);
	assert_octets(der_written(&w), bytes_of("\x30\x03\x02\x01\x01\x02\x01\x02", 8));
}

static void
a_hundred_thousand_octets_grow_the_buffer(void **state)
{
	DEFER(der_writer_clear) struct der_writer w = writer(0);
	struct der in;

	(void)state;
	for (int i = 0; i < 20000; i++)
		der_put_int(&w, 0x100 + (uint64_t)i);
	in = der_of(der_written(&w));
	for (int i = 19999; i >= 0; i--)
		assert_int_equal(der_take_int(&in), 0x100 + i);
	assert_true(der_end(&in));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lengths_are_minimal_and_read_back),
	    cmocka_unit_test(named_bits_lose_their_trailing_zeros),
	    cmocka_unit_test(integers_are_minimal_and_positive),
	    cmocka_unit_test(times_change_their_form_in_2050_and_read_back),
	    cmocka_unit_test(booleans_and_bit_strings_read_back),
	    cmocka_unit_test(nested_elements_read_back_whatever_the_first_capacity),
	    cmocka_unit_test(a_mark_bounds_what_is_wrapped),
	    cmocka_unit_test(a_hundred_thousand_octets_grow_the_buffer),
	};

	return cmocka_run_group_tests_name("der_writer", tests, NULL, NULL);
}
