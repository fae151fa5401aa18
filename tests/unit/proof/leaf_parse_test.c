#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "known.h"
#include "proof/leaf.h"

#define ST "\"st\":\"2026-01-01T00:00:01Z\""
#define T "\"t\":\"2026-01-01T00:00:01Z\""
#define N "\"n\":\"AAECAwQFBgcICQoLDA0ODw\""
#define ACT "\"act\":\"station:7f3kq2m5nv4wxyza\""
#define SUB "\"sub\":\"b:mzxw6ytboi2dgnbv\""
#define C_TEXT "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define C "\"c\":\"" C_TEXT "\""
#define E_TEXT "//////////////////////////////////////////8="
#define E "\"e\":\"" E_TEXT "\""
#define TEXT65 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-x"

/* A leaf with every key. */
static const char WITHOUT_D[] =
    "{\"seq\":7," ST ",\"v\":1,\"ev\":\"enroll.ok\",\"rc\":\"OK\",\"sev\":1,"
    "\"out\":\"success\"," T "," N "," ACT "," SUB "," C "," E ",\"cnt\":3,\"win\":60}";
static const char FULL[] = "{\"seq\":7," ST ",\"v\":1,\"ev\":\"enroll.ok\",\"rc\":\"OK\",\"sev\":1,"
			   "\"out\":\"success\"," T "," N "," ACT "," SUB "," C "," E
			   ",\"cnt\":3,\"win\":60,\"d\":{\"key\":\"text\",\"x\":5}}";

static bool
accepts(struct bytes text)
{
	static const struct leaf_view UNTOUCHED = {.seq = -1, .event = LEAF_LOG_GAP};
	struct leaf_view view = UNTOUCHED;
	struct error err = {0};

	if (leaf_parse(text, &view, &err)) {
		assert_int_equal(err.code, E_NONE);
		return true;
	}
	assert_int_equal(err.code, E_BAD_SYNTAX);
	assert_memory_equal(&view, &UNTOUCHED, sizeof(view));
	return false;
}

/* FULL with the one occurrence of `from` replaced. */
static void
replace(struct buf *out, const char *from, const char *to)
{
	const char *at = strstr(FULL, from);

	assert_non_null(at);
	assert_null(strstr(at + 1, from));
	buf_append(out, bytes_of(FULL, (size_t)(at - FULL)));
	buf_append_text(out, to);
	buf_append_text(out, at + strlen(from));
}

static void
a_full_leaf_is_read(void **state)
{
	uint8_t commitment[SHA256_BYTES];
	uint8_t second[SHA256_BYTES];
	struct leaf_view view;
	struct error err = {0};

	(void)state;
	for (uint8_t i = 0; i < SHA256_BYTES; i++)
		commitment[i] = i;
	memset(second, 0xff, sizeof(second));
	assert_true(leaf_parse(bytes_of_text(FULL), &view, &err));
	assert_int_equal(view.seq, 7);
	assert_int_equal(view.sequenced_at_s, 1767225601);
	assert_int_equal(view.event, LEAF_ENROLL_OK);
	assert_true(bytes_equal(view.event_name, bytes_of_text("enroll.ok")));
	assert_true(bytes_equal(view.code, bytes_of_text("OK")));
	assert_int_equal(view.severity, 1);
	assert_false(view.failure);
	assert_int_equal(view.at_s, 1767225601);
	assert_true(bytes_equal(view.actor, bytes_of_text("station:7f3kq2m5nv4wxyza")));
	assert_true(bytes_equal(view.subject, bytes_of_text("b:mzxw6ytboi2dgnbv")));
	assert_true(view.has_commitment);
	assert_memory_equal(view.commitment, commitment, sizeof(commitment));
	assert_true(view.has_second_commitment);
	assert_memory_equal(view.second_commitment, second, sizeof(second));
	assert_int_equal(view.count, 3);
	assert_int_equal(view.window_s, 60);
}

static void
a_small_leaf_is_read(void **state)
{
	struct leaf_view view;
	struct error err = {0};

	(void)state;
	assert_true(leaf_parse(bytes_of_text(KNOWN_LEAF0), &view, &err));
	assert_int_equal(view.event, LEAF_LOG_OPEN);
	assert_int_equal(view.actor.len, 0);
	assert_int_equal(view.subject.len, 0);
	assert_false(view.has_commitment);
	assert_false(view.has_second_commitment);
	assert_int_equal(view.count, 0);
	assert_int_equal(view.window_s, 0);
}

static void
known_leaves_are_read(void **state)
{
	(void)state;
	assert_true(accepts(bytes_of_text(KNOWN_LEAF0)));
	assert_true(accepts(bytes_of_text(KNOWN_LEAF1)));
	assert_true(accepts(bytes_of_text(KNOWN_LEAF2)));
}

struct change {
	const char *why, *from, *to;
};

/* clang-format off */
static const struct change ACCEPTS[] = {
	{"sequence number 0",             "{\"seq\":7",           "{\"seq\":0"},
	{"largest sequence number",       "{\"seq\":7",           "{\"seq\":9223372036854775807"},
	{"a failure",                     "success",              "failure"},
	{"severity 6",                    "\"sev\":1",            "\"sev\":6"},
	{"code of 31 characters",         "\"rc\":\"OK\"",        "\"rc\":\"ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123\""},
	{"no actor",                      "," ACT,                ""},
	{"underscore in the actor",       ACT,                    "\"act\":\"system:node_1\""},
	{"no subject",                    "," SUB,                ""},
	{"no commitment",                 "," C,                  ""},
	{"no second commitment",          "," E,                  ""},
	{"no count",                      ",\"cnt\":3",           ""},
	{"no window",                     ",\"win\":60",          ""},
	{"one detail",                    ",\"x\":5",             ""},
	{"detail is 0",                   "\"x\":5",              "\"x\":0"},
	{"negative detail",               "\"x\":5",              "\"x\":-5"},
	{"empty text in a detail",        "\"text\"",             "\"\""},
	{"underscore in a detail",        "\"text\"",             "\"KEY_COMPROMISE\""},
	{"detail key of 24 characters",   "\"key\":",             "\"abcdefghijklmnopqrstu_wx\":"},
	{"eight details",                 "\"x\":5",              "\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7"},
};

static const struct change REJECTS[] = {
	{"leading space",                 "{\"seq\"",             " {\"seq\""},
	{"leading byte order mark",       "{\"seq\"",             "\xef\xbb\xbf{\"seq\""},
	{"trailing newline",              "5}}",                  "5}}\n"},
	{"trailing space",                "5}}",                  "5}} "},
	{"trailing comma",                "5}}",                  "5},}"},
	{"two objects",                   "5}}",                  "5}}{}"},
	{"array",                         "{\"seq\"",             "[{\"seq\""},
	{"space after a colon",           "\"v\":1",              "\"v\": 1"},
	{"space before a colon",          "\"v\":1",              "\"v\" :1"},
	{"space after a comma",           ",\"sev\"",             ", \"sev\""},
	{"space before a comma",          ",\"sev\"",             " ,\"sev\""},
	{"newline between members",       ",\"sev\"",             ",\n\"sev\""},
	{"space before the end",          "5}}",                  "5} }"},
	{"swapped required keys",         "\"v\":1,\"ev\":\"enroll.ok\"", "\"ev\":\"enroll.ok\",\"v\":1"},
	{"swapped optional keys",         ACT "," SUB,            SUB "," ACT},
	{"swapped commitments",           C "," E,                E "," C},
	{"swapped numbers",               "\"cnt\":3,\"win\":60", "\"win\":60,\"cnt\":3"},
	{"duplicate sequence number",     "{\"seq\":7",           "{\"seq\":7,\"seq\":7"},
	{"duplicate code",                ",\"sev\"",             ",\"rc\":\"OK\",\"sev\""},
	{"duplicate actor",               ACT,                    ACT "," ACT},
	{"duplicate commitment",          C,                      C "," C},
	{"duplicate count",               "\"cnt\":3",            "\"cnt\":3,\"cnt\":3"},
	{"duplicate details",             "5}}",                  "5},\"d\":{\"key\":1}}"},
	{"unknown key",                   ",\"win\":60",          ",\"win\":60,\"x\":1"},
	{"unknown key at the end",        "5}}",                  "5},\"x\":1}"},
	{"key in upper case",             "\"sev\"",              "\"SEV\""},
	{"escaped key",                   "\"sev\"",              "\"\\u0073ev\""},
	{"key without quotes",            "\"sev\"",              "sev"},
	{"key in single quotes",          "\"sev\"",              "'sev'"},
	{"no sequence number",            "\"seq\":7,",           ""},
	{"no sequencing time",            ST ",",                 ""},
	{"no version",                    "\"v\":1,",             ""},
	{"no event",                      ",\"ev\":\"enroll.ok\"", ""},
	{"no code",                       ",\"rc\":\"OK\"",       ""},
	{"no severity",                   ",\"sev\":1",           ""},
	{"no outcome",                    ",\"out\":\"success\"", ""},
	{"no time",                       "," T,                  ""},
	{"no nonce",                      "," N,                  ""},
	{"leading zero",                  "{\"seq\":7",           "{\"seq\":07"},
	{"two zeros",                     "{\"seq\":7",           "{\"seq\":00"},
	{"negative number",               "{\"seq\":7",           "{\"seq\":-7"},
	{"negative zero",                 "{\"seq\":7",           "{\"seq\":-0"},
	{"plus sign",                     "{\"seq\":7",           "{\"seq\":+7"},
	{"fraction",                      "{\"seq\":7",           "{\"seq\":7.0"},
	{"exponent",                      "{\"seq\":7",           "{\"seq\":7e0"},
	{"hexadecimal",                   "{\"seq\":7",           "{\"seq\":0x7"},
	{"number in quotes",              "{\"seq\":7",           "{\"seq\":\"7\""},
	{"number beyond 63 bits",         "{\"seq\":7",           "{\"seq\":9223372036854775808"},
	{"number beyond 64 bits",         "{\"seq\":7",           "{\"seq\":18446744073709551623"},
	{"no number",                     "{\"seq\":7",           "{\"seq\":"},
	{"null",                          "{\"seq\":7",           "{\"seq\":null"},
	{"version 0",                     "\"v\":1",              "\"v\":0"},
	{"version 2",                     "\"v\":1",              "\"v\":2"},
	{"version 10",                    "\"v\":1",              "\"v\":10"},
	{"unknown event",                 "enroll.ok",            "enroll.maybe"},
	{"event in upper case",           "enroll.ok",            "ENROLL.OK"},
	{"beginning of an event",         "enroll.ok",            "enroll"},
	{"empty event",                   "enroll.ok",            ""},
	{"escape in the event",           "enroll.ok",            "enroll\\u002eok"},
	{"empty code",                    "\"rc\":\"OK\"",        "\"rc\":\"\""},
	{"code in lower case",            "\"rc\":\"OK\"",        "\"rc\":\"ok\""},
	{"code of 32 characters",         "\"rc\":\"OK\"",        "\"rc\":\"ABCDEFGHIJKLMNOPQRSTUVWXYZ_01234\""},
	{"severity 0",                    "\"sev\":1",            "\"sev\":0"},
	{"severity 7",                    "\"sev\":1",            "\"sev\":7"},
	{"another outcome",               "success",              "unknown"},
	{"outcome in upper case",         "success",              "SUCCESS"},
	{"boolean outcome",               "\"success\"",          "true"},
	{"time without Z",                ST,                     "\"st\":\"2026-01-01T00:00:01\""},
	{"time with an offset",           ST,                     "\"st\":\"2026-01-01T00:00:01+00:00\""},
	{"time in lower case",            ST,                     "\"st\":\"2026-01-01t00:00:01z\""},
	{"time with a fraction",          ST,                     "\"st\":\"2026-01-01T00:00:01.0Z\""},
	{"time with a space",             ST,                     "\"st\":\"2026-01-01 00:00:01Z\""},
	{"month 13",                      ST,                     "\"st\":\"2026-13-01T00:00:01Z\""},
	{"30 February",                   ST,                     "\"st\":\"2026-02-30T00:00:01Z\""},
	{"29 February of no leap year",   T,                      "\"t\":\"2026-02-29T00:00:01Z\""},
	{"hour 24",                       T,                      "\"t\":\"2026-01-01T24:00:00Z\""},
	{"leap second",                   T,                      "\"t\":\"2026-01-01T00:00:60Z\""},
	{"year before 1970",              T,                      "\"t\":\"1969-12-31T23:59:59Z\""},
	{"time as a number",              T,                      "\"t\":1767225601"},
	{"empty time",                    T,                      "\"t\":\"\""},
	{"nonce too short",               N,                      "\"n\":\"AAECAwQFBgcICQoLDA0O\""},
	{"nonce too long",                N,                      "\"n\":\"AAECAwQFBgcICQoLDA0ODxA\""},
	{"nonce with padding",            N,                      "\"n\":\"AAECAwQFBgcICQoLDA0ODw==\""},
	{"nonce with stray bits",         N,                      "\"n\":\"AAECAwQFBgcICQoLDA0ODx\""},
	{"nonce in the other alphabet",   N,                      "\"n\":\"AAECAwQFBgcICQoLDA0+/w\""},
	{"empty nonce",                   N,                      "\"n\":\"\""},
	{"empty actor",                   ACT,                    "\"act\":\"\""},
	{"space in the actor",            ACT,                    "\"act\":\"station a\""},
	{"quote in the actor",            ACT,                    "\"act\":\"station\\\"a\""},
	{"escape in the actor",           ACT,                    "\"act\":\"station\\/a\""},
	{"angle bracket in the actor",    ACT,                    "\"act\":\"<station>\""},
	{"UTF-8 in the actor",            ACT,                    "\"act\":\"stati\xc3\xb3n\""},
	{"newline in the actor",          ACT,                    "\"act\":\"station\na\""},
	{"actor too long",                ACT,                    "\"act\":\"" TEXT65 "\""},
	{"null actor",                    ACT,                    "\"act\":null"},
	{"empty subject",                 SUB,                    "\"sub\":\"\""},
	{"subject too long",              SUB,                    "\"sub\":\"" TEXT65 "\""},
	{"commitment too short",          C,                      "\"c\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\""},
	{"commitment too long",           C,                      "\"c\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\""},
	{"commitment without padding",    C,                      "\"c\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""},
	{"commitment with stray bits",    C,                      "\"c\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\""},
	{"commitment in base64url",       E,                      "\"e\":\"__________________________________________8=\""},
	{"commitment in hexadecimal",     C,                      "\"c\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\""},
	{"empty commitment",              C,                      "\"c\":\"\""},
	{"empty second commitment",       E,                      "\"e\":\"\""},
	{"count 0",                       "\"cnt\":3",            "\"cnt\":0"},
	{"negative count",                "\"cnt\":3",            "\"cnt\":-3"},
	{"count with a leading zero",     "\"cnt\":3",            "\"cnt\":03"},
	{"window 0",                      "\"win\":60",           "\"win\":0"},
	{"window in quotes",              "\"win\":60",           "\"win\":\"60\""},
	{"empty details",                 "\"key\":\"text\",\"x\":5", ""},
	{"details are an array",          "{\"key\":\"text\",\"x\":5}", "[1]"},
	{"duplicate detail",              "\"x\":5",              "\"key\":5"},
	{"nine details",                  "\"x\":5",              "\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8"},
	{"empty detail key",              "\"key\":",             "\"\":"},
	{"detail key too long",           "\"key\":",             "\"abcdefghijklmnopqrstuvwxy\":"},
	{"detail key in upper case",      "\"key\":",             "\"Key\":"},
	{"digit in a detail key",         "\"key\":",             "\"key1\":"},
	{"detail is negative zero",       "\"x\":5",              "\"x\":-0"},
	{"detail with a leading zero",    "\"x\":5",              "\"x\":05"},
	{"detail is a fraction",          "\"x\":5",              "\"x\":5.5"},
	{"detail is true",                "\"x\":5",              "\"x\":true"},
	{"detail is an object",           "\"x\":5",              "\"x\":{}"},
	{"detail is an array",            "\"x\":5",              "\"x\":[]"},
	{"space in a detail",             "\"text\"",             "\"free text\""},
	{"escape in a detail",            "\"text\"",             "\"te\\u0078t\""},
	{"detail text too long",          "\"text\"",             "\"" TEXT65 "\""},
	{"detail without value",          "\"x\":5",              "\"x\":"},
	{"comma after the last detail",   "\"x\":5",              "\"x\":5,"},
};
/* clang-format on */

static void
variants_are_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ACCEPTS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};

		replace(&text, ACCEPTS[i].from, ACCEPTS[i].to);
		if (!accepts(buf_bytes(&text)))
			fail_msg("refused: %s", ACCEPTS[i].why);
	}
}

static void
deviations_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(REJECTS); i++) {
		DEFER(buf_clear_public) struct buf text = {0};

		replace(&text, REJECTS[i].from, REJECTS[i].to);
		if (accepts(buf_bytes(&text)))
			fail_msg("accepted: %s", REJECTS[i].why);
	}
}

static void
every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(FULL) - 1; len++) {
		assert_false(accepts(bytes_of(FULL, len)));
		if (len > 0)
			assert_false(accepts(bytes_of(FULL + len, sizeof(FULL) - 1 - len)));
	}
}

static void
nothing_is_no_leaf(void **state)
{
	(void)state;
	assert_false(accepts((struct bytes){0}));
	assert_false(accepts(bytes_of_text("{}")));
	assert_false(accepts(bytes_of("\0", 1)));
}

static void
a_leaf_too_long_is_refused_unread(void **state)
{
	DEFER(buf_clear_public) struct buf text = {0};

	(void)state;
	buf_append_text(&text, FULL);
	memset(buf_extend(&text, LEAF_MAX), ' ', LEAF_MAX);
	assert_false(accepts(buf_bytes(&text)));
}

/* The nonce is not in the view: it is taken from its place in the text. */
static void
fill_nonce(struct leaf *leaf, const char *text)
{
	DEFER(buf_clear_public) struct buf nonce = {0};
	const char *at = strstr(text, ",\"n\":\"");

	assert_non_null(at);
	assert_true(base64url_decode(bytes_of(at + strlen(",\"n\":\""), 22), &nonce));
	memcpy(leaf->nonce, nonce.data, sizeof(leaf->nonce));
}

static void
fill_text(char *out, struct bytes value)
{
	if (value.len > 0)
		memcpy(out, value.data, value.len);
}

/* What was read, written again, is the same text. */
static void
assert_one_spelling(const char *text, const struct leaf_view *view)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct leaf leaf = {.seq = view->seq,
	    .sequenced_at_s = view->sequenced_at_s,
	    .event = view->event,
	    .severity = (int)view->severity,
	    .failure = view->failure,
	    .at_s = view->at_s,
	    .has_commitment = view->has_commitment,
	    .has_second_commitment = view->has_second_commitment,
	    .count = view->count,
	    .window_s = view->window_s};
	struct error err = {0};

	fill_nonce(&leaf, text);
	fill_text(leaf.code, view->code);
	fill_text(leaf.actor, view->actor);
	fill_text(leaf.subject, view->subject);
	memcpy(leaf.commitment, view->commitment, SHA256_BYTES);
	memcpy(leaf.second_commitment, view->second_commitment, SHA256_BYTES);
	assert_true(leaf_encode(&leaf, &again, &err));
	assert_string_equal(buf_text(&again), text);
}

/* Every octet replaced by every other: either refused, or what the writer would write. */
static void
accepted_means_that_the_writer_writes_it(void **state)
{
	char text[sizeof(WITHOUT_D)];
	size_t accepted_count = 0;

	(void)state;
	memcpy(text, WITHOUT_D, sizeof(text));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int c = 1; c < 256; c++) {
			struct leaf_view view;
			struct error err = {0};

			text[i] = (char)c;
			if (!leaf_parse(bytes_of(text, sizeof(text) - 1), &view, &err))
				continue;
			accepted_count++;
			assert_one_spelling(text, &view);
		}
		text[i] = WITHOUT_D[i];
	}
	assert_true(accepted_count > sizeof(text)); /* each octet unchanged, and other values */
}

static void
numbers_in_d_are_found_by_their_key(void **state)
{
	struct leaf leaf = {.sequenced_at_s = 1767225600,
	    .event = LEAF_LOG_PRUNE,
	    .severity = 1,
	    .at_s = 1767225600};
	DEFER(buf_clear_public) struct buf text = {0};
	struct leaf_view view;
	struct error err = {0};
	int64_t number = 7;

	(void)state;
	leaf.details[0] = (struct leaf_detail){.key = "what", .text = "last"};
	leaf.details[1] = (struct leaf_detail){.key = "below", .number = -3};
	leaf.details[2] = (struct leaf_detail){.key = "last", .number = INT64_MAX};
	assert_true(leaf_encode(&leaf, &text, &err));
	assert_true(leaf_parse(buf_bytes(&text), &view, &err));
	assert_true(leaf_detail_number(&view, "last", &number));
	assert_true(number == INT64_MAX);
	assert_false(leaf_detail_number(&view, "what", &number)); /* a text */
	assert_false(leaf_detail_number(&view, "below", &number));
	assert_false(leaf_detail_number(&view, "las", &number));
	view.details = (struct bytes){0};
	assert_false(leaf_detail_number(&view, "last", &number));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_in_d_are_found_by_their_key),
	    cmocka_unit_test(a_full_leaf_is_read),
	    cmocka_unit_test(a_small_leaf_is_read),
	    cmocka_unit_test(known_leaves_are_read),
	    cmocka_unit_test(variants_are_accepted),
	    cmocka_unit_test(deviations_are_refused),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(nothing_is_no_leaf),
	    cmocka_unit_test(a_leaf_too_long_is_refused_unread),
	    cmocka_unit_test(accepted_means_that_the_writer_writes_it),
	};

	return cmocka_run_group_tests_name("leaf_parse", tests, NULL, NULL);
}
