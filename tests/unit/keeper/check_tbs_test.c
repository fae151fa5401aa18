#include "fixture.h"

static bool
check(const struct policy_issuer *issuer, const struct tbs_parts *parts, struct error *err)
{
	struct tlv tbs = tbs_join(parts);

	return check_tbs(issuer, tlv_bytes(&tbs), NOW_S, err);
}

/* ---- one deviation each ---- */

static struct tlv
validity_of(int64_t not_before_s, int64_t not_after_s)
{
	return tlv_wrap(DER_SEQUENCE, tlv_times(not_before_s, not_after_s));
}

static void
month_of(struct tbs_parts *p, int64_t not_before_s, int64_t validity_s)
{
	p->validity = validity_of(not_before_s, not_before_s + validity_s);
	p->serial = serial_of(0x41, time_month(not_before_s));
}

static void
version_1(struct tbs_parts *p)
{
	p->version.len = 0;
}
static void
version_2(struct tbs_parts *p)
{
	p->version = tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_of(DER_INTEGER, "\1", 1));
}
static void
serial_negative(struct tbs_parts *p)
{
	p->serial = serial_of(0xc1, MONTH);
}
static void
serial_small(struct tbs_parts *p)
{
	p->serial = serial_of(0x3f, MONTH);
}
static void
serial_month(struct tbs_parts *p)
{
	p->serial = serial_of(0x41, MONTH + 1);
}
static void
serial_short(struct tbs_parts *p)
{
	p->serial = tlv_of(DER_INTEGER, "\x41\x00\x4d", 3);
}
static void
serial_long(struct tbs_parts *p)
{
	uint8_t serial[21] = {0x41, 0, MONTH};

	p->serial = tlv_of(DER_INTEGER, serial, sizeof(serial));
}
static void
algorithm_sha384(struct tbs_parts *p)
{
	p->algorithm =
	    tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x04\x03\x03", 8));
}
static void
algorithm_null(struct tbs_parts *p)
{
	struct tlv contents = tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x04\x03\x02", 8);

	tlv_add(&contents, tlv_of(DER_NULL, "", 0));
	p->algorithm = tlv_wrap(DER_SEQUENCE, contents);
}
static void
issuer_other(struct tbs_parts *p)
{
	p->issuer = tlv_name(DER_UTF8_STRING, "Device CB");
}
static void
issuer_other_string(struct tbs_parts *p)
{
	p->issuer = tlv_name(DER_PRINTABLE_STRING, ISSUER_NAME);
}
static void
too_long(struct tbs_parts *p)
{
	month_of(p, TODAY_S, 366 * DAY_S + 1);
}
static void
backward(struct tbs_parts *p)
{
	month_of(p, TODAY_S, 0);
}
static void
too_far_ahead(struct tbs_parts *p)
{
	month_of(p, NOW_S + DAY_S + 1, DAY_S);
}
static void
too_far_behind(struct tbs_parts *p)
{
	month_of(p, NOW_S - 400 * DAY_S - 1, DAY_S);
}
static void
subject_no_uuid(struct tbs_parts *p)
{
	p->subject = tlv_name(DER_UTF8_STRING, "device-1");
}
static void
subject_upper_case(struct tbs_parts *p)
{
	p->subject = tlv_name(DER_UTF8_STRING, "3F2B8C1E-9d47-4a60-8e15-0b6c7d2a9f31");
}
static void
subject_empty(struct tbs_parts *p)
{
	p->subject = tlv_of(DER_SEQUENCE, "", 0);
}
static void
subject_two_names(struct tbs_parts *p)
{
	struct tlv pair = tlv_of(DER_OID, "\x55\x04\x03", 3), rdn;

	tlv_add(&pair, tlv_text(DER_UTF8_STRING, PSEUDONYM));
	rdn = tlv_wrap(DER_SET, tlv_wrap(DER_SEQUENCE, pair));
	tlv_add(&rdn, rdn);
	p->subject = tlv_wrap(DER_SEQUENCE, rdn);
}
static void
subject_organization(struct tbs_parts *p)
{
	struct tlv pair = tlv_of(DER_OID, "\x55\x04\x0a", 3);

	tlv_add(&pair, tlv_text(DER_UTF8_STRING, PSEUDONYM));
	p->subject = tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SET, tlv_wrap(DER_SEQUENCE, pair)));
}

/* An RSA SubjectPublicKeyInfo with a modulus of `len` octets that begins with `first`. */
static struct tlv
spki_rsa(size_t len, uint8_t first, const char *exponent)
{
	uint8_t modulus[1024], bits[2048];
	struct tlv key, algorithm = tlv_of(DER_OID, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9), out;

	memset(modulus, 0x77, sizeof(modulus));
	modulus[0] = 0;
	modulus[1] = first;
	key =
	    tlv_of(DER_INTEGER, first < 0x80 ? modulus + 1 : modulus, first < 0x80 ? len : len + 1);
	tlv_add(&key, tlv_of(DER_INTEGER, exponent, 3));
	key = tlv_wrap(DER_SEQUENCE, key);
	bits[0] = 0;
	memcpy(bits + 1, key.data, key.len);
	tlv_add(&algorithm, tlv_of(DER_NULL, "", 0));
	out = tlv_wrap(DER_SEQUENCE, algorithm);
	tlv_add(&out, tlv_of(DER_BIT_STRING, bits, key.len + 1));
	return tlv_wrap(DER_SEQUENCE, out);
}
static void
rsa_1024(struct tbs_parts *p)
{
	p->spki = spki_rsa(128, 0xc0, "\1\0\1");
}
static void
rsa_2047(struct tbs_parts *p)
{
	p->spki = spki_rsa(256, 0x7f, "\1\0\1");
}
static void
rsa_8192(struct tbs_parts *p)
{
	p->spki = spki_rsa(1000, 0xc0, "\1\0\1");
}
static void
rsa_exponent(struct tbs_parts *p)
{
	p->spki = spki_rsa(256, 0xc0, "\1\0\3");
}
static void
rsa_2048(struct tbs_parts *p)
{
	p->spki = spki_rsa(256, 0xc0, "\1\0\1");
}
static void
rsa_4096(struct tbs_parts *p)
{
	p->spki = spki_rsa(512, 0xc0, "\1\0\1");
}

static struct tlv
spki_of(const char *algorithm, size_t algorithm_len, uint8_t first, size_t len)
{
	uint8_t bits[128] = {0, first};
	struct tlv out = tlv_of(DER_SEQUENCE, algorithm, algorithm_len);

	tlv_add(&out, tlv_of(DER_BIT_STRING, bits, 1 + len));
	return tlv_wrap(DER_SEQUENCE, out);
}
#define ALG_P256 "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define ALG_P384 "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22"
#define ALG_ED25519 "\x06\x03\x2b\x65\x70"
#define ALG_X25519 "\x06\x03\x2b\x65\x6e"
#define SPKI(alg, first, len) spki_of(alg, sizeof(alg) - 1, first, len)
static void
p256_compressed(struct tbs_parts *p)
{
	p->spki = SPKI(ALG_P256, 2, 33);
}
static void
p256_infinity(struct tbs_parts *p)
{
	p->spki = SPKI(ALG_P256, 0, 1);
}
static void
p384(struct tbs_parts *p)
{
	p->spki = SPKI(ALG_P384, 4, 97);
}
static void
ed25519(struct tbs_parts *p)
{
	p->spki = SPKI(ALG_ED25519, 9, 32);
}
static void
ed25519_short(struct tbs_parts *p)
{
	p->spki = SPKI(ALG_ED25519, 9, 31);
}
static void
x25519(struct tbs_parts *p)
{
	p->spki = SPKI(ALG_X25519, 9, 32);
}

static void
trailing(struct tbs_parts *p)
{
	p->trailing = tlv_raw("", 1);
}
static void
field_more(struct tbs_parts *p)
{
	p->after_extensions = tlv_of(DER_NULL, "", 0);
}
static void
nothing(struct tbs_parts *p)
{
	(void)p;
}
static void
longest(struct tbs_parts *p)
{
	month_of(p, TODAY_S, 366 * DAY_S);
}
static void
oldest(struct tbs_parts *p)
{
	month_of(p, NOW_S - 400 * DAY_S, DAY_S);
}
static void
printable_subject(struct tbs_parts *p)
{
	p->subject = tlv_name(DER_PRINTABLE_STRING, PSEUDONYM);
}

struct row {
	void (*deviate)(struct tbs_parts *parts);
	const char *why; /* in the refusal; NULL: it is signed */
};

/* clang-format off */
static const struct row ROWS[] = {
	{nothing,             NULL},
	{longest,             NULL},
	{oldest,              NULL},
	{printable_subject,   NULL},
	{ed25519,             NULL},
	{rsa_2048,            NULL},
	{rsa_4096,            NULL},
	{version_1,           "not exactly one"},
	{version_2,           "not exactly one"},
	{serial_negative,     "serial number is not"},
	{serial_small,        "serial number is not"},
	{serial_short,        "serial number is not"},
	{serial_long,         "serial number is not"},
	{serial_month,        "month"},
	{algorithm_sha384,    "signature algorithm"},
	{algorithm_null,      "signature algorithm"},
	{issuer_other,        "issuer's name"},
	{issuer_other_string, "issuer's name"},
	{too_long,            "valid for more"},
	{backward,            "not after notBefore"},
	{too_far_ahead,       "a day ahead"},
	{too_far_behind,      "400 days"},
	{subject_no_uuid,     "not a UUID"},
	{subject_upper_case,  "not a UUID"},
	{subject_empty,       "not one commonName"},
	{subject_two_names,   "not one commonName"},
	{subject_organization, "not one commonName"},
	{rsa_1024,            "weak"},
	{rsa_2047,            "weak"},
	{rsa_8192,            "weak"},
	{rsa_exponent,        "weak"},
	{p256_compressed,     "malformed or weak"},
	{p256_infinity,       "malformed or weak"},
	{p384,                "type that is not allowed"},
	{ed25519_short,       "malformed or weak"},
	{x25519,              "unknown type"},
	{trailing,            "not exactly one"},
	{field_more,          "not exactly one"},
};
/* clang-format on */

static void
only_what_the_policy_says_is_signed(void **state)
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
the_validity_stays_inside_the_issuers_own(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;
	struct error err = {0};

	(void)state;
	issuer_init(&policy.issuers[0]);
	tbs_parts_init(&parts);
	policy.issuers[0].not_after_s = TODAY_S + 365 * DAY_S - 1;
	assert_false(check(&policy.issuers[0], &parts, &err));
	err = (struct error){0};
	policy.issuers[0].not_after_s++;
	assert_ok(check(&policy.issuers[0], &parts, &err), &err);
	policy.issuers[0].not_before_s = TODAY_S + 1;
	assert_false(check(&policy.issuers[0], &parts, &err));
	policy_clear(&policy);
}

static void
no_part_or_changed_octet_of_it_ends_the_process(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct tbs_parts parts;
	struct tlv tbs;

	(void)state;
	issuer_init(&policy.issuers[0]);
	tbs_parts_init(&parts);
	tbs = tbs_join(&parts);
	for (size_t len = 0; len < tbs.len; len++) {
		struct error err = {0};

		assert_false(check_tbs(&policy.issuers[0], bytes_of(tbs.data, len), NOW_S, &err));
		assert_int_equal(err.code, E_KEEPER_REFUSED);
	}
	for (size_t at = 0; at < tbs.len * 8; at++) {
		struct error err = {0};

		tbs.data[at / 8] ^= (uint8_t)(1U << at % 8);
		if (!check_tbs(&policy.issuers[0], tlv_bytes(&tbs), NOW_S, &err))
			assert_int_equal(err.code, E_KEEPER_REFUSED);
		tbs.data[at / 8] ^= (uint8_t)(1U << at % 8);
	}
	policy_clear(&policy);
}

static void
a_tbs_beyond_the_bound_is_refused_unread(void **state)
{
	static const uint8_t LONG[CHECK_TBS_MAX + 1] = {0x30};
	struct policy policy = {.issuer_count = 1};
	struct error err = {0};

	(void)state;
	issuer_init(&policy.issuers[0]);
	assert_false(check_tbs(&policy.issuers[0], bytes_of(LONG, sizeof(LONG)), NOW_S, &err));
	assert_non_null(strstr(err.detail, "longer than"));
	policy_clear(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_the_policy_says_is_signed),
	    cmocka_unit_test(the_validity_stays_inside_the_issuers_own),
	    cmocka_unit_test(no_part_or_changed_octet_of_it_ends_the_process),
	    cmocka_unit_test(a_tbs_beyond_the_bound_is_refused_unread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
