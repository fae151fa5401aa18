#include "tests/support/cmocka_all.h"

#include <string.h>

#include "base/text.h"
#include "proof/status_note.h"

#define ORIGIN "moniker.example/status"
#define NOW_S 1790000000
#define LINE                                                        \
	"0f1e2d3c4b5a6978 4000480000000000000000000000000000000001" \
	" revoked 1790000000 1"

static struct status_line
line_of(uint8_t number, enum status_word state)
{
	return (struct status_line){.issuer = {0x0f, number},
	    .serial = {0x40, [19] = number},
	    .state = state,
	    .at_s = NOW_S + number,
	    .reason = state == STATUS_GOOD   ? 0
		      : state == STATUS_HELD ? 6
					     : 1};
}

/* ---- lines, chain, cursors ---- */

static const char *const BAD_LINES[] = {
    "",
    "0f1e2d3c4b5a6978",
    "0F1e2d3c4b5a6978 4000480000000000000000000000000000000001 revoked 1790000000 1",
    "0f1e2d3c4b5a6978  4000480000000000000000000000000000000001 revoked 1790000000 1",
    "0f1e2d3c4b5a6978 40004800000000000000000000000000000001 revoked 1790000000 1",
    "0f1e2d3c4b5a6978 4000480000000000000000000000000000000001 lost 1790000000 1",
    "0f1e2d3c4b5a6978 4000480000000000000000000000000000000001 good 1790000000 1",
    "0f1e2d3c4b5a6978 4000480000000000000000000000000000000001 revoked -1 1",
    "0f1e2d3c4b5a6978 4000480000000000000000000000000000000001 revoked 01 1",
    "0f1e2d3c4b5a6978 4000480000000000000000000000000000000001 revoked 1790000000 11",
    "0f1e2d3c4b5a6978 4000480000000000000000000000000000000001 revoked 1790000000 1 ",
    "0f1e2d3c4b5a6978 4000480000000000000000000000000000000001 revoked 1790000000",
};

static void
a_line_has_one_spelling(void **state)
{
	struct status_line line;
	char text[STATUS_LINE_MAX + 1];
	struct error err = {0};

	(void)state;
	assert_true(status_line_parse(bytes_of_text(LINE), &line, &err));
	status_line_encode(&line, text);
	assert_string_equal(text, LINE);
	for (size_t i = 0; i < COUNT(BAD_LINES); i++) {
		err = (struct error){0};
		if (status_line_parse(bytes_of_text(BAD_LINES[i]), &line, &err))
			fail_msg("taken: %s", BAD_LINES[i]);
		assert_int_equal(err.code, E_BAD_SYNTAX);
	}
}

static void
the_chain_is_of_all_lines_in_order(void **state)
{
	uint8_t one[SHA256_BYTES] = {0}, other[SHA256_BYTES] = {0}, expected[SHA256_BYTES];
	char text[SHA256_BYTES + sizeof LINE] = {0};

	(void)state;
	memcpy(text + SHA256_BYTES, LINE, sizeof LINE - 1);
	sha256(bytes_of(text, SHA256_BYTES + sizeof LINE - 1), expected);
	status_chain(one, bytes_of_text(LINE));
	assert_memory_equal(one, expected, SHA256_BYTES);
	status_chain(one, bytes_of_text("a"));
	status_chain(other, bytes_of_text("a"));
	status_chain(other, bytes_of_text(LINE));
	assert_memory_not_equal(one, other, SHA256_BYTES);
}

static void
a_cursor_comes_back_and_nothing_else_is_one(void **state)
{
	static const char *const BAD[] = {"", "AAAAAAAAAHo", "AAAAAAAAAHqRXRxP=", "AAAAAAAAAHqRXRx",
	    "AAAAAAAAAHqRXR/P", "_AAAAAAAAHqRXRxP", "AAAAAAAAAHqRXRxPAAAA", "1790000000000000000"};
	const uint8_t hash[SHA256_BYTES] = {0x91, 0x5d, 0x1c, 0x4f, 0xff};
	struct status_cursor cursor;
	char text[STATUS_CURSOR_LEN + 1];
	struct error err = {0};

	(void)state;
	status_cursor_encode(text, 122, hash);
	assert_string_equal(text, "AAAAAAAAAHqRXRxP");
	assert_true(status_cursor_parse(bytes_of_text(text), &cursor, &err));
	assert_int_equal(cursor.seq, 122);
	assert_memory_equal(cursor.mark, hash, sizeof cursor.mark);
	for (size_t i = 0; i < COUNT(BAD); i++) {
		err = (struct error){0};
		if (status_cursor_parse(bytes_of_text(BAD[i]), &cursor, &err))
			fail_msg("taken: %s", BAD[i]);
	}
}

/* ---- pages ---- */

struct made {
	struct status_page page;
	struct buf lines, text;
};

static void
made_clear(struct made *made)
{
	buf_clear_public(&made->lines);
	buf_clear_public(&made->text);
}
DEFER_DECLARE_CLEAR(struct made, made_clear)

static void
make_page(struct made *made, int64_t from, size_t count)
{
	*made = (struct made){.page = {.from = from,
				  .to = from + (int64_t)count,
				  .before = {7},
				  .after = {7},
				  .issued_s = NOW_S,
				  .fresh_until_s = NOW_S + 86400}};
	for (size_t i = 0; i < count; i++) {
		const struct status_line line = line_of((uint8_t)i, (enum status_word)(i % 3));
		char text[STATUS_LINE_MAX + 1];

		status_line_encode(&line, text);
		status_chain(made->page.after, bytes_of_text(text));
		buf_append_format(&made->lines, "%s\n", text);
	}
	made->page.lines = buf_bytes(&made->lines);
	status_page_encode(&made->page, ORIGIN, &made->text);
}

static void
a_page_comes_back_as_it_went(void **state)
{
	static const size_t COUNTS[] = {0, 1, 3, STATUS_LINES_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(COUNTS); i++) {
		DEFER(made_clear) struct made made;
		struct status_page page;
		struct error err = {0};

		make_page(&made, 120, COUNTS[i]);
		assert_true(status_page_parse(buf_bytes(&made.text), ORIGIN, &page, &err));
		assert_int_equal(page.from, 120);
		assert_int_equal(page.to, 120 + (int64_t)COUNTS[i]);
		assert_int_equal(page.fresh_until_s, NOW_S + 86400);
		assert_memory_equal(page.after, made.page.after, SHA256_BYTES);
		assert_true(bytes_equal(page.lines, made.page.lines));
		assert_true(status_note_check(buf_bytes(&made.text), ORIGIN, NOW_S, &err));
	}
}

/* Every octet of it counts: what differs in one is no page, or another that nobody made. */
static void
a_page_with_one_octet_changed_is_none(void **state)
{
	DEFER(made_clear) struct made made;
	size_t taken = 0;

	(void)state;
	make_page(&made, 120, 3);
	for (size_t i = 0; i < made.text.len; i++) {
		struct status_page page;
		struct error err = {0};

		made.text.data[i] ^= 1;
		if (status_page_parse(buf_bytes(&made.text), ORIGIN, &page, &err))
			taken++;
		made.text.data[i] ^= 1;
	}
	assert_in_range(taken, 0, 40); /* digits of the two times, which nothing checks here */
}

static void
a_page_must_fit_itself(void **state)
{
	DEFER(made_clear) struct made many, cut;
	struct status_page page;
	struct error err = {0};

	(void)state;
	make_page(&many, 0, STATUS_LINES_MAX + 1);
	assert_false(status_page_parse(buf_bytes(&many.text), ORIGIN, &page, &err));
	make_page(&cut, 0, 3);
	for (size_t len = 0; len < cut.text.len; len++) {
		err = (struct error){0};
		assert_false(status_page_parse(bytes_of(cut.text.data, len), ORIGIN, &page, &err));
	}
	err = (struct error){0};
	assert_false(status_page_parse(buf_bytes(&cut.text), "other/status", &page, &err));
}

static void
only_what_is_issued_now_may_be_signed(void **state)
{
	static const struct row {
		int64_t issued_s, fresh_until_s;
		bool good;
	} ROWS[] = {
	    {NOW_S, NOW_S, true},
	    {NOW_S + STATUS_AHEAD_S, NOW_S + 86400, true},
	    {NOW_S + STATUS_AHEAD_S + 1, NOW_S + 86400, false},
	    {NOW_S - STATUS_AHEAD_S, NOW_S, true},
	    {NOW_S - STATUS_AHEAD_S - 1, NOW_S, false},
	    {NOW_S, NOW_S + STATUS_FRESH_MAX_S, true},
	    {NOW_S, NOW_S + STATUS_FRESH_MAX_S + 1, false},
	    {NOW_S, NOW_S - 1, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		DEFER(made_clear) struct made made;
		struct error err = {0};

		make_page(&made, 1, 1);
		made.page.issued_s = ROWS[i].issued_s;
		made.page.fresh_until_s = ROWS[i].fresh_until_s;
		buf_truncate(&made.text, 0);
		status_page_encode(&made.page, ORIGIN, &made.text);
		assert_int_equal(
		    status_note_check(buf_bytes(&made.text), ORIGIN, NOW_S, &err), ROWS[i].good);
		assert_int_equal(err.code, ROWS[i].good ? E_NONE : E_KEEPER_REFUSED);
	}
}

static void
nothing_else_may_be_signed(void **state)
{
	static const char *const TEXTS[] = {"\n", "moniker.example/log\n5\nAAAA\n",
	    ORIGIN "\n5\n"
		   "8nS4xAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    ORIGIN "\npage 2\n", ORIGIN "\nset 1\n", "a\npage 1\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(TEXTS); i++) {
		struct error err = {0};

		assert_false(status_note_check(bytes_of_text(TEXTS[i]), ORIGIN, NOW_S, &err));
		assert_int_equal(err.code, E_KEEPER_REFUSED);
	}
}

/* ---- sets ---- */

static void
put_record(struct buf *out, uint8_t issuer, uint8_t serial, uint8_t state)
{
	uint8_t record[STATUS_RECORD_BYTES] = {issuer, 0x40, [20] = serial, [21] = state};

	buf_append(out, bytes_of(record, sizeof record));
}

static void
head_of(struct status_head *out, const struct buf *records)
{
	*out = (struct status_head){.seq = 9,
	    .hash = {1},
	    .issued_s = NOW_S,
	    .fresh_until_s = NOW_S + 1,
	    .issuers = {{1}, {2}},
	    .issuer_count = 2,
	    .count = (int64_t)(records->len / STATUS_RECORD_BYTES)};
	sha256(buf_bytes(records), out->sha256);
}

static void
a_set_comes_back_and_its_records_are_checked(void **state)
{
	DEFER(buf_clear_public) struct buf records = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	struct status_head head, got;
	struct error err = {0};

	(void)state;
	put_record(&records, 0, 1, 1);
	put_record(&records, 0, 2, 0x86);
	put_record(&records, 1, 1, 4);
	head_of(&head, &records);
	status_head_encode(&head, ORIGIN, &text);
	assert_true(status_head_parse(buf_bytes(&text), ORIGIN, &got, &err));
	assert_int_equal(got.seq, 9);
	assert_int_equal(got.issuer_count, 2);
	assert_memory_equal(got.issuers, head.issuers, sizeof head.issuers);
	assert_true(status_records_check(&got, buf_bytes(&records), &err));
	assert_true(status_note_check(buf_bytes(&text), ORIGIN, NOW_S, &err));
	assert_false(status_records_check(
	    &got, bytes_of(records.data, records.len - STATUS_RECORD_BYTES), &err));
	records.data[25] ^= 1;
	err = (struct error){0};
	assert_false(status_records_check(&got, buf_bytes(&records), &err));
}

static void
records_out_of_order_or_bounds_are_refused(void **state)
{
	static const uint8_t PAIRS[][2][3] = {
	    {{0, 2, 1}, {0, 1, 1}},  /* descending */
	    {{0, 1, 1}, {0, 1, 2}},  /* twice */
	    {{1, 1, 1}, {0, 2, 1}},  /* issuers the wrong way round */
	    {{0, 1, 1}, {2, 1, 1}},  /* no such issuer */
	    {{0, 1, 1}, {0, 2, 11}}, /* no such reason */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(PAIRS); i++) {
		DEFER(buf_clear_public) struct buf records = {0};
		struct status_head head;
		struct error err = {0};

		for (size_t k = 0; k < 2; k++)
			put_record(&records, PAIRS[i][k][0], PAIRS[i][k][1], PAIRS[i][k][2]);
		head_of(&head, &records);
		assert_false(status_records_check(&head, buf_bytes(&records), &err));
	}
}

static void
a_set_is_split_behind_its_signature_line(void **state)
{
	struct bytes note, records;

	(void)state;
	assert_true(status_set_split(bytes_of_text("a\nb\n\nsig\nrec\n\nords"), &note, &records));
	assert_true(bytes_equal(note, bytes_of_text("a\nb\n\nsig\n")));
	assert_true(bytes_equal(records, bytes_of_text("rec\n\nords")));
	assert_false(status_set_split(bytes_of_text("a\nb\n"), &note, &records));
	assert_false(status_set_split(bytes_of_text("a\n\nb"), &note, &records));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_has_one_spelling),
	    cmocka_unit_test(the_chain_is_of_all_lines_in_order),
	    cmocka_unit_test(a_cursor_comes_back_and_nothing_else_is_one),
	    cmocka_unit_test(a_page_comes_back_as_it_went),
	    cmocka_unit_test(a_page_with_one_octet_changed_is_none),
	    cmocka_unit_test(a_page_must_fit_itself),
	    cmocka_unit_test(only_what_is_issued_now_may_be_signed),
	    cmocka_unit_test(nothing_else_may_be_signed),
	    cmocka_unit_test(a_set_comes_back_and_its_records_are_checked),
	    cmocka_unit_test(records_out_of_order_or_bounds_are_refused),
	    cmocka_unit_test(a_set_is_split_behind_its_signature_line),
	};

	return cmocka_run_group_tests_name("status_note", tests, NULL, NULL);
}
