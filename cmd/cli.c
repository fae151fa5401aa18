#include "cmd/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/defer_openssl.h"
#include "base/der.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#define PEM_FILE_MAX 65536

DEFER_DECLARE(X509_REQ, X509_REQ_free)
DEFER_DECLARE(BIO, BIO_free_all)

int
cli_fail(const struct error *err, bool json, int exit_code)
{
	const struct error_info *info = error_info(err->code);

	if (json) {
		json_t *document = json_pack("{s:s, s:s, s:s}", "code", info->name, "title",
		    info->title, "detail", err->detail);

		cli_print_json(document);
		json_decref(document);
	}
	(void)fprintf(stderr, "moniker: %s: %s%s%s%s\n", info->name, err->detail,
	    err->cause[0] != '\0' ? " (" : "", err->cause, err->cause[0] != '\0' ? ")" : "");
	return exit_code;
}

int
cli_usage(const struct subcommand *command, const char *what)
{
	(void)fprintf(stderr, "moniker %s: %s\n\n%s", command->name, what, command->help);
	return EXIT_USAGE;
}

static const char *
from_environment(const char *given, const char *prefix, const char *suffix)
{
	char name[64];

	if (given != NULL)
		return given;
	(void)snprintf(name, sizeof name, "MONIKER_%s%s", prefix, suffix);
	return getenv(name);
}

const char *
cli_api_ca_file(const struct cli_api *api)
{
	return from_environment(api->ca_file, "CACERT", "");
}

const char *
cli_api_certificate(const struct cli_api *api, const char *role)
{
	return from_environment(api->certificate, role, "_CERT");
}

bool
cli_api_open(
    const struct cli_api *api, const char *role, struct http_client **out, struct error *err)
{
	struct http_client_options options = {
	    .url = from_environment(api->url, "URL", ""),
	    .ca_file = cli_api_ca_file(api),
	    .certificate = api->certificate,
	    .key = api->key,
	};

	if (role != NULL) {
		options.certificate = cli_api_certificate(api, role);
		options.key = from_environment(api->key, role, "_KEY");
	}
	if (options.url == NULL)
		return error_set(err, E_INCOMPLETE, "give --url, or set MONIKER_URL");
	if (role != NULL && (options.certificate == NULL || options.key == NULL))
		return error_set(err, E_INCOMPLETE,
		    "give --cert and --key, or set MONIKER_%s_CERT and MONIKER_%s_KEY", role, role);
	return http_client_new(&options, out, err);
}

/* A problem document (RFC 9457) becomes our error; its words are the service's. */
static bool
fail_with_problem(long status, const json_t *problem, struct error *err)
{
	const char *detail = json_string_value(json_object_get(problem, "detail"));
	const char *code = json_string_value(json_object_get(problem, "code"));
	const char *title = json_string_value(json_object_get(problem, "title"));
	const enum error_code known = code == NULL ? E_NONE : error_code_of(code);

	(void)error_set(err, known != E_NONE ? known : E_INTERNAL, "%s",
	    detail != NULL  ? detail
	    : title != NULL ? title
			    : "no explanation");
	error_cause(err, "HTTP status %ld", status);
	return false;
}

bool
cli_call(struct http_client *client, const char *method, const char *path, json_t *body,
    json_t **out_document, struct error *err)
{
	DEFER(http_answer_clear) struct http_answer answer = {0};
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	json_t *document = NULL;
	bool called;

	json_decref(body);
	called = http_client_call(client, method, path, text != NULL ? "application/json" : NULL,
	    text != NULL ? bytes_of_text(text) : (struct bytes){0}, &answer, err);
	free(text);
	if (!called)
		return false;
	if (answer.body.len > 0)
		document = json_loadb((const char *)answer.body.data, answer.body.len, 0, NULL);
	if (answer.status >= 200 && answer.status < 300) {
		*out_document = document;
		return true;
	}
	(void)fail_with_problem(answer.status, document, err);
	json_decref(document);
	return false;
}

void
cli_print_json(const json_t *document)
{
	(void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	(void)putchar('\n');
}

const char *
cli_role(const char *role)
{
	return role != NULL && strcmp(role, "legal") == 0 ? "LEGAL" : "OFFICER";
}

const char *
cli_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "-";
}

bool
cli_read_certificate(const char *path, json_t **out, struct error *err)
{
	DEFER(buf_clear_public) struct buf file = {0};
	DEFER(buf_clear_public) struct buf text = {0};

	if (!file_read(path, PEM_FILE_MAX, &file, err))
		return false;
	if (file.len > 0 && file.data[0] == DER_SEQUENCE) /* no PEM begins so */
		pem_encode(&text, "CERTIFICATE", buf_bytes(&file));
	else
		buf_append(&text, buf_bytes(&file));
	*out = json_stringn((const char *)text.data, text.len);
	return *out != NULL || error_set(err, E_BAD_SYNTAX, "%s is not text", path);
}

/* ---- keys and CSRs ---- */

static bool
read_key(const char *path, EVP_PKEY **out, struct error *err)
{
	DEFER(BIO_free_all) BIO *bio = BIO_new(BIO_s_secmem());
	DEFER(buf_clear) struct buf pem = {0};

	if (!file_read(path, PEM_FILE_MAX, &pem, err))
		return false;
	(void)BIO_write(bio, pem.data, (int)pem.len);
	*out = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	return *out != NULL || error_set(err, E_FILE_FAILED, "%s holds no private key", path);
}

static bool
read_or_make_key(const char *path, EVP_PKEY **out, struct error *err)
{
	DEFER(BIO_free_all) BIO *bio = BIO_new(BIO_s_secmem());
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	char *data = NULL;
	long len;

	if (access(path, F_OK) == 0)
		return read_key(path, out, err);
	key = EVP_EC_gen("P-256");
	if (key == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return error_set(err, E_INTERNAL, "cannot make a key");
	len = BIO_get_mem_data(bio, &data);
	if (!file_write(path, bytes_of(data, (size_t)len), 0600, err))
		return false;
	*out = TAKE(key);
	return true;
}

bool
cli_make_csr(const char *key_path, struct buf *out_csr_pem, struct error *err)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	DEFER(X509_REQ_free) X509_REQ *request = X509_REQ_new();
	DEFER(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len;

	if (!read_or_make_key(key_path, &key, err))
		return false;
	/* The subject is ignored by the service: an empty one says so. */
	if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(request, key) != 1 ||
	    X509_REQ_sign(request, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) <= 0 ||
	    PEM_write_bio_X509_REQ(bio, request) != 1) {
		(void)error_set(err, E_INTERNAL, "cannot make a CSR");
		error_cause_openssl(err);
		return false;
	}
	len = BIO_get_mem_data(bio, &data);
	buf_append(out_csr_pem, bytes_of(data, (size_t)len));
	return true;
}

bool
cli_key_fits(const char *key_path, const char *certificate_path)
{
	DEFER(EVP_PKEY_free) EVP_PKEY *key = NULL;
	DEFER(X509_free) X509 *certificate = NULL;
	DEFER(BIO_free_all) BIO *bio = NULL;
	DEFER(buf_clear_public) struct buf pem = {0};
	struct error why = {0};

	if (access(key_path, F_OK) != 0 || access(certificate_path, F_OK) != 0 ||
	    !read_key(key_path, &key, &why) ||
	    !file_read(certificate_path, PEM_FILE_MAX, &pem, &why))
		return false;
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	return certificate != NULL && X509_check_private_key(certificate, key) == 1;
}
