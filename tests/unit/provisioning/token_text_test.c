#include "tests/unit/provisioning/cmocka_all.h"

#include "base/mem.h"
#include "provisioning/token_text.h"

static void
make(uint8_t token[static TOKEN_BYTES], struct buf *out)
{
	for (size_t i = 0; i < TOKEN_BYTES; i++)
		token[i] = (uint8_t)(i * 37 + 1);
	token_text_encode(token, out);
}

static void
what_is_written_is_read(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	uint8_t token[TOKEN_BYTES], again[TOKEN_BYTES];

	(void)state;
	make(token, &text);
	assert_memory_equal(text.data, "mk1.", 4);
	assert_true(text.len <= TOKEN_TEXT_MAX);
	assert_true(token_text_parse(buf_text(&text), again));
	assert_memory_equal(token, again, TOKEN_BYTES);
}

static void
a_token_cut_anywhere_or_longer_is_none(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	uint8_t token[TOKEN_BYTES];

	(void)state;
	make(token, &text);
	for (size_t len = 0; len < text.len; len++) {
		DEFER(mem_free) char *cut = xcalloc(1, len + 1);

		memcpy(cut, text.data, len);
		assert_false(token_text_parse(cut, token));
	}
	for (int i = 0; i < 200; i++) { /* past the limit, too */
		buf_append_u8(&text, 'A');
		assert_false(token_text_parse(buf_text(&text), token));
	}
}

static void
a_changed_bit_makes_another_token_or_none(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};
	uint8_t token[TOKEN_BYTES], other[TOKEN_BYTES];
	size_t others = 0;

	(void)state;
	make(token, &text);
	for (size_t i = 0; i < text.len * 8; i++) {
		text.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (token_text_parse(buf_text(&text), other)) {
			assert_true(i / 8 >= 4);
			assert_memory_not_equal(token, other, TOKEN_BYTES);
			others++;
		}
		text.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(others > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(a_token_cut_anywhere_or_longer_is_none),
	    cmocka_unit_test(a_changed_bit_makes_another_token_or_none),
	};

	return cmocka_run_group_tests_name("token_text", tests, NULL, NULL);
}
