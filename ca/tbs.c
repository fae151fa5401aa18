#include "ca/tbs.h"

#include "base/hash.h"
#include "ca/extension.h"
#include "ca/oid.h"

/*
 * Everything is written backward (base/der.h): the functions below put the last element first.
 */
enum {
	TBS_CAPACITY = 1024,  /* octets; enough for all but RSA 4096 keys */
	COMMON_NAME_MAX = 64, /* octets, RFC 5280 appendix A.1 ub-common-name */
	DNS_NAME_MAX = 253,   /* octets */
	VERSION_3 = 2,
};

enum { /* bits of KeyUsage, RFC 5280 section 4.2.1.3 */
	KEY_USAGE_DIGITAL_SIGNATURE = 1 << 0,
	KEY_USAGE_CERT_SIGN = 1 << 5,
	KEY_USAGE_CRL_SIGN = 1 << 6,
};

static const struct {
	enum profile_eku eku;
	const struct bytes *oid;
} EKUS[] = {
    {PROFILE_CLIENT_AUTH, &OID_CLIENT_AUTH},
    {PROFILE_SERVER_AUTH, &OID_SERVER_AUTH},
    {PROFILE_OCSP_SIGNING, &OID_OCSP_SIGNING},
};

/* What the certificates of devices, people and authorities have in common. */
struct frame {
	const struct tbs_issuer *issuer;
	const uint8_t *serial; /* SERIAL_BYTES */
	int64_t not_before_s, not_after_s;
	struct bytes spki;
	const char *common_name;
};

static void
put_name(struct der_writer *w, const char *common_name)
{
	size_t mark = der_mark(w);

	der_put_element(w, DER_UTF8_STRING, bytes_of_text(common_name));
	der_put_element(w, DER_OID, OID_COMMON_NAME);
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_SET, mark);
	der_wrap(w, DER_SEQUENCE, mark);
}

static bool
name_check(const char *common_name, struct error *err)
{
	size_t len = strlen(common_name);

	if (len == 0 || len > COMMON_NAME_MAX)
		return error_set(err, E_INTERNAL, "a common name of %zu octets", len);
	return true;
}

bool
tbs_name(const char *common_name, struct buf *out, struct error *err)
{
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, 2 * COMMON_NAME_MAX);
	if (!name_check(common_name, err))
		return false;
	put_name(&w, common_name);
	buf_append(out, der_written(&w));
	return true;
}

/* Puts the fields in front of the extensions, which were written since `mark`. */
static void
put_frame(struct der_writer *w, const struct frame *frame, size_t mark)
{
	size_t inner;

	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(3), mark);
	der_put(w, frame->spki);
	put_name(w, frame->common_name);
	inner = der_mark(w);
	der_put_time(w, frame->not_after_s);
	der_put_time(w, frame->not_before_s);
	der_wrap(w, DER_SEQUENCE, inner);
	der_put(w, frame->issuer->subject);
	der_put(w, ALGORITHM_ECDSA_SHA256);
	der_put_element(w, DER_INTEGER, bytes_of(frame->serial, SERIAL_BYTES));
	inner = der_mark(w);
	der_put_int(w, VERSION_3);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), inner);
	der_wrap(w, DER_SEQUENCE, mark);
}

/* RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the BIT STRING's octets. */
bool
tbs_key_identifier(
    struct bytes spki, uint8_t out[static TBS_KEY_IDENTIFIER_BYTES], struct error *err)
{
	struct der outer = der_of(spki);
	struct der in = der_enter(&outer, DER_SEQUENCE);
	uint8_t digest[SHA256_BYTES];
	struct bytes key;

	der_take(&in, DER_SEQUENCE);
	key = der_take_bits(&in);
	if (!der_end(&in) || !der_end(&outer))
		return error_set(err, E_INTERNAL, "not a SubjectPublicKeyInfo");
	sha256(key, digest);
	memcpy(out, digest, TBS_KEY_IDENTIFIER_BYTES);
	return true;
}

static void
put_subject_key(struct der_writer *w, const uint8_t *key_identifier)
{
	size_t mark = der_mark(w);

	der_put_element(w, DER_OCTET_STRING, bytes_of(key_identifier, TBS_KEY_IDENTIFIER_BYTES));
	extension_wrap(w, OID_SUBJECT_KEY_IDENTIFIER, false, mark);
}

static void
put_access(struct der_writer *w, struct bytes method, const struct tbs_issuer *issuer, bool ocsp)
{
	size_t mark = der_mark(w);

	if (ocsp) {
		der_put(w, bytes_of_text("/ocsp"));
	} else {
		der_put(w, bytes_of_text(".cer"));
		der_put(w, bytes_of_text(issuer->id_text));
		der_put(w, bytes_of_text("/ca/"));
	}
	der_put(w, bytes_of_text(issuer->http_url));
	der_wrap(w, DER_CONTEXT(6), mark);
	der_put_element(w, DER_OID, method);
	der_wrap(w, DER_SEQUENCE, mark);
}

static void
put_authority_access(struct der_writer *w, const struct tbs_issuer *issuer, bool ocsp)
{
	size_t mark = der_mark(w);

	put_access(w, OID_AD_CA_ISSUERS, issuer, false);
	if (ocsp)
		put_access(w, OID_AD_OCSP, issuer, true);
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_AUTHORITY_INFO_ACCESS, false, mark);
}

static void
put_crl_points(struct der_writer *w, const struct tbs_issuer *issuer, int shard)
{
	size_t mark = der_mark(w);

	extension_put_crl_url(w, issuer, shard);
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* fullName */
	der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), mark); /* distributionPoint */
	der_wrap(w, DER_SEQUENCE, mark);
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_CRL_DISTRIBUTION_POINTS, false, mark);
}

static bool
names_check(const struct tbs_request *request, struct error *err)
{
	for (size_t i = 0; request->dns != NULL && request->dns[i] != NULL; i++)
		if (strlen(request->dns[i]) == 0 || strlen(request->dns[i]) > DNS_NAME_MAX)
			return error_set(err, E_INTERNAL, "a host name of a wrong length");
	for (size_t i = 0; i < request->ip_count; i++)
		if (request->ip[i].len != 4 && request->ip[i].len != 16)
			return error_set(err, E_INTERNAL, "an address of a wrong length");
	return name_check(request->common_name, err);
}

/* subjectAltName, RFC 5280 section 4.2.1.6; left out when there are no names. */
static void
put_alt_names(struct der_writer *w, const struct tbs_request *request)
{
	size_t mark = der_mark(w), uri, dns_count = 0;

	while (request->dns != NULL && request->dns[dns_count] != NULL)
		dns_count++;
	for (size_t i = request->ip_count; i-- > 0;)
		der_put_element(w, DER_CONTEXT(7), request->ip[i]);
	for (size_t i = dns_count; i-- > 0;)
		der_put_element(w, DER_CONTEXT(2), bytes_of_text(request->dns[i]));
	if (request->uuid != NULL) {
		uri = der_mark(w);
		der_put(w, bytes_of_text(request->uuid));
		der_put(w, bytes_of_text("urn:uuid:"));
		der_wrap(w, DER_CONTEXT(6), uri);
	}
	if (der_mark(w) == mark)
		return;
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_SUBJECT_ALT_NAME, false, mark);
}

static void
put_extended_usage(struct der_writer *w, unsigned ekus)
{
	size_t mark = der_mark(w);

	for (size_t i = COUNT(EKUS); i-- > 0;)
		if (ekus & EKUS[i].eku)
			der_put_element(w, DER_OID, *EKUS[i].oid);
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_EXTENDED_KEY_USAGE, false, mark);
}

/* RFC 6960 section 4.2.2.2.1: nobody needs to ask for the responder's own status. */
static void
put_no_check(struct der_writer *w)
{
	size_t mark = der_mark(w);

	der_put_element(w, DER_NULL, (struct bytes){0});
	extension_wrap(w, OID_OCSP_NOCHECK, false, mark);
}

static void
put_usage(struct der_writer *w, unsigned usage)
{
	size_t mark = der_mark(w);

	der_put_named_bits(w, usage);
	extension_wrap(w, OID_KEY_USAGE, true, mark);
}

/* `path_len` -1: no authority. */
static void
put_constraints(struct der_writer *w, int path_len)
{
	size_t mark = der_mark(w);

	if (path_len >= 0) {
		der_put_int(w, (uint64_t)path_len);
		der_put_bool(w, true);
	}
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_BASIC_CONSTRAINTS, true, mark);
}

bool
tbs_build(const struct tbs_request *request, struct buf *out, struct error *err)
{
	DEFER(der_writer_clear) struct der_writer w;
	const struct tbs_issuer *issuer = &request->issuer;
	uint8_t key_identifier[TBS_KEY_IDENTIFIER_BYTES];
	size_t mark;

	der_writer_init(&w, TBS_CAPACITY);
	if (!names_check(request, err) || !tbs_key_identifier(request->spki, key_identifier, err))
		return false;

	mark = der_mark(&w);
	if (request->profile->responder)
		put_no_check(&w);
	else
		put_authority_access(&w, issuer, request->profile->ocsp && issuer->ocsp);
	if (request->profile->cdp)
		put_crl_points(&w, issuer, serial_shard(request->serial, issuer->shard_count));
	extension_put_authority_key(&w, issuer->key_identifier);
	put_subject_key(&w, key_identifier);
	put_alt_names(&w, request);
	put_extended_usage(&w, request->profile->ekus);
	put_usage(&w, KEY_USAGE_DIGITAL_SIGNATURE);
	put_constraints(&w, -1);
	put_frame(&w,
	    &(struct frame){.issuer = issuer,
		.serial = request->serial,
		.not_before_s = request->not_before_s,
		.not_after_s = request->not_after_s,
		.spki = request->spki,
		.common_name = request->common_name},
	    mark);
	buf_append(out, der_written(&w));
	return true;
}

static void
put_ca_frame(struct der_writer *w, const struct tbs_ca_request *request, size_t mark)
{
	put_frame(w,
	    &(struct frame){.issuer = &request->issuer,
		.serial = request->serial,
		.not_before_s = request->not_before_s,
		.not_after_s = request->not_after_s,
		.spki = request->spki,
		.common_name = request->common_name},
	    mark);
}

bool
tbs_build_ca(const struct tbs_ca_request *request, struct buf *out, struct error *err)
{
	DEFER(der_writer_clear) struct der_writer w;
	const struct tbs_issuer *issuer = &request->issuer;
	uint8_t key_identifier[TBS_KEY_IDENTIFIER_BYTES];
	size_t mark;

	der_writer_init(&w, TBS_CAPACITY);
	if (!name_check(request->common_name, err) ||
	    !tbs_key_identifier(request->spki, key_identifier, err))
		return false;

	mark = der_mark(&w);
	if (!request->self_signed) {
		put_authority_access(&w, issuer, false);
		put_crl_points(&w, issuer, serial_shard(request->serial, issuer->shard_count));
		extension_put_authority_key(&w, issuer->key_identifier);
	}
	put_subject_key(&w, key_identifier);
	put_usage(&w, KEY_USAGE_CERT_SIGN | KEY_USAGE_CRL_SIGN);
	put_constraints(&w, request->path_len);
	put_ca_frame(&w, request, mark);
	buf_append(out, der_written(&w));
	return true;
}

static void
put_status_usage(struct der_writer *w)
{
	size_t mark = der_mark(w);

	der_put_element(w, DER_OID, OID_STATUS_SIGNING);
	der_wrap(w, DER_SEQUENCE, mark);
	extension_wrap(w, OID_EXTENDED_KEY_USAGE, true, mark);
}

bool
tbs_build_status_signer(const struct tbs_ca_request *request, struct buf *out, struct error *err)
{
	DEFER(der_writer_clear) struct der_writer w;
	const struct tbs_issuer *issuer = &request->issuer;
	uint8_t key_identifier[TBS_KEY_IDENTIFIER_BYTES];
	size_t mark;

	der_writer_init(&w, TBS_CAPACITY);
	if (!name_check(request->common_name, err) ||
	    !tbs_key_identifier(request->spki, key_identifier, err))
		return false;

	mark = der_mark(&w);
	put_authority_access(&w, issuer, false);
	put_crl_points(&w, issuer, serial_shard(request->serial, issuer->shard_count));
	extension_put_authority_key(&w, issuer->key_identifier);
	put_subject_key(&w, key_identifier);
	put_status_usage(&w);
	put_usage(&w, KEY_USAGE_DIGITAL_SIGNATURE);
	put_constraints(&w, -1);
	put_ca_frame(&w, request, mark);
	buf_append(out, der_written(&w));
	return true;
}
