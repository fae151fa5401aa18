#include "db/listener.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "db/conn.h"

#define CONNECT_EVERY_MS 1000

struct listener {
	char *url, *application;
	char listen[sizeof "LISTEN " + LISTENER_CHANNEL_MAX];
	struct conn *conn; /* NULL: none */
	int wake;          /* eventfd */
	int64_t connect_at_ms;
};

bool
listener_new(const char *url, const char *application, const char *channel, struct listener **out,
    struct error *err)
{
	DEFER(listener_free) struct listener *listener = xcalloc(1, sizeof *listener);

	listener->url = xstrdup(url);
	listener->application = xstrdup(application);
	(void)snprintf(listener->listen, sizeof listener->listen, "LISTEN %s", channel);
	listener->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (listener->wake < 0)
		return error_set(err, E_INTERNAL, "no eventfd");
	*out = TAKE(listener);
	return true;
}

void
listener_free(struct listener *listener)
{
	if (listener == NULL)
		return;
	conn_close(listener->conn);
	if (listener->wake >= 0)
		(void)close(listener->wake);
	free(listener->url);
	free(listener->application);
	free(listener);
}

bool
listener_connected(const struct listener *listener)
{
	return listener->conn != NULL;
}

/* True: a connection was made just now. Who asks the database meets, and tells, the same failure.
 */
static bool
connect_again(struct listener *listener)
{
	struct error untold = {0};

	if (listener->conn != NULL || clock_monotonic_ms() < listener->connect_at_ms)
		return false;
	if (conn_open(listener->url, listener->application, &listener->conn, &untold) &&
	    conn_run_text(listener->conn, listener->listen, &untold))
		return true;
	conn_close(TAKE(listener->conn));
	listener->connect_at_ms = clock_monotonic_ms() + CONNECT_EVERY_MS;
	return false;
}

/* The notification itself says nothing: that there was one is why the wait ends. */
static void
take_notifications(struct listener *listener)
{
	(void)conn_notified(listener->conn);
	if (conn_failed(listener->conn))
		conn_close(TAKE(listener->conn));
}

void
listener_wait(struct listener *listener, int wait_ms)
{
	struct pollfd fds[2] = {
	    {.fd = listener->wake, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	uint64_t count;

	if (connect_again(listener))
		return;
	if (listener->conn != NULL)
		fds[1].fd = conn_socket(listener->conn);
	if (poll(fds, COUNT(fds), wait_ms) <= 0)
		return;
	if (fds[0].revents != 0)
		(void)!read(listener->wake, &count, sizeof count);
	if (fds[1].revents != 0)
		take_notifications(listener);
}

void
listener_wake(struct listener *listener)
{
	const uint64_t one = 1;

	(void)!write(listener->wake, &one, sizeof one);
}
