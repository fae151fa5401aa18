#include <inttypes.h>

#include "base/reader.h"
#include "keeper/journal_private.h"

/* ---- one leaf ---- */

static struct bytes
leaf_at(const struct record *record, uint64_t seq)
{
	struct reader reader = reader_of(record->leaves);
	struct bytes leaf = {0};

	for (uint64_t at = record->first_seq; at <= seq; at++)
		leaf = reader_bytes(&reader, reader_u16(&reader));
	return leaf;
}

/* The end of the record before the one that ends at `end`, and the first seq of the latter. */
static bool
hop(const struct journal *journal, uint64_t *end, uint64_t *out_first_seq, struct error *err)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	struct reader reader;
	size_t len;

	if (*end - journal->start < RECORD_MIN)
		return error_set(err, E_BAD_SYNTAX, "the journal does not go back to its start");
	if (!journal_read_at(
		journal, *end - RECORD_TRAILER_BYTES, RECORD_TRAILER_BYTES, &octets, err))
		return false;
	len = record_trailer_len(buf_bytes(&octets));
	if (len == 0 || len > *end - journal->start)
		return error_set(err, E_BAD_SYNTAX, "a record of the journal has no valid end");
	if (!journal_read_at(journal, *end - len, RECORD_LEAD_BYTES, &octets, err))
		return false;
	reader = reader_of(bytes_of(octets.data + 12, octets.len - 12));
	*out_first_seq = reader_u64(&reader);
	*end -= len;
	return true;
}

bool
journal_get(const struct journal *journal, uint64_t seq, struct buf *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	uint64_t end = journal->end, before = end, first_seq = UINT64_MAX;
	struct record record;

	if (seq >= journal->tree.size)
		return error_set(err, E_NOT_FOUND, "the journal has no leaf %" PRIu64, seq);
	while (first_seq > seq) {
		end = before;
		if (!hop(journal, &before, &first_seq, err))
			return false;
	}
	if (!journal_record_before(journal, end, &octets, &record, err))
		return false;
	if (seq < record.first_seq || seq - record.first_seq >= record.count)
		return error_set(
		    err, E_BAD_SYNTAX, "leaf %" PRIu64 " is not where it should be", seq);
	buf_append(out, leaf_at(&record, seq));
	return true;
}

/* ---- verifying ---- */

static bool
damaged(struct error *err, uint64_t seq, const char *what)
{
	return error_set(err, E_BAD_SYNTAX, "the journal at seq %" PRIu64 ": %s", seq, what);
}

/* Every leaf of `record` must be one, with its seq, and lead `tree` to the record's. */
static bool
verify_record(const struct record *record, struct merkle *tree, struct error *err)
{
	struct reader reader = reader_of(record->leaves);
	size_t range_len = (size_t)merkle_range_count(record->tree.size) * SHA256_BYTES;
	uint8_t hash[SHA256_BYTES];
	struct leaf_view view;

	if (record->first_seq != tree->size)
		return damaged(err, tree->size, "the record begins elsewhere");
	for (uint32_t i = 0; i < record->count; i++) {
		struct bytes leaf = reader_bytes(&reader, reader_u16(&reader));
		struct error cause = {0};

		if (!leaf_parse(leaf, &view, &cause) || view.seq < 0 ||
		    (uint64_t)view.seq != tree->size)
			return damaged(err, tree->size, "not this leaf");
		leaf_hash(leaf, hash);
		merkle_append(tree, hash);
	}
	if (memcmp(tree->hashes, record->tree.hashes, range_len) != 0)
		return damaged(err, record->first_seq, "the tree after this record is another");
	return true;
}

static bool
verify_at(const struct journal *journal, uint64_t offset, uint64_t end, struct buf *octets,
    struct merkle *tree, struct error *err)
{
	struct record record;
	size_t len = 0;

	if (end - offset >= RECORD_MIN) {
		if (!journal_read_at(journal, offset, RECORD_LEAD_BYTES, octets, err))
			return false;
		len = record_lead_len(buf_bytes(octets));
	}
	if (len == 0 || len > end - offset)
		return damaged(err, tree->size, "no record begins here");
	if (!journal_read_at(journal, offset, len, octets, err))
		return false;
	if (!record_parse(buf_bytes(octets), journal->header_mac, journal->mac_key, &record))
		return damaged(err, tree->size, "the record is not authentic");
	return verify_record(&record, tree, err);
}

bool
journal_verify(const struct journal *journal, struct error *err)
{
	DEFER(buf_clear_public) struct buf octets = {0};
	uint64_t offset = journal->start, end = journal->end;
	struct merkle tree = {0};

	while (offset < end) {
		if (journal->interrupted)
			return error_set(err, E_KEEPER_UNAVAILABLE, "interrupted");
		if (!verify_at(journal, offset, end, &octets, &tree, err))
			return false;
		offset += octets.len;
	}
	return true;
}
