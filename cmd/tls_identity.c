#include "cmd/tls_identity.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/defer_openssl.h"
#include "base/file.h"
#include "base/mem.h"
#include "ca/own.h"
#include "cmd/settings.h"

#define NAMES_MAX 16
#define PEM_FILE_MAX 32768

/* server_names, taken apart. */
struct names {
	char *text; /* owned; the names point into it */
	const char *dns[NAMES_MAX + 1];
	size_t dns_count;
	uint8_t addresses[NAMES_MAX][16];
	struct bytes ip[NAMES_MAX];
	size_t ip_count;
	const char *first;
};

static void
names_clear(struct names *names)
{
	free(names->text);
}
DEFER_DECLARE_CLEAR(struct names, names_clear)

static bool
names_parse(const char *server_names, struct names *out, struct error *err)
{
	char *rest = out->text = xstrdup(server_names);
	char *name;

	while ((name = strsep(&rest, ", ")) != NULL) {
		uint8_t *address = out->addresses[out->ip_count];

		if (*name == '\0')
			continue;
		if (out->dns_count + out->ip_count == NAMES_MAX)
			return error_set(
			    err, E_CONFIG_INVALID, "more than %d server_names", NAMES_MAX);
		if (out->first == NULL)
			out->first = name;
		if (inet_pton(AF_INET, name, address) == 1)
			out->ip[out->ip_count++] = bytes_of(address, 4);
		else if (inet_pton(AF_INET6, name, address) == 1)
			out->ip[out->ip_count++] = bytes_of(address, 16);
		else
			out->dns[out->dns_count++] = name;
	}
	return out->first != NULL || error_set(err, E_CONFIG_INVALID, "server_names is empty");
}

/* ---- making a new one ---- */

static bool
make_key(EVP_PKEY **out_key, struct buf *out_spki, struct buf *out_pem, struct error *err)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_secmem());
	uint8_t *spki = NULL;
	char *pem = NULL;
	int spki_len;
	bool made;

	spki_len = key == NULL ? -1 : i2d_PUBKEY(key, &spki);
	made = spki_len > 0 && bio != NULL &&
	       PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
	if (made) {
		const long pem_len = BIO_get_mem_data(bio, &pem);

		buf_append(out_spki, bytes_of(spki, (size_t)spki_len));
		buf_append(out_pem, bytes_of(pem, (size_t)pem_len));
		*out_key = TAKE(key);
	}
	OPENSSL_free(spki);
	BIO_free_all(bio);
	if (made)
		return true;
	(void)error_set(err, E_INTERNAL, "cannot make a TLS key");
	error_cause_openssl(err);
	return false;
}

static bool
issue_and_record(const struct tls_identity_options *options, const struct names *names,
    struct bytes spki, struct buf *out_pem, struct error *err)
{
	const struct issuer *issuer = issuers_active(options->issuers, ISSUER_SERVICE_CA);
	const struct issue_request request = {.profile = profile_find(PROFILE_SERVICE),
	    .issuer = issuer,
	    .spki = spki,
	    .common_name = names->first,
	    .dns = names->dns_count > 0 ? names->dns : NULL,
	    .ip = names->ip,
	    .ip_count = names->ip_count,
	    .now_s = clock_now_s(options->clock),
	    .validity_s = options->validity_s};
	DEFER(buf_clear_public) struct buf der = {0};

	if (!own_issue(&(struct own_request){.issue = &request,
			   .ledger = options->ledger,
			   .rng = options->rng,
			   .node = options->node},
		&der, err))
		return false;
	pem_encode(out_pem, "CERTIFICATE", buf_bytes(&der));
	issuer_chain_pem(issuer, out_pem);
	return true;
}

static bool
make_new(const struct tls_identity_options *options, const struct names *names,
    const char *key_path, const char *certificate_path, struct error *err)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	DEFER(buf_clear_public) struct buf spki = {0};
	DEFER(buf_clear) struct buf key_pem = {0};
	DEFER(buf_clear_public) struct buf pem = {0};

	return make_key(&key, &spki, &key_pem, err) &&
	       issue_and_record(options, names, buf_bytes(&spki), &pem, err) &&
	       file_write(key_path, buf_bytes(&key_pem), 0600, err) &&
	       file_write(certificate_path, buf_bytes(&pem), 0644, err);
}

/* ---- using the one that is there ---- */

static bool
names_match(X509 *certificate, const struct names *names)
{
	for (size_t i = 0; i < names->dns_count; i++)
		if (X509_check_host(certificate, names->dns[i], 0, 0, NULL) != 1)
			return false;
	for (size_t i = 0; i < names->ip_count; i++)
		if (X509_check_ip(certificate, names->ip[i].data, names->ip[i].len, 0) != 1)
			return false;
	return true;
}

/* False when it cannot be used: the caller makes a new one. */
static bool
load_if_good(const struct tls_identity_options *options, const struct names *names,
    const char *key_path, const char *certificate_path, struct tls_identity *out)
{
	struct error ignored = {0};
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(X509_free) X509 *x509 = NULL;
	const struct issuer *active = issuers_active(options->issuers, ISSUER_SERVICE_CA);
	const int64_t now_s = clock_now_s(options->clock);
	struct certificate certificate;
	const char *end;
	const uint8_t *at;

	if (!file_read(key_path, PEM_FILE_MAX, &out->key_pem, &ignored) ||
	    !file_read(certificate_path, PEM_FILE_MAX, &out->certificate_pem, &ignored))
		return false;
	end = strstr(buf_text(&out->certificate_pem), "-----END CERTIFICATE-----");
	if (end == NULL ||
	    !pem_decode(bytes_of(out->certificate_pem.data,
			    (size_t)(end - (const char *)out->certificate_pem.data) + 25),
		"CERTIFICATE", &der, &ignored) ||
	    !certificate_parse(buf_bytes(&der), &certificate, &ignored) ||
	    issuers_verify(options->issuers, &certificate) != active)
		return false;
	out->issuer = active;
	at = der.data;
	x509 = d2i_X509(NULL, &at, (long)der.len);
	out->not_after_s = certificate.not_after_s;
	out->renew_at_s =
	    certificate.not_before_s + (certificate.not_after_s - certificate.not_before_s) / 3 * 2;
	return x509 != NULL && names_match(x509, names) &&
	       now_s < (options->ledger == NULL ? out->not_after_s : out->renew_at_s);
}

bool
tls_identity_get(
    const struct tls_identity_options *options, struct tls_identity *out, struct error *err)
{
	DEFER(names_clear) struct names names = {0};
	DEFER(mem_free) char *key_path = settings_path(options->state_dir, "tls.key");
	DEFER(mem_free) char *certificate_path = settings_path(options->state_dir, "tls.pem");

	if (!names_parse(options->server_names, &names, err))
		return false;
	if (load_if_good(options, &names, key_path, certificate_path, out))
		return true;
	tls_identity_clear(out);
	if (options->ledger == NULL)
		return error_set(err, E_DATABASE_UNAVAILABLE,
		    "there is no TLS certificate that is good, and none can be made now");
	if (!make_new(options, &names, key_path, certificate_path, err))
		return false;
	return load_if_good(options, &names, key_path, certificate_path, out) ||
	       error_set(err, E_INTERNAL, "the new TLS certificate is not usable");
}

void
tls_identity_clear(struct tls_identity *identity)
{
	buf_clear(&identity->key_pem);
	buf_clear(&identity->certificate_pem);
	identity->not_after_s = identity->renew_at_s = 0;
}

void
tls_identity_replace(struct tls_identity *identity, struct tls_identity *fresh)
{
	tls_identity_clear(identity);
	*identity = *fresh;
	*fresh = (struct tls_identity){0};
}
