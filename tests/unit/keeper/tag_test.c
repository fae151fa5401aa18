#include "fixture.h"

#include <sodium.h>

#include "keeper/tag.h"

/* The known answers were computed with an independent implementation of RFC 9497. */
#define MESSAGE "4d4f4e494b45522d48574944010100060242ac110002"
#define GROUP_ELEMENT "04b4973566772f7cc739614d107600cfbd55f00dd89122ff8261c4643831383b"
#define KEY_1 "5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e"
#define TAG_1 "1847f9d5af81a32027941af9fe50db167fb4daf732531e64ccca8b90138eb23d"
#define KEY_2 "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"
#define RATIO "6ffbbe3d69bbb4eb7634edc8515179f6a18d3678247d51996e1aae53c1c8c70c"
#define TAG_2 "64063379af76cb598e933172eaad4389185ede4d5f5d6639b45438aa2fece176"

static void
unhex(const char *text, uint8_t *out, size_t len)
{
	assert_true(hex_decode(bytes_of_text(text), out, len));
}

static void
a_message_hashes_to_its_group_element(void **state)
{
	uint8_t message[22], expected[TAG_BYTES], got[TAG_BYTES];

	(void)state;
	unhex(MESSAGE, message, sizeof(message));
	unhex(GROUP_ELEMENT, expected, sizeof(expected));
	tag_hash_to_group(got, bytes_of(message, sizeof(message)));
	assert_memory_equal(got, expected, sizeof(got));
}

static void
a_key_and_a_message_make_their_tag(void **state)
{
	static const struct {
		const char *key, *tag;
	} ROWS[] = {{KEY_1, TAG_1}, {KEY_2, TAG_2}};
	uint8_t message[22], key[TAG_KEY_BYTES], expected[TAG_BYTES], got[TAG_BYTES];
	struct error err = {0};

	(void)state;
	unhex(MESSAGE, message, sizeof(message));
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		unhex(ROWS[i].key, key, sizeof(key));
		unhex(ROWS[i].tag, expected, sizeof(expected));
		assert_ok(tag_compute(got, key, bytes_of(message, sizeof(message)), &err), &err);
		assert_memory_equal(got, expected, sizeof(got));
	}
}

static void
a_tag_moves_to_another_key_without_its_message(void **state)
{
	uint8_t ratio[TAG_KEY_BYTES], from[TAG_BYTES], expected[TAG_BYTES], got[TAG_BYTES];
	struct error err = {0};

	(void)state;
	unhex(RATIO, ratio, sizeof(ratio));
	unhex(TAG_1, from, sizeof(from));
	unhex(TAG_2, expected, sizeof(expected));
	assert_ok(tag_rotate(got, ratio, from, &err), &err);
	assert_memory_equal(got, expected, sizeof(got));
}

static void
a_degenerate_key_or_tag_is_refused(void **state)
{
	uint8_t zero[TAG_BYTES] = {0}, not_a_point[TAG_BYTES], key[TAG_KEY_BYTES], out[TAG_BYTES];
	struct error err = {0};

	(void)state;
	unhex(KEY_1, key, sizeof(key));
	memset(not_a_point, 0xff, sizeof(not_a_point));
	assert_false(tag_compute(out, zero, (struct bytes)BYTES_LITERAL("x"), &err));
	assert_int_equal(err.code, E_TAG_INVALID);
	err = (struct error){0};
	assert_false(tag_rotate(out, key, zero, &err));
	assert_int_equal(err.code, E_TAG_INVALID);
	err = (struct error){0};
	assert_false(tag_rotate(out, key, not_a_point, &err));
	assert_int_equal(err.code, E_TAG_INVALID);
}

static void
every_message_has_a_tag_of_its_own(void **state)
{
	uint8_t key[TAG_KEY_BYTES], tags[3][TAG_BYTES];
	uint8_t longest[TAG_MESSAGE_MAX] = {0};
	struct error err = {0};

	(void)state;
	unhex(KEY_1, key, sizeof(key));
	assert_ok(tag_compute(tags[0], key, bytes_of(longest, 0), &err), &err);
	assert_ok(tag_compute(tags[1], key, bytes_of(longest, 1), &err), &err);
	assert_ok(tag_compute(tags[2], key, bytes_of(longest, sizeof(longest)), &err), &err);
	assert_memory_not_equal(tags[0], tags[1], TAG_BYTES);
	assert_memory_not_equal(tags[1], tags[2], TAG_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_message_hashes_to_its_group_element),
	    cmocka_unit_test(a_key_and_a_message_make_their_tag),
	    cmocka_unit_test(a_tag_moves_to_another_key_without_its_message),
	    cmocka_unit_test(a_degenerate_key_or_tag_is_refused),
	    cmocka_unit_test(every_message_has_a_tag_of_its_own),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
