/* The one certificate that an authority of devices signs for nobody's device: its responder's. */
#include "fixture.h"

#define VALIDITY_S (7 * DAY_S)

static struct tlv
no_check(bool critical, struct tlv value)
{
	struct tlv out = tlv_of(DER_OID, "\x2b\x06\x01\x05\x05\x07\x30\x01\x05", 9);

	if (critical)
		tlv_add(&out, tlv_of(DER_BOOLEAN, "\xff", 1));
	tlv_add(&out, tlv_wrap(DER_OCTET_STRING, value));
	return tlv_wrap(DER_SEQUENCE, out);
}

static void
responder_init(struct tbs_parts *p)
{
	tbs_parts_init(p);
	p->subject = tlv_name(DER_UTF8_STRING, "OCSP responder");
	p->validity = tlv_wrap(DER_SEQUENCE, tlv_times(TODAY_S, TODAY_S + VALIDITY_S));
	p->extensions[X_SAN].len = p->extensions[X_CDP].len = p->extensions[X_AIA].len = 0;
	p->extensions[X_EKU] = tlv_extension(0x25, false, purposes_of("\x09"));
	p->extensions[X_MORE] = no_check(false, tlv_of(DER_NULL, "", 0));
}

static void
responder_policy(struct policy_issuer *out)
{
	issuer_init(out);
	buf_append_text(&out->ocsp_url, OCSP_URL);
	out->events |= UINT64_C(1) << LEAF_CERT_ISSUE;
}

/* ---- one deviation each ---- */

static struct tlv *
x(struct tbs_parts *p, enum tbs_extension which)
{
	return &p->extensions[which];
}
static void
nothing(struct tbs_parts *p)
{
	(void)p;
}
static void
a_second_longer(struct tbs_parts *p)
{
	p->validity = tlv_wrap(DER_SEQUENCE, tlv_times(TODAY_S, TODAY_S + VALIDITY_S + 1));
}
static void
a_year(struct tbs_parts *p)
{
	p->validity = tlv_wrap(DER_SEQUENCE, tlv_times(TODAY_S, TODAY_S + 365 * DAY_S));
}
static void
a_device_by_name(struct tbs_parts *p)
{
	p->subject = tlv_name(DER_UTF8_STRING, PSEUDONYM);
}
static void
another_name(struct tbs_parts *p)
{
	p->subject = tlv_name(DER_UTF8_STRING, "OCSP responder 2");
}
static void
client(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(0x25, false, purposes_of("\2"));
}
static void
client_too(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(0x25, false, purposes_of("\x09\x02"));
}
static void
any_purpose(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(
	    0x25, false, tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x55\x1d\x25\x00", 4)));
}
static void
no_purpose(struct tbs_parts *p)
{
	x(p, X_EKU)->len = 0;
}
static void
no_no_check(struct tbs_parts *p)
{
	x(p, X_MORE)->len = 0;
}
static void
no_check_critical(struct tbs_parts *p)
{
	*x(p, X_MORE) = no_check(true, tlv_of(DER_NULL, "", 0));
}
static void
no_check_of_something(struct tbs_parts *p)
{
	*x(p, X_MORE) = no_check(false, tlv_of(DER_BOOLEAN, "\xff", 1));
}
static void
a_pseudonym(struct tbs_parts *p)
{
	*x(p, X_SAN) = tlv_extension(0x11, false, uri_name("urn:uuid:" PSEUDONYM));
}
static void
a_distribution_point(struct tbs_parts *p)
{
	*x(p, X_CDP) = tlv_extension(0x1f, false, points_of(CRL_URL));
}
static void
an_access(struct tbs_parts *p)
{
	*x(p, X_AIA) = information_of(access_of(2, CA_URL));
}
static void
an_authority(struct tbs_parts *p)
{
	*x(p, X_BC) =
	    tlv_extension(0x13, true, tlv_wrap(DER_SEQUENCE, tlv_of(DER_BOOLEAN, "\xff", 1)));
}
static void
cert_sign(struct tbs_parts *p)
{
	*x(p, X_KU) = tlv_extension(0x0f, true, tlv_of(DER_BIT_STRING, "\x02\x84", 2));
}
static void
ed25519(struct tbs_parts *p)
{
	uint8_t point[33] = {0, 1};
	struct tlv key = tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x2b\x65\x70", 3));

	tlv_add(&key, tlv_of(DER_BIT_STRING, point, sizeof point));
	p->spki = tlv_wrap(DER_SEQUENCE, key);
}
static void
another_issuer(struct tbs_parts *p)
{
	p->issuer = tlv_name(DER_UTF8_STRING, "Device CA 2");
}
static void
a_device(struct tbs_parts *p)
{
	tbs_parts_init(p);
}

/* clang-format off */
static const struct row {
	void (*deviate)(struct tbs_parts *parts);
	const char *why; /* in the refusal; NULL: it is signed */
} ROWS[] = {
	{nothing,               NULL},
	{a_second_longer,       "valid for more"},
	{a_year,                "valid for more"},
	{a_device_by_name,      "commonName"},
	{another_name,          "commonName"},
	{client,                "extKeyUsage"},
	{client_too,            "extKeyUsage"},
	{any_purpose,           "extKeyUsage"},
	{no_purpose,            "extKeyUsage is missing"},
	{no_no_check,           "ocsp-nocheck is missing"},
	{no_check_critical,     "ocsp-nocheck must not be critical"},
	{no_check_of_something, "ocsp-nocheck is not"},
	{a_pseudonym,           "an extension is not allowed"},
	{a_distribution_point,  "an extension is not allowed"},
	{an_access,             "an extension is not allowed"},
	{an_authority,          "basicConstraints"},
	{cert_sign,             "keyUsage"},
	{ed25519,               "type that is not allowed"},
	{another_issuer,        "issuer's name"},
	{a_device,              "valid for more"},
};
/* clang-format on */

static void
under_cert_issue_only_the_responder_is_signed(void **state)
{
	struct policy policy = {.issuer_count = 1};

	(void)state;
	responder_policy(&policy.issuers[0]);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct tbs_parts parts;
		struct error err = {0};
		struct tlv tbs;
		bool good;

		responder_init(&parts);
		ROWS[i].deviate(&parts);
		tbs = tbs_join(&parts);
		good =
		    check_issued(&policy.issuers[0], LEAF_CERT_ISSUE, tlv_bytes(&tbs), NOW_S, &err);
		if (good != (ROWS[i].why == NULL) ||
		    (!good &&
			(err.code != E_KEEPER_REFUSED || strstr(err.detail, ROWS[i].why) == NULL)))
			fail_msg(
			    "row %zu (%s): %s", i, ROWS[i].why ? ROWS[i].why : "good", err.detail);
	}
	policy_clear(&policy);
}

static void
no_other_event_signs_a_responder(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;
	struct tlv tbs;

	(void)state;
	responder_policy(&policy.issuers[0]);
	responder_init(&parts);
	tbs = tbs_join(&parts);
	for (int event = 0; event < LEAF_EVENT_COUNT; event++) {
		struct error err = {0};

		assert_true(check_issued(&policy.issuers[0], (enum leaf_event)event,
				tlv_bytes(&tbs), NOW_S, &err) == (event == LEAF_CERT_ISSUE));
	}
	policy_clear(&policy);
}

static void
a_policy_without_an_ocsp_address_has_no_responder(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;
	struct error err = {0};
	struct tlv tbs;

	(void)state;
	issuer_init(&policy.issuers[0]); /* as it was written before there were responders */
	policy.issuers[0].events |= UINT64_C(1) << LEAF_CERT_ISSUE;
	responder_init(&parts);
	tbs = tbs_join(&parts);
	assert_false(
	    check_issued(&policy.issuers[0], LEAF_CERT_ISSUE, tlv_bytes(&tbs), NOW_S, &err));
	assert_non_null(strstr(err.detail, "no OCSP responder"));
	policy_clear(&policy);
}

static void
an_authority_of_services_has_no_responder(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;
	struct error err = {0};
	struct tlv tbs;

	(void)state;
	responder_policy(&policy.issuers[0]);
	policy.issuers[0].form = POLICY_FORM_SERVICE;
	responder_init(&parts);
	tbs = tbs_join(&parts);
	assert_false(
	    check_issued(&policy.issuers[0], LEAF_CERT_ISSUE, tlv_bytes(&tbs), NOW_S, &err));
	policy_clear(&policy);
}

static void
no_changed_octet_of_it_ends_the_process(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;
	struct tlv tbs;

	(void)state;
	responder_policy(&policy.issuers[0]);
	responder_init(&parts);
	tbs = tbs_join(&parts);
	for (size_t at = 0; at < tbs.len * 8; at++) {
		struct error err = {0};

		tbs.data[at / 8] ^= (uint8_t)(1U << at % 8);
		if (!check_responder(&policy.issuers[0], tlv_bytes(&tbs), NOW_S, &err))
			assert_int_equal(err.code, E_KEEPER_REFUSED);
		tbs.data[at / 8] ^= (uint8_t)(1U << at % 8);
	}
	policy_clear(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(under_cert_issue_only_the_responder_is_signed),
	    cmocka_unit_test(no_other_event_signs_a_responder),
	    cmocka_unit_test(a_policy_without_an_ocsp_address_has_no_responder),
	    cmocka_unit_test(an_authority_of_services_has_no_responder),
	    cmocka_unit_test(no_changed_octet_of_it_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
