/*
 * Requests behind a good signature, where changed octets would only lead to a wrong one: the input
 * is a CertificationRequestInfo, signed here by the one key that a good input holds.
 */
#include "base/der.h"
#include "tests/fuzz/csr_fuzz.h"
#include "tests/fuzz/csr_signer.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_clear_public) struct buf der = {0};
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};

	csr_sign(bytes_of(data, size), &der);
	if (!fuzz_verdict(csr_parse(buf_bytes(&der), &csr, &err), &err)) {
		MUST(csr_is_refused(csr, &err));
		return 0;
	}
	csr_is_openssls(csr, buf_bytes(&der));
	MUST(csr_key_type(csr) == CSR_KEY_ED25519);
	return 0;
}
