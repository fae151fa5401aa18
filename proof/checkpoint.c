#include "proof/checkpoint.h"

#include <assert.h>

#include "base/text.h"
#include "proof/scan.h"

void
checkpoint_encode(const struct checkpoint *checkpoint, struct buf *out)
{
	assert(checkpoint->origin[0] != '\0');
	buf_append_format(
	    out, "%s\n%llu\n", checkpoint->origin, (unsigned long long)checkpoint->size);
	base64_encode(out, bytes_of(checkpoint->root, SHA256_BYTES));
	buf_append_u8(out, '\n');
}

static bool
is_printable(uint8_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool
take_origin(struct scan *in, char out[static CHECKPOINT_ORIGIN_MAX + 1])
{
	const struct bytes origin = scan_while(in, is_printable);

	if (origin.len == 0 || origin.len > CHECKPOINT_ORIGIN_MAX || !scan_literal(in, "\n"))
		return false;
	memcpy(out, origin.data, origin.len);
	out[origin.len] = '\0';
	return true;
}

static bool
take_size(struct scan *in, uint64_t *out)
{
	int64_t size = 0;

	if (!scan_number(in, &size) || !scan_literal(in, "\n"))
		return false;
	*out = (uint64_t)size;
	return true;
}

static bool
take_root(struct scan *in, uint8_t out[static SHA256_BYTES])
{
	DEFER(buf_clear_public) struct buf root = {0};
	struct bytes line = {0};

	if (!scan_line(in, &line) || line.len != BASE64_TEXT_LEN(SHA256_BYTES) ||
	    !base64_decode(line, &root) || root.len != SHA256_BYTES)
		return false;
	memcpy(out, root.data, SHA256_BYTES);
	return true;
}

static bool
take_extensions(struct scan *in)
{
	struct bytes line = {0};

	while (in->rest.len > 0)
		if (!scan_line(in, &line) || line.len == 0)
			return false;
	return true;
}

bool
checkpoint_parse(struct bytes text, struct checkpoint *out, struct error *err)
{
	struct scan in = {text};
	struct checkpoint checkpoint = {0};

	if (!take_origin(&in, checkpoint.origin) || !take_size(&in, &checkpoint.size) ||
	    !take_root(&in, checkpoint.root) || !take_extensions(&in))
		return error_set(err, E_BAD_SYNTAX, "not a checkpoint");
	*out = checkpoint;
	return true;
}
