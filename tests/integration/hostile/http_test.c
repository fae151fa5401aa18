/*
 * Requests that two parties could read in two ways, and others that no honest client sends. Behind
 * each stands a good enrollment on the same connection: what is refused ends the connection, and
 * what follows is never carried out.
 */
#include "tests/integration/hostile/world.h"

#include <stdlib.h>

#define LINE "GET /healthz HTTP/1.1\r\n"
#define GET LINE "Host: a\r\n"
#define POST "POST /v1/enrollments HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
#define LONG_10 "0123456789"
#define LONG_100 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10
#define LONG_500 LONG_100 LONG_100 LONG_100 LONG_100 LONG_100

/* clang-format off */
static const struct row {
	const char *claim;
	struct bytes octets;
	int status;       /* 0: no answer */
	const char *code; /* NULL: refused by libmicrohttpd, in words of its own, and its head may stand twice */
	const char *pointer;
} CLOSING[] = {
	/* lengths and codings */
	{ "a length beside a coding", OCTETS(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a coding beside a length", OCTETS(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "two equal lengths", OCTETS(POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"), 400, "BAD_SYNTAX", NULL },
	{ "two lengths", OCTETS(POST "Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}"), 400, "BAD_SYNTAX", NULL },
	{ "a list of lengths", OCTETS(POST "Content-Length: 2, 2\r\n\r\n{}"), 400, NULL, NULL },
	{ "a negative length", OCTETS(POST "Content-Length: -2\r\n\r\n{}"), 400, NULL, NULL },
	{ "a signed length", OCTETS(POST "Content-Length: +2\r\n\r\n{}"), 400, NULL, NULL },
	{ "a hexadecimal length", OCTETS(POST "Content-Length: 0x2\r\n\r\n{}"), 400, NULL, NULL },
	{ "a length with a space inside", OCTETS(POST "Content-Length: 2 2\r\n\r\n{}"), 400, NULL, NULL },
	{ "an empty length", OCTETS(POST "Content-Length:\r\n\r\n{}"), 400, NULL, NULL },
	{ "a length of 4 GiB", OCTETS(POST "Content-Length: 4294967296\r\n\r\n{}"), 413, "TOO_LARGE", NULL },
	{ "a length of 2^63", OCTETS(POST "Content-Length: 9223372036854775808\r\n\r\n{}"), 400, "BAD_SYNTAX", NULL },
	{ "a length of 2^64 and 2", OCTETS(POST "Content-Length: 18446744073709551618\r\n\r\n{}"), 413, NULL, NULL },
	{ "a space before the colon of a coding", OCTETS(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a space before the colon of a coding, beside a length", OCTETS(POST "Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a tab before the colon of a length", OCTETS(POST "Content-Length\t: 2\r\n\r\n{}"), 400, "BAD_SYNTAX", NULL },
	{ "the coding identity", OCTETS(POST "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "the coding gzip", OCTETS(POST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "the coding gzip before chunked", OCTETS(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "the coding xchunked", OCTETS(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a coding in quotes", OCTETS(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a coding with a parameter", OCTETS(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "chunked twice", OCTETS(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "chunked twice in a list", OCTETS(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "an empty coding", OCTETS(POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a coding behind a vertical tab", OCTETS(POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a coding in HTTP/1.0", OCTETS("POST /v1/enrollments HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	/* hosts */
	{ "no host", OCTETS(LINE "\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "two hosts", OCTETS(GET "Host: b\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "two equal hosts", OCTETS(GET "Host: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	/* the header block */
	{ "a space before a colon", OCTETS(GET "X : b\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a space in a name", OCTETS(GET "X Y: b\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a bracket in a name", OCTETS(GET "X(: b\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a letter beyond ASCII in a name", OCTETS(GET "X\xc3\xa4: b\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a header without a name", OCTETS(GET ": b\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a header without a colon", OCTETS(GET "X\r\n\r\n"), 400, NULL, NULL },
	{ "white space before the first header", OCTETS(LINE " Host: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a folded value", OCTETS(GET "X: b\r\n c\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a folded length", OCTETS(POST "Content-Length:\r\n 2\r\n\r\n{}"), 400, "BAD_SYNTAX", NULL },
	{ "a NUL in a value", OCTETS(GET "X: b\0c\r\nY: d\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a NUL in the last value", OCTETS(GET "X: b\0c\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a NUL in a name", OCTETS(GET "X\0Y: b\r\n\r\n"), 400, NULL, NULL },
	{ "a NUL in the length", OCTETS(POST "Content-Length: 2\0" "0\r\n\r\n{}"), 400, "BAD_SYNTAX", NULL },
	{ "a NUL in the target", OCTETS("GET /healthz\0x HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a bare line feed after the request line", OCTETS("GET /healthz HTTP/1.1\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a bare line feed between headers", OCTETS(LINE "Host: a\nX: b\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a bare line feed at the end", OCTETS(GET "\n"), 400, "BAD_SYNTAX", NULL },
	{ "bare line feeds only", OCTETS("GET /healthz HTTP/1.1\nHost: a\n\n"), 400, "BAD_SYNTAX", NULL },
	{ "a bare carriage return in a value", OCTETS(GET "X: b\rY: c\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a header behind a bare carriage return", OCTETS(POST "X: b\rContent-Length: 9\r\nContent-Length: 2\r\n\r\n{}"), 400, "BAD_SYNTAX", NULL },
	{ "a control character in a value", OCTETS(GET "X: b\x01\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "DEL in a value", OCTETS(GET "X: b\x7f\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	/* the request line */
	{ "an absolute target", OCTETS("GET http://a/healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "an absolute target of another host", OCTETS("GET https://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "an authority for a target", OCTETS("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "an asterisk for a target", OCTETS("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "an encoded NUL in the target", OCTETS("GET /healthz%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "an encoded NUL in the query", OCTETS("GET /healthz?a=%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "octets beyond ASCII in the target", OCTETS("GET /healthz\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "two spaces after the method", OCTETS("GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "two spaces before the version", OCTETS("GET /healthz  HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a space in the target", OCTETS("GET /health z HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a tab in the request line", OCTETS("GET /healthz\tHTTP/1.1\r\nHost: a\r\n\r\n"), 400, NULL, NULL },
	{ "a query argument twice", OCTETS("GET /healthz?a=1&a=2 HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "17 query arguments", OCTETS("GET /healthz?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a long query argument", OCTETS("GET /healthz?a=" LONG_500 " HTTP/1.1\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "a long path", OCTETS("GET /" LONG_500 LONG_500 " HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "two slashes", OCTETS("GET //healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "dots that are encoded", OCTETS("GET /v1/%2e%2e/healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "dots", OCTETS("GET /v1/../healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "a slash that is encoded", OCTETS("GET /v1%2f..%2fhealthz HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "a slash at the end", OCTETS("GET /healthz/ HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "capital letters", OCTETS("GET /HEALTHZ HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "an escape that is none", OCTETS("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "half an escape", OCTETS("GET /healthz% HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "a parameter of the path", OCTETS("GET /healthz;a=b HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "a fragment", OCTETS("GET /healthz#a HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "NOT_FOUND", NULL },
	{ "the method PATCH", OCTETS("PATCH /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "METHOD_NOT_ALLOWED", NULL },
	{ "the method TRACE", OCTETS("TRACE /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "METHOD_NOT_ALLOWED", NULL },
	{ "the method get", OCTETS("get /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "METHOD_NOT_ALLOWED", NULL },
	{ "a method nobody knows", OCTETS("FROBNICATE /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "METHOD_NOT_ALLOWED", NULL },
	{ "DELETE where there is none", OCTETS("DELETE /v1/batches HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "METHOD_NOT_ALLOWED", NULL },
	{ "POST to what is read", OCTETS("POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), 405, "METHOD_NOT_ALLOWED", NULL },
	{ "GET of what is written", OCTETS("GET /v1/enrollments HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "METHOD_NOT_ALLOWED", NULL },
	/* versions */
	{ "HTTP/0.9", OCTETS("GET /healthz\r\n"), 400, NULL, NULL },
	{ "HTTP/1.2", OCTETS("GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n"), 400, "BAD_SYNTAX", NULL },
	{ "HTTP/2.0", OCTETS("GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n"), 505, NULL, NULL },
	{ "the preface of HTTP/2", OCTETS("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, NULL, NULL },
	{ "a version in small letters", OCTETS("GET /healthz http/1.1\r\nHost: a\r\n\r\n"), 400, NULL, NULL },
	{ "a protocol of another name", OCTETS("GET /healthz ICY/1.1\r\nHost: a\r\n\r\n"), 400, NULL, NULL },
	/* bodies */
	{ "a body of a GET", OCTETS(GET "Content-Length: 2\r\n\r\n{}"), 413, "TOO_LARGE", NULL },
	{ "a body beyond 4 MiB", OCTETS(POST "Content-Length: 4194305\r\n\r\n{"), 413, "TOO_LARGE", NULL },
	{ "a body beyond the route's bound", OCTETS("POST /v1/revocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 4097\r\n\r\n"), 413, "TOO_LARGE", NULL },
	{ "a chunk's size that is none", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"), 400, NULL, NULL },
	{ "a negative chunk", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"), 400, NULL, NULL },
	{ "a chunk's size with a prefix", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n"), 400, NULL, NULL },
	{ "a chunk of 2^64", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{}\r\n0\r\n\r\n"), 413, NULL, NULL },
	{ "a chunk that is longer than it says", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"), 400, NULL, NULL },
	{ "a chunk without a size", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n"), 400, NULL, NULL },
};
/* clang-format on */

/* A good enrollment, to stand behind. */
static void
make_follower(const struct world *world, struct buf *out)
{
	json_t *body = enrollment_new(world, NULL);
	char *text = json_dumps(body, JSON_COMPACT);

	buf_truncate(out, 0);
	buf_append_format(out,
	    "POST /v1/enrollments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    strlen(text), text);
	free(text);
	json_decref(body);
}

/* One answer at most, and then the end. */
static void
judge_closing(struct world *world, const struct row *row, struct bytes follower)
{
	const struct refusal wanted = {
	    .status = row->status, .code = row->code, .pointer = row->pointer};
	DEFER(buf_clear_public) struct buf all = {0};
	DEFER(raw_clear) struct raw raw = {0};
	struct recorded before;
	struct raw_answer answer;

	recorded_read(world, NULL, NULL, &before);
	buf_append(&all, row->octets);
	buf_append(&all, follower);
	world_connect(world, STATION, &raw);
	(void)raw_send(&raw, buf_bytes(&all));
	(void)raw_answer(&raw, false, &answer);
	if (row->code != NULL)
		judge_problem(world, row->claim, &answer, &wanted);
	else
		JUDGE(world, row->claim, answer.status == row->status, "status %d, wanted %d",
		    answer.status, row->status);
	(void)raw_drain(&raw, RAW_PATIENCE_MS);
	JUDGE(world, row->claim, raw.end == RAW_CLOSED || raw.end == RAW_RESET,
	    "the connection is %s", raw_end_name(raw.end));
	JUDGE(world, row->claim,
	    row->code == NULL ? strstr(buf_text(&raw.got), "HTTP/1.1 2") == NULL
			      : raw.read == raw.got.len,
	    "more than one answer: %s", buf_text(&raw.got));
	judge_recorded(world, row->claim, NULL, NULL, &before, 0);
	judge_state(world, row->claim);
	judge_service(world, row->claim);
}

static void
what_follows_a_refusal_is_never_carried_out(void **state)
{
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf follower = {0};

	make_follower(world, &follower);
	for (size_t i = 0; i < COUNT(CLOSING); i++)
		judge_closing(world, &CLOSING[i], buf_bytes(&follower));
}

/* ---- what is read in one way only ---- */

/* clang-format off */
static const struct row SERVED[] = {
	{ "a plain request", OCTETS(GET "\r\n"), 200, NULL, NULL },
	{ "HTTP/1.0, and keep-alive", OCTETS("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 200, NULL, NULL },
	{ "an empty line before the request", OCTETS("\r\n" GET "\r\n"), 200, NULL, NULL },
	{ "white space around values", OCTETS(LINE "Host:\t a \r\nX:\r\n\r\n"), 200, NULL, NULL },
	{ "a query that nobody reads", OCTETS("GET /healthz?a=%27%22;DROP+TABLE HTTP/1.1\r\nHost: a\r\n\r\n"), 200, NULL, NULL },
	{ "letters that are encoded", OCTETS("GET /%68ealthz HTTP/1.1\r\nHost: a\r\n\r\n"), 200, NULL, NULL },
	{ "a length of nothing", OCTETS(GET "Content-Length: 0\r\n\r\n"), 200, NULL, NULL },
	{ "a chunk with an extension", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n"), 400, "INCOMPLETE", "/csr" },
	{ "chunks with leading zeros, and a trailer", OCTETS(POST "Transfer-Encoding: chunked\r\n\r\n0001\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n"), 400, "INCOMPLETE", "/csr" },
	{ "CHUNKED", OCTETS(POST "Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n"), 400, "INCOMPLETE", "/csr" },
	{ "Expect: 100-continue", OCTETS(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"), 400, "INCOMPLETE", "/csr" },
};
/* clang-format on */

/* What stands behind is carried out, once: so the rows above prove something. */
static void
judge_served(struct world *world, const struct row *row)
{
	const struct refusal wanted = {
	    .status = row->status, .code = row->code, .pointer = row->pointer};
	DEFER(buf_clear_public) struct buf all = {0};
	DEFER(buf_clear_public) struct buf follower = {0};
	DEFER(raw_clear) struct raw raw = {0};
	struct raw_answer answer;

	make_follower(world, &follower);
	buf_append(&all, row->octets);
	buf_append(&all, buf_bytes(&follower));
	world_connect(world, STATION, &raw);
	(void)raw_send(&raw, buf_bytes(&all));
	(void)raw_answer(&raw, false, &answer);
	if (row->code != NULL)
		judge_problem(world, row->claim, &answer, &wanted);
	else
		JUDGE(world, row->claim, answer.status == row->status, "status %d, wanted %d",
		    answer.status, row->status);
	(void)raw_answer(&raw, false, &answer);
	JUDGE(world, row->claim, answer.status == 201, "what follows: status %d", answer.status);
	JUDGE(world, row->claim, raw.read == raw.got.len, "more than two answers");
	state_remember(world);
	judge_service(world, row->claim);
}

static void
what_has_one_reading_is_served_and_so_is_what_follows(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(SERVED); i++)
		judge_served(world, &SERVED[i]);
}

/* ---- header blocks and targets by size ---- */

/* clang-format off */
static const struct size {
	const char *claim;
	size_t target_len, headers, header_len;
	int status;
	const char *code; /* NULL: as above */
} SIZES[] = {
	{ "a header block of 12 KiB", 0, 12, 1000, 200, NULL },
	{ "100 headers", 0, 100, 10, 200, NULL },
	{ "a header of 17 KiB", 0, 1, 17408, 431, NULL },
	{ "a header of 1 MiB", 0, 1, 1048576, 431, NULL },
	{ "10,000 headers", 0, 10000, 10, 431, NULL },
	{ "a target of 8 KiB", 8192, 0, 0, 404, "NOT_FOUND" },
	{ "a target of 20 KiB", 20480, 0, 0, 414, NULL },
	{ "a target of 1 MiB", 1048576, 0, 0, 414, NULL },
};
/* clang-format on */

static void
put_sized(const struct size *size, struct buf *out)
{
	buf_append_text(out, size->target_len > 0 ? "GET /" : "GET /healthz");
	for (size_t i = 0; i < size->target_len; i++)
		buf_append_u8(out, 'a');
	buf_append_text(out, " HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 0; i < size->headers; i++) {
		buf_append_format(out, "X-%zu: ", i);
		for (size_t k = 0; k < size->header_len; k++)
			buf_append_u8(out, 'a');
		buf_append_text(out, "\r\n");
	}
	buf_append_text(out, "\r\n");
}

static void
sizes_beyond_the_bounds_are_refused(void **state)
{
	struct world *world = *state;
	DEFER(buf_clear_public) struct buf follower = {0};

	make_follower(world, &follower);
	for (size_t i = 0; i < COUNT(SIZES); i++) {
		const struct size *size = &SIZES[i];
		DEFER(buf_clear_public) struct buf octets = {0};

		put_sized(size, &octets);
		const struct row row = {
		    size->claim, buf_bytes(&octets), size->status, size->code, NULL};

		if (size->status == 200)
			judge_served(world, &row);
		else
			judge_closing(world, &row, buf_bytes(&follower));
	}
}

/* ---- bodies that are refused while they arrive, or before ---- */

/* clang-format off */
static const struct arriving {
	const char *claim, *path;
	size_t chunk, chunks; /* octets of one; so many at most are sent */
} ARRIVING[] = {
	{ "a revocation in chunks, beyond 4 KiB", "/v1/revocations", 512, 1000 },
	{ "a revocation in one chunk", "/v1/revocations", 8192, 1000 },
	{ "an enrollment in chunks, beyond 4 MiB", "/v1/enrollments", 16384, 1000 },
	{ "chunks of one octet", "/v1/revocations", 1, 20000 },
};
/* clang-format on */

static void
send_chunks(struct raw *raw, const struct arriving *row)
{
	DEFER(buf_clear_public) struct buf chunk = {0};

	buf_append_format(&chunk, "%zx\r\n", row->chunk);
	memset(buf_extend(&chunk, row->chunk), ' ', row->chunk);
	buf_append_text(&chunk, "\r\n");
	for (size_t i = 0; i < row->chunks && !raw_readable(raw, 0); i++)
		(void)raw_send(raw, buf_bytes(&chunk));
	/* Who has not read yet goes on sending. */
	for (int i = 0; i < 4; i++)
		(void)raw_send(raw, buf_bytes(&chunk));
}

static void
a_body_is_refused_while_it_arrives(void **state)
{
	static const struct refusal wanted = {.status = 413, .code = "TOO_LARGE"};
	struct world *world = *state;

	for (size_t i = 0; i < COUNT(ARRIVING); i++) {
		const struct arriving *row = &ARRIVING[i];
		DEFER(raw_clear) struct raw raw = {0};
		DEFER(buf_clear_public) struct buf head = {0};
		struct raw_answer answer;

		buf_append_format(&head,
		    "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n",
		    row->path);
		world_connect(world, OFFICER, &raw);
		(void)raw_send(&raw, buf_bytes(&head));
		send_chunks(&raw, row);
		(void)raw_answer(&raw, false, &answer);
		judge_problem(world, row->claim, &answer, &wanted);
		(void)raw_drain(&raw, RAW_PATIENCE_MS);
		JUDGE(world, row->claim, raw.end == RAW_CLOSED || raw.end == RAW_RESET,
		    "the connection is %s", raw_end_name(raw.end));
		judge_state(world, row->claim);
		judge_service(world, row->claim);
	}
}

static void
who_waits_for_100_gets_it_or_the_refusal(void **state)
{
	static const struct refusal incomplete = {
	    .status = 400, .code = "INCOMPLETE", .pointer = "/csr"};
	static const struct refusal too_large = {.status = 413, .code = "TOO_LARGE"};
	struct world *world = *state;
	DEFER(raw_clear) struct raw patient = {0};
	DEFER(raw_clear) struct raw refused = {0};
	struct raw_answer answer;

	world_connect(world, STATION, &patient);
	(void)raw_send(
	    &patient, bytes_of_text(POST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
	while (patient.got.len < 12 && raw_receive(&patient, RAW_PATIENCE_MS))
		continue;
	JUDGE(world, "a body that is wanted",
	    strncmp(buf_text(&patient.got), "HTTP/1.1 100", 12) == 0, "said %s",
	    buf_text(&patient.got));
	(void)raw_send(&patient, bytes_of_text("{}"));
	(void)raw_answer(&patient, false, &answer);
	judge_problem(world, "a body that is wanted", &answer, &incomplete);

	world_connect(world, STATION, &refused);
	(void)raw_send(&refused,
	    bytes_of_text(POST "Expect: 100-continue\r\nContent-Length: 4194305\r\n\r\n"));
	(void)raw_answer(&refused, false, &answer);
	judge_problem(world, "a body that is not", &answer, &too_large);
	JUDGE(world, "a body that is not", strstr(buf_text(&refused.got), "HTTP/1.1 100") == NULL,
	    "it was asked for");
	judge_state(world, "Expect");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD_TEST(what_follows_a_refusal_is_never_carried_out),
	    WORLD_TEST(what_has_one_reading_is_served_and_so_is_what_follows),
	    WORLD_TEST(sizes_beyond_the_bounds_are_refused),
	    WORLD_TEST(a_body_is_refused_while_it_arrives),
	    WORLD_TEST(who_waits_for_100_gets_it_or_the_refusal),
	};

	return cmocka_run_group_tests_name("hostile http", tests, NULL, NULL);
}
