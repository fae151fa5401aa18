#include "cmocka_all.h"

#include "ocsp_world.h"

#define NEXT_S (TEST_NOW_S + 3600)

static const uint8_t SERIALS[4][SERIAL_BYTES] = {
    {0x40, 0, 72, 1}, {0x41, 0, 72, 2}, {0x42, 0, 72, 3}, {0x43, 0, 72, 4}};

static void
a_refusal_is_a_status_and_nothing_else(void **state)
{
	static const struct {
		enum ocsp_status status;
		struct bytes der;
	} rows[] = {
	    {OCSP_MALFORMED, BYTES_LITERAL("\x30\x03\x0a\x01\x01")},
	    {OCSP_INTERNAL, BYTES_LITERAL("\x30\x03\x0a\x01\x02")},
	    {OCSP_TRY_LATER, BYTES_LITERAL("\x30\x03\x0a\x01\x03")},
	    {OCSP_UNAUTHORIZED, BYTES_LITERAL("\x30\x03\x0a\x01\x06")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		DEFER(buf_clear_public) struct buf out = {0};

		ocsp_response_refuse(rows[i].status, &out);
		assert_true(bytes_equal(buf_bytes(&out), rows[i].der));
	}
}

/* One of each: good, revoked, revoked without a reason, on hold, unknown. */
static void
fill(struct ocsp_single singles[static 4], const struct bytes certids[static 4])
{
	for (size_t i = 0; i < 4; i++)
		singles[i] = (struct ocsp_single){.certid = certids[i]};
	singles[1].state = OCSP_REVOKED;
	singles[1].reason = REASON_KEY_COMPROMISE;
	singles[1].revoked_at_s = TEST_NOW_S - 60;
	singles[2].state = OCSP_REVOKED;
	singles[2].reason = REASON_HOLD;
	singles[2].revoked_at_s = TEST_NOW_S - 120;
	singles[3].state = OCSP_UNKNOWN;
}

static void
build(const struct ocsp_world *world, const struct ocsp_single *singles, size_t count,
    struct bytes nonce, struct buf *out)
{
	const struct ocsp_answer answer = {.singles = singles,
	    .count = count,
	    .nonce = nonce,
	    .produced_at_s = TEST_NOW_S,
	    .this_update_s = TEST_NOW_S,
	    .next_update_s = NEXT_S,
	    .key_hash = world->key_hash,
	    .key = world->key,
	    .certificate = buf_bytes(&world->certificate)};
	struct error err = {0};

	assert_true(ocsp_response_build(&answer, out, &err));
}

static void
what_is_said_can_be_read_again(void **state)
{
	static const struct bytes nonce = BYTES_LITERAL("0123456789abcdef");
	DEFER(ocsp_world_clear) struct ocsp_world world = {0};
	struct buf ids[4] = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	struct bytes certids[4];
	struct ocsp_single singles[4];
	struct ocsp_read answer;

	(void)state;
	ocsp_world_init(&world);
	for (size_t i = 0; i < 4; i++) {
		ocsp_world_certid_der(
		    world.issuer, i % 2 ? EVP_sha256() : EVP_sha1(), SERIALS[i], &ids[i]);
		certids[i] = buf_bytes(&ids[i]);
	}
	fill(singles, certids);
	build(&world, singles, 4, nonce, &der);
	assert_true(ocsp_read(buf_bytes(&der), &answer));
	assert_true(ocsp_read_signed(&answer));
	assert_int_equal(answer.count, 4);
	assert_true(bytes_equal(answer.nonce, nonce));
	assert_int_equal(answer.produced_at_s, TEST_NOW_S);
	assert_ptr_equal(
	    issuers_verify(world.authorities.issuers, &answer.responder), world.issuer);
	for (size_t i = 0; i < 4; i++) {
		assert_true(bytes_equal(answer.singles[i].certid, certids[i]));
		assert_int_equal(answer.singles[i].state, singles[i].state);
		assert_int_equal(answer.singles[i].revoked_at_s, singles[i].revoked_at_s);
		assert_int_equal(answer.singles[i].this_update_s, TEST_NOW_S);
		assert_int_equal(answer.singles[i].next_update_s, NEXT_S);
	}
	assert_int_equal(answer.singles[1].reason, REASON_KEY_COMPROMISE);
	assert_int_equal(answer.singles[2].reason, REASON_HOLD);
	for (size_t i = 0; i < 4; i++)
		buf_clear_public(&ids[i]);
}

/* All of ResponseData but the key's hash is known. */
static void
the_signed_part_has_known_octets(void **state)
{
	static const struct bytes before = BYTES_LITERAL("\x30\x6e\xa2\x16\x04\x14");
	static const struct bytes after =
	    BYTES_LITERAL("\x18\x0f"
			  "20260101132345Z"
			  "\x30\x43\x30\x41"
			  "\x30\x03\x02\x01\x07" /* for a CertID: any element goes in as it is */
			  "\xa1\x16\x18\x0f"
			  "20260101132245Z"
			  "\xa0\x03\x0a\x01\x04"
			  "\x18\x0f"
			  "20260101132345Z"
			  "\xa0\x11\x18\x0f"
			  "20260101142345Z"
			  "");
	DEFER(ocsp_world_clear) struct ocsp_world world = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	const struct ocsp_single single = {.certid = BYTES_LITERAL("\x30\x03\x02\x01\x07"),
	    .state = OCSP_REVOKED,
	    .reason = REASON_SUPERSEDED,
	    .revoked_at_s = TEST_NOW_S - 60};
	struct ocsp_read answer;

	(void)state;
	ocsp_world_init(&world);
	build(&world, &single, 1, (struct bytes){0}, &der);
	assert_true(ocsp_read(buf_bytes(&der), &answer));
	assert_int_equal(answer.data.len, before.len + OCSP_KEY_HASH_BYTES + after.len);
	assert_memory_equal(answer.data.data, before.data, before.len);
	assert_memory_equal(answer.data.data + before.len, world.key_hash, OCSP_KEY_HASH_BYTES);
	assert_memory_equal(
	    answer.data.data + before.len + OCSP_KEY_HASH_BYTES, after.data, after.len);
}

static void
openssl_believes_it_with_the_root_alone(void **state)
{
	static const struct bytes nonce = BYTES_LITERAL("0123456789abcdef");
	DEFER(ocsp_world_clear) struct ocsp_world world = {0};
	struct buf ids[4] = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	static const int want[] = {V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED,
	    V_OCSP_CERTSTATUS_REVOKED, V_OCSP_CERTSTATUS_UNKNOWN};
	struct bytes certids[4];
	struct ocsp_single singles[4];
	OCSP_RESPONSE *response;
	OCSP_BASICRESP *basic;
	const uint8_t *at;

	(void)state;
	ocsp_world_init(&world);
	for (size_t i = 0; i < 4; i++) {
		ocsp_world_certid_der(world.issuer, EVP_sha1(), SERIALS[i], &ids[i]);
		certids[i] = buf_bytes(&ids[i]);
	}
	fill(singles, certids);
	build(&world, singles, 4, nonce, &der);
	at = der.data;
	response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
	assert_non_null(response);
	assert_ptr_equal(at, der.data + der.len);
	assert_int_equal(OCSP_response_status(response), OCSP_RESPONSE_STATUS_SUCCESSFUL);
	basic = OCSP_response_get1_basic(response);
	assert_non_null(basic);
	assert_int_equal(ocsp_world_openssl_verify(&world, basic), 1);
	for (size_t i = 0; i < 4; i++) {
		OCSP_CERTID *id =
		    ocsp_world_certid(world.issuer, EVP_sha1(), SERIALS[i], SERIAL_BYTES);
		int status = -1, reason = -1;

		assert_int_equal(
		    OCSP_resp_find_status(basic, id, &status, &reason, NULL, NULL, NULL), 1);
		assert_int_equal(status, want[i]);
		if (i == 1 || i == 2)
			assert_int_equal(reason, singles[i].reason);
		OCSP_CERTID_free(id);
		buf_clear_public(&ids[i]);
	}
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
}

static void
a_changed_octet_of_what_is_signed_is_found(void **state)
{
	DEFER(ocsp_world_clear) struct ocsp_world world = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	const struct ocsp_single single = {.certid = BYTES_LITERAL("\x30\x03\x02\x01\x07")};
	struct ocsp_read answer;
	size_t from;

	(void)state;
	ocsp_world_init(&world);
	build(&world, &single, 1, (struct bytes){0}, &der);
	assert_true(ocsp_read(buf_bytes(&der), &answer) && ocsp_read_signed(&answer));
	from = (size_t)(answer.data.data - der.data);
	for (size_t i = 0; i < answer.data.len; i++) {
		struct ocsp_read changed;

		der.data[from + i] ^= 1;
		assert_false(ocsp_read(buf_bytes(&der), &changed) && ocsp_read_signed(&changed));
		der.data[from + i] ^= 1;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_refusal_is_a_status_and_nothing_else),
	    cmocka_unit_test(what_is_said_can_be_read_again),
	    cmocka_unit_test(the_signed_part_has_known_octets),
	    cmocka_unit_test(openssl_believes_it_with_the_root_alone),
	    cmocka_unit_test(a_changed_octet_of_what_is_signed_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
