#include "ca/status_notes_store.h"

#include "base/text.h"

/* $1 from, $2 how many: the change at `from` itself proves its history. */
static const struct stmt CHANGES = STMT("status_notes_changes", 2, 7,
    "SELECT seq, issuer, serial, state, at_s, reason, hash FROM status_change"
    " WHERE seq >= $1::int8 ORDER BY seq LIMIT $2::int4");

static const struct stmt SIGNERS = STMT("status_notes_signers", 0, 1,
    "SELECT certificate FROM status_signer WHERE certificate IS NOT NULL"
    " ORDER BY id DESC LIMIT 8");

static const struct stmt *const STATEMENTS[] = {&CHANGES, &SIGNERS, NULL};

const struct stmt *const *
status_notes_statements(void)
{
	return STATEMENTS;
}

/* True: row 0 is the change that the cursor names. At the beginning there is none to look at. */
static bool
is_there(const struct rows *rows, const struct status_cursor *cursor)
{
	static const uint8_t NO_MARK[sizeof cursor->mark];

	if (cursor->seq == 0)
		return memcmp(cursor->mark, NO_MARK, sizeof NO_MARK) == 0;
	return rows_count(rows) > 0 && rows_int(rows, 0, 0) == cursor->seq &&
	       memcmp(rows_bytes(rows, 0, 6).data, cursor->mark, sizeof cursor->mark) == 0;
}

static bool
put_line(const struct rows *rows, size_t row, struct buf *lines, struct error *err)
{
	struct status_line line = {.at_s = rows_int(rows, row, 4)};
	enum certificate_state state;
	char text[STATUS_LINE_MAX + 1];
	char word[10];

	memcpy(line.issuer, rows_bytes(rows, row, 1).data, sizeof line.issuer);
	memcpy(line.serial, rows_bytes(rows, row, 2).data, sizeof line.serial);
	rows_text(rows, row, 3, word, sizeof word);
	if (!certificate_state_of(word, &state))
		return error_set(err, E_INTERNAL, "a change of status of another version");
	line.state = (enum status_word)state;
	line.reason = state == CERTIFICATE_CLEAR ? 0 : (int)rows_int(rows, row, 5);
	status_line_encode(&line, text);
	buf_append_text(lines, text);
	buf_append_u8(lines, '\n');
	return true;
}

bool
status_notes_read_page(struct db *db, const struct status_cursor *cursor, struct status_page *out,
    struct buf *lines, struct error *err)
{
	DEFER(params_clear) struct params params = {0};
	DEFER(rows_free) struct rows *rows = NULL;
	const size_t first = cursor->seq == 0 ? 0 : 1;

	params_int8(&params, cursor->seq == 0 ? 1 : cursor->seq);
	params_int4(&params, STATUS_LINES_MAX + (int)first);
	if (!db_query(db, &CHANGES, &params, &rows, err))
		return false;
	if (!is_there(rows, cursor))
		return error_set(err, E_CURSOR_GONE, "no place of this service's history");
	*out = (struct status_page){.from = cursor->seq, .to = cursor->seq};
	if (first == 1)
		memcpy(out->before, rows_bytes(rows, 0, 6).data, sizeof out->before);
	memcpy(out->after, out->before, sizeof out->after);
	for (size_t i = first; i < rows_count(rows); i++) {
		if (rows_int(rows, i, 0) != ++out->to)
			return error_set(err, E_CURSOR_GONE, "changes are missing after it");
		if (!put_line(rows, i, lines, err))
			return false;
		memcpy(out->after, rows_bytes(rows, i, 6).data, sizeof out->after);
	}
	out->lines = buf_bytes(lines);
	return true;
}

bool
status_notes_read_signers(struct db *db, struct buf *out_pem, struct error *err)
{
	DEFER(rows_free) struct rows *rows = NULL;

	if (!db_query(db, &SIGNERS, NULL, &rows, err))
		return false;
	if (rows_count(rows) == 0)
		return error_set(err, E_NOT_FOUND, "no status signer is certified yet");
	for (size_t i = 0; i < rows_count(rows); i++)
		pem_encode(out_pem, "CERTIFICATE", rows_bytes(rows, i, 0));
	return true;
}
