#include "proof/status_note.h"

#include <stdio.h>

#include "base/text.h"
#include "proof/note.h"
#include "proof/scan.h"

#define CURSOR_BYTES 12
#define HASH_TEXT_LEN BASE64_TEXT_LEN(SHA256_BYTES)
#define HELD_BIT 0x80

static const char *const WORDS[] = {
    [STATUS_GOOD] = "good", [STATUS_HELD] = "held", [STATUS_REVOKED] = "revoked"};

/* ---- lines ---- */

void
status_line_encode(const struct status_line *line, char out[static STATUS_LINE_MAX + 1])
{
	char issuer[2 * STATUS_ISSUER_BYTES + 1], serial[2 * STATUS_SERIAL_BYTES + 1];

	hex_encode(issuer, bytes_of(line->issuer, sizeof line->issuer));
	hex_encode(serial, bytes_of(line->serial, sizeof line->serial));
	(void)snprintf(out, STATUS_LINE_MAX + 1, "%s %s %s %lld %d", issuer, serial,
	    WORDS[line->state], (long long)line->at_s, line->reason);
}

static bool
take_hex(struct scan *in, uint8_t *out, size_t len)
{
	if (in->rest.len < 2 * len || !hex_decode(bytes_of(in->rest.data, 2 * len), out, len))
		return false;
	in->rest = bytes_of(in->rest.data + 2 * len, in->rest.len - 2 * len);
	return true;
}

static bool
take_word(struct scan *in, enum status_word *out)
{
	for (size_t i = 0; i < COUNT(WORDS); i++) {
		if (scan_literal(in, WORDS[i])) {
			*out = (enum status_word)i;
			return true;
		}
	}
	return false;
}

bool
status_line_parse(struct bytes text, struct status_line *out, struct error *err)
{
	struct scan in = {text};
	struct status_line line = {0};
	char same[STATUS_LINE_MAX + 1];
	int64_t reason = 0;

	if (!take_hex(&in, line.issuer, sizeof line.issuer) || !scan_literal(&in, " ") ||
	    !take_hex(&in, line.serial, sizeof line.serial) || !scan_literal(&in, " ") ||
	    !take_word(&in, &line.state) || !scan_literal(&in, " ") ||
	    !scan_number(&in, &line.at_s) || !scan_literal(&in, " ") ||
	    !scan_number(&in, &reason) || in.rest.len > 0 || reason > 10 ||
	    (line.state == STATUS_GOOD && reason != 0))
		return error_set(err, E_BAD_SYNTAX, "not a change of status");
	line.reason = (int)reason;
	status_line_encode(&line, same); /* lower case */
	if (!bytes_equal(text, bytes_of_text(same)))
		return error_set(err, E_BAD_SYNTAX, "not a change of status");
	*out = line;
	return true;
}

void
status_chain(uint8_t hash[static SHA256_BYTES], struct bytes line)
{
	struct sha256 chain;

	sha256_init(&chain);
	sha256_update(&chain, bytes_of(hash, SHA256_BYTES));
	sha256_update(&chain, line);
	sha256_final(&chain, hash);
}

/* ---- cursors ---- */

void
status_cursor_encode(
    char out[static STATUS_CURSOR_LEN + 1], int64_t seq, const uint8_t hash[static SHA256_BYTES])
{
	DEFER(buf_clear_public) struct buf octets = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	buf_append_u64(&octets, (uint64_t)seq);
	buf_append(&octets, bytes_of(hash, 4));
	base64url_encode(&text, buf_bytes(&octets));
	(void)snprintf(out, STATUS_CURSOR_LEN + 1, "%s", buf_text(&text));
}

bool
status_cursor_parse(struct bytes text, struct status_cursor *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	uint64_t seq = 0;

	if (text.len != STATUS_CURSOR_LEN || !base64url_decode(text, &octets) ||
	    octets.len != CURSOR_BYTES || octets.data[0] >= 0x80)
		return error_set(err, E_BAD_SYNTAX, "not a cursor of this service");
	for (size_t i = 0; i < 8; i++)
		seq = seq << 8 | octets.data[i];
	out->seq = (int64_t)seq;
	memcpy(out->mark, octets.data + 8, sizeof out->mark);
	return true;
}

/* ---- headers ---- */

static void
put_hash(struct buf *out, const char *name, const uint8_t hash[static SHA256_BYTES])
{
	buf_append_text(out, name);
	base64_encode(out, bytes_of(hash, SHA256_BYTES));
	buf_append_u8(out, '\n');
}

static void
put_times(struct buf *out, int64_t seq, const uint8_t hash[static SHA256_BYTES], int64_t issued_s,
    int64_t fresh_until_s)
{
	char cursor[STATUS_CURSOR_LEN + 1];

	status_cursor_encode(cursor, seq, hash);
	buf_append_format(out, "cursor %s\nissued %lld\nfresh_until %lld\n", cursor,
	    (long long)issued_s, (long long)fresh_until_s);
}

static bool
take_number(struct scan *in, const char *name, int64_t *out)
{
	return scan_literal(in, name) && scan_number(in, out) && scan_literal(in, "\n");
}

static bool
take_hash(struct scan *in, const char *name, uint8_t out[static SHA256_BYTES])
{
	DEFER(buf_clear_public) struct buf hash = {0};
	struct bytes line;

	if (!scan_literal(in, name) || !scan_line(in, &line) || line.len != HASH_TEXT_LEN ||
	    !base64_decode(line, &hash) || hash.len != SHA256_BYTES)
		return false;
	memcpy(out, hash.data, SHA256_BYTES);
	return true;
}

static bool
take_times(struct scan *in, int64_t seq, const uint8_t hash[static SHA256_BYTES],
    int64_t *out_issued_s, int64_t *out_fresh_until_s)
{
	char cursor[STATUS_CURSOR_LEN + 1];

	status_cursor_encode(cursor, seq, hash);
	return scan_literal(in, "cursor ") && scan_literal(in, cursor) && scan_literal(in, "\n") &&
	       take_number(in, "issued ", out_issued_s) &&
	       take_number(in, "fresh_until ", out_fresh_until_s) &&
	       *out_fresh_until_s >= *out_issued_s;
}

/* ---- a page ---- */

void
status_page_encode(const struct status_page *page, const char *origin, struct buf *out)
{
	buf_append_format(out, "%s\npage 1\nfrom %lld\nto %lld\n", origin, (long long)page->from,
	    (long long)page->to);
	put_hash(out, "before ", page->before);
	put_hash(out, "after ", page->after);
	put_times(out, page->to, page->after, page->issued_s, page->fresh_until_s);
	buf_append(out, page->lines);
}

/* As many lines as it says, and their chain. */
static bool
lines_fit(const struct status_page *page)
{
	struct scan in = {page->lines};
	uint8_t hash[SHA256_BYTES];

	memcpy(hash, page->before, sizeof hash);
	for (int64_t seq = page->from; seq < page->to; seq++) {
		struct error ignored = {0};
		struct status_line line;
		struct bytes text;

		if (!scan_line(&in, &text) || !status_line_parse(text, &line, &ignored))
			return false;
		status_chain(hash, text);
	}
	return in.rest.len == 0 && memcmp(hash, page->after, sizeof hash) == 0;
}

bool
status_page_parse(struct bytes text, const char *origin, struct status_page *out, struct error *err)
{
	struct scan in = {text};
	struct status_page page = {0};

	if (text.len > STATUS_TEXT_MAX || !scan_literal(&in, origin) ||
	    !scan_literal(&in, "\npage 1\n") || !take_number(&in, "from ", &page.from) ||
	    !take_number(&in, "to ", &page.to) || !take_hash(&in, "before ", page.before) ||
	    !take_hash(&in, "after ", page.after) ||
	    !take_times(&in, page.to, page.after, &page.issued_s, &page.fresh_until_s))
		return error_set(err, E_BAD_SYNTAX, "not a page of status changes");
	page.lines = in.rest;
	if (page.to < page.from || page.to - page.from > STATUS_LINES_MAX || !lines_fit(&page))
		return error_set(err, E_BAD_SYNTAX, "the page's lines are not what its head says");
	*out = page;
	return true;
}

/* ---- a set ---- */

void
status_head_encode(const struct status_head *head, const char *origin, struct buf *out)
{
	buf_append_format(out, "%s\nset 1\nseq %lld\n", origin, (long long)head->seq);
	put_hash(out, "hash ", head->hash);
	put_times(out, head->seq, head->hash, head->issued_s, head->fresh_until_s);
	for (size_t i = 0; i < head->issuer_count; i++) {
		char issuer[2 * STATUS_ISSUER_BYTES + 1];

		hex_encode(issuer, bytes_of(head->issuers[i], STATUS_ISSUER_BYTES));
		buf_append_format(out, "issuer %s\n", issuer);
	}
	buf_append_format(out, "count %lld\n", (long long)head->count);
	put_hash(out, "sha256 ", head->sha256);
}

static bool
take_issuers(struct scan *in, struct status_head *head)
{
	while (scan_literal(in, "issuer ")) {
		uint8_t *issuer;

		if (head->issuer_count == STATUS_ISSUERS_MAX)
			return false;
		issuer = head->issuers[head->issuer_count];
		if (!take_hex(in, issuer, STATUS_ISSUER_BYTES) || !scan_literal(in, "\n"))
			return false;
		if (head->issuer_count > 0 &&
		    memcmp(issuer - STATUS_ISSUER_BYTES, issuer, STATUS_ISSUER_BYTES) >= 0)
			return false;
		head->issuer_count++;
	}
	return true;
}

bool
status_head_parse(struct bytes text, const char *origin, struct status_head *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf same = {0};
	struct scan in = {text};
	struct status_head head = {0};

	if (text.len > STATUS_TEXT_MAX || !scan_literal(&in, origin) ||
	    !scan_literal(&in, "\nset 1\n") || !take_number(&in, "seq ", &head.seq) ||
	    !take_hash(&in, "hash ", head.hash) ||
	    !take_times(&in, head.seq, head.hash, &head.issued_s, &head.fresh_until_s) ||
	    !take_issuers(&in, &head) || !take_number(&in, "count ", &head.count) ||
	    !take_hash(&in, "sha256 ", head.sha256) || in.rest.len > 0 ||
	    head.count > STATUS_RECORDS_MAX)
		return error_set(err, E_BAD_SYNTAX, "not the head of a status set");
	status_head_encode(&head, origin, &same); /* lower case */
	if (!bytes_equal(text, buf_bytes(&same)))
		return error_set(err, E_BAD_SYNTAX, "not the head of a status set");
	*out = head;
	return true;
}

/* ---- what may be signed ---- */

bool
status_note_check(struct bytes text, const char *origin, int64_t now_s, struct error *err)
{
	struct error ignored = {0};
	struct status_page page;
	struct status_head head;
	int64_t issued_s, fresh_until_s;

	if (status_page_parse(text, origin, &page, &ignored)) {
		issued_s = page.issued_s;
		fresh_until_s = page.fresh_until_s;
	} else {
		ignored = (struct error){0};
		if (!status_head_parse(text, origin, &head, &ignored))
			return error_set(err, E_KEEPER_REFUSED,
			    "neither a page of status changes nor the head of a status set");
		issued_s = head.issued_s;
		fresh_until_s = head.fresh_until_s;
	}
	if (issued_s > now_s + STATUS_AHEAD_S || issued_s < now_s - STATUS_AHEAD_S)
		return error_set(err, E_KEEPER_REFUSED, "a status that is not issued now");
	if (fresh_until_s - issued_s > STATUS_FRESH_MAX_S)
		return error_set(err, E_KEEPER_REFUSED, "a status that would be fresh too long");
	return true;
}

/* ---- records ---- */

bool
status_set_split(struct bytes set, struct bytes *out_note, struct bytes *out_records)
{
	const size_t len = set.len < NOTE_MAX ? set.len : NOTE_MAX;
	const uint8_t *gap = memmem(set.data, len, "\n\n", 2);
	const uint8_t *end;

	if (gap == NULL)
		return false;
	end = memchr(gap + 2, '\n', (size_t)(set.data + len - gap - 2));
	if (end == NULL)
		return false;
	*out_note = bytes_of(set.data, (size_t)(end + 1 - set.data));
	*out_records = bytes_of(end + 1, set.len - out_note->len);
	return true;
}

bool
status_records_check(const struct status_head *head, struct bytes records, struct error *err)
{
	uint8_t digest[SHA256_BYTES];

	if (records.len != (uint64_t)head->count * STATUS_RECORD_BYTES)
		return error_set(err, E_BAD_SYNTAX, "not as many records as the head says");
	sha256(records, digest);
	if (memcmp(digest, head->sha256, sizeof digest) != 0)
		return error_set(err, E_BAD_SYNTAX, "the records are not those that were signed");
	for (size_t at = 0; at < records.len; at += STATUS_RECORD_BYTES) {
		const uint8_t *record = records.data + at;
		const uint8_t reason = record[21] & (uint8_t)~HELD_BIT;

		if (record[0] >= head->issuer_count || reason > 10 ||
		    (at > 0 && memcmp(record - STATUS_RECORD_BYTES, record, 21) >= 0))
			return error_set(err, E_BAD_SYNTAX, "a record is out of order or bounds");
	}
	return true;
}
