#include <inttypes.h>

#include "base/der.h"
#include "base/text.h"
#include "keeper/check.h"
#include "keeper/check_extension.h"

#define DAY_S INT64_C(86400)
#define AHEAD_MAX_S DAY_S
#define BEHIND_MAX_S (400 * DAY_S)
#define NAMES_MAX 32         /* GeneralNames of a service's certificate */
#define HOST_NAME_MAX_LEN 64 /* ub-common-name, RFC 5280 appendix A */
#define KEY_IDENTIFIER_MIN 20
#define KEY_IDENTIFIER_MAX 32

struct tbs { /* RFC 5280 section 4.1: TBSCertificate, taken apart; all borrowed */
	const struct policy_issuer *issuer;
	struct bytes serial;                                /* INTEGER's contents */
	struct bytes algorithm, issuer_name, subject, spki; /* whole elements */
	int64_t not_before_s, not_after_s;
	struct der extensions;
	struct bytes common_name;
	unsigned key_types; /* enum policy_key_type bits that the subject's key may be of */
	int64_t validity_max_s;
};

static bool
refused(struct error *err, const char *what)
{
	return error_set(err, E_KEEPER_REFUSED, "%s", what);
}

/* The fields in the order of RFC 5280 section 4.1; unique identifiers are not among them. */
static bool
tbs_split(struct bytes octets, struct tbs *out)
{
	struct der outer = der_of(octets);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	struct der version = der_enter(&der, DER_CONTEXT_CONSTRUCTED(0));
	struct der validity, extensions;
	int64_t version_value = der_take_int(&version);

	out->serial = der_take(&der, DER_INTEGER);
	out->algorithm = der_take_whole(&der, DER_SEQUENCE);
	out->issuer_name = der_take_whole(&der, DER_SEQUENCE);
	validity = der_enter(&der, DER_SEQUENCE);
	out->not_before_s = der_take_time(&validity);
	out->not_after_s = der_take_time(&validity);
	out->subject = der_take_whole(&der, DER_SEQUENCE);
	out->spki = der_take_whole(&der, DER_SEQUENCE);
	extensions = der_enter(&der, DER_CONTEXT_CONSTRUCTED(3));
	out->extensions = der_enter(&extensions, DER_SEQUENCE);
	return der_end(&outer) && der_end(&der) && der_end(&version) && der_end(&validity) &&
	       der_end(&extensions) && out->extensions.ok && version_value == 2;
}

static bool
check_serial(const struct tbs *tbs, struct error *err)
{
	unsigned month;

	if (!check_serial_form(tbs->serial))
		return refused(err, "the serial number is not 20 octets of our form");
	month = (unsigned)tbs->serial.data[1] << 8 | tbs->serial.data[2];
	if (month != time_month(tbs->not_before_s))
		return refused(err, "the serial number's month is not notBefore's");
	return true;
}

static bool
check_validity(const struct tbs *tbs, int64_t now_s, struct error *err)
{
	const struct policy_issuer *issuer = tbs->issuer;

	if (tbs->not_after_s <= tbs->not_before_s)
		return refused(err, "notAfter is not after notBefore");
	if (tbs->not_after_s - tbs->not_before_s > tbs->validity_max_s)
		return error_set(err, E_KEEPER_REFUSED, "valid for more than %" PRId64 " s",
		    tbs->validity_max_s);
	if (tbs->not_before_s < issuer->not_before_s || tbs->not_after_s > issuer->not_after_s)
		return refused(err, "the validity is not inside the issuer's own");
	if (tbs->not_before_s > now_s + AHEAD_MAX_S)
		return refused(err, "notBefore is more than a day ahead");
	if (tbs->not_before_s < now_s - BEHIND_MAX_S)
		return refused(err, "notBefore is more than 400 days ago");
	return true;
}

/* ---- subject ---- */

/* A Name of exactly one commonName, UTF8String or PrintableString (RFC 5280 section 4.1.2.6). */
static bool
name_split(struct bytes name, struct bytes *out_common_name)
{
	static const struct bytes common_name_oid = BYTES_LITERAL("\x55\x04\x03");
	struct der outer = der_of(name);
	struct der rdns = der_enter(&outer, DER_SEQUENCE);
	struct der rdn = der_enter(&rdns, DER_SET);
	struct der pair = der_enter(&rdn, DER_SEQUENCE);
	struct bytes type = der_take(&pair, DER_OID);
	int tag = der_peek(&pair) == DER_PRINTABLE_STRING ? DER_PRINTABLE_STRING : DER_UTF8_STRING;

	*out_common_name = der_take(&pair, tag);
	return der_end(&pair) && der_end(&rdn) && der_end(&rdns) && der_end(&outer) &&
	       bytes_equal(type, common_name_oid);
}

static bool
host_name_valid(struct bytes name)
{
	if (name.len == 0 || name.len > HOST_NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.'))
			return false;
	}
	return true;
}

static bool
check_subject(struct tbs *tbs, struct error *err)
{
	uint8_t uuid[UUID_BYTES];

	if (!name_split(tbs->subject, &tbs->common_name))
		return refused(err, "the subject is not one commonName");
	switch (tbs->issuer->form) {
	case POLICY_FORM_DEVICE:
		if (!uuid_decode(tbs->common_name, uuid))
			return refused(err, "the commonName is not a UUID");
		return true;
	case POLICY_FORM_SERVICE:
		if (!host_name_valid(tbs->common_name))
			return refused(err, "the commonName is not a host name");
		return true;
	}
	return refused(err, "the issuer has no form");
}

/* ---- subject public key ---- */

struct key_form {
	struct bytes algorithm; /* AlgorithmIdentifier, whole */
	size_t point_len;       /* octets of the BIT STRING; 0: an RSAPublicKey */
	enum policy_key_type type;
	uint8_t first_octet; /* of the BIT STRING, 0: any */
};

/* clang-format off */
static const struct key_form KEY_FORMS[] = {
	{BYTES_LITERAL("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
	 65, POLICY_KEY_P256, 0x04},
	{BYTES_LITERAL("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22"),
	 97, POLICY_KEY_P384, 0x04},
	{BYTES_LITERAL("\x30\x05\x06\x03\x2b\x65\x70"),
	 32, POLICY_KEY_ED25519, 0},
	{BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"),
	 0, POLICY_KEY_RSA, 0},
};
/* clang-format on */

/* RSAPublicKey (RFC 8017 appendix A.1.1): an odd modulus of 2048 to 4096 bits, exponent 65537. */
static bool
rsa_valid(struct bytes key)
{
	static const struct bytes f4 = BYTES_LITERAL("\x01\x00\x01");
	struct der outer = der_of(key);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	struct bytes modulus = der_take_unsigned(&der);
	struct bytes exponent = der_take_unsigned(&der);

	if (!der_end(&der) || !der_end(&outer) || !bytes_equal(exponent, f4))
		return false;
	return modulus.len >= 2048 / 8 && modulus.len <= 4096 / 8 &&
	       (modulus.len > 2048 / 8 || (modulus.data[0] & 0x80) != 0) &&
	       (modulus.data[modulus.len - 1] & 1) != 0;
}

static bool
point_valid(const struct key_form *form, struct bytes key)
{
	if (form->point_len == 0)
		return rsa_valid(key);
	return key.len == form->point_len &&
	       (form->first_octet == 0 || key.data[0] == form->first_octet);
}

static bool
check_key(const struct tbs *tbs, struct error *err)
{
	struct der outer = der_of(tbs->spki);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	struct bytes algorithm = der_take_whole(&der, DER_SEQUENCE);
	struct bytes key = der_take_bits(&der);

	if (!der_end(&der) || !der_end(&outer))
		return refused(err, "the subject's key is malformed");
	for (size_t i = 0; i < COUNT(KEY_FORMS); i++) {
		if (!bytes_equal(KEY_FORMS[i].algorithm, algorithm))
			continue;
		if ((tbs->key_types & KEY_FORMS[i].type) == 0)
			return refused(err, "the subject's key is of a type that is not allowed");
		if (!point_valid(&KEY_FORMS[i], key))
			return refused(err, "the subject's key is malformed or weak");
		return true;
	}
	return refused(err, "the subject's key is of an unknown type");
}

/* ---- extensions, in the order of RFC 5280 section 4.2.1 ---- */

static bool
authority_key_matches(const void *context, struct bytes value)
{
	const struct tbs *tbs = context;

	return check_authority_key(tbs->issuer, value);
}

static bool
subject_key_matches(const void *context, struct bytes value)
{
	struct der der = der_of(value);
	struct bytes identifier = der_take(&der, DER_OCTET_STRING);

	(void)context;
	return der_end(&der) && identifier.len >= KEY_IDENTIFIER_MIN &&
	       identifier.len <= KEY_IDENTIFIER_MAX;
}

static bool
key_usage_matches(const void *context, struct bytes value)
{
	static const struct bytes digital_signature = BYTES_LITERAL("\x03\x02\x07\x80");

	(void)context;
	return bytes_equal(value, digital_signature);
}

/* The one name is the pseudonym of the commonName. */
static bool
device_names_match(const struct tbs *tbs, struct der *names)
{
	char text[9 + UUID_TEXT_LEN] = "urn:uuid:";

	memcpy(text + 9, tbs->common_name.data, UUID_TEXT_LEN);
	return check_uri_only(names, bytes_of(text, sizeof(text)));
}

static bool
service_names_match(struct der *names)
{
	int count = 0;

	for (; names->ok && names->rest.len > 0 && count < NAMES_MAX; count++) {
		int tag = 0;
		struct bytes name = {0};

		(void)der_take_any(names, &tag, &name);
		if (!(tag == DER_CONTEXT(2) && host_name_valid(name)) &&
		    !(tag == DER_CONTEXT(7) && (name.len == 4 || name.len == 16)))
			return false;
	}
	return der_end(names) && count > 0;
}

static bool
names_match(const void *context, struct bytes value)
{
	const struct tbs *tbs = context;
	struct der outer = der_of(value);
	struct der names = der_enter(&outer, DER_SEQUENCE);

	if (!outer.ok || !der_end(&outer))
		return false;
	return tbs->issuer->form == POLICY_FORM_DEVICE ? device_names_match(tbs, &names)
						       : service_names_match(&names);
}

/* Absent cA means FALSE; an end entity has no path length. */
static bool
basic_constraints_match(const void *context, struct bytes value)
{
	static const struct bytes not_ca = BYTES_LITERAL("\x30\x00");

	(void)context;
	return bytes_equal(value, not_ca);
}

static bool
eku_matches(const void *context, struct bytes value)
{
	static const struct bytes purpose =
	    BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x03"); /* id-kp */
	const struct tbs *tbs = context;
	struct der outer = der_of(value);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	unsigned seen = 0;

	while (der.ok && der.rest.len > 0) {
		struct bytes oid = der_take(&der, DER_OID);
		unsigned bit;

		if (oid.len != purpose.len + 1 || memcmp(oid.data, purpose.data, purpose.len) != 0)
			return false;
		switch (oid.data[purpose.len]) {
		case 1: bit = POLICY_EKU_SERVER_AUTH; break;
		case 2: bit = POLICY_EKU_CLIENT_AUTH; break;
		default: return false;
		}
		if ((seen & bit) != 0)
			return false;
		seen |= bit;
	}
	return der.ok && der_end(&outer) && seen == tbs->issuer->ekus;
}

static bool
distribution_point_wanted(const void *context)
{
	const struct tbs *tbs = context;

	return tbs->issuer->crl_url_prefix.len > 0;
}

/* One point whose fullName is the URL of the serial number's shard. */
static bool
distribution_point_matches(const void *context, struct bytes value)
{
	const struct tbs *tbs = context;
	struct der outer = der_of(value);
	struct der points = der_enter(&outer, DER_SEQUENCE);
	struct der point = der_enter(&points, DER_SEQUENCE);
	struct der name = der_enter(&point, DER_CONTEXT_CONSTRUCTED(0));
	struct der full_name = der_enter(&name, DER_CONTEXT_CONSTRUCTED(0));
	DEFER(buf_clear_public) struct buf url = {0};

	check_crl_url(
	    tbs->issuer, check_shard_of(tbs->serial, (unsigned)tbs->issuer->shard_count), &url);
	return check_uri_only(&full_name, buf_bytes(&url)) && der_end(&name) && der_end(&point) &&
	       der_end(&points) && der_end(&outer);
}

static bool
information_wanted(const void *context)
{
	const struct tbs *tbs = context;

	return tbs->issuer->ca_url.len > 0 || tbs->issuer->ocsp_url.len > 0;
}

/* Takes an AccessDescription if it is `method` with `url`; an empty url wants none. */
static bool
access_take(struct der *list, uint8_t method, const struct buf *url)
{
	const uint8_t oid[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, method}; /* id-ad */
	struct der der;

	if (url->len == 0)
		return true;
	der = der_enter(list, DER_SEQUENCE);
	return bytes_equal(der_take(&der, DER_OID), bytes_of(oid, sizeof(oid))) &&
	       check_uri_only(&der, buf_bytes(url));
}

/* caIssuers and, where the policy has one, OCSP; in either order. */
static bool
information_matches(const void *context, struct bytes value)
{
	const struct tbs *tbs = context;
	const struct buf *ocsp = &tbs->issuer->ocsp_url, *ca = &tbs->issuer->ca_url;
	struct der outer = der_of(value);
	struct der list = der_enter(&outer, DER_SEQUENCE), again = list;

	if (!der_end(&outer))
		return false;
	return (access_take(&list, 1, ocsp) && access_take(&list, 2, ca) && der_end(&list)) ||
	       (access_take(&again, 2, ca) && access_take(&again, 1, ocsp) && der_end(&again));
}

/* clang-format off */
static const struct extension_rule RULES[] = {
	{CHECK_OID_CE("\x23"), "authorityKeyIdentifier", CRITICAL_NEVER,  authority_key_matches,   NULL},
	{CHECK_OID_CE("\x0e"), "subjectKeyIdentifier",   CRITICAL_NEVER,  subject_key_matches,     NULL},
	{CHECK_OID_CE("\x0f"), "keyUsage",               CRITICAL_ALWAYS, key_usage_matches,       NULL},
	{CHECK_OID_CE("\x11"), "subjectAltName",         CRITICAL_NEVER,  names_match,             NULL},
	{CHECK_OID_CE("\x13"), "basicConstraints",       CRITICAL_EITHER, basic_constraints_match, NULL},
	{CHECK_OID_CE("\x25"), "extKeyUsage",            CRITICAL_EITHER, eku_matches,             NULL},
	{CHECK_OID_CE("\x1f"), "cRLDistributionPoints",  CRITICAL_NEVER,  distribution_point_matches,
	 distribution_point_wanted},
	{BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x01\x01"), "authorityInfoAccess", CRITICAL_NEVER,
	 information_matches, information_wanted},
};
/* clang-format on */

/* What is the same in all that an issuer signs; `out` says which keys and how long. */
static bool
check_frame(struct bytes tbs, int64_t now_s, struct tbs *out, struct error *err)
{
	if (tbs.len > CHECK_TBS_MAX)
		return error_set(err, E_KEEPER_REFUSED, "longer than %d octets", CHECK_TBS_MAX);
	if (!tbs_split(tbs, out))
		return refused(err, "not exactly one TBSCertificate of version 3");
	if (!bytes_equal(out->algorithm, CHECK_ECDSA_SHA256))
		return refused(err, "the signature algorithm is not ecdsa-with-SHA256");
	if (!bytes_equal(out->issuer_name, buf_bytes(&out->issuer->subject)))
		return refused(err, "the issuer's name is another");
	return check_serial(out, err) && check_validity(out, now_s, err) && check_key(out, err);
}

bool
check_tbs(const struct policy_issuer *issuer, struct bytes tbs, int64_t now_s, struct error *err)
{
	struct tbs parts = {.issuer = issuer,
	    .key_types = issuer->key_types,
	    .validity_max_s = issuer->validity_max_s};

	return check_frame(tbs, now_s, &parts, err) && check_subject(&parts, err) &&
	       check_extensions(&parts.extensions, RULES, COUNT(RULES), &parts, err);
}

/* ---- the issuer's OCSP responder ---- */

static bool
responder_eku_matches(const void *context, struct bytes value)
{
	static const struct bytes ocsp_signing =
	    BYTES_LITERAL("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x09");

	(void)context;
	return bytes_equal(value, ocsp_signing);
}

/* NULL, RFC 6960 section 4.2.2.2.1. */
static bool
no_check_matches(const void *context, struct bytes value)
{
	static const struct bytes null = BYTES_LITERAL("\x05\x00");

	(void)context;
	return bytes_equal(value, null);
}

/* clang-format off */
static const struct extension_rule RESPONDER_RULES[] = {
	{CHECK_OID_CE("\x23"), "authorityKeyIdentifier", CRITICAL_NEVER,  authority_key_matches,   NULL},
	{CHECK_OID_CE("\x0e"), "subjectKeyIdentifier",   CRITICAL_NEVER,  subject_key_matches,     NULL},
	{CHECK_OID_CE("\x0f"), "keyUsage",               CRITICAL_ALWAYS, key_usage_matches,       NULL},
	{CHECK_OID_CE("\x13"), "basicConstraints",       CRITICAL_EITHER, basic_constraints_match, NULL},
	{CHECK_OID_CE("\x25"), "extKeyUsage",            CRITICAL_EITHER, responder_eku_matches,   NULL},
	{BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x05"), "ocsp-nocheck", CRITICAL_NEVER,
	 no_check_matches, NULL},
};
/* clang-format on */

bool
check_responder(
    const struct policy_issuer *issuer, struct bytes tbs, int64_t now_s, struct error *err)
{
	static const struct bytes name = BYTES_LITERAL("OCSP responder");
	struct tbs parts = {.issuer = issuer,
	    .key_types = POLICY_KEY_P256,
	    .validity_max_s = CHECK_RESPONDER_VALIDITY_S};

	if (issuer->form != POLICY_FORM_DEVICE || issuer->ocsp_url.len == 0)
		return refused(err, "the issuer has no OCSP responder");
	if (!check_frame(tbs, now_s, &parts, err))
		return false;
	if (!name_split(parts.subject, &parts.common_name) || !bytes_equal(parts.common_name, name))
		return refused(err, "the commonName is not the OCSP responder's");
	return check_extensions(
	    &parts.extensions, RESPONDER_RULES, COUNT(RESPONDER_RULES), &parts, err);
}

bool
check_issued(const struct policy_issuer *issuer, enum leaf_event event, struct bytes tbs,
    int64_t now_s, struct error *err)
{
	if (issuer->form == POLICY_FORM_DEVICE && event == LEAF_CERT_ISSUE)
		return check_responder(issuer, tbs, now_s, err);
	return check_tbs(issuer, tbs, now_s, err);
}
