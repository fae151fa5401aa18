#include "api/dispatch.h"

#include <string.h>

#include "api/http_metrics.h"
#include "api/limits.h"
#include "api/problem.h"
#include "base/log.h"
#include "base/mem.h"

#define STANDBY_RETRY_S 5

/* A credential where one is needed, and one that may: 401, 403, or go on. */
static bool
caller_may(const struct route *route, const struct http_request *request,
    const struct caller *caller, struct error *err)
{
	const bool anybody =
	    (route->callers & CALLER_ANY) != 0 ||
	    ((route->callers & CALLER_TOKEN) != 0 && request->authorization.len > 0);

	if (caller->refused.code != E_NONE) {
		/* Who was never ours counts as nobody; whom we shut out stays out. */
		if (anybody && caller->refused.code == E_CALLER_UNKNOWN)
			return true;
		*err = caller->refused;
		return false;
	}
	if (anybody)
		return true;
	if (caller->kind == CALLER_IS_NOBODY)
		return error_set(err, E_CALLER_MISSING,
		    (route->callers & CALLER_TOKEN) != 0
			? "a station's certificate or a one-time token is needed here"
			: "a client certificate is needed here");
	if ((caller->mask & route->callers) == 0)
		return error_set(err, E_ROLE_DENIED, "this certificate's roles do not allow it");
	return !caller->expired || route->event == LEAF_RENEW_REFUSED ||
	       error_set(err, E_CALLER_EXPIRED, "the client certificate has expired: renew it");
}

/* Where it matters more than that the roles are of this second: as they were a moment ago. */
static bool
resolve_caller(const struct app *app, const struct route *route, struct caller_memory *memory,
    struct caller *out, struct error *err)
{
	struct error failed = {0};

	if (caller_resolve(app->callers, memory, out, &failed))
		return true;
	if (failed.code == E_DATABASE_UNAVAILABLE && (route->callers & CALLER_REMEMBERED) != 0)
		return caller_recall(app->callers, memory, out, err);
	*err = failed;
	return false;
}

/* Each line of NDJSON is a request; one with more lines than are taken is refused as a whole. */
static int64_t
cost_of(const struct http_request *request)
{
	const bool lines = strcmp(request->content_type, "application/x-ndjson") == 0;
	const size_t count = lines ? http_lines(request) : 1;

	return count == 0 || count > ENROLL_MANY_MAX ? 1 : (int64_t)count;
}

/* Of nobody the address is all that is known; it was charged for one when the request began. */
static bool
within_limits(const struct app *app, const struct http_request *request,
    const struct caller *caller, struct error *err)
{
	const int64_t cost = cost_of(request);

	if (request->resumed) /* charged when it came */
		return true;
	if (caller->kind != CALLER_IS_NOBODY && caller->refused.code == E_NONE)
		return limiter_caller(app->limiter, caller, cost, err);
	return cost == 1 || limiter_address(app->limiter, request->network, cost - 1, err);
}

/* Who is refused at the door is an admin.login event, whatever the route. */
static enum leaf_event
event_of(enum leaf_event event, const struct error *err)
{
	switch ((int)err->code) {
	case E_CALLER_MISSING:
	case E_CALLER_UNKNOWN:
	case E_CALLER_EXPIRED:
	case E_CALLER_REVOKED:
	case E_ROLE_DENIED: return LEAF_ADMIN_LOGIN_REFUSED;
	/* At any route, too, but where one has an event of its own that says what was held back. */
	case E_RATE_LIMITED: return event != LEAF_EVENT_NONE ? event : LEAF_ADMIN_LOGIN_REFUSED;
	default: return event;
	}
}

static void
record(const struct app *app, unsigned wanted, const struct http_request *request,
    const struct audit_refusal *refusals, size_t count)
{
	static const struct caller nobody = {.kind = CALLER_IS_NOBODY};
	const struct caller *caller = request->caller != NULL ? request->caller : &nobody;
	char actor[CALLER_ACTOR_LEN];
	struct error failed = {0};

	if (count == 0 || app->standby) /* there is no log yet to write it to */
		return;
	/* A certificate that is no credential names nobody. */
	caller_actor(caller->refused.code != E_NONE ? &nobody : caller, wanted, actor);
	/* A refusal is always answered, even when it cannot be written (audit: counted in the log).
	 */
	if (!audit_refuse_all(app->audit, actor, refusals, count, &failed))
		log_error(LOG_LEVEL_WARNING, "audit.refusal_lost", request->request_id, &failed);
}

/* What comes in floods by its nature does not flood the log. */
static enum log_level
level_of(const struct error *err)
{
	switch ((int)err->code) {
	case E_RATE_LIMITED: return LOG_LEVEL_DEBUG;
	case E_NOT_OFFERED:
	case E_BUSY: return LOG_LEVEL_INFO;
	default: return problem_status(err) >= 500 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
	}
}

void
dispatch_note_all(const struct app *app, enum leaf_event event, unsigned wanted,
    const struct http_request *request, struct error *const *errs, size_t count)
{
	DEFER(mem_free) struct audit_refusal *refusals = xcalloc(count + 1, sizeof *refusals);
	size_t refusal_count = 0;

	for (size_t i = 0; i < count; i++) {
		const enum leaf_event own = event_of(event, errs[i]);

		http_metrics_refused(app->metrics, own, errs[i]->code);
		if (error_info(errs[i]->code)->audit && !errs[i]->recorded &&
		    own != LEAF_EVENT_NONE)
			refusals[refusal_count++] = (struct audit_refusal){own, errs[i]};
	}
	record(app, wanted, request, refusals, refusal_count);
	for (size_t i = 0; i < count; i++)
		log_error(level_of(errs[i]), "request.refused", request->request_id, errs[i]);
}

void
dispatch_refuse(const struct app *app, const struct route *route,
    const struct http_request *request, struct error *err, struct http_response *response)
{
	dispatch_note_all(app, route != NULL ? route->event : LEAF_EVENT_NONE,
	    route != NULL ? route->callers : 0, request, &err, 1);
	problem_respond(err, request->request_id, response);
	if (response->status == 401 && route != NULL && (route->callers & CALLER_TOKEN) != 0)
		problem_ask_for_token(!request->accepts, response);
}

/* What it cannot do yet it does not half do. */
static bool
is_served(const struct app *app, const struct route *route, struct error *err)
{
	if (!app->standby || (route->ports & ROUTE_STANDBY) != 0)
		return true;
	(void)error_set(err, E_DATABASE_UNAVAILABLE,
	    "the service has started without its database, and waits for it");
	err->retry_after_s = STANDBY_RETRY_S;
	return false;
}

void
dispatch(const struct app *app, const struct route *route, struct http_request *request,
    struct caller_memory *memory, struct http_response *response)
{
	struct caller caller = {.kind = CALLER_IS_NOBODY};
	struct error err = {0};

	/* What everybody may have does not depend on who asks, nor on a database that knows. */
	const bool open = route->callers == CALLER_ANY ||
			  ((route->callers & CALLER_LOCAL) != 0 && request->local);

	request->caller = &caller;
	if (!is_served(app, route, &err) ||
	    (!open && (!resolve_caller(app, route, memory, &caller, &err) ||
			  !within_limits(app, request, &caller, &err) ||
			  !caller_may(route, request, &caller, &err))) ||
	    !route->handler(app, request, response, &err))
		dispatch_refuse(app, route, request, &err, response);
	request->caller = NULL;
}
