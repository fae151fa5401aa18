#include "served.h"

#include <sys/socket.h>
#include <sys/time.h>

#include "keeper/wire.h"

struct raw { /* a keeper and the bare descriptors of a client */
	struct served served;
	int fds[CONTROL_CHANNELS];
};

static void
raw_connect(struct raw *raw)
{
	const struct timeval limit = {.tv_sec = 10}; /* a keeper that hangs fails the test */
	int far[CONTROL_CHANNELS];
	struct error err = {0};

	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		if (raw->fds[i] >= 0)
			(void)close(raw->fds[i]);
	assert_ok(control_make_channels(raw->fds, far, &err), &err);
	assert_ok(keeper_serve(raw->served.keeper, far, &err), &err);
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		assert_int_equal(
		    setsockopt(raw->fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
}

static void
raw_init(struct raw *raw)
{
	served_init(&raw->served);
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		raw->fds[i] = -1;
	raw_connect(raw);
}

static void
raw_clear(struct raw *raw)
{
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		(void)close(raw->fds[i]);
	served_clear(&raw->served);
}
DEFER_DECLARE_CLEAR(struct raw, raw_clear)

/* The keeper still serves a well-behaved client, and its log has this size. */
static void
assert_alive(struct raw *raw, uint64_t size)
{
	served_connect(&raw->served);
	assert_int_equal(log_size(&raw->served), size);
	raw_connect(raw);
}

static void
send_raw(int fd, struct bytes message)
{
	assert_int_equal(send(fd, message.data, message.len, MSG_NOSIGNAL), (ssize_t)message.len);
}

/* The next answer's type; 0: the channel is closed. */
static uint8_t
receive_type(int fd, char *out_text, size_t text_size)
{
	uint8_t octets[WIRE_MAX];
	ssize_t n = recv(fd, octets, sizeof(octets), 0);
	size_t len = n > 1 ? (size_t)n - 1 : 0;

	if (n <= 0)
		return 0;
	len = len < text_size - 1 ? len : text_size - 1;
	memcpy(out_text, octets + 1, len);
	for (size_t i = 0; i < len; i++)
		if (out_text[i] < ' ')
			out_text[i] = '.';
	out_text[len] = '\0';
	return octets[0];
}

struct row {
	const char *what;
	int channel;
	struct bytes messages[3]; /* the last one is answered */
	const char *why;          /* in the refusal; the channel is closed after it */
};

#define BEGIN_AT_0(count) BYTES_LITERAL("B\0\0\0\0\0\0\0\0\0\0\0" count)

/* clang-format off */
static const struct row ROWS[] = {
	{"an unknown request",               0, {BYTES_LITERAL("Z")},                               "no request"},
	{"an answer as a request",           0, {BYTES_LITERAL("1")},                               "no request"},
	{"a stateless request, ordered",     0, {BYTES_LITERAL("i")},                               "no request"},
	{"an ordered request, stateless",    1, {BYTES_LITERAL("H")},                               "no request"},
	{"a hello with a body",              0, {BYTES_LITERAL("Hx")},                              "hello: 1 octets"},
	{"a short begin",                    0, {BYTES_LITERAL("B\0\0\0\0\0\0\0\0\0\0\0")},         "append begin: 11"},
	{"an append of nothing",             0, {BEGIN_AT_0("\0")},                                 "0 leaves"},
	{"an append of too many",            0, {BYTES_LITERAL("B\0\0\0\0\0\0\0\0\0\0\x10\x01")},   "4097 leaves"},
	{"an append of 2^32-1",              0, {BYTES_LITERAL("B\0\0\0\0\0\0\0\0\xff\xff\xff\xff")}, "4294967295 leaves"},
	{"records without a begin",          0, {BYTES_LITERAL("R\0\0\0\0")},                       "append records: out of place"},
	{"an end without a begin",           0, {BYTES_LITERAL("E")},                               "append end: out of place"},
	{"a begin in an append",             0, {BEGIN_AT_0("\1"), BEGIN_AT_0("\1")},               "append begin: out of place"},
	{"a checkpoint in an append",        0, {BEGIN_AT_0("\1"), BYTES_LITERAL("K")},             "checkpoint: out of place"},
	{"half a record",                    0, {BEGIN_AT_0("\1"), BYTES_LITERAL("R\0\x09{}\0\0")}, "leaf 0 is malformed"},
	{"a leaf that is too long",          0, {BEGIN_AT_0("\1"), BYTES_LITERAL("R\xff\xff{}\0\0")}, "leaf 0 is malformed"},
	{"a TBS without nonce",              0, {BEGIN_AT_0("\1"), BYTES_LITERAL("R\0\0\0\1x")},    "leaf 0 is malformed"},
	{"more leaves than announced",       0, {BEGIN_AT_0("\1"), BYTES_LITERAL("R\0\0\0\0\0\0\0\0")}, "more leaves than"},
	{"recorded: no TBS",                 0, {BYTES_LITERAL("G\0\0\0\0\0\0\0\0\0\0\0\0")},       "not one TBS"},
	{"recorded: trailing octets",        0, {BYTES_LITERAL("G\0\0\0\0\0\0\0\0\0\0\0\0\0")},     "not one TBS"},
	{"a tag of nothing",                 1, {BYTES_LITERAL("t\0\0")},                           "a message is malformed"},
	{"a tag message cut short",          2, {BYTES_LITERAL("t\x05""ab")},                       "a message is malformed"},
	{"a tag message that is too long",   3, {BYTES_LITERAL("t\x41""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")}, "a message is malformed"},
	{"half a token head",                4, {BYTES_LITERAL("maaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")}, "not whole heads"},
	{"a token check cut short",          1, {BYTES_LITERAL("c\1")},                             "token check: 1"},
	{"CRL entries without a begin",      1, {BYTES_LITERAL("e0")},                              "CRL entries: out of place"},
	{"a CRL's end without a begin",      1, {BYTES_LITERAL("x")},                               "CRL end: out of place"},
	{"a tag in a CRL",                   1, {BYTES_LITERAL("b\0\0\0\0\0\0\0\0\x30\0"), BYTES_LITERAL("t\1a")}, "tags: out of place"},
};
/* clang-format on */

static void
what_is_malformed_is_named_and_ends_the_channel(void **state)
{
	DEFER(raw_clear) struct raw raw;
	char text[256] = "";

	(void)state;
	raw_init(&raw);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		int fd = raw.fds[ROWS[i].channel];
		uint8_t type;

		for (size_t k = 0; k < COUNT(ROWS[i].messages); k++)
			if (ROWS[i].messages[k].len > 0)
				send_raw(fd, ROWS[i].messages[k]);
		type = receive_type(fd, text, sizeof(text));
		if (type != WIRE_REFUSED || strstr(text, ROWS[i].why) == NULL)
			fail_msg("%s: %c %s", ROWS[i].what, type, text);
		assert_int_equal(receive_type(fd, text, sizeof(text)), 0);
		raw_connect(&raw);
	}
	assert_alive(&raw, 0);
}

static void
a_crl_of_nobody_is_refused_at_its_end(void **state)
{
	DEFER(raw_clear) struct raw raw;
	char text[256] = "";

	(void)state;
	raw_init(&raw);
	send_raw(raw.fds[1], (struct bytes)BYTES_LITERAL("b\0\0\0\0\0\0\0\0\x30\0"));
	send_raw(raw.fds[1], (struct bytes)BYTES_LITERAL("e0"));
	send_raw(raw.fds[1], (struct bytes)BYTES_LITERAL("x"));
	assert_int_equal(receive_type(raw.fds[1], text, sizeof(text)), WIRE_REFUSED);
	assert_non_null(strstr(text, "no key of this issuer"));
	send_raw(raw.fds[1], (struct bytes)BYTES_LITERAL("i")); /* the channel goes on */
	assert_int_equal(receive_type(raw.fds[1], text, sizeof(text)), WIRE_KID);
}

static void
an_append_that_is_not_ended_takes_nothing(void **state)
{
	DEFER(raw_clear) struct raw raw;
	DEFER(order_clear) struct order order;
	DEFER(buf_clear) struct buf records = {0};

	(void)state;
	raw_init(&raw);
	order_plain(&order, 0);
	buf_append_u8(&records, WIRE_APPEND_RECORDS);
	wire_entry_encode(&(struct wire_entry){.leaf = order.entry.leaf}, &records);
	send_raw(raw.fds[0], (struct bytes)BEGIN_AT_0("\2"));
	send_raw(raw.fds[0], buf_bytes(&records));
	assert_alive(&raw, 0);
}

static void
an_append_with_leaves_missing_takes_nothing(void **state)
{
	DEFER(raw_clear) struct raw raw;
	DEFER(order_clear) struct order order;
	DEFER(buf_clear) struct buf records = {0};
	char text[256] = "";

	(void)state;
	raw_init(&raw);
	order_plain(&order, 0);
	buf_append_u8(&records, WIRE_APPEND_RECORDS);
	wire_entry_encode(&(struct wire_entry){.leaf = order.entry.leaf}, &records);
	send_raw(raw.fds[0], (struct bytes)BEGIN_AT_0("\2"));
	send_raw(raw.fds[0], buf_bytes(&records));
	send_raw(raw.fds[0], (struct bytes)BYTES_LITERAL("E"));
	assert_int_equal(receive_type(raw.fds[0], text, sizeof(text)), WIRE_REFUSED);
	assert_non_null(strstr(text, "1 leaves of 2"));
	assert_alive(&raw, 0);
}

static void
an_overlong_or_empty_message_ends_the_channel(void **state)
{
	static const uint8_t LONG[WIRE_MAX + 1] = {'t'};
	DEFER(raw_clear) struct raw raw;
	char text[256] = "";

	(void)state;
	raw_init(&raw);
	send_raw(raw.fds[1], bytes_of(LONG, sizeof(LONG)));
	assert_int_equal(receive_type(raw.fds[1], text, sizeof(text)), WIRE_REFUSED);
	assert_non_null(strstr(text, "longer than"));
	assert_int_equal(receive_type(raw.fds[1], text, sizeof(text)), 0);
	send_raw(raw.fds[2], bytes_of(LONG, 0));
	assert_int_equal(receive_type(raw.fds[2], text, sizeof(text)), 0);
	assert_alive(&raw, 0);
}

/* Random octets behind every type there is, on both kinds of lane. */
static void
random_messages_end_nothing_but_their_channel(void **state)
{
	DEFER(raw_clear) struct raw raw;
	uint32_t random = 1;

	(void)state;
	raw_init(&raw);
	for (int round = 0; round < 600; round++) {
		uint8_t octets[200];
		char text[64] = "";
		int fd = raw.fds[round % 2];

		for (size_t i = 0; i < sizeof(octets); i++) {
			random = random * 1664525 + 1013904223;
			octets[i] = (uint8_t)(random >> 24);
		}
		octets[0] = (uint8_t) "HBREGKtimcbex!01"[round / 2 % 16];
		if (send(fd, octets, 1 + octets[1] % 199, MSG_NOSIGNAL) < 0 ||
		    (octets[0] != 'b' && octets[0] != 'e' && octets[0] != 'B' && octets[0] != 'R' &&
			receive_type(fd, text, sizeof(text)) == 0))
			raw_connect(&raw);
	}
	raw_connect(&raw);
	assert_alive(&raw, 0);
}

/* Every octet of a good append changed in turn: each is answered or closes the channel. */
static void
a_changed_octet_of_an_append_signs_nothing_wrong(void **state)
{
	DEFER(raw_clear) struct raw raw;
	DEFER(order_clear) struct order order;
	DEFER(buf_clear) struct buf records = {0};
	struct wire_entry entry;
	char text[256] = "";

	(void)state;
	raw_init(&raw);
	order_tbs(&order, &raw.served, 0);
	order.entry.issuer[0] ^= 1; /* so that nothing is ever signed */
	entry = (struct wire_entry){.leaf = order.entry.leaf,
	    .tbs = order.entry.tbs,
	    .nonce = order.nonce,
	    .issuer = order.entry.issuer};
	buf_append_u8(&records, WIRE_APPEND_RECORDS);
	wire_entry_encode(&entry, &records);
	for (size_t at = 1; at < 3 + order.leaf.len; at++) { /* length and leaf: refused whole */
		uint8_t type;

		records.data[at] ^= 0x80; /* never printable ASCII */
		send_raw(raw.fds[0], (struct bytes)BEGIN_AT_0("\1"));
		send_raw(raw.fds[0], buf_bytes(&records));
		(void)!send(raw.fds[0], "E", 1, MSG_NOSIGNAL);
		type = receive_type(raw.fds[0], text, sizeof(text));
		if (type != WIRE_REFUSED)
			fail_msg("octet %zu: %c", at, type);
		records.data[at] ^= 0x80;
		raw_connect(&raw);
	}
	assert_alive(&raw, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_malformed_is_named_and_ends_the_channel),
	    cmocka_unit_test(a_crl_of_nobody_is_refused_at_its_end),
	    cmocka_unit_test(an_append_that_is_not_ended_takes_nothing),
	    cmocka_unit_test(an_append_with_leaves_missing_takes_nothing),
	    cmocka_unit_test(an_overlong_or_empty_message_ends_the_channel),
	    cmocka_unit_test(random_messages_end_nothing_but_their_channel),
	    cmocka_unit_test(a_changed_octet_of_an_append_signs_nothing_wrong),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
