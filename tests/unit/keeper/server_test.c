#include "served.h"

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
	assert_false(result.refused); /* another keeper, or a later one, may have that key */
	assert_int_equal(result.signature_len, 0);
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
	assert_true(
	    signature_good(&served, order.entry.tbs, result.signature, result.signature_len));
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

/* Its end of the channels is open, and nobody reads. */
static void
a_keeper_that_hangs_is_taken_for_lost(void **state)
{
	DEFER(keeper_client_free) struct keeper_client *client = keeper_client_new();
	DEFER(order_clear) struct order order;
	DEFER(buf_clear) struct buf note = {0};
	uint8_t kid;
	struct keeper_signed result;

	(void)state;
	order_plain(&order, 0);
	keeper_client_limit(client, 50);
	for (int i = 0; i < 2; i++) { /* the next set is as good as the first */
		int near[CONTROL_CHANNELS], far[CONTROL_CHANNELS];
		struct error err = {0}, again = {0};
		bool alive = false;

		assert_ok(control_make_channels(near, far, &err), &err);
		keeper_client_attach(client, near);
		if (i == 0) {
			assert_ok(keeper_append_send(client, 0, &order.entry, 1, &err), &err);
			assert_false(keeper_append_receive(client, &result, 1, &note, &err));
		} else {
			assert_false(keeper_token_kid(client, &kid, &err));
		}
		assert_int_equal(err.code, E_KEEPER_UNAVAILABLE);
		assert_int_equal(keeper_client_generation(client, &alive), i + 1);
		assert_false(alive);
		assert_false(keeper_token_kid(client, &kid, &again)); /* at once */
		assert_int_equal(again.code, E_KEEPER_UNAVAILABLE);
		for (size_t k = 0; k < CONTROL_CHANNELS; k++)
			(void)close(far[k]);
	}
}

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
		assert_true(signature_good(
		    &served, entries[i].tbs, results[i].signature, results[i].signature_len));
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
		assert_ok(keeper_append_send(served.client, i, &orders[i].entry, 1, &err), &err);
	}
	for (size_t i = 0; i < COUNT(orders); i++) {
		DEFER(buf_clear) struct buf note = {0};
		struct keeper_signed result;

		assert_ok(keeper_append_receive(served.client, &result, 1, &note, &err), &err);
		assert_true(signature_good(
		    &served, orders[i].entry.tbs, result.signature, result.signature_len));
		order_clear(&orders[i]);
	}
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
	    cmocka_unit_test(a_keeper_that_hangs_is_taken_for_lost),
	    cmocka_unit_test(many_leaves_travel_in_many_messages),
	    cmocka_unit_test(four_appends_are_in_flight),
	    cmocka_unit_test(a_folder_that_does_not_fit_together_does_not_open),
	    cmocka_unit_test(a_damaged_journal_stops_signing),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
