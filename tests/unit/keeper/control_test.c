#include "fixture.h"

#include <sys/socket.h>

#include "keeper/control.h"

struct pair {
	int fds[2];
};

static void
pair_init(struct pair *pair)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair->fds), 0);
}

static void
pair_clear(struct pair *pair)
{
	(void)close(pair->fds[0]);
	(void)close(pair->fds[1]);
}
DEFER_DECLARE_CLEAR(struct pair, pair_clear)

static void
close_set(const int *fds)
{
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		(void)close(fds[i]);
}

static void
the_passphrase_arrives_as_it_was_sent(void **state)
{
	DEFER(pair_clear) struct pair pair;
	DEFER(secret_free) struct secret *sent = secret_text("correct horse");
	struct control_received received = {0};
	bool closed = true;
	struct error err = {0};

	(void)state;
	pair_init(&pair);
	assert_ok(control_send_secret(pair.fds[0], sent, &err), &err);
	assert_ok(control_receive(pair.fds[1], &received, &closed, &err), &err);
	assert_false(closed);
	assert_int_equal(received.type, CONTROL_PASSPHRASE);
	assert_true(bytes_equal(secret_bytes(received.passphrase), secret_bytes(sent)));
	secret_free(received.passphrase);
}

static void
channels_arrive_and_work(void **state)
{
	DEFER(pair_clear) struct pair pair;
	int near[CONTROL_CHANNELS], far[CONTROL_CHANNELS];
	struct control_received received = {0};
	bool closed = true;
	struct error err = {0};

	(void)state;
	pair_init(&pair);
	assert_ok(control_make_channels(near, far, &err), &err);
	assert_ok(control_send_channels(pair.fds[0], far, &err), &err);
	close_set(far);
	assert_ok(control_receive(pair.fds[1], &received, &closed, &err), &err);
	assert_int_equal(received.type, CONTROL_CHANNEL_SET);
	for (uint8_t i = 0; i < CONTROL_CHANNELS; i++) {
		uint8_t got = 0xff;

		assert_int_equal(send(near[i], &i, 1, 0), 1);
		assert_int_equal(recv(received.channels[i], &got, 1, 0), 1);
		assert_int_equal(got, i);
	}
	close_set(received.channels);
	close_set(near);
}

static void
words_arrive_and_a_closed_socket_is_told(void **state)
{
	DEFER(pair_clear) struct pair pair;
	struct control_received received = {0};
	bool closed = true;
	struct error err = {0};

	(void)state;
	pair_init(&pair);
	assert_ok(control_send(pair.fds[0], CONTROL_READY, &err), &err);
	assert_ok(control_send(pair.fds[0], CONTROL_LOST, &err), &err);
	assert_ok(control_send(pair.fds[0], CONTROL_STOP, &err), &err);
	assert_ok(control_receive(pair.fds[1], &received, &closed, &err), &err);
	assert_int_equal(received.type, CONTROL_READY);
	assert_ok(control_receive(pair.fds[1], &received, &closed, &err), &err);
	assert_int_equal(received.type, CONTROL_LOST);
	assert_ok(control_receive(pair.fds[1], &received, &closed, &err), &err);
	assert_int_equal(received.type, CONTROL_STOP);
	assert_false(closed);
	assert_int_equal(shutdown(pair.fds[0], SHUT_WR), 0);
	assert_ok(control_receive(pair.fds[1], &received, &closed, &err), &err);
	assert_true(closed);
	assert_int_equal(shutdown(pair.fds[1], SHUT_RDWR), 0);
	assert_false(control_send(pair.fds[0], CONTROL_STOP, &err));
	assert_int_equal(err.code, E_INTERNAL);
}

static void
other_messages_are_errors(void **state)
{
	static const struct bytes ROWS[] = {
	    BYTES_LITERAL("?"),
	    BYTES_LITERAL("P"), /* without a passphrase */
	    BYTES_LITERAL("C"), /* without descriptors */
	    BYTES_LITERAL("Rx"),
	    BYTES_LITERAL("Sx"),
	};
	DEFER(pair_clear) struct pair pair;
	uint8_t long_one[SECRET_FILE_MAX + 2] = {'P'};
	struct control_received received = {0};
	bool closed = false;
	struct error err = {0};

	(void)state;
	pair_init(&pair);
	for (size_t i = 0; i < COUNT(ROWS); i++) {
		err = (struct error){0};
		assert_int_equal(
		    send(pair.fds[0], ROWS[i].data, ROWS[i].len, 0), (ssize_t)ROWS[i].len);
		assert_false(control_receive(pair.fds[1], &received, &closed, &err));
		assert_int_equal(err.code, E_INTERNAL);
	}
	err = (struct error){0};
	assert_int_equal(
	    send(pair.fds[0], long_one, sizeof(long_one), 0), (ssize_t)sizeof(long_one));
	assert_false(control_receive(pair.fds[1], &received, &closed, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_passphrase_arrives_as_it_was_sent),
	    cmocka_unit_test(channels_arrive_and_work),
	    cmocka_unit_test(words_arrive_and_a_closed_socket_is_told),
	    cmocka_unit_test(other_messages_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
