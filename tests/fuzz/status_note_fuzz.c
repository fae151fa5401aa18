/* What is taken as a cursor, line, page or head has one spelling. */
#include "proof/status_note.h"
#include "tests/fuzz/fuzz.h"

#define ORIGIN "moniker.example/status"

static void
check_cursor(struct bytes text)
{
	struct status_cursor cursor;
	struct error err = {0};
	uint8_t hash[SHA256_BYTES] = {0};
	char same[STATUS_CURSOR_LEN + 1];

	if (!status_cursor_parse(text, &cursor, &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	MUST(cursor.seq >= 0);
	memcpy(hash, cursor.mark, sizeof cursor.mark);
	status_cursor_encode(same, cursor.seq, hash);
	MUST(bytes_equal(text, bytes_of_text(same)));
}

static void
check_line(struct bytes text)
{
	struct status_line line;
	struct error err = {0};
	char same[STATUS_LINE_MAX + 1];

	if (!status_line_parse(text, &line, &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	status_line_encode(&line, same);
	MUST(bytes_equal(text, bytes_of_text(same)));
}

static void
check_page(struct bytes text)
{
	DEFER(buf_clear_public) struct buf same = {0};
	struct status_page page;
	struct error err = {0};

	if (!status_page_parse(text, ORIGIN, &page, &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	status_page_encode(&page, ORIGIN, &same);
	MUST(bytes_equal(text, buf_bytes(&same)));
}

static void
check_set(struct bytes text)
{
	DEFER(buf_clear_public) struct buf same = {0};
	struct status_head head;
	struct bytes note, records;
	struct error err = {0};

	if (status_head_parse(text, ORIGIN, &head, &err)) {
		status_head_encode(&head, ORIGIN, &same);
		MUST(bytes_equal(text, buf_bytes(&same)));
		err = (struct error){0};
		MUST(status_records_check(&head, bytes_of(NULL, 0), &err) || head.count > 0 ||
		     err.code == E_BAD_SYNTAX);
	} else {
		MUST(err.code == E_BAD_SYNTAX);
	}
	if (status_set_split(text, &note, &records))
		MUST(note.len + records.len == text.len && note.data[note.len - 1] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes text = bytes_of(data, size);
	struct error err = {0};

	check_cursor(text);
	check_line(text);
	check_page(text);
	check_set(text);
	if (!status_note_check(text, ORIGIN, 1790000000, &err))
		MUST(err.code == E_KEEPER_REFUSED);
	return 0;
}
