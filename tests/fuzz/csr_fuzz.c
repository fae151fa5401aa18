/* Requests as they come: DER, and the same octets as text. */
#include "tests/fuzz/csr_fuzz.h"

static void
as_der(struct bytes der)
{
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};

	if (!fuzz_verdict(csr_parse(der, &csr, &err), &err)) {
		MUST(csr_is_refused(csr, &err));
		return;
	}
	MUST(der.len <= CSR_DER_MAX);
	csr_is_openssls(csr, der);
}

static void
as_text(struct bytes text)
{
	DEFER(csr_free) struct csr *csr = NULL;
	struct error err = {0};

	if (!fuzz_verdict(csr_parse_text(text, &csr, &err), &err))
		MUST(csr_is_refused(csr, &err));
	else
		MUST(text.len <= CSR_TEXT_MAX && csr_spki(csr).len > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_der(bytes_of(data, size));
	as_text(bytes_of(data, size));
	return 0;
}
