#include "served.h"

#include <pthread.h>
#include <sodium.h>
#include <unistd.h>

#include "proof/status_note.h"

/* ---- tags and tokens ---- */

/* Of served.h: tag:2, which was added last, and tag:1. */
static void
fill_keys(uint8_t keys[static TAG_KEYS_MAX][TAG_KEY_BYTES])
{
	memset(keys[0], 4, TAG_KEY_BYTES);
	memset(keys[1], 3, TAG_KEY_BYTES);
}

static void
tags_are_of_the_two_newest_keys_and_in_order(void **state)
{
	DEFER(served_clear) struct served served;
	enum { TAGS = 700 };
	static uint16_t values[TAGS];
	struct bytes messages[TAGS];
	struct tag_set *tags = xcalloc(TAGS, sizeof *tags);
	struct tag_kids kids = {0};
	uint8_t keys[TAG_KEYS_MAX][TAG_KEY_BYTES], expected[TAG_BYTES];
	struct error err = {0};

	(void)state;
	fill_keys(keys);
	served_init(&served);
	served_connect(&served);
	for (size_t i = 0; i < TAGS; i++) {
		values[i] = (uint16_t)i;
		messages[i] = bytes_of(&values[i], sizeof(values[i]));
	}
	assert_ok(keeper_tags(served.client, messages, TAGS, tags, &kids, &err), &err);
	assert_int_equal(kids.count, 2);
	assert_int_equal(kids.kids[0], 2);
	assert_int_equal(kids.kids[1], 1);
	for (size_t i = 0; i < 2 * TAGS; i += 63) {
		assert_ok(tag_compute(expected, keys[i % 2], messages[i / 2], &err), &err);
		assert_memory_equal(tags[i / 2].under[i % 2], expected, TAG_BYTES);
	}
	mem_free(tags);
}

static void
a_blinded_point_is_evaluated_to_the_tag_under_the_newest_key(void **state)
{
	DEFER(served_clear) struct served served;
	const struct bytes message = BYTES_LITERAL("message");
	uint8_t points[KEEPER_POINTS_MAX][TAG_BYTES], out[KEEPER_POINTS_MAX][TAG_BYTES];
	uint8_t blinds[KEEPER_POINTS_MAX][TAG_KEY_BYTES], tag[TAG_BYTES];
	struct tag_set want;
	struct tag_kids kids;
	uint8_t kid = 0;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	assert_ok(keeper_tags(served.client, &message, 1, &want, &kids, &err), &err);
	for (size_t i = 0; i < COUNT(points); i++)
		assert_ok(tag_blind(points[i], blinds[i], message, &err), &err);
	assert_ok(keeper_evaluate(served.client, (const uint8_t(*)[TAG_BYTES])points, COUNT(points),
		      out, &kid, &err),
	    &err);
	assert_int_equal(kid, kids.kids[0]);
	for (size_t i = 0; i < COUNT(points); i++) {
		assert_ok(tag_unblind(tag, blinds[i], out[i], &err), &err);
		assert_memory_equal(tag, want.under[0], TAG_BYTES);
	}
}

static void
a_tag_from_outside_is_told_under_each_key(void **state)
{
	DEFER(served_clear) struct served served;
	const struct bytes message = BYTES_LITERAL("message");
	uint8_t given[1][TAG_BYTES];
	struct tag_set want, got;
	struct tag_kids kids, again;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	assert_ok(keeper_tags(served.client, &message, 1, &want, &kids, &err), &err);
	for (size_t k = 0; k < TAG_KEYS_MAX; k++) {
		memcpy(given[0], want.under[k], TAG_BYTES);
		assert_ok(keeper_retag(served.client, kids.kids[k],
			      (const uint8_t(*)[TAG_BYTES])given, 1, &got, &again, &err),
		    &err);
		assert_int_equal(again.count, kids.count);
		assert_memory_equal(again.kids, kids.kids, kids.count);
		assert_memory_equal(&got, &want, sizeof want);
	}
	assert_false(keeper_retag(
	    served.client, 9, (const uint8_t(*)[TAG_BYTES])given, 1, &got, &again, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
}

static void
what_is_no_point_is_refused_and_the_channel_goes_on(void **state)
{
	DEFER(served_clear) struct served served;
	uint8_t points[2][TAG_BYTES], blind[TAG_KEY_BYTES], out[2][TAG_BYTES];
	struct tag_set tags[2];
	struct tag_kids kids;
	uint8_t kid = 0;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	assert_ok(tag_blind(points[0], blind, (struct bytes)BYTES_LITERAL("x"), &err), &err);
	for (int bad = 0; bad < 2; bad++) {
		memset(
		    points[1], bad == 0 ? 0x00 : 0xff, TAG_BYTES); /* the identity; no encoding */
		err = (struct error){0};
		assert_false(keeper_evaluate(
		    served.client, (const uint8_t(*)[TAG_BYTES])points, 2, out, &kid, &err));
		assert_int_equal(err.code, E_TAG_INVALID);
		for (uint8_t of = 1; of <= 2; of++) {
			err = (struct error){0};
			assert_false(keeper_retag(served.client, of,
			    (const uint8_t(*)[TAG_BYTES])points, 2, tags, &kids, &err));
			assert_int_equal(err.code, E_TAG_INVALID);
		}
	}
	err = (struct error){0};
	assert_ok(
	    keeper_evaluate(served.client, (const uint8_t(*)[TAG_BYTES])points, 1, out, &kid, &err),
	    &err);
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

/* ---- status ---- */

static void
status_notes_of_this_service_are_signed_and_nothing_else(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct status_page page = {.issued_s = NOW_S, .fresh_until_s = NOW_S + 60};
	struct note_key key;
	struct bytes signed_text;
	uint8_t public_key[32], same[32];
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	status_page_encode(&page, "moniker.example/status", &text);
	assert_ok(
	    keeper_sign_status(served.client, buf_bytes(&text), public_key, &note, &err), &err);
	assert_ok(note_key_init(&key, "moniker.example/status", public_key, &err), &err);
	assert_ok(note_verify(buf_bytes(&note), &key, &signed_text, &err), &err);
	assert_true(bytes_equal(signed_text, buf_bytes(&text)));
	buf_truncate(&note, 0);
	assert_ok(keeper_sign_status(served.client, (struct bytes){0}, same, &note, &err), &err);
	assert_memory_equal(same, public_key, sizeof same);
	assert_int_equal(note.len, 0);
	for (int i = 0; i < 3; i++) {
		buf_truncate(&text, 0);
		if (i == 0)
			status_page_encode(&page, "other.example/status", &text);
		else if (i == 1)
			buf_append_text(&text, "moniker.example/node1-2026\n0\nAAAA\n");
		else
			status_page_encode(&(struct status_page){.issued_s = NOW_S + 3600,
					       .fresh_until_s = NOW_S + 3600},
			    "moniker.example/status", &text);
		err = (struct error){0};
		assert_false(
		    keeper_sign_status(served.client, buf_bytes(&text), public_key, &note, &err));
		assert_int_equal(err.code, E_KEEPER_REFUSED);
	}
}

/* ---- many callers ---- */

enum { CALLERS = 40, CALLS = 6, TAGS_OF_ONE = 4 };

struct caller {
	struct keeper_client *client;
	uint8_t number;
	pthread_t thread;
	bool wrong, refused;
};

/* One to four tags a call, of this caller and call only. */
static bool
ask_and_compare(struct caller *caller, uint8_t call)
{
	uint8_t values[TAGS_OF_ONE][3], keys[TAG_KEYS_MAX][TAG_KEY_BYTES], expected[TAG_BYTES];
	struct tag_set tags[TAGS_OF_ONE];
	struct tag_kids kids;
	const size_t count = 1 + (caller->number + call) % TAGS_OF_ONE;
	struct bytes messages[TAGS_OF_ONE];
	struct error err = {0};

	fill_keys(keys);
	for (uint8_t i = 0; i < count; i++) {
		memcpy(values[i], (uint8_t[]){caller->number, call, i}, sizeof(values[i]));
		messages[i] = bytes_of(values[i], sizeof(values[i]));
	}
	if (!keeper_tags(caller->client, messages, count, tags, &kids, &err)) {
		caller->refused = err.code == E_KEEPER_UNAVAILABLE;
		return false;
	}
	for (size_t i = 0; i < 2 * count; i++)
		caller->wrong = caller->wrong || kids.count != 2 || kids.kids[i % 2] != 2 - i % 2 ||
				!tag_compute(expected, keys[i % 2], messages[i / 2], &err) ||
				memcmp(tags[i / 2].under[i % 2], expected, TAG_BYTES) != 0;
	return true;
}

static void *
ask_some(void *argument)
{
	struct caller *caller = argument;

	for (uint8_t call = 0; call < CALLS; call++)
		caller->wrong = !ask_and_compare(caller, call) || caller->wrong;
	return NULL;
}

static void *
ask_until_refused(void *argument)
{
	struct caller *caller = argument;
	uint8_t call = 0;

	while (ask_and_compare(caller, call++))
		continue;
	return NULL;
}

static void
start_callers(
    struct caller callers[static CALLERS], struct keeper_client *client, void *(*run)(void *))
{
	for (uint8_t i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.client = client, .number = i};
		assert_int_equal(pthread_create(&callers[i].thread, NULL, run, &callers[i]), 0);
	}
}

static void
each_of_many_callers_gets_its_own_tags(void **state)
{
	DEFER(served_clear) struct served served;
	struct caller callers[CALLERS];

	(void)state;
	served_init(&served);
	served_connect(&served);
	start_callers(callers, served.client, ask_some);
	for (size_t i = 0; i < CALLERS; i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_false(callers[i].wrong);
	}
}

static void
all_that_wait_hear_that_the_keeper_is_gone(void **state)
{
	DEFER(served_clear) struct served served;
	struct caller callers[CALLERS];
	int near[CONTROL_CHANNELS], far[CONTROL_CHANNELS];
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	start_callers(callers, served.client, ask_until_refused);
	/* Channels at whose other end there is nobody, in place of those in use. */
	assert_ok(control_make_channels(near, far, &err), &err);
	for (size_t i = 0; i < COUNT(far); i++)
		assert_int_equal(close(far[i]), 0);
	keeper_client_attach(served.client, near);
	for (size_t i = 0; i < CALLERS; i++) {
		assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
		assert_true(callers[i].refused);
		assert_false(callers[i].wrong);
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
	    cmocka_unit_test(tags_are_of_the_two_newest_keys_and_in_order),
	    cmocka_unit_test(a_blinded_point_is_evaluated_to_the_tag_under_the_newest_key),
	    cmocka_unit_test(a_tag_from_outside_is_told_under_each_key),
	    cmocka_unit_test(what_is_no_point_is_refused_and_the_channel_goes_on),
	    cmocka_unit_test(status_notes_of_this_service_are_signed_and_nothing_else),
	    cmocka_unit_test(tokens_are_made_with_the_newest_key_and_checked_with_any),
	    cmocka_unit_test(each_of_many_callers_gets_its_own_tags),
	    cmocka_unit_test(all_that_wait_hear_that_the_keeper_is_gone),
	    cmocka_unit_test(a_crl_is_signed_once_per_number),
	    cmocka_unit_test(a_crl_that_fails_on_the_way_leaves_the_channel_free),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
