#include "api/http_metrics.h"

#include "provisioning/verify.h"

/* ---- label values: closed lists ---- */

/* What routes and problems answer; anything else is counted as the last one, 0. */
static const int STATUSES[] = {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 410, 413,
    415, 422, 429, 500, 501, 503, 0};

static const char *const METHODS[] = {
    [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
static const char *const PORTS[] = {"tls", "plain", "est"};

static size_t
status_index(int status)
{
	size_t i = 0;

	while (STATUSES[i] != status && STATUSES[i] != 0)
		i++;
	return i;
}

/* Routes in the order of their table, then "none". */
static size_t
route_count(void)
{
	size_t count;

	(void)routes_all(&count);
	return count + 1;
}

static size_t
route_index(const struct route *route)
{
	size_t count;
	const struct route *routes = routes_all(&count);

	for (size_t i = 0; i < count; i++)
		if (&routes[i] == route)
			return i;
	return count;
}

static void
append_route(struct buf *out, size_t series)
{
	size_t count;
	const struct route *routes = routes_all(&count);

	if (series < count)
		buf_append_format(out, "method=\"%s\",route=\"%s\"", METHODS[routes[series].method],
		    routes[series].pattern);
	else
		buf_append_text(out, "method=\"none\",route=\"none\"");
}

static size_t
answer_count(void)
{
	return route_count() * COUNT(STATUSES);
}

static void
append_answer(struct buf *out, size_t series)
{
	const int status = STATUSES[series % COUNT(STATUSES)];

	append_route(out, series / COUNT(STATUSES));
	if (status != 0)
		buf_append_format(out, ",status=\"%d\"", status);
	else
		buf_append_text(out, ",status=\"other\"");
}

static size_t
port_count(void)
{
	return COUNT(PORTS);
}

static void
append_port(struct buf *out, size_t series)
{
	buf_append_format(out, "port=\"%s\"", PORTS[series]);
}

static size_t
connection_count(void)
{
	return COUNT(PORTS) * (CONNECTION_STATE_COUNT - 1);
}

static void
append_connection(struct buf *out, size_t series)
{
	static const char *const states[] = {"idle", "arriving", "working", "answering"};

	append_port(out, series / COUNT(states));
	buf_append_format(out, ",state=\"%s\"", states[series % COUNT(states)]);
}

static size_t
refusal_count(void)
{
	return (size_t)LEAF_EVENT_COUNT * E_COUNT;
}

static void
append_refusal(struct buf *out, size_t series)
{
	const enum leaf_event event = (enum leaf_event)(series / E_COUNT);

	buf_append_format(out, "event=\"%s\",reason=\"%s\"",
	    event == LEAF_EVENT_NONE ? "none" : leaf_event_name(event),
	    error_info((enum error_code)(series % E_COUNT))->name);
}

static size_t
result_count(void)
{
	return ENROLLMENT_RESULT_COUNT;
}

static void
append_result(struct buf *out, size_t series)
{
	buf_append_format(
	    out, "result=\"%s\"", series == ENROLLMENT_ISSUED ? "issued" : "replayed");
}

static size_t
verdict_count(void)
{
	return VERDICT_UNKNOWN + 1;
}

static void
append_verdict(struct buf *out, size_t series)
{
	buf_append_format(out, "verdict=\"%s\"", verdict_name((enum verdict)series));
}

static size_t
waiting_count(void)
{
	return 2;
}

static void
append_waiting(struct buf *out, size_t series)
{
	buf_append_format(out, "kind=\"%s\"", series == 0 ? "poll" : "stream");
}

static const struct metric_labels ANSWERS = {answer_count, append_answer, true};
static const struct metric_labels ROUTES = {route_count, append_route, true};
static const struct metric_labels PORT = {port_count, append_port, false};
static const struct metric_labels CONNECTIONS = {connection_count, append_connection, false};
static const struct metric_labels REFUSALS = {refusal_count, append_refusal, true};
static const struct metric_labels RESULTS = {result_count, append_result, false};
static const struct metric_labels WAITING = {waiting_count, append_waiting, false};
static const struct metric_labels VERDICTS = {verdict_count, append_verdict, false};

#define US METRIC_US_PER_S
#define LATENCY &METRIC_LATENCY_US

/* clang-format off */
static const struct metric TABLE[] = {
	/*                          name                                      type             per labels        buckets  help */
	[HTTP_REQUESTS]          = {"moniker_http_requests_total",            METRIC_COUNTER,   1, &ANSWERS,     NULL,    "Requests answered by route and status; route none: refused before one was found."},
	[HTTP_DURATION]          = {"moniker_http_request_duration_seconds",  METRIC_HISTOGRAM, US, &ROUTES,     LATENCY, "Time from when a whole request had arrived until its answer was ready, waiting included."},
	[HTTP_QUEUE_WAIT]        = {"moniker_http_queue_wait_seconds",        METRIC_HISTOGRAM, US, NULL,        LATENCY, "Time a request waited for a worker thread."},
	[HTTP_WORKERS_WAITING]   = {"moniker_http_requests_waiting",          METRIC_GAUGE,     1, NULL,         NULL,    "Requests that wait for a worker thread."},
	[HTTP_WORKERS_BUSY]      = {"moniker_http_requests_in_flight",        METRIC_GAUGE,     1, NULL,         NULL,    "Requests that a worker thread runs."},
	[HTTP_CHANGES_WAITING]   = {"moniker_changes_waiting",                METRIC_GAUGE,     1, &WAITING,     NULL,    "Requests that wait for a change of status, and open streams of changes."},
	[HTTP_CONNECTIONS]       = {"moniker_http_connections",               METRIC_GAUGE,     1, &CONNECTIONS, NULL,    "Open connections by port and by what they do."},
	[HTTP_CONNECTIONS_TOTAL] = {"moniker_http_connections_total",         METRIC_COUNTER,   1, &PORT,        NULL,    "Connections accepted."},
	[HTTP_HANDSHAKES_FAILED] = {"moniker_tls_handshakes_failed_total",    METRIC_COUNTER,   1, NULL,         NULL,    "Connections of the TLS ports that ended before their handshake did."},
	[HTTP_REFUSALS]          = {"moniker_refusals_total",                 METRIC_COUNTER,   1, &REFUSALS,    NULL,    "Refusals by the audit event and the reason code of the problem document."},
	[HTTP_ENROLLMENTS]       = {"moniker_enrollments_total",              METRIC_COUNTER,   1, &RESULTS,     NULL,    "Enrollments answered with a certificate; replayed: an earlier one, again."},
	[HTTP_RENEWALS]          = {"moniker_renewals_total",                 METRIC_COUNTER,   1, &RESULTS,     NULL,    "Renewals answered with a certificate; replayed: an earlier one, again."},
	[HTTP_VERIFICATIONS]     = {"moniker_verifications_total",            METRIC_COUNTER,   1, &VERDICTS,    NULL,    "Certificates looked at by verdict."},
};
/* clang-format on */

struct metrics *
http_metrics_new(void)
{
	return metrics_new(TABLE, COUNT(TABLE));
}

/* ---- counting ---- */

void
http_metrics_answered(struct metrics *metrics, const struct route *route, int status)
{
	metrics_add(
	    metrics, HTTP_REQUESTS, route_index(route) * COUNT(STATUSES) + status_index(status), 1);
}

void
http_metrics_took(struct metrics *metrics, const struct route *route, int64_t duration_us)
{
	metrics_observe(metrics, HTTP_DURATION, route_index(route), duration_us);
}

void
http_metrics_refused(struct metrics *metrics, enum leaf_event event, enum error_code code)
{
	metrics_add(metrics, HTTP_REFUSALS, (size_t)event * E_COUNT + code, 1);
}

static size_t
port_index(enum route_port port)
{
	switch (port) {
	case ROUTE_TLS: return 0;
	case ROUTE_PLAIN: return 1;
	case ROUTE_EST: break;
	}
	return 2;
}

void
http_metrics_connection(struct metrics *metrics, enum route_port port, enum connection_state from,
    enum connection_state to)
{
	const size_t first = port_index(port) * (CONNECTION_STATE_COUNT - 1);

	if (from != CONNECTION_NONE)
		metrics_add(metrics, HTTP_CONNECTIONS, first + from - 1, -1);
	if (to != CONNECTION_NONE)
		metrics_add(metrics, HTTP_CONNECTIONS, first + to - 1, 1);
}

void
http_metrics_connected(struct metrics *metrics, enum route_port port)
{
	metrics_add(metrics, HTTP_CONNECTIONS_TOTAL, port_index(port), 1);
}
