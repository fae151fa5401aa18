#include "tests/support/cmocka_all.h"

#include "base/buf.h"

static void
an_empty_buffer_is_valid_in_every_call(void **state)
{
	DEFER(buf_clear) struct buf buf = {0};

	(void)state;
	assert_int_equal(buf_bytes(&buf).len, 0);
	buf_append(&buf, (struct bytes){0});
	buf_truncate(&buf, 0);
	assert_non_null(buf_extend(&buf, 0));
	assert_string_equal(buf_text(&buf), "");
	buf_clear(&buf);
	buf_clear(&buf);
	buf_clear_public(&buf);
	assert_null(buf.data);
}

static void
integers_are_big_endian(void **state)
{
	static const uint8_t WANT[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	DEFER(buf_clear) struct buf buf = {0};

	(void)state;
	buf_append_u8(&buf, 1);
	buf_append_u16(&buf, 0x0203);
	buf_append_u32(&buf, 0x04050607);
	buf_append_u64(&buf, 0x08090a0b0c0d0e0f);
	assert_true(bytes_equal(buf_bytes(&buf), bytes_of(WANT, sizeof WANT)));
}

static void
growing_keeps_all_octets(void **state)
{
	DEFER(buf_clear) struct buf buf = {0};

	(void)state;
	for (unsigned i = 0; i < 5000; i++)
		buf_append_u16(&buf, (uint16_t)i);
	assert_int_equal(buf.len, 10000);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(buf.data[2 * i] << 8 | buf.data[2 * i + 1], i);
}

static void
room_that_is_reserved_needs_no_growing(void **state)
{
	DEFER(buf_clear) struct buf buf = {0};
	const uint8_t *data;

	(void)state;
	buf_append_text(&buf, "before");
	buf_reserve(&buf, 6 + 5000);
	data = buf.data;
	assert_int_equal(buf.len, 6);
	memset(buf_extend(&buf, 5000), 'x', 5000);
	assert_ptr_equal(buf.data, data);
	assert_memory_equal(buf.data, "beforex", 7);
}

static void
text_and_formats_are_appended_without_a_nul_that_counts(void **state)
{
	DEFER(buf_clear) struct buf buf = {0};

	(void)state;
	buf_append_text(&buf, "a=");
	buf_append_format(&buf, "%d;%s", 42, "b");
	assert_int_equal(buf.len, 6);
	assert_string_equal(buf_text(&buf), "a=42;b");
	assert_int_equal(buf.len, 6);
	buf_truncate(&buf, 1);
	buf_append_format(&buf, "%0300d", 7);
	assert_int_equal(buf.len, 301);
	assert_int_equal(strlen(buf_text(&buf)), 301);
}

static void
a_full_buffer_still_has_room_for_the_nul_of_its_text(void **state)
{
	DEFER(buf_clear) struct buf buf = {0};

	(void)state;
	memset(buf_extend(&buf, 4096), 'x', 4096);
	assert_int_equal(buf.len, 4096);
	assert_int_equal(strlen(buf_text(&buf)), 4096);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_buffer_is_valid_in_every_call),
	    cmocka_unit_test(integers_are_big_endian),
	    cmocka_unit_test(growing_keeps_all_octets),
	    cmocka_unit_test(room_that_is_reserved_needs_no_growing),
	    cmocka_unit_test(text_and_formats_are_appended_without_a_nul_that_counts),
	    cmocka_unit_test(a_full_buffer_still_has_room_for_the_nul_of_its_text),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
