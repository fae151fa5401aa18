/*
 * A CRL in its three parts (a length before the first two): what the keeper would sign is one to
 * OpenSSL, with the same number, and every entry is of the one shard.
 */
#include <openssl/x509v3.h>

#include "keeper/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/keeper/fixture.h"

DEFER_DECLARE(X509_CRL, X509_CRL_free)
DEFER_DECLARE(ASN1_INTEGER, ASN1_INTEGER_free)
DEFER_DECLARE(ASN1_ENUMERATED, ASN1_ENUMERATED_free)

#define SHARDS 2

/* A delta is one to OpenSSL, too, and nothing else is. */
static void
is_delta(X509_CRL *theirs, bool delta, uint64_t number)
{
	uint64_t base = 0;
	DEFER(ASN1_INTEGER_free)
	ASN1_INTEGER *n = X509_CRL_get_ext_d2i(theirs, NID_delta_crl, NULL, NULL);

	MUST(delta == (n != NULL));
	if (delta)
		MUST(ASN1_INTEGER_get_uint64(&base, n) == 1 && base <= number);
	for (int i = 0; i < sk_X509_REVOKED_num(X509_CRL_get_REVOKED(theirs)); i++) {
		const X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(theirs), i);
		DEFER(ASN1_ENUMERATED_free)
		ASN1_ENUMERATED *reason =
		    X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);

		MUST(delta || reason == NULL ||
		     ASN1_ENUMERATED_get(reason) != CRL_REASON_REMOVE_FROM_CRL);
	}
}

static void
is_openssls(struct bytes tbs, const struct check_crl *crl, uint64_t number, unsigned shard)
{
	static const struct bytes rest =
	    BYTES_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x03\x02\x00\x00");
	DEFER(der_writer_clear) struct der_writer w;

	der_writer_init(&w, tbs.len + 64);
	der_put(&w, rest);
	der_put(&w, tbs);
	der_wrap(&w, DER_SEQUENCE, 0);
	const uint8_t *at = der_written(&w).data;
	DEFER(X509_CRL_free) X509_CRL *theirs = d2i_X509_CRL(NULL, &at, (long)der_written(&w).len);
	uint64_t their_number = 0;

	MUST(theirs != NULL && at == der_written(&w).data + der_written(&w).len);
	MUST(X509_CRL_get_version(theirs) == X509_CRL_VERSION_2);
	DEFER(ASN1_INTEGER_free)
	ASN1_INTEGER *n = X509_CRL_get_ext_d2i(theirs, NID_crl_number, NULL, NULL);
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(theirs);

	MUST(n != NULL && ASN1_INTEGER_get_uint64(&their_number, n) == 1);
	MUST(their_number == number);
	MUST(X509_CRL_get_ext_count(theirs) == 3 + (crl->delta || crl->freshest));
	is_delta(theirs, crl->delta, number);
	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		const ASN1_INTEGER *serial =
		    X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i));

		MUST(ASN1_STRING_length(serial) == 20);
		MUST((ASN1_STRING_get0_data(serial)[19] & 1U) == shard);
	}
}

static bool
check(const struct policy_issuer *issuer, struct bytes in, struct buf *out, struct error *err)
{
	const struct bytes head = fuzz_take_run(&in), entries = fuzz_take_run(&in);
	struct check_crl crl;
	uint64_t number = UINT64_MAX;
	unsigned shard = UINT_MAX;

	if (!check_crl_head(&crl, issuer, head, NOW_S, err) ||
	    !check_crl_entries(&crl, entries, err) ||
	    !check_crl_end(&crl, in, &number, &shard, err)) {
		struct error again = {0};

		MUST(!crl.ok && !check_crl_end(&crl, in, &number, &shard, &again));
		return false;
	}
	MUST(number <= INT64_MAX && shard < SHARDS);
	buf_append(out, head);
	buf_append(out, entries);
	buf_append(out, in);
	is_openssls(buf_bytes(out), &crl, number, shard);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_clear_public) struct buf whole = {0};
	struct policy policy = {.issuer_count = 1};
	struct error err = {0};

	issuer_init(&policy.issuers[0]);
	policy.issuers[0].shard_count = SHARDS;
	if (!fuzz_verdict(check(&policy.issuers[0], bytes_of(data, size), &whole, &err), &err))
		MUST(err.code == E_KEEPER_REFUSED);
	policy_clear(&policy);
	return 0;
}
