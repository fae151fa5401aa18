#include "fixture.h"

static void
policy_of_two(struct policy *out)
{
	*out = (struct policy){.issuer_count = 2};
	issuer_init(&out->issuers[0]);
	issuer_init(&out->issuers[1]);
	memset(out->issuers[1].id, 7, ISSUER_ID_BYTES);
	out->issuers[1].form = POLICY_FORM_SERVICE;
	out->issuers[1].ekus = POLICY_EKU_SERVER_AUTH | POLICY_EKU_CLIENT_AUTH;
	out->issuers[1].events = UINT64_C(1) << LEAF_LOG_VERIFY; /* the last event there is */
	out->issuers[1].shard_count = 9999;
	buf_append_text(&out->issuers[1].ocsp_url, OCSP_URL);
}

static void
a_policy_comes_back_whole(void **state)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(policy_clear) struct policy policy;
	DEFER(policy_clear) struct policy again = {0};
	const struct policy_issuer *issuer;
	const char *path;
	struct error err = {0};

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "policy.json");
	policy_of_two(&policy);
	assert_ok(policy_write(&policy, path, &err), &err);
	assert_ok(policy_read(path, &again, &err), &err);
	assert_int_equal(again.issuer_count, 2);
	issuer = policy_find(&again, policy.issuers[1].id);
	assert_ptr_equal(issuer, &again.issuers[1]);
	assert_int_equal(issuer->form, POLICY_FORM_SERVICE);
	assert_true(issuer->events == policy.issuers[1].events);
	assert_int_equal(issuer->key_types, policy.issuers[1].key_types);
	assert_int_equal(issuer->ekus, policy.issuers[1].ekus);
	assert_int_equal(issuer->shard_count, 9999);
	assert_true(issuer->validity_max_s == policy.issuers[1].validity_max_s);
	assert_true(issuer->not_before_s == policy.issuers[1].not_before_s);
	assert_true(issuer->not_after_s == policy.issuers[1].not_after_s);
	assert_true(
	    bytes_equal(buf_bytes(&issuer->subject), buf_bytes(&policy.issuers[1].subject)));
	assert_true(bytes_equal(
	    buf_bytes(&issuer->key_identifier), buf_bytes(&policy.issuers[1].key_identifier)));
	assert_string_equal(buf_text(&again.issuers[1].ocsp_url), OCSP_URL);
	assert_int_equal(again.issuers[0].ocsp_url.len, 0);
	assert_null(policy_find(&again, (const uint8_t[ISSUER_ID_BYTES]){9}));
}

static void
a_removed_authority_is_gone(void **state)
{
	DEFER(policy_clear) struct policy policy;
	uint8_t first[ISSUER_ID_BYTES], second[ISSUER_ID_BYTES];

	(void)state;
	policy_of_two(&policy);
	memcpy(first, policy.issuers[0].id, sizeof first);
	memcpy(second, policy.issuers[1].id, sizeof second);
	assert_true(policy_remove(&policy, first));
	assert_false(policy_remove(&policy, first));
	assert_null(policy_find(&policy, first));
	assert_ptr_equal(policy_find(&policy, second), &policy.issuers[0]);
	assert_string_equal(buf_text(&policy.issuers[0].ocsp_url), OCSP_URL);
	assert_true(policy_remove(&policy, second));
	assert_int_equal(policy.issuer_count, 0);
}

#define MEMBERS_BEFORE_EVENTS "\"id\":\"0011223344556677\",\"form\":\"device\","
#define MEMBERS_AFTER_EVENTS                                                              \
	"\"key_types\":[\"p256\"],\"ekus\":[\"client_auth\"],\"validity_max_s\":100,"     \
	"\"not_before\":\"2026-01-01T00:00:00Z\",\"not_after\":\"2027-01-01T00:00:00Z\"," \
	"\"subject\":\"MAA=\",\"key_identifier\":\"aabb\",\"shard_count\":1"
#define EVENTS "\"events\":[\"enroll.ok\"],"
#define ISSUER "{" MEMBERS_BEFORE_EVENTS EVENTS MEMBERS_AFTER_EVENTS "}"

static void
only_the_one_form_is_read(void **state)
{
	static const struct {
		const char *what, *text;
		bool good;
	} ROWS[] = {
	    {"one issuer", "{\"issuers\":[" ISSUER "]}", true},
	    {"no issuer", "{\"issuers\":[]}", true},
	    {"no list", "{}", false},
	    {"not an object", "[]", false},
	    {"unknown member", "{\"issuers\":[],\"x\":1}", false},
	    {"an issuer twice", "{\"issuers\":[" ISSUER "," ISSUER "]}", false},
	    {"an issuer that is no object", "{\"issuers\":[1]}", false},
	    {"unknown event",
		"{\"issuers\":[{" MEMBERS_BEFORE_EVENTS
		"\"events\":[\"enroll.maybe\"]," MEMBERS_AFTER_EVENTS "}]}",
		false},
	    {"an event twice",
		"{\"issuers\":[{" MEMBERS_BEFORE_EVENTS
		"\"events\":[\"enroll.ok\",\"enroll.ok\"]," MEMBERS_AFTER_EVENTS "}]}",
		false},
	    {"an event that is a number",
		"{\"issuers\":[{" MEMBERS_BEFORE_EVENTS "\"events\":[1]," MEMBERS_AFTER_EVENTS
		"}]}",
		false},
	    {"no events", "{\"issuers\":[{" MEMBERS_BEFORE_EVENTS MEMBERS_AFTER_EVENTS "}]}",
		false},
	    {"short id",
		"{\"issuers\":[{\"id\":\"00\",\"form\":\"device\"," EVENTS MEMBERS_AFTER_EVENTS
		"}]}",
		false},
	    {"unknown form",
		"{\"issuers\":[{\"id\":\"0011223344556677\",\"form\":\"ca\"," EVENTS
		    MEMBERS_AFTER_EVENTS "}]}",
		false},
	    {"a URL with a space",
		"{\"issuers\":[{" MEMBERS_BEFORE_EVENTS EVENTS MEMBERS_AFTER_EVENTS
		",\"ca_url\":\"http://a b\"}]}",
		false},
	    {"trailing text", "{\"issuers\":[]} x", false},
	};
	DEFER(folder_clear) struct folder folder;
	const char *path;

	(void)state;
	folder_init(&folder);
	path = folder_file(&folder, "policy.json");
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(policy_clear) struct policy policy = {0};
		struct error err = {0};

		assert_ok(file_write(path, bytes_of_text(ROWS[i].text), 0600, &err), &err);
		if (policy_read(path, &policy, &err) != ROWS[i].good)
			fail_msg("%s: %s", ROWS[i].what, err.detail);
		if (!ROWS[i].good)
			assert_int_equal(err.code, E_CONFIG_INVALID);
	}
}

/* Cut it is none; with one bit changed it is none, or another one. */
static void
a_policy_that_was_cut_or_changed_is_not_the_same(void **state)
{
	DEFER(policy_clear) struct policy policy = {.issuer_count = 1};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf changed = {0};
	struct error err = {0};

	(void)state;
	issuer_init(&policy.issuers[0]);
	assert_ok(policy_encode(&policy, &text, &err), &err);
	buf_append(&changed, buf_bytes(&text));
	for (size_t len = 0; len < text.len; len++) {
		struct policy cut = {0};
		struct error why = {0};

		assert_false(policy_parse(bytes_of(text.data, len), &cut, &why));
		assert_int_equal(why.code, E_CONFIG_INVALID);
	}
	for (size_t i = 0; i < text.len * 8; i++) {
		DEFER(policy_clear) struct policy other = {0};
		DEFER(buf_clear_public) struct buf again = {0};
		struct error why = {0};

		changed.data[i / 8] ^= (uint8_t)(1 << i % 8);
		if (policy_parse(buf_bytes(&changed), &other, &why)) {
			assert_ok(policy_encode(&other, &again, &why), &why);
			/* White space may be other white space, hexadecimal digits of either case.
			 */
			if (bytes_equal(buf_bytes(&again), buf_bytes(&text)) &&
			    strchr(" \nabcdef", text.data[i / 8]) == NULL)
				fail_msg("bit %zu", i);
		} else
			assert_int_equal(why.code, E_CONFIG_INVALID);
		changed.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_policy_comes_back_whole),
	    cmocka_unit_test(a_removed_authority_is_gone),
	    cmocka_unit_test(only_the_one_form_is_read),
	    cmocka_unit_test(a_policy_that_was_cut_or_changed_is_not_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
