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
	assert_ok(tag_multiply(got, ratio, from, &err), &err);
	assert_memory_equal(got, expected, sizeof(got));
}

/* RFC 9497 appendix A.1.1: ristretto255-SHA512, mode OPRF. The key is KEY_1, the blind KEY_2. */
static const struct vector {
	const char *input, *blinded, *evaluated, *output;
} VECTORS[] = {
    {"00", "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c",
	"7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e",
	"527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3"
	"ab9135e3bd69955851de4b1f9fe8a0973396719b7912ba9ee8aa7d0b5e24bcf6"},
    {"5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
	"da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418",
	"b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25",
	"f4a74c9c592497375e796aa837e907b1a045d34306a749db9f34221f7e750cb4"
	"f2a6413a6bf6fa5e19ba6348eb673934a722a7ede2e7621306d18951e7cf2c73"},
};

/* Finalize of section 3.3.1: what the RFC makes of a tag. */
static void
finalize(uint8_t out[static 64], struct bytes input, const uint8_t tag[static TAG_BYTES])
{
	static const char end[] = "Finalize";
	const uint8_t input_len[2] = {0, (uint8_t)input.len}, tag_len[2] = {0, TAG_BYTES};
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, input_len, sizeof input_len);
	crypto_hash_sha512_update(&state, input.data, input.len);
	crypto_hash_sha512_update(&state, tag_len, sizeof tag_len);
	crypto_hash_sha512_update(&state, tag, TAG_BYTES);
	crypto_hash_sha512_update(&state, (const uint8_t *)end, sizeof end - 1);
	crypto_hash_sha512_final(&state, out);
}

static void
the_vectors_of_rfc_9497_hold(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		const size_t len = strlen(VECTORS[i].input) / 2;
		uint8_t input[17], key[TAG_KEY_BYTES], blind[TAG_KEY_BYTES], want[64], got[64];
		uint8_t blinded[TAG_BYTES], evaluated[TAG_BYTES], tag[TAG_BYTES], direct[TAG_BYTES];
		struct error err = {0};

		unhex(VECTORS[i].input, input, len);
		unhex(KEY_1, key, sizeof key);
		unhex(KEY_2, blind, sizeof blind);
		assert_ok(tag_compute(blinded, blind, bytes_of(input, len), &err), &err);
		unhex(VECTORS[i].blinded, want, TAG_BYTES);
		assert_memory_equal(blinded, want, TAG_BYTES);
		assert_ok(tag_multiply(evaluated, key, blinded, &err), &err);
		unhex(VECTORS[i].evaluated, want, TAG_BYTES);
		assert_memory_equal(evaluated, want, TAG_BYTES);
		assert_ok(tag_unblind(tag, blind, evaluated, &err), &err);
		finalize(got, bytes_of(input, len), tag);
		unhex(VECTORS[i].output, want, sizeof want);
		assert_memory_equal(got, want, sizeof want);
		/* The way of a keeper that sees the hardware id ends at the same tag. */
		assert_ok(tag_compute(direct, key, bytes_of(input, len), &err), &err);
		assert_memory_equal(direct, tag, TAG_BYTES);
	}
}

static void
a_blind_is_drawn_anew_and_leaves_no_trace_in_the_tag(void **state)
{
	const struct bytes message = BYTES_LITERAL("message");
	uint8_t key[TAG_KEY_BYTES], blinds[2][TAG_KEY_BYTES], points[2][TAG_BYTES];
	uint8_t want[TAG_BYTES], got[TAG_BYTES], hashed[TAG_BYTES];
	struct error err = {0};

	(void)state;
	unhex(KEY_1, key, sizeof key);
	tag_hash_to_group(hashed, message);
	assert_ok(tag_compute(want, key, message, &err), &err);
	for (int i = 0; i < 2; i++) {
		assert_ok(tag_blind(points[i], blinds[i], message, &err), &err);
		assert_memory_not_equal(points[i], hashed, TAG_BYTES);
		assert_ok(tag_multiply(got, key, points[i], &err), &err);
		assert_memory_not_equal(got, want, TAG_BYTES);
		assert_ok(tag_unblind(got, blinds[i], got, &err), &err);
		assert_memory_equal(got, want, TAG_BYTES);
	}
	assert_memory_not_equal(points[0], points[1], TAG_BYTES);
	memset(blinds[0], 0, TAG_KEY_BYTES);
	assert_false(tag_unblind(got, blinds[0], points[0], &err));
	assert_int_equal(err.code, E_TAG_INVALID);
}

static void
the_ratio_of_two_keys_moves_tags_there_and_back(void **state)
{
	uint8_t first[TAG_KEY_BYTES], second[TAG_KEY_BYTES], zero[TAG_KEY_BYTES] = {0};
	uint8_t ratio[TAG_KEY_BYTES], want[TAG_BYTES], tag[TAG_BYTES], got[TAG_BYTES];
	struct error err = {0};

	(void)state;
	unhex(KEY_1, first, sizeof first);
	unhex(KEY_2, second, sizeof second);
	assert_ok(tag_ratio(ratio, first, second, &err), &err);
	unhex(RATIO, want, sizeof want);
	assert_memory_equal(ratio, want, sizeof ratio);
	unhex(TAG_2, tag, sizeof tag);
	assert_ok(tag_ratio(ratio, second, first, &err), &err);
	assert_ok(tag_multiply(got, ratio, tag, &err), &err);
	unhex(TAG_1, want, sizeof want);
	assert_memory_equal(got, want, sizeof got);
	assert_false(tag_ratio(ratio, zero, first, &err));
	assert_int_equal(err.code, E_TAG_INVALID);
	err = (struct error){0};
	assert_false(tag_ratio(ratio, first, zero, &err));
	assert_int_equal(err.code, E_TAG_INVALID);
}

/* RFC 9496 appendix A.2: encodings that no decoder may take. One of each kind, and the identity. */
static const struct no_point {
	const char *why, *hex;
} NO_POINTS[] = {
    {"the identity", "0000000000000000000000000000000000000000000000000000000000000000"},
    {"not canonical: above the field",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"not canonical: its top bit",
	"0100000000000000000000000000000000000000000000000000000000000080"},
    {"negative", "0100000000000000000000000000000000000000000000000000000000000000"},
    {"of no square", "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"},
    {"all ones", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
};

static void
what_is_no_point_is_not_multiplied(void **state)
{
	uint8_t key[TAG_KEY_BYTES], point[TAG_BYTES], out[TAG_BYTES];

	(void)state;
	unhex(KEY_1, key, sizeof key);
	for (size_t i = 0; i < COUNT(NO_POINTS); i++) {
		struct error err = {0};

		unhex(NO_POINTS[i].hex, point, sizeof point);
		if (tag_multiply(out, key, point, &err))
			fail_msg("multiplied: %s", NO_POINTS[i].why);
		assert_int_equal(err.code, E_TAG_INVALID);
	}
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
	assert_false(tag_multiply(out, key, zero, &err));
	assert_int_equal(err.code, E_TAG_INVALID);
	err = (struct error){0};
	assert_false(tag_multiply(out, key, not_a_point, &err));
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
	    cmocka_unit_test(the_vectors_of_rfc_9497_hold),
	    cmocka_unit_test(a_blind_is_drawn_anew_and_leaves_no_trace_in_the_tag),
	    cmocka_unit_test(the_ratio_of_two_keys_moves_tags_there_and_back),
	    cmocka_unit_test(what_is_no_point_is_not_multiplied),
	    cmocka_unit_test(a_degenerate_key_or_tag_is_refused),
	    cmocka_unit_test(every_message_has_a_tag_of_its_own),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
