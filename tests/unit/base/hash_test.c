#include "tests/support/cmocka_all.h"

#include "base/hash.h"
#include "base/text.h"

/* The examples of FIPS 180 and NIST's SHA-256 test vectors. */
static const struct known {
	const char *message, *digest;
} KNOWN[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void
digests_are_the_known_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(KNOWN); i++) {
		uint8_t digest[SHA256_BYTES];
		char hex[2 * SHA256_BYTES + 1];

		sha256(bytes_of_text(KNOWN[i].message), digest);
		hex_encode(hex, bytes_of(digest, sizeof digest));
		assert_string_equal(hex, KNOWN[i].digest);
	}
}

static void
a_million_letters_in_pieces_give_the_known_digest(void **state)
{
	struct sha256 ctx;
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	uint8_t piece[1000];

	(void)state;
	memset(piece, 'a', sizeof piece);
	sha256_init(&ctx);
	for (int i = 0; i < 1000; i++)
		sha256_update(&ctx, bytes_of(piece, sizeof piece));
	sha256_update(&ctx, (struct bytes){0});
	sha256_final(&ctx, digest);
	hex_encode(hex, bytes_of(digest, sizeof digest));
	assert_string_equal(
	    hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void
a_copied_state_goes_on_by_itself(void **state)
{
	struct sha256 ctx;
	struct sha256 copy;
	uint8_t digest[SHA256_BYTES];
	uint8_t whole[SHA256_BYTES];

	(void)state;
	sha256_init(&ctx);
	sha256_update(&ctx, bytes_of_text("ab"));
	copy = ctx;
	sha256_update(&ctx, bytes_of_text("x"));
	sha256_final(&ctx, digest);
	sha256_update(&copy, bytes_of_text("c"));
	sha256_final(&copy, digest);
	sha256(bytes_of_text("abc"), whole);
	assert_memory_equal(digest, whole, sizeof whole);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(digests_are_the_known_ones),
	    cmocka_unit_test(a_million_letters_in_pieces_give_the_known_digest),
	    cmocka_unit_test(a_copied_state_goes_on_by_itself),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
