#include "audit/syslog_session.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/mem.h"

struct syslog_session {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
};

static bool
fail(const char *detail, struct error *err)
{
	(void)error_set(err, E_RECORD_UNAVAILABLE, "%s", detail);
	error_cause_openssl(err);
	return false;
}

/* ---- connecting ---- */

static bool
connect_to(const struct addrinfo *address, int *out_fd)
{
	/* Bounds connect(), too (socket(7)). */
	const struct timeval wait = {.tv_sec = SYSLOG_SESSION_WAIT_S};
	const int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
		(void)close(fd);
		return false;
	}
	*out_fd = fd;
	return true;
}

static bool
open_socket(const struct syslog_target *target, int *out_fd, struct error *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *addresses = NULL;
	bool connected = false;

	if (getaddrinfo(target->host, target->port, &hints, &addresses) != 0)
		return error_set(err, E_RECORD_UNAVAILABLE, "the receiver's name has no address");
	for (const struct addrinfo *at = addresses; at != NULL && !connected; at = at->ai_next)
		connected = connect_to(at, out_fd);
	freeaddrinfo(addresses);
	if (connected)
		return true;
	(void)error_set(err, E_RECORD_UNAVAILABLE, "cannot connect to the receiver");
	error_cause_errno(err);
	return false;
}

static bool
read_files(const struct syslog_target *target, SSL_CTX *context, struct error *err)
{
	const bool trusted = target->ca_file == NULL
				 ? SSL_CTX_set_default_verify_paths(context) == 1
				 : SSL_CTX_load_verify_file(context, target->ca_file) == 1;

	if (trusted &&
	    (target->certificate_file == NULL ||
		(SSL_CTX_use_certificate_chain_file(context, target->certificate_file) == 1 &&
		    SSL_CTX_use_PrivateKey_file(context, target->key_file, SSL_FILETYPE_PEM) == 1)))
		return true;
	(void)error_set(err, E_FILE_FAILED, "a certificate, key or trust anchor cannot be read");
	error_cause_openssl(err);
	return false;
}

static bool
expect_name(SSL *ssl, const char *name)
{
	uint8_t address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	/* SSL_set_tlsext_host_name() without its cast: the name is only read. */
	return SSL_set1_host(ssl, name) == 1 &&
	       SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
		   (void *)(uintptr_t)name) == 1;
}

static bool
shake_hands(const struct syslog_target *target, struct syslog_session *session, struct error *err)
{
	session->context = SSL_CTX_new(TLS_client_method());
	if (session->context == NULL ||
	    SSL_CTX_set_min_proto_version(session->context, TLS1_2_VERSION) != 1)
		return fail("TLS is not to be had", err);
	SSL_CTX_set_verify(session->context, SSL_VERIFY_PEER, NULL);
	if (!read_files(target, session->context, err))
		return false;
	session->ssl = SSL_new(session->context);
	if (session->ssl == NULL || !expect_name(session->ssl, target->name) ||
	    SSL_set_fd(session->ssl, session->fd) != 1)
		return fail("TLS is not to be had", err);
	return SSL_connect(session->ssl) == 1 || fail("no TLS with the receiver", err);
}

bool
syslog_session_open(
    const struct syslog_target *target, struct syslog_session **out, struct error *err)
{
	DEFER(syslog_session_free) struct syslog_session *session = xcalloc(1, sizeof *session);

	session->fd = -1;
	if (!open_socket(target, &session->fd, err) || !shake_hands(target, session, err))
		return false;
	*out = TAKE(session);
	return true;
}

void
syslog_session_free(struct syslog_session *session)
{
	if (session == NULL)
		return;
	SSL_free(session->ssl);
	SSL_CTX_free(session->context);
	if (session->fd >= 0)
		(void)close(session->fd);
	free(session);
}

/* ---- sending ---- */

bool
syslog_session_send(struct syslog_session *session, struct bytes octets, struct error *err)
{
	while (octets.len > 0) {
		size_t sent = 0;

		if (SSL_write_ex(session->ssl, octets.data, octets.len, &sent) != 1)
			return fail("the receiver takes no more", err);
		octets = bytes_of(octets.data + sent, octets.len - sent);
	}
	return true;
}

bool
syslog_session_end(struct syslog_session *session, struct error *err)
{
	char nothing[64];
	int got;

	if (SSL_shutdown(session->ssl) < 0)
		return fail("the receiver takes no end", err);
	do
		got = SSL_read(session->ssl, nothing, sizeof nothing);
	while (got > 0); /* it has nothing to say, but may */
	return SSL_get_error(session->ssl, got) == SSL_ERROR_ZERO_RETURN ||
	       fail("the receiver did not say that it read all", err);
}
