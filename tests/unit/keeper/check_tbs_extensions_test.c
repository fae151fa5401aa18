#include "fixture.h"

static bool
check(const struct policy_issuer *issuer, const struct tbs_parts *parts, struct error *err)
{
	struct tlv tbs = tbs_join(parts);

	return check_tbs(issuer, tlv_bytes(&tbs), NOW_S, err);
}

/* ---- one deviation each ---- */

static struct tlv *
x(struct tbs_parts *p, enum tbs_extension which)
{
	return &p->extensions[which];
}
static void
ca_true(struct tbs_parts *p)
{
	*x(p, X_BC) =
	    tlv_extension(0x13, true, tlv_wrap(DER_SEQUENCE, tlv_of(DER_BOOLEAN, "\xff", 1)));
}
static void
ca_false_spelt_out(struct tbs_parts *p)
{
	*x(p, X_BC) =
	    tlv_extension(0x13, true, tlv_wrap(DER_SEQUENCE, tlv_of(DER_BOOLEAN, "\0", 1)));
}
static void
path_length(struct tbs_parts *p)
{
	*x(p, X_BC) =
	    tlv_extension(0x13, true, tlv_wrap(DER_SEQUENCE, tlv_of(DER_INTEGER, "\0", 1)));
}
static void
ku_cert_sign(struct tbs_parts *p)
{
	*x(p, X_KU) = tlv_extension(0x0f, true, tlv_of(DER_BIT_STRING, "\x02\x84", 2));
}
static void
ku_not_critical(struct tbs_parts *p)
{
	*x(p, X_KU) = tlv_extension(0x0f, false, tlv_of(DER_BIT_STRING, "\x07\x80", 2));
}
static void
eku_both(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(0x25, false, purposes_of("\2\1"));
}
static void
eku_server(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(0x25, false, purposes_of("\1"));
}
static void
eku_twice(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(0x25, false, purposes_of("\2\2"));
}
static void
eku_ocsp(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(0x25, false, purposes_of("\2\11"));
}
static void
eku_none(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(0x25, false, purposes_of(""));
}
static void
eku_any(struct tbs_parts *p)
{
	*x(p, X_EKU) = tlv_extension(
	    0x25, false, tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x55\x1d\x25\x00", 4)));
}
static void
san_other(struct tbs_parts *p)
{
	*x(p, X_SAN) =
	    tlv_extension(0x11, false, uri_name("urn:uuid:00000000-9d47-4a60-8e15-0b6c7d2a9f31"));
}
static void
san_two(struct tbs_parts *p)
{
	struct tlv names = tlv_text(DER_CONTEXT(6), "urn:uuid:" PSEUDONYM);

	tlv_add(&names, tlv_text(DER_CONTEXT(2), "bank.example"));
	*x(p, X_SAN) = tlv_extension(0x11, false, tlv_wrap(DER_SEQUENCE, names));
}
static void
san_dns(struct tbs_parts *p)
{
	*x(p, X_SAN) = tlv_extension(
	    0x11, false, tlv_wrap(DER_SEQUENCE, tlv_text(DER_CONTEXT(2), "bank.example")));
}
static void
aki_other(struct tbs_parts *p)
{
	*x(p, X_AKI) = tlv_extension(0x23, false, tlv_authority_key(KEY_FILL + 1));
}
static void
aki_critical(struct tbs_parts *p)
{
	*x(p, X_AKI) = tlv_extension(0x23, true, tlv_authority_key(KEY_FILL));
}
static void
ski_short(struct tbs_parts *p)
{
	*x(p, X_SKI) = tlv_extension(0x0e, false, tlv_of(DER_OCTET_STRING, "1", 1));
}
static void
cdp_other(struct tbs_parts *p)
{
	*x(p, X_CDP) = tlv_extension(0x1f, false, points_of("http://elsewhere/0000.crl"));
}
static void
cdp_shard(struct tbs_parts *p)
{
	*x(p, X_CDP) = tlv_extension(0x1f, false, points_of(CRL_PREFIX "0001.crl"));
}
static void
cdp_two(struct tbs_parts *p)
{
	struct tlv points = tlv_wrap(DER_SEQUENCE, tlv_point(CRL_URL));

	tlv_add(&points, points);
	*x(p, X_CDP) = tlv_extension(0x1f, false, tlv_wrap(DER_SEQUENCE, points));
}
static void
cdp_reasons(struct tbs_parts *p)
{
	struct tlv point = tlv_point(CRL_URL);

	tlv_add(&point, tlv_of(DER_CONTEXT(1), "\x06\x40", 2));
	*x(p, X_CDP) =
	    tlv_extension(0x1f, false, tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SEQUENCE, point)));
}
static void
cdp_missing(struct tbs_parts *p)
{
	x(p, X_CDP)->len = 0;
}
static void
aia_missing(struct tbs_parts *p)
{
	x(p, X_AIA)->len = 0;
}
static void
bc_missing(struct tbs_parts *p)
{
	x(p, X_BC)->len = 0;
}
static void
ku_missing(struct tbs_parts *p)
{
	x(p, X_KU)->len = 0;
}
static void
eku_missing(struct tbs_parts *p)
{
	x(p, X_EKU)->len = 0;
}
static void
san_missing(struct tbs_parts *p)
{
	x(p, X_SAN)->len = 0;
}
static void
aki_missing(struct tbs_parts *p)
{
	x(p, X_AKI)->len = 0;
}
static void
ski_missing(struct tbs_parts *p)
{
	x(p, X_SKI)->len = 0;
}
static void
aia_other(struct tbs_parts *p)
{
	*x(p, X_AIA) = information_of(access_of(2, "http://elsewhere/ca.cer"));
}
static void
aia_ocsp(struct tbs_parts *p)
{
	struct tlv both = access_of(1, OCSP_URL);

	tlv_add(&both, access_of(2, CA_URL));
	*x(p, X_AIA) = information_of(both);
}
static void
policies_more(struct tbs_parts *p)
{
	*x(p, X_MORE) = tlv_extension(0x20, false, tlv_of(DER_SEQUENCE, "", 0));
}
static void
san_again(struct tbs_parts *p)
{
	*x(p, X_MORE) = *x(p, X_SAN);
}
static void
extension_cut(struct tbs_parts *p)
{
	*x(p, X_MORE) = tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x55\x1d\x20", 3));
}
static void
critical_false(struct tbs_parts *p)
{
	struct tlv extension = tlv_of(DER_OID, "\x55\x1d\x0e", 3);
	uint8_t identifier[20] = {0};

	tlv_add(&extension, tlv_of(DER_BOOLEAN, "\0", 1));
	tlv_add(&extension, tlv_wrap(DER_OCTET_STRING, tlv_of(DER_OCTET_STRING, identifier, 20)));
	*x(p, X_SKI) = tlv_wrap(DER_SEQUENCE, extension);
}
struct row {
	void (*deviate)(struct tbs_parts *parts);
	const char *why; /* in the refusal; NULL: it is signed */
};

/* clang-format off */
static const struct row ROWS[] = {
	{ca_true,             "basicConstraints is not"},
	{ca_false_spelt_out,  "basicConstraints is not"},
	{path_length,         "basicConstraints is not"},
	{ku_cert_sign,        "keyUsage is not"},
	{ku_not_critical,     "keyUsage must be critical"},
	{eku_both,            "extKeyUsage is not"},
	{eku_server,          "extKeyUsage is not"},
	{eku_twice,           "extKeyUsage is not"},
	{eku_ocsp,            "extKeyUsage is not"},
	{eku_none,            "extKeyUsage is not"},
	{eku_any,             "extKeyUsage is not"},
	{san_other,           "subjectAltName is not"},
	{san_two,             "subjectAltName is not"},
	{san_dns,             "subjectAltName is not"},
	{aki_other,           "authorityKeyIdentifier is not"},
	{aki_critical,        "must not be critical"},
	{ski_short,           "subjectKeyIdentifier is not"},
	{cdp_other,           "cRLDistributionPoints is not"},
	{cdp_shard,           "cRLDistributionPoints is not"},
	{cdp_two,             "cRLDistributionPoints is not"},
	{cdp_reasons,         "cRLDistributionPoints is not"},
	{aia_other,           "authorityInfoAccess is not"},
	{aia_ocsp,            "authorityInfoAccess is not"},
	{cdp_missing,         "cRLDistributionPoints is missing"},
	{aia_missing,         "authorityInfoAccess is missing"},
	{bc_missing,          "basicConstraints is missing"},
	{ku_missing,          "keyUsage is missing"},
	{eku_missing,         "extKeyUsage is missing"},
	{san_missing,         "subjectAltName is missing"},
	{aki_missing,         "authorityKeyIdentifier is missing"},
	{ski_missing,         "subjectKeyIdentifier is missing"},
	{policies_more,       "not allowed"},
	{san_again,           "subjectAltName is there twice"},
	{extension_cut,       "an extension is malformed"},
	{critical_false,      "an extension is malformed"},
};
/* clang-format on */

static void
only_the_allowed_extensions_are_signed(void **state)
{
	struct policy policy = {.issuer_count = 1};

	(void)state;
	issuer_init(&policy.issuers[0]);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct tbs_parts parts;
		struct error err = {0};
		bool good;

		tbs_parts_init(&parts);
		ROWS[i].deviate(&parts);
		good = check(&policy.issuers[0], &parts, &err);
		if (good != (ROWS[i].why == NULL) ||
		    (!good &&
			(err.code != E_KEEPER_REFUSED || strstr(err.detail, ROWS[i].why) == NULL)))
			fail_msg(
			    "row %zu (%s): %s", i, ROWS[i].why ? ROWS[i].why : "good", err.detail);
	}
	policy_clear(&policy);
}

static void
addresses_are_wanted_exactly_where_the_policy_has_them(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct policy_issuer *issuer = &policy.issuers[0];
	struct tbs_parts parts;
	struct tlv both = access_of(1, OCSP_URL), reversed = access_of(2, CA_URL);
	struct error err = {0};

	(void)state;
	tlv_add(&both, access_of(2, CA_URL));
	tlv_add(&reversed, access_of(1, OCSP_URL));
	issuer_init(issuer);
	tbs_parts_init(&parts);
	buf_append_text(&issuer->ocsp_url, OCSP_URL);
	assert_false(check(issuer, &parts, &err)); /* OCSP is missing */
	err = (struct error){0};
	parts.extensions[X_AIA] = information_of(both);
	assert_ok(check(issuer, &parts, &err), &err);
	parts.extensions[X_AIA] = information_of(reversed);
	assert_ok(check(issuer, &parts, &err), &err);
	buf_truncate(&issuer->crl_url_prefix, 0);
	assert_false(check(issuer, &parts, &err));
	assert_non_null(strstr(err.detail, "cRLDistributionPoints must not be there"));
	err = (struct error){0};
	parts.extensions[X_CDP].len = 0;
	assert_ok(check(issuer, &parts, &err), &err);
	policy_clear(&policy);
}

static void
the_shard_is_the_serial_number_modulo_their_count(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;
	struct error err = {0};
	uint8_t serial[20] = {0x41, 0, MONTH};

	(void)state;
	issuer_init(&policy.issuers[0]);
	tbs_parts_init(&parts);
	policy.issuers[0].shard_count = 16;
	serial[19] = 0x2b;
	parts.serial = tlv_of(DER_INTEGER, serial, sizeof(serial));
	assert_false(check(&policy.issuers[0], &parts, &err));
	err = (struct error){0};
	parts.extensions[X_CDP] = tlv_extension(0x1f, false, points_of(CRL_PREFIX "0011.crl"));
	assert_ok(check(&policy.issuers[0], &parts, &err), &err);
	policy_clear(&policy);
}

static struct tlv
service_names(const char *dns, const char *ip, size_t ip_len)
{
	struct tlv names = tlv_text(DER_CONTEXT(2), dns);

	if (ip_len > 0)
		tlv_add(&names, tlv_of(DER_CONTEXT(7), ip, ip_len));
	return tlv_extension(0x11, false, tlv_wrap(DER_SEQUENCE, names));
}

static void
a_service_has_host_names_and_addresses_only(void **state)
{
	static const struct {
		const char *common_name, *dns, *ip;
		size_t ip_len;
		bool good;
	} SERVICES[] = {
	    {"localhost", "localhost", "\x7f\0\0\1", 4, true},
	    {"pki.example", "pki.example", "", 0, true},
	    {"pki.example", "other.example", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16, true},
	    {"pki.example", "pki.example", "\0\0\0", 3, false},
	    {"pki.example", "*.example", "", 0, false},
	    {"pki example", "pki.example", "", 0, false},
	    {"pki.example", "", "", 0, false},
	};
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;

	(void)state;
	issuer_init(&policy.issuers[0]);
	policy.issuers[0].form = POLICY_FORM_SERVICE;
	for (size_t i = 0; i < COUNT(SERVICES); i++) {
		struct error err = {0};

		tbs_parts_init(&parts);
		parts.subject = tlv_name(DER_UTF8_STRING, SERVICES[i].common_name);
		parts.extensions[X_SAN] =
		    service_names(SERVICES[i].dns, SERVICES[i].ip, SERVICES[i].ip_len);
		if (check(&policy.issuers[0], &parts, &err) != SERVICES[i].good)
			fail_msg("row %zu: %s", i, err.detail);
	}
	tbs_parts_init(&parts); /* a device's names */
	parts.subject = tlv_name(DER_UTF8_STRING, "localhost");
	assert_false(check(&policy.issuers[0], &parts, &(struct error){0}));
	policy_clear(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_the_allowed_extensions_are_signed),
	    cmocka_unit_test(addresses_are_wanted_exactly_where_the_policy_has_them),
	    cmocka_unit_test(the_shard_is_the_serial_number_modulo_their_count),
	    cmocka_unit_test(a_service_has_host_names_and_addresses_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
