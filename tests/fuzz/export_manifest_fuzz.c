/* A manifest is read in its one spelling only, and names nothing outside of its export. */
#include "audit/export_manifest.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(export_manifest_clear) struct export_manifest manifest = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	const struct bytes text = bytes_of(data, size);
	struct error err = {0}, scope_err = {0};

	if (!fuzz_verdict(export_manifest_parse(text, &manifest, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX && manifest.files == NULL);
		return 0;
	}
	MUST(export_scope_check(&manifest.scope, &scope_err));
	MUST(manifest.file_count > 0 && manifest.count >= 0);
	for (size_t i = 0; i < manifest.file_count; i++)
		MUST(manifest.files[i].name[0] != '/' &&
		     strstr(manifest.files[i].name, "..") == NULL);
	export_manifest_encode(&manifest, &again);
	MUST(bytes_equal(buf_bytes(&again), text));
	return 0;
}
