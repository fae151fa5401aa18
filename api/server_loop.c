/*
 * One libmicrohttpd daemon on a thread of ours. Not on its own: in 0.9.75 that stalls when exactly
 * 128 or 256 events are ready at once, and a resume from another thread loses wake-ups. Here the
 * loop that owns a connection is the only one that touches it, and never waits over a second.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server_core.h"
#include "base/log.h"
#include "base/mem.h"

#define LOOP_WAIT_MS 1000
#define REAP_EVERY_MS 500
#define LULL_GROWTH 4

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:%NO_TICKETS"
/* Of TLS 1.2 only what TLS 1.3 kept: ephemeral keys, AEAD. */
#define LEGACY_PRIORITIES                                                              \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:-CIPHER-ALL:" \
	"+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:-MAC-ALL:+AEAD:%NO_TICKETS"

/* ---- connections ---- */

void
connection_enter(struct connection *connection, enum connection_state state)
{
	const struct loop *loop = connection->loop;

	http_metrics_connection(loop->server->app->metrics, loop->port, connection->state, state);
	connection->state = state;
}

static void
connection_open(struct loop *loop, struct MHD_Connection *mhd, void **slot)
{
	struct connection *connection = xcalloc(1, sizeof *connection);

	connection->loop = loop;
	connection->tls.holder = &loop->server->tls;
	connection->tls.moved = &loop->moved;
	connection->mhd = mhd;
	connection->deadline_ms = clock_monotonic_ms() + loop->server->options.request_deadline_ms;
	connection->next = loop->connections;
	connection->prev = &loop->connections;
	if (loop->connections != NULL)
		loop->connections->prev = &connection->next;
	loop->connections = connection;
	*slot = connection;
	connection_enter(connection, CONNECTION_IDLE);
	http_metrics_connected(loop->server->app->metrics, loop->port);
	if (loop->port != ROUTE_PLAIN)
		tls_begin(mhd, &connection->tls);
}

/* The TLS session is not to be touched any more here. */
static void
connection_close(void **slot)
{
	struct connection *connection = *slot;

	if (connection == NULL)
		return;
	*connection->prev = connection->next;
	if (connection->next != NULL)
		connection->next->prev = connection->prev;
	if (connection->loop->port != ROUTE_PLAIN && !connection->tls.done)
		metrics_add(connection->loop->server->app->metrics, HTTP_HANDSHAKES_FAILED, 0, 1);
	connection_enter(connection, CONNECTION_NONE);
	tls_end(&connection->tls);
	caller_memory_clear(&connection->memory);
	buf_clear(&connection->binding);
	free(connection);
	*slot = NULL;
}

static void
notify_connection(void *context, struct MHD_Connection *mhd, void **slot,
    enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_open(context, mhd, slot);
	else
		connection_close(slot);
}

/* Who drips octets never becomes inactive: the deadline ends it. */
static void
reap(struct loop *loop)
{
	const int64_t now_ms = clock_monotonic_ms();

	if (now_ms - loop->reaped_at_ms < REAP_EVERY_MS)
		return;
	loop->reaped_at_ms = now_ms;
	for (struct connection *c = loop->connections; c != NULL; c = c->next) {
		const union MHD_ConnectionInfo *info;

		if (c->deadline_ms == 0 || c->deadline_ms > now_ms)
			continue;
		info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info != NULL)
			(void)shutdown(info->connect_fd, SHUT_RDWR);
		c->deadline_ms = 0;
	}
	wait_look(loop);
}

/* ---- the thread ---- */

void
loop_wake(struct loop *loop)
{
	const uint64_t one = 1;

	(void)!write(loop->wake, &one, sizeof one);
}

void
loop_finish(struct loop *loop, struct exchange *exchange)
{
	bool first;

	(void)pthread_mutex_lock(&loop->mutex);
	first = loop->finished == NULL;
	exchange->next = loop->finished;
	loop->finished = exchange;
	(void)pthread_mutex_unlock(&loop->mutex);
	/* Who came before has woken it, and it takes all that are there. */
	if (first)
		loop_wake(loop);
}

/* Only the owning loop resumes: from another thread libmicrohttpd loses wake-ups. */
static void
resume_finished(struct loop *loop)
{
	struct exchange *exchange;

	(void)pthread_mutex_lock(&loop->mutex);
	exchange = loop->finished;
	loop->finished = NULL;
	(void)pthread_mutex_unlock(&loop->mutex);
	while (exchange != NULL) {
		struct exchange *next = exchange->next;

		exchange->connection->suspended = NULL;
		MHD_resume_connection(exchange->connection->mhd);
		(void)atomic_fetch_sub(&loop->server->suspended, 1);
		exchange = next;
	}
}

static int
wait_ms(const struct loop *loop)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms = 0;

	if (MHD_get_timeout(loop->daemon, &timeout_ms) != MHD_YES || timeout_ms > LOOP_WAIT_MS)
		return LOOP_WAIT_MS;
	return (int)timeout_ms > loop->lull_ms ? (int)timeout_ms : loop->lull_ms;
}

/* A long record is read in pieces: then nothing comes from the socket, and it goes on all the same.
 */
static bool
has_unread(const struct loop *loop)
{
	for (const struct connection *c = loop->connections; c != NULL; c = c->next)
		if (c->tls.done &&
		    (c->state == CONNECTION_IDLE || c->state == CONNECTION_ARRIVING) &&
		    tls_has_pending(c->mhd))
			return true;
	return false;
}

/*
 * libmicrohttpd takes a handshake whose next octets are not there yet for one that can go on, and
 * would spin until they are: a core for each round trip of a client, and for as long as one likes
 * that says no more. So what it runs in vain waits, longer each time, for an event to end it.
 * Only TLS has such connections, and only there we see whether something came or went.
 */
static void
note_lull(struct loop *loop, bool in_vain)
{
	if (!in_vain || loop->port == ROUTE_PLAIN || has_unread(loop))
		loop->lull_ms = 0;
	else
		loop->lull_ms = loop->lull_ms == 0 ? 1 : loop->lull_ms * LULL_GROWTH;
	if (loop->lull_ms > LOOP_WAIT_MS)
		loop->lull_ms = LOOP_WAIT_MS;
}

/* Draining: nobody new comes in; the socket is ours to close then. */
static void
fall_quiet(struct loop *loop)
{
	MHD_socket fd;

	if (loop->quiet || atomic_load(&loop->server->phase) == SERVER_SERVING)
		return;
	loop->quiet = true;
	fd = MHD_quiesce_daemon(loop->daemon);
	if (fd != MHD_INVALID_SOCKET)
		(void)close(fd);
}

static void *
loop_main(void *context)
{
	struct loop *loop = context;
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd fds[] = {
	    {.fd = info->epoll_fd, .events = POLLIN}, {.fd = loop->wake, .events = POLLIN}};

	while (!atomic_load(&loop->stop)) {
		const uint64_t moved = loop->moved;
		uint64_t count;
		const int events = poll(fds, COUNT(fds), wait_ms(loop));

		if ((fds[1].revents & POLLIN) != 0)
			(void)!read(loop->wake, &count, sizeof count);
		fall_quiet(loop);
		resume_finished(loop);
		(void)MHD_run(loop->daemon);
		note_lull(loop, events == 0 && loop->moved == moved);
		reap(loop);
	}
	return NULL;
}

__attribute__((format(printf, 2, 0))) static void
log_library(void *context, const char *format, va_list ap)
{
	char text[256];

	(void)context;
	(void)vsnprintf(text, sizeof text, format, ap);
	text[strcspn(text, "\n")] = '\0';
	log_write(LOG_LEVEL_DEBUG, "http.library", "%s", text);
}

static struct MHD_Daemon *
start_daemon(struct loop *loop, int listen_fd)
{
	const struct server_options *options = &loop->server->options;
	const bool tls = loop->port != ROUTE_PLAIN;
	/* No tickets: a session is as long as its connection. */
	const struct MHD_OptionItem tls_items[] = {
	    {MHD_OPTION_HTTPS_PRIORITIES, 0,
		(void *)(uintptr_t)(loop->port == ROUTE_EST ? LEGACY_PRIORITIES : PRIORITIES)},
	    {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)tls_chain_callback()},
	    {MHD_OPTION_END, 0, NULL}};
	const struct MHD_OptionItem no_items[] = {{MHD_OPTION_END, 0, NULL}};

	return MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0u),
	    0, NULL, NULL, exchange_step, loop, MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL,
	    MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_CONNECTION, notify_connection,
	    loop, MHD_OPTION_NOTIFY_COMPLETED, exchange_end, loop, MHD_OPTION_URI_LOG_CALLBACK,
	    exchange_begin, loop, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT,
	    (unsigned)options->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned)options->connections_per_address_max, MHD_OPTION_STRICT_FOR_CLIENT, 0,
	    MHD_OPTION_ARRAY, tls ? tls_items : no_items, MHD_OPTION_END);
}

static void
loop_free(struct loop *loop)
{
	if (loop->wake >= 0)
		(void)close(loop->wake);
	(void)pthread_mutex_destroy(&loop->mutex);
	free(loop);
}

bool
loop_start(struct server *server, enum route_port port, int listen_fd, struct loop **out,
    struct error *err)
{
	struct loop *loop = xcalloc(1, sizeof *loop);

	loop->server = server;
	loop->port = port;
	(void)pthread_mutex_init(&loop->mutex, NULL);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->daemon = loop->wake < 0 ? NULL : start_daemon(loop, listen_fd);
	if (loop->daemon == NULL) {
		(void)close(listen_fd);
		loop_free(loop);
		return error_set(err, E_INTERNAL, "libmicrohttpd does not start");
	}
	if (pthread_create(&loop->thread, NULL, loop_main, loop) != 0) {
		MHD_stop_daemon(loop->daemon);
		loop_free(loop);
		return error_set(err, E_INTERNAL, "cannot start a thread");
	}
	*out = loop;
	return true;
}

void
loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	loop_wake(loop);
	(void)pthread_join(loop->thread, NULL);
	MHD_stop_daemon(loop->daemon);
	loop_free(loop);
}
