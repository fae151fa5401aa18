#include "ca/ocsp_response.h"

#include "base/der.h"
#include "base/hash.h"
#include "ca/oid.h"

/* Written backward (base/der.h): the functions below put the last element first. */
enum { CAPACITY = 1024 }; /* octets; enough for one certificate and its responder's */

static void
put_status(struct der_writer *w, enum ocsp_status status)
{
	const uint8_t number = (uint8_t)status;

	der_put_element(w, DER_ENUMERATED, bytes_of(&number, 1));
}

void
ocsp_response_refuse(enum ocsp_status status, struct buf *out)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, 8);
	put_status(&w, status);
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
}

/* RevokedInfo. A reason that says nothing is left out (RFC 5280 section 5.3.1). */
static void
put_revoked(struct der_writer *w, const struct ocsp_single *single)
{
	const uint8_t reason = (uint8_t)single->reason;
	const size_t mark = der_mark(w);

	if (single->reason != REASON_UNSPECIFIED) {
		der_put_element(w, DER_ENUMERATED, bytes_of(&reason, 1));
		der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
	}
	der_put_generalized_time(w, single->revoked_at_s);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
}

static void
put_single(struct der_writer *w, const struct ocsp_answer *answer, const struct ocsp_single *single)
{
	const size_t mark = der_mark(w);

	der_put_generalized_time(w, answer->next_update_s);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark);
	der_put_generalized_time(w, answer->this_update_s);
	switch (single->state) {
	case OCSP_REVOKED: put_revoked(w, single); break;
	case OCSP_GOOD: der_put_element(w, DER_CONTEXT(0), (struct bytes){0}); break;
	case OCSP_UNKNOWN:
	case OCSP_STATE_COUNT: der_put_element(w, DER_CONTEXT(2), (struct bytes){0}); break;
	}
	der_put(w, single->certid);
	der_wrap(w, DER_SEQUENCE, mark);
}

/* responseExtensions with the nonce that was asked for, octet for octet. */
static void
put_nonce(struct der_writer *w, struct bytes nonce)
{
	const size_t mark = der_mark(w);

	if (nonce.len == 0)
		return;
	der_put_element(w, DER_OCTET_STRING, nonce);
	der_wrap(w, DER_OCTET_STRING, mark);
	der_put_element(w, DER_OID, OID_OCSP_NONCE);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(1), mark);
}

/* ResponseData; its version is 1, the default, and so left out. */
static void
put_data(struct der_writer *w, const struct ocsp_answer *answer)
{
	const size_t mark = der_mark(w);
	size_t inner;

	put_nonce(w, answer->nonce);
	inner = der_mark(w);
	for (size_t i = answer->count; i-- > 0;)
		put_single(w, answer, &answer->singles[i]);
	der_wrap(w, DER_SEQUENCE, inner);
	der_put_generalized_time(w, answer->produced_at_s);
	inner = der_mark(w);
	der_put_element(w, DER_OCTET_STRING, bytes_of(answer->key_hash, OCSP_KEY_HASH_BYTES));
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(2), inner);
	der_wrap(w, DER_SEQUENCE, mark);
}

static bool
sign(const struct ocsp_answer *answer, struct bytes data, uint8_t out[static KEY_SIGNATURE_MAX],
    size_t *out_len, struct error *err)
{
	uint8_t digest[SHA256_BYTES];

	sha256(data, digest);
	return key_sign_digest(answer->key, digest, out, out_len, err);
}

bool
ocsp_response_build(const struct ocsp_answer *answer, struct buf *out, struct error *err)
{
	DEFER(der_writer_clear) struct der_writer data;
	DEFER(der_writer_clear) struct der_writer w;
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;

	der_writer_init(&data, CAPACITY / 2);
	der_writer_init(&w, CAPACITY);
	put_data(&data, answer);
	if (!sign(answer, der_written(&data), signature, &signature_len, err))
		return false;
	der_put(&w, answer->certificate);
	der_wrap(&w, DER_SEQUENCE, 0);
	der_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), 0);
	der_put_bits(&w, bytes_of(signature, signature_len));
	der_put(&w, ALGORITHM_ECDSA_SHA256);
	der_put(&w, der_written(&data));
	der_wrap(&w, DER_SEQUENCE, 0);
	der_wrap(&w, DER_OCTET_STRING, 0);
	der_put_element(&w, DER_OID, OID_OCSP_BASIC);
	der_wrap(&w, DER_SEQUENCE, 0);
	der_wrap(&w, DER_CONTEXT_CONSTRUCTED(0), 0);
	put_status(&w, OCSP_SUCCESSFUL);
	der_wrap(&w, DER_SEQUENCE, 0);
	buf_append(out, der_written(&w));
	return true;
}
