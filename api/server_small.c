#include "api/server_small.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define POOL_BYTES 32768 /* of a connection: heads, and what arrives of a body at once */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:%NO_TICKETS"

struct small_server {
	struct small_options options;
	struct MHD_Daemon *daemon;
};

struct small_exchange {
	bool is_too_large;
	struct buf body;
};

static enum MHD_Result
respond(struct MHD_Connection *connection, struct small_response *response)
{
	struct MHD_Response *mhd = MHD_create_response_from_buffer(
	    response->body.len, response->body.data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (mhd == NULL)
		return MHD_NO;
	if (response->content_type != NULL)
		(void)MHD_add_response_header(
		    mhd, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
	(void)MHD_add_response_header(mhd, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	result = MHD_queue_response(connection, (unsigned)response->status, mhd);
	MHD_destroy_response(mhd);
	return result;
}

/* Of what is too large nothing is kept, and its connection ends with the answer. */
static void
take_body(const struct small_server *server, struct small_exchange *exchange, struct bytes part)
{
	exchange->is_too_large =
	    exchange->is_too_large || part.len > server->options.body_max - exchange->body.len;
	if (exchange->is_too_large)
		buf_clear_public(&exchange->body);
	else
		buf_append(&exchange->body, part);
}

static bool
announces_too_much(const struct small_server *server, struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
	    connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length != NULL && strtoull(length, NULL, 10) > server->options.body_max;
}

static enum MHD_Result
refuse_large(struct MHD_Connection *connection)
{
	DEFER(buf_clear_public) struct buf body = {0};
	struct small_response response = {MHD_HTTP_CONTENT_TOO_LARGE, "text/plain", {0}};

	buf_append_text(&body, "the body is too large\n");
	response.body = body;
	return respond(connection, &response);
}

/* What libmicrohttpd calls: at the head, for each part of the body, and at its end. */
static enum MHD_Result
step(void *context, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_len, void **slot)
{
	struct small_server *server = context;
	struct small_exchange *exchange = *slot;
	struct small_request request = {method, url, {0}};
	struct small_response response = {0};
	enum MHD_Result result;

	(void)version;
	if (exchange == NULL) {
		if (announces_too_much(server, connection))
			return refuse_large(connection);
		*slot = xcalloc(1, sizeof *exchange);
		return MHD_YES;
	}
	if (*upload_len > 0) {
		take_body(server, exchange, bytes_of(upload, *upload_len));
		*upload_len = 0;
		return exchange->is_too_large ? MHD_NO : MHD_YES;
	}
	request.body = buf_bytes(&exchange->body);
	server->options.answer(server->options.context, &request, &response);
	result = respond(connection, &response);
	buf_clear_public(&response.body);
	return result;
}

static void
end(void *context, struct MHD_Connection *connection, void **slot,
    enum MHD_RequestTerminationCode code)
{
	struct small_exchange *exchange = *slot;

	(void)context;
	(void)connection;
	(void)code;
	if (exchange != NULL)
		buf_clear_public(&exchange->body);
	free(exchange);
	*slot = NULL;
}

static bool
parse_address(const struct small_options *options, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){0};
	if (inet_pton(AF_INET, options->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)options->port);
		return true;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)options->port);
	return inet_pton(AF_INET6, options->address, &v6->sin6_addr) == 1;
}

static struct MHD_Daemon *
start(struct small_server *server, const struct sockaddr_storage *address)
{
	const struct small_options *options = &server->options;
	const bool tls = options->certificate_pem != NULL;
	struct MHD_OptionItem tls_items[] = {
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES},
	    {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->certificate_pem},
	    {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key_pem},
	    {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem no_items[] = {{MHD_OPTION_END, 0, NULL}};

	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | (tls ? MHD_USE_TLS : 0u) |
				    (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u),
	    0, NULL, NULL, step, server, MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address,
	    MHD_OPTION_NOTIFY_COMPLETED, end, server, MHD_OPTION_THREAD_POOL_SIZE, options->threads,
	    MHD_OPTION_CONNECTION_LIMIT, options->connections_max,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_address_max,
	    MHD_OPTION_CONNECTION_TIMEOUT, options->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)POOL_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_ARRAY,
	    tls ? tls_items : no_items, MHD_OPTION_END);
}

bool
small_server_new(const struct small_options *options, struct small_server **out, struct error *err)
{
	DEFER(small_server_free) struct small_server *server = xcalloc(1, sizeof *server);
	struct sockaddr_storage address;

	server->options = *options;
	if (!parse_address(options, &address))
		return error_set(err, E_CONFIG_INVALID, "%.60s is no IP address", options->address);
	server->daemon = start(server, &address);
	if (server->daemon == NULL)
		return error_set(err, E_CONFIG_INVALID,
		    "cannot listen on %.60s port %d, or the certificate and its key are not good",
		    options->address, options->port);
	server->options.key_pem = NULL;
	*out = TAKE(server);
	return true;
}

int
small_server_port(const struct small_server *server)
{
	const union MHD_DaemonInfo *info =
	    MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info == NULL ? 0 : info->port;
}

void
small_server_free(struct small_server *server)
{
	if (server == NULL)
		return;
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	free(server);
}
