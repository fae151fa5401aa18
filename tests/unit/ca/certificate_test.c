#include "cmocka_all.h"

#include "authorities.h"
#include "base/der.h"
#include "base/mem.h"
#include "ca/certificate.h"

static void
an_authority_reads_as_it_was_made(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	const struct issuer *ca, *root;
	struct bytes name;

	(void)state;
	authorities_init(&authorities);
	ca = issuers_active(authorities.issuers, ISSUER_DEVICE_CA);
	root = issuers_active(authorities.issuers, ISSUER_DEVICE_ROOT);
	assert_true(ca->certificate.is_ca);
	assert_int_equal(ca->certificate.serial.len, SERIAL_BYTES);
	assert_true(bytes_equal(ca->certificate.issuer, root->certificate.subject));
	assert_true(bytes_equal(
	    ca->certificate.authority_key_identifier, root->certificate.key_identifier));
	assert_int_equal(root->certificate.authority_key_identifier.len, 0);
	assert_int_equal(ca->certificate.not_before_s, TEST_NOW_S - DAY_S);
	assert_true(certificate_common_name(&ca->certificate, &name));
	assert_true(bytes_equal(name, bytes_of_text("Moniker Device CA")));
}

static void
refuses(struct bytes der)
{
	struct certificate certificate;
	struct error err = {0};

	assert_false(certificate_parse(der, &certificate, &err));
	assert_int_equal(err.code, E_BAD_SYNTAX);
	assert_string_equal(err.pointer, "/certificate");
}

static void
a_certificate_cut_short_or_prolonged_is_none(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf longer = {0};
	const struct buf *der;

	(void)state;
	authorities_init(&authorities);
	der = &authorities.ceremony.certificates[ISSUER_DEVICE_CA];
	for (size_t len = 0; len < der->len; len++) {
		DEFER(mem_free) uint8_t *cut = xcalloc(1, len + (len == 0));

		if (len > 0)
			memcpy(cut, der->data, len);
		refuses(bytes_of(cut, len));
	}
	buf_append(&longer, buf_bytes(der));
	buf_append_u8(&longer, 0);
	refuses(buf_bytes(&longer));
	buf_extend(&longer, CERTIFICATE_DER_MAX);
	refuses(buf_bytes(&longer));
}

static void
no_changed_bit_is_taken_for_the_same_certificate(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf der = {0};

	(void)state;
	authorities_init(&authorities);
	buf_append(&der, buf_bytes(&authorities.ceremony.certificates[ISSUER_DEVICE_CA]));
	for (size_t i = 0; i < der.len * 8; i++) {
		struct certificate certificate;
		struct error err = {0};

		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (certificate_parse(buf_bytes(&der), &certificate, &err) &&
		    issuers_verify(authorities.issuers, &certificate) != NULL)
			fail_msg("bit %zu", i);
		der.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* SEQUENCE { [0] { 2 }, serial, algorithm, names, validity, key, rest } */
static void
make_whole(struct bytes serial, struct bytes name, struct bytes rest, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;
	static const uint8_t signature[] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
	size_t mark;

	der_writer_init(&w, 1024);
	der_put(&w, rest);
	der_put(&w, (struct bytes)BYTES_LITERAL("\x30\x00")); /* key */
	der_put(&w, name);
	mark = der_mark(&w);
	der_put_time(&w, TEST_NOW_S);
	der_put_time(&w, TEST_NOW_S);
	der_wrap(&w, DER_SEQUENCE, mark);
	der_put(&w, (struct bytes)BYTES_LITERAL("\x30\x00")); /* issuer */
	der_put(
	    &w, (struct bytes)BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"));
	der_put(&w, serial);
	der_put(&w, (struct bytes)BYTES_LITERAL("\xa0\x03\x02\x01\x02"));
	der_wrap(&w, DER_SEQUENCE, 0);
	certificate_assemble(der_written(&w), bytes_of(signature, sizeof signature), out);
}

/* With [3] { `extensions` } after the key. */
static void
make_with(struct bytes serial, struct bytes name, struct bytes extensions, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, 256);
	der_put(&w, extensions);
	der_wrap(&w, DER_SEQUENCE, 0);
	der_wrap(&w, DER_CONTEXT_CONSTRUCTED(3), 0);
	make_whole(serial, name, der_written(&w), out);
}

#define SERIAL "\x02\x01\x01"
#define NO_NAME "\x30\x00"

static void
make(struct bytes extensions, struct buf *out)
{
	make_with((struct bytes)BYTES_LITERAL(SERIAL), (struct bytes)BYTES_LITERAL(NO_NAME),
	    extensions, out);
}

#define CA_TRUE "\x30\x0c\x06\x03\x55\x1d\x13\x04\x05\x30\x03\x01\x01\xff"
#define CA_CRITICAL(octet) \
	"\x30\x0f\x06\x03\x55\x1d\x13\x01\x01" octet "\x04\x05\x30\x03\x01\x01\xff"
/* clang-format off */
static const struct extensions { const char *why; struct bytes der; bool good; } EXTENSIONS[] = {
	{"basicConstraints",        BYTES_LITERAL(CA_TRUE), true},
	{"twice the same",          BYTES_LITERAL(CA_TRUE CA_TRUE), false},
	{"critical FALSE, written", BYTES_LITERAL(CA_CRITICAL("\x00")), false},
	{"critical TRUE",           BYTES_LITERAL(CA_CRITICAL("\xff")), true},
	{"BOOLEAN of another value", BYTES_LITERAL(CA_CRITICAL("\x01")), false},
	{"an unknown one",          BYTES_LITERAL("\x30\x09\x06\x03\x55\x1d\x7f\x04\x02\x05\x00"), true},
	{"without a value",         BYTES_LITERAL("\x30\x05\x06\x03\x55\x1d\x7f"), false},
	{"trailing in the value",
	 BYTES_LITERAL("\x30\x0b\x06\x03\x55\x1d\x13\x04\x04\x30\x00\x05\x00"), false},
};
/* clang-format on */

static void
extensions_are_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(EXTENSIONS); i++) {
		DEFER(buf_clear_public) struct buf der = {0};
		struct certificate certificate;
		struct error err = {0};

		make(EXTENSIONS[i].der, &der);
		if (certificate_parse(buf_bytes(&der), &certificate, &err) != EXTENSIONS[i].good)
			fail_msg("%s", EXTENSIONS[i].why);
	}
}

/* clang-format off */
static const struct part { const char *why; struct bytes serial, name; bool good; } PARTS[] = {
	{"as it should be",        BYTES_LITERAL(SERIAL),             BYTES_LITERAL(NO_NAME), true},
	{"a serial number of 0",   BYTES_LITERAL("\x02\x01\x00"),     BYTES_LITERAL(NO_NAME), true},
	{"a negative one",         BYTES_LITERAL("\x02\x01\xff"),     BYTES_LITERAL(NO_NAME), false},
	{"a padded one",           BYTES_LITERAL("\x02\x02\x00\x01"), BYTES_LITERAL(NO_NAME), false},
	{"an empty one",           BYTES_LITERAL("\x02\x00"),         BYTES_LITERAL(NO_NAME), false},
	{"an element in a name cut short", BYTES_LITERAL(SERIAL),     BYTES_LITERAL("\x30\x04\x31\x02\x30\x01"), false},
	{"a bad OID in a name",    BYTES_LITERAL(SERIAL),             BYTES_LITERAL("\x30\x06\x31\x04\x06\x02\x55\x84"), false},
};
/* clang-format on */

static void
parts_that_are_not_read_are_der_as_well(void **state)
{
	static const struct bytes extensions = BYTES_LITERAL(CA_TRUE);

	(void)state;
	for (size_t i = 0; i < COUNT(PARTS); i++) {
		DEFER(buf_clear_public) struct buf der = {0};
		struct certificate certificate;
		struct error err = {0};

		make_with(PARTS[i].serial, PARTS[i].name, extensions, &der);
		if (certificate_parse(buf_bytes(&der), &certificate, &err) != PARTS[i].good)
			fail_msg("%s", PARTS[i].why);
	}
}

static void
unique_identifiers_are_refused(void **state)
{
	static const struct bytes after_key[] = {BYTES_LITERAL("\x81\x02\x00\x80"),
	    BYTES_LITERAL("\x82\x02\x00\x80"), BYTES_LITERAL("\x81\x02\x27\x80")};

	(void)state;
	for (size_t i = 0; i < COUNT(after_key); i++) {
		DEFER(buf_clear_public) struct buf der = {0};

		make_whole((struct bytes)BYTES_LITERAL(SERIAL),
		    (struct bytes)BYTES_LITERAL(NO_NAME), after_key[i], &der);
		refuses(buf_bytes(&der));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_authority_reads_as_it_was_made),
	    cmocka_unit_test(a_certificate_cut_short_or_prolonged_is_none),
	    cmocka_unit_test(no_changed_bit_is_taken_for_the_same_certificate),
	    cmocka_unit_test(extensions_are_read_strictly),
	    cmocka_unit_test(parts_that_are_not_read_are_der_as_well),
	    cmocka_unit_test(unique_identifiers_are_refused),
	};

	return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
