#include "api/credential.h"

#include "api/http_metrics.h"
#include "api/limits.h"

bool
credential_is_station(const struct caller *caller)
{
	return caller->kind == CALLER_IS_OPERATOR && (caller->mask & ROLE_STATION) != 0;
}

bool
credential_take(const struct app *app, const struct caller *caller, struct enroll_request *in,
    struct error *err)
{
	if (credential_is_station(caller)) {
		in->station_person = caller->person;
		in->station_handle = caller->handle;
		return in->batch != NULL || in->token != NULL ||
		       error_set_field(err, E_INCOMPLETE, "/batch", "is required without a token");
	}
	if (in->token != NULL)
		return limiter_token(app->limiter, in->token, err);
	return caller->kind == CALLER_IS_NOBODY
		   ? error_set(
			 err, E_CALLER_MISSING, "a station's certificate or a token is needed")
		   : error_set(
			 err, E_ROLE_DENIED, "the caller is no station, and there is no token");
}

size_t
credential_result(const struct enrolled *enrolled)
{
	return enrolled->created ? ENROLLMENT_ISSUED : ENROLLMENT_REPLAYED;
}
