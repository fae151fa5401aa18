#include "tests/support/cmocka_all.h"

#include "db/params.h"

static struct bytes
param(const struct params *params, int i)
{
	return bytes_of(params->arena.data + params->offset[i], (size_t)params->length[i]);
}

static void
numbers_are_big_endian_and_as_wide_as_their_type(void **state)
{
	DEFER(params_clear) struct params params = {0};

	(void)state;
	params_bool(&params, true);
	params_int2(&params, -2);
	params_int4(&params, 0x01020304);
	params_int8(&params, INT64_MIN);
	assert_int_equal(params.count, 4);
	assert_octets(param(&params, 0), ((struct bytes)OCTETS("\x01")));
	assert_octets(param(&params, 1), ((struct bytes)OCTETS("\xff\xfe")));
	assert_octets(param(&params, 2), ((struct bytes)OCTETS("\x01\x02\x03\x04")));
	assert_octets(param(&params, 3), ((struct bytes)OCTETS("\x80\0\0\0\0\0\0\0")));
}

static void
absence_is_not_emptiness(void **state)
{
	DEFER(params_clear) struct params params = {0};

	(void)state;
	params_null(&params);
	params_text(&params, NULL);
	params_text(&params, "");
	params_bytea(&params, (struct bytes){0});
	assert_int_equal(params.length[0], -1);
	assert_int_equal(params.length[1], -1);
	assert_int_equal(params.length[2], 0);
	assert_int_equal(params.length[3], 0);
}

static void
values_are_copied(void **state)
{
	DEFER(params_clear) struct params params = {0};
	char text[] = "first";

	(void)state;
	params_text(&params, text);
	memcpy(text, "other", sizeof text);
	for (int i = 0; i < PARAMS_MAX - 1; i++) /* the arena moves */
		params_text(&params, "0123456789012345678901234567890123456789");
	assert_octets_text(param(&params, 0), "first");
}

static void
an_array_names_its_type_and_its_nulls(void **state)
{
	DEFER(params_clear) struct params params = {0};
	const struct bytes values[] = {BYTES_LITERAL("ab"), {0}};

	(void)state;
	params_text_array(&params, values, COUNT(values));
	assert_octets(param(&params, 0), ((struct bytes)OCTETS("\0\0\0\1"   /* one dimension */
							       "\0\0\0\1"   /* has nulls */
							       "\0\0\0\x19" /* text */
							       "\0\0\0\2\0\0\0\1" /* two, from 1 */
							       "\0\0\0\2"
							       "ab"
							       "\xff\xff\xff\xff")));
}

static void
an_empty_array_has_no_dimension(void **state)
{
	DEFER(params_clear) struct params params = {0};

	(void)state;
	params_int8_array(&params, NULL, 0);
	assert_octets(param(&params, 0), ((struct bytes)OCTETS("\0\0\0\0\0\0\0\0\0\0\0\x14")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_big_endian_and_as_wide_as_their_type),
	    cmocka_unit_test(absence_is_not_emptiness),
	    cmocka_unit_test(values_are_copied),
	    cmocka_unit_test(an_array_names_its_type_and_its_nulls),
	    cmocka_unit_test(an_empty_array_has_no_dimension),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
