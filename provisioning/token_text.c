#include "provisioning/token_text.h"

#include <assert.h>

#include "base/text.h"

#define PREFIX "mk1."
#define PREFIX_LEN (sizeof PREFIX - 1)

static_assert(PREFIX_LEN + TOKEN_BYTES * 4 / 3 <= TOKEN_TEXT_MAX, "a token fits its limit");

bool
token_text_parse(const char *text, uint8_t out[static TOKEN_BYTES])
{
	size_t len = strnlen(text, TOKEN_TEXT_MAX + 1);
	DEFER(buf_clear) struct buf octets = {0};

	if (len > TOKEN_TEXT_MAX || len < PREFIX_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0 ||
	    !base64url_decode(bytes_of(text + PREFIX_LEN, len - PREFIX_LEN), &octets) ||
	    octets.len != TOKEN_BYTES)
		return false;
	memcpy(out, octets.data, TOKEN_BYTES);
	return true;
}

void
token_text_encode(const uint8_t token[static TOKEN_BYTES], struct buf *out)
{
	buf_append_text(out, PREFIX);
	base64url_encode(out, bytes_of(token, TOKEN_BYTES));
}
