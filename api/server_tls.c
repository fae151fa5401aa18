/* TLS 1.3 with client certificates that are requested, never required. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/server_core.h"
#include "base/mem.h"

static bool
fail(struct error *err, const char *what, int code)
{
	(void)error_set(err, E_CONFIG_INVALID, "%s", what);
	error_cause(err, "%s", gnutls_strerror(code));
	return false;
}

bool
tls_chain_new(
    const char *certificate_pem, const char *key_pem, struct tls_chain **out, struct error *err)
{
	struct tls_chain *chain = xcalloc(1, sizeof *chain);
	const gnutls_datum_t certificates = {.data = (unsigned char *)(uintptr_t)certificate_pem,
	    .size = (unsigned)strlen(certificate_pem)};
	const gnutls_datum_t key = {
	    .data = (unsigned char *)(uintptr_t)key_pem, .size = (unsigned)strlen(key_pem)};
	int code;

	chain->count = CERTIFICATES_MAX;
	code = gnutls_pcert_list_import_x509_raw(
	    chain->certificates, &chain->count, &certificates, GNUTLS_X509_FMT_PEM, 0);
	if (code < 0) {
		free(chain);
		return fail(err, "the TLS certificate cannot be read", code);
	}
	code = gnutls_privkey_init(&chain->key);
	if (code >= 0)
		code =
		    gnutls_privkey_import_x509_raw(chain->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (code < 0) {
		tls_chain_free(chain);
		return fail(err, "the TLS key cannot be read", code);
	}
	*out = chain;
	return true;
}

void
tls_chain_free(struct tls_chain *chain)
{
	while (chain != NULL) {
		struct tls_chain *older = chain->older;

		for (unsigned i = 0; i < chain->count; i++)
			gnutls_pcert_deinit(&chain->certificates[i]);
		gnutls_privkey_deinit(chain->key);
		free(chain);
		chain = older;
	}
}

/* For every handshake: the chain in force. The session's pointer is ours (tls_begin). */
int
tls_give_chain(gnutls_session_t session, const gnutls_datum_t *names, int name_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **out,
    unsigned *out_count, gnutls_privkey_t *out_key)
{
	const struct connection *connection = gnutls_session_get_ptr(session);
	struct tls_chain *chain;

	(void)names;
	(void)name_count;
	(void)algorithms;
	(void)algorithm_count;
	if (connection == NULL)
		return -1;
	chain = atomic_load(&connection->loop->server->chain);
	*out = chain->certificates;
	*out_count = chain->count;
	*out_key = chain->key;
	return 0;
}

static gnutls_session_t
session_of(const struct connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info != NULL ? (gnutls_session_t)info->tls_session : NULL;
}

void
tls_begin(struct connection *connection)
{
	gnutls_session_t session = session_of(connection);

	if (session == NULL)
		return;
	gnutls_session_set_ptr(session, connection);
	/* Any certificate comes through: whether it is a credential is decided by caller.c. */
	gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
	/* No list of names: clients would hide a certificate whose issuer is not on it. */
	gnutls_certificate_send_x509_rdn_sequence(session, 1);
}

void
tls_read_certificate(struct connection *connection)
{
	gnutls_session_t session;
	const gnutls_datum_t *list;
	unsigned count = 0;

	if (connection->certificate_read || connection->loop->port != ROUTE_TLS)
		return;
	connection->certificate_read = true;
	session = session_of(connection);
	list = session != NULL ? gnutls_certificate_get_peers(session, &count) : NULL;
	/* The handshake proved possession of the first one's key; the rest is not looked at. */
	if (list != NULL && count > 0 && list[0].size <= CERTIFICATE_DER_MAX)
		buf_append(&connection->memory.certificate, bytes_of(list[0].data, list[0].size));
	else if (list != NULL && count > 0)
		buf_append_u8(&connection->memory.certificate, 0); /* too large: no credential */
}
