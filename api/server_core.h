/* server_core: what the rooms of the HTTP core share. Internal to api/server*.c. */
#ifndef API_SERVER_CORE_H
#define API_SERVER_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>

#include "api/dispatch.h"
#include "api/server.h"
#include "api/workers.h"

#define REQUEST_DEADLINE_MS 15000  /* from its first octet until it has arrived */
#define IDLE_S 10                  /* inactivity that libmicrohttpd closes by itself */
#define RESPONSE_DEADLINE_MS 60000 /* until the client has taken the answer */
#define POOL_BYTES 16384           /* of a connection: its header block fits in here */
#define CERTIFICATES_MAX 8         /* of our own chain */

/* The service's certificate. A new one takes over for later handshakes; old ones live on until the
 * end. */
struct tls_chain {
	gnutls_pcert_st certificates[CERTIFICATES_MAX];
	unsigned count;
	gnutls_privkey_t key;
	struct tls_chain *older;
};

struct server {
	const struct app *app;
	struct server_options options;
	struct workers *workers;
	struct loop *loops[64];
	int loop_count;
	int tls_port, http_port;
	_Atomic(struct tls_chain *) chain;
	pthread_mutex_t chain_mutex; /* of writers */
	atomic_bool draining;
	atomic_int in_flight; /* requests that workers have */
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
	pthread_mutex_t mutex;
	struct exchange *finished;      /* jobs that workers are done with */
	struct connection *connections; /* the loop's own list */
	int64_t reaped_at_ms;
};

struct connection {
	struct loop *loop;
	struct MHD_Connection *mhd;
	struct connection *next, **prev;
	int64_t deadline_ms; /* monotonic; 0: none */
	bool certificate_read;
	struct caller_memory memory;
};

enum exchange_state { EXCHANGE_ARRIVING, EXCHANGE_WITH_WORKER, EXCHANGE_ANSWERED };

/* One request and its response. */
struct exchange {
	struct job job; /* first: a worker's job is the exchange */
	struct connection *connection;
	enum exchange_state state;
	bool begun; /* the first call of the handler has been made */
	const struct route *route;
	struct http_request request;
	struct http_response response;
	struct buf body;
	size_t body_max;
	struct error refused; /* found before the request had arrived */
	char request_id[HANDLE_TEXT_LEN + 1];
	size_t uri_len; /* of the request target, as it came */
	struct exchange *next;
};

/* server_guard.c: refuses what could be read in two ways. E_BAD_SYNTAX, E_TOO_LARGE */
MUST_CHECK bool guard_check(struct MHD_Connection *mhd, const char *method, size_t uri_len,
    const char *version, size_t body_max, struct error *err);
/* The parts of the request that handlers need. E_BAD_SYNTAX */
MUST_CHECK bool guard_read_request(struct MHD_Connection *mhd, const char *url, const char *method,
    struct http_request *out, struct error *err);

/* server_tls.c */
MUST_CHECK bool tls_chain_new(
    const char *certificate_pem, const char *key_pem, struct tls_chain **out, struct error *err);
void tls_chain_free(struct tls_chain *chain); /* and all older ones */
int tls_give_chain(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **out,
    unsigned *out_count, gnutls_privkey_t *out_key);
void tls_begin(struct connection *connection);
void tls_read_certificate(struct connection *connection);

/* server_exchange.c: libmicrohttpd's callbacks for requests */
void *exchange_begin(void *loop, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange_step(void *loop, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *data, size_t *data_len, void **slot);
void exchange_end(
    void *loop, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code);

/* server_loop.c */
MUST_CHECK bool loop_start(struct server *server, enum route_port port, int listen_fd,
    struct loop **out, struct error *err);
void loop_stop(struct loop *loop); /* frees; nothing is suspended any more */
void loop_finish(struct loop *loop, struct exchange *exchange); /* any thread */

#endif
