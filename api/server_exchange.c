/* A request from its first line to its answered end, as libmicrohttpd's callbacks see it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/problem.h"
#include "api/server_core.h"
#include "base/log.h"
#include "base/mem.h"

static const char FULL[] = "HTTP/1.1 413 Content Too Large\r\n"
			   "Content-Type: application/problem+json\r\nConnection: close\r\n"
			   "Content-Length: 97\r\n\r\n"
			   "{\"type\":\"urn:moniker:problem:too-large\",\"title\":"
			   "\"The request is too large\",\"code\":\"TOO_LARGE\"}";

static struct connection *
connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info->socket_context;
}

/* The request line has arrived. What this returns is the exchange's slot in later calls. */
void *
exchange_begin(void *context, const char *uri, struct MHD_Connection *mhd)
{
	const struct loop *loop = context;
	struct exchange *exchange = xcalloc(1, sizeof *exchange);
	uint8_t random[HANDLE_BYTES];

	rng_fill(loop->server->app->rng, random, sizeof random);
	handle_encode(exchange->request_id, random);
	exchange->request.request_id = exchange->request_id;
	exchange->connection = connection_of(mhd);
	exchange->uri_len = strlen(uri);
	return exchange;
}

void
exchange_end(
    void *context, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
	struct exchange *exchange = *slot;

	(void)context;
	(void)mhd;
	(void)code;
	if (exchange == NULL)
		return;
	/* The next request on this connection may begin at any time until the idle limit. */
	exchange->connection->deadline_ms =
	    clock_monotonic_ms() + IDLE_S * 1000 + REQUEST_DEADLINE_MS;
	http_response_clear(&exchange->response);
	buf_clear(&exchange->body);
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

/* The body stays the exchange's, which lives until exchange_end(). */
static enum MHD_Result
answer(struct exchange *exchange, struct MHD_Connection *mhd, bool close)
{
	struct http_response *from = &exchange->response;
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
	    from->body.len, from->body.data, no_free);
	enum MHD_Result queued = MHD_NO;

	if (response == NULL)
		return MHD_NO;
	if (add_headers(response, exchange, close))
		queued = MHD_queue_response(mhd, (unsigned)from->status, response);
	MHD_destroy_response(response);
	exchange->connection->deadline_ms = clock_monotonic_ms() + RESPONSE_DEADLINE_MS;
	return queued;
}

/* Refused on the loop's own thread: nothing is recorded that would block it. */
static enum MHD_Result
refuse_now(struct exchange *exchange, struct MHD_Connection *mhd, const struct error *err)
{
	log_error(LOG_LEVEL_INFO, "request.refused", exchange->request_id, err);
	problem_respond(err, exchange->request_id, &exchange->response);
	exchange->state = EXCHANGE_ANSWERED;
	return answer(exchange, mhd, true);
}

/* ---- arriving ---- */

/* Once a connection. */
static void
read_certificate(struct connection *connection)
{
	if (connection->certificate_read || connection->loop->port != ROUTE_TLS)
		return;
	connection->certificate_read = true;
	tls_read_certificate(connection->mhd, CERTIFICATE_DER_MAX, &connection->memory.certificate);
}

static enum MHD_Result
take_head(struct loop *loop, struct exchange *exchange, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version)
{
	struct error err = {0};
	struct error guarded = {0};

	read_certificate(exchange->connection);
	exchange->begun = true;
	if (!guard_read_request(mhd, url, method, &exchange->request, &err) ||
	    !routes_find(&exchange->request, loop->port, &exchange->route, &err))
		exchange->body_max = ROUTE_BODY_MAX; /* let the guard speak first */
	else
		exchange->body_max = exchange->route->body_max;
	if (!guard_check(mhd, method, exchange->uri_len, version, exchange->body_max, &guarded))
		return refuse_now(exchange, mhd, &guarded);
	return err.code == E_NONE ? MHD_YES : refuse_now(exchange, mhd, &err);
}

/*
 * A chunked body beyond its bound: libmicrohttpd takes no response while a body arrives, so the
 * answer goes straight into the session, and the connection ends.
 */
static enum MHD_Result
refuse_body(struct exchange *exchange, struct MHD_Connection *mhd)
{
	log_info("request.refused", "%s: a body beyond its bound", exchange->request_id);
	tls_send(mhd, bytes_of(FULL, sizeof FULL - 1));
	return MHD_NO;
}

static enum MHD_Result
take_body(struct exchange *exchange, struct MHD_Connection *mhd, const char *data, size_t *data_len)
{
	if (exchange->body.len + *data_len > exchange->body_max)
		return refuse_body(exchange, mhd);
	buf_append(&exchange->body, bytes_of(data, *data_len));
	*data_len = 0;
	return MHD_YES;
}

/* ---- on a worker ---- */

static void
run_exchange(struct job *job)
{
	struct exchange *exchange = (struct exchange *)job;
	struct loop *loop = exchange->connection->loop;

	dispatch(loop->server->app, exchange->route, &exchange->request,
	    &exchange->connection->memory, &exchange->response);
	loop_finish(loop, exchange);
}

static enum MHD_Result
hand_to_worker(struct loop *loop, struct exchange *exchange, struct MHD_Connection *mhd)
{
	struct error err = {0};

	exchange->request.body = buf_bytes(&exchange->body);
	exchange->job.run = run_exchange;
	exchange->state = EXCHANGE_WITH_WORKER;
	exchange->connection->deadline_ms = 0;
	(void)atomic_fetch_add(&loop->server->in_flight, 1);
	/* Only this thread resumes it, and not before this call is over. */
	if (!atomic_load(&loop->server->draining) &&
	    workers_submit(loop->server->workers, &exchange->job)) {
		MHD_suspend_connection(mhd);
		return MHD_YES;
	}
	(void)atomic_fetch_sub(&loop->server->in_flight, 1);
	(void)error_set(&err, E_RECORD_UNAVAILABLE, "too many requests wait");
	err.retry_after_s = 1;
	return refuse_now(exchange, mhd, &err);
}

enum MHD_Result
exchange_step(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
    const char *version, const char *data, size_t *data_len, void **slot)
{
	struct loop *loop = context;
	struct exchange *exchange = *slot;

	if (!exchange->begun)
		return take_head(loop, exchange, mhd, url, method, version);
	if (*data_len > 0)
		return take_body(exchange, mhd, data, data_len);
	if (exchange->state == EXCHANGE_ARRIVING)
		return hand_to_worker(loop, exchange, mhd);
	if (exchange->state == EXCHANGE_WITH_WORKER) {
		exchange->state = EXCHANGE_ANSWERED;
		return answer(exchange, mhd, atomic_load(&loop->server->draining));
	}
	return MHD_YES;
}
