/*
 * ocsp_reader: a successful OCSP answer read as RFC 6960 section 4.2 and RFC 5019 section 2.2 say,
 * more strictly than OpenSSL 3.0 does: definite DER, version left out, no status but the three, no
 * extension but the nonce, exactly one certificate, and a signature that is checked here.
 */
#ifndef TESTS_UNIT_CA_OCSP_READER_H
#define TESTS_UNIT_CA_OCSP_READER_H

#include "base/der.h"
#include "base/hash.h"
#include "base/text.h"
#include "ca/certificate.h"
#include "ca/ecdsa.h"
#include "ca/ocsp_request.h"
#include "ca/ocsp_response.h"
#include "ca/oid.h"

struct ocsp_read_single {
	struct bytes certid;
	enum ocsp_state state;
	int reason; /* -1: none */
	int64_t revoked_at_s, this_update_s, next_update_s;
};

struct ocsp_read {
	struct bytes data, key_hash, nonce, signature;
	int64_t produced_at_s;
	struct ocsp_read_single singles[OCSP_CERTIDS_MAX];
	size_t count;
	struct certificate responder;
};

/* "20260101000000Z": GeneralizedTime in any year, without a fraction. */
static inline int64_t
ocsp_read_time(struct der *der)
{
	const struct bytes value = der_take(der, DER_GENERALIZED_TIME);
	char text[TIME_TEXT_LEN + 1] = "....-..-..T..:..:..Z";
	int64_t at_s = 0;

	if (value.len != 15 || value.data[14] != 'Z') {
		der->ok = false;
		return 0;
	}
	memcpy(text, value.data, 4);
	for (size_t i = 0; i < 5; i++)
		memcpy(text + 5 + i * 3, value.data + 4 + i * 2, 2);
	der->ok = der->ok && time_decode(bytes_of(text, TIME_TEXT_LEN), &at_s);
	return at_s;
}

static inline bool
ocsp_read_state(struct der *single, struct ocsp_read_single *out)
{
	struct der revoked, reason;

	out->reason = -1;
	switch (der_peek(single)) {
	case DER_CONTEXT(0):
		out->state = OCSP_GOOD;
		return der_take(single, DER_CONTEXT(0)).len == 0;
	case DER_CONTEXT(2):
		out->state = OCSP_UNKNOWN;
		return der_take(single, DER_CONTEXT(2)).len == 0;
	default: break;
	}
	out->state = OCSP_REVOKED;
	revoked = der_enter(single, DER_CONTEXT_CONSTRUCTED(1));
	out->revoked_at_s = ocsp_read_time(&revoked);
	if (der_peek(&revoked) == DER_CONTEXT_CONSTRUCTED(0)) {
		struct bytes number;

		reason = der_enter(&revoked, DER_CONTEXT_CONSTRUCTED(0));
		number = der_take(&reason, DER_ENUMERATED);
		if (!der_end(&reason) || number.len != 1 || number.data[0] == 0)
			return false;
		out->reason = number.data[0];
	}
	return der_end(&revoked);
}

static inline bool
ocsp_read_single(struct der *list, struct ocsp_read_single *out)
{
	struct der single = der_enter(list, DER_SEQUENCE), next;

	out->certid = der_take_whole(&single, DER_SEQUENCE);
	if (!ocsp_read_state(&single, out))
		return false;
	out->this_update_s = ocsp_read_time(&single);
	next = der_enter(&single, DER_CONTEXT_CONSTRUCTED(0));
	out->next_update_s = ocsp_read_time(&next);
	return der_end(&next) && der_end(&single) && out->this_update_s < out->next_update_s;
}

static inline bool
ocsp_read_data(struct bytes whole, struct ocsp_read *out)
{
	struct der outer = der_of(whole);
	struct der data = der_enter(&outer, DER_SEQUENCE);
	struct der id = der_enter(&data, DER_CONTEXT_CONSTRUCTED(2)), list, explicit, extension;

	out->data = whole;
	out->key_hash = der_take(&id, DER_OCTET_STRING);
	out->produced_at_s = ocsp_read_time(&data);
	list = der_enter(&data, DER_SEQUENCE);
	while (list.ok && list.rest.len > 0)
		if (out->count == OCSP_CERTIDS_MAX ||
		    !ocsp_read_single(&list, &out->singles[out->count++]))
			return false;
	if (der_peek(&data) == DER_CONTEXT_CONSTRUCTED(1)) {
		explicit = der_enter(&data, DER_CONTEXT_CONSTRUCTED(1));
		extension = der_enter(&explicit, DER_SEQUENCE);
		if (!der_end(&explicit))
			return false;
		explicit = der_enter(&extension, DER_SEQUENCE);
		if (!der_end(&extension) ||
		    !bytes_equal(der_take(&explicit, DER_OID), OID_OCSP_NONCE))
			return false;
		extension = der_enter(&explicit, DER_OCTET_STRING);
		out->nonce = der_take(&extension, DER_OCTET_STRING);
		if (!der_end(&explicit) || !der_end(&extension))
			return false;
	}
	return der_end(&id) && list.ok && der_end(&data) && der_end(&outer) && out->count > 0 &&
	       out->key_hash.len == OCSP_KEY_HASH_BYTES;
}

/* False: not a successful answer in all its parts. All borrowed from `der`. */
static inline bool
ocsp_read(struct bytes der, struct ocsp_read *out)
{
	struct der input = der_of(der);
	struct der outer = der_enter(&input, DER_SEQUENCE);
	const struct bytes status = der_take(&outer, DER_ENUMERATED);
	struct der explicit = der_enter(&outer, DER_CONTEXT_CONSTRUCTED(0));
	struct der bytes = der_enter(&explicit, DER_SEQUENCE);
	const struct bytes type = der_take(&bytes, DER_OID);
	struct der octets = der_enter(&bytes, DER_OCTET_STRING);
	struct der basic = der_enter(&octets, DER_SEQUENCE), certificates;
	struct error ignored = {0};
	struct bytes certificate;

	*out = (struct ocsp_read){0};
	if (!ocsp_read_data(der_take_whole(&basic, DER_SEQUENCE), out) ||
	    !bytes_equal(der_take_whole(&basic, DER_SEQUENCE), ALGORITHM_ECDSA_SHA256))
		return false;
	out->signature = der_take_bits(&basic);
	explicit = der_enter(&basic, DER_CONTEXT_CONSTRUCTED(0));
	certificates = der_enter(&explicit, DER_SEQUENCE);
	certificate = der_take_whole(&certificates, DER_SEQUENCE);
	return der_end(&certificates) && der_end(&explicit) && der_end(&basic) &&
	       der_end(&octets) && der_end(&bytes) && der_end(&outer) && der_end(&input) &&
	       status.len == 1 && status.data[0] == 0 && bytes_equal(type, OID_OCSP_BASIC) &&
	       certificate_parse(certificate, &out->responder, &ignored);
}

/* The signature, by the key of the certificate that the answer brings, and its name for it. */
static inline bool
ocsp_read_signed(const struct ocsp_read *answer)
{
	struct der outer = der_of(answer->responder.spki);
	struct der spki = der_enter(&outer, DER_SEQUENCE);
	const uint8_t *at = answer->responder.spki.data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)answer->responder.spki.len);
	uint8_t digest[SHA256_BYTES], sha1[OCSP_KEY_HASH_BYTES];
	struct bytes point;
	bool good;

	(void)der_take(&spki, DER_SEQUENCE);
	point = der_take_bits(&spki);
	sha256(answer->data, digest);
	good = key != NULL && der_end(&spki) &&
	       EVP_Digest(point.data, point.len, sha1, NULL, EVP_sha1(), NULL) == 1 &&
	       bytes_equal(answer->key_hash, bytes_of(sha1, sizeof sha1)) &&
	       ecdsa_verify(key, bytes_of(digest, sizeof digest), answer->signature);
	EVP_PKEY_free(key);
	return good;
}

#endif
