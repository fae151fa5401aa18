/*
 * status_note: the texts that the status key signs, docs/status.md: a page of changes, and the
 * head of a status set; the lines and hashes that chain the changes; cursors. Pure.
 */
#ifndef PROOF_STATUS_NOTE_H
#define PROOF_STATUS_NOTE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

#define STATUS_ISSUER_BYTES 8
#define STATUS_SERIAL_BYTES 20
#define STATUS_LINE_MAX 95 /* octets, without newline */
#define STATUS_LINES_MAX 150
#define STATUS_ISSUERS_MAX 64
#define STATUS_RECORD_BYTES 26
#define STATUS_RECORDS_MAX 4000000
#define STATUS_CURSOR_LEN 16
#define STATUS_TEXT_MAX 16000 /* octets of a text: with its signature a note (NOTE_MAX) */
#define STATUS_AHEAD_S 300    /* how far `issued` may be from the clock of who signs or reads */
#define STATUS_FRESH_MAX_S (31 * 86400)

enum status_word { STATUS_GOOD, STATUS_HELD, STATUS_REVOKED };

/* ---- lines and their chain ---- */

struct status_line {
	uint8_t issuer[STATUS_ISSUER_BYTES];
	uint8_t serial[STATUS_SERIAL_BYTES];
	enum status_word state;
	int64_t at_s; /* not negative */
	int reason;   /* RFC 5280 section 5.3.1, 0 to 10 */
};
void status_line_encode(const struct status_line *line, char out[static STATUS_LINE_MAX + 1]);
/* The one legal spelling. E_BAD_SYNTAX */
MUST_CHECK bool status_line_parse(struct bytes text, struct status_line *out, struct error *err);
/* H(n) from H(n-1) and line n. */
void status_chain(uint8_t hash[static SHA256_BYTES], struct bytes line);

/* ---- cursors ---- */

struct status_cursor {
	int64_t seq;
	uint8_t mark[4]; /* of H(seq) */
};
void status_cursor_encode(
    char out[static STATUS_CURSOR_LEN + 1], int64_t seq, const uint8_t hash[static SHA256_BYTES]);
/* E_BAD_SYNTAX */
MUST_CHECK bool status_cursor_parse(
    struct bytes text, struct status_cursor *out, struct error *err);

/* ---- texts ---- */

struct status_page {
	int64_t from, to;
	uint8_t before[SHA256_BYTES], after[SHA256_BYTES];
	int64_t issued_s, fresh_until_s;
	struct bytes lines; /* to - from of them, each with its newline; borrowed */
};
void status_page_encode(const struct status_page *page, const char *origin, struct buf *out);
/* All that docs/status.md says of a page, the chain included. E_BAD_SYNTAX */
MUST_CHECK bool status_page_parse(
    struct bytes text, const char *origin, struct status_page *out, struct error *err);

struct status_head { /* of a status set */
	int64_t seq;
	uint8_t hash[SHA256_BYTES]; /* H(seq) */
	int64_t issued_s, fresh_until_s;
	uint8_t issuers[STATUS_ISSUERS_MAX][STATUS_ISSUER_BYTES];
	size_t issuer_count;
	int64_t count; /* records */
	uint8_t sha256[SHA256_BYTES];
};
void status_head_encode(const struct status_head *head, const char *origin, struct buf *out);
MUST_CHECK bool status_head_parse(
    struct bytes text, const char *origin, struct status_head *out, struct error *err);

/* Whether the status key may sign it at this time: one of the two, issued now.
 * E_KEEPER_REFUSED: `detail` says what */
MUST_CHECK bool status_note_check(
    struct bytes text, const char *origin, int64_t now_s, struct error *err);

/* ---- sets: a note, and the records behind it ---- */

/* Where the note ends: after one signature line. False: there is none within NOTE_MAX. */
MUST_CHECK bool status_set_split(
    struct bytes set, struct bytes *out_note, struct bytes *out_records);
/* Count, hash, order, issuers, state and reason of every record. E_BAD_SYNTAX */
MUST_CHECK bool status_records_check(
    const struct status_head *head, struct bytes records, struct error *err);

#endif
