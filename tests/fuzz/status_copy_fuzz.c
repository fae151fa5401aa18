/* A line of the copy of what was revoked that parses writes itself so that it is read as the same.
 */
#include <string.h>

#include "base/chain_file.h"
#include "ca/status_copy.h"
#include "tests/fuzz/fuzz.h"

static void
must_equal(const struct status_copy_line *line, const struct status_copy_line *again)
{
	const struct status_entry *a = &line->entry, *b = &again->entry;

	MUST(line->seq == again->seq && line->settled == again->settled);
	MUST(memcmp(a->serial, b->serial, SERIAL_BYTES) == 0);
	MUST(memcmp(a->issuer, b->issuer, ISSUER_ID_BYTES) == 0);
	MUST(a->state == b->state && a->reason == b->reason && a->at_s == b->at_s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct status_copy_line line, again;
	struct error err = {0};
	uint16_t month;

	if (!fuzz_verdict(status_copy_parse(bytes_of(data, size), &line, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return 0;
	}
	MUST(line.seq >= 0);
	MUST(line.settled || serial_month(line.entry.serial, &month));
	status_copy_encode(&line, &text);
	MUST(status_copy_parse(buf_bytes(&text), &again, &err));
	must_equal(&line, &again);
	MUST(text.len + 2 * SHA256_BYTES + 2 <= CHAIN_LINE_MAX);
	return 0;
}
