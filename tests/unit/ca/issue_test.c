#include "cmocka_all.h"

#include "authorities.h"
#include "ca/issue.h"

#define UUID "0b7c1f3e-6f0a-4a52-9c58-3c1f0c9a7d11"

static struct issue_request
make_request(const struct authorities *authorities, const struct buf *spki, int64_t now_s)
{
	return (struct issue_request){
	    .profile = profile_find(PROFILE_DEVICE),
	    .issuer = issuers_active(authorities->issuers, ISSUER_DEVICE_CA),
	    .spki = buf_bytes(spki),
	    .common_name = UUID,
	    .uuid = UUID,
	    .now_s = now_s,
	};
}

static void
validity_begins_with_the_day_and_the_serial_carries_its_month(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(issued_clear) struct issued issued = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	const struct rng rng = rng_system();
	struct issue_request request;
	struct error err = {0};
	uint16_t month;

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	request = make_request(&authorities, &spki, TEST_NOW_S);
	assert_true(issue_prepare(&request, &rng, &issued, &err));
	assert_int_equal(issued.not_before_s, time_day_start(TEST_NOW_S));
	assert_int_equal(issued.not_after_s, issued.not_before_s + 365 * DAY_S);
	assert_true(serial_month(issued.serial, &month));
	assert_int_equal(month, time_month(TEST_NOW_S));
	assert_true(handle_valid(bytes_of_text(issued.handle)));
}

static void
the_record_commits_to_the_tbs_and_the_signed_certificate_is_ours(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(issued_clear) struct issued issued = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear_public) struct buf signature = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	const struct rng rng = rng_system();
	struct issue_request request;
	struct record record = {0};
	struct certificate certificate;
	uint8_t commitment[SHA256_BYTES];
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	request = make_request(&authorities, &spki, TEST_NOW_S);
	assert_true(issue_prepare(&request, &rng, &issued, &err));
	issue_fill_record(&issued, &record);
	leaf_commit(commitment, record.nonce, record.tbs);
	assert_true(record.leaf.has_commitment);
	assert_memory_equal(record.leaf.commitment, commitment, sizeof commitment);
	assert_memory_equal(record.ref + 2, issued.serial, SERIAL_BYTES);
	assert_memory_equal(record.issuer, request.issuer->id, ISSUER_ID_BYTES);

	assert_true(ceremony_sign(
	    authorities.ceremony.keeper, request.issuer->id, record.tbs, &signature, &err));
	issue_certificate(&issued, buf_bytes(&signature), &der);
	assert_true(certificate_parse(buf_bytes(&der), &certificate, &err));
	assert_ptr_equal(issuers_verify(authorities.issuers, &certificate), request.issuer);
	assert_true(bytes_equal(certificate.spki, buf_bytes(&spki)));
}

static void
no_certificate_outlives_its_issuer(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(issued_clear) struct issued issued = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	const struct rng rng = rng_system();
	struct issue_request request;
	struct error err = {0};
	int64_t end_s;

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	end_s = issuers_active(authorities.issuers, ISSUER_DEVICE_CA)->certificate.not_after_s;
	request = make_request(&authorities, &spki, end_s - 30 * DAY_S);
	assert_true(issue_prepare(&request, &rng, &issued, &err));
	assert_int_equal(issued.not_after_s, end_s);

	for (int i = 0; i < 2; i++) {
		struct issued none = {0};
		struct error why = {0};

		request.now_s = i == 0 ? end_s : TEST_NOW_S - 3 * DAY_S;
		assert_false(issue_prepare(&request, &rng, &none, &why));
		assert_int_equal(why.code, E_INTERNAL);
		assert_int_equal(none.tbs.len, 0);
	}
}

static void
two_certificates_share_no_random_value(void **state)
{
	DEFER(authorities_clear) struct authorities authorities = {0};
	DEFER(issued_clear) struct issued a = {0};
	DEFER(issued_clear) struct issued b = {0};
	DEFER(buf_clear_public) struct buf spki = {0};
	const struct rng rng = rng_system();
	struct issue_request request;
	struct error err = {0};

	(void)state;
	authorities_init(&authorities);
	test_spki(&spki);
	request = make_request(&authorities, &spki, TEST_NOW_S);
	assert_true(issue_prepare(&request, &rng, &a, &err));
	assert_true(issue_prepare(&request, &rng, &b, &err));
	assert_memory_not_equal(a.serial, b.serial, SERIAL_BYTES);
	assert_memory_not_equal(a.nonce, b.nonce, sizeof a.nonce);
	assert_string_not_equal(a.handle, b.handle);
	assert_memory_equal(a.spki_sha256, b.spki_sha256, SHA256_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(validity_begins_with_the_day_and_the_serial_carries_its_month),
	    cmocka_unit_test(the_record_commits_to_the_tbs_and_the_signed_certificate_is_ours),
	    cmocka_unit_test(no_certificate_outlives_its_issuer),
	    cmocka_unit_test(two_certificates_share_no_random_value),
	};

	return cmocka_run_group_tests_name("issue", tests, NULL, NULL);
}
