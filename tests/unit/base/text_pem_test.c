#include "tests/support/cmocka_all.h"

#include "base/text.h"

/* clang-format off */
#define GOOD "-----BEGIN CSR-----\nZm9vYmE=\n-----END CSR-----\n"

static const struct pem { const char *why; struct bytes text; bool good; } PEMS[] = {
	{"one block",                   OCTETS(GOOD), true},
	{"no newline at the end",       OCTETS("-----BEGIN CSR-----\nZm9vYmE=\n-----END CSR-----"), true},
	{"CRLF",                        OCTETS("-----BEGIN CSR-----\r\nZm9v\r\nYmE=\r\n-----END CSR-----\r\n"), true},
	{"white space around",          OCTETS(" \t\r\n" GOOD "\n \t"), true},
	{"lines of odd lengths",        OCTETS("-----BEGIN CSR-----\nZ\nm9v\n\nYmE=\n-----END CSR-----\n"), true},
	{"two blocks",                  OCTETS(GOOD GOOD), false},
	{"two blocks, other label",     OCTETS(GOOD "-----BEGIN KEY-----\nZg==\n-----END KEY-----\n"), false},
	{"text in front",               OCTETS("subject=x\n" GOOD), false},
	{"text behind",                 OCTETS(GOOD "x"), false},
	{"NUL behind",                  OCTETS(GOOD "\0"), false},
	{"wrong label",                 OCTETS("-----BEGIN KEY-----\nZm9vYmE=\n-----END KEY-----\n"), false},
	{"label that begins alike",     OCTETS("-----BEGIN CSRS-----\nZm9vYmE=\n-----END CSRS-----\n"), false},
	{"lower case label",            OCTETS("-----BEGIN csr-----\nZm9vYmE=\n-----END csr-----\n"), false},
	{"another end label",           OCTETS("-----BEGIN CSR-----\nZm9vYmE=\n-----END KEY-----\n"), false},
	{"no end",                      OCTETS("-----BEGIN CSR-----\nZm9vYmE=\n"), false},
	{"no begin",                    OCTETS("Zm9vYmE=\n-----END CSR-----\n"), false},
	{"end before begin",            OCTETS("-----END CSR-----\nZm9vYmE=\n-----BEGIN CSR-----\n"), false},
	{"four dashes",                 OCTETS("----BEGIN CSR-----\nZm9vYmE=\n-----END CSR-----\n"), false},
	{"shared dashes",               OCTETS("-----BEGIN CSR-----END CSR-----"), false},
	{"nothing inside",              OCTETS("-----BEGIN CSR-----\n-----END CSR-----\n"), false},
	{"header inside",               OCTETS("-----BEGIN CSR-----\nProc-Type: 4\n\nZm9vYmE=\n-----END CSR-----\n"), false},
	{"space inside a line",         OCTETS("-----BEGIN CSR-----\nZm9v YmE=\n-----END CSR-----\n"), false},
	{"trailing bits",               OCTETS("-----BEGIN CSR-----\nZm9vYmF=\n-----END CSR-----\n"), false},
	{"no padding",                  OCTETS("-----BEGIN CSR-----\nZm9vYmE\n-----END CSR-----\n"), false},
	{"padding in the middle",       OCTETS("-----BEGIN CSR-----\nZg==\nZg==\n-----END CSR-----\n"), false},
	{"NUL inside",                  OCTETS("-----BEGIN CSR-----\nZm9v\0YmE=\n-----END CSR-----\n"), false},
	{"bare base64",                 OCTETS("Zm9vYmE="), false},
	{"empty",                       OCTETS(""), false},
	{"white space only",            OCTETS(" \r\n\t"), false},
};
/* clang-format on */

static void
only_one_block_with_the_label_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(PEMS); i++) {
		DEFER(buf_clear) struct buf out = {0};
		struct error err = {0};
		const bool good = pem_decode(PEMS[i].text, "CSR", &out, &err);

		if (good != PEMS[i].good)
			fail_msg("%s", PEMS[i].why);
		assert_int_equal(err.code, good ? E_NONE : E_BAD_SYNTAX);
		assert_octets_text(buf_bytes(&out), good ? "fooba" : "");
	}
}

static void
every_truncation_of_a_block_is_refused(void **state)
{
	const size_t len = sizeof GOOD - 1;

	(void)state;
	for (size_t cut = 0; cut < len - 1; cut++) { /* the last newline may be missing */
		DEFER(buf_clear) struct buf out = {0};
		struct error err = {0};

		if (pem_decode(bytes_of(GOOD, cut), "CSR", &out, &err))
			fail_msg("%zu octets were enough", cut);
	}
}

static void
lines_have_64_characters_and_any_length_reads_back(void **state)
{
	uint8_t octets[200];

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(i * 7);
	for (size_t len = 1; len <= sizeof octets; len++) {
		DEFER(buf_clear) struct buf text = {0};
		DEFER(buf_clear) struct buf again = {0};
		struct error err = {0};
		const size_t characters = BASE64_TEXT_LEN(len);

		pem_encode(&text, "A B", bytes_of(octets, len));
		assert_true(pem_decode(buf_bytes(&text), "A B", &again, &err));
		assert_octets(buf_bytes(&again), bytes_of(octets, len));
		assert_int_equal(text.len, sizeof "-----BEGIN A B-----\n-----END A B-----\n" - 1 +
					       characters + (characters + 63) / 64);
		if (characters > 64)
			assert_int_equal(text.data[20 + 64], '\n');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_one_block_with_the_label_is_read),
	    cmocka_unit_test(every_truncation_of_a_block_is_refused),
	    cmocka_unit_test(lines_have_64_characters_and_any_length_reads_back),
	};

	return cmocka_run_group_tests_name("text_pem", tests, NULL, NULL);
}
