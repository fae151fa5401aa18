/*
 * Requests that wait for a change of status, and streams of events: such a request runs again and
 * again on the workers, and is in nobody's hands in between. Its connection is suspended while it
 * waits; libmicrohttpd has at most one event of a stream, and the next is made when that has gone.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/problem.h"
#include "api/server_core.h"
#include "base/mem.h"

#define SEND_BUFFER_BYTES 32768 /* of the kernel, for a client that does not read */
#define BLOCK_BYTES 4096        /* that libmicrohttpd asks for at a time */

static bool
take_place(struct server *server, struct exchange *exchange)
{
	struct waiting *waiting = &exchange->waiting;

	waiting->caller = exchange->connection->memory.caller.person;
	waiting->placed = parking_enter(server->parking, waiting->caller);
	if (waiting->placed)
		metrics_add(server->app->metrics, HTTP_CHANGES_WAITING, waiting->stream, 1);
	return waiting->placed;
}

static void
leave_place(struct server *server, struct exchange *exchange)
{
	struct waiting *waiting = &exchange->waiting;

	if (!waiting->placed)
		return;
	waiting->placed = false;
	metrics_add(server->app->metrics, HTTP_CHANGES_WAITING, waiting->stream, -1);
	parking_leave(server->parking, waiting->caller);
}

static bool
park(struct server *server, struct exchange *exchange, int64_t until_ms)
{
	struct parked *parked = &exchange->waiting.parked;

	parked->job = &exchange->job;
	parked->beyond_seq = exchange->response.park_beyond_seq;
	parked->until_ms = until_ms;
	return parking_add(server->parking, parked);
}

/* ---- on a worker ---- */

void
wait_over(struct server *server, struct exchange *exchange)
{
	if (!exchange->waiting.stream)
		leave_place(server, exchange);
}

/* What ends a stream is its last event. */
static void
frame_problem(struct http_response *response)
{
	DEFER(buf_clear_public) struct buf event = {0};

	buf_append_text(&event, "event: problem\ndata: ");
	buf_append(&event, buf_bytes(&response->body));
	buf_append_text(&event, "\n\n");
	buf_clear(&response->body);
	buf_append(&response->body, buf_bytes(&event));
}

static void
begin_stream(struct server *server, struct exchange *exchange)
{
	struct waiting *waiting = &exchange->waiting;
	struct error err = {0};

	waiting->stream = true;
	if (server->parking != NULL && take_place(server, exchange)) {
		waiting->until_ms = clock_monotonic_ms() + server->options.stream_ms;
		exchange->request.resumed = true;
		return;
	}
	waiting->stream = false;
	(void)error_set(&err, E_BUSY, "no more streams are opened now");
	err.retry_after_s = 10;
	http_response_clear(&exchange->response);
	exchange->response = (struct http_response){0};
	dispatch_refuse(
	    server->app, exchange->route, &exchange->request, &err, &exchange->response);
}

static void
go_on(struct exchange *exchange)
{
	struct waiting *waiting = &exchange->waiting;

	waiting->sent = 0;
	if (!exchange->response.stream) {
		frame_problem(&exchange->response);
		waiting->last = true;
		return;
	}
	memcpy(exchange->request.last_event_id, exchange->response.event_id,
	    sizeof exchange->response.event_id);
	waiting->last = exchange->request.draining || clock_monotonic_ms() >= waiting->until_ms;
}

bool
wait_more(struct server *server, struct exchange *exchange)
{
	const struct http_response *response = &exchange->response;

	if (response->stream && !exchange->waiting.stream)
		begin_stream(server, exchange);
	if (exchange->waiting.stream) {
		go_on(exchange);
		return false;
	}
	if (response->park_ms == 0 || server->parking == NULL || !take_place(server, exchange))
		return false;
	exchange->request.resumed = true; /* if it is taken, the next to see it is its next run */
	if (park(server, exchange, clock_monotonic_ms() + response->park_ms))
		return true;
	leave_place(server, exchange);
	return false;
}

/* ---- on the loop ---- */

/* Until there is an event; false: there will be none. */
static bool
suspend_stream(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;
	struct server *server = connection->loop->server;
	int64_t until_ms = clock_monotonic_ms() + exchange->response.park_ms;

	if (until_ms > exchange->waiting.until_ms)
		until_ms = exchange->waiting.until_ms;
	(void)atomic_fetch_add(&server->suspended, 1);
	if (!park(server, exchange, until_ms)) {
		(void)atomic_fetch_sub(&server->suspended, 1);
		return false;
	}
	/* Only this thread resumes it, and not before this call is over. */
	connection->deadline_ms = 0;
	connection->suspended = exchange;
	MHD_suspend_connection(connection->mhd);
	return true;
}

static ssize_t
read_stream(void *context, uint64_t position, char *out, size_t max)
{
	struct exchange *exchange = context;
	struct waiting *waiting = &exchange->waiting;
	const struct bytes body = buf_bytes(&exchange->response.body);
	size_t len = body.len - waiting->sent;

	(void)position;
	if (atomic_load(&waiting->parked.gone))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (len == 0)
		return !waiting->last && suspend_stream(exchange)
			   ? 0
			   : MHD_CONTENT_READER_END_OF_STREAM;
	if (waiting->sent == 0) /* from now on the client has to take it */
		exchange->connection->deadline_ms =
		    clock_monotonic_ms() +
		    exchange->connection->loop->server->options.answer_deadline_ms;
	if (len > max)
		len = max;
	memcpy(out, &body.data[waiting->sent], len);
	waiting->sent += len;
	return (ssize_t)len;
}

/* The kernel would take megabytes for a client that does not read, and we would not know. */
struct MHD_Response *
wait_stream(struct exchange *exchange)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	const int len = SEND_BUFFER_BYTES;

	if (info != NULL)
		(void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &len, sizeof len);
	return MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, exchange, NULL);
}

void
wait_clear(struct exchange *exchange)
{
	leave_place(exchange->connection->loop->server, exchange);
}

/* Marks those whose client has closed its connection; true: there was one. */
static bool
mark_gone(const struct pollfd *fds, struct exchange *const *exchanges, size_t count)
{
	bool found = false;

	for (size_t i = 0; i < count; i++)
		if (fds[i].revents != 0) {
			atomic_store(&exchanges[i]->waiting.parked.gone, true);
			found = true;
		}
	return found;
}

/*
 * Nobody reads from a suspended connection: libmicrohttpd sees that its client is gone only when
 * the next answer or event is sent. So we look ourselves.
 */
void
wait_look(struct loop *loop)
{
	DEFER(mem_free) struct pollfd *fds = NULL;
	DEFER(mem_free) struct exchange **exchanges = NULL;
	struct server *server = loop->server;
	size_t count = 0, max = 0;

	if (server->parking == NULL)
		return;
	for (const struct connection *c = loop->connections; c != NULL; c = c->next)
		max += c->suspended != NULL;
	fds = xcalloc(max + 1, sizeof *fds);
	exchanges = xcalloc(max + 1, sizeof(struct exchange *));
	for (const struct connection *c = loop->connections; c != NULL; c = c->next) {
		const union MHD_ConnectionInfo *info;

		if (c->suspended == NULL || atomic_load(&c->suspended->waiting.parked.gone))
			continue;
		info = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
		fds[count] = (struct pollfd){.fd = info->connect_fd, .events = POLLRDHUP};
		exchanges[count++] = c->suspended;
	}
	if (count > 0 && poll(fds, count, 0) > 0 && mark_gone(fds, exchanges, count))
		parking_look(server->parking);
}
