/* A request from its first line to its answered end, as libmicrohttpd's callbacks see it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "api/server_core.h"
#include "base/log.h"
#include "base/mem.h"

static struct connection *
connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info->socket_context;
}

static bool
is_draining(const struct loop *loop)
{
	return atomic_load(&loop->server->phase) != SERVER_SERVING;
}

static void
set_deadline(struct connection *connection, int64_t from_now_ms)
{
	connection->deadline_ms = clock_monotonic_ms() + from_now_ms;
}

/* The request line has arrived. What this returns is the exchange's slot in later calls. */
void *
exchange_begin(void *context, const char *target, struct MHD_Connection *mhd)
{
	const struct loop *loop = context;
	struct exchange *exchange = xcalloc(1, sizeof *exchange);
	uint8_t random[HANDLE_BYTES];

	rng_fill(loop->server->app->rng, random, sizeof random);
	handle_encode(exchange->request_id, random);
	exchange->request.request_id = exchange->request_id;
	exchange->connection = connection_of(mhd);
	exchange->began_us = clock_monotonic_us();
	connection_enter(exchange->connection, CONNECTION_ARRIVING);
	guard_read_target(target, &exchange->line);
	set_deadline(exchange->connection, loop->server->options.request_deadline_ms);
	return exchange;
}

void
exchange_end(
    void *context, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
	struct loop *loop = context;
	struct exchange *exchange = *slot;

	(void)mhd;
	(void)code;
	loop->moved++;
	if (exchange == NULL)
		return;
	if (exchange->begun)
		(void)atomic_fetch_sub(&loop->server->unanswered, 1);
	/* For the next request's line: libmicrohttpd closes who is silent before, and who drips
	 * octets is never silent. */
	set_deadline(exchange->connection, loop->server->options.request_deadline_ms);
	connection_enter(exchange->connection, CONNECTION_IDLE);
	wait_clear(exchange);
	http_response_clear(&exchange->response);
	buf_clear(&exchange->body);
	buf_clear(&exchange->authorization);
	free(exchange);
	*slot = NULL;
}

/* ---- answering ---- */

static void
no_free(void *context)
{
	(void)context;
}

static bool
add_headers(struct MHD_Response *response, const struct exchange *exchange, bool close)
{
	const struct http_response *from = &exchange->response;
	bool added = true;

	if (from->content_type != NULL)
		added = MHD_add_response_header(response, "Content-Type", from->content_type) ==
			MHD_YES;
	for (size_t i = 0; i < from->header_count; i++)
		added = MHD_add_response_header(
			    response, from->headers[i].name, from->headers[i].value) == MHD_YES &&
			added;
	if (close)
		added =
		    MHD_add_response_header(response, "Connection", "close") == MHD_YES && added;
	return MHD_add_response_header(response, "Moniker-Request-Id", exchange->request_id) ==
		   MHD_YES &&
	       added;
}

static void
note_answer(const struct exchange *exchange)
{
	static const char *const methods[] = {
	    [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
	struct metrics *metrics = exchange->connection->loop->server->app->metrics;
	const struct route *route = exchange->route;
	const int64_t now_us = clock_monotonic_us();

	connection_enter(exchange->connection, CONNECTION_ANSWERING);
	http_metrics_answered(metrics, route, exchange->response.status);
	if (exchange->handed)
		http_metrics_took(metrics, route, now_us - exchange->handed_us);
	log_request(LOG_LEVEL_DEBUG, "request.answered", exchange->request_id,
	    "method=%s route=%s status=%d us=%lld", route != NULL ? methods[route->method] : "none",
	    route != NULL ? route->pattern : "none", exchange->response.status,
	    (long long)(now_us - exchange->began_us));
}

/* A TLS record's worth for each who fetches, whatever the length of what is fetched. */
#define READ_BLOCK_BYTES ((size_t)16384)

static ssize_t
read_body(void *context, uint64_t from, char *out, size_t room)
{
	const struct http_response *response = context;
	const size_t left = response->read_len - (size_t)from;
	const size_t len = room < left ? room : left;

	return response->read(response->release_context, (size_t)from, (uint8_t *)out, len)
		   ? (ssize_t)len
		   : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The body stays the exchange's or is held by it, and that lives until exchange_end(). */
static struct MHD_Response *
make_response(struct exchange *exchange, size_t *out_len)
{
	struct http_response *from = &exchange->response;
	const struct bytes body = from->shared.data != NULL ? from->shared : buf_bytes(&from->body);

	*out_len = 0;
	if (exchange->waiting.stream)
		return wait_stream(exchange);
	*out_len = from->read != NULL ? from->read_len : body.len;
	if (from->read != NULL)
		return MHD_create_response_from_callback(
		    from->read_len, READ_BLOCK_BYTES, read_body, from, NULL);
	/* libmicrohttpd only reads it, though its type does not say so. */
	return MHD_create_response_from_buffer_with_free_callback(
	    body.len, (void *)(uintptr_t)body.data, no_free);
}

static enum MHD_Result
answer(struct exchange *exchange, struct MHD_Connection *mhd, bool close)
{
	const struct http_response *from = &exchange->response;
	size_t len;
	struct MHD_Response *response = make_response(exchange, &len);
	enum MHD_Result queued = MHD_NO;

	if (response == NULL)
		return MHD_NO;
	if (add_headers(response, exchange, close))
		queued = MHD_queue_response(mhd, (unsigned)from->status, response);
	MHD_destroy_response(response);
	exchange->connection->tls.more = len > 0 && !exchange->request.head && from->status != 304;
	note_answer(exchange);
	set_deadline(
	    exchange->connection, exchange->connection->loop->server->options.answer_deadline_ms);
	return queued;
}

/* On the loop's own thread, which it does not block: nobody has said yet who is refused, and
 * nobody's refusals are counted in memory (audit_refuse). */
static void
refuse(struct exchange *exchange, struct error *err)
{
	const struct loop *loop = exchange->connection->loop;
	char methods[ROUTES_METHODS_LEN];

	dispatch_refuse(
	    loop->server->app, exchange->route, &exchange->request, err, &exchange->response);
	if (err->code != E_METHOD_NOT_ALLOWED)
		return;
	routes_methods(&exchange->request, loop->port, methods);
	if (methods[0] != '\0') /* RFC 9110 section 15.5.6 */
		http_header(&exchange->response, "Allow", "%s", methods);
}

static enum MHD_Result
refuse_now(struct exchange *exchange, struct MHD_Connection *mhd, struct error *err, bool close)
{
	refuse(exchange, err);
	exchange->state = EXCHANGE_ANSWERED;
	return answer(exchange, mhd, close);
}

/* ---- arriving ---- */

/* Once a connection. */
static void
read_session(struct connection *connection)
{
	if (connection->session_read || connection->loop->port == ROUTE_PLAIN)
		return;
	connection->session_read = true;
	tls_read_certificate(connection->mhd, CERTIFICATE_DER_MAX, &connection->memory.certificate);
	tls_read_binding(connection->mhd, &connection->binding);
}

static enum MHD_Result
take_head(struct loop *loop, struct exchange *exchange, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version)
{
	struct error err = {0};
	struct error guarded = {0};

	read_session(exchange->connection);
	exchange->begun = true;
	(void)atomic_fetch_add(&loop->server->unanswered, 1);
	exchange->line.method = method;
	exchange->line.version = version;
	exchange->request.local = loop->server->options.metrics_local && peer_is_local(mhd);
	if (!guard_read_request(mhd, url, method, &exchange->request, &err) ||
	    !routes_find(&exchange->request, loop->port, &exchange->route, &err))
		exchange->body_max = ROUTE_BODY_MAX; /* let the guard speak first */
	else
		exchange->body_max = exchange->route->body_max;
	peer_network(mhd, exchange->request.network);
	if (!guard_check(mhd, &exchange->line, exchange->body_max, &guarded))
		return refuse_now(exchange, mhd, &guarded, true);
	guard_take_authorization(mhd, &exchange->authorization);
	/* The connection stays: to make a new one would cost us more than the answer does. */
	if (!limiter_address(
		loop->server->app->limiter, exchange->request.network, 1, &exchange->refused))
		return MHD_YES;
	return err.code == E_NONE ? MHD_YES : refuse_now(exchange, mhd, &err, true);
}

static void
send_past_library(struct MHD_Connection *mhd, struct bytes octets)
{
	const union MHD_ConnectionInfo *info;

	if (tls_send(mhd, octets))
		return;
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info != NULL)
		(void)send(info->connect_fd, octets.data, octets.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/*
 * A chunked body beyond its bound: libmicrohttpd takes no response while a body arrives, so the
 * answer goes out past it. Closing at once could take the answer away from a client that is still
 * sending (RFC 9112 section 9.6), so what comes is thrown away for a moment.
 */
static void
refuse_body(struct exchange *exchange, struct MHD_Connection *mhd)
{
	DEFER(buf_clear_public) struct buf out = {0};
	struct error err = {0};

	(void)error_set(&err, E_TOO_LARGE, "at most %zu octets here", exchange->body_max);
	refuse(exchange, &err);
	buf_append_format(&out,
	    "HTTP/1.1 413 Content Too Large\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\nMoniker-Request-Id: %s\r\n\r\n",
	    exchange->response.content_type, exchange->response.body.len, exchange->request_id);
	buf_append(&out, buf_bytes(&exchange->response.body));
	send_past_library(mhd, buf_bytes(&out));
	note_answer(exchange);
	exchange->state = EXCHANGE_LINGERING;
	set_deadline(exchange->connection, LINGER_MS);
}

/*
 * A large body gets the room that its length announces, but only when a part of it has come:
 * who only announces one is not given memory.
 */
static void
make_room(struct exchange *exchange, struct MHD_Connection *mhd)
{
	const char *announced;
	size_t len;

	if (exchange->room_made || exchange->body.len < BODY_ROOM_FROM)
		return;
	exchange->room_made = true;
	announced = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Content-Length");
	len = announced != NULL ? (size_t)strtoull(announced, NULL, 10) : 0; /* the guard read it */
	if (len <= exchange->body_max)
		buf_reserve(&exchange->body, len);
}

static enum MHD_Result
take_body(struct exchange *exchange, struct MHD_Connection *mhd, const char *data, size_t *data_len)
{
	if (exchange->state == EXCHANGE_ARRIVING && exchange->refused.code == E_NONE) {
		if (*data_len > exchange->body_max - exchange->body.len)
			refuse_body(exchange, mhd);
		else
			buf_append(&exchange->body, bytes_of(data, *data_len));
		make_room(exchange, mhd);
	}
	*data_len = 0;
	return MHD_YES;
}

/* ---- on a worker ---- */

static void
run_exchange(struct job *job)
{
	struct exchange *exchange = (struct exchange *)job;
	struct loop *loop = exchange->connection->loop;
	struct metrics *metrics = loop->server->app->metrics;

	if (exchange->request.resumed) {
		wait_over(loop->server, exchange);
	} else {
		metrics_add(metrics, HTTP_WORKERS_WAITING, 0, -1);
		metrics_observe(
		    metrics, HTTP_QUEUE_WAIT, 0, clock_monotonic_us() - exchange->handed_us);
	}
	exchange->request.draining = is_draining(loop);
	http_response_clear(&exchange->response); /* of the run before it waited */
	exchange->response = (struct http_response){0};
	metrics_add(metrics, HTTP_WORKERS_BUSY, 0, 1);
	dispatch(loop->server->app, exchange->route, &exchange->request,
	    &exchange->connection->memory, &exchange->response);
	metrics_add(metrics, HTTP_WORKERS_BUSY, 0, -1);
	if (!wait_more(loop->server, exchange))
		loop_finish(loop, exchange);
}

/* False: nobody takes it, and it was not suspended. */
static bool
submit(struct loop *loop, struct exchange *exchange)
{
	struct metrics *metrics = loop->server->app->metrics;

	exchange->job.run = run_exchange;
	exchange->handed_us = clock_monotonic_us();
	metrics_add(metrics, HTTP_WORKERS_WAITING, 0, 1);
	(void)atomic_fetch_add(&loop->server->suspended, 1);
	if (atomic_load(&loop->server->phase) != SERVER_CLOSING &&
	    workers_submit(loop->server->workers, &exchange->job))
		return true;
	(void)atomic_fetch_sub(&loop->server->suspended, 1);
	metrics_add(metrics, HTTP_WORKERS_WAITING, 0, -1);
	return false;
}

static enum MHD_Result
hand_to_worker(struct loop *loop, struct exchange *exchange, struct MHD_Connection *mhd)
{
	struct error err = {0};

	exchange->request.body = buf_bytes(&exchange->body);
	exchange->request.authorization = buf_bytes(&exchange->authorization);
	exchange->request.binding = buf_bytes(&exchange->connection->binding);
	exchange->request.shown = loop->port == ROUTE_EST;
	exchange->request.draining = is_draining(loop);
	connection_enter(exchange->connection, CONNECTION_WORKING);
	exchange->connection->deadline_ms = 0;
	/* Only this thread resumes it, and not before this call is over. */
	if (submit(loop, exchange)) {
		exchange->state = EXCHANGE_WITH_WORKER;
		exchange->handed = true;
		exchange->connection->suspended = exchange;
		MHD_suspend_connection(mhd);
		return MHD_YES;
	}
	(void)error_set(&err, E_BUSY, "too many requests wait");
	err.retry_after_s = 1;
	return refuse_now(exchange, mhd, &err, is_draining(loop));
}

/* The body is there, or has gone by. */
static enum MHD_Result
take_end(struct loop *loop, struct exchange *exchange, struct MHD_Connection *mhd)
{
	if (exchange->refused.code != E_NONE)
		return refuse_now(exchange, mhd, &exchange->refused, is_draining(loop));
	return hand_to_worker(loop, exchange, mhd);
}

enum MHD_Result
exchange_step(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *data_len, void **slot)
{
	struct loop *loop = context;
	struct exchange *exchange = *slot;

	loop->moved++;
	if (!exchange->begun)
		return take_head(loop, exchange, mhd, url, method, version);
	if (*data_len > 0)
		return take_body(exchange, mhd, data, data_len);
	if (exchange->state == EXCHANGE_ARRIVING)
		return take_end(loop, exchange, mhd);
	if (exchange->state == EXCHANGE_WITH_WORKER) {
		exchange->state = EXCHANGE_ANSWERED;
		return answer(exchange, mhd, is_draining(loop));
	}
	return exchange->state == EXCHANGE_LINGERING ? MHD_NO : MHD_YES;
}
