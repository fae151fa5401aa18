/*
 * Journals that somebody wrote to: raw octets after a good header, and records whose MAC is right
 * whatever is in them (the first octet chooses), so that what stands behind the MAC is met as well.
 */
#include <sodium.h>

#include "base/reader.h"
#include "keeper/journal_record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/keeper/fixture.h"

#define ORIGIN "moniker.example/fuzz"

/* `body` between lead and MAC of a record, with good lengths and a good MAC. */
static void
seal(struct bytes body, const uint8_t *header_mac, struct bytes key, struct buf *out)
{
	const size_t len = 12 + body.len + RECORD_MAC_BYTES + RECORD_TRAILER_BYTES;
	uint8_t mac[RECORD_MAC_BYTES];
	crypto_generichash_state state;

	buf_append(out, (struct bytes)BYTES_LITERAL("\x89MKJREC\n"));
	buf_append_u32(out, (uint32_t)len);
	buf_append(out, body);
	crypto_generichash_init(&state, key.data, key.len, sizeof(mac));
	crypto_generichash_update(&state, header_mac, RECORD_MAC_BYTES);
	crypto_generichash_update(&state, out->data, out->len);
	crypto_generichash_final(&state, mac, sizeof(mac));
	buf_append(out, bytes_of(mac, sizeof(mac)));
	buf_append_u32(out, (uint32_t)len);
	buf_append(out, (struct bytes)BYTES_LITERAL("\x89MKJREC\n"));
}

/* A record that is taken is written the same again, and is no other's beginning or end. */
static void
record(struct bytes whole, const uint8_t *header_mac, const struct secret *key)
{
	DEFER(mem_free) struct bytes *leaves = NULL;
	DEFER(buf_clear_public) struct buf again = {0};
	struct reader reader;
	struct record taken;

	MUST(record_lead_len(whole) == 0 || record_lead_len(whole) >= RECORD_MIN);
	if (!record_parse(whole, header_mac, key, &taken))
		return;
	MUST(record_lead_len(whole) == whole.len && !record_is_cut(whole));
	leaves = xcalloc(taken.count, sizeof(*leaves));
	reader = reader_of(taken.leaves);
	for (uint32_t i = 0; i < taken.count; i++)
		leaves[i] = reader_bytes(&reader, reader_u16(&reader));
	MUST(reader_done(&reader));
	record_encode(leaves, taken.count, &taken.tree, header_mac, key, &again);
	MUST(bytes_equal(buf_bytes(&again), whole));
	MUST(record_is_cut(bytes_of(whole.data, whole.len - 1)));
}

/* The file as a keeper that starts would find it. */
static void
journal(struct bytes octets, const struct secret *key)
{
	DEFER(folder_clear) struct folder folder;
	DEFER(journal_free) struct journal *journal = NULL;
	const char *path;
	struct error err = {0}, why = {0};

	folder_init(&folder);
	path = folder_file(&folder, "log");
	FILE *file = fopen(path, "wb"); /* not file_write(): nothing has to last */
	MUST(file != NULL && fwrite(octets.data, 1, octets.len, file) == octets.len);
	MUST(fclose(file) == 0);
	if (!fuzz_verdict(journal_open(path, key, &journal, &err), &err)) {
		MUST(err.code == E_BAD_SYNTAX);
		return;
	}
	MUST(strcmp(journal_origin(journal), ORIGIN) == 0 && !journal_in_doubt(journal));
	const uint64_t size = journal_tree(journal)->size;
	const bool good = fuzz_verdict(journal_verify(journal, &why), &why);

	MUST(good || why.code == E_BAD_SYNTAX);
	for (uint64_t i = 0; i < 4; i++) {
		DEFER(buf_clear_public) struct buf leaf = {0};
		const uint64_t seq = i < 2 ? i : size - 2 + (i - 2);
		struct error none = {0};
		const bool there = fuzz_verdict(journal_get(journal, seq, &leaf, &none), &none);

		MUST(!good || there == (seq < size));
		MUST((seq >= size) == (none.code == E_NOT_FOUND));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	const bool sealed = fuzz_take(&in) & 1;
	DEFER(secret_free) struct secret *key = secret_filled(2);
	DEFER(buf_clear_public) struct buf file = {0};
	uint8_t header_mac[RECORD_MAC_BYTES];
	size_t start;

	header_encode(ORIGIN, key, &file, header_mac);
	start = file.len;
	while (sealed && in.len > 0) /* runs of octets become records */
		seal(fuzz_take_run(&in), header_mac, secret_bytes(key), &file);
	buf_append(&file, in);
	record(bytes_of(file.data + start, file.len - start), header_mac, key);
	journal(buf_bytes(&file), key);
	return 0;
}
