/* Pages of status changes and heads of status sets that the real keeper does not sign. */
#include "attack.h"

#include <string.h>
#include <time.h>

#include "proof/note.h"
#include "proof/status_note.h"

#define ORIGIN "moniker.example/status"
#define NEITHER "neither a page of status changes nor the head of a status set"
#define FIRST "0000000000000001 4000000000000000000000000000000000000001 revoked 1781524800 1\n"
#define SECOND "0000000000000001 4000000000000000000000000000000000000002 held 1781524801 6\n"

static void
put_page(int64_t ahead_s, int64_t fresh_s, struct buf *out)
{
	struct status_page page = {.to = 2, .issued_s = (int64_t)time(NULL) + ahead_s};

	page.fresh_until_s = page.issued_s + fresh_s;
	page.lines = bytes_of_text(FIRST SECOND);
	status_chain(page.after, bytes_of(FIRST, strlen(FIRST) - 1));
	status_chain(page.after, bytes_of(SECOND, strlen(SECOND) - 1));
	status_page_encode(&page, ORIGIN, out);
}

static void
put_head(int64_t ahead_s, int64_t fresh_s, struct buf *out)
{
	struct status_head head = {.seq = 2,
	    .issued_s = (int64_t)time(NULL) + ahead_s,
	    .issuers = {{[7] = 1}, {[7] = 2}},
	    .issuer_count = 2,
	    .count = 2};

	head.fresh_until_s = head.issued_s + fresh_s;
	status_head_encode(&head, ORIGIN, out);
}

/* clang-format off */
static const struct row {
	const char *what;
	void (*put)(int64_t ahead_s, int64_t fresh_s, struct buf *out);
	int64_t ahead_s, fresh_s;
	const char *from, *to; /* the first of the one is replaced by the other */
	const char *why;
} ROWS[] = {
	{"another service's page",       put_page, 0, 60,   ORIGIN, "other.example/status",          NEITHER},
	{"the log's name",               put_page, 0, 60,   ORIGIN, ATTACK_ORIGIN,                   NEITHER},
	{"a longer name",                put_page, 0, 60,   ORIGIN, ORIGIN "/2",                     NEITHER},
	{"a form that is not known",     put_page, 0, 60,   "page 1", "page 2",                      NEITHER},
	{"more lines than it says",      put_page, 0, 60,   "to 2\n", "to 1\n",                      NEITHER},
	{"fewer lines than it says",     put_page, 0, 60,   "to 2\n", "to 3\n",                      NEITHER},
	{"from where it does not begin", put_page, 0, 60,   "from 0\n", "from 1\n",                  NEITHER},
	{"a leading zero",               put_page, 0, 60,   "from 0\n", "from 00\n",                 NEITHER},
	{"a negative place",             put_page, 0, 60,   "from 0\n", "from -1\n",                 NEITHER},
	{"another chain before",         put_page, 0, 60,   "before A", "before B",                  NEITHER},
	{"a state that the chain has not", put_page, 0, 60, " revoked 1781524800 1", " held 1781524800 6", NEITHER},
	{"lines in another order",       put_page, 0, 60,   FIRST SECOND, SECOND FIRST,              NEITHER},
	{"a line twice",                 put_page, 0, 60,   FIRST SECOND, FIRST FIRST,               NEITHER},
	{"a line in capitals",           put_page, 0, 60,   " revoked ", " REVOKED ",                NEITHER},
	{"another cursor",               put_page, 0, 60,   "cursor A", "cursor B",                  NEITHER},
	{"an empty line in between",     put_page, 0, 60,   SECOND, "\n" SECOND,                     NEITHER},
	{"a signature of its own",       put_page, 0, 60,   SECOND, SECOND "\n\xe2\x80\x94 x AAAA\n", NEITHER},
	{"no end of the last line",      put_page, 0, 60,   " held 1781524801 6\n", " held 1781524801 6", NEITHER},
	{"a carriage return",            put_page, 0, 60,   "page 1\n", "page 1\r\n",                NEITHER},
	{"issued in an hour",            put_page, 3600, 60, "", "",                                 "not issued now"},
	{"issued an hour ago",           put_page, -3600, 60, "", "",                                "not issued now"},
	{"fresh for a year",             put_page, 0, 31536000, "", "",                              "fresh too long"},
	{"another service's set",        put_head, 0, 60,   ORIGIN, "other.example/status",          NEITHER},
	{"issuers out of order",         put_head, 0, 60,   "issuer 0000000000000001\nissuer 0000000000000002", "issuer 0000000000000002\nissuer 0000000000000001", NEITHER},
	{"an issuer twice",              put_head, 0, 60,   "issuer 0000000000000002", "issuer 0000000000000001", NEITHER},
	{"more than there can be",       put_head, 0, 60,   "count 2", "count 4000001",              NEITHER},
	{"a set's cursor of another place", put_head, 0, 60, "seq 2", "seq 3",                       NEITHER},
	{"text behind a set's head",     put_head, 0, 60,   "count 2\n", "count 2\nmore 1\n",        NEITHER},
	{"a set of tomorrow",            put_head, 86400, 60, "", "",                                "not issued now"},
	{"a set that is fresh for a year", put_head, 0, 31536000, "", "",                            "fresh too long"},
};
/* clang-format on */

static void
put_row(const struct row *row, struct buf *out)
{
	DEFER(buf_clear_public) struct buf honest = {0};
	const char *text, *at;

	row->put(row->ahead_s, row->fresh_s, &honest);
	text = buf_text(&honest);
	at = strstr(text, row->from);
	if (at == NULL)
		fail_msg("%s: \"%s\" is not in \"%s\"", row->what, row->from, text);
	buf_append(out, bytes_of(text, (size_t)(at - text)));
	buf_append_text(out, row->to);
	buf_append_text(out, at + strlen(row->from));
}

/* Signed, by the key that it names, and the text is the one that was asked for. */
static void
honest(const char *what, int fd, void (*put)(int64_t ahead_s, int64_t fresh_s, struct buf *out))
{
	DEFER(answer_clear) struct answer answer = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	struct note_key key;
	struct bytes said, signed_text;
	struct error err = {0};

	put(0, 60, &text);
	attack_say(fd, WIRE_STATUS_SIGN, buf_bytes(&text));
	attack_hear(fd, &answer);
	if (answer.type != WIRE_STATUS)
		fail_msg("after \"%s\" an honest status is refused: %s", what, answer.detail);
	said = bytes_of(answer.body.data + 1, answer.body.len - 1); /* behind its type */
	assert_true(note_key_init(&key, ORIGIN, said.data, &err));
	assert_true(
	    note_verify(bytes_of(said.data + NOTE_PUBLIC_BYTES, said.len - NOTE_PUBLIC_BYTES), &key,
		&signed_text, &err));
	assert_true(bytes_equal(signed_text, buf_bytes(&text)));
}

static void
a_status_that_is_not_allowed_is_refused_by_name(void **state)
{
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	honest("the start", attack.fds[1], put_page);
	honest("the start", attack.fds[1], put_head);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		const int fd = attack.fds[1 + i % CONTROL_STATELESS];
		DEFER(buf_clear_public) struct buf text = {0};

		put_row(&ROWS[i], &text);
		attack_say(fd, WIRE_STATUS_SIGN, buf_bytes(&text));
		assert_refused(ROWS[i].what, fd, "KEEPER_REFUSED", ROWS[i].why);
		honest(ROWS[i].what, fd, ROWS[i].put);
	}
	attack_honest("all of them", &attack); /* certificates go on */
}

/* A checkpoint of the log, signed with the status key, would be no checkpoint, but is none of its
 * texts either; nor is a page of more octets than any has. */
static void
nothing_else_is_signed_with_the_status_key(void **state)
{
	DEFER(attack_clear) struct attack attack;
	DEFER(buf_clear_public) struct buf long_text = {0};
	static const char checkpoint[] =
	    ATTACK_ORIGIN "\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

	(void)state;
	attack_init(&attack);
	attack_say(attack.fds[1], WIRE_STATUS_SIGN, bytes_of_text(checkpoint));
	assert_refused("a checkpoint", attack.fds[1], "KEEPER_REFUSED", NEITHER);
	put_page(0, 60, &long_text);
	while (long_text.len <= STATUS_TEXT_MAX)
		buf_append_text(&long_text, SECOND);
	attack_say(attack.fds[1], WIRE_STATUS_SIGN, buf_bytes(&long_text));
	assert_refused("more than any text has", attack.fds[1], "BAD_SYNTAX", "status sign: ");
	assert_closed("more than any text has", attack.fds[1]);
	honest("these", attack.fds[2], put_page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_status_that_is_not_allowed_is_refused_by_name),
	    cmocka_unit_test(nothing_else_is_signed_with_the_status_key),
	};

	return cmocka_run_group_tests_name("keeper_status", tests, NULL, NULL);
}
