#include "cmocka_all.h"

#include "ca/ocsp_memory.h"

#define NOW_S INT64_C(1767273825)

static void
serial_of(size_t n, uint8_t out[static SERIAL_BYTES])
{
	memset(out, 0x40, SERIAL_BYTES);
	for (size_t i = 0; i < 4; i++)
		out[SERIAL_BYTES - 1 - i] = (uint8_t)(n >> 8 * i);
}

static void
what_was_issued_is_remembered_with_its_issuer(void **state)
{
	DEFER(ocsp_memory_free) struct ocsp_memory *memory = ocsp_memory_new();
	struct ocsp_known known = {.issuer = {7}, .not_after_s = NOW_S}, found;

	(void)state;
	serial_of(5, known.serial);
	assert_false(ocsp_memory_knows(memory, known.serial, &found));
	ocsp_memory_learn(memory, &known);
	assert_true(ocsp_memory_knows(memory, known.serial, &found));
	assert_int_equal(found.issuer[0], 7);
	assert_int_equal(found.not_after_s, NOW_S);
	known.serial[0] ^= 1; /* the same place, another certificate */
	assert_false(ocsp_memory_knows(memory, known.serial, &found));
}

static void
the_newest_are_remembered_when_there_are_too_many(void **state)
{
	DEFER(ocsp_memory_free) struct ocsp_memory *memory = ocsp_memory_new();
	struct ocsp_known known = {.not_after_s = NOW_S}, found;

	(void)state;
	for (size_t n = 0; n < 2 * OCSP_MEMORY_KNOWN_MAX; n++) {
		serial_of(n, known.serial);
		ocsp_memory_learn(memory, &known);
	}
	for (size_t n = 0; n < 2 * OCSP_MEMORY_KNOWN_MAX; n++) {
		serial_of(n, known.serial);
		assert_true(ocsp_memory_knows(memory, known.serial, &found) ==
			    (n >= OCSP_MEMORY_KNOWN_MAX));
	}
}

static void
keep(struct ocsp_memory *memory, size_t n, const struct ocsp_single *single, int64_t at_s)
{
	const struct ocsp_times times = {
	    .produced_at_s = at_s, .next_update_s = at_s + 100, .etag = "\"x\""};
	uint8_t serial[SERIAL_BYTES];

	serial_of(n, serial);
	ocsp_memory_keep(memory, serial, single, bytes_of_text("answer"), &times);
}

static bool
recall(struct ocsp_memory *memory, size_t n, const struct ocsp_single *single, int64_t now_s,
    bool *out_fresh)
{
	DEFER(buf_clear_public) struct buf der = {0};
	uint8_t serial[SERIAL_BYTES];
	struct ocsp_times times;

	serial_of(n, serial);
	if (!ocsp_memory_recall(memory, serial, single, now_s, &der, &times, out_fresh))
		return false;
	assert_true(bytes_equal(buf_bytes(&der), bytes_of_text("answer")));
	assert_string_equal(times.etag, "\"x\"");
	return true;
}

static void
an_answer_holds_while_it_says_what_is_so(void **state)
{
	DEFER(ocsp_memory_free) struct ocsp_memory *memory = ocsp_memory_new();
	struct ocsp_single single = {.certid = BYTES_LITERAL("id"),
	    .state = OCSP_REVOKED,
	    .reason = REASON_HOLD,
	    .revoked_at_s = NOW_S};
	struct ocsp_single other = single;
	bool fresh;

	(void)state;
	assert_false(recall(memory, 1, &single, NOW_S, &fresh));
	keep(memory, 1, &single, NOW_S);
	assert_true(recall(memory, 1, &single, NOW_S + 49, &fresh) && fresh);
	assert_true(recall(memory, 1, &single, NOW_S + 50, &fresh) && !fresh);
	assert_false(recall(memory, 1, &single, NOW_S + 100, &fresh));
	other.reason = REASON_KEY_COMPROMISE;
	assert_false(recall(memory, 1, &other, NOW_S, &fresh));
	other = single;
	other.revoked_at_s++;
	assert_false(recall(memory, 1, &other, NOW_S, &fresh));
	other = single;
	other.state = OCSP_GOOD;
	assert_false(recall(memory, 1, &other, NOW_S, &fresh));
	other = single;
	other.certid = bytes_of_text("id2"); /* the same certificate, asked for in another way */
	assert_false(recall(memory, 1, &other, NOW_S, &fresh));
	keep(memory, 1, &other, NOW_S);
	assert_true(recall(memory, 1, &single, NOW_S, &fresh));
	assert_true(recall(memory, 1, &other, NOW_S, &fresh));
}

static void
answers_are_bounded_and_the_oldest_makes_room(void **state)
{
	DEFER(ocsp_memory_free) struct ocsp_memory *memory = ocsp_memory_new();
	const struct ocsp_single single = {.certid = BYTES_LITERAL("id"), .state = OCSP_GOOD};
	bool fresh;

	(void)state;
	for (size_t n = 0; n < OCSP_MEMORY_ANSWERS_MAX + 1000; n++) {
		struct ocsp_single numbered = single;
		char certid[16];

		(void)snprintf(certid, sizeof certid, "%zu", n);
		numbered.certid = bytes_of_text(certid);
		keep(memory, n, &numbered, NOW_S + (int64_t)(n / 4096));
	}
	assert_int_equal(ocsp_memory_answers(memory), OCSP_MEMORY_ANSWERS_MAX);
	for (size_t n = 0; n < 10; n++) {
		struct ocsp_single numbered = single;
		char certid[16];

		(void)snprintf(certid, sizeof certid, "%zu", n);
		numbered.certid = bytes_of_text(certid);
		assert_false(recall(memory, n, &numbered, NOW_S + 10, &fresh));
		(void)snprintf(certid, sizeof certid, "%zu", OCSP_MEMORY_ANSWERS_MAX + n);
		numbered.certid = bytes_of_text(certid);
		assert_true(
		    recall(memory, OCSP_MEMORY_ANSWERS_MAX + n, &numbered, NOW_S + 10, &fresh));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_issued_is_remembered_with_its_issuer),
	    cmocka_unit_test(the_newest_are_remembered_when_there_are_too_many),
	    cmocka_unit_test(an_answer_holds_while_it_says_what_is_so),
	    cmocka_unit_test(answers_are_bounded_and_the_oldest_makes_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
