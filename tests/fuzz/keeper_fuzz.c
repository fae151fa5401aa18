/*
 * The real keeper, met over its channels: messages, each with the lane it goes to and its length.
 * Whatever comes, it answers in its own types, its log never shrinks, and it serves the next
 * client.
 */
#include <sys/socket.h>

#include "keeper/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/keeper/served.h"

#define MESSAGES_MAX 32

/* One keeper for all inputs: opening one costs a password hash. It is not freed, but still held. */
static struct served keeper;
static uint64_t size_before;

static void
hear(int fd)
{
	static uint8_t octets[WIRE_MAX];
	ssize_t n;

	(void)shutdown(fd, SHUT_WR);
	while ((n = recv(fd, octets, sizeof(octets), 0)) > 0) {
		MUST(strchr("012345678l!", octets[0]) != NULL && octets[0] != '\0');
		MUST(octets[0] != WIRE_REFUSED || (n > 2 && octets[1] + 2 <= n));
	}
	MUST(close(fd) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	int near[CONTROL_CHANNELS], far[CONTROL_CHANNELS];
	struct error err = {0};

	if (keeper.keeper == NULL)
		served_init(&keeper);
	MUST(control_make_channels(near, far, &err));
	MUST(keeper_serve(keeper.keeper, far, &err));
	for (int i = 0; i < MESSAGES_MAX && in.len > 0; i++) {
		const int fd = near[fuzz_take(&in) % 2];
		const struct bytes message = fuzz_take_run(&in);

		(void)send(fd, message.data, message.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	for (size_t i = 0; i < CONTROL_CHANNELS; i++)
		hear(near[i]);
	served_connect(&keeper);
	MUST(log_size(&keeper) >= size_before);
	size_before = log_size(&keeper);
	return 0;
}
