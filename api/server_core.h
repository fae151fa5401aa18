/* server_core: what the rooms of the HTTP core share. Internal to api/server*.c. */
#ifndef API_SERVER_CORE_H
#define API_SERVER_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include <microhttpd.h>

#include "api/dispatch.h"
#include "api/http_metrics.h"
#include "api/limits.h"
#include "api/server.h"
#include "api/server_tls.h"
#include "api/server_wait.h"
#include "api/workers.h"

#define REQUEST_DEADLINE_MS 15000 /* where the options do not say */
#define IDLE_S 10                 /* inactivity that libmicrohttpd closes by itself */
#define ANSWER_DEADLINE_MS 60000  /* until the client has taken the answer */
#define STREAM_MS 3600000         /* the longest that a stream of events is */
#define LINGER_MS 2000            /* for the client to read why its body is not taken */
#define BODY_ROOM_FROM 65536      /* octets that have come, before room is made for all announced */
#define POOL_BYTES 16384          /* of a connection: its header block fits in here */

enum server_phase {
	SERVER_SERVING,
	SERVER_DRAINING, /* no new connections; an answer ends its connection */
	SERVER_CLOSING,  /* what comes now is put off */
};

struct server {
	const struct app *app;
	struct server_options options;
	struct workers *workers;
	struct parking *parking; /* NULL: nobody waits (tests) */
	struct loop *loops[64];
	int loop_count;
	int tls_port, http_port, est_legacy_port;
	struct tls_holder tls;
	_Atomic(enum server_phase) phase;
	atomic_int suspended; /* requests that workers have: libmicrohttpd may not stop */
	atomic_int
	    unanswered; /* requests from their head until the last octet of the answer is out */
};

/* One libmicrohttpd daemon and the thread that runs it. */
struct loop {
	struct server *server;
	enum route_port port;
	struct MHD_Daemon *daemon;
	pthread_t thread;
	bool started;
	int wake; /* eventfd: finished jobs, or time to stop */
	atomic_bool stop;
	bool quiet; /* accepts no more connections */
	pthread_mutex_t mutex;
	struct exchange *finished;      /* jobs that workers are done with */
	struct connection *connections; /* the loop's own list */
	int64_t reaped_at_ms;
	uint64_t moved; /* counts what came or went over TLS, and what libmicrohttpd made of it */
	int lull_ms;    /* how long to wait although libmicrohttpd would not: nothing comes of it */
};

struct connection {
	struct loop *loop;
	struct MHD_Connection *mhd;
	struct connection *next, **prev;
	int64_t deadline_ms; /* monotonic; 0: none */
	enum connection_state state;
	struct tls_session tls; /* where it has one */
	bool session_read;      /* its certificate and binding are */
	struct buf binding;
	struct caller_memory memory;
	struct exchange
	    *suspended; /* the one that its request waits in; NULL: it is not suspended */
};

enum exchange_state {
	EXCHANGE_ARRIVING,
	EXCHANGE_WITH_WORKER,
	EXCHANGE_ANSWERED,
	EXCHANGE_LINGERING /* refused while its body arrived; the rest is thrown away */
};

/* Where the parts of a request's first line lie in libmicrohttpd's buffer. */
struct request_line {
	const char *method, *target, *version;
	size_t target_len; /* as it came; it is decoded in place after */
	bool bad_target;   /* it had octets that no target has */
};

/* One request and its response. */
struct exchange {
	struct job job; /* first: a worker's job is the exchange */
	struct connection *connection;
	enum exchange_state state;
	bool begun;  /* the first call of the handler has been made */
	bool handed; /* to a worker */
	struct waiting waiting;
	struct error refused; /* E_NONE, or what is answered once the body has gone by */
	const struct route *route;
	struct http_request request;
	struct http_response response;
	struct buf body;
	struct buf authorization;
	size_t body_max;
	bool room_made; /* for a large body */
	char request_id[HANDLE_TEXT_LEN + 1];
	struct request_line line;
	int64_t began_us, handed_us; /* monotonic: its first line, its last octet were there */
	struct exchange *next;
};

/* server_peer.c: whether the request comes from this host itself, and not through a proxy. */
bool peer_is_local(struct MHD_Connection *mhd);
/* The client's network, as api/limits.h wants it. */
void peer_network(struct MHD_Connection *mhd, uint8_t out[static LIMITER_NETWORK_BYTES]);

/* server_guard.c: looks at the target while it is as it came. */
void guard_read_target(const char *target, struct request_line *out);
/* Refuses what could be read in two ways. E_BAD_SYNTAX, E_TOO_LARGE */
MUST_CHECK bool guard_check(struct MHD_Connection *mhd, const struct request_line *line,
    size_t body_max, struct error *err);
/* The parts of the request that handlers need. E_BAD_SYNTAX */
MUST_CHECK bool guard_read_request(struct MHD_Connection *mhd, const char *url, const char *method,
    struct http_request *out, struct error *err);

/* Takes the Authorization header field out of the request, after guard_check(): what is left in
 * libmicrohttpd's buffer is spaces. */
void guard_take_authorization(struct MHD_Connection *mhd, struct buf *out);

/* server_loop.c: what it does now. */
void connection_enter(struct connection *connection, enum connection_state state);

/* server_exchange.c: libmicrohttpd's callbacks for requests */
void *exchange_begin(void *loop, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_step(void *loop, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *data_len, void **slot);
void exchange_end(
    void *loop, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code);

/* server_loop.c */
MUST_CHECK bool loop_start(struct server *server, enum route_port port, int listen_fd,
    struct loop **out, struct error *err);
void loop_wake(struct loop *loop); /* any thread: something has changed */
void loop_stop(struct loop *loop); /* frees; nothing is suspended any more */
void loop_finish(struct loop *loop, struct exchange *exchange); /* any thread */

#endif
