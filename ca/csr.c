#include "ca/csr.h"

#include <stdlib.h>

#include "base/der.h"
#include "base/mem.h"
#include "base/text.h"
#include "ca/csr_binding.h"
#include "ca/csr_key.h"

struct csr {
	enum csr_key_type type;
	int bits;
	struct buf spki;
	uint8_t spki_sha256[SHA256_BYTES];
};

struct request {                /* borrowed */
	struct bytes info;      /* CertificationRequestInfo, whole: what is signed */
	struct bytes spki;      /* whole */
	struct bytes algorithm; /* contents */
	struct bytes signature;
};

/* CertificationRequestInfo, RFC 2986 section 4.1. */
static bool
read_info(struct request *out)
{
	struct der whole = der_of(out->info);
	struct der in = der_enter(&whole, DER_SEQUENCE);
	int64_t version = der_take_int(&in);

	der_take(&in, DER_SEQUENCE); /* subject */
	out->spki = der_take_whole(&in, DER_SEQUENCE);
	der_take(&in, DER_CONTEXT_CONSTRUCTED(0)); /* attributes */
	return der_end(&in) && der_end(&whole) && version == 0;
}

/*
 * CertificationRequest, RFC 2986 section 4.2. Names and attributes are not read; that they are DER
 * is still part of being a request.
 */
static bool
read_request(struct bytes der, struct request *out)
{
	struct der outer = der_of(der);
	struct der in = der_enter(&outer, DER_SEQUENCE);

	out->info = der_take_whole(&in, DER_SEQUENCE);
	out->algorithm = der_take(&in, DER_SEQUENCE);
	out->signature = der_take_bits(&in);
	return der_end(&in) && der_end(&outer) && der_well_formed(der) && read_info(out);
}

bool
csr_parse(struct bytes der, struct csr **out_csr, struct error *err)
{
	DEFER(csr_key_clear) struct csr_key key = {0};
	struct request request;
	struct csr *csr;

	if (der.len > CSR_DER_MAX)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/csr", "longer than %d octets", CSR_DER_MAX);
	if (!read_request(der, &request))
		return error_set_field(
		    err, E_BAD_SYNTAX, "/csr", "not exactly one DER certification request");
	if (!csr_key_parse(request.spki, &key, err) ||
	    !csr_key_verify(&key, request.algorithm, request.info, request.signature, err))
		return false;

	csr = xcalloc(1, sizeof *csr);
	csr->type = key.type;
	csr->bits = key.bits;
	buf_append(&csr->spki, request.spki);
	sha256(request.spki, csr->spki_sha256);
	*out_csr = csr;
	return true;
}

/* base64_decode() takes one spelling only; requests come with lines of any length (RFC 8951). */
static void
strip_space(struct bytes text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++)
		if (memchr(" \t\r\n", text.data[i], 4) == NULL)
			buf_append_u8(out, text.data[i]);
}

static bool
decode_text(struct bytes text, struct buf *out)
{
	static const char *const labels[] = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"};
	DEFER(buf_clear_public) struct buf plain = {0};

	for (size_t i = 0; i < COUNT(labels); i++) {
		struct error ignored = {0};

		if (pem_decode(text, labels[i], out, &ignored))
			return true;
		buf_truncate(out, 0);
	}
	strip_space(text, &plain);
	return plain.len > 0 && base64_decode(buf_bytes(&plain), out);
}

static bool
decode_bounded(struct bytes text, struct buf *out, struct error *err)
{
	if (text.len > CSR_TEXT_MAX)
		return error_set_field(
		    err, E_BAD_SYNTAX, "/csr", "longer than %d characters", CSR_TEXT_MAX);
	return decode_text(text, out) ||
	       error_set_field(err, E_BAD_SYNTAX, "/csr", "neither one PEM block nor base64");
}

bool
csr_parse_text(struct bytes text, struct csr **out_csr, struct error *err)
{
	DEFER(buf_clear_public) struct buf der = {0};

	return decode_bounded(text, &der, err) && csr_parse(buf_bytes(&der), out_csr, err);
}

bool
csr_parse_any(
    struct bytes input, const struct bytes *binding, struct csr **out_csr, struct error *err)
{
	DEFER(buf_clear_public) struct buf decoded = {0};
	DEFER(csr_free) struct csr *csr = NULL;
	struct bytes der = input;

	/* No PEM and no base64 of a request begins with '0'. */
	if (input.len == 0 || input.data[0] != DER_SEQUENCE) {
		if (!decode_bounded(input, &decoded, err))
			return false;
		der = buf_bytes(&decoded);
	}
	/* Proven first: what it is bound to is the key holder's word then. */
	if (!csr_parse(der, &csr, err) ||
	    (binding != NULL && !csr_binding_check(der, *binding, err)))
		return false;
	*out_csr = TAKE(csr);
	return true;
}

void
csr_free(struct csr *csr)
{
	if (csr == NULL)
		return;
	buf_clear_public(&csr->spki);
	free(csr);
}

enum csr_key_type
csr_key_type(const struct csr *csr)
{
	return csr->type;
}

int
csr_key_bits(const struct csr *csr)
{
	return csr->bits;
}

struct bytes
csr_spki(const struct csr *csr)
{
	return buf_bytes(&csr->spki);
}

const uint8_t *
csr_spki_sha256(const struct csr *csr)
{
	return csr->spki_sha256;
}
