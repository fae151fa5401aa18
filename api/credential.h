/* credential: whose enrollment it is: a station's, or a one-time token's. */
#ifndef API_CREDENTIAL_H
#define API_CREDENTIAL_H

#include "api/app.h"
#include "api/caller.h"

bool credential_is_station(const struct caller *caller);
/*
 * Fills in the station. A token in the request counts before it (provisioning/enroll.h), and is
 * charged to its own limit.
 * E_INCOMPLETE       a station that names neither batch nor token; with a pointer
 * E_CALLER_MISSING   nobody, without a token
 * E_ROLE_DENIED      somebody else, without a token
 * E_RATE_LIMITED
 */
MUST_CHECK bool credential_take(const struct app *app, const struct caller *caller,
    struct enroll_request *in, struct error *err);
/* What its answer counts as: enum enrollment_result. */
size_t credential_result(const struct enrolled *enrolled);

#endif
