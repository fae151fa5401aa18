/* TLS 1.3 with client certificates that are requested, never required. */
#include "api/server_tls.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>

#include "base/mem.h"

#define CERTIFICATES_MAX 8 /* of our own chain */

struct tls_chain {
	gnutls_pcert_st certificates[CERTIFICATES_MAX];
	unsigned count;
	gnutls_privkey_t key;
	atomic_int holders;
};

static void
chain_free(struct tls_chain *chain)
{
	for (unsigned i = 0; i < chain->count; i++)
		gnutls_pcert_deinit(&chain->certificates[i]);
	gnutls_privkey_deinit(chain->key);
	free(chain);
}

static void
chain_release(struct tls_chain *chain)
{
	if (chain != NULL && atomic_fetch_sub(&chain->holders, 1) == 1)
		chain_free(chain);
}

void
tls_init(struct tls_holder *holder)
{
	(void)pthread_mutex_init(&holder->mutex, NULL);
	holder->chain = NULL;
}

/* Puts `chain`, or NULL, in the place of the one before. */
static void
replace(struct tls_holder *holder, struct tls_chain *chain)
{
	struct tls_chain *before;

	(void)pthread_mutex_lock(&holder->mutex);
	before = holder->chain;
	holder->chain = chain;
	(void)pthread_mutex_unlock(&holder->mutex);
	chain_release(before);
}

static struct tls_chain *
hold(struct tls_holder *holder)
{
	struct tls_chain *chain;

	(void)pthread_mutex_lock(&holder->mutex);
	chain = holder->chain;
	if (chain != NULL)
		(void)atomic_fetch_add(&chain->holders, 1);
	(void)pthread_mutex_unlock(&holder->mutex);
	return chain;
}

static bool
fail(struct error *err, struct tls_chain *chain, const char *what, int code)
{
	chain_free(chain);
	(void)error_set(err, E_CONFIG_INVALID, "%s", what);
	error_cause(err, "%s", gnutls_strerror(code));
	return false;
}

static gnutls_datum_t
datum_of(const char *text)
{
	return (gnutls_datum_t){
	    .data = (unsigned char *)(uintptr_t)text, .size = (unsigned)strlen(text)};
}

bool
tls_set_chain(
    struct tls_holder *holder, const char *certificate_pem, const char *key_pem, struct error *err)
{
	struct tls_chain *chain = xcalloc(1, sizeof *chain);
	const gnutls_datum_t certificates = datum_of(certificate_pem);
	const gnutls_datum_t key = datum_of(key_pem);
	unsigned count = CERTIFICATES_MAX;
	int code = gnutls_privkey_init(&chain->key);

	if (code >= 0)
		code = gnutls_pcert_list_import_x509_raw(
		    chain->certificates, &count, &certificates, GNUTLS_X509_FMT_PEM, 0);
	if (code < 0)
		return fail(err, chain, "the TLS certificate cannot be read", code);
	chain->count = count;
	code = gnutls_privkey_import_x509_raw(chain->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (code < 0)
		return fail(err, chain, "the TLS key cannot be read", code);
	atomic_init(&chain->holders, 1);
	replace(holder, chain);
	return true;
}

void
tls_clear(struct tls_holder *holder)
{
	replace(holder, NULL);
	(void)pthread_mutex_destroy(&holder->mutex);
}

/* For every handshake: the chain in force. The session's pointer is ours (tls_begin). */
static int
give_chain(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **out,
    unsigned *out_count, gnutls_privkey_t *out_key)
{
	struct tls_session *ours = gnutls_session_get_ptr(session);

	(void)names;
	(void)name_count;
	(void)algorithms;
	(void)algorithm_count;
	if (ours != NULL && ours->chain == NULL)
		ours->chain = hold(ours->holder);
	if (ours == NULL || ours->chain == NULL)
		return -1;
	*out = ours->chain->certificates;
	*out_count = ours->chain->count;
	*out_key = ours->chain->key;
	return 0;
}

intptr_t
tls_chain_callback(void)
{
	return (intptr_t)give_chain;
}

static gnutls_session_t
session_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info != NULL ? (gnutls_session_t)info->tls_session : NULL;
}

/* TLS 1.3: the client's Finished is what ends a handshake. */
static int
note_handshake(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
    const gnutls_datum_t *message)
{
	struct tls_session *ours = gnutls_session_get_ptr(session);

	(void)type;
	(void)when;
	(void)message;
	if (incoming != 0)
		ours->done = true;
	return 0;
}

/* ---- the socket: as GnuTLS does it, but the loop learns whether anything came or went ---- */

static ssize_t
pull(gnutls_transport_ptr_t transport, void *data, size_t len)
{
	const struct tls_session *ours = transport;
	const ssize_t got = recv(ours->fd, data, len, 0);

	if (got >= 0)
		(*ours->moved)++;
	return got;
}

/* An answer's head and body are two records: the kernel is to send them as one segment. */
static ssize_t
push(gnutls_transport_ptr_t transport, const giovec_t *parts, int count)
{
	struct tls_session *ours = transport;
	/* Only read; its member is not const. */
	const struct msghdr message = {
	    .msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
	const ssize_t sent =
	    sendmsg(ours->fd, &message, ours->more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);

	ours->more = false;
	if (sent >= 0)
		(*ours->moved)++;
	return sent;
}

static void
take_socket(struct MHD_Connection *mhd, gnutls_session_t session, struct tls_session *ours)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (info == NULL)
		return; /* then it goes on uncounted */
	ours->fd = info->connect_fd;
	gnutls_transport_set_ptr(session, ours);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_vec_push_function(session, push);
}

void
tls_begin(struct MHD_Connection *mhd, struct tls_session *ours)
{
	gnutls_session_t session = session_of(mhd);

	if (session == NULL)
		return;
	take_socket(mhd, session, ours);
	gnutls_session_set_ptr(session, ours);
	gnutls_handshake_set_hook_function(
	    session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, note_handshake);
	/* Any certificate comes through: whether it is a credential is decided by caller.c. */
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	/* No list of names: clients would hide a certificate whose issuer is not on it. */
	gnutls_certificate_send_x509_rdn_sequence(session, 1);
}

void
tls_end(struct tls_session *ours)
{
	chain_release(ours->chain);
	ours->chain = NULL;
}

void
tls_read_certificate(struct MHD_Connection *mhd, size_t len_max, struct buf *out)
{
	gnutls_session_t session = session_of(mhd);
	unsigned count = 0;
	const gnutls_datum_t *list =
	    session != NULL ? gnutls_certificate_get_peers(session, &count) : NULL;

	if (list == NULL || count == 0)
		return;
	/* The handshake proved possession of the first one's key; the rest is not looked at. */
	if (list[0].size <= len_max)
		buf_append(out, bytes_of(list[0].data, list[0].size));
	else
		buf_append_u8(out, 0); /* something was shown, and it is no credential */
}

void
tls_read_binding(struct MHD_Connection *mhd, struct buf *out)
{
	gnutls_session_t session = session_of(mhd);
	gnutls_datum_t binding = {0};
	bool exports;

	if (session == NULL)
		return;
	exports = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
	if (!exports && gnutls_session_ext_master_secret_status(session) == 0)
		return;
	if (gnutls_session_channel_binding(
		session, exports ? GNUTLS_CB_TLS_EXPORTER : GNUTLS_CB_TLS_UNIQUE, &binding) >= 0) {
		buf_append(out, bytes_of(binding.data, binding.size));
		gnutls_free(binding.data);
	}
}

bool
tls_has_pending(struct MHD_Connection *mhd)
{
	gnutls_session_t session = session_of(mhd);

	return session != NULL && gnutls_record_check_pending(session) > 0;
}

bool
tls_send(struct MHD_Connection *mhd, struct bytes octets)
{
	gnutls_session_t session = session_of(mhd);

	if (session == NULL)
		return false;
	(void)gnutls_record_send(session, octets.data, octets.len);
	return true;
}
