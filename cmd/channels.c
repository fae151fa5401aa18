#include "cmd/channels.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "keeper/client.h"
#include "keeper/control.h"

#define CONTROL_LOOK_MS 1000 /* between two looks at the channels */

/*
 * Channels may fail while the keeper lives: it took longer than a send may wait, or one side did
 * not understand the other. Said once for each set.
 */
static void
report_lost_channels(struct keeper_client *keeper, uint64_t *inout_reported)
{
	struct error err = {0};
	bool alive = false;
	const uint64_t generation = keeper_client_generation(keeper, &alive);

	if (alive || generation == *inout_reported)
		return;
	*inout_reported = generation;
	if (!control_send(CONTROL_FD, CONTROL_LOST, &err))
		log_error(LOG_LEVEL_WARNING, "service.control", NULL, &err);
}

static void
wait_for_control(struct keeper_client *keeper, uint64_t *inout_reported)
{
	struct pollfd event = {.fd = CONTROL_FD, .events = POLLIN};

	while (poll(&event, 1, CONTROL_LOOK_MS) == 0)
		report_lost_channels(keeper, inout_reported);
}

void *
channels_main(void *context)
{
	struct keeper_client *keeper = context;
	uint64_t reported = 0; /* there is no set 0: channels that never came are not lost */

	for (;;) {
		struct control_received message = {0};
		struct error err = {0};
		bool closed = false;

		wait_for_control(keeper, &reported);
		if (!control_receive(CONTROL_FD, &message, &closed, &err) || closed)
			break; /* the supervisor is gone */
		if (message.type == CONTROL_CHANNEL_SET)
			keeper_client_attach(keeper, message.channels);
		else if (message.type == CONTROL_STOP)
			break;
		else
			log_warning("service.control", "unexpected message %d", (int)message.type);
	}
	(void)kill(getpid(), SIGTERM);
	return NULL;
}
