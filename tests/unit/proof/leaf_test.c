#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "known.h"
#include "proof/leaf.h"

#define AT_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */
#define TEXT64 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

static void
assert_encodes(const struct leaf *leaf, const char *want)
{
	DEFER(buf_clear_public) struct buf out = {0};
	struct error err = {0};

	assert_true(leaf_encode(leaf, &out, &err));
	assert_string_equal(buf_text(&out), want);
}

static void
assert_hashes(const char *leaf, const char *want)
{
	char hex[2 * SHA256_BYTES + 1];
	uint8_t hash[SHA256_BYTES];

	leaf_hash(bytes_of_text(leaf), hash);
	hex_encode(hex, bytes_of(hash, sizeof(hash)));
	assert_string_equal(hex, want);
}

/* Leaf number 1 of the known answers, but for what a test changes. */
static struct leaf
refused_leaf(void)
{
	struct leaf leaf = {.seq = 1,
	    .sequenced_at_s = AT_S + 1,
	    .event = LEAF_ENROLL_REFUSED,
	    .code = "DUPLICATE_HARDWARE",
	    .severity = 3,
	    .failure = true,
	    .at_s = AT_S + 1,
	    .actor = "station:7f3kq2m5nv4wxyza",
	    .subject = "b:mzxw6ytboi2dgnbv"};

	for (uint8_t i = 0; i < LEAF_NONCE_BYTES; i++)
		leaf.nonce[i] = i;
	return leaf;
}

/* All there is, every value as long as it may be. */
static struct leaf
largest_leaf(void)
{
	static const char *const KEYS[LEAF_DETAIL_MAX] = {"aaaaaaaaaaaaaaaaaaaaaaaa",
	    "bbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccc", "dddddddddddddddddddddddd",
	    "eeeeeeeeeeeeeeeeeeeeeeee", "ffffffffffffffffffffffff", "gggggggggggggggggggggggg",
	    "________________________"};
	struct leaf leaf = {.seq = INT64_MAX,
	    .sequenced_at_s = INT64_C(253402300799),
	    .event = LEAF_ADMIN_LOGIN_REFUSED,
	    .code = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123",
	    .severity = 6,
	    .at_s = INT64_C(253402300799),
	    .actor = TEXT64,
	    .subject = TEXT64,
	    .has_commitment = true,
	    .has_second_commitment = true,
	    .count = INT64_MAX,
	    .window_s = INT64_MAX};

	memset(leaf.nonce, 0xff, sizeof(leaf.nonce));
	memset(leaf.second_commitment, 0xff, sizeof(leaf.second_commitment));
	for (size_t i = 0; i < LEAF_DETAIL_MAX; i++)
		leaf.details[i] = (struct leaf_detail){.key = KEYS[i], .text = TEXT64};
	return leaf;
}

static void
known_leaves_have_their_bytes(void **state)
{
	struct leaf opening = {
	    .sequenced_at_s = AT_S, .event = LEAF_LOG_OPEN, .severity = 1, .at_s = AT_S};
	struct leaf refused = refused_leaf();
	struct leaf revoked = {.seq = 2,
	    .sequenced_at_s = AT_S + 2,
	    .event = LEAF_CERT_REVOKE,
	    .code = "KEY_COMPROMISE",
	    .severity = 4,
	    .at_s = AT_S + 2,
	    .actor = "officer:2c5d7xkaqe3wnb6m",
	    .subject = "h:onsxg43jn5xhgzlt"};

	(void)state;
	for (uint8_t i = 0; i < LEAF_NONCE_BYTES; i++)
		revoked.nonce[i] = (uint8_t)(0x10 + i);
	assert_encodes(&opening, KNOWN_LEAF0);
	assert_encodes(&refused, KNOWN_LEAF1);
	assert_encodes(&revoked, KNOWN_LEAF2);
}

static void
known_leaves_have_their_hashes(void **state)
{
	(void)state;
	assert_hashes(KNOWN_LEAF0, KNOWN_HASH0);
	assert_hashes(KNOWN_LEAF1, KNOWN_HASH1);
	assert_hashes(KNOWN_LEAF2, KNOWN_HASH2);
}

static void
optional_keys_follow_in_their_order(void **state)
{
	struct leaf leaf = refused_leaf();

	(void)state;
	leaf.has_commitment = true;
	memset(leaf.commitment, 0x00, SHA256_BYTES);
	leaf.has_second_commitment = true;
	memset(leaf.second_commitment, 0xff, SHA256_BYTES);
	leaf.count = 12;
	leaf.window_s = 60;
	leaf.details[0] = (struct leaf_detail){.key = "key", .text = "text"};
	leaf.details[1] = (struct leaf_detail){.key = "n", .number = 5};
	leaf.details[2] = (struct leaf_detail){.key = "skew_s", .number = -7};
	leaf.details[3] = (struct leaf_detail){.key = "reason", .text = "KEY_COMPROMISE"};
	assert_encodes(&leaf,
	    "{\"seq\":1,\"st\":\"2026-01-01T00:00:01Z\",\"v\":1,\"ev\":\"enroll.refused\","
	    "\"rc\":\"DUPLICATE_HARDWARE\",\"sev\":3,\"out\":\"failure\","
	    "\"t\":\"2026-01-01T00:00:01Z\",\"n\":\"AAECAwQFBgcICQoLDA0ODw\","
	    "\"act\":\"station:7f3kq2m5nv4wxyza\",\"sub\":\"b:mzxw6ytboi2dgnbv\","
	    "\"c\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
	    "\"e\":\"//////////////////////////////////////////8=\",\"cnt\":12,\"win\":60,"
	    "\"d\":{\"key\":\"text\",\"n\":5,\"skew_s\":-7,\"reason\":\"KEY_COMPROMISE\"}}");
}

static void
nonce_is_base64url(void **state)
{
	struct leaf leaf = {
	    .sequenced_at_s = AT_S, .event = LEAF_LOG_OPEN, .severity = 1, .at_s = AT_S};
	DEFER(buf_clear_public) struct buf out = {0};
	struct error err = {0};

	(void)state;
	memset(leaf.nonce, 0xff, sizeof(leaf.nonce));
	assert_true(leaf_encode(&leaf, &out, &err));
	assert_non_null(strstr(buf_text(&out), ",\"n\":\"_____________________w\"}"));
}

static void
encoding_appends(void **state)
{
	DEFER(buf_clear_public) struct buf out = {0};
	const struct leaf leaf = refused_leaf();
	struct error err = {0};

	(void)state;
	buf_append_text(&out, "before ");
	assert_true(leaf_encode(&leaf, &out, &err));
	assert_string_equal(buf_text(&out), "before " KNOWN_LEAF1);
}

static void
assert_view_of(const struct leaf_view *view, const struct leaf *leaf)
{
	assert_int_equal(view->seq, leaf->seq);
	assert_int_equal(view->sequenced_at_s, leaf->sequenced_at_s);
	assert_int_equal(view->event, leaf->event);
	assert_true(bytes_equal(view->event_name, bytes_of_text(leaf_event_name(leaf->event))));
	assert_true(bytes_equal(view->code, bytes_of_text(leaf->code)));
	assert_true(bytes_equal(view->actor, bytes_of_text(leaf->actor)));
	assert_true(bytes_equal(view->subject, bytes_of_text(leaf->subject)));
	assert_int_equal(view->severity, leaf->severity);
	assert_int_equal(view->failure, leaf->failure);
	assert_int_equal(view->at_s, leaf->at_s);
	assert_int_equal(view->count, leaf->count);
	assert_int_equal(view->window_s, leaf->window_s);
	assert_int_equal(view->has_commitment, leaf->has_commitment);
	assert_memory_equal(view->commitment, leaf->commitment, SHA256_BYTES);
	assert_int_equal(view->has_second_commitment, leaf->has_second_commitment);
	assert_memory_equal(view->second_commitment, leaf->second_commitment, SHA256_BYTES);
}

static void
assert_round_trip(const struct leaf *leaf)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct leaf_view view;
	struct error err = {0};

	assert_true(leaf_encode(leaf, &text, &err));
	assert_true(text.len <= LEAF_MAX);
	assert_true(leaf_parse(buf_bytes(&text), &view, &err));
	assert_view_of(&view, leaf);
}

static void
what_is_written_can_be_read(void **state)
{
	struct leaf leaf = refused_leaf();

	(void)state;
	assert_round_trip(&leaf);
	leaf.details[0] = (struct leaf_detail){.key = "lowest", .number = INT64_MIN + 1};
	leaf.details[1] = (struct leaf_detail){.key = "highest", .number = INT64_MAX};
	leaf.details[2] = (struct leaf_detail){.key = "empty", .text = ""};
	assert_round_trip(&leaf);
	for (int fill = 0; fill < 256; fill++) {
		memset(leaf.nonce, fill, sizeof(leaf.nonce));
		leaf.has_commitment = true;
		memset(leaf.commitment, fill, sizeof(leaf.commitment));
		assert_round_trip(&leaf);
	}
}

static void
largest_leaf_fits(void **state)
{
	const struct leaf leaf = largest_leaf();

	(void)state;
	assert_round_trip(&leaf);
}

static void
every_event_can_be_written_and_read(void **state)
{
	struct leaf leaf = refused_leaf();

	(void)state;
	for (int event = LEAF_EVENT_NONE + 1; event < LEAF_EVENT_COUNT; event++) {
		leaf.event = (enum leaf_event)event;
		assert_int_equal(
		    leaf_event_of(bytes_of_text(leaf_event_name(leaf.event))), leaf.event);
		assert_round_trip(&leaf);
	}
}

static void
other_names_are_no_event(void **state)
{
	static const char *const NAMES[] = {
	    "", "enroll", "enroll.o", "enroll.okk", "ENROLL.OK", "enroll_ok", "incident.open"};

	(void)state;
	for (size_t i = 0; i < COUNT(NAMES); i++)
		assert_int_equal(leaf_event_of(bytes_of_text(NAMES[i])), LEAF_EVENT_NONE);
}

static void
commitment_is_hash_of_nonce_and_body(void **state)
{
	/* SHA-256 of 32 octets 01 and "body". */
	static const char WANT[] =
	    "f97e947a13ea238864b42438594f42a450d77a5389f6a68db63ef9e8f380a71e";
	uint8_t nonce[COMMITMENT_NONCE_BYTES];
	uint8_t commitment[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	(void)state;
	memset(nonce, 0x01, sizeof(nonce));
	leaf_commit(commitment, nonce, bytes_of_text("body"));
	hex_encode(hex, bytes_of(commitment, sizeof(commitment)));
	assert_string_equal(hex, WANT);
}

/* ---- what leaf_encode() refuses ---- */

static void
assert_refused(const struct leaf *leaf)
{
	DEFER(buf_clear_public) struct buf out = {0};
	struct error err = {0};

	buf_append_text(&out, "before");
	assert_false(leaf_encode(leaf, &out, &err));
	assert_int_equal(err.code, E_INTERNAL);
	assert_string_equal(buf_text(&out), "before");
}

static void
numbers_out_of_range_are_refused(void **state)
{
	const struct leaf good = refused_leaf();
	struct leaf bad[] = {
	    good, good, good, good, good, good, good, good, good, good, good, good};
	size_t i = 0;

	(void)state;
	bad[i++].seq = -1;
	bad[i++].sequenced_at_s = -1;
	bad[i++].sequenced_at_s = INT64_C(253402300800);
	bad[i++].at_s = -1;
	bad[i++].at_s = INT64_MAX;
	bad[i++].event = LEAF_EVENT_NONE;
	bad[i++].event = LEAF_EVENT_COUNT;
	bad[i++].severity = 0;
	bad[i++].severity = 7;
	bad[i++].count = -1;
	bad[i++].window_s = -1;
	bad[i++].details[0] = (struct leaf_detail){.key = "number", .number = INT64_MIN};
	assert_int_equal(i, COUNT(bad));
	for (i = 0; i < COUNT(bad); i++)
		assert_refused(&bad[i]);
}

/* Whether `c` is in the set, but never the NUL. */
static bool
among(int c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGIT "0123456789"

/* Every octet in every kind of value: either it is in the class, or the leaf is refused. */
static void
octets_outside_the_class_are_refused(void **state)
{
	static const char VALUE[] = UPPER LOWER DIGIT "._:/@+=-";

	(void)state;
	for (int c = 1; c < 256; c++) {
		const char text[] = {'A', (char)c, 'B', '\0'};
		const char key[] = {'a', (char)c, 'b', '\0'};
		struct leaf leaf = refused_leaf();
		const struct {
			char *at;
			bool good;
		} values[] = {{leaf.actor, among(c, VALUE)}, {leaf.subject, among(c, VALUE)},
		    {leaf.code, among(c, UPPER DIGIT "_")}};

		for (size_t i = 0; i < COUNT(values); i++) {
			leaf = refused_leaf();
			memcpy(values[i].at, text, sizeof(text));
			if (values[i].good)
				assert_round_trip(&leaf);
			else
				assert_refused(&leaf);
		}
		leaf = refused_leaf();
		leaf.details[0] = (struct leaf_detail){.key = key};
		if (among(c, LOWER "_"))
			assert_round_trip(&leaf);
		else
			assert_refused(&leaf);
		leaf.details[0] = (struct leaf_detail){.key = "key", .text = text};
		if (among(c, VALUE))
			assert_round_trip(&leaf);
		else
			assert_refused(&leaf);
	}
}

static void
details_are_bounded_and_distinct(void **state)
{
	static const struct leaf_detail BAD[] = {
	    {.key = ""},
	    {.key = "abcdefghijklmnopqrstuvwxy"},
	    {.key = "key", .text = TEXT64 "x"},
	    {.key = "first"},
	};
	struct leaf leaf = refused_leaf();

	(void)state;
	leaf.details[0] = (struct leaf_detail){.key = "first", .number = 1};
	assert_round_trip(&leaf);
	for (size_t i = 0; i < COUNT(BAD); i++) {
		leaf.details[1] = BAD[i];
		assert_refused(&leaf);
	}
}

static void
a_value_without_end_is_refused(void **state)
{
	struct leaf leaf = refused_leaf();

	(void)state;
	memset(leaf.actor, 'a', sizeof(leaf.actor));
	assert_refused(&leaf);
	leaf = refused_leaf();
	memset(leaf.code, 'A', sizeof(leaf.code));
	assert_refused(&leaf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_leaves_have_their_bytes),
	    cmocka_unit_test(known_leaves_have_their_hashes),
	    cmocka_unit_test(optional_keys_follow_in_their_order),
	    cmocka_unit_test(nonce_is_base64url),
	    cmocka_unit_test(encoding_appends),
	    cmocka_unit_test(what_is_written_can_be_read),
	    cmocka_unit_test(largest_leaf_fits),
	    cmocka_unit_test(every_event_can_be_written_and_read),
	    cmocka_unit_test(other_names_are_no_event),
	    cmocka_unit_test(commitment_is_hash_of_nonce_and_body),
	    cmocka_unit_test(numbers_out_of_range_are_refused),
	    cmocka_unit_test(octets_outside_the_class_are_refused),
	    cmocka_unit_test(details_are_bounded_and_distinct),
	    cmocka_unit_test(a_value_without_end_is_refused),
	};

	return cmocka_run_group_tests_name("leaf", tests, NULL, NULL);
}
