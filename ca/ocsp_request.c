#include "ca/ocsp_request.h"

#include "base/der.h"
#include "ca/oid.h"

#define VERSION_1 0

/* clang-format off */
static const struct {
	const struct bytes *oid;
	size_t len; /* octets of a digest */
} HASHES[OCSP_HASH_COUNT] = {
	[OCSP_HASH_SHA1]   = {&OID_SHA1,   20},
	[OCSP_HASH_SHA256] = {&OID_SHA256, 32},
	[OCSP_HASH_SHA384] = {&OID_SHA384, 48},
	[OCSP_HASH_SHA512] = {&OID_SHA512, OCSP_HASH_MAX},
};
/* clang-format on */

static bool
malformed(struct error *err, const char *what)
{
	return error_set(err, E_BAD_SYNTAX, "the OCSP request: %s", what);
}

/* ---- CertID ---- */

/* AlgorithmIdentifier of a digest, known here or not: parameters are absent or NULL, as those of
 * all in use are (RFC 5754 section 2). */
static bool
hash_take(struct der *der, enum ocsp_hash *out)
{
	struct der algorithm = der_enter(der, DER_SEQUENCE);
	const struct bytes oid = der_take(&algorithm, DER_OID);
	int hash = 0;

	while (hash < OCSP_HASH_COUNT && !bytes_equal(*HASHES[hash].oid, oid))
		hash++;
	*out = (enum ocsp_hash)hash;
	if (der_peek(&algorithm) == DER_NULL && der_take(&algorithm, DER_NULL).len != 0)
		return false;
	return der_end(&algorithm);
}

static bool
certid_parse(struct bytes whole, struct ocsp_certid *out)
{
	struct der outer = der_of(whole);
	struct der der = der_enter(&outer, DER_SEQUENCE);

	*out = (struct ocsp_certid){.whole = whole};
	if (whole.len > OCSP_CERTID_MAX || !hash_take(&der, &out->hash))
		return false;
	out->name_hash = der_take(&der, DER_OCTET_STRING);
	out->key_hash = der_take(&der, DER_OCTET_STRING);
	out->serial = der_take(&der, DER_INTEGER);
	return der_end(&der) && der_end(&outer) &&
	       (out->hash == OCSP_HASH_COUNT || (out->name_hash.len == HASHES[out->hash].len &&
						    out->key_hash.len == HASHES[out->hash].len));
}

/* ---- extensions ---- */

/* RFC 9654 section 2.1: an OCTET STRING of 1 to 128 octets. */
static bool
nonce_take(struct bytes value, struct bytes *out)
{
	struct der der = der_of(value);
	const struct bytes nonce = der_take(&der, DER_OCTET_STRING);

	if (!der_end(&der) || out->len > 0 || nonce.len == 0 || nonce.len > OCSP_NONCE_MAX)
		return false;
	*out = nonce;
	return true;
}

/* RFC 6960 section 4.4.3: the answer is a basic one, so that has to be among what is acceptable. */
static bool
acceptable(struct bytes value)
{
	struct der outer = der_of(value);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	bool basic = false;

	while (der.ok && der.rest.len > 0)
		basic = bytes_equal(der_take(&der, DER_OID), OID_OCSP_BASIC) || basic;
	return der.ok && der_end(&outer) && basic;
}

/* One Extension (RFC 5280 section 4.1). `critical` FALSE is written out by some. */
static bool
extension_read(struct der *list, bool of_request, struct ocsp_request *out, struct error *err)
{
	struct der der = der_enter(list, DER_SEQUENCE);
	const struct bytes oid = der_take(&der, DER_OID);
	const bool critical = der_peek(&der) == DER_BOOLEAN && der_take_bool(&der);
	const struct bytes value = der_take(&der, DER_OCTET_STRING);

	if (!list->ok || !der_end(&der))
		return malformed(err, "an extension");
	if (of_request && bytes_equal(oid, OID_OCSP_NONCE))
		return nonce_take(value, &out->nonce) ||
		       malformed(err, "the nonce is not one, of 1 to 128 octets");
	if (of_request && bytes_equal(oid, OID_OCSP_RESPONSE))
		return acceptable(value) || malformed(err, "a basic response is not acceptable");
	return !critical || malformed(err, "a critical extension that is not understood");
}

/* [tag] EXPLICIT Extensions OPTIONAL; at least one where it is there. */
static bool
extensions_read(
    struct der *in, int tag, bool of_request, struct ocsp_request *out, struct error *err)
{
	struct der explicit, list;

	if (der_peek(in) != tag)
		return true;
	explicit = der_enter(in, tag);
	list = der_enter(&explicit, DER_SEQUENCE);
	do
		if (!extension_read(&list, of_request, out, err))
			return false;
	while (list.rest.len > 0);
	return der_end(&explicit) || malformed(err, "its extensions");
}

/* ---- the request ---- */

static bool
list_read(struct der *list, struct ocsp_request *out, struct error *err)
{
	do {
		struct der request = der_enter(list, DER_SEQUENCE);
		const struct bytes certid = der_take_whole(&request, DER_SEQUENCE);

		if (out->count == OCSP_CERTIDS_MAX)
			return error_set(err, E_BAD_SYNTAX,
			    "the OCSP request: more than %d certificates", OCSP_CERTIDS_MAX);
		if (!request.ok || !certid_parse(certid, &out->certids[out->count++]))
			return malformed(err, "a certificate's identifier");
		if (!extensions_read(&request, DER_CONTEXT_CONSTRUCTED(0), false, out, err))
			return false;
		if (!der_end(&request))
			return malformed(err, "something follows an identifier");
	} while (list->rest.len > 0);
	return true;
}

/* Version and requestor's name: the one must be 1, the other is nobody's business. */
static bool
preamble_read(struct der *der)
{
	struct der version;

	if (der_peek(der) == DER_CONTEXT_CONSTRUCTED(0)) {
		version = der_enter(der, DER_CONTEXT_CONSTRUCTED(0));
		if (der_take_int(&version) != VERSION_1 || !der_end(&version))
			return false;
	}
	if (der_peek(der) != DER_CONTEXT_CONSTRUCTED(1))
		return der->ok;
	return der_take(der, DER_CONTEXT_CONSTRUCTED(1)).len > 0;
}

/* [0] EXPLICIT Signature OPTIONAL, which is not verified. */
static bool
signature_skip(struct der *der)
{
	struct der signature, in;

	if (der_peek(der) != DER_CONTEXT_CONSTRUCTED(0))
		return der_end(der);
	signature = der_enter(der, DER_CONTEXT_CONSTRUCTED(0));
	in = der_enter(&signature, DER_SEQUENCE);
	(void)der_take(&in, DER_SEQUENCE);
	(void)der_take(&in, DER_BIT_STRING);
	if (der_peek(&in) == DER_CONTEXT_CONSTRUCTED(0))
		(void)der_take(&in, DER_CONTEXT_CONSTRUCTED(0));
	return der_end(&in) && der_end(&signature) && der_end(der);
}

bool
ocsp_request_parse(struct bytes der, struct ocsp_request *out, struct error *err)
{
	struct der input = der_of(der);
	struct der outer = der_enter(&input, DER_SEQUENCE);
	struct der tbs = der_enter(&outer, DER_SEQUENCE);
	struct ocsp_request request;
	struct der list;

	request.count = 0;
	request.nonce = (struct bytes){0};
	if (der.len > OCSP_REQUEST_MAX)
		return error_set(err, E_BAD_SYNTAX, "longer than %d octets", OCSP_REQUEST_MAX);
	if (!der_well_formed(der)) /* what is not read below, too */
		return malformed(err, "not DER");
	if (!preamble_read(&tbs))
		return malformed(err, "its version or requestor");
	list = der_enter(&tbs, DER_SEQUENCE);
	if (!list_read(&list, &request, err) ||
	    !extensions_read(&tbs, DER_CONTEXT_CONSTRUCTED(2), true, &request, err))
		return false;
	if (!der_end(&tbs) || !signature_skip(&outer) || !der_end(&input))
		return malformed(err, "not exactly one OCSPRequest");
	*out = request;
	return true;
}
