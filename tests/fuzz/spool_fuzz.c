/* An entry of the spool that parses keeps its promises, and writes itself so that it is read again
 * as the same. */
#include <string.h>

#include "base/chain_file.h"
#include "provisioning/spool.h"
#include "tests/fuzz/fuzz.h"

static void
must_equal(const struct spool_entry *entry, const struct spool_entry *again)
{
	MUST(strcmp(again->id, entry->id) == 0 && strcmp(again->officer, entry->officer) == 0);
	MUST(memcmp(again->serial, entry->serial, SERIAL_BYTES) == 0);
	MUST(again->reason == entry->reason && again->detail == entry->detail);
	MUST(again->at_s == entry->at_s && again->person == entry->person);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DEFER(buf_clear_public) struct buf text = {0};
	struct spool_entry entry, again;
	struct error err = {0};
	uint16_t month;

	if (!fuzz_verdict(spool_entry_parse(bytes_of(data, size), &entry, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX || err.code == E_INCOMPLETE);
		return 0;
	}
	MUST(handle_valid(bytes_of_text(entry.id)) && handle_valid(bytes_of_text(entry.officer)));
	MUST(serial_month(entry.serial, &month));
	MUST(entry.reason != REASON_HOLD && entry.person > 0);
	MUST(entry.at_s >= 0 && entry.at_s <= TIME_MAX_AT_S);
	spool_entry_encode(&entry, &text);
	MUST(text.len + 2 * SHA256_BYTES + 2 <=
	     CHAIN_LINE_MAX); /* with its hash and end it is a line */
	MUST(spool_entry_parse(buf_bytes(&text), &again, &err));
	must_equal(&entry, &again);
	return 0;
}
