#include "verify/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/defer_openssl.h"

enum { CHAIN_COUNT = 3, AUTH_LEVEL = 2 /* 112 bits */, DER_SEQUENCE = 0x30, UUID_LEN = 36 };

DEFER_DECLARE(BIO, BIO_free_all)
DEFER_DECLARE(X509_STORE_CTX, X509_STORE_CTX_free)
DEFER_DECLARE(ASN1_TIME, ASN1_TIME_free)

__attribute__((format(printf, 3, 4))) static enum moniker_verdict
say(struct moniker_result *out, enum moniker_verdict verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(out->explain, sizeof out->explain, format, arguments);
	va_end(arguments);
	return verdict;
}

#define TIME_TEXT_LEN 32
static const char *
time_text(int64_t at_s, char out[static TIME_TEXT_LEN])
{
	const time_t at = (time_t)at_s;
	struct tm utc;

	if (gmtime_r(&at, &utc) == NULL ||
	    strftime(out, TIME_TEXT_LEN, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		(void)snprintf(out, TIME_TEXT_LEN, "%lld", (long long)at_s);
	return out;
}

/* ---- what the certificate says ---- */

/* PEM: the first; DER: the only one. */
static X509 *
read_certificate(struct bytes in)
{
	DEFER(BIO_free_all) BIO *bio = NULL;
	const uint8_t *at = in.data;
	X509 *out;

	if (in.len == 0 || in.len > MONIKER_CERTIFICATE_MAX)
		return NULL;
	if (in.data[0] != DER_SEQUENCE) {
		bio = BIO_new_mem_buf(in.data, (int)in.len);
		return bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, mv_no_password, NULL);
	}
	out = d2i_X509(NULL, &at, (long)in.len);
	if (out != NULL && at != in.data + in.len) {
		X509_free(out);
		return NULL;
	}
	return out;
}

static bool
unix_time(const ASN1_TIME *time, int64_t *out)
{
	DEFER(ASN1_TIME_free) ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;

	if (epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch, time) != 1)
		return false;
	*out = (int64_t)days * 86400 + seconds;
	return true;
}

static bool
is_uuid(const char *text)
{
	for (size_t i = 0; i < UUID_LEN; i++) {
		const bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-'
			 : text[i] == '\0' || strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	return text[UUID_LEN] == '\0';
}

/* A device's subject is its pseudonym and nothing else; another leaves it empty. */
static void
read_pseudonym(const X509 *certificate, char out[static UUID_LEN + 1])
{
	X509_NAME *name = X509_get_subject_name(certificate);
	const X509_NAME_ENTRY *only;
	const ASN1_STRING *value;

	if (X509_NAME_entry_count(name) != 1)
		return;
	only = X509_NAME_get_entry(name, 0);
	value = X509_NAME_ENTRY_get_data(only);
	if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(only)) != NID_commonName ||
	    ASN1_STRING_length(value) != UUID_LEN)
		return;
	memcpy(out, ASN1_STRING_get0_data(value), UUID_LEN);
	out[UUID_LEN] = '\0';
	if (!is_uuid(out))
		out[0] = '\0';
}

static void
put_hex(const uint8_t *octets, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

/* Of 20 octets, as ours all are; false: a longer one, a negative one or zero. */
static bool
read_serial(X509 *certificate, uint8_t out[static STATUS_SERIAL_BYTES])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	DEFER(BN_free) BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);

	return number != NULL && !BN_is_negative(number) && !BN_is_zero(number) &&
	       BN_bn2binpad(number, out, STATUS_SERIAL_BYTES) == STATUS_SERIAL_BYTES;
}

/* ---- the path ---- */

/* The certificate's own validity is looked at later: what is revoked is not merely expired. */
static int
pass_own_validity(int good, X509_STORE_CTX *ctx)
{
	const int error = X509_STORE_CTX_get_error(ctx);

	if (good == 1 || X509_STORE_CTX_get_error_depth(ctx) != 0 ||
	    (error != X509_V_ERR_CERT_HAS_EXPIRED && error != X509_V_ERR_CERT_NOT_YET_VALID))
		return good;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static bool
set_rules(X509_STORE_CTX *ctx, int64_t now_s)
{
	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(ctx);

	X509_STORE_CTX_set_verify_cb(ctx, pass_own_validity);
	X509_VERIFY_PARAM_set_time(rules, (time_t)now_s);
	X509_VERIFY_PARAM_set_depth(rules, CHAIN_COUNT - 2); /* CAs between it and the root */
	X509_VERIFY_PARAM_set_auth_level(rules, AUTH_LEVEL);
	return X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT) == 1 &&
	       X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT) == 1;
}

/* By a CA of the bundle under its root: MONIKER_GOOD, with the CA's id. */
static enum moniker_verdict
judge_path(const struct bundle *bundle, X509 *certificate, int64_t now_s,
    struct moniker_result *out, uint8_t issuer[static STATUS_ISSUER_BYTES])
{
	DEFER(X509_STORE_CTX_free) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const STACK_OF(X509) * chain;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, bundle->store, certificate, bundle->cas) != 1 ||
	    !set_rules(ctx, now_s))
		return say(out, MONIKER_NO_MEMORY, "out of memory");
	if (X509_verify_cert(ctx) != 1) {
		const int error = X509_STORE_CTX_get_error(ctx);

		if (error == X509_V_ERR_OUT_OF_MEM)
			return say(out, MONIKER_NO_MEMORY, "out of memory");
		return say(out, MONIKER_UNTRUSTED, "no CA of the bundle vouches for it: %s",
		    X509_verify_cert_error_string(error));
	}
	chain = X509_STORE_CTX_get0_chain(ctx);
	if (sk_X509_num(chain) != CHAIN_COUNT)
		return say(out, MONIKER_UNTRUSTED, "it is the root's own, not a device's");
	if (!mv_bundle_issuer_id(sk_X509_value(chain, 1), issuer))
		return say(out, MONIKER_NO_MEMORY, "out of memory");
	put_hex(issuer, STATUS_ISSUER_BYTES, out->issuer);
	read_pseudonym(certificate, out->pseudonym);
	return MONIKER_GOOD;
}

/* ---- status and time ---- */

static enum moniker_verdict
judge_status(const struct status_found *found, struct moniker_result *out)
{
	char since[TIME_TEXT_LEN];

	(void)snprintf(out->reason, sizeof out->reason, "%s", found->reason);
	out->since_s = found->since_s;
	return say(out, found->held ? MONIKER_HELD : MONIKER_REVOKED, "%s since %s: %s",
	    found->held ? "held" : "revoked", time_text(found->since_s, since), found->reason);
}

static enum moniker_verdict
judge_age(
    const struct status_set *set, const struct moniker_policy *policy, struct moniker_result *out)
{
	const bool early = set->issued_s - policy->now_s > MONIKER_CLOCK_SKEW_S;
	const bool late = policy->now_s > set->fresh_until_s;
	char issued[TIME_TEXT_LEN], until[TIME_TEXT_LEN];

	(void)time_text(set->issued_s, issued);
	(void)time_text(set->fresh_until_s, until);
	if (policy->max_age_s > 0 && policy->now_s - set->issued_s > policy->max_age_s)
		return say(out, MONIKER_STALE,
		    "nothing known against it, but the bundle of %s is older than %lld s", issued,
		    (long long)policy->max_age_s);
	if (!early && !late)
		return say(out, MONIKER_GOOD, "neither held nor revoked as of %s", issued);
	if (policy->on_stale == MONIKER_STALE_MARK) {
		out->stale = 1;
		return say(
		    out, MONIKER_GOOD, "neither held nor revoked as of %s, which is stale", issued);
	}
	return early ? say(out, MONIKER_STALE, "the bundle is of %s, the clock is before that",
			   issued)
		     : say(out, MONIKER_STALE,
			   "nothing known against it, but the bundle of %s was fresh until %s only",
			   issued, until);
}

static enum moniker_verdict
judge_validity(const struct moniker_policy *policy, struct moniker_result *out)
{
	char at[TIME_TEXT_LEN];

	if (policy->now_s < out->not_before_s)
		return say(out, MONIKER_NOT_YET_VALID, "valid from %s on",
		    time_text(out->not_before_s, at));
	if (policy->now_s > out->not_after_s)
		return say(out, MONIKER_EXPIRED, "valid until %s", time_text(out->not_after_s, at));
	return MONIKER_GOOD;
}

static enum moniker_verdict
judge(const struct bundle *bundle, X509 *certificate, const struct moniker_policy *policy,
    struct moniker_result *out)
{
	uint8_t issuer[STATUS_ISSUER_BYTES], serial[STATUS_SERIAL_BYTES];
	struct status_found found;
	enum moniker_verdict verdict;

	if (!read_serial(certificate, serial))
		return say(out, MONIKER_UNTRUSTED, "no serial number of ours");
	put_hex(serial, sizeof serial, out->serial);
	verdict = judge_path(bundle, certificate, policy->now_s, out, issuer);
	if (verdict != MONIKER_GOOD)
		return verdict;
	if (out->fresh_until_s > out->not_after_s)
		out->fresh_until_s = out->not_after_s;
	if (mv_status_set_find(&bundle->set, issuer, serial, &found))
		return judge_status(&found, out);
	verdict = judge_validity(policy, out);
	return verdict != MONIKER_GOOD ? verdict : judge_age(&bundle->set, policy, out);
}

enum moniker_verdict
mv_judge(const struct bundle *bundle, struct bytes certificate, const struct moniker_policy *policy,
    struct moniker_result *out)
{
	DEFER(X509_free) X509 *parsed = NULL;

	out->issued_s = bundle->set.issued_s;
	out->fresh_until_s = bundle->set.fresh_until_s;
	parsed = read_certificate(certificate);
	if (parsed == NULL || !unix_time(X509_get0_notBefore(parsed), &out->not_before_s) ||
	    !unix_time(X509_get0_notAfter(parsed), &out->not_after_s)) {
		out->not_before_s = 0;
		return say(out, MONIKER_MALFORMED, "not a certificate, PEM or DER");
	}
	return judge(bundle, parsed, policy, out);
}
