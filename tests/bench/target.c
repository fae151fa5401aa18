#include "tests/bench/target.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "tests/bench/report.h"

static const char *
get_variable(const char *name)
{
	const char *value = getenv(name);

	if (value == NULL)
		die("%s is not set: see tests/bench/run", name);
	return value;
}

/* The number that a file begins with. */
static long
read_number(const char *dir, const char *name)
{
	char path[512], line[64] = "";
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	file = fopen(path, "re");
	if (file == NULL || fgets(line, sizeof line, file) == NULL)
		die("cannot read %s", path);
	(void)fclose(file);
	return strtol(line, NULL, 10);
}

void
target_init(struct target *target)
{
	const char *url = get_variable("MONIKER_URL");

	*target = (struct target){
	    .port = (int)strtol(strrchr(url, ':') + 1, NULL, 10),
	    .batch = get_variable("MONIKER_BATCH"),
	    .state_dir = get_variable("MONIKER_TEST_STATE"),
	};
	target->processes.supervisor = read_number(target->state_dir, "pid");
	target->processes.postmaster = read_number(get_variable("BENCH_PGDATA"), "postmaster.pid");
}

static SSL_CTX *
new_context(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (SSL_CTX_load_verify_locations(tls, get_variable("MONIKER_CACERT"), NULL) != 1)
		die("the service's CA certificate cannot be read");
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	return tls;
}

SSL_CTX *
target_tls(const char *role)
{
	SSL_CTX *tls = new_context();
	char upper[16] = "", name[64];

	for (size_t i = 0; role[i] != '\0' && i < sizeof upper - 1; i++)
		upper[i] = (char)toupper((unsigned char)role[i]);
	(void)snprintf(name, sizeof name, "MONIKER_%s_CERT", upper);
	if (SSL_CTX_use_certificate_chain_file(tls, get_variable(name)) != 1)
		die("%s cannot be read", name);
	(void)snprintf(name, sizeof name, "MONIKER_%s_KEY", upper);
	if (SSL_CTX_use_PrivateKey_file(tls, get_variable(name), SSL_FILETYPE_PEM) != 1)
		die("%s cannot be read", name);
	return tls;
}

SSL_CTX *
target_tls_device(struct bytes pem, EVP_PKEY *key)
{
	SSL_CTX *tls = new_context();
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	if (certificate == NULL || SSL_CTX_use_certificate(tls, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(tls, key) != 1)
		die("a device's certificate does not fit its key");
	X509_free(certificate);
	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(tls, certificate) != 1)
			die("a device's chain is not taken");
	BIO_free(bio);
	return tls;
}

SSL *
target_connect(const struct target *target, SSL_CTX *tls)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)target->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	SSL *ssl = SSL_new(tls);

	if (fd < 0)
		die("no socket: raise `ulimit -n`");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    SSL_set_fd(ssl, fd) != 1 || SSL_set1_host(ssl, "localhost") != 1 ||
	    SSL_connect(ssl) != 1)
		die("cannot connect");
	return ssl;
}

void
target_close(SSL *ssl)
{
	(void)close(SSL_get_fd(ssl));
	SSL_free(ssl);
}
