#include "api/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server_core.h"
#include "base/mem.h"

#define BACKLOG 1024
#define QUEUE_PER_WORKER 16
#define LAST_ANSWERS_MS 1000 /* of workers that took longer than the drain */

/* ---- sockets: one for each loop, the kernel spreads connections over them ---- */

static bool
listen_on(const char *address, int port, int *out, struct error *err)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	char service[8];
	const int on = 1;
	int fd = -1;
	bool bound;

	(void)snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(address, service, &hints, &list) != 0)
		return error_set(
		    err, E_CONFIG_INVALID, "%s is not an address to listen on", address);
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
		bind(fd, list->ai_addr, list->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
	freeaddrinfo(list);
	if (bound) {
		*out = fd;
		return true;
	}
	(void)error_set(err, E_CONFIG_INVALID, "cannot listen on port %d of %s", port, address);
	error_cause_errno(err);
	if (fd >= 0)
		(void)close(fd);
	return false;
}

static int
port_of(int fd)
{
	union {
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
		struct sockaddr any;
	} address = {0};
	socklen_t len = sizeof address;

	if (getsockname(fd, &address.any, &len) != 0)
		return 0;
	return ntohs(
	    address.ipv6.sin6_family == AF_INET6 ? address.ipv6.sin6_port : address.ipv4.sin_port);
}

/* SO_REUSEPORT would let a second server share the port unseen: look whether it is taken first. */
static bool
port_is_free(const char *address, int port, struct error *err)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	const int on = 1;
	char service[8];
	bool is_free;
	int fd;

	(void)snprintf(service, sizeof service, "%d", port);
	if (port == 0 || getaddrinfo(address, service, &hints, &list) != 0)
		return true;
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	is_free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
		  bind(fd, list->ai_addr, list->ai_addrlen) == 0;
	if (fd >= 0)
		(void)close(fd);
	freeaddrinfo(list);
	return is_free ||
	       error_set(err, E_CONFIG_INVALID, "port %d of %s is in use", port, address);
}

static bool
start_loops(
    struct server *server, enum route_port port, int count, int *inout_port, struct error *err)
{
	if (!port_is_free(server->options.address, *inout_port, err))
		return false;
	for (int i = 0; i < count; i++) {
		int fd = -1;

		if (!listen_on(server->options.address, *inout_port, &fd, err))
			return false;
		*inout_port = port_of(fd);
		if (!loop_start(server, port, fd, &server->loops[server->loop_count], err))
			return false;
		server->loop_count++;
	}
	return true;
}

/* One loop: who needs it is few, and no reason for a thread a core. */
static bool
start_est_legacy(struct server *server, struct error *err)
{
	const int wanted = server->options.est_legacy_port;

	server->est_legacy_port = wanted > 0 ? wanted : 0;
	return wanted == 0 || start_loops(server, ROUTE_EST, 1, &server->est_legacy_port, err);
}

static bool
start(struct server *server, struct error *err)
{
	const struct server_options *options = &server->options;
	const int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
	int loops = options->loop_count > 0 ? options->loop_count : processors;

	if (loops > 60)
		loops = 60;
	if (!tls_set_chain(&server->tls, options->tls_certificate_pem, options->tls_key_pem, err))
		return false;
	server->tls_port = options->tls_port;
	server->http_port = options->http_port;
	return workers_new(options->worker_count, options->worker_count * QUEUE_PER_WORKER,
		   &server->workers, err) &&
	       (server->app->statuses == NULL ||
		   parking_new(server->app->statuses, server->workers, &server->parking, err)) &&
	       start_loops(server, ROUTE_TLS, loops, &server->tls_port, err) &&
	       start_loops(server, ROUTE_PLAIN, 1, &server->http_port, err) &&
	       start_est_legacy(server, err);
}

bool
server_new(const struct app *app, const struct server_options *options, struct server **out,
    struct error *err)
{
	struct server *server = xcalloc(1, sizeof *server);

	tls_init(&server->tls);
	server->app = app;
	server->options = *options;
	if (server->options.request_deadline_ms == 0)
		server->options.request_deadline_ms = REQUEST_DEADLINE_MS;
	if (server->options.answer_deadline_ms == 0)
		server->options.answer_deadline_ms = ANSWER_DEADLINE_MS;
	if (server->options.stream_ms == 0)
		server->options.stream_ms = STREAM_MS;
	if (!start(server, err)) {
		server_drain_and_free(server, 0);
		return false;
	}
	*out = server;
	return true;
}

int
server_tls_port(const struct server *server)
{
	return server->tls_port;
}

int
server_http_port(const struct server *server)
{
	return server->http_port;
}

int
server_est_legacy_port(const struct server *server)
{
	return server->est_legacy_port;
}

bool
server_set_certificate(
    struct server *server, const char *certificate_pem, const char *key_pem, struct error *err)
{
	return tls_set_chain(&server->tls, certificate_pem, key_pem, err);
}

static void
wait_for_zero(const atomic_int *count, int64_t until_ms)
{
	while (atomic_load(count) > 0 && clock_monotonic_ms() < until_ms)
		(void)usleep(1000);
}

/* A phase is set before requests are counted, and a request counts before it looks at the phase:
 * so what is not seen here sees the phase. */
static void
enter_phase(struct server *server, enum server_phase phase)
{
	atomic_store(&server->phase, phase);
	for (int i = 0; i < server->loop_count; i++)
		loop_wake(server->loops[i]);
}

void
server_drain_and_free(struct server *server, int wait_ms)
{
	const int64_t until_ms = clock_monotonic_ms() + wait_ms;

	enter_phase(server, SERVER_DRAINING);
	if (server->parking != NULL)
		parking_close(server->parking);
	wait_for_zero(&server->unanswered, until_ms);
	enter_phase(server, SERVER_CLOSING);
	wait_for_zero(&server->unanswered, until_ms);
	/* What a worker has begun may be on record: it is finished and answered, however late. And
	 * a suspended connection may not be stopped. */
	if (server->parking != NULL)
		parking_end(server->parking);
	workers_free(server->workers);
	wait_for_zero(&server->suspended, INT64_MAX);
	wait_for_zero(&server->unanswered, clock_monotonic_ms() + LAST_ANSWERS_MS);
	for (int i = 0; i < server->loop_count; i++)
		loop_stop(server->loops[i]);
	parking_free(server->parking); /* until now streams had places */
	tls_clear(&server->tls);
	free(server);
}
