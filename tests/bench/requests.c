#include "tests/bench/requests.h"

#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "tests/bench/client.h"
#include "tests/bench/report.h"

#define SERIAL_MAX 20

void
csr_make(EVP_PKEY *key, struct buf *out_der)
{
	EVP_PKEY *own = key == NULL ? EVP_EC_gen("P-256") : NULL;
	EVP_PKEY *signer = key == NULL ? own : key;
	X509_REQ *request = X509_REQ_new();
	uint8_t *der = NULL;
	int len;

	if (X509_REQ_set_pubkey(request, signer) != 1 ||
	    X509_REQ_sign(request, signer, EVP_sha256()) <= 0 ||
	    (len = i2d_X509_REQ(request, &der)) <= 0)
		die("cannot make a CSR");
	buf_append(out_der, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	X509_REQ_free(request);
	EVP_PKEY_free(own);
}

void
enrollment_put(const char *batch, EVP_PKEY *key, struct buf *out)
{
	DEFER(buf_clear_public) struct buf csr = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	const struct rng rng = rng_system();
	uint8_t id[6];
	char mac[13];

	csr_make(key, &csr);
	base64_encode(&text, buf_bytes(&csr));
	rng_fill(&rng, id, sizeof id);
	hex_encode(mac, bytes_of(id, sizeof id));
	buf_append_format(out,
	    "{\"batch\":\"%s\",\"csr\":\"%.*s\",\"hardware_ids\":[{\"type\":\"mac48\",\"value\":"
	    "\"%s\"}]}",
	    batch, (int)text.len, (const char *)text.data, mac);
}

struct buf *
enrollments_make(const char *batch, size_t lines, size_t count)
{
	const char *type = lines > 1 ? "application/x-ndjson" : "application/json";
	struct buf *requests = xcalloc(count, sizeof *requests);

	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf body = {0};

		for (size_t line = 0; line < lines; line++) {
			enrollment_put(batch, NULL, &body);
			if (lines > 1)
				buf_append_u8(&body, '\n');
		}
		request_put("/v1/enrollments", type, buf_bytes(&body), &requests[i]);
	}
	return requests;
}

void
requests_free(struct buf *requests, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_clear_public(&requests[i]);
	free(requests);
}

void
revocation_put(const struct device *device, struct buf *out)
{
	DEFER(buf_clear_public) struct buf body = {0};
	DEFER(buf_clear_public) struct buf pem = {0};
	const ASN1_INTEGER *number;
	char serial[2 * SERIAL_MAX + 1];
	X509 *certificate;
	BIO *bio;

	device_pem(device, &pem);
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	number = X509_get0_serialNumber(certificate);
	if (number->length > SERIAL_MAX)
		die("a serial number is too long");
	hex_encode(serial, bytes_of(number->data, (size_t)number->length));
	buf_append_format(&body,
	    "{\"select\":{\"serial\":\"%s\"},\"action\":\"revoke\",\"reason\":\"KEY_COMPROMISE\"}",
	    serial);
	request_put("/v1/revocations", "application/json", buf_bytes(&body), out);
	X509_free(certificate);
	BIO_free(bio);
}
