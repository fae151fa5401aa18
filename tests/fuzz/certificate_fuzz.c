/* A certificate that we read is one to OpenSSL, with the same fields. */
#include <time.h>

#include <openssl/x509v3.h>

#include "base/defer_openssl.h"
#include "base/der.h"
#include "ca/certificate.h"
#include "ca/oid.h"
#include "tests/fuzz/fuzz.h"

static bool
is_time(const ASN1_TIME *theirs, int64_t at_s)
{
	struct tm utc;

	return ASN1_TIME_to_tm(theirs, &utc) == 1 && timegm(&utc) == at_s;
}

static bool
is_name(const X509_NAME *theirs, struct bytes name)
{
	const uint8_t *der;
	size_t len;

	return X509_NAME_get0_der(theirs, &der, &len) == 1 && bytes_equal(bytes_of(der, len), name);
}

static bool
is_string(const ASN1_STRING *theirs, struct bytes octets)
{
	return bytes_equal(
	    bytes_of(ASN1_STRING_get0_data(theirs), (size_t)ASN1_STRING_length(theirs)), octets);
}

static bool
is_name_to_openssl(struct bytes name)
{
	const uint8_t *at = name.data;
	X509_NAME *theirs = d2i_X509_NAME(NULL, &at, (long)name.len);

	X509_NAME_free(theirs);
	return theirs != NULL;
}

/* Parts that we pass on unread are why OpenSSL may refuse the whole; there are no other reasons. */
static bool
has_part_of_no_use(const struct certificate *ours)
{
	const uint8_t *at = ours->signature_algorithm.data, *spki_at = ours->spki.data;
	X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &at, (long)ours->signature_algorithm.len);
	X509_PUBKEY *key = d2i_X509_PUBKEY(NULL, &spki_at, (long)ours->spki.len);

	X509_ALGOR_free(algorithm);
	X509_PUBKEY_free(key);
	return algorithm == NULL || key == NULL || !is_name_to_openssl(ours->issuer) ||
	       !is_name_to_openssl(ours->subject);
}

static void
is_openssls(const struct certificate *ours)
{
	const uint8_t *at = ours->der.data;
	DEFER(X509_free) X509 *theirs = d2i_X509(NULL, &at, (long)ours->der.len);
	struct der serial = der_of(ours->tbs), outer = der_enter(&serial, DER_SEQUENCE);
	const ASN1_BIT_STRING *signature;

	if (theirs == NULL) {
		MUST(has_part_of_no_use(ours));
		return;
	}
	MUST(at == ours->der.data + ours->der.len);
	MUST(is_name(X509_get_issuer_name(theirs), ours->issuer));
	MUST(is_name(X509_get_subject_name(theirs), ours->subject));
	MUST(is_time(X509_get0_notBefore(theirs), ours->not_before_s));
	MUST(is_time(X509_get0_notAfter(theirs), ours->not_after_s));
	X509_get0_signature(&signature, NULL, theirs);
	MUST(is_string(signature, ours->signature));
	if (der_peek(&outer) == DER_CONTEXT_CONSTRUCTED(0))
		(void)der_take_any(&outer, NULL, NULL);
	MUST(is_string(X509_get0_serialNumber(theirs), der_take_unsigned(&outer)));
}

static void
assembles_again(const struct certificate *certificate)
{
	DEFER(buf_clear_public) struct buf again = {0};

	certificate_assemble(certificate->tbs, certificate->signature, &again);
	MUST(bytes_equal(buf_bytes(&again), certificate->der) ==
	     bytes_equal(certificate->signature_algorithm, ALGORITHM_ECDSA_SHA256));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes der = bytes_of(data, size);
	struct certificate certificate;
	struct bytes name = {0};
	struct error err = {0};

	if (!fuzz_verdict(certificate_parse(der, &certificate, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX && strcmp(err.pointer, "/certificate") == 0);
		return 0;
	}
	MUST(size <= CERTIFICATE_DER_MAX && bytes_equal(certificate.der, der));
	MUST(fuzz_inside(certificate.spki, certificate.tbs));
	MUST(fuzz_inside(certificate.key_identifier, certificate.tbs));
	if (certificate_common_name(&certificate, &name))
		MUST(fuzz_inside(name, certificate.subject));
	is_openssls(&certificate);
	assembles_again(&certificate);
	return 0;
}
