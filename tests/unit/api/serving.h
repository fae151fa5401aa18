/*
 * serving: a server with no database behind it, and a client that sends exactly the octets it is
 * given, over TLS or plain. Routes that ask the database are not for these tests.
 */
#ifndef TESTS_UNIT_API_SERVING_H
#define TESTS_UNIT_API_SERVING_H

#include "tests/support/folder.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "api/caller.h"
#include "api/server.h"
#include "base/defer_openssl.h"
#include "base/work.h"
#include "tests/unit/ca/authorities.h"

struct serving {
	struct folder folder;
	struct authorities authorities;
	struct clock clock;
	struct rng rng;
	struct audit *audit;
	struct app app;
	struct server_options options;
	struct buf certificate_pem, key_pem;
	struct server *server;
};

/* A self-signed certificate with this name. */
__attribute__((unused)) static void
make_certificate(const char *name, X509 **out_certificate, EVP_PKEY **out_key)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	assert_non_null(key);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_version(certificate, X509_VERSION_3);
	X509_set_issuer_name(certificate, subject);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	*out_certificate = certificate;
	*out_key = key;
}

__attribute__((unused)) static void
put_bio(BIO *bio, struct buf *out)
{
	char *text;
	const long len = BIO_get_mem_data(bio, &text);

	buf_clear(out);
	buf_append(out, bytes_of(text, (size_t)len));
	(void)buf_text(out);
	BIO_free(bio);
}

__attribute__((unused)) static void
make_pems(const char *name, struct buf *out_certificate, struct buf *out_key)
{
	BIO *certificate_bio = BIO_new(BIO_s_mem());
	BIO *key_bio = BIO_new(BIO_s_mem());
	X509 *certificate;
	EVP_PKEY *key;

	make_certificate(name, &certificate, &key);
	assert_int_equal(PEM_write_bio_X509(certificate_bio, certificate), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL), 1);
	put_bio(certificate_bio, out_certificate);
	put_bio(key_bio, out_key);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

__attribute__((unused)) static void
serving_start(struct serving *s)
{
	struct error err = {0};

	if (!server_new(&s->app, &s->options, &s->server, &err))
		fail_msg("%s: %s", err.detail, err.cause);
}

__attribute__((unused)) static int
serving_set_up(void **state)
{
	struct serving *s = calloc(1, sizeof *s);
	struct error err = {0};

	assert_non_null(s);
	(void)signal(SIGPIPE, SIG_IGN); /* of OpenSSL, when the server has closed */
	folder_init(&s->folder);
	authorities_init(&s->authorities);
	s->clock = clock_fixed(TEST_NOW_S);
	s->rng = rng_system();
	assert_true(audit_new(&(struct audit_options){.clock = &s->clock,
				  .dir = s->folder.path,
				  .origin = "moniker.example/n1-2026",
				  .node = "n1"},
	    &s->audit, &err));
	s->app = (struct app){.clock = &s->clock,
	    .rng = &s->rng,
	    .audit = s->audit,
	    .issuers = s->authorities.issuers,
	    .work = work_pool_new(1),
	    .callers = caller_cache_new(NULL, s->authorities.issuers, NULL, &s->clock)};
	make_pems("first.example", &s->certificate_pem, &s->key_pem);
	s->options = (struct server_options){.address = "127.0.0.1",
	    .loop_count = 2,
	    .worker_count = 4,
	    .connections_max = 100,
	    .connections_per_address_max = 100,
	    .tls_certificate_pem = buf_text(&s->certificate_pem),
	    .tls_key_pem = buf_text(&s->key_pem)};
	*state = s;
	return 0;
}

__attribute__((unused)) static int
serving_tear_down(void **state)
{
	struct serving *s = *state;

	if (s->server != NULL)
		server_drain_and_free(s->server, 1000);
	caller_cache_free(s->app.callers);
	work_pool_free(s->app.work);
	audit_free(s->audit);
	authorities_clear(&s->authorities);
	folder_clear(&s->folder);
	buf_clear(&s->certificate_pem);
	buf_clear(&s->key_pem);
	free(s);
	return 0;
}

/* ---- the client ---- */

struct client {
	int fd;
	SSL_CTX *context; /* NULL: plain */
	SSL *session;
	struct buf got; /* everything received */
};

__attribute__((unused)) static void
client_connect(struct client *c, int port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	const struct timeval patience = {.tv_sec = 10};

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(connect(c->fd, (const struct sockaddr *)&address, sizeof address), 0);
}

/* `certificate` and `key` or NULL. False: no handshake. */
__attribute__((unused)) static bool
client_handshake(struct client *c, int port, int version, X509 *certificate, EVP_PKEY *key)
{
	c->context = SSL_CTX_new(TLS_client_method());
	assert_non_null(c->context);
	SSL_CTX_set_max_proto_version(c->context, version);
	if (certificate != NULL) {
		assert_int_equal(SSL_CTX_use_certificate(c->context, certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(c->context, key), 1);
	}
	client_connect(c, port);
	c->session = SSL_new(c->context);
	SSL_set_fd(c->session, c->fd);
	return SSL_connect(c->session) == 1;
}

__attribute__((unused)) static void
client_open_plain(struct client *c, const struct serving *s)
{
	*c = (struct client){0};
	client_connect(c, server_http_port(s->server));
}

__attribute__((unused)) static void
client_open_tls(struct client *c, const struct serving *s)
{
	*c = (struct client){0};
	assert_true(client_handshake(c, server_tls_port(s->server), TLS1_3_VERSION, NULL, NULL));
}

__attribute__((unused)) static void
client_clear(struct client *c)
{
	SSL_free(c->session);
	SSL_CTX_free(c->context);
	if (c->fd > 0)
		(void)close(c->fd);
	buf_clear(&c->got);
}
DEFER_DECLARE_CLEAR(struct client, client_clear)

/* False: the other side has closed. */
__attribute__((unused)) static bool
client_send(struct client *c, struct bytes octets)
{
	if (c->session != NULL)
		return SSL_write(c->session, octets.data, (int)octets.len) == (int)octets.len;
	return send(c->fd, octets.data, octets.len, MSG_NOSIGNAL) == (ssize_t)octets.len;
}

__attribute__((unused)) static void
client_say(struct client *c, const char *text)
{
	assert_true(client_send(c, bytes_of_text(text)));
}

/* Some more octets; false: there are none any more. Running out of patience fails the test. */
__attribute__((unused)) static bool
client_receive(struct client *c)
{
	char octets[4096];
	ssize_t len;

	errno = 0;
	len = c->session != NULL ? SSL_read(c->session, octets, sizeof octets)
				 : recv(c->fd, octets, sizeof octets, 0);
	if (len <= 0 && errno == EAGAIN)
		fail_msg("no answer: %s", buf_text(&c->got));
	if (len > 0)
		buf_append(&c->got, bytes_of(octets, (size_t)len));
	return len > 0;
}

/* All until the other side closes. */
__attribute__((unused)) static const char *
client_hear_all(struct client *c)
{
	while (client_receive(c))
		continue;
	return buf_text(&c->got);
}

/* Until `text` was received. */
__attribute__((unused)) static const char *
client_hear(struct client *c, const char *text)
{
	while (strstr(buf_text(&c->got), text) == NULL)
		if (!client_receive(c))
			fail_msg("no \"%s\" in: %s", text, buf_text(&c->got));
	return buf_text(&c->got);
}

/* The status of the first answer. */
__attribute__((unused)) static int
client_hear_status(struct client *c)
{
	int status = 0;

	while (c->got.len < 12)
		if (!client_receive(c))
			return 0;
	assert_int_equal(sscanf(buf_text(&c->got), "HTTP/1.1 %3d", &status), 1);
	return status;
}

#endif
