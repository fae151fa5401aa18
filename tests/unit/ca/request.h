/* request: certification requests for tests: by OpenSSL, or put together by hand to be wrong. */
#ifndef TESTS_UNIT_CA_REQUEST_H
#define TESTS_UNIT_CA_REQUEST_H

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/defer_openssl.h"
#include "base/der.h"

DEFER_DECLARE(X509_REQ, X509_REQ_free)

/* "RSA" with bits, an EC curve's name, or another algorithm's. */
static inline EVP_PKEY *
request_key(const char *kind, unsigned bits)
{
	EVP_PKEY *key = NULL;

	if (strcmp(kind, "RSA") == 0)
		key = EVP_RSA_gen(bits);
	else if (bits != 0)
		key = EVP_EC_gen(kind);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
	assert_non_null(key);
	return key;
}

/* A request as any tool would make it. */
static inline void
request_make(EVP_PKEY *key, const EVP_MD *md, struct buf *out)
{
	DEFER(X509_REQ_free) X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(req);
	uint8_t *der = NULL;
	int len;

	assert_int_equal(X509_NAME_add_entry_by_txt(
			     name, "CN", MBSTRING_ASC, (const uint8_t *)"board 1", -1, -1, 0),
	    1);
	assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
	assert_true(X509_REQ_sign(req, key, md) > 0);
	len = i2d_X509_REQ(req, &der);
	assert_true(len > 0);
	buf_append(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
}

static inline void
request_spki(EVP_PKEY *key, struct buf *out)
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	assert_true(len > 0);
	buf_append(out, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
}

/* The parts of a request that is put together by hand; zero: what a good one has. */
struct request_parts {
	struct bytes spki;       /* whole */
	struct bytes algorithm;  /* whole AlgorithmIdentifier */
	struct bytes subject;    /* whole */
	struct bytes attributes; /* contents */
	uint64_t version;
	bool without_attributes;
	EVP_PKEY *signer;
	const EVP_MD *md;
};

static inline void
request_sign(const struct request_parts *parts, struct bytes info, struct buf *out)
{
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[1024];
	size_t len = sizeof signature;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, parts->md, NULL, parts->signer), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, info.data, info.len), 1);
	buf_append(out, bytes_of(signature, len));
}

static inline void
request_assemble(const struct request_parts *parts, struct buf *out)
{
	static const uint8_t empty_name[] = {0x30, 0x00};
	DEFER(der_writer_clear) struct der_writer info;
	DEFER(der_writer_clear) struct der_writer whole;
	DEFER(buf_clear_public) struct buf signature = {0};
	size_t mark;

	der_writer_init(&info, 1024);
	mark = der_mark(&info);
	if (!parts->without_attributes)
		der_put_element(&info, DER_CONTEXT_CONSTRUCTED(0), parts->attributes);
	der_put(&info, parts->spki);
	der_put(&info,
	    parts->subject.len > 0 ? parts->subject : bytes_of(empty_name, sizeof empty_name));
	der_put_int(&info, parts->version);
	der_wrap(&info, DER_SEQUENCE, mark);

	request_sign(parts, der_written(&info), &signature);
	der_writer_init(&whole, 2048);
	mark = der_mark(&whole);
	der_put_bits(&whole, buf_bytes(&signature));
	der_put(&whole, parts->algorithm);
	der_put(&whole, der_written(&info));
	der_wrap(&whole, DER_SEQUENCE, mark);
	buf_append(out, der_written(&whole));
}

#endif
