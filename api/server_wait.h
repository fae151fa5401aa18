/* server_wait: requests that wait for a change of status, and streams. Internal to api/server*.c.
 */
#ifndef API_SERVER_WAIT_H
#define API_SERVER_WAIT_H

#include "api/parking.h"

struct exchange;
struct loop;
struct server;

/* What a request does that waits, or is answered by events without an end. */
struct waiting {
	struct parked parked;
	bool placed; /* it has a place in the parking, as this person's */
	int64_t caller;
	bool stream;
	bool last; /* the events in hand are the stream's last */
	size_t sent;
	int64_t until_ms;
};

/* On a worker, before and after a run of the request. */
void wait_over(struct server *server, struct exchange *exchange);
/* True: it waits for its next run, and another thread may have it already. */
MUST_CHECK bool wait_more(struct server *server, struct exchange *exchange);
/* On the loop: the response of a stream; NULL: no memory. */
struct MHD_Response *wait_stream(struct exchange *exchange);
/* The same: the exchange ends. */
void wait_clear(struct exchange *exchange);
/* The same: those whose clients are gone wait no longer. */
void wait_look(struct loop *loop);

#endif
