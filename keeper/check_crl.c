#include "base/der.h"
#include "keeper/check.h"
#include "keeper/check_extension.h"

#define THIS_UPDATE_AHEAD_MAX_S 300
#define THIS_UPDATE_BEHIND_MAX_S 3600
#define NEXT_UPDATE_MAX_S (INT64_C(10) * 86400)
#define ENTRY_AHEAD_MAX_S 86400
#define NEVER_IN_A_CRL ((1U << 0) | (1U << 7)) /* unspecified, unused */
#define REMOVE_FROM_CRL 8                      /* in a delta only */
#define REASON_MAX 10

static bool
refused(struct check_crl *crl, struct error *err, const char *what)
{
	crl->ok = false;
	return error_set(err, E_KEEPER_REFUSED, "CRL: %s", what);
}

/*
 * Takes a SEQUENCE's tag and length alone: its contents are not there yet. Minimal, at most
 * four octets of length.
 */
static bool
header_take(struct bytes *from, size_t *out_len)
{
	size_t octets, len = 0;

	if (from->len < 2 || from->data[0] != DER_SEQUENCE)
		return false;
	octets = from->data[1] < 0x80 ? 0 : from->data[1] & 0x7fU;
	if (octets > 4 || from->len < 2 + octets || from->data[1] == 0x80)
		return false;
	for (size_t i = 0; i < octets; i++)
		len = len << 8 | from->data[2 + i];
	if (octets == 0)
		len = from->data[1];
	else if (len < 0x80 || (octets > 1 && from->data[2] == 0))
		return false;
	*from = bytes_of(from->data + 2 + octets, from->len - 2 - octets);
	*out_len = len;
	return true;
}

static bool
times_near(int64_t this_update_s, int64_t next_update_s, int64_t now_s)
{
	return this_update_s <= now_s + THIS_UPDATE_AHEAD_MAX_S &&
	       this_update_s >= now_s - THIS_UPDATE_BEHIND_MAX_S && next_update_s > this_update_s &&
	       next_update_s <= this_update_s + NEXT_UPDATE_MAX_S;
}

/* The fields of RFC 5280 section 5.1 up to nextUpdate. */
static bool
fields_check(struct check_crl *crl, struct der *der, struct error *err)
{
	int64_t version = der_take_int(der);
	struct bytes algorithm = der_take_whole(der, DER_SEQUENCE);
	struct bytes name = der_take_whole(der, DER_SEQUENCE);
	int64_t this_update_s = der_take_time(der);
	int64_t next_update_s = der_take_time(der);

	if (!der->ok || version != 1)
		return refused(crl, err, "not a TBSCertList of version 2");
	if (!bytes_equal(algorithm, CHECK_ECDSA_SHA256))
		return refused(crl, err, "the signature algorithm is not ecdsa-with-SHA256");
	if (!bytes_equal(name, buf_bytes(&crl->issuer->subject)))
		return refused(crl, err, "the issuer's name is another");
	if (!times_near(this_update_s, next_update_s, crl->now_s))
		return refused(crl, err, "thisUpdate is not near now, or nextUpdate not near it");
	return true;
}

bool
check_crl_head(struct check_crl *crl, const struct policy_issuer *issuer, struct bytes head,
    int64_t now_s, struct error *err)
{
	struct bytes rest = head;
	struct der der;
	size_t total = 0;

	*crl = (struct check_crl){.issuer = issuer, .now_s = now_s, .ok = true, .shard = -1};
	if (!header_take(&rest, &total) || total < rest.len)
		return refused(crl, err, "not the beginning of a TBSCertList");
	total -= rest.len; /* what is to follow `head` */
	der = der_of(rest);
	if (!fields_check(crl, &der, err))
		return false;
	rest = der.rest;
	if (rest.len > 0 && (!header_take(&rest, &crl->entries_left) || rest.len > 0))
		return refused(crl, err, "the head does not end where entries begin");
	if (der.rest.len > 0 && crl->entries_left == 0)
		return refused(crl, err, "an empty list of entries must be left out");
	if (crl->entries_left >= total)
		return refused(crl, err, "there is no room for extensions");
	crl->rest_left = total - crl->entries_left;
	return true;
}

/* ---- entries ---- */

/* crlEntryExtensions: reasonCode once, invalidityDate once, neither critical (section 5.3). */
static bool
entry_extensions_valid(struct check_crl *crl, struct der list)
{
	static const struct bytes reason_code = CHECK_OID_CE("\x15");
	static const struct bytes invalidity_date = CHECK_OID_CE("\x18");
	bool has_reason = false, has_date = false;

	do {
		struct der extension = der_enter(&list, DER_SEQUENCE);
		struct bytes oid = der_take(&extension, DER_OID);
		struct der value = der_of(der_take(&extension, DER_OCTET_STRING));

		if (bytes_equal(oid, reason_code) && !has_reason) {
			struct bytes reason = der_take(&value, DER_ENUMERATED);

			has_reason = true;
			if (reason.len != 1 || reason.data[0] > REASON_MAX ||
			    (NEVER_IN_A_CRL & 1U << reason.data[0]) != 0)
				return false;
			crl->removals = crl->removals || reason.data[0] == REMOVE_FROM_CRL;
		} else if (bytes_equal(oid, invalidity_date) && !has_date) {
			has_date = true;
			if (der_peek(&value) != DER_GENERALIZED_TIME)
				return false;
			(void)der_take(&value, DER_GENERALIZED_TIME);
		} else {
			return false;
		}
		if (!der_end(&extension) || !der_end(&value))
			return false;
	} while (list.ok && list.rest.len > 0);
	return list.ok;
}

/* One element of revokedCertificates (section 5.1.2.6); all of one shard. */
static bool
entry_check(struct check_crl *crl, struct der *list)
{
	struct der der = der_enter(list, DER_SEQUENCE);
	struct bytes serial = der_take(&der, DER_INTEGER);
	int64_t revoked_at_s = der_take_time(&der);
	int shard;

	if (!der.ok || !check_serial_form(serial) || revoked_at_s > crl->now_s + ENTRY_AHEAD_MAX_S)
		return false;
	if (der.rest.len > 0 && !entry_extensions_valid(crl, der_enter(&der, DER_SEQUENCE)))
		return false;
	shard = (int)check_shard_of(serial, (unsigned)crl->issuer->shard_count);
	if (crl->shard < 0)
		crl->shard = shard;
	return der_end(&der) && shard == crl->shard;
}

bool
check_crl_entries(struct check_crl *crl, struct bytes entries, struct error *err)
{
	struct der list = der_of(entries);

	if (!crl->ok)
		return error_set(err, E_KEEPER_REFUSED, "CRL: refused before");
	if (entries.len > crl->entries_left)
		return refused(crl, err, "more entries than announced");
	crl->entries_left -= entries.len;
	while (list.ok && list.rest.len > 0)
		if (!entry_check(crl, &list))
			return refused(crl, err, "an entry is malformed, or of another shard");
	return list.ok ? true : refused(crl, err, "an entry is malformed");
}

/* ---- extensions ---- */

static bool
authority_key_matches(const void *context, struct bytes value)
{
	const struct check_crl *crl = context;

	return check_authority_key(crl->issuer, value);
}

static bool
number_take(struct bytes value, uint64_t *out)
{
	struct der der = der_of(value);
	int64_t number = der_take_int(&der);

	*out = (uint64_t)number;
	return der_end(&der);
}

static bool
number_matches(const void *context, struct bytes value)
{
	uint64_t number = 0;

	(void)context;
	return number_take(value, &number);
}

/* "<prefix>NNNN<end>" with a shard that the issuer has. */
static bool
shard_of_url(const struct policy_issuer *issuer, struct bytes url, const char *end, unsigned *out)
{
	size_t prefix_len = issuer->crl_url_prefix.len;
	DEFER(buf_clear_public) struct buf same = {0};
	unsigned shard = 0;

	if (prefix_len == 0 || url.len < prefix_len + 4)
		return false;
	for (size_t i = 0; i < 4; i++)
		shard = 10 * shard + (unsigned)(url.data[prefix_len + i] - '0') % 10;
	buf_append(&same, buf_bytes(&issuer->crl_url_prefix));
	buf_append_format(&same, "%04u%s", shard, end);
	*out = shard;
	return shard < (unsigned)issuer->shard_count && bytes_equal(buf_bytes(&same), url);
}

/* A DistributionPointName that is one URI. */
static struct bytes
full_name_take(struct der *der)
{
	struct der point = der_enter(der, DER_CONTEXT_CONSTRUCTED(0));
	struct der full_name = der_enter(&point, DER_CONTEXT_CONSTRUCTED(0));
	struct bytes url = der_take(&full_name, DER_CONTEXT(6));

	if (!der_end(&full_name) || !der_end(&point))
		der->ok = false;
	return url;
}

/*
 * issuingDistributionPoint (section 5.2.5): the fullName of a shard, and nothing else but
 * onlyContainsUserCerts.
 */
static bool
distribution_point_take(const struct policy_issuer *issuer, struct bytes value, unsigned *out_shard)
{
	static const struct bytes true_value = BYTES_LITERAL("\xff");
	struct der outer = der_of(value);
	struct der der = der_enter(&outer, DER_SEQUENCE);
	struct bytes url = full_name_take(&der);

	if (der_peek(&der) == DER_CONTEXT(1) &&
	    !bytes_equal(der_take(&der, DER_CONTEXT(1)), true_value))
		return false;
	return der_end(&der) && der_end(&outer) && shard_of_url(issuer, url, ".crl", out_shard);
}

static bool
distribution_point_matches(const void *context, struct bytes value)
{
	const struct check_crl *crl = context;
	unsigned shard = 0;

	return distribution_point_take(crl->issuer, value, &shard) &&
	       (crl->shard < 0 || (unsigned)crl->shard == shard);
}

/* freshestCRL (section 5.2.6): one point, the delta of the same shard. */
static bool
freshest_take(const struct policy_issuer *issuer, struct bytes value, unsigned *out_shard)
{
	struct der outer = der_of(value);
	struct der points = der_enter(&outer, DER_SEQUENCE);
	struct der der = der_enter(&points, DER_SEQUENCE);
	struct bytes url = full_name_take(&der);

	return der_end(&der) && der_end(&points) && der_end(&outer) &&
	       shard_of_url(issuer, url, "/delta.crl", out_shard);
}

static bool
freshest_matches(const void *context, struct bytes value)
{
	const struct check_crl *crl = context;
	unsigned shard = 0;

	return freshest_take(crl->issuer, value, &shard);
}

static bool
is_delta(const void *context)
{
	const struct check_crl *crl = context;

	return crl->delta;
}

/* Left out or there, but never in a delta. */
static bool
may_be_freshest(const void *context)
{
	const struct check_crl *crl = context;

	return crl->freshest && !crl->delta;
}

enum { RULE_KEY, RULE_NUMBER, RULE_POINT, RULE_DELTA, RULE_FRESHEST, RULE_COUNT };
/* clang-format off */
static const struct extension_rule RULES[RULE_COUNT] = {
	[RULE_KEY]      = {CHECK_OID_CE("\x23"), "authorityKeyIdentifier",   CRITICAL_NEVER,  authority_key_matches, NULL},
	[RULE_NUMBER]   = {CHECK_OID_CE("\x14"), "cRLNumber",                CRITICAL_NEVER,  number_matches, NULL},
	[RULE_POINT]    = {CHECK_OID_CE("\x1c"), "issuingDistributionPoint", CRITICAL_ALWAYS, distribution_point_matches, NULL},
	[RULE_DELTA]    = {CHECK_OID_CE("\x1b"), "deltaCRLIndicator",        CRITICAL_ALWAYS, number_matches, is_delta},
	[RULE_FRESHEST] = {CHECK_OID_CE("\x2e"), "freshestCRL",              CRITICAL_NEVER,  freshest_matches, may_be_freshest},
};
/* clang-format on */

/* The value of the extension that a rule names; false: it is not there. */
static bool
find_value(struct der list, int rule, struct bytes *out)
{
	while (list.ok && list.rest.len > 0) {
		struct der extension = der_enter(&list, DER_SEQUENCE);
		struct bytes oid = der_take(&extension, DER_OID);

		if (der_peek(&extension) == DER_BOOLEAN)
			(void)der_take_bool(&extension);
		*out = der_take(&extension, DER_OCTET_STRING);
		if (extension.ok && bytes_equal(oid, RULES[rule].oid))
			return true;
	}
	return false;
}

/* What extensions that check_extensions() found good say together. */
static bool
values_agree(const struct check_crl *crl, struct der list, uint64_t *out_number,
    unsigned *out_shard, struct error *err)
{
	struct bytes value;
	uint64_t base = 0;
	unsigned shard = 0;

	if (!find_value(list, RULE_NUMBER, &value) || !number_take(value, out_number) ||
	    !find_value(list, RULE_POINT, &value) ||
	    !distribution_point_take(crl->issuer, value, out_shard))
		return error_set(err, E_KEEPER_REFUSED, "CRL: the extensions are malformed");
	if (crl->delta && (!find_value(list, RULE_DELTA, &value) || !number_take(value, &base) ||
			      base > *out_number))
		return error_set(err, E_KEEPER_REFUSED, "CRL: its base is not before it");
	if (crl->freshest && (!find_value(list, RULE_FRESHEST, &value) ||
				 !freshest_take(crl->issuer, value, &shard) || shard != *out_shard))
		return error_set(err, E_KEEPER_REFUSED, "CRL: freshestCRL is of another shard");
	if (crl->removals && !crl->delta)
		return error_set(err, E_KEEPER_REFUSED, "CRL: removeFromCRL is for a delta");
	return true;
}

bool
check_crl_end(struct check_crl *crl, struct bytes extensions, uint64_t *out_number,
    unsigned *out_shard, struct error *err)
{
	struct der outer = der_of(extensions);
	struct der tagged = der_enter(&outer, DER_CONTEXT_CONSTRUCTED(0));
	struct der list = der_enter(&tagged, DER_SEQUENCE), again = list;
	struct bytes ignored;
	bool good;

	if (!crl->ok)
		return error_set(err, E_KEEPER_REFUSED, "CRL: refused before");
	if (crl->entries_left != 0 || extensions.len != crl->rest_left)
		return refused(crl, err, "not the length that the head announced");
	if (!list.ok || !der_end(&tagged) || !der_end(&outer))
		return refused(crl, err, "the extensions are malformed");
	crl->delta = find_value(again, RULE_DELTA, &ignored);
	crl->freshest = find_value(again, RULE_FRESHEST, &ignored);
	good = check_extensions(&list, RULES, COUNT(RULES), crl, err) &&
	       values_agree(crl, again, out_number, out_shard, err);
	crl->ok = false; /* one signature for one list */
	return good;
}
