/* The responder, with a ledger that signs at once, and a database and an index of this test's. */
#include "cmocka_all.h"

#include "ocsp_fakes.h"

/* ---- a responder ---- */

struct fixture {
	struct authorities authorities;
	const struct issuer *issuer;
	struct clock clock;
	struct rng rng;
	struct ocsp *ocsp;
};

static void
fixture_init(struct fixture *out)
{
	memset(&fake, 0, sizeof fake);
	fake.authorities = &out->authorities;
	fake.now_s = TEST_NOW_S;
	authorities_init(&out->authorities);
	out->issuer = issuers_active(out->authorities.issuers, ISSUER_DEVICE_CA);
	out->clock = clock_fixed(TEST_NOW_S);
	out->rng = rng_system();
	out->ocsp = ocsp_new(&(struct ocsp_options){.signers = {.issuers = out->authorities.issuers,
							.clock = &out->clock,
							.rng = &out->rng,
							.node = "node1"}});
}

static void
fixture_clear(struct fixture *fixture)
{
	ocsp_free(fixture->ocsp);
	authorities_clear(&fixture->authorities);
}
DEFER_DECLARE_CLEAR(struct fixture, fixture_clear)

static void
time_is(struct fixture *fixture, int64_t now_s)
{
	fake.now_s = now_s;
	fixture->clock = clock_fixed(now_s);
}

/* A certificate that the Device CA issued, the n-th. */
static const uint8_t *
issue(struct fixture *fixture, struct ocsp_row **out_row)
{
	uint8_t *serial = fake.rows[fake.row_count].serial;
	struct ocsp_row *row = &fake.rows[fake.row_count++].row;

	serial_make(serial, time_month(TEST_NOW_S), &fixture->rng);
	*row = (struct ocsp_row){
	    .issued = true, .has_signature = true, .not_after_s = TEST_NOW_S + 100 * DAY_S};
	memcpy(row->issuer, fixture->issuer->id, ISSUER_ID_BYTES);
	if (out_row != NULL)
		*out_row = row;
	return serial;
}

static void
revoke(struct ocsp_row *row, enum reason reason)
{
	row->state = OCSP_REVOKED;
	row->reason = reason;
	row->revoked_at_s = fake.now_s;
}

/* A request for these, by SHA-1, as OpenSSL writes it; nonce_len 0: none. */
static void
request(const struct issuer *issuer, const uint8_t *const *serials, size_t count, int nonce_len,
    struct buf *out)
{
	OCSP_REQUEST *asked = OCSP_REQUEST_new();
	uint8_t *at;

	for (size_t i = 0; i < count; i++)
		assert_non_null(OCSP_request_add0_id(
		    asked, ocsp_world_certid(issuer, EVP_sha1(), serials[i], SERIAL_BYTES)));
	if (nonce_len > 0)
		assert_int_equal(OCSP_request_add1_nonce(asked, NULL, nonce_len), 1);
	at = buf_extend(out, (size_t)i2d_OCSP_REQUEST(asked, NULL));
	(void)i2d_OCSP_REQUEST(asked, &at);
	OCSP_REQUEST_free(asked);
}

static void
ask(struct fixture *fixture, struct bytes request, struct ocsp_reply *out)
{
	ocsp_reply_clear(out);
	*out = (struct ocsp_reply){0};
	ocsp_answer(fixture->ocsp, request, out);
}

static void
assert_status(const struct ocsp_reply *reply, enum ocsp_status status)
{
	DEFER(buf_clear_public) struct buf want = {0};

	ocsp_response_refuse(status, &want);
	assert_true(bytes_equal(buf_bytes(&reply->der), buf_bytes(&want)));
	assert_false(reply->cacheable);
}

/* Read strictly, signed by whom the Device CA certified, and believed by OpenSSL. */
static void
assert_sound(struct fixture *fixture, const struct ocsp_reply *reply, struct ocsp_read *out)
{
	struct ocsp_world world = {.authorities = fixture->authorities, .issuer = fixture->issuer};
	const uint8_t *at = reply->der.data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)reply->der.len);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);

	assert_true(ocsp_read(buf_bytes(&reply->der), out));
	assert_true(ocsp_read_signed(out));
	assert_ptr_equal(
	    issuers_verify(fixture->authorities.issuers, &out->responder), fixture->issuer);
	assert_true(out->singles[0].next_update_s <= out->responder.not_after_s);
	assert_true(out->singles[0].this_update_s <= out->produced_at_s);
	assert_int_equal(ocsp_world_openssl_verify(&world, basic), 1);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
}

static void
assert_says(struct fixture *fixture, const uint8_t *serial, enum ocsp_state state, int reason)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	struct ocsp_read answer;

	request(fixture->issuer, &serial, 1, 0, &der);
	ask(fixture, buf_bytes(&der), &reply);
	assert_sound(fixture, &reply, &answer);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.singles[0].state, state);
	assert_int_equal(answer.singles[0].reason, reason);
}

/* ---- what is said ---- */

static void
a_change_is_told_at_once(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	struct ocsp_row *row;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, &row);
	assert_says(&fixture, serial, OCSP_GOOD, -1);
	revoke(row, REASON_HOLD);
	assert_says(&fixture, serial, OCSP_REVOKED, REASON_HOLD);
	row->state = OCSP_GOOD;
	assert_says(&fixture, serial, OCSP_GOOD, -1);
	revoke(row, REASON_KEY_COMPROMISE);
	assert_says(&fixture, serial, OCSP_REVOKED, REASON_KEY_COMPROMISE);
	revoke(row, REASON_UNSPECIFIED);
	assert_says(&fixture, serial, OCSP_REVOKED, -1);
}

static void
what_was_never_issued_is_unknown(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	struct ocsp_row *row;
	uint8_t serial[SERIAL_BYTES];
	int reads;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial_make(serial, time_month(TEST_NOW_S), &fixture.rng);
	assert_says(&fixture, serial, OCSP_UNKNOWN, -1);
	reads = fake.reads;
	serial[0] = 0x10; /* not a form of ours: nobody is asked */
	assert_says(&fixture, serial, OCSP_UNKNOWN, -1);
	assert_int_equal(fake.reads, reads);
	/* Of another authority of ours, which has the same form of serial numbers. */
	(void)issue(&fixture, &row);
	row->issuer[0] ^= 1;
	assert_says(&fixture, fake.rows[0].serial, OCSP_UNKNOWN, -1);
	assert_int_equal(metrics_value(ocsp_metrics(fixture.ocsp), OCSP_ANSWERS, 0), 0);
}

static void
what_may_be_aborted_is_not_kept(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	struct ocsp_row *row;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, &row);
	row->has_signature = false;
	assert_says(&fixture, serial, OCSP_GOOD, -1);
	assert_int_equal(metrics_value(ocsp_metrics(fixture.ocsp), OCSP_ANSWERS, 0), 0);
	*row = (struct ocsp_row){.state = OCSP_UNKNOWN}; /* cert.abort */
	assert_says(&fixture, serial, OCSP_UNKNOWN, -1);
}

static void
expired_certificates_are_answered_for(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	struct ocsp_row *row;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, &row);
	row->not_after_s = TEST_NOW_S - 1;
	assert_says(&fixture, serial, OCSP_GOOD, -1);
	revoke(row, REASON_SUPERSEDED);
	assert_says(&fixture, serial, OCSP_REVOKED, REASON_SUPERSEDED);
}

static void
several_are_answered_in_their_order(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	const uint8_t *serials[OCSP_CERTIDS_MAX];
	struct ocsp_read answer;
	struct ocsp_row *row;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	for (size_t i = 0; i < COUNT(serials); i++) {
		serials[i] = issue(&fixture, &row);
		if (i % 3 == 1)
			revoke(row, REASON_CESSATION);
		if (i % 3 == 2)
			*row = (struct ocsp_row){.state = OCSP_UNKNOWN};
	}
	request(fixture.issuer, serials, COUNT(serials), 32, &der);
	for (int again = 0; again < 2; again++) {
		ask(&fixture, buf_bytes(&der), &reply);
		assert_sound(&fixture, &reply, &answer);
		assert_int_equal(answer.count, COUNT(serials));
		assert_int_equal(answer.nonce.len, 32);
		for (size_t i = 0; i < COUNT(serials); i++) {
			static const enum ocsp_state want[] = {
			    OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN};

			assert_int_equal(answer.singles[i].state, want[i % 3]);
		}
	}
}

static void
each_hash_finds_the_authority_and_no_other_does(void **state)
{
	const EVP_MD *const mds[] = {
	    EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha224()};
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	OCSP_REQUEST *asked = OCSP_REQUEST_new();
	struct ocsp_read answer;
	const uint8_t *serial;
	uint8_t *at;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, NULL);
	for (size_t i = 0; i < COUNT(mds); i++)
		assert_non_null(OCSP_request_add0_id(
		    asked, ocsp_world_certid(fixture.issuer, mds[i], serial, SERIAL_BYTES)));
	at = buf_extend(&der, (size_t)i2d_OCSP_REQUEST(asked, NULL));
	(void)i2d_OCSP_REQUEST(asked, &at);
	OCSP_REQUEST_free(asked);
	ask(&fixture, buf_bytes(&der), &reply);
	assert_true(ocsp_read(buf_bytes(&reply.der), &answer) && ocsp_read_signed(&answer));
	assert_int_equal(answer.count, COUNT(mds));
	for (size_t i = 0; i < OCSP_HASH_COUNT; i++)
		assert_int_equal(answer.singles[i].state, OCSP_GOOD);
	assert_int_equal(answer.singles[OCSP_HASH_COUNT].state, OCSP_UNKNOWN);
}

/* ---- nonces, and answers that are kept ---- */

static void
a_nonce_is_echoed_and_never_kept(void **state)
{
	static const int lens[] = {1, 16, 32, 128};
	DEFER(fixture_clear) struct fixture fixture;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, NULL);
	for (size_t i = 0; i < COUNT(lens); i++) {
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
		struct ocsp_request asked;
		struct ocsp_read answer;
		struct error err = {0};

		request(fixture.issuer, &serial, 1, lens[i], &der);
		assert_true(ocsp_request_parse(buf_bytes(&der), &asked, &err));
		ask(&fixture, buf_bytes(&der), &reply);
		assert_sound(&fixture, &reply, &answer);
		assert_true(bytes_equal(answer.nonce, asked.nonce));
		assert_int_equal(answer.nonce.len, lens[i]);
		assert_false(reply.cacheable);
	}
	assert_int_equal(
	    metrics_value(ocsp_metrics(fixture.ocsp), OCSP_SIGNATURES, 0), COUNT(lens));
	assert_int_equal(fake.reads, 1); /* that it was issued is remembered */
}

static void
without_one_the_same_octets_are_given_until_half_of_their_time(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply first = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply later = {0};
	const uint8_t *serial;
	struct ocsp_read answer;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, NULL);
	request(fixture.issuer, &serial, 1, 0, &der);
	ask(&fixture, buf_bytes(&der), &first);
	assert_true(first.cacheable);
	assert_int_equal(first.times.produced_at_s, TEST_NOW_S);
	assert_int_equal(first.times.this_update_s, TEST_NOW_S);
	assert_int_equal(first.times.next_update_s, TEST_NOW_S + OCSP_ANSWER_VALIDITY_S);
	time_is(&fixture, TEST_NOW_S + OCSP_ANSWER_VALIDITY_S / 2 - 1);
	ask(&fixture, buf_bytes(&der), &later);
	assert_true(bytes_equal(buf_bytes(&later.der), buf_bytes(&first.der)));
	assert_string_equal(later.times.etag, first.times.etag);
	assert_int_equal(metrics_value(ocsp_metrics(fixture.ocsp), OCSP_KEPT, 0), 1);
	time_is(&fixture, TEST_NOW_S + OCSP_ANSWER_VALIDITY_S / 2);
	fake.index_behind_s = 2;
	ask(&fixture, buf_bytes(&der), &later);
	assert_false(bytes_equal(buf_bytes(&later.der), buf_bytes(&first.der)));
	assert_string_not_equal(later.times.etag, first.times.etag);
	assert_int_equal(later.times.produced_at_s, fake.now_s);
	assert_int_equal(later.times.this_update_s, fake.now_s - 2);
	assert_sound(&fixture, &later, &answer);
	assert_int_equal(answer.singles[0].this_update_s, later.times.this_update_s);
	assert_int_equal(fake.reads, 1);
}

static void
what_holds_is_given_while_the_database_is_away(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(buf_clear_public) struct buf other = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply first = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply later = {0};
	const uint8_t *serials[2];

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serials[0] = issue(&fixture, NULL);
	serials[1] = issue(&fixture, NULL);
	request(fixture.issuer, &serials[0], 1, 0, &der);
	request(fixture.issuer, &serials[1], 1, 0, &other);
	ask(&fixture, buf_bytes(&der), &first);
	fake.database_away = fake.index_late = true;
	time_is(&fixture, TEST_NOW_S + OCSP_ANSWER_VALIDITY_S - 1);
	ask(&fixture, buf_bytes(&der), &later);
	assert_true(bytes_equal(buf_bytes(&later.der), buf_bytes(&first.der)));
	ask(&fixture, buf_bytes(&other), &later);
	assert_status(&later, OCSP_TRY_LATER);
	time_is(&fixture, TEST_NOW_S + OCSP_ANSWER_VALIDITY_S);
	ask(&fixture, buf_bytes(&der), &later);
	assert_status(&later, OCSP_TRY_LATER);
}

/* ---- who signs ---- */

static void
a_responder_is_renewed_before_its_end(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply first = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply later = {0};
	struct ocsp_signers_health health;
	struct ocsp_read before, after;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	ocsp_look(fixture.ocsp);
	assert_int_equal(fake.certified, 1);
	ocsp_health(fixture.ocsp, &health);
	assert_int_equal(health.wanted, 1);
	assert_int_equal(health.missing, 0);
	assert_int_equal(health.not_after_s, time_day_start(TEST_NOW_S) + 7 * DAY_S);
	serial = issue(&fixture, NULL);
	request(fixture.issuer, &serial, 1, 16, &der);
	ask(&fixture, buf_bytes(&der), &first);
	assert_sound(&fixture, &first, &before);
	time_is(&fixture, health.renew_at_s);
	ocsp_look(fixture.ocsp);
	assert_int_equal(fake.certified, 2);
	ask(&fixture, buf_bytes(&der), &later);
	assert_true(ocsp_read(buf_bytes(&later.der), &after) && ocsp_read_signed(&after));
	assert_false(bytes_equal(before.key_hash, after.key_hash));
	assert_false(bytes_equal(before.responder.serial, after.responder.serial));
}

static void
no_answer_outlives_its_responder(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	struct ocsp_signers_health health;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	ocsp_health(fixture.ocsp, &health);
	serial = issue(&fixture, NULL);
	request(fixture.issuer, &serial, 1, 0, &der);
	time_is(&fixture, health.not_after_s - 60); /* and nobody could renew it */
	ask(&fixture, buf_bytes(&der), &reply);
	assert_int_equal(reply.times.next_update_s, health.not_after_s);
	time_is(&fixture, health.not_after_s);
	ask(&fixture, buf_bytes(&der), &reply);
	assert_status(&reply, OCSP_TRY_LATER);
	ocsp_health(fixture.ocsp, &health);
	assert_int_equal(health.missing, 1);
}

static void
without_a_responder_it_is_later(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	struct ocsp_signers_health health;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	fake.ledger_away = true;
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, NULL);
	request(fixture.issuer, &serial, 1, 0, &der);
	ask(&fixture, buf_bytes(&der), &reply);
	assert_status(&reply, OCSP_TRY_LATER);
	ocsp_health(fixture.ocsp, &health);
	assert_int_equal(health.missing, 1);
	assert_int_equal(health.not_after_s, 0);
}

static void
for_an_authority_without_ocsp_nobody_speaks(void **state)
{
	static const enum issuer_kind kinds[] = {
	    ISSUER_DEVICE_ROOT, ISSUER_SERVICE_CA, ISSUER_OPERATORS_CA};
	DEFER(fixture_clear) struct fixture fixture;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	serial = issue(&fixture, NULL);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		DEFER(buf_clear_public) struct buf der = {0};
		DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};

		request(issuers_active(fixture.authorities.issuers, kinds[i]), &serial, 1, 0, &der);
		ask(&fixture, buf_bytes(&der), &reply);
		assert_status(&reply, OCSP_UNAUTHORIZED);
	}
}

static void
certificates_of_strangers_are_unknown(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(authorities_clear) struct authorities strangers = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	struct ocsp_read answer;
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	authorities_init(&strangers); /* with the same names */
	serial = issue(&fixture, NULL);
	request(issuers_active(strangers.issuers, ISSUER_DEVICE_CA), &serial, 1, 0, &der);
	ask(&fixture, buf_bytes(&der), &reply);
	assert_true(ocsp_read(buf_bytes(&reply.der), &answer) && ocsp_read_signed(&answer));
	assert_int_equal(answer.singles[0].state, OCSP_UNKNOWN);
	assert_false(reply.cacheable);
}

static void
an_installation_from_before_has_no_responder(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(ocsp_free) struct ocsp *ocsp = NULL;
	DEFER(issuers_free) struct issuers *issuers = NULL;
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	struct issuer_row rows[ISSUER_KIND_COUNT];
	uint8_t ids[ISSUER_KIND_COUNT][ISSUER_ID_BYTES];
	struct ocsp_signers_health health;
	struct error err = {0};
	const uint8_t *serial;

	(void)state;
	fixture_init(&fixture);
	authorities_rows(&fixture.authorities.ceremony, ids, rows);
	rows[ISSUER_DEVICE_CA].ocsp = false;
	assert_true(issuers_new(rows, COUNT(rows), TEST_HTTP_URL, &issuers, &err));
	ocsp = ocsp_new(&(struct ocsp_options){.signers = {.issuers = issuers,
						   .clock = &fixture.clock,
						   .rng = &fixture.rng,
						   .node = "node1"}});
	ocsp_look(ocsp);
	ocsp_health(ocsp, &health);
	assert_int_equal(fake.certified, 0);
	assert_int_equal(health.wanted, 0);
	serial = issue(&fixture, NULL);
	request(fixture.issuer, &serial, 1, 0, &der);
	ocsp_answer(ocsp, buf_bytes(&der), &reply);
	assert_status(&reply, OCSP_UNAUTHORIZED);
}

static void
what_is_no_request_is_malformed(void **state)
{
	DEFER(fixture_clear) struct fixture fixture;
	DEFER(ocsp_reply_clear) struct ocsp_reply reply = {0};
	static const struct bytes inputs[] = {
	    BYTES_LITERAL(""), BYTES_LITERAL("0"), BYTES_LITERAL("\x30\x02\x30\x00")};

	(void)state;
	fixture_init(&fixture);
	ocsp_look(fixture.ocsp);
	for (size_t i = 0; i < COUNT(inputs); i++) {
		ask(&fixture, inputs[i], &reply);
		assert_status(&reply, OCSP_MALFORMED);
	}
	/* By place: ocsp_metrics.c. */
	assert_int_equal(
	    metrics_value(ocsp_metrics(fixture.ocsp), OCSP_RESPONSES, 1), COUNT(inputs));
	assert_int_equal(metrics_value(ocsp_metrics(fixture.ocsp), OCSP_SIGNATURES, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_change_is_told_at_once),
	    cmocka_unit_test(what_was_never_issued_is_unknown),
	    cmocka_unit_test(what_may_be_aborted_is_not_kept),
	    cmocka_unit_test(expired_certificates_are_answered_for),
	    cmocka_unit_test(several_are_answered_in_their_order),
	    cmocka_unit_test(each_hash_finds_the_authority_and_no_other_does),
	    cmocka_unit_test(a_nonce_is_echoed_and_never_kept),
	    cmocka_unit_test(without_one_the_same_octets_are_given_until_half_of_their_time),
	    cmocka_unit_test(what_holds_is_given_while_the_database_is_away),
	    cmocka_unit_test(a_responder_is_renewed_before_its_end),
	    cmocka_unit_test(no_answer_outlives_its_responder),
	    cmocka_unit_test(without_a_responder_it_is_later),
	    cmocka_unit_test(for_an_authority_without_ocsp_nobody_speaks),
	    cmocka_unit_test(certificates_of_strangers_are_unknown),
	    cmocka_unit_test(an_installation_from_before_has_no_responder),
	    cmocka_unit_test(what_is_no_request_is_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
