/* Needles are found wherever they lie, and nothing else is. */
#include "tests/support/cmocka_all.h"

#include <stdlib.h>

#include "tests/support/needles.h"

#define HAY_BYTES 200000 /* more than three windows */
#define HITS_MAX 64

struct hits {
	size_t numbers[HITS_MAX];
	size_t count;
};

static void
note(void *context, size_t number)
{
	struct hits *hits = context;

	assert_true(hits->count < HITS_MAX);
	hits->numbers[hits->count++] = number;
}

static void
find(const struct needles *set, struct bytes hay, size_t step, struct hits *out_hits)
{
	DEFER(needles_stream_free)
	struct needles_stream *stream = needles_stream_new(set, note, out_hits);

	out_hits->count = 0;
	for (size_t at = 0; at < hay.len; at += step)
		needles_feed(
		    stream, bytes_of(hay.data + at, step < hay.len - at ? step : hay.len - at));
	needles_end(stream);
}

static void
a_needle_is_found_at_every_place_of_a_window(void **state)
{
	static const size_t STEPS[] = {HAY_BYTES, 65536, 65535, 4096, 7};
	DEFER(needles_free) struct needles *set = needles_new();
	DEFER(mem_free) void *memory = xcalloc(1, HAY_BYTES);
	uint8_t *hay = memory;
	struct hits hits;

	(void)state;
	assert_true(needles_add(set, "0102030405060708\tlong"));
	assert_true(needles_add(set, "a1a2a3a4a5a6\tshort"));
	for (size_t at = 65536 - 20; at < 65536 + 20; at++) {
		memcpy(hay + at, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
		memcpy(hay + 2 * at, "\xa1\xa2\xa3\xa4\xa5\xa6", 6);
		for (size_t i = 0; i < COUNT(STEPS); i++) {
			find(set, bytes_of(hay, HAY_BYTES), STEPS[i], &hits);
			assert_int_equal(hits.count, 2);
			assert_int_equal(hits.numbers[0], 0);
			assert_int_equal(hits.numbers[1], 1);
		}
		memset(hay, 0, HAY_BYTES);
	}
}

static void
the_first_and_the_last_octets_count(void **state)
{
	DEFER(needles_free) struct needles *set = needles_new();
	struct hits hits;

	(void)state;
	assert_true(needles_add(set, "616263646566\tname of it"));
	find(set, bytes_of_text("abcdef"), 1, &hits);
	assert_int_equal(hits.count, 1);
	assert_string_equal(needles_name(set, hits.numbers[0]), "name of it");
	find(set, bytes_of_text("abcdef...abcdefabcdef"), 2, &hits);
	assert_int_equal(hits.count, 3);
	find(set, bytes_of_text("abcde"), 5, &hits);
	assert_int_equal(hits.count, 0);
	find(set, bytes_of_text("bcdefabcde"), 3, &hits);
	assert_int_equal(hits.count, 0);
}

static void
needles_that_begin_alike_are_told_apart(void **state)
{
	DEFER(needles_free) struct needles *set = needles_new();
	struct hits hits;

	(void)state;
	assert_true(needles_add(set, "616263646566\tshort"));
	assert_true(needles_add(set, "61626364656667\tlonger"));
	assert_true(needles_add(set, "61626364656668\tanother"));
	find(set, bytes_of_text("abcdefg"), 7, &hits);
	assert_int_equal(hits.count, 2);
	assert_int_equal(hits.numbers[0] + hits.numbers[1], 1);
	find(set, bytes_of_text("abcdef"), 6, &hits);
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.numbers[0], 0);
}

static void
what_ends_one_stream_does_not_go_on_in_the_next(void **state)
{
	DEFER(needles_free) struct needles *set = needles_new();
	struct hits hits = {.count = 0};
	DEFER(needles_stream_free)
	struct needles_stream *stream = needles_stream_new(set, note, &hits);

	(void)state;
	assert_true(needles_add(set, "616263646566\tname"));
	needles_feed(stream, bytes_of_text("abc"));
	needles_end(stream);
	needles_feed(stream, bytes_of_text("def"));
	needles_end(stream);
	assert_int_equal(hits.count, 0);
	needles_feed(stream, bytes_of_text("abc"));
	needles_feed(stream, bytes_of_text("def"));
	needles_end(stream);
	assert_int_equal(hits.count, 1);
}

static void
many_needles_are_each_found(void **state)
{
	enum { NEEDLES = 100000, OCTETS = 12 };
	DEFER(needles_free) struct needles *set = needles_new();
	DEFER(mem_free) void *memory = xcalloc(1, NEEDLES);
	uint8_t *hay = memory;
	char line[2 * OCTETS + 8];
	struct hits hits;

	(void)state;
	for (unsigned i = 0; i < NEEDLES; i++) {
		(void)snprintf(line, sizeof line, "%08x%08x%08x\tn", i * 2654435761u, i, ~i);
		assert_true(needles_add(set, line));
	}
	assert_int_equal(needles_count(set), NEEDLES);
	for (uint32_t i = 0; i < NEEDLES; i += 9973) {
		const uint32_t mixed = i * 2654435761u;

		for (int k = 0; k < 4; k++) {
			hay[100 + k] = (uint8_t)(mixed >> (24 - 8 * k));
			hay[104 + k] = (uint8_t)(i >> (24 - 8 * k));
			hay[108 + k] = (uint8_t)(~i >> (24 - 8 * k));
		}
		find(set, bytes_of(hay, NEEDLES), NEEDLES, &hits);
		assert_int_equal(hits.count, 1);
		assert_int_equal(hits.numbers[0], i);
	}
}

static void
lines_that_are_no_needles_are_refused(void **state)
{
	static const char *const BAD[] = {"", "\t", "6162636465\tshort", "616263646566",
	    "6162636465666\todd", "61626364656g\tno hex", " 616263646566\tspace"};
	DEFER(needles_free) struct needles *set = needles_new();
	char line[2 * NEEDLE_MAX_BYTES + 8];

	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++)
		assert_false(needles_add(set, BAD[i]));
	memset(line, '6', sizeof line);
	(void)snprintf(line + 2 * NEEDLE_MAX_BYTES, 8, "66\tn");
	assert_false(needles_add(set, line));
	(void)snprintf(line + 2 * NEEDLE_MAX_BYTES, 8, "\tn");
	assert_true(needles_add(set, line));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_needle_is_found_at_every_place_of_a_window),
	    cmocka_unit_test(the_first_and_the_last_octets_count),
	    cmocka_unit_test(needles_that_begin_alike_are_told_apart),
	    cmocka_unit_test(what_ends_one_stream_does_not_go_on_in_the_next),
	    cmocka_unit_test(many_needles_are_each_found),
	    cmocka_unit_test(lines_that_are_no_needles_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
