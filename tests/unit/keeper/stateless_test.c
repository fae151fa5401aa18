#include "served.h"

#include <pthread.h>
#include <sodium.h>

/* ---- tags and tokens ---- */

static void
tags_are_of_the_newest_key_and_in_order(void **state)
{
	DEFER(served_clear) struct served served;
	enum { TAGS = 700 };
	static uint16_t values[TAGS];
	struct bytes messages[TAGS];
	uint8_t(*tags)[TAG_BYTES] = xcalloc(TAGS, TAG_BYTES);
	uint8_t key[TAG_KEY_BYTES], expected[TAG_BYTES], kid = 0;
	struct error err = {0};

	(void)state;
	memset(key, 4, sizeof(key));
	served_init(&served);
	served_connect(&served);
	for (size_t i = 0; i < TAGS; i++) {
		values[i] = (uint16_t)i;
		messages[i] = bytes_of(&values[i], sizeof(values[i]));
	}
	assert_ok(keeper_tags(served.client, messages, TAGS, tags, &kid, &err), &err);
	assert_int_equal(kid, 2);
	for (size_t i = 0; i < TAGS; i += 63) {
		assert_ok(tag_compute(expected, key, messages[i], &err), &err);
		assert_memory_equal(tags[i], expected, TAG_BYTES);
	}
	mem_free(tags);
}

static void
tokens_are_made_with_the_newest_key_and_checked_with_any(void **state)
{
	DEFER(served_clear) struct served served;
	uint8_t heads[2][TOKEN_HEAD_BYTES] = {{3, 1}, {3, 2}}, macs[2][TOKEN_MAC_BYTES];
	uint8_t old_head[TOKEN_HEAD_BYTES] = {7, 1}, old_key[32], old_mac[TOKEN_MAC_BYTES];
	uint8_t kid = 0;
	bool good = false;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	assert_ok(keeper_token_kid(served.client, &kid, &err), &err);
	assert_int_equal(kid, 3); /* added last */
	assert_ok(keeper_token_macs(
		      served.client, (const uint8_t(*)[TOKEN_HEAD_BYTES])heads, 2, macs, &err),
	    &err);
	assert_memory_not_equal(macs[0], macs[1], TOKEN_MAC_BYTES);
	assert_ok(keeper_token_check(served.client, heads[0], macs[0], &good, &err), &err);
	assert_true(good);
	assert_ok(keeper_token_check(served.client, heads[1], macs[0], &good, &err), &err);
	assert_false(good);
	heads[0][0] = 9; /* no such key */
	assert_ok(keeper_token_check(served.client, heads[0], macs[0], &good, &err), &err);
	assert_false(good);
	memset(old_key, 5, sizeof(old_key));
	(void)crypto_generichash(
	    old_mac, sizeof(old_mac), old_head, sizeof(old_head), old_key, sizeof(old_key));
	assert_ok(keeper_token_check(served.client, old_head, old_mac, &good, &err), &err);
	assert_true(good);
	heads[0][0] = 7; /* but none is made with it */
	assert_false(keeper_token_macs(
	    served.client, (const uint8_t(*)[TOKEN_HEAD_BYTES])heads, 2, macs, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
}

static void *
ask_for_tags(void *argument)
{
	struct keeper_client *client = argument;
	uint8_t tags[3][TAG_BYTES], kid = 0;
	struct bytes messages[3] = {
	    BYTES_LITERAL("one"), BYTES_LITERAL("two"), BYTES_LITERAL("three")};
	struct error err = {0};

	for (int i = 0; i < 20; i++)
		if (!keeper_tags(client, messages, 3, tags, &kid, &err))
			return argument;
	return NULL;
}

static void
more_threads_than_channels_wait_their_turn(void **state)
{
	DEFER(served_clear) struct served served;
	pthread_t threads[3 * CONTROL_STATELESS];

	(void)state;
	served_init(&served);
	served_connect(&served);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_for_tags, served.client), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *failed = NULL;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

/* ---- CRLs ---- */

struct crl_input {
	struct tlv head, entries, extensions;
	int given, fail_at; /* runs; -1: never */
};

static bool
crl_next(void *context, struct bytes *out, struct error *err)
{
	struct crl_input *crl = context;

	if (crl->given == crl->fail_at)
		return error_set(err, E_DATABASE_UNAVAILABLE, "the rows are gone");
	*out = crl->given++ == 0 ? tlv_bytes(&crl->entries) : (struct bytes){0};
	return true;
}

static void
crl_input_init(struct crl_input *crl, uint8_t number)
{
	uint8_t serial[20] = {0x41, 0, MONTH};
	struct tlv entry = tlv_of(DER_INTEGER, serial, sizeof(serial)), list, whole;

	tlv_add(&entry, tlv_time(NOW_S));
	*crl = (struct crl_input){.fail_at = -1, .entries = tlv_wrap(DER_SEQUENCE, entry)};
	list = tlv_extension(0x23, false, tlv_authority_key(KEY_FILL));
	tlv_add(&list, tlv_extension(0x14, false, tlv_of(DER_INTEGER, &number, 1)));
	tlv_add(&list, tlv_extension(0x1c, true, tlv_wrap(DER_SEQUENCE, tlv_point(CRL_URL))));
	crl->extensions = tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_wrap(DER_SEQUENCE, list));
	whole = tlv_of(DER_INTEGER, "\1", 1);
	tlv_add(&whole, tlv_ecdsa_sha256());
	tlv_add(&whole, tlv_name(DER_UTF8_STRING, ISSUER_NAME));
	tlv_add(&whole, tlv_times(NOW_S, NOW_S + DAY_S));
	tlv_add(&whole, tlv_wrap(DER_SEQUENCE, crl->entries));
	tlv_add(&whole, crl->extensions);
	crl->head = tlv_wrap(DER_SEQUENCE, whole);
	crl->head.len -= crl->entries.len + crl->extensions.len;
}

static bool
crl_sign(struct served *served, struct crl_input *crl, struct error *err)
{
	struct keeper_crl request = {.head = tlv_bytes(&crl->head),
	    .extensions = tlv_bytes(&crl->extensions),
	    .next_entries = crl_next,
	    .context = crl};
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len = 0;
	struct tlv whole = crl->head;

	memcpy(request.issuer, served->issuer, ISSUER_ID_BYTES);
	if (!keeper_sign_crl(served->client, &request, signature, &len, err))
		return false;
	tlv_add(&whole, crl->entries);
	tlv_add(&whole, crl->extensions);
	assert_true(signature_good(served, tlv_bytes(&whole), signature, len));
	return true;
}

static void
a_crl_is_signed_once_per_number(void **state)
{
	static const struct {
		uint8_t number;
		bool good;
	} ROWS[] = {{5, true}, {5, false}, {4, false}, {6, true}};
	DEFER(served_clear) struct served served;

	(void)state;
	served_init(&served);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct crl_input crl;
		struct error err = {0};

		served_connect(&served);
		crl_input_init(&crl, ROWS[i].number);
		if (crl_sign(&served, &crl, &err) != ROWS[i].good)
			fail_msg("row %zu: %s", i, err.detail);
		if (!ROWS[i].good)
			assert_int_equal(err.code, E_KEEPER_REFUSED);
	}
}

static void
a_crl_that_fails_on_the_way_leaves_the_channel_free(void **state)
{
	DEFER(served_clear) struct served served;
	struct crl_input crl;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	for (int i = 0; i < 2 * CONTROL_STATELESS; i++) {
		err = (struct error){0};
		crl_input_init(&crl, 1);
		crl.fail_at = i % 2;
		assert_false(crl_sign(&served, &crl, &err));
		assert_int_equal(err.code, E_DATABASE_UNAVAILABLE);
		err = (struct error){0};
		crl_input_init(&crl, 1);
		crl.head.data[10] ^= 1;
		assert_false(crl_sign(&served, &crl, &err));
		assert_int_equal(err.code, E_KEEPER_REFUSED);
	}
	err = (struct error){0};
	crl_input_init(&crl, 1);
	assert_ok(crl_sign(&served, &crl, &err), &err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags_are_of_the_newest_key_and_in_order),
	    cmocka_unit_test(tokens_are_made_with_the_newest_key_and_checked_with_any),
	    cmocka_unit_test(more_threads_than_channels_wait_their_turn),
	    cmocka_unit_test(a_crl_is_signed_once_per_number),
	    cmocka_unit_test(a_crl_that_fails_on_the_way_leaves_the_channel_free),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
