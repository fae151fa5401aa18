/* A token has one spelling. */
#include "base/mem.h"
#include "provisioning/token_text.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	uint8_t token[TOKEN_BYTES];

	buf_append(&text, bytes_of(data, size));
	if (!token_text_parse(buf_text(&text), token))
		return 0;
	MUST(strlen(buf_text(&text)) <= TOKEN_TEXT_MAX);
	token_text_encode(token, &again);
	MUST(bytes_equal(buf_bytes(&again), bytes_of_text(buf_text(&text))));
	return 0;
}
