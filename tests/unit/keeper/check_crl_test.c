#include "fixture.h"

struct crl_parts { /* whole elements; an empty one is left out */
	struct tlv version, algorithm, issuer, times, entries, extensions;
	bool without_entries;
	size_t total_more; /* added to the length that the outer header announces */
	bool split;        /* entries are given one by one */
};

static struct tlv
entry_of(uint8_t last, struct tlv extensions)
{
	uint8_t serial[20] = {0x41, 0, MONTH};
	struct tlv out;

	serial[19] = last;
	out = tlv_of(DER_INTEGER, serial, sizeof(serial));
	tlv_add(&out, tlv_time(NOW_S - 100));
	tlv_add(&out, extensions);
	return tlv_wrap(DER_SEQUENCE, out);
}

static struct tlv
reason_of(uint8_t reason, bool critical)
{
	return tlv_wrap(
	    DER_SEQUENCE, tlv_extension(0x15, critical, tlv_of(DER_ENUMERATED, &reason, 1)));
}

static struct tlv
extensions_of(struct tlv authority_key, struct tlv number, struct tlv point)
{
	tlv_add(&authority_key, number);
	tlv_add(&authority_key, point);
	return tlv_wrap(DER_CONTEXT_CONSTRUCTED(0), tlv_wrap(DER_SEQUENCE, authority_key));
}

static struct tlv
number_of(const char *octets, size_t len)
{
	return tlv_extension(0x14, false, tlv_of(DER_INTEGER, octets, len));
}

static struct tlv
point_of(const char *url, bool critical)
{
	return tlv_extension(0x1c, critical, tlv_wrap(DER_SEQUENCE, tlv_point(url)));
}

static struct tlv
key_of(void)
{
	return tlv_extension(0x23, false, tlv_authority_key(KEY_FILL));
}

static void
crl_parts_init(struct crl_parts *p)
{
	memset(p, 0, sizeof(*p));
	p->version = tlv_of(DER_INTEGER, "\1", 1);
	p->algorithm = tlv_ecdsa_sha256();
	p->issuer = tlv_name(DER_UTF8_STRING, ISSUER_NAME);
	p->times = tlv_times(NOW_S, NOW_S + DAY_S);
	p->entries = entry_of(1, (struct tlv){.len = 0});
	tlv_add(&p->entries, entry_of(2, reason_of(1, false)));
	p->extensions = extensions_of(key_of(), number_of("\x12\x34", 2), point_of(CRL_URL, true));
}

/* The head: outer header, fields, header of the entries; the rest is announced only. */
static struct tlv
head_of(const struct crl_parts *p)
{
	struct tlv fields = p->version, entries, all;

	tlv_add(&fields, p->algorithm);
	tlv_add(&fields, p->issuer);
	tlv_add(&fields, p->times);
	entries = tlv_wrap(DER_SEQUENCE, p->entries);
	all = fields;
	if (!p->without_entries)
		tlv_add(&all, entries);
	tlv_add(&all, p->extensions);
	all.len += p->total_more;
	all = tlv_wrap(DER_SEQUENCE, all);
	all.len -= p->total_more + p->extensions.len;
	if (!p->without_entries)
		all.len -= p->entries.len;
	return all;
}

static bool
check(const struct policy_issuer *issuer, const struct crl_parts *p, uint64_t *out_number,
    unsigned *out_shard, struct error *err)
{
	struct check_crl crl;
	struct tlv head = head_of(p);
	size_t half = p->split ? p->entries.len - entry_of(2, reason_of(1, false)).len : 0;

	return check_crl_head(&crl, issuer, tlv_bytes(&head), NOW_S, err) &&
	       (half == 0 || check_crl_entries(&crl, bytes_of(p->entries.data, half), err)) &&
	       (p->without_entries ||
		   check_crl_entries(
		       &crl, bytes_of(p->entries.data + half, p->entries.len - half), err)) &&
	       check_crl_end(&crl, tlv_bytes(&p->extensions), out_number, out_shard, err);
}

static void
nothing(struct crl_parts *p)
{
	(void)p;
}
static void
in_two(struct crl_parts *p)
{
	p->split = true;
}
static void
no_entries(struct crl_parts *p)
{
	p->without_entries = true;
}
static void
empty_entries(struct crl_parts *p)
{
	p->entries.len = 0;
}
static void
version_1(struct crl_parts *p)
{
	p->version.len = 0;
}
static void
version_3(struct crl_parts *p)
{
	p->version = tlv_of(DER_INTEGER, "\2", 1);
}
static void
algorithm_other(struct crl_parts *p)
{
	p->algorithm =
	    tlv_wrap(DER_SEQUENCE, tlv_of(DER_OID, "\x2a\x86\x48\xce\x3d\x04\x03\x03", 8));
}
static void
issuer_other(struct crl_parts *p)
{
	p->issuer = tlv_name(DER_UTF8_STRING, "X");
}
static void
old(struct crl_parts *p)
{
	p->times = tlv_times(NOW_S - 3601, NOW_S + DAY_S);
}
static void
ahead(struct crl_parts *p)
{
	p->times = tlv_times(NOW_S + 301, NOW_S + DAY_S);
}
static void
backward(struct crl_parts *p)
{
	p->times = tlv_times(NOW_S, NOW_S);
}
static void
for_ever(struct crl_parts *p)
{
	p->times = tlv_times(NOW_S, NOW_S + 10 * DAY_S + 1);
}
static void
no_next_update(struct crl_parts *p)
{
	p->times = tlv_time(NOW_S);
}
static void
entry_reason(struct crl_parts *p, uint8_t reason)
{
	p->entries = entry_of(1, reason_of(reason, false));
}
static void
reason_hold(struct crl_parts *p)
{
	entry_reason(p, 6);
}
static void
reason_remove(struct crl_parts *p)
{
	entry_reason(p, 8);
}
static void
reason_unspecified(struct crl_parts *p)
{
	entry_reason(p, 0);
}
static void
reason_unknown(struct crl_parts *p)
{
	entry_reason(p, 11);
}
static void
reason_critical(struct crl_parts *p)
{
	p->entries = entry_of(1, reason_of(1, true));
}
static void
entry_issuer(struct crl_parts *p)
{
	p->entries = entry_of(
	    1, tlv_wrap(DER_SEQUENCE, tlv_extension(0x1d, true, tlv_of(DER_SEQUENCE, "", 0))));
}
static void
entry_no_extensions(struct crl_parts *p)
{
	p->entries = entry_of(1, tlv_of(DER_SEQUENCE, "", 0));
}
static void
entry_serial(struct crl_parts *p)
{
	struct tlv entry = tlv_of(DER_INTEGER, "\1", 1);

	tlv_add(&entry, tlv_time(NOW_S));
	p->entries = tlv_wrap(DER_SEQUENCE, entry);
}
static void
entry_no_sequence(struct crl_parts *p)
{
	p->entries = tlv_of(DER_INTEGER, "\1", 1);
}
static void
announced_more(struct crl_parts *p)
{
	p->total_more = 1;
}
static void
idp_not_critical(struct crl_parts *p)
{
	p->extensions = extensions_of(key_of(), number_of("\1", 1), point_of(CRL_URL, false));
}
static void
idp_other(struct crl_parts *p)
{
	p->extensions =
	    extensions_of(key_of(), number_of("\1", 1), point_of("http://x/0000.crl", true));
}
static void
idp_shard(struct crl_parts *p)
{
	p->extensions =
	    extensions_of(key_of(), number_of("\1", 1), point_of(CRL_PREFIX "0001.crl", true));
}
static void
idp_odd_digits(struct crl_parts *p)
{
	p->extensions =
	    extensions_of(key_of(), number_of("\1", 1), point_of(CRL_PREFIX ":000.crl", true));
}
static void
idp_missing(struct crl_parts *p)
{
	p->extensions = extensions_of(key_of(), number_of("\1", 1), (struct tlv){.len = 0});
}
static void
idp_user_certificates(struct crl_parts *p)
{
	struct tlv point = tlv_point(CRL_URL);

	tlv_add(&point, tlv_of(DER_CONTEXT(1), "\xff", 1));
	p->extensions = extensions_of(key_of(), number_of("\x12\x34", 2),
	    tlv_extension(0x1c, true, tlv_wrap(DER_SEQUENCE, point)));
}
static void
idp_indirect(struct crl_parts *p)
{
	struct tlv point = tlv_point(CRL_URL);

	tlv_add(&point, tlv_of(DER_CONTEXT(4), "\xff", 1));
	p->extensions = extensions_of(
	    key_of(), number_of("\1", 1), tlv_extension(0x1c, true, tlv_wrap(DER_SEQUENCE, point)));
}
static void
number_missing(struct crl_parts *p)
{
	p->extensions = extensions_of(key_of(), (struct tlv){.len = 0}, point_of(CRL_URL, true));
}
static void
number_negative(struct crl_parts *p)
{
	p->extensions = extensions_of(key_of(), number_of("\x80", 1), point_of(CRL_URL, true));
}
static void
number_huge(struct crl_parts *p)
{
	p->extensions =
	    extensions_of(key_of(), number_of("\1\1\1\1\1\1\1\1\1", 9), point_of(CRL_URL, true));
}
/* One that is good but for these; entries are those of crl_parts_init(). */
static void
delta_of(struct crl_parts *p, const char *base, size_t base_len, bool critical, const char *point)
{
	struct tlv more = tlv_extension(0x1b, critical, tlv_of(DER_INTEGER, base, base_len));

	tlv_add(&more, number_of("\x12\x34", 2));
	p->extensions = extensions_of(key_of(), more, point_of(point, true));
}
static void
delta(struct crl_parts *p)
{
	delta_of(p, "\x12\x33", 2, true, CRL_URL);
}
static void
delta_to_itself(struct crl_parts *p)
{
	delta_of(p, "\x12\x34", 2, true, CRL_URL);
}
static void
delta_removes(struct crl_parts *p)
{
	delta(p);
	entry_reason(p, 8);
}
static void
delta_ignorable(struct crl_parts *p)
{
	delta_of(p, "\1", 1, false, CRL_URL);
}
static void
delta_to_later(struct crl_parts *p)
{
	delta_of(p, "\x12\x35", 2, true, CRL_URL);
}
static void
delta_negative(struct crl_parts *p)
{
	delta_of(p, "\x80", 1, true, CRL_URL);
}
static void
delta_point(struct crl_parts *p)
{
	delta_of(p, "\1", 1, true, DELTA_URL);
}
static struct tlv
freshest_of(const char *url, bool critical)
{
	return tlv_extension(
	    0x2e, critical, tlv_wrap(DER_SEQUENCE, tlv_wrap(DER_SEQUENCE, tlv_point(url))));
}
static void
freshest_url(struct crl_parts *p, const char *url, bool critical)
{
	struct tlv more = number_of("\x12\x34", 2);

	tlv_add(&more, freshest_of(url, critical));
	p->extensions = extensions_of(key_of(), more, point_of(CRL_URL, true));
}
static void
freshest(struct crl_parts *p)
{
	freshest_url(p, DELTA_URL, false);
}
static void
freshest_critical(struct crl_parts *p)
{
	freshest_url(p, DELTA_URL, true);
}
static void
freshest_elsewhere(struct crl_parts *p)
{
	freshest_url(p, "http://evil.example/0000/delta.crl", false);
}
static void
freshest_full(struct crl_parts *p)
{
	freshest_url(p, CRL_URL, false);
}
static void
freshest_in_delta(struct crl_parts *p)
{
	struct tlv more = tlv_extension(0x1b, true, tlv_of(DER_INTEGER, "\1", 1));

	tlv_add(&more, number_of("\x12\x34", 2));
	tlv_add(&more, freshest_of(DELTA_URL, false));
	p->extensions = extensions_of(key_of(), more, point_of(CRL_URL, true));
}
static void
delta_twice(struct crl_parts *p)
{
	struct tlv more = tlv_extension(0x1b, true, tlv_of(DER_INTEGER, "\1", 1)), again = more;

	tlv_add(&more, again);
	tlv_add(&more, number_of("\x12\x34", 2));
	p->extensions = extensions_of(key_of(), more, point_of(CRL_URL, true));
}
static void
key_other(struct crl_parts *p)
{
	p->extensions = extensions_of(tlv_extension(0x23, false, tlv_authority_key(1)),
	    number_of("\1", 1), point_of(CRL_URL, true));
}

struct row {
	void (*deviate)(struct crl_parts *parts);
	const char *why; /* in the refusal; NULL: it is signed */
};

/* clang-format off */
static const struct row ROWS[] = {
	{nothing,               NULL},
	{in_two,                NULL},
	{no_entries,            NULL},
	{reason_hold,           NULL},
	{idp_user_certificates, NULL},
	{empty_entries,         "empty list"},
	{version_1,             "version 2"},
	{version_3,             "version 2"},
	{algorithm_other,       "signature algorithm"},
	{issuer_other,          "issuer's name"},
	{old,                   "near now"},
	{ahead,                 "near now"},
	{backward,              "near now"},
	{for_ever,              "near now"},
	{no_next_update,        "version 2"},
	{reason_remove,         "removeFromCRL is for a delta"},
	{reason_unspecified,    "an entry is malformed"},
	{reason_unknown,        "an entry is malformed"},
	{reason_critical,       "an entry is malformed"},
	{entry_issuer,          "an entry is malformed"},
	{entry_no_extensions,   "an entry is malformed"},
	{entry_serial,          "an entry is malformed"},
	{entry_no_sequence,     "an entry is malformed"},
	{announced_more,        "length that the head"},
	{idp_not_critical,      "must be critical"},
	{idp_other,             "issuingDistributionPoint is not"},
	{idp_shard,             "issuingDistributionPoint is not"},
	{idp_odd_digits,        "issuingDistributionPoint is not"},
	{idp_indirect,          "issuingDistributionPoint is not"},
	{idp_missing,           "issuingDistributionPoint is missing"},
	{number_missing,        "cRLNumber is missing"},
	{number_negative,       "cRLNumber is not"},
	{number_huge,           "cRLNumber is not"},
	{delta,                 NULL},
	{delta_to_itself,       NULL},
	{delta_removes,         NULL},
	{freshest,              NULL},
	{delta_ignorable,       "deltaCRLIndicator must be critical"},
	{delta_to_later,        "base is not before"},
	{delta_negative,        "deltaCRLIndicator is not"},
	{delta_point,           "issuingDistributionPoint is not"},
	{delta_twice,           "deltaCRLIndicator is there twice"},
	{freshest_critical,     "freshestCRL must not be critical"},
	{freshest_elsewhere,    "freshestCRL is not"},
	{freshest_full,         "freshestCRL is not"},
	{freshest_in_delta,     "freshestCRL must not be there"},
	{key_other,             "authorityKeyIdentifier is not"},
};
/* clang-format on */

static void
only_a_crl_of_the_issuer_passes(void **state)
{
	struct policy policy = {.issuer_count = 1};

	(void)state;
	issuer_init(&policy.issuers[0]);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		struct crl_parts parts;
		struct error err = {0};
		uint64_t number = 0;
		unsigned shard = 9;
		bool good;

		crl_parts_init(&parts);
		ROWS[i].deviate(&parts);
		good = check(&policy.issuers[0], &parts, &number, &shard, &err);
		if (good != (ROWS[i].why == NULL) ||
		    (!good && strstr(err.detail, ROWS[i].why) == NULL))
			fail_msg(
			    "row %zu (%s): %s", i, ROWS[i].why ? ROWS[i].why : "good", err.detail);
		if (good) {
			assert_int_equal(number, 0x1234);
			assert_int_equal(shard, 0);
		}
	}
	policy_clear(&policy);
}

static void
the_entries_belong_to_the_shard_that_is_named(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct crl_parts parts;
	uint64_t number = 0;
	unsigned shard = 0;
	struct error err = {0};

	(void)state;
	issuer_init(&policy.issuers[0]);
	policy.issuers[0].shard_count = 16;
	crl_parts_init(&parts); /* serials that end with 1 and 2 */
	assert_false(check(&policy.issuers[0], &parts, &number, &shard, &err));
	assert_non_null(strstr(err.detail, "another shard"));
	err = (struct error){0};
	parts.entries = entry_of(0x31, (struct tlv){.len = 0});
	tlv_add(&parts.entries, entry_of(0x41, (struct tlv){.len = 0}));
	assert_false(check(&policy.issuers[0], &parts, &number, &shard, &err));
	err = (struct error){0};
	parts.extensions =
	    extensions_of(key_of(), number_of("\1", 1), point_of(CRL_PREFIX "0001.crl", true));
	assert_ok(check(&policy.issuers[0], &parts, &number, &shard, &err), &err);
	assert_int_equal(shard, 1);
	policy_clear(&policy);
}

static void
freshest_is_of_the_shard_that_is_named(void **state)
{
	struct policy policy = {.issuer_count = 1};
	uint64_t number = 0;
	unsigned shard = 0;

	(void)state;
	issuer_init(&policy.issuers[0]);
	policy.issuers[0].shard_count = 2;
	for (int same = 0; same <= 1; same++) {
		struct crl_parts parts;
		struct tlv more = number_of("\1", 1);
		struct error err = {0};

		crl_parts_init(&parts);
		parts.without_entries = true;
		tlv_add(&more, freshest_of(same ? CRL_PREFIX "0001/delta.crl" : DELTA_URL, false));
		parts.extensions =
		    extensions_of(key_of(), more, point_of(CRL_PREFIX "0001.crl", true));
		assert_int_equal(check(&policy.issuers[0], &parts, &number, &shard, &err), same);
		if (!same)
			assert_non_null(strstr(err.detail, "freshestCRL is of another shard"));
	}
	policy_clear(&policy);
}

static void
entries_beyond_the_announced_and_after_a_refusal_are_refused(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct crl_parts parts;
	struct check_crl crl;
	struct tlv head;
	uint64_t number = 0;
	unsigned shard = 0;
	struct error err = {0};

	(void)state;
	issuer_init(&policy.issuers[0]);
	crl_parts_init(&parts);
	head = head_of(&parts);
	assert_ok(check_crl_head(&crl, &policy.issuers[0], tlv_bytes(&head), NOW_S, &err), &err);
	assert_ok(check_crl_entries(&crl, tlv_bytes(&parts.entries), &err), &err);
	assert_false(check_crl_entries(&crl, tlv_bytes(&parts.entries), &err));
	assert_non_null(strstr(err.detail, "more entries"));
	err = (struct error){0};
	assert_false(check_crl_end(&crl, tlv_bytes(&parts.extensions), &number, &shard, &err));
	assert_non_null(strstr(err.detail, "refused before"));
	policy_clear(&policy);
}

static void
no_cut_head_passes(void **state)
{
	struct policy policy = {.issuer_count = 1};
	struct crl_parts parts;
	struct tlv head;

	(void)state;
	issuer_init(&policy.issuers[0]);
	crl_parts_init(&parts);
	head = head_of(&parts);
	for (size_t len = 0; len < head.len - 4; len++) {
		struct check_crl crl;
		struct error err = {0};

		assert_false(check_crl_head(
		    &crl, &policy.issuers[0], bytes_of(head.data, len), NOW_S, &err));
		assert_int_equal(err.code, E_KEEPER_REFUSED);
	}
	policy_clear(&policy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_a_crl_of_the_issuer_passes),
	    cmocka_unit_test(the_entries_belong_to_the_shard_that_is_named),
	    cmocka_unit_test(freshest_is_of_the_shard_that_is_named),
	    cmocka_unit_test(entries_beyond_the_announced_and_after_a_refusal_are_refused),
	    cmocka_unit_test(no_cut_head_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
