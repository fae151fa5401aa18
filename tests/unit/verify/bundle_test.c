/* What is no bundle is refused, for the right reason; one changed octet makes it none. */
#include "tests/support/cmocka_all.h"

#include <stdlib.h>

#include "tests/support/trust.h"
#include "verify/bundle.h"

#define NOW_S INT64_C(1790000000)
#define HOUR_S 3600

static const struct trust_entry ENTRIES[] = {
    {{0x40, [19] = 1}, 1, NOW_S - HOUR_S},
    {{0x40, [19] = 2}, 0x86, NOW_S - HOUR_S},
    {{0x41}, 4, NOW_S - HOUR_S},
};
#define THREE .entries = ENTRIES, .count = COUNT(ENTRIES)

static enum moniker_load
load(struct bytes text, const X509 *root, char *out_why)
{
	DEFER(mv_bundle_free) struct bundle *bundle = NULL;
	struct why why = {.code = MONIKER_LOADED};
	const bool good = mv_bundle_parse(text, root, NOW_S, &bundle, &why);

	assert_int_equal(good, why.code == MONIKER_LOADED);
	assert_int_equal(good, bundle != NULL);
	assert_int_equal(good, why.text[0] == '\0');
	(void)snprintf(out_why, MONIKER_WHY_MAX, "%s", why.text);
	return why.code;
}

/* The text is refused with this code, in words that have `word`. */
static void
refused(
    const char *what, struct bytes text, const X509 *root, enum moniker_load code, const char *word)
{
	char why[MONIKER_WHY_MAX];
	const enum moniker_load got = load(text, root, why);

	if (got != code || strstr(why, word) == NULL)
		fail_msg("%s: %d: %s", what, got, why);
}

static void
what_is_signed_is_read(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(mv_bundle_free) struct bundle *bundle = NULL;
	struct status_found found;
	struct why why = {0};

	(void)state;
	trust_init(&trust, NOW_S);
	trust_bundle(&trust, &(struct trust_set){.seq = 7, THREE}, NULL, 0, &text);
	assert_true(mv_bundle_parse(buf_bytes(&text), trust.root, NOW_S, &bundle, &why));
	assert_int_equal(bundle->set.seq, 7);
	assert_int_equal(bundle->set.issued_s, NOW_S);
	assert_int_equal(bundle->set.fresh_until_s, NOW_S + 86400);
	assert_int_equal(bundle->set.count, 3);
	assert_string_equal(bundle->set.cursor, "AAAAAAAAAAEAAAAA");
	assert_true(mv_status_set_find(&bundle->set, trust.ca_id, ENTRIES[0].serial, &found));
	assert_false(found.held);
	assert_string_equal(found.reason, "keyCompromise");
	assert_int_equal(found.since_s, NOW_S - HOUR_S);
	assert_true(mv_status_set_find(&bundle->set, trust.ca_id, ENTRIES[1].serial, &found));
	assert_true(found.held);
	assert_string_equal(found.reason, "certificateHold");
	assert_true(mv_status_set_find(&bundle->set, trust.ca_id, ENTRIES[2].serial, &found));
	assert_false(mv_status_set_find(
	    &bundle->set, trust.ca_id, (const uint8_t[STATUS_SERIAL_BYTES]){0x42}, &found));
	assert_false(mv_status_set_find(
	    &bundle->set, (const uint8_t[STATUS_ISSUER_BYTES]){1}, ENTRIES[0].serial, &found));
}

/* Signed as it should be, but it says what no set may say. */
static const struct {
	const char *find, *replace;
	enum moniker_load code;
	const char *word;
} HEADERS[] = {
    {"set 1", "set 2", MONIKER_LOAD_MALFORMED, "header"},
    {"set 1\n", "", MONIKER_LOAD_MALFORMED, "header"},
    {"moniker.test/status", "moniker.test/other", MONIKER_LOAD_MALFORMED, "header"},
    {"seq 1", "seq 01", MONIKER_LOAD_MALFORMED, "header"},
    {"seq 1", "seq -1", MONIKER_LOAD_MALFORMED, "header"},
    {"seq 1", "seq ", MONIKER_LOAD_MALFORMED, "header"},
    {"seq 1", "seq  1", MONIKER_LOAD_MALFORMED, "header"},
    {"seq 1", "seq 1 ", MONIKER_LOAD_MALFORMED, "header"},
    {"seq 1", "seq 9223372036854775808", MONIKER_LOAD_MALFORMED, "header"},
    {"seq 1", "seq 18446744073709551617", MONIKER_LOAD_MALFORMED, "header"},
    {"hash AAAA", "hash AAA", MONIKER_LOAD_MALFORMED, "header"},
    {"hash ", "hush ", MONIKER_LOAD_MALFORMED, "header"},
    {"cursor AAAA", "cursor AAA", MONIKER_LOAD_MALFORMED, "header"},
    {"cursor AAAA", "cursor AA+A", MONIKER_LOAD_MALFORMED, "header"},
    {"issuer ", "issuer 0000000000000000\nissuer ", MONIKER_LOADED, ""},
    {"issuer ", "issuer ffffffffffffffff\nissuer ", MONIKER_LOAD_MALFORMED, "header"},
    {"issuer ", "issuer 00000000000000FF\nissuer ", MONIKER_LOAD_MALFORMED, "header"},
    {"issuer ", "issuer 0000\nissuer ", MONIKER_LOAD_MALFORMED, "header"},
    {"issuer ", "issuer 0000000000000000\nissuer 0000000000000000\nissuer ", MONIKER_LOAD_MALFORMED,
	"header"},
    {"count 3", "count 2", MONIKER_LOAD_MALFORMED, "not as many"},
    {"count 3", "count 4", MONIKER_LOAD_MALFORMED, "not as many"},
    {"count 3", "count 9223372036854775807", MONIKER_LOAD_MALFORMED, "not as many"},
    {"count 3\n", "count 3\ncount 3\n", MONIKER_LOAD_MALFORMED, "header"},
    {"sha256 ", "more 1\nsha256 ", MONIKER_LOAD_MALFORMED, "header"},
    {"issued 1790000000", "issued 1790000301", MONIKER_LOAD_UNTRUSTED, "clock"},
    {"issued 1790000000", "issued 1790000300", MONIKER_LOADED, ""},
    {"fresh_until 1790086400", "fresh_until 1789999999", MONIKER_LOAD_MALFORMED, "fresh_until"},
    {"fresh_until 1790086400", "fresh_until 1792678401", MONIKER_LOAD_MALFORMED, "fresh_until"},
    {"fresh_until 1790086400", "fresh_until 1792678400", MONIKER_LOADED, ""},
};

static void
a_header_says_what_it_must_in_that_order(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};

	(void)state;
	trust_init(&trust, NOW_S);
	for (size_t i = 0; i < COUNT(HEADERS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};

		trust_bundle(&trust,
		    &(struct trust_set){
			THREE, .find = HEADERS[i].find, .replace = HEADERS[i].replace},
		    NULL, 0, &text);
		refused(
		    HEADERS[i].replace, buf_bytes(&text), NULL, HEADERS[i].code, HEADERS[i].word);
	}
}

#define RECORD(issuer, serial, state) issuer serial "0123456789012345678" state "\x60\0\0\0"
static const struct {
	const char *why;
	struct bytes records;
	const char *word; /* NULL: good */
} RECORDS[] = {
    {"one", OCTETS(RECORD("\0", "A", "\x01")), NULL},
    {"two", OCTETS(RECORD("\0", "A", "\x01") RECORD("\0", "B", "\x86")), NULL},
    {"twice", OCTETS(RECORD("\0", "A", "\x01") RECORD("\0", "A", "\x04")), "ascend"},
    {"descending", OCTETS(RECORD("\0", "B", "\x01") RECORD("\0", "A", "\x01")), "ascend"},
    {"another issuer", OCTETS(RECORD("\1", "A", "\x01")), "issuer"},
    {"reason 7", OCTETS(RECORD("\0", "A", "\x07")), "state"},
    {"reason 8", OCTETS(RECORD("\0", "A", "\x08")), "state"},
    {"reason 11", OCTETS(RECORD("\0", "A", "\x0b")), "state"},
    {"revoked for a hold", OCTETS(RECORD("\0", "A", "\x06")), "state"},
    {"held for a compromise", OCTETS(RECORD("\0", "A", "\x81")), "state"},
    {"a part of one", OCTETS("0123456789"), "not as many"},
    {"one and a part", OCTETS(RECORD("\0", "A", "\x01") "0"), "not as many"},
};

static void
records_are_of_their_issuers_and_in_order(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};

	(void)state;
	trust_init(&trust, NOW_S);
	for (size_t i = 0; i < COUNT(RECORDS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};
		const char *word = RECORDS[i].word;

		trust_bundle(
		    &trust, &(struct trust_set){.records = RECORDS[i].records}, NULL, 0, &text);
		refused(RECORDS[i].why, buf_bytes(&text), NULL,
		    word == NULL ? MONIKER_LOADED : MONIKER_LOAD_MALFORMED,
		    word == NULL ? "" : word);
	}
}

/* ---- certificates ---- */

static void
bundle_of(const struct trust *trust, X509 *const *certificates, size_t count, struct buf *out)
{
	buf_truncate(out, 0);
	trust_bundle(trust, &(struct trust_set){0}, certificates, count, out);
}

static void
the_root_is_the_one_that_is_trusted(void **state)
{
	DEFER(trust_clear) struct trust ours = {0}, theirs = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	trust_init(&ours, NOW_S);
	trust_init(&theirs, NOW_S);
	bundle_of(&theirs, NULL, 0, &text);
	refused("theirs", buf_bytes(&text), ours.root, MONIKER_LOAD_UNTRUSTED, "another");
	refused("theirs, when none is known", buf_bytes(&text), NULL, MONIKER_LOADED, "");
	bundle_of(&ours, (X509 *const[]){theirs.root, ours.ca, ours.signer}, 3, &text);
	refused("a CA of ours", buf_bytes(&text), NULL, MONIKER_LOAD_UNTRUSTED, "did not sign");
	bundle_of(&theirs, (X509 *const[]){ours.root, theirs.ca, ours.signer}, 3, &text);
	refused("a CA of theirs", buf_bytes(&text), NULL, MONIKER_LOAD_UNTRUSTED, "did not sign");
	bundle_of(&theirs, (X509 *const[]){ours.root, ours.ca, theirs.signer}, 3, &text);
	refused(
	    "a signer of theirs", buf_bytes(&text), NULL, MONIKER_LOAD_UNTRUSTED, "did not sign");
	bundle_of(&theirs, (X509 *const[]){ours.root, ours.ca, ours.signer}, 3, &text);
	refused("a set of theirs", buf_bytes(&text), NULL, MONIKER_LOAD_UNTRUSTED, "signed it");
}

static void
each_certificate_has_its_place(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(X509_free) X509 *device = NULL;

	(void)state;
	trust_init(&trust, NOW_S);
	device = trust_issue(&trust,
	    &(struct trust_certificate){.issuer = trust.root, .issuer_key = trust.root_key});
	const struct {
		const char *why;
		X509 *certificates[4];
		size_t count;
		enum moniker_load code;
	} rows[] = {
	    {"no CA, which is none yet", {trust.root, trust.signer}, 2, MONIKER_LOADED},
	    {"no root", {trust.ca, trust.signer}, 2, MONIKER_LOAD_MALFORMED},
	    {"no signer", {trust.root, trust.ca}, 2, MONIKER_LOAD_UNTRUSTED},
	    {"the root twice", {trust.root, trust.root, trust.ca, trust.signer}, 4,
		MONIKER_LOAD_MALFORMED},
	    {"the signer before the CA", {trust.root, trust.signer, trust.ca}, 3,
		MONIKER_LOAD_MALFORMED},
	    {"what is neither", {trust.root, trust.ca, device, trust.signer}, 4,
		MONIKER_LOAD_MALFORMED},
	    {"two signers", {trust.root, trust.ca, trust.signer, trust.signer}, 4, MONIKER_LOADED},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		bundle_of(&trust, rows[i].certificates, rows[i].count, &text);
		refused(rows[i].why, buf_bytes(&text), NULL, rows[i].code, "");
	}
}

/* What only looks like a status signer signs nothing. */
static void
a_signer_is_for_that_alone(void **state)
{
	static const struct trust_certificate NO_SIGNERS[] = {
	    {.extended = "2.25.243892281092800931247565613106880441676"}, /* not critical */
	    {.extended = "critical,2.25.243892281092800931247565613106880441676,clientAuth"},
	    {.extended = "critical,2.25.243892281092800931247565613106880441677"},
	    {.extended = ""},
	    {.extended = "critical,2.25.243892281092800931247565613106880441676",
		.usage = "critical,keyEncipherment"},
	    {.extended = "critical,2.25.243892281092800931247565613106880441676",
		.basic = "critical,CA:TRUE"},
	    {.extended = "critical,2.25.243892281092800931247565613106880441676",
		.not_before_s = NOW_S - 1000,
		.not_after_s = NOW_S - 1},
	    {.extended = "critical,2.25.243892281092800931247565613106880441676",
		.not_before_s = NOW_S + 1000},
	};
	DEFER(trust_clear) struct trust trust = {0};

	(void)state;
	trust_init(&trust, NOW_S);
	for (size_t i = 0; i < COUNT(NO_SIGNERS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};
		struct trust_certificate what = NO_SIGNERS[i];
		DEFER(X509_free) X509 *signer = NULL;
		char why[MONIKER_WHY_MAX];

		what.issuer = trust.root;
		what.issuer_key = trust.root_key;
		what.key = trust.signer_key;
		signer = trust_issue(&trust, &what);
		bundle_of(&trust, (X509 *const[]){trust.root, trust.ca, signer}, 3, &text);
		if (load(buf_bytes(&text), NULL, why) == MONIKER_LOADED)
			fail_msg("row %zu is taken for a signer", i);
	}
}

static void
a_signer_that_has_ended_hinders_nobody(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(EVP_PKEY_free) EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	DEFER(X509_free) X509 *ended = NULL;

	(void)state;
	trust_init(&trust, NOW_S);
	ended = trust_issue(
	    &trust, &(struct trust_certificate){
			.extended = "critical,2.25.243892281092800931247565613106880441676",
			.not_after_s = NOW_S - 1,
			.issuer = trust.root,
			.issuer_key = trust.root_key,
			.key = key});
	bundle_of(&trust, (X509 *const[]){trust.root, trust.ca, trust.signer, ended}, 4, &text);
	refused("beside one that is valid", buf_bytes(&text), NULL, MONIKER_LOADED, "");
}

/* ---- octets ---- */

static void
one_changed_octet_makes_it_none(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	trust_init(&trust, NOW_S);
	trust_bundle(&trust, &(struct trust_set){THREE}, NULL, 0, &text);
	for (size_t i = 0; i < text.len; i += 3) {
		char why[MONIKER_WHY_MAX];

		text.data[i] ^= 1;
		if (load(buf_bytes(&text), trust.root, why) == MONIKER_LOADED)
			fail_msg("octet %zu does not matter", i);
		text.data[i] ^= 1;
	}
}

static void
cut_short_or_prolonged_it_is_none(void **state)
{
	DEFER(trust_clear) struct trust trust = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	char why[MONIKER_WHY_MAX];

	(void)state;
	trust_init(&trust, NOW_S);
	trust_bundle(&trust, &(struct trust_set){THREE}, NULL, 0, &text);
	for (size_t len = 0; len<text.len; len += text.len - len> 200 ? 7 : 1)
		assert_int_not_equal(
		    load(bytes_of(text.data, len), trust.root, why), MONIKER_LOADED);
	buf_append_text(&text, "\n");
	refused("a newline more", buf_bytes(&text), NULL, MONIKER_LOAD_MALFORMED, "at the end");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_signed_is_read),
	    cmocka_unit_test(a_header_says_what_it_must_in_that_order),
	    cmocka_unit_test(records_are_of_their_issuers_and_in_order),
	    cmocka_unit_test(the_root_is_the_one_that_is_trusted),
	    cmocka_unit_test(each_certificate_has_its_place),
	    cmocka_unit_test(a_signer_is_for_that_alone),
	    cmocka_unit_test(a_signer_that_has_ended_hinders_nobody),
	    cmocka_unit_test(one_changed_octet_makes_it_none),
	    cmocka_unit_test(cut_short_or_prolonged_it_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
