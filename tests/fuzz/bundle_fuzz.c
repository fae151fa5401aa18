/* Trust bundles as they come from outside. What is read keeps its promises. */
#include "tests/fuzz/bundle_fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(mv_bundle_free) struct bundle *bundle = NULL;
	struct why why = {.code = MONIKER_LOADED};
	const bool good =
	    mv_bundle_parse(bytes_of(data, size), NULL, BUNDLE_FUZZ_NOW_S, &bundle, &why);

	bundle_fuzz_told(good, &why);
	MUST(good == (bundle != NULL));
	if (good)
		bundle_fuzz_set(&bundle->set);
	return 0;
}
