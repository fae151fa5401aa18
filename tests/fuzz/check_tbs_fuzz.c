/* What the keeper would sign is a harmless certificate to OpenSSL, too. */
#include <openssl/x509v3.h>

#include "base/defer_openssl.h"
#include "ca/certificate.h"
#include "keeper/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/keeper/fixture.h"

static void
is_harmless(struct bytes tbs)
{
	static const struct bytes signature = BYTES_LITERAL("\x30\x06\x02\x01\x01\x02\x01\x01");
	DEFER(buf_clear_public) struct buf der = {0};
	struct certificate ours;
	struct error err = {0};

	certificate_assemble(tbs, signature, &der);
	MUST(certificate_parse(buf_bytes(&der), &ours, &err));
	MUST(!ours.is_ca && ours.serial.len == 20 && ours.key_identifier.len >= 20);
	MUST(ours.not_after_s - ours.not_before_s <= 366 * DAY_S);
	const uint8_t *at = der.data;
	DEFER(X509_free) X509 *theirs = d2i_X509(NULL, &at, (long)der.len);

	MUST(theirs != NULL && at == der.data + der.len);
	MUST(X509_get_version(theirs) == X509_VERSION_3 && X509_get_ext_count(theirs) == 8);
	MUST((X509_get_extension_flags(theirs) & (EXFLAG_CA | EXFLAG_INVALID | EXFLAG_CRITICAL)) ==
	     0);
	MUST(X509_check_ca(theirs) == 0);
	MUST(X509_get_key_usage(theirs) == KU_DIGITAL_SIGNATURE);
	MUST(X509_get_extended_key_usage(theirs) == XKU_SSL_CLIENT);
	MUST(X509_NAME_entry_count(X509_get_subject_name(theirs)) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy policy = {.issuer_count = 1};
	struct error err = {0};

	issuer_init(&policy.issuers[0]);
	if (fuzz_verdict(check_tbs(&policy.issuers[0], bytes_of(data, size), NOW_S, &err), &err))
		is_harmless(bytes_of(data, size));
	else
		MUST(err.code == E_KEEPER_REFUSED);
	policy_clear(&policy);
	return 0;
}
