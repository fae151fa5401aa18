/* Bytes, floods and descriptors against the real keeper: a channel ends, the keeper does not. */
#include "attack.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* ---- bytes ---- */

#define BEGIN "\0\0\0\0\0\0\0\0\0\0\0\1"

struct row {
	const char *what;
	int channel;
	struct bytes messages[3]; /* whole ones, with their type */
	const char *why;
};

/* clang-format off */
static const struct row ROWS[] = {
	{"an unknown request",          0, {BYTES_LITERAL("Z")},                                   "no request"},
	{"an answer as a request",      0, {BYTES_LITERAL("2")},                                   "no request"},
	{"a begin cut short",           0, {BYTES_LITERAL("B\0\0\0")},                             "append begin: 3 octets"},
	{"records without a begin",     0, {BYTES_LITERAL("R\0\0\0\0")},                           "append records: out of place"},
	{"an end without a begin",      0, {BYTES_LITERAL("E")},                                   "append end: out of place"},
	{"a begin within an append",    0, {BYTES_LITERAL("B" BEGIN), BYTES_LITERAL("B" BEGIN)},   "append begin: out of place"},
	{"a checkpoint within one",     0, {BYTES_LITERAL("B" BEGIN), BYTES_LITERAL("K")},         "checkpoint: out of place"},
	{"half a leaf",                 0, {BYTES_LITERAL("B" BEGIN), BYTES_LITERAL("R\1\0{}\0\0")}, "leaf 0 is malformed"},
	{"half a nonce",                0, {BYTES_LITERAL("B" BEGIN), BYTES_LITERAL("R\0\0\0\1xnonce")}, "leaf 0 is malformed"},
	{"an append of no leaves",      0, {BYTES_LITERAL("B\0\0\0\0\0\0\0\0\0\0\0\0")},           "append: 0 leaves"},
	{"an append of 2^32-1 leaves",  0, {BYTES_LITERAL("B\0\0\0\0\0\0\0\0\xff\xff\xff\xff")},   "append: 4294967295 leaves"},
	{"recorded: no certificate",    0, {BYTES_LITERAL("G\0\0\0\0\0\0\0\0\0\0\0\0")},           "not one TBSCertificate"},
	{"half a tag",                  1, {BYTES_LITERAL("t\x20 short")},                         "a message is malformed"},
	{"half a token",                2, {BYTES_LITERAL("c\7token")},                            "token check: 6 octets"},
	{"half a token head",           2, {BYTES_LITERAL("m\7" "0123456789012345678901234567890123456789x")}, "not whole heads"},
	{"CRL entries without a begin", 3, {BYTES_LITERAL("e0")},                                  "CRL entries: out of place"},
	{"a tag within a CRL",          4, {BYTES_LITERAL("b\0\0\0\0\0\0\0\0\x30\0"), BYTES_LITERAL("t\1a")}, "tags: out of place"},
};
/* clang-format on */

static void
what_cannot_be_placed_is_named_and_ends_its_channel(void **state)
{
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		int fd = attack.fds[ROWS[i].channel];

		for (size_t k = 0; k < COUNT(ROWS[i].messages); k++)
			if (ROWS[i].messages[k].len > 0)
				attack_say(fd, (enum wire_type)ROWS[i].messages[k].data[0],
				    bytes_of(
					ROWS[i].messages[k].data + 1, ROWS[i].messages[k].len - 1));
		assert_refused(ROWS[i].what, fd, "BAD_SYNTAX", ROWS[i].why);
		assert_closed(ROWS[i].what, fd);
		attack_connect(&attack);
		attack_honest(ROWS[i].what, &attack);
	}
}

static void
a_message_of_more_than_64_kib_is_named_and_ends_its_channel(void **state)
{
	static const size_t LENS[] = {WIRE_MAX + 1, 2 * WIRE_MAX, 150000};
	DEFER(attack_clear) struct attack attack;
	DEFER(buf_clear_public) struct buf octets = {0};

	(void)state;
	attack_init(&attack);
	memset(buf_extend(&octets, 150000), 't', 150000);
	for (size_t i = 0; i < 2 * COUNT(LENS); i++) {
		int fd = attack.fds[i % 2];

		assert_int_equal(
		    send(fd, octets.data, LENS[i / 2], MSG_NOSIGNAL), (ssize_t)LENS[i / 2]);
		assert_refused("a long message", fd, "BAD_SYNTAX", "longer than 65536 octets");
		assert_closed("a long message", fd);
		attack_connect(&attack);
		attack_honest("a long message", &attack);
	}
	attack_say(attack.fds[0], WIRE_HELLO, bytes_of(octets.data, WIRE_BODY_MAX));
	assert_refused("the longest message", attack.fds[0], "BAD_SYNTAX", "hello: 65535 octets");
}

/* A generator of its own, so that every run says the same. */
static uint8_t
next_octet(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint8_t)(*state >> 56);
}

static void
random_bytes_end_nothing_but_channels(void **state)
{
	DEFER(attack_clear) struct attack attack;
	uint64_t random = 3;

	(void)state;
	attack_init(&attack);
	for (int round = 0; round < 300; round++) {
		int fd = attack.fds[round % CONTROL_CHANNELS];
		uint8_t octets[300];

		for (int i = 0; i < 4; i++) { /* several, unread: order must not matter */
			size_t len = 1 + next_octet(&random);

			for (size_t k = 0; k < len; k++)
				octets[k] = next_octet(&random);
			if (next_octet(&random) < 200)
				octets[0] = (uint8_t) "HBREGKtimcbex"[octets[0] % 13];
			(void)!send(fd, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		attack_connect(&attack);
		if (round % 10 == 0)
			attack_honest("random bytes", &attack);
	}
	attack_honest("random bytes", &attack);
}

/* ---- floods ---- */

/* Pages of the process in memory, which /proc shows to everybody. */
static long
resident_pages(pid_t pid)
{
	char path[64];
	long all = 0, resident = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%ld %ld", &all, &resident), 2);
	(void)fclose(file);
	return resident;
}

static void
thousands_of_unfinished_appends_leave_nothing_behind(void **state)
{
	DEFER(attack_clear) struct attack attack;
	DEFER(buf_clear_public) struct buf entries = {0};
	struct attempt attempt;
	uint8_t root[32];
	uint64_t size;
	long before = 0;

	(void)state;
	attack_init(&attack);
	attempt_init(&attack, 0, &attempt);
	for (int i = 0; i < 40; i++)
		attempt_encode(&attempt, &entries);
	for (int i = 0; i < 2000; i++) {
		attack_say(attack.fds[0], WIRE_APPEND_BEGIN,
		    (struct bytes)BYTES_LITERAL("\0\0\0\0\0\0\0\0\0\0\x10\0"));
		attack_say(attack.fds[0], WIRE_APPEND_RECORDS, buf_bytes(&entries));
		attack_connect(&attack);
		if (i == 200) {
			attack_honest("200 unfinished appends", &attack);
			before = resident_pages(attack.pid);
		}
	}
	attack_tree(&attack, &size, root);
	assert_int_equal(size, attack.size);
	attack_honest("2000 unfinished appends", &attack);
	/* One of them is some 40 KB: 1800 that stayed would be 70 MB. */
	assert_true(resident_pages(attack.pid) - before < 16 * 1024 * 1024 / 4096);
}

struct flood {
	int fd;
	atomic_bool *stop;
	atomic_uint answered;
	pthread_t thread;
};

/* As many tags as a request may ask for, again and again. */
static void *
flood_main(void *argument)
{
	struct flood *flood = argument;
	DEFER(buf_clear_public) struct buf body = {0};
	DEFER(answer_clear) struct answer answer = {0};

	for (int i = 0; i < WIRE_TAGS_MAX; i++)
		buf_append_text(&body, "\x08some-id.");
	while (!*flood->stop) {
		struct error err = {0};

		if (!wire_send(flood->fd, WIRE_TAGS, buf_bytes(&body), &err))
			return NULL;
		attack_hear(flood->fd, &answer);
		if (answer.type != WIRE_TAGGED)
			return NULL;
		flood->answered++;
	}
	return NULL;
}

static bool
all_answered(struct flood floods[static CONTROL_STATELESS])
{
	for (size_t i = 0; i < CONTROL_STATELESS; i++)
		if (floods[i].answered < 2)
			return false;
	return true;
}

/* All stateless channels are busy from before the first honest append until after the last. */
static void
ordered_signing_goes_on_under_a_flood_of_stateless_requests(void **state)
{
	DEFER(attack_clear) struct attack attack;
	struct flood floods[CONTROL_STATELESS] = {0};
	atomic_bool stop = false;

	(void)state;
	attack_init(&attack);
	for (size_t i = 0; i < CONTROL_STATELESS; i++) {
		floods[i].fd = attack.fds[1 + i];
		floods[i].stop = &stop;
		assert_int_equal(
		    pthread_create(&floods[i].thread, NULL, flood_main, &floods[i]), 0);
	}
	for (int i = 0; i < 20 || (!all_answered(floods) && i < 10000); i++)
		attack_honest("a flood", &attack);
	assert_true(all_answered(floods));
	stop = true;
	for (size_t i = 0; i < CONTROL_STATELESS; i++)
		assert_int_equal(pthread_join(floods[i].thread, NULL), 0);
	attack_honest("the flood", &attack);
}

/* ---- descriptors ---- */

/* Sends `count` copies of a descriptor along with a message. */
static void
say_with_descriptors(int fd, int passed, size_t count, struct bytes body)
{
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(64 * sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)body.data, .iov_len = body.len};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.octets,
	    .msg_controllen = CMSG_SPACE(count * sizeof(int))};

	control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &passed, sizeof(int));
	assert_int_equal(sendmsg(fd, &message, MSG_NOSIGNAL), (ssize_t)body.len);
}

/* The reading end of a pipe hangs up once nobody holds the writing end any more. */
static void
descriptors_that_are_passed_along_are_not_kept(void **state)
{
	static const size_t COUNTS[] = {1, 64};
	DEFER(attack_clear) struct attack attack;

	(void)state;
	attack_init(&attack);
	for (size_t i = 0; i < 2 * COUNT(COUNTS); i++) {
		int fd = attack.fds[i / COUNT(COUNTS)], ends[2];
		bool ordered = fd == attack.fds[0];
		DEFER(answer_clear) struct answer answer = {0};
		struct pollfd hung = {0};

		assert_int_equal(pipe(ends), 0);
		say_with_descriptors(fd, ends[1], COUNTS[i % COUNT(COUNTS)],
		    ordered ? (struct bytes)BYTES_LITERAL("H") : (struct bytes)BYTES_LITERAL("i"));
		(void)close(ends[1]);
		attack_hear(fd, &answer); /* the request is answered as if they were not there */
		assert_int_equal(answer.type, ordered ? WIRE_STATE : WIRE_KID);
		hung.fd = ends[0];
		assert_int_equal(poll(&hung, 1, 30000), 1);
		assert_true((hung.revents & POLLHUP) != 0);
		(void)close(ends[0]);
		attack_honest("descriptors", &attack);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_cannot_be_placed_is_named_and_ends_its_channel),
	    cmocka_unit_test(a_message_of_more_than_64_kib_is_named_and_ends_its_channel),
	    cmocka_unit_test(random_bytes_end_nothing_but_channels),
	    cmocka_unit_test(thousands_of_unfinished_appends_leave_nothing_behind),
	    cmocka_unit_test(ordered_signing_goes_on_under_a_flood_of_stateless_requests),
	    cmocka_unit_test(descriptors_that_are_passed_along_are_not_kept),
	};

	secret_process_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
