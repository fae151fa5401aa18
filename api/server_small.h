/*
 * server_small: HTTP for a program that has one thing to answer, such as a witness: small bodies,
 * a few threads that may block, no routes. The API's own server is api/server.h.
 */
#ifndef API_SERVER_SMALL_H
#define API_SERVER_SMALL_H

#include "base/buf.h"
#include "base/defer.h"
#include "base/error.h"

struct small_request {
	const char *method, *path; /* of the path no more than what stands before "?" */
	struct bytes body;
};
struct small_response {
	int status;
	const char *content_type; /* static */
	struct buf body;
};

struct small_options {
	const char *address; /* an IP address */
	int port;            /* 0: any that is free */
	size_t body_max;     /* octets; more is 413 */
	unsigned threads;
	unsigned connections_max, connections_per_address_max;
	unsigned idle_s;             /* until a connection that says nothing is closed */
	const char *certificate_pem; /* TLS, with key_pem; or NULL: none */
	const char *key_pem;         /* wiped by the caller after */
	void *context;
	void (*answer)(void *context, const struct small_request *request,
	    struct small_response *out); /* on any of the threads */
};

struct small_server;
/* Listens. E_CONFIG_INVALID: the address is none, the port is taken, or the certificate bad */
MUST_CHECK bool small_server_new(
    const struct small_options *options, struct small_server **out, struct error *err);
int small_server_port(const struct small_server *server);
void small_server_free(struct small_server *server); /* answers what it has begun */
DEFER_DECLARE(struct small_server, small_server_free)

#endif
