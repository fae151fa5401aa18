#include "tests/unit/api/serving.h"

#define HEAD "GET /healthz HTTP/1.1\r\n"
#define POST "POST /v1/revocations HTTP/1.1\r\nHost: a\r\n"

/* clang-format off */
static const struct row {
	const char *claim;
	struct bytes octets;
	int status;
} ROWS[] = {
	{ "a plain request", OCTETS(HEAD "Host: a\r\n\r\n"), 200 },
	{ "no space after a colon", OCTETS(HEAD "Host:a\r\nX:b\r\n\r\n"), 200 },
	{ "white space around values", OCTETS(HEAD "Host:  a\r\nX:\tb \r\n\r\n"), 200 },
	{ "an empty value", OCTETS(HEAD "Host: a\r\nX:\r\n\r\n"), 200 },
	{ "a host that is empty", OCTETS(HEAD "Host:\r\n\r\n"), 200 },
	{ "a query", OCTETS("GET /healthz?a=b&c HTTP/1.1\r\nHost: a\r\n\r\n"), 200 },
	{ "HTTP/1.0 without headers", OCTETS("GET /healthz HTTP/1.0\r\n\r\n"), 200 },
	{ "a length of nothing", OCTETS(HEAD "Host: a\r\nContent-Length: 0\r\n\r\n"), 200 },
	{ "a chunked body", OCTETS(POST "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"), 401 },
	{ "a body", OCTETS(POST "Content-Length: 1\r\n\r\nx"), 401 },

	{ "two equal lengths", OCTETS(POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400 },
	{ "two lengths", OCTETS(POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"), 400 },
	{ "a list of lengths", OCTETS(POST "Content-Length: 1, 1\r\n\r\nx"), 400 },
	{ "a signed length", OCTETS(POST "Content-Length: +1\r\n\r\nx"), 400 },
	{ "a negative length", OCTETS(POST "Content-Length: -1\r\n\r\nx"), 400 },
	{ "a hexadecimal length", OCTETS(POST "Content-Length: 0x1\r\n\r\nx"), 400 },
	{ "an empty length", OCTETS(POST "Content-Length:\r\n\r\n"), 400 },
	{ "a length beside a coding", OCTETS(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "two codings", OCTETS(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "a list of codings", OCTETS(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "an unknown coding", OCTETS(POST "Transfer-Encoding: gzip\r\n\r\n"), 400 },
	{ "a misspelled coding", OCTETS(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "a coding in HTTP/1.0", OCTETS("POST /v1/revocations HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400 },
	{ "two credentials", OCTETS(POST "Authorization: Basic eA==\r\nauthorization: Basic eQ==\r\nContent-Length: 1\r\n\r\nx"), 400 },
	{ "a credential", OCTETS(POST "Authorization: Basic eA==\r\nContent-Length: 1\r\n\r\nx"), 401 },
	{ "no host", OCTETS(HEAD "\r\n"), 400 },
	{ "two hosts", OCTETS(HEAD "Host: a\r\nHost: b\r\n\r\n"), 400 },
	{ "a space before a colon", OCTETS(HEAD "Host: a\r\nX : b\r\n\r\n"), 400 },
	{ "a name with a bracket", OCTETS(HEAD "Host: a\r\nX(: b\r\n\r\n"), 400 },
	{ "a header without a name", OCTETS(HEAD "Host: a\r\n: b\r\n\r\n"), 400 },
	{ "a header without a colon", OCTETS(HEAD "Host: a\r\nX\r\n\r\n"), 400 },
	{ "a folded value", OCTETS(HEAD "Host: a\r\nX: b\r\n c\r\n\r\n"), 400 },
	{ "a NUL in a value", OCTETS(HEAD "Host: a\r\nX: b\0c\r\nY: d\r\n\r\n"), 400 },
	{ "a NUL in the last value", OCTETS(HEAD "Host: a\r\nX: b\0c\r\n\r\n"), 400 },
	{ "a NUL in a name", OCTETS(HEAD "Host: a\r\nX\0Y: b\r\n\r\n"), 400 },
	{ "a NUL in the target", OCTETS("GET /healthz\0x HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a NUL made up for by a bare line feed", OCTETS(HEAD "Host: a\0\r\nX: b\nY: c\r\n\r\n"), 400 },
	{ "a bare line feed after the request line", OCTETS("GET /healthz HTTP/1.1\nHost: a\r\n\r\n"), 400 },
	{ "a bare line feed after the only header", OCTETS(HEAD "Host: a\n\r\n"), 400 },
	{ "a bare line feed between headers", OCTETS(HEAD "Host: a\nX: b\r\n\r\n"), 400 },
	{ "a bare line feed after the last header", OCTETS(HEAD "Host: a\r\nX: b\n\r\n"), 400 },
	{ "a bare line feed at the end", OCTETS(HEAD "Host: a\r\n\n"), 400 },
	{ "bare line feeds after all headers", OCTETS(HEAD "Host: a\nX: b\n\r\n"), 400 },
	{ "bare line feeds only", OCTETS("GET /healthz HTTP/1.1\nHost: a\nX: b\n\n"), 400 },
	{ "a bare carriage return in a value", OCTETS(HEAD "Host: a\r\nX: b\rY: c\r\n\r\n"), 400 },
	{ "a control character in a value", OCTETS(HEAD "Host: a\r\nX: b\x01\r\n\r\n"), 400 },
	{ "a NUL near the end of the last value", OCTETS("GET /healthz HTTP/1.1\r\nHost: a\0b\n\n"), 400 },
	{ "two spaces in the request line", OCTETS("GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a tab in the request line", OCTETS("GET /healthz\tHTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "an encoded NUL in the target", OCTETS("GET /healthz%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "octets beyond ASCII in the target", OCTETS("GET /healthz\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a query argument twice", OCTETS("GET /healthz?a=1&a=2 HTTP/1.1\r\nHost: a\r\n\r\n"), 400 },
	{ "a version to come", OCTETS("GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n"), 400 },
	{ "a body beyond the route's bound", OCTETS(POST "Content-Length: 4097\r\n\r\n"), 413 },
	{ "a length beyond 64 bits", OCTETS(POST "Content-Length: 99999999999999999999\r\n\r\n"), 413 },
	{ "a body where there is none", OCTETS(HEAD "Host: a\r\nContent-Length: 1\r\n\r\nx"), 413 },
	{ "another path", OCTETS("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"), 404 },
	{ "another method", OCTETS("PATCH /healthz HTTP/1.1\r\nHost: a\r\n\r\n"), 405 },
};
/* clang-format on */

static void
judge(void **state, const struct row *row)
{
	DEFER(client_clear) struct client client = {0};
	int status;

	client_open_tls(&client, *state);
	assert_true(client_send(&client, row->octets));
	status = client_hear_status(&client);
	if (status != row->status)
		fail_msg("%s: %d", row->claim, status);
}

static void
what_has_one_reading_only_is_served(void **state)
{
	serving_start(*state);
	for (size_t i = 0; i < COUNT(ROWS); i++)
		if (ROWS[i].status < 400 || ROWS[i].status == 401)
			judge(state, &ROWS[i]);
}

static void
what_could_be_read_in_two_ways_is_refused(void **state)
{
	serving_start(*state);
	for (size_t i = 0; i < COUNT(ROWS); i++)
		if (ROWS[i].status >= 400 && ROWS[i].status != 401)
			judge(state, &ROWS[i]);
}

/* What follows is not taken for another request. */
static void
a_refusal_ends_the_connection(void **state)
{
	DEFER(client_clear) struct client client = {0};
	const char *all;

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client,
	    POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HEAD
		 "Host: a\r\n\r\n");
	all = client_hear_all(&client);
	assert_non_null(strstr(all, "HTTP/1.1 400 "));
	assert_null(strstr(all, "HTTP/1.1 200 "));
}

/* The places are looked at in the buffer, which grows while the block arrives. */
static void
a_large_header_block_in_pieces_is_served(void **state)
{
	DEFER(client_clear) struct client client = {0};
	DEFER(buf_clear) struct buf line = {0};

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client, HEAD "Host: a\r\n");
	for (int i = 0; i < 10; i++) {
		buf_truncate(&line, 0);
		buf_append_format(&line, "X-%d: %0500d\r", i, i);
		assert_true(client_send(&client, buf_bytes(&line)));
		client_say(&client, "\n");
	}
	client_say(&client, "\r\n");
	assert_int_equal(client_hear_status(&client), 200);
}

static void
requests_behind_each_other_are_served_in_order(void **state)
{
	DEFER(client_clear) struct client client = {0};
	const char *all;

	serving_start(*state);
	client_open_tls(&client, *state);
	client_say(&client, HEAD "Host: a\r\n\r\n" POST "Content-Length: 2\r\n\r\n{}" HEAD
				 "Host: a\r\nConnection: close\r\n\r\n");
	all = client_hear_all(&client);
	all = strstr(all, "HTTP/1.1 200 ");
	assert_non_null(all);
	all = strstr(all, "HTTP/1.1 401 ");
	assert_non_null(all);
	assert_non_null(strstr(all, "HTTP/1.1 200 "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, serving_set_up, serving_tear_down)
	    TEST(what_has_one_reading_only_is_served),
	    TEST(what_could_be_read_in_two_ways_is_refused),
	    TEST(a_refusal_ends_the_connection),
	    TEST(a_large_header_block_in_pieces_is_served),
	    TEST(requests_behind_each_other_are_served_in_order),
	};

	return cmocka_run_group_tests_name("server_guard", tests, NULL, NULL);
}
