/* What the scan takes means the same to a JSON reader, or is left to it. */
#include "api/verify_scan.h"
#include "base/json_in.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

static bool
all_plain(const struct verify_text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		DEFER(buf_clear_public) struct buf ignored = {0};

		MUST(texts[i].escaped);
		if (!verify_unescape(texts[i].text, &ignored))
			return false;
	}
	return true;
}

static void
must_be(const json_t *text, const struct verify_text *scanned)
{
	DEFER(buf_clear_public) struct buf plain = {0};

	MUST(verify_unescape(scanned->text, &plain));
	MUST(json_is_string(text));
	MUST(bytes_equal(
	    buf_bytes(&plain), bytes_of(json_string_value(text), json_string_length(text))));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(mem_free) struct verify_text *texts = xcalloc(VERIFY_MANY_MAX, sizeof *texts);
	DEFER(json_release) json_t *document = NULL;
	struct error err = {0};
	size_t count = 0;
	bool is_list;

	if (!verify_scan(bytes_of(data, size), texts, &count, &is_list) || !all_plain(texts, count))
		return 0;
	MUST(count >= 1 && count <= VERIFY_MANY_MAX && (is_list || count == 1));
	MUST(json_parse(bytes_of(data, size), &document, &err));
	MUST(json_object_size(document) == 1);
	if (!is_list) {
		must_be(json_object_get(document, "certificate"), &texts[0]);
		return 0;
	}
	MUST(json_array_size(json_object_get(document, "certificates")) == count);
	for (size_t i = 0; i < count; i++)
		must_be(json_array_get(json_object_get(document, "certificates"), i), &texts[i]);
	return 0;
}
