/*
 * dispatch: from a request to its response: route, caller, handler; and the one place where an
 * error is logged, recorded and rendered.
 */
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "api/app.h"
#include "api/caller.h"
#include "api/http.h"
#include "api/routes.h"

/*
 * Always fills *response. `memory` is the connection's. Blocks: runs on a worker.
 */
void dispatch(const struct app *app, const struct route *route, struct http_request *request,
    struct caller_memory *memory, struct http_response *response);

/*
 * Logs errors that are, or are part of, an answer, and records them as refusals where the table of
 * errors says so and nobody did yet: in one commit. `wanted`: the callers that the route is for.
 */
void dispatch_note_all(const struct app *app, enum leaf_event event, unsigned wanted,
    const struct http_request *request, struct error *const *errs, size_t count);

/* Answers with `err`, after logging and recording it as dispatch does; for refusals before a route.
 */
void dispatch_refuse(const struct app *app, const struct route *route,
    const struct http_request *request, struct error *err, struct http_response *response);

#endif
