#include "served.h"

#include <pthread.h>
#include <sodium.h>

static void
an_append_is_recorded_signed_and_noted(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order plain;
	DEFER(order_clear) struct order order;
	DEFER(buf_clear) struct buf note = {0};
	struct keeper_state keeper;
	struct keeper_entry entries[2];
	struct keeper_signed results[2];
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	order_plain(&plain, 0);
	order_tbs(&order, &served, 1);
	entries[0] = plain.entry;
	entries[1] = order.entry;
	assert_ok(keeper_hello(served.client, &keeper, &err), &err);
	assert_int_equal(keeper.checkpoint.size, 0);
	assert_ok(keeper_append_send(served.client, 0, entries, 2, &err), &err);
	assert_ok(keeper_append_receive(served.client, results, 2, &note, &err), &err);
	assert_int_equal(results[0].signature_len, 0);
	assert_false(results[0].refused);
	assert_true(signature_good(
	    &served, order.entry.tbs, results[1].signature, results[1].signature_len));
	assert_int_equal(note_size(&keeper, &note), 2);
	buf_truncate(&note, 0);
	assert_ok(keeper_checkpoint(served.client, &note, &err), &err);
	assert_int_equal(note_size(&keeper, &note), 2);
	assert_int_equal(log_size(&served), 2);
}

/* ---- refusals ---- */

static void
a_refused_tbs_leaves_its_leaf_in_the_journal(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order ca;
	DEFER(order_clear) struct order event;
	DEFER(order_clear) struct order nonce;
	DEFER(order_clear) struct order unknown;
	struct keeper_signed result;
	struct tbs_parts parts;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	tbs_parts_init(&parts);
	parts.extensions[X_BC].len = 0;
	order_of_parts(&ca, &served, 0, LEAF_ENROLL_OK, &parts);
	tbs_parts_init(&parts);
	order_of_parts(&event, &served, 1, LEAF_CERT_ISSUE, &parts);
	order_tbs(&nonce, &served, 2);
	nonce.nonce[0] ^= 1;
	order_tbs(&unknown, &served, 3);
	unknown.entry.issuer[0] ^= 1;

	assert_ok(append_one(&served, 0, &ca, &result, &err), &err);
	assert_true(result.refused && result.signature_len == 0);
	assert_string_equal(result.why, "basicConstraints is missing");
	assert_ok(append_one(&served, 1, &event, &result, &err), &err);
	assert_true(result.refused);
	assert_non_null(strstr(result.why, "may not issue"));
	assert_ok(append_one(&served, 2, &nonce, &result, &err), &err);
	assert_true(result.refused);
	assert_non_null(strstr(result.why, "commits to something else"));
	assert_ok(append_one(&served, 3, &unknown, &result, &err), &err);
	assert_true(result.refused);
	assert_non_null(strstr(result.why, "no key of this issuer"));
	assert_int_equal(log_size(&served), 4);
}

static void
an_append_that_does_not_fit_takes_nothing(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order first;
	DEFER(order_clear) struct order later;
	struct order not_a_leaf = {.entry = {.leaf = BYTES_LITERAL("{\"seq\":1}")}};
	struct order gap[2];
	struct keeper_entry entries[2];
	struct keeper_signed results[2];
	DEFER(buf_clear) struct buf note = {0};
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	order_plain(&first, 0);
	order_plain(&later, 5);
	assert_ok(append_one(&served, 0, &first, results, &err), &err);
	assert_false(append_one(&served, 0, &first, results, &err)); /* again */
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	err = (struct error){0};
	assert_false(append_one(&served, 5, &later, results, &err)); /* a gap */
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	err = (struct error){0};
	assert_false(append_one(&served, 1, &later, results, &err)); /* a leaf with another seq */
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	err = (struct error){0};
	assert_false(append_one(&served, 1, &not_a_leaf, results, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	err = (struct error){0};
	order_plain(&gap[0], 1);
	order_plain(&gap[1], 3);
	entries[0] = gap[0].entry;
	entries[1] = gap[1].entry;
	assert_ok(keeper_append_send(served.client, 1, entries, 2, &err), &err);
	assert_false(keeper_append_receive(served.client, results, 2, &note, &err));
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	assert_int_equal(log_size(&served), 1);
	order_clear(&gap[0]);
	order_clear(&gap[1]);
}

static void
time_does_not_go_back(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order first;
	DEFER(order_clear) struct order second;
	struct leaf leaf = leaf_plain(1);
	struct keeper_signed result;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	order_plain(&first, 0);
	leaf.sequenced_at_s = NOW_S - 1;
	memset(&second, 0, sizeof(second));
	leaf_put(&leaf, &second.leaf);
	second.entry.leaf = buf_bytes(&second.leaf);
	assert_ok(append_one(&served, 0, &first, &result, &err), &err);
	assert_false(append_one(&served, 1, &second, &result, &err));
	assert_non_null(strstr(err.detail, "st goes back"));
	err = (struct error){0};
	keeper_free(TAKE(served.keeper)); /* nor after a restart */
	served_open(&served);
	served_connect(&served);
	assert_false(append_one(&served, 1, &second, &result, &err));
	assert_non_null(strstr(err.detail, "st goes back"));
}

/* ---- recovery ---- */

static void
what_is_recorded_is_signed_again_after_a_restart(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order order;
	DEFER(order_clear) struct order other;
	struct keeper_signed result;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	order_tbs(&order, &served, 0);
	order_tbs(&other, &served, 0);
	other.tbs.data[40] ^= 1;
	assert_ok(append_one(&served, 0, &order, &result, &err), &err);
	keeper_free(TAKE(served.keeper));
	assert_false(keeper_sign_recorded(served.client, 0, &order.entry, &result, &err));
	assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
	err = (struct error){0};
	served_open(&served);
	served_connect(&served);
	assert_int_equal(log_size(&served), 1);
	assert_ok(keeper_sign_recorded(served.client, 0, &order.entry, &result, &err), &err);
	assert_true(signature_good(
	    &served, order.entry.tbs, result.signature, result.signature_len));
	assert_ok(keeper_sign_recorded(served.client, 0, &other.entry, &result, &err), &err);
	assert_true(result.refused);
	assert_false(keeper_sign_recorded(served.client, 1, &order.entry, &result, &err));
	assert_int_equal(err.code, E_NOT_FOUND);
}

static void
a_new_set_of_channels_replaces_the_one_before(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order first;
	DEFER(order_clear) struct order second;
	struct keeper_signed result;
	DEFER(buf_clear) struct buf note = {0};
	bool alive = true;
	struct error err = {0};

	(void)state;
	served_init(&served);
	assert_int_equal(keeper_client_generation(served.client, &alive), 0);
	assert_false(alive);
	served_connect(&served);
	order_plain(&first, 0);
	order_plain(&second, 1);
	assert_ok(append_one(&served, 0, &first, &result, &err), &err);
	served_connect(&served);
	assert_int_equal(keeper_client_generation(served.client, &alive), 2);
	assert_true(alive);
	assert_ok(append_one(&served, 1, &second, &result, &err), &err);

	/* What was in flight on a set that is gone is not taken for an answer on the next. */
	assert_ok(keeper_append_send(served.client, 7, &first.entry, 1, &err), &err);
	served_connect(&served);
	assert_false(keeper_append_receive(served.client, &result, 1, &note, &err));
	assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
	assert_int_equal(log_size(&served), 2);
}

static void
without_a_keeper_every_call_fails(void **state)
{
	DEFER(served_clear) struct served served;
	uint8_t kid = 0;
	bool alive = true;
	struct keeper_state keeper;
	struct error err = {0};

	(void)state;
	served_init(&served);
	assert_false(keeper_token_kid(served.client, &kid, &err));
	assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
	err = (struct error){0};
	served_connect(&served);
	keeper_stop(served.keeper);
	assert_false(keeper_hello(served.client, &keeper, &err));
	assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
	(void)keeper_client_generation(served.client, &alive);
	assert_false(alive);
}

/* ---- many ---- */

#define MANY 600

static void
many_leaves_travel_in_many_messages(void **state)
{
	DEFER(served_clear) struct served served;
	struct order *orders = xcalloc(MANY, sizeof(*orders));
	struct keeper_entry *entries = xcalloc(MANY, sizeof(*entries));
	struct keeper_signed *results = xcalloc(MANY, sizeof(*results));
	DEFER(buf_clear) struct buf note = {0};
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	for (size_t i = 0; i < MANY; i++) {
		order_tbs(&orders[i], &served, i);
		entries[i] = orders[i].entry;
	}
	assert_ok(keeper_append_send(served.client, 0, entries, MANY, &err), &err);
	assert_ok(keeper_append_receive(served.client, results, MANY, &note, &err), &err);
	for (size_t i = 0; i < MANY; i += 50)
		assert_true(signature_good(&served, entries[i].tbs, results[i].signature,
		    results[i].signature_len));
	assert_int_equal(log_size(&served), MANY);
	for (size_t i = 0; i < MANY; i++)
		order_clear(&orders[i]);
	mem_free(orders);
	mem_free(entries);
	mem_free(results);
}

static void
four_appends_are_in_flight(void **state)
{
	DEFER(served_clear) struct served served;
	struct order orders[KEEPER_IN_FLIGHT_MAX];
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	for (size_t i = 0; i < COUNT(orders); i++) {
		order_tbs(&orders[i], &served, i);
		assert_ok(
		    keeper_append_send(served.client, i, &orders[i].entry, 1, &err), &err);
	}
	for (size_t i = 0; i < COUNT(orders); i++) {
		DEFER(buf_clear) struct buf note = {0};
		struct keeper_signed result;

		assert_ok(keeper_append_receive(served.client, &result, 1, &note, &err), &err);
		assert_true(signature_good(&served, orders[i].entry.tbs, result.signature,
		    result.signature_len));
		order_clear(&orders[i]);
	}
}

/* ---- stateless ---- */

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
	assert_ok(keeper_token_macs(served.client, (const uint8_t(*)[TOKEN_HEAD_BYTES])heads, 2,
		      macs, &err),
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
	assert_false(keeper_token_macs(served.client, (const uint8_t(*)[TOKEN_HEAD_BYTES])heads,
	    2, macs, &err));
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
		assert_int_equal(
		    pthread_create(&threads[i], NULL, ask_for_tags, served.client), 0);
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

/* ---- opening and verifying ---- */

static enum error_code
open_code(const struct served *served, const char *passphrase)
{
	DEFER(secret_free) struct secret *words = secret_text(passphrase);
	DEFER(keeper_free) struct keeper *keeper = NULL;
	struct error err = {0};

	return keeper_open(&served->paths, words, &served->clock, &keeper, &err) ? E_NONE
										 : err.code;
}

static void
a_folder_that_does_not_fit_together_does_not_open(void **state)
{
	DEFER(served_clear) struct served served;
	struct error err = {0};

	(void)state;
	served_init(&served);
	keeper_free(TAKE(served.keeper));
	assert_int_equal(open_code(&served, PASSPHRASE), E_NONE);
	assert_int_equal(open_code(&served, "wrong"), E_PASSPHRASE_WRONG);
	served.policy.issuers[0].id[0] ^= 1; /* a policy without key */
	assert_ok(policy_write(&served.policy, served.paths.policy, &err), &err);
	assert_int_equal(open_code(&served, PASSPHRASE), E_CONFIG_INVALID);
	served.policy.issuers[0].id[0] ^= 1;
	assert_ok(file_write(served.paths.policy, bytes_of_text("{\"issuers\":[]}"), 0600, &err),
	    &err); /* a key without policy */
	assert_int_equal(open_code(&served, PASSPHRASE), E_CONFIG_INVALID);
	assert_ok(policy_write(&served.policy, served.paths.policy, &err), &err);
	assert_int_equal(unlink(served.paths.journal), 0);
	assert_int_equal(open_code(&served, PASSPHRASE), E_FILE_FAILED);
}

static void
a_damaged_journal_stops_signing(void **state)
{
	DEFER(served_clear) struct served served;
	DEFER(order_clear) struct order first;
	DEFER(order_clear) struct order second;
	DEFER(order_clear) struct order third;
	DEFER(buf_clear) struct buf file = {0};
	DEFER(buf_clear) struct buf note = {0};
	struct keeper_signed result;
	struct error err = {0};

	(void)state;
	served_init(&served);
	served_connect(&served);
	order_plain(&first, 0);
	order_plain(&second, 1);
	order_tbs(&third, &served, 2);
	assert_ok(append_one(&served, 0, &first, &result, &err), &err);
	assert_ok(append_one(&served, 1, &second, &result, &err), &err);
	keeper_free(TAKE(served.keeper));
	assert_ok(file_read(served.paths.journal, 1 << 20, &file, &err), &err);
	file.data[150] ^= 1; /* in the first record */
	assert_ok(file_write(served.paths.journal, buf_bytes(&file), 0600, &err), &err);
	served_open(&served);
	served_connect(&served);
	assert_ok(keeper_verify_begin(served.keeper, &err), &err);
	for (int tries = 0; tries < 500 && keeper_checkpoint(served.client, &note, &err); tries++)
		(void)usleep(1000);
	assert_int_equal(err.code, E_KEEPER_REFUSED);
	err = (struct error){0};
	assert_false(append_one(&served, 2, &third, &result, &err));
	assert_non_null(strstr(err.detail, "damaged"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_append_is_recorded_signed_and_noted),
	    cmocka_unit_test(a_refused_tbs_leaves_its_leaf_in_the_journal),
	    cmocka_unit_test(an_append_that_does_not_fit_takes_nothing),
	    cmocka_unit_test(time_does_not_go_back),
	    cmocka_unit_test(what_is_recorded_is_signed_again_after_a_restart),
	    cmocka_unit_test(a_new_set_of_channels_replaces_the_one_before),
	    cmocka_unit_test(without_a_keeper_every_call_fails),
	    cmocka_unit_test(many_leaves_travel_in_many_messages),
	    cmocka_unit_test(four_appends_are_in_flight),
	    cmocka_unit_test(tags_are_of_the_newest_key_and_in_order),
	    cmocka_unit_test(tokens_are_made_with_the_newest_key_and_checked_with_any),
	    cmocka_unit_test(more_threads_than_channels_wait_their_turn),
	    cmocka_unit_test(a_crl_is_signed_once_per_number),
	    cmocka_unit_test(a_crl_that_fails_on_the_way_leaves_the_channel_free),
	    cmocka_unit_test(a_folder_that_does_not_fit_together_does_not_open),
	    cmocka_unit_test(a_damaged_journal_stops_signing),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
