/* routes: the whole service on one screen. */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/app.h"
#include "api/caller.h"
#include "api/http.h"

typedef bool (*route_handler)(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err);

enum route_port {
	ROUTE_TLS = 1 << 0,
	ROUTE_PLAIN = 1 << 1,
	ROUTE_EST = 1 << 2, /* TLS 1.2, too, for old EST clients */
};
#define ROUTE_STANDBY (1U << 8) /* beside its ports: served while app->standby, too */

struct route {
	enum http_method method;
	const char *pattern;   /* {name}: a segment's text up to what follows it there; {+name}: the
				  rest, base64; {/name}: the rest, a path */
	unsigned callers;      /* who may: role bits, CALLER_DEVICE, CALLER_ANY */
	unsigned ports;        /* enum route_port bits, and ROUTE_STANDBY */
	size_t body_max;       /* octets; 0: no body */
	enum leaf_event event; /* of a refusal; LEAF_EVENT_NONE: not recorded */
	route_handler handler;
};

const struct route *routes_all(size_t *out_count);

/*
 * The route of a request, its {…} parts in request->params.
 * E_NOT_FOUND, E_METHOD_NOT_ALLOWED
 */
MUST_CHECK bool routes_find(struct http_request *request, enum route_port port,
    const struct route **out, struct error *err);

/* What the path takes, for Allow: "GET, HEAD, POST"; "" when there is no such path. */
#define ROUTES_METHODS_LEN 48
void routes_methods(
    const struct http_request *request, enum route_port port, char out[static ROUTES_METHODS_LEN]);

/* The largest body that any route takes. */
#define ROUTE_BODY_MAX (4u << 20)

#endif
