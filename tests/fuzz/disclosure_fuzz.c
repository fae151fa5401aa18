/* A request for disclosure that parses writes itself again: one spelling for each. */
#include "provisioning/disclosure_draw.h"
#include "provisioning/disclosure_text.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes input = bytes_of(data, size);
	DEFER(buf_clear_public) struct buf again = {0};
	struct disclosure_text text;
	struct error err = {0};

	if (!fuzz_verdict(disclosure_parse(input, &text, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return 0;
	}
	MUST((text.sample_count > 0) == (text.basis == BASIS_ESCROW_AUDIT));
	MUST((text.sample_count > 0) == (text.device_count == 0));
	MUST(text.device_count <= DISCLOSURE_DEVICES_MAX);
	MUST(text.sample_count <= DISCLOSURE_SAMPLE_MAX);
	disclosure_encode(&text, &again);
	MUST(bytes_equal(buf_bytes(&again), input));
	return 0;
}
