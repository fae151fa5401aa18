/*
 * server_tls: what the HTTP core needs of GnuTLS. Internal to api/server*.c, and apart from
 * server_core.h because <gnutls/gnutls.h> claims tags that are ours.
 */
#ifndef API_SERVER_TLS_H
#define API_SERVER_TLS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct MHD_Connection;

/* The service's certificate: one that never changes. A new one takes over for later handshakes; it
 * lives as long as the holder or a connection has it. */
struct tls_chain;
struct tls_holder {
	pthread_mutex_t mutex;
	struct tls_chain *chain;
};
void tls_init(struct tls_holder *holder);
/* E_CONFIG_INVALID   certificate or key cannot be read */
MUST_CHECK bool tls_set_chain(
    struct tls_holder *holder, const char *certificate_pem, const char *key_pem, struct error *err);
void tls_clear(struct tls_holder *holder);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
intptr_t tls_chain_callback(void);

/* One connection's; lives as long as it. */
struct tls_session {
	struct tls_holder *holder; /* gives our certificate */
	uint64_t *moved;           /* counts what came or went: its loop's */
	struct tls_chain *chain;   /* that its handshake used, or NULL */
	int fd;                    /* of its socket; libmicrohttpd's */
	bool done;                 /* the handshake is */
	bool more;                 /* after what is sent next, something else follows at once */
};
/* A connection begins: request a client certificate, and count what comes and goes. */
void tls_begin(struct MHD_Connection *mhd, struct tls_session *ours);
/* The connection is gone; its session, too. */
void tls_end(struct tls_session *ours);
/* Appends the client's certificate, DER; nothing when none was shown; one octet when it is too
 * large. */
void tls_read_certificate(struct MHD_Connection *mhd, size_t len_max, struct buf *out);
/* Appends the session's channel binding: tls-exporter (RFC 9266) on TLS 1.3; on TLS 1.2 tls-unique
 * (RFC 5929), with an extended master secret only (RFC 7627 section 7); else nothing. */
void tls_read_binding(struct MHD_Connection *mhd, struct buf *out);
/* Some of what came waits to be read by libmicrohttpd. */
bool tls_has_pending(struct MHD_Connection *mhd);
/* Octets straight into the session, past libmicrohttpd, as many as it takes at once. False: the
 * connection has no session. */
bool tls_send(struct MHD_Connection *mhd, struct bytes octets);

#endif
