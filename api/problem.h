/* problem: renders a struct error as RFC 9457 application/problem+json. */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include <jansson.h>

#include "api/http.h"
#include "base/error.h"

int problem_status(const struct error *err); /* HTTP status, RFC 9110 section 15 */

/* The caller owns the result. Our own failures (5xx) are explained in the log, never to the client.
 */
json_t *problem_to_json(const struct error *err, const char *request_id);

/* The whole response: status, body, Retry-After, WWW-Authenticate. */
void problem_respond(
    const struct error *err, const char *request_id, struct http_response *response);

/* Makes a 401's challenge one for a one-time token (RFC 7617), which EST clients wait for. `bare`:
 * without words: Bouncy Castle fails at the body of a 401, because it does not read it. */
void problem_ask_for_token(bool bare, struct http_response *response);

#endif
