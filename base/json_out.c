#include "base/json_out.h"

#include <assert.h>

static int
append(const char *text, size_t len, void *context)
{
	buf_append(context, bytes_of(text, len));
	return 0;
}

void
json_write(struct buf *out, const json_t *document)
{
	const int failed = json_dump_callback(document, append, out, JSON_COMPACT);

	assert(failed == 0); /* only append() could, and it ends the process instead */
	(void)failed;
}
