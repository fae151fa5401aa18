/* Requests that name the channel binding of a TLS session, or anything else in its place. */
#include "tests/support/cmocka_all.h"

#include "base/text.h"
#include "ca/csr.h"
#include "ca/csr_binding.h"
#include "ca/oid.h"
#include "tests/unit/ca/request.h"

#define UNIQUE "twelve octet"                       /* CSR_BINDING_UNIQUE_BYTES */
#define EXPORTED "thirty-two octets of an exporter" /* CSR_BINDING_EXPORTER_BYTES */
#define PASSWORD "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
#define LINKING "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3a"
#define NAME "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02" /* unstructuredName */
#define TELETEX_STRING 0x14

enum form { AS_IT_IS, BASE64, BASE64_AND_LINE };

/* clang-format off */
static const struct row {
	const char *claim;
	struct bytes type;    /* of the attribute; empty: no attribute */
	int tag;              /* of its value */
	struct bytes value;
	enum form form;
	struct bytes session; /* its binding */
	bool fits;
} ROWS[] = {
	{ "no attribute, no binding", {0}, 0, {0}, AS_IT_IS, {0}, true },
	{ "no attribute", {0}, 0, {0}, AS_IT_IS, BYTES_LITERAL(EXPORTED), true },
	{ "the session's exporter", BYTES_LITERAL(PASSWORD), DER_PRINTABLE_STRING, BYTES_LITERAL(EXPORTED), BASE64, BYTES_LITERAL(EXPORTED), true },
	{ "the session's tls-unique", BYTES_LITERAL(PASSWORD), DER_UTF8_STRING, BYTES_LITERAL(UNIQUE), BASE64, BYTES_LITERAL(UNIQUE), true },
	{ "in the string type of old tools", BYTES_LITERAL(PASSWORD), TELETEX_STRING, BYTES_LITERAL(UNIQUE), BASE64, BYTES_LITERAL(UNIQUE), true },
	{ "with the line that some encoders end", BYTES_LITERAL(PASSWORD), DER_PRINTABLE_STRING, BYTES_LITERAL(UNIQUE), BASE64_AND_LINE, BYTES_LITERAL(UNIQUE), true },
	{ "linked by RFC 7894", BYTES_LITERAL(LINKING), DER_UTF8_STRING, BYTES_LITERAL(UNIQUE), BASE64, BYTES_LITERAL(UNIQUE), true },

	{ "another session's exporter", BYTES_LITERAL(PASSWORD), DER_PRINTABLE_STRING, BYTES_LITERAL("thirty-two octets of another one"), BASE64, BYTES_LITERAL(EXPORTED), false },
	{ "another session's tls-unique", BYTES_LITERAL(PASSWORD), DER_PRINTABLE_STRING, BYTES_LITERAL("another octe"), BASE64, BYTES_LITERAL(UNIQUE), false },
	{ "tls-unique in a session of TLS 1.3", BYTES_LITERAL(PASSWORD), DER_PRINTABLE_STRING, BYTES_LITERAL(UNIQUE), BASE64, BYTES_LITERAL(EXPORTED), false },
	{ "a binding in a session without", BYTES_LITERAL(PASSWORD), DER_PRINTABLE_STRING, BYTES_LITERAL(UNIQUE), BASE64, {0}, false },
	{ "another session's by RFC 7894", BYTES_LITERAL(LINKING), DER_UTF8_STRING, BYTES_LITERAL("another octe"), BASE64, BYTES_LITERAL(UNIQUE), false },
	{ "words by RFC 7894", BYTES_LITERAL(LINKING), DER_UTF8_STRING, BYTES_LITERAL("secret"), AS_IT_IS, BYTES_LITERAL(UNIQUE), false },
	{ "nothing by RFC 7894", BYTES_LITERAL(LINKING), DER_UTF8_STRING, {0}, AS_IT_IS, BYTES_LITERAL(UNIQUE), false },
	{ "nothing by RFC 7894, no binding", BYTES_LITERAL(LINKING), DER_UTF8_STRING, {0}, AS_IT_IS, {0}, false },

	{ "a password", BYTES_LITERAL(PASSWORD), DER_UTF8_STRING, BYTES_LITERAL("1234"), AS_IT_IS, BYTES_LITERAL(EXPORTED), true },
	{ "an empty password", BYTES_LITERAL(PASSWORD), DER_UTF8_STRING, {0}, AS_IT_IS, BYTES_LITERAL(EXPORTED), true },
	{ "the octets themselves", BYTES_LITERAL(PASSWORD), DER_UTF8_STRING, BYTES_LITERAL(UNIQUE), AS_IT_IS, BYTES_LITERAL(UNIQUE), true },
	{ "a password of sixteen letters is a binding", BYTES_LITERAL(PASSWORD), DER_UTF8_STRING, BYTES_LITERAL("abcdefghijklmnop"), AS_IT_IS, BYTES_LITERAL(EXPORTED), false },
	{ "a binding where nobody puts one", BYTES_LITERAL(NAME), DER_UTF8_STRING, BYTES_LITERAL("another octe"), BASE64, BYTES_LITERAL(UNIQUE), true },
};
/* clang-format on */

/* An attribute with the value `times` times. */
static void
put_attribute(const struct row *row, size_t times, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;
	DEFER(buf_clear_public) struct buf text = {0};

	if (row->form == AS_IT_IS)
		buf_append(&text, row->value);
	else
		base64_encode(&text, row->value);
	if (row->form == BASE64_AND_LINE)
		buf_append_u8(&text, '\n');
	der_writer_init(&w, 256);
	for (size_t i = 0; i < times; i++)
		der_put_element(&w, row->tag, buf_bytes(&text));
	der_wrap(&w, DER_SET, 0);
	der_put_element(&w, DER_OID, row->type);
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
}

static void
make_request(struct bytes attributes, struct buf *out)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = request_key("P-256", 256);
	DEFER(buf_clear_public) struct buf spki = {0};

	request_spki(key, &spki);
	request_assemble(&(struct request_parts){.spki = buf_bytes(&spki),
			     .algorithm = ALGORITHM_ECDSA_SHA256,
			     .attributes = attributes,
			     .signer = key,
			     .md = EVP_sha256()},
	    out);
}

static void
a_binding_is_the_session_s_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf attribute = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(csr_free) struct csr *csr = NULL;
		struct error err = {0};

		if (ROWS[i].type.len > 0)
			put_attribute(&ROWS[i], 1, &attribute);
		make_request(buf_bytes(&attribute), &der);
		if (csr_parse_any(buf_bytes(&der), &ROWS[i].session, &csr, &err) != ROWS[i].fits)
			fail_msg("%s: %s", ROWS[i].claim, err.detail);
		assert_int_equal(err.code, ROWS[i].fits ? E_NONE : E_BINDING_MISMATCH);
	}
}

static void
whoever_does_not_ask_is_not_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(buf_clear_public) struct buf attribute = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(csr_free) struct csr *csr = NULL;
		struct error err = {0};

		if (ROWS[i].type.len > 0)
			put_attribute(&ROWS[i], 1, &attribute);
		make_request(buf_bytes(&attribute), &der);
		assert_true(csr_parse_any(buf_bytes(&der), NULL, &csr, &err));
	}
}

/* A good binding does not vouch for a bad one, whatever their order. */
static void
every_attribute_counts(void **state)
{
	const struct bytes session = BYTES_LITERAL(UNIQUE);
	const struct row good = {.type = BYTES_LITERAL(PASSWORD),
	    .tag = DER_PRINTABLE_STRING,
	    .value = session,
	    .form = BASE64};
	const struct row bad = {.type = BYTES_LITERAL(LINKING),
	    .tag = DER_UTF8_STRING,
	    .value = BYTES_LITERAL("another octe"),
	    .form = BASE64};
	const struct row *const orders[][2] = {{&good, &bad}, {&bad, &good}, {&good, &good}};

	(void)state;
	for (size_t i = 0; i < COUNT(orders); i++) {
		DEFER(buf_clear_public) struct buf attributes = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(csr_free) struct csr *csr = NULL;
		struct error err = {0};

		put_attribute(orders[i][0], 2, &attributes);
		put_attribute(orders[i][1], 1, &attributes);
		make_request(buf_bytes(&attributes), &der);
		assert_int_equal(csr_parse_any(buf_bytes(&der), &session, &csr, &err), i == 2);
	}
}

/* It would hide what follows it. */
static void
an_attribute_that_is_none_is_refused(void **state)
{
	static const struct bytes broken[] = {BYTES_LITERAL("\x05\x00"), BYTES_LITERAL("\x30\x00"),
	    BYTES_LITERAL("\x30\x03\x06\x01\x2a"), BYTES_LITERAL("\x30\x05\x06\x01\x2a\x30\x00"),
	    BYTES_LITERAL("\x30\x07\x06\x01\x2a\x31\x00\x05\x00")};
	const struct bytes session = BYTES_LITERAL(UNIQUE);
	const struct row other = {.type = BYTES_LITERAL(LINKING),
	    .tag = DER_UTF8_STRING,
	    .value = BYTES_LITERAL("another octe"),
	    .form = BASE64};

	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		DEFER(buf_clear_public) struct buf attributes = {0};
		DEFER(buf_clear_public) struct buf der = {0};
		struct csr *csr = NULL;
		struct error err = {0};

		buf_append(&attributes, broken[i]);
		put_attribute(&other, 1, &attributes);
		make_request(buf_bytes(&attributes), &der);
		assert_false(csr_parse_any(buf_bytes(&der), &session, &csr, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

/* Proof comes first: what an unproven request says about its session is nobody's word. */
static void
a_request_that_is_not_proven_is_refused_as_that(void **state)
{
	const struct bytes session = BYTES_LITERAL(UNIQUE);
	const struct row other = {.type = BYTES_LITERAL(LINKING),
	    .tag = DER_UTF8_STRING,
	    .value = BYTES_LITERAL("another octe"),
	    .form = BASE64};
	DEFER(buf_clear_public) struct buf attribute = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	struct csr *csr = NULL;
	struct error err = {0};

	(void)state;
	put_attribute(&other, 1, &attribute);
	make_request(buf_bytes(&attribute), &der);
	der.data[der.len - 1] ^= 1;
	assert_false(csr_parse_any(buf_bytes(&der), &session, &csr, &err));
	assert_int_equal(err.code, E_BAD_PROOF);
}

static void
each_form_of_a_request_is_read(void **state)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf pem = {0};
	DEFER(buf_clear_public) struct buf line = {0};
	DEFER(buf_clear_public) struct buf lines = {0};
	struct bytes forms[4];

	(void)state;
	make_request((struct bytes){0}, &der);
	pem_encode(&pem, "CERTIFICATE REQUEST", buf_bytes(&der));
	base64_encode(&line, buf_bytes(&der));
	for (size_t at = 0; at < line.len; at += 76) {
		buf_append(
		    &lines, bytes_of(line.data + at, line.len - at < 76 ? line.len - at : 76));
		buf_append_text(&lines, "\r\n");
	}
	memcpy(forms,
	    (struct bytes[]){buf_bytes(&der), buf_bytes(&pem), buf_bytes(&line), buf_bytes(&lines)},
	    sizeof forms);
	for (size_t i = 0; i < COUNT(forms); i++) {
		DEFER(csr_free) struct csr *csr = NULL;
		struct error err = {0};

		if (!csr_parse_any(forms[i], NULL, &csr, &err))
			fail_msg("form %zu: %s", i, err.detail);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_binding_is_the_session_s_or_refused),
	    cmocka_unit_test(whoever_does_not_ask_is_not_told),
	    cmocka_unit_test(every_attribute_counts),
	    cmocka_unit_test(an_attribute_that_is_none_is_refused),
	    cmocka_unit_test(a_request_that_is_not_proven_is_refused_as_that),
	    cmocka_unit_test(each_form_of_a_request_is_read),
	};

	return cmocka_run_group_tests_name("csr_binding", tests, NULL, NULL);
}
