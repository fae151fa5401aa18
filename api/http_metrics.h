/* http_metrics: what the API counts; docs/metrics.md says what it means. */
#ifndef API_HTTP_METRICS_H
#define API_HTTP_METRICS_H

#include "api/routes.h"
#include "base/metrics.h"

enum http_metric {
	HTTP_REQUESTS, /* http_metrics_answered */
	HTTP_DURATION, /* by route */
	HTTP_QUEUE_WAIT,
	HTTP_WORKERS_WAITING,
	HTTP_WORKERS_BUSY,
	HTTP_CHANGES_WAITING,   /* by whether it is a stream */
	HTTP_CONNECTIONS,       /* http_metrics_connection */
	HTTP_CONNECTIONS_TOTAL, /* by port: 0 TLS, 1 plain */
	HTTP_HANDSHAKES_FAILED,
	HTTP_REFUSALS,      /* http_metrics_refused */
	HTTP_ENROLLMENTS,   /* by enum enrollment_result */
	HTTP_RENEWALS,      /* by the same */
	HTTP_VERIFICATIONS, /* by enum verdict */
};

enum enrollment_result { ENROLLMENT_ISSUED, ENROLLMENT_REPLAYED, ENROLLMENT_RESULT_COUNT };

enum connection_state {
	CONNECTION_NONE,      /* not open: not counted */
	CONNECTION_IDLE,      /* between requests, or in its handshake */
	CONNECTION_ARRIVING,  /* a request has begun to arrive */
	CONNECTION_WORKING,   /* it waits for a worker, or one has it */
	CONNECTION_ANSWERING, /* the answer goes out */
	CONNECTION_STATE_COUNT
};

struct metrics *http_metrics_new(void);

/* `route` NULL: none was found. */
void http_metrics_answered(struct metrics *metrics, const struct route *route, int status);
/* From when the whole request was there until its answer was. */
void http_metrics_took(struct metrics *metrics, const struct route *route, int64_t duration_us);
void http_metrics_refused(struct metrics *metrics, enum leaf_event event, enum error_code code);
/* From one state to another. */
void http_metrics_connection(struct metrics *metrics, enum route_port port,
    enum connection_state from, enum connection_state to);
void http_metrics_connected(struct metrics *metrics, enum route_port port);

#endif
