/*
 * Lines of a chain, whatever they are: texts lie inside the input, in order; all whole lines are
 * taken and no octet more; and what was written by the rules, changed in an octet, is damaged.
 */
#include <string.h>

#include "base/chain_file.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	struct bytes input;
	const uint8_t *end; /* of the last text */
	size_t count;
};

static bool
take(void *context, struct bytes text)
{
	struct seen *seen = context;

	MUST(text.len > 0 && fuzz_inside(text, seen->input));
	MUST(seen->end == NULL || text.data > seen->end);
	MUST(memchr(text.data, '\n', text.len) == NULL);
	seen->end = text.data + text.len;
	seen->count++;
	return true;
}

/* The input as texts, one a line, and the lines that they make. */
static size_t
write_lines(struct bytes input, struct buf *out)
{
	struct chain chain;
	size_t count = 0;

	chain_init(&chain);
	for (const uint8_t *end; input.len > 0; count++) {
		end = memchr(input.data, '\n', input.len);
		if (end == NULL || end == input.data)
			return count;
		chain_write(&chain, bytes_of(input.data, (size_t)(end - input.data)), out);
		input = bytes_of(end + 1, input.len - (size_t)(end - input.data) - 1);
	}
	return count;
}

static struct chain
read_lines(struct bytes lines, size_t *out_taken, size_t *out_count)
{
	struct seen seen = {.input = lines};
	struct chain chain;

	chain_init(&chain);
	*out_taken = chain_read(&chain, lines, take, &seen);
	*out_count = seen.count;
	MUST(*out_taken <= lines.len);
	MUST(*out_taken == 0 || lines.data[*out_taken - 1] == '\n');
	MUST(*out_taken == lines.len ||
	     memchr(lines.data + *out_taken, '\n', lines.len - *out_taken) == NULL);
	return chain;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_clear_public) struct buf lines = {0};
	size_t count, taken, written;

	(void)read_lines(bytes_of(data, size), &taken, &count);
	written = write_lines(bytes_of(data, size), &lines);
	if (written == 0)
		return 0;
	MUST(!read_lines(buf_bytes(&lines), &taken, &count).damaged);
	MUST(taken == lines.len && count == written);
	lines.data[size % (lines.len - 1)] ^= 1;
	MUST(read_lines(buf_bytes(&lines), &taken, &count).damaged);
	return 0;
}
