#include "keeper/control.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "keeper/wire.h"

/* A message is its type, and after it a passphrase or nothing; descriptors travel beside it. */
#define MESSAGE_MAX (1 + SECRET_FILE_MAX)

union descriptors { /* CMSG_SPACE wants this alignment */
	struct cmsghdr align;
	char octets[CMSG_SPACE(CONTROL_CHANNELS * sizeof(int))];
};

static bool
fail(struct error *err, const char *what)
{
	(void)error_set(err, E_INTERNAL, "control socket: %s", what);
	error_cause_errno(err);
	return false;
}

static void
close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
}

/* The timeout belongs to the socket, wherever its descriptor goes. */
static bool
make_pair(int *out_near, int *out_far)
{
	const struct timeval limit = {.tv_sec = WIRE_SEND_TIMEOUT_S};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0 ||
	    setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
		close_all(pair, 2);
		return false;
	}
	*out_near = pair[0];
	*out_far = pair[1];
	return true;
}

bool
control_make_channels(
    int near[static CONTROL_CHANNELS], int far[static CONTROL_CHANNELS], struct error *err)
{
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		if (!make_pair(&near[i], &far[i])) {
			(void)fail(err, "no socket pair");
			close_all(near, i);
			close_all(far, i);
			return false;
		}
	return true;
}

static bool
send_message(int fd, enum control_message type, struct bytes body, union descriptors *descriptors,
    struct error *err)
{
	uint8_t first = (uint8_t)type;
	struct iovec parts[2] = {
	    {.iov_base = &first, .iov_len = 1},
	    /* sendmsg() only reads; struct iovec has no const. */
	    {.iov_base = (void *)(uintptr_t)body.data, /* NOLINT: see above */
		.iov_len = body.len},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;

	if (descriptors != NULL) {
		message.msg_control = descriptors->octets;
		message.msg_controllen = sizeof(descriptors->octets);
	}
	do {
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)(1 + body.len) ? true : fail(err, "nothing sent");
}

bool
control_send(int fd, enum control_message type, struct error *err)
{
	assert(type == CONTROL_READY || type == CONTROL_LOST || type == CONTROL_STOP);
	return send_message(fd, type, (struct bytes){0}, NULL, err);
}

bool
control_send_secret(int fd, const struct secret *passphrase, struct error *err)
{
	assert(secret_bytes(passphrase).len <= SECRET_FILE_MAX);
	return send_message(fd, CONTROL_PASSPHRASE, secret_bytes(passphrase), NULL, err);
}

bool
control_send_channels(int fd, const int channels[static CONTROL_CHANNELS], struct error *err)
{
	union descriptors descriptors = {0};

	descriptors.align.cmsg_len = CMSG_LEN(CONTROL_CHANNELS * sizeof(int));
	descriptors.align.cmsg_level = SOL_SOCKET;
	descriptors.align.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&descriptors.align), channels, CONTROL_CHANNELS * sizeof(int));
	return send_message(fd, CONTROL_CHANNEL_SET, (struct bytes){0}, &descriptors, err);
}

/* Takes the descriptors that came with a message; *out_count says how many. */
static void
descriptors_take(struct msghdr *message, int out[static CONTROL_CHANNELS], size_t *out_count)
{
	struct cmsghdr *part = CMSG_FIRSTHDR(message);

	*out_count = 0;
	if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
		return;
	*out_count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	assert(*out_count <= CONTROL_CHANNELS); /* the buffer has no room for more */
	memcpy(out, CMSG_DATA(part), *out_count * sizeof(int));
}

/* Whether type, body and descriptors fit each other. */
static bool
message_accept(struct bytes octets, size_t fd_count, struct control_received *out)
{
	switch (octets.data[0]) {
	case CONTROL_PASSPHRASE:
		if (octets.len < 2 || fd_count != 0)
			return false;
		out->passphrase = secret_new(bytes_of(octets.data + 1, octets.len - 1));
		break;
	case CONTROL_CHANNEL_SET:
		if (octets.len != 1 || fd_count != CONTROL_CHANNELS)
			return false;
		break;
	case CONTROL_READY:
	case CONTROL_LOST:
	case CONTROL_STOP:
		if (octets.len != 1 || fd_count != 0)
			return false;
		break;
	default: return false;
	}
	out->type = (enum control_message)octets.data[0];
	return true;
}

bool
control_receive(int fd, struct control_received *out, bool *out_closed, struct error *err)
{
	uint8_t octets[MESSAGE_MAX];
	union descriptors descriptors = {0};
	struct iovec part = {.iov_base = octets, .iov_len = sizeof(octets)};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = descriptors.octets,
	    .msg_controllen = sizeof(descriptors.octets)};
	struct control_received received = {0};
	size_t fd_count;
	ssize_t n;
	bool good;

	do {
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET)
		return fail(err, "nothing received");
	*out_closed = n <= 0;
	if (n <= 0)
		return true;
	descriptors_take(&message, received.channels, &fd_count);
	good = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
	       message_accept(bytes_of(octets, (size_t)n), fd_count, &received);
	sodium_memzero(octets, sizeof(octets));
	if (!good) {
		close_all(received.channels, fd_count);
		return error_set(err, E_INTERNAL, "control socket: not a control message");
	}
	*out = received;
	return true;
}
