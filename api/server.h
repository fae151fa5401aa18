/*
 * server: HTTP/1.1 over TLS 1.3; on a second port, plain HTTP for CRLs and CA certificates; and on
 * a third, if wanted, EST alone over TLS 1.2, too. The only part that knows libmicrohttpd is
 * api/server*.c.
 */
#ifndef API_SERVER_H
#define API_SERVER_H

#include "api/app.h"
#include "base/error.h"

struct server_options {
	const char *address;     /* to bind: "::" or "127.0.0.1", ... */
	int tls_port, http_port; /* 0: any free port */
	int est_legacy_port;     /* 0: none; -1: any free port */
	int loop_count;          /* external libmicrohttpd loops; 0: one a core */
	int worker_count;        /* threads that run handlers */
	int connections_max;     /* per loop */
	int connections_per_address_max;
	bool metrics_local; /* requests from this host need no certificate where CALLER_LOCAL may */
	int request_deadline_ms; /* until its line, and from there until it has arrived; 0: 15 s */
	int answer_deadline_ms;  /* until the client has taken an answer; 0: 60 s */
	int stream_ms;           /* until a stream of events is ended; 0: an hour */
	const char *tls_certificate_pem; /* chain, leaf first; text */
	const char *tls_key_pem;         /* text; wiped by the caller after */
};

struct server;
/* Starts serving. E_INTERNAL, E_CONFIG_INVALID (port taken, bad certificate) */
MUST_CHECK bool server_new(const struct app *app, const struct server_options *options,
    struct server **out, struct error *err);
int server_tls_port(const struct server *server);
int server_http_port(const struct server *server);
int server_est_legacy_port(const struct server *server); /* 0: none */
/* Later handshakes use this certificate. */
MUST_CHECK bool server_set_certificate(
    struct server *server, const char *certificate_pem, const char *key_pem, struct error *err);
/* Stops accepting, lets requests in flight finish (at most wait_ms), closes, frees. */
void server_drain_and_free(struct server *server, int wait_ms);

#endif
