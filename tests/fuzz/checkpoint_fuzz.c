/* A checkpoint is written as its first three lines were read. */
#include "proof/checkpoint.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_clear_public) struct buf again = {0};
	struct checkpoint checkpoint;
	struct error err = {0};

	if (!fuzz_verdict(checkpoint_parse(bytes_of(data, size), &checkpoint, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return 0;
	}
	MUST(checkpoint.size <= INT64_MAX && checkpoint.origin[0] != '\0');
	checkpoint_encode(&checkpoint, &again);
	MUST(again.len <= size && memcmp(again.data, data, again.len) == 0);
	/* Extension lines are whole, and none is empty. */
	MUST(data[size - 1] == '\n');
	for (size_t i = again.len; i < size; i++)
		MUST(data[i] != '\n' || data[i - 1] != '\n');
	return 0;
}
