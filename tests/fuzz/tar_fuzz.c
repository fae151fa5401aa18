/* An archive is taken apart from its front to its end: every file lies within it. */
#include "proof/tar.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes whole = bytes_of(data, size);
	struct bytes rest = whole;

	for (;;) {
		struct tar_entry entry = {0};
		struct error err = {0};
		bool end = false;
		const size_t before = rest.len;

		if (!fuzz_verdict(tar_take(&rest, &entry, &end, &err), &err)) {
			MUST(err.code == E_BAD_SYNTAX);
			return 0;
		}
		if (end)
			return 0;
		MUST(rest.len + TAR_BLOCK + entry.contents.len <= before);
		MUST(fuzz_inside(entry.contents, whole) && fuzz_inside(rest, whole));
		MUST(memchr(entry.name, '\0', sizeof entry.name) != NULL);
	}
}
