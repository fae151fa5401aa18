#include "api/remembered.h"

#include "base/mem.h"
#include "tests/support/cmocka_all.h"
#include "tests/unit/ca/authorities.h"

static struct operator_caller
caller_of(int number)
{
	struct operator_caller caller = {.serial = {0x40, 0, 82},
	    .person = 7 + number,
	    .roles = ROLE_OFFICER | ROLE_VERIFIER,
	    .handle = "7f3kq2m5nv4wxyza"};

	caller.serial[19] = (uint8_t)number;
	return caller;
}

static void
encode(const struct authorities *authorities, struct buf *out)
{
	const struct operator_caller callers[] = {caller_of(1), caller_of(2)};

	remembered_encode(authorities->issuers, callers, COUNT(callers), out);
}

static void
assert_same_issuer(const struct issuer *wanted, const struct issuer *got)
{
	assert_true(bytes_equal(buf_bytes(&wanted->der), buf_bytes(&got->der)));
	assert_int_equal(wanted->kind, got->kind);
	assert_int_equal(wanted->shard_count, got->shard_count);
	assert_int_equal(wanted->in_keeper, got->in_keeper);
	assert_int_equal(wanted->ocsp, got->ocsp);
	assert_int_equal(issuer_state(wanted), issuer_state(got));
	assert_int_equal(wanted->parent == NULL, got->parent == NULL);
	if (wanted->parent != NULL)
		assert_string_equal(wanted->parent->id_text, got->parent->id_text);
	assert_string_equal(wanted->tbs.http_url, got->tbs.http_url);
}

static void
what_is_written_is_read_back(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(remembered_clear) struct remembered out = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	encode(&authorities, &text);
	assert_true(remembered_parse(buf_bytes(&text), TEST_HTTP_URL, &out, &err));
	assert_int_equal(issuers_count(out.issuers), issuers_count(authorities.issuers));
	for (size_t i = 0; i < issuers_count(out.issuers); i++)
		assert_same_issuer(issuers_at(authorities.issuers, i), issuers_at(out.issuers, i));
	assert_int_equal(out.caller_count, 2);
	for (int i = 0; i < 2; i++) {
		const struct operator_caller wanted = caller_of(i + 1);

		assert_memory_equal(out.callers[i].serial, wanted.serial, SERIAL_BYTES);
		assert_int_equal(out.callers[i].person, wanted.person);
		assert_int_equal(out.callers[i].roles, wanted.roles);
		assert_string_equal(out.callers[i].handle, wanted.handle);
	}
}

static void
nobody_may_call_where_nobody_is_known(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(remembered_clear) struct remembered out = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	remembered_encode(authorities.issuers, NULL, 0, &text);
	assert_true(remembered_parse(buf_bytes(&text), TEST_HTTP_URL, &out, &err));
	assert_int_equal(out.caller_count, 0);
}

/* A crash cannot leave a part (file_write()), but a disk can. */
static void
a_part_is_refused(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	authorities_init(&authorities);
	encode(&authorities, &text);
	for (size_t len = 0; len < text.len - 1; len += 37) { /* the last octet is the line's end */
		DEFER(remembered_clear) struct remembered out = {0};
		struct error err = {0};

		assert_false(remembered_parse(bytes_of(text.data, len), TEST_HTTP_URL, &out, &err));
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

/* clang-format off */
static const struct hurt {
	const char *why, *from, *to;
} HURTS[] = {
	{"another version",          "\"version\":1",      "\"version\":2"},
	{"something more",           "\"version\":1",      "\"version\":1,\"x\":1"},
	{"a kind that is none",      "\"device-ca\"",      "\"devise-ca\""},
	{"a state that is none",     "\"active\"",         "\"astive\""},
	{"no base64",                "\"certificate\":\"", "\"certificate\":\"*"},
	{"no certificate",           "\"certificate\":\"", "\"certificate\":\"AAAA"},
	{"no active Device CA",      "\"kind\":\"device-ca\"", "\"kind\":\"birth-ca\""},
	{"a parent that is none",    "\"parent\":\"",      "\"parent\":\"z"},
	{"no shard",                 "\"shards\":1",       "\"shards\":0"},
	{"a role that is none",      "\"roles\":6",        "\"roles\":64"},
	{"nobody's",                 "\"person\":8",       "\"person\":0"},
	{"no handle",                "\"handle\":\"7",     "\"handle\":\"1"},
	{"no serial number",         "\"serial\":\"40",    "\"serial\":\"4"},
	{"callers out of order",     "0001\",\"person\"",  "0003\",\"person\""},
	{"a caller twice",           "0001\",\"person\"",  "0002\",\"person\""},
};
/* clang-format on */

static void
put_hurt(struct bytes text, const struct hurt *hurt, struct buf *out)
{
	const size_t len = strlen(hurt->from);
	const uint8_t *at = memmem(text.data, text.len, hurt->from, len);
	size_t before;

	if (at == NULL)
		fail_msg("%s: the text has no %s", hurt->why, hurt->from);
	before = (size_t)(at - text.data);
	buf_append(out, bytes_of(text.data, before));
	buf_append_text(out, hurt->to);
	buf_append(out, bytes_of(at + len, text.len - before - len));
}

static void
what_is_not_ours_is_refused(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	authorities_init(&authorities);
	encode(&authorities, &text);
	for (size_t i = 0; i < COUNT(HURTS); i++) {
		DEFER(remembered_clear) struct remembered out = {0};
		DEFER(buf_clear_public) struct buf hurt = {0};
		struct error err = {0};

		put_hurt(buf_bytes(&text), &HURTS[i], &hurt);
		if (remembered_parse(buf_bytes(&hurt), TEST_HTTP_URL, &out, &err))
			fail_msg("%s: taken", HURTS[i].why);
		assert_int_not_equal(err.code, E_NONE);
		assert_null(out.issuers);
		assert_null(out.callers);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(nobody_may_call_where_nobody_is_known),
	    cmocka_unit_test(a_part_is_refused),
	    cmocka_unit_test(what_is_not_ours_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
