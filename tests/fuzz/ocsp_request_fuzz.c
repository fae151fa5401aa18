/* An OCSP request that is taken is what OpenSSL reads, too: all but what nobody here looks into. */
#include <openssl/ocsp.h>

#include "base/der.h"
#include "ca/ocsp_request.h"
#include "tests/fuzz/fuzz.h"

static void
certid_is_openssls(const struct ocsp_certid *ours, OCSP_ONEREQ *one)
{
	OCSP_CERTID *theirs = OCSP_onereq_get0_id(one);
	DEFER(buf_clear_public) struct buf der = {0};
	ASN1_OCTET_STRING *name = NULL, *key = NULL;
	ASN1_INTEGER *serial = NULL;
	ASN1_OBJECT *md = NULL;
	uint8_t *at = buf_extend(&der, (size_t)i2d_OCSP_CERTID(theirs, NULL));

	(void)i2d_OCSP_CERTID(theirs, &at);
	MUST(bytes_equal(ours->whole, buf_bytes(&der)));
	MUST(OCSP_id_get0_info(&name, &md, &key, &serial, theirs) == 1);
	MUST(bytes_equal(ours->name_hash,
	    bytes_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name))));
	MUST(bytes_equal(
	    ours->key_hash, bytes_of(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key))));
	MUST((ours->hash == OCSP_HASH_SHA1) == (OBJ_obj2nid(md) == NID_sha1));
	MUST((ours->hash == OCSP_HASH_SHA256) == (OBJ_obj2nid(md) == NID_sha256));
	MUST((ours->hash == OCSP_HASH_SHA384) == (OBJ_obj2nid(md) == NID_sha384));
	MUST((ours->hash == OCSP_HASH_SHA512) == (OBJ_obj2nid(md) == NID_sha512));
}

static void
nonce_is_openssls(struct bytes ours, OCSP_REQUEST *theirs)
{
	const int place = OCSP_REQUEST_get_ext_by_NID(theirs, NID_id_pkix_OCSP_Nonce, -1);
	struct bytes value;

	MUST((place >= 0) == (ours.len > 0));
	if (place < 0)
		return;
	MUST(OCSP_REQUEST_get_ext_by_NID(theirs, NID_id_pkix_OCSP_Nonce, place) < 0);
	value.data =
	    ASN1_STRING_get0_data(X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(theirs, place)));
	value.len = (size_t)ASN1_STRING_length(
	    X509_EXTENSION_get_data(OCSP_REQUEST_get_ext(theirs, place)));
	MUST(ours.len <= OCSP_NONCE_MAX && value.len == ours.len + (ours.len < 128 ? 2 : 3));
	MUST(bytes_equal(ours, bytes_of(value.data + (value.len - ours.len), ours.len)));
}

/* Without requestorName and signature, whose names and certificates OpenSSL takes apart and we do
 * not. */
static void
strip(struct bytes der, struct der_writer *w)
{
	struct der input = der_of(der);
	struct der outer = der_enter(&input, DER_SEQUENCE);
	struct der tbs = der_enter(&outer, DER_SEQUENCE);
	struct bytes version = {0};

	if (der_peek(&tbs) == DER_CONTEXT_CONSTRUCTED(0))
		version = der_take_whole(&tbs, DER_CONTEXT_CONSTRUCTED(0));
	if (der_peek(&tbs) == DER_CONTEXT_CONSTRUCTED(1))
		(void)der_take(&tbs, DER_CONTEXT_CONSTRUCTED(1));
	MUST(tbs.ok);
	der_put(w, tbs.rest);
	der_put(w, version);
	der_wrap(w, DER_SEQUENCE, 0);
	der_wrap(w, DER_SEQUENCE, 0);
}

static void
is_openssls(const struct ocsp_request *ours, struct bytes der)
{
	DEFER(der_writer_clear) struct der_writer stripped;
	OCSP_REQUEST *theirs;
	const uint8_t *at;

	der_writer_init(&stripped, der.len);
	strip(der, &stripped);
	at = der_written(&stripped).data;
	theirs = d2i_OCSP_REQUEST(NULL, &at, (long)der_written(&stripped).len);
	MUST(theirs != NULL && at == der_written(&stripped).data + der_written(&stripped).len);
	MUST(OCSP_request_onereq_count(theirs) == (int)ours->count);
	for (size_t i = 0; i < ours->count; i++) {
		MUST(fuzz_inside(ours->certids[i].whole, der));
		certid_is_openssls(&ours->certids[i], OCSP_request_onereq_get0(theirs, (int)i));
	}
	nonce_is_openssls(ours->nonce, theirs);
	OCSP_REQUEST_free(theirs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ocsp_request request;
	struct error err = {0};

	if (!fuzz_verdict(ocsp_request_parse(bytes_of(data, size), &request, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return 0;
	}
	MUST(size <= OCSP_REQUEST_MAX && request.count >= 1 && request.count <= OCSP_CERTIDS_MAX);
	is_openssls(&request, bytes_of(data, size));
	return 0;
}
