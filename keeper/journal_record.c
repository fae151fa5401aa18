#include "keeper/journal_record.h"

#include <assert.h>
#include <sodium.h>

#include "base/reader.h"

/*
 * Neither can occur in a leaf, which is printable ASCII. The last four octets, read as a length,
 * are out of bounds: the magic that begins a record is never taken for the end of one.
 */
static const struct bytes HEADER_MAGIC = BYTES_LITERAL("\x89MKJLOG\n");
static const struct bytes RECORD_MAGIC = BYTES_LITERAL("\x89MKJREC\n");

static void
mac_compute(uint8_t out[static RECORD_MAC_BYTES], const uint8_t *header_mac, struct bytes octets,
    const struct secret *mac_key)
{
	struct bytes key = secret_bytes(mac_key);
	crypto_generichash_state state;

	crypto_generichash_init(&state, key.data, key.len, RECORD_MAC_BYTES);
	if (header_mac != NULL)
		crypto_generichash_update(&state, header_mac, RECORD_MAC_BYTES);
	crypto_generichash_update(&state, octets.data, octets.len);
	crypto_generichash_final(&state, out, RECORD_MAC_BYTES);
	sodium_memzero(&state, sizeof(state));
}

void
header_encode(const char *origin, const struct secret *mac_key, struct buf *out,
    uint8_t out_mac[static RECORD_MAC_BYTES])
{
	size_t origin_len = strlen(origin);
	size_t len = 8 + 4 + 2 + origin_len + RECORD_MAC_BYTES + RECORD_TRAILER_BYTES;

	assert(origin_len > 0 && origin_len <= CHECKPOINT_ORIGIN_MAX && out->len == 0);
	buf_append(out, HEADER_MAGIC);
	buf_append_u32(out, (uint32_t)len);
	buf_append_u16(out, (uint16_t)origin_len);
	buf_append_text(out, origin);
	mac_compute(out_mac, NULL, buf_bytes(out), mac_key);
	buf_append(out, bytes_of(out_mac, RECORD_MAC_BYTES));
	buf_append_u32(out, (uint32_t)len);
	buf_append(out, HEADER_MAGIC);
}

bool
header_parse(struct bytes start, const struct secret *mac_key,
    char out_origin[static CHECKPOINT_ORIGIN_MAX + 1], uint8_t out_mac[static RECORD_MAC_BYTES],
    size_t *out_len)
{
	struct reader reader = reader_of(start);
	struct bytes magic = reader_bytes(&reader, RECORD_MAGIC_BYTES);
	uint32_t len = reader_u32(&reader);
	struct bytes origin = reader_bytes(&reader, reader_u16(&reader));
	size_t covered = start.len - reader.rest.len;
	struct bytes mac = reader_bytes(&reader, RECORD_MAC_BYTES);
	uint32_t len_again = reader_u32(&reader);
	struct bytes magic_again = reader_bytes(&reader, RECORD_MAGIC_BYTES);

	if (!reader.ok || !bytes_equal(magic, HEADER_MAGIC) ||
	    !bytes_equal(magic_again, HEADER_MAGIC) || len != start.len - reader.rest.len ||
	    len_again != len || origin.len == 0 || origin.len > CHECKPOINT_ORIGIN_MAX)
		return false;
	mac_compute(out_mac, NULL, bytes_of(start.data, covered), mac_key);
	if (!secret_equal(bytes_of(out_mac, RECORD_MAC_BYTES), mac))
		return false;
	memcpy(out_origin, origin.data, origin.len);
	out_origin[origin.len] = '\0';
	*out_len = len;
	return true;
}

void
record_encode(const struct bytes *leaves, size_t count, const struct merkle *tree,
    const uint8_t header_mac[static RECORD_MAC_BYTES], const struct secret *mac_key,
    struct buf *out)
{
	size_t range_len = (size_t)merkle_range_count(tree->size) * SHA256_BYTES;
	size_t len = RECORD_LEAD_BYTES + 8 + range_len + RECORD_MAC_BYTES + RECORD_TRAILER_BYTES;
	uint8_t mac[RECORD_MAC_BYTES];

	assert(count > 0 && count <= JOURNAL_APPEND_MAX && count <= tree->size && out->len == 0);
	for (size_t i = 0; i < count; i++)
		len += 2 + leaves[i].len;
	assert(len <= RECORD_MAX);
	buf_append(out, RECORD_MAGIC);
	buf_append_u32(out, (uint32_t)len);
	buf_append_u64(out, tree->size - count);
	buf_append_u32(out, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		buf_append_u16(out, (uint16_t)leaves[i].len);
		buf_append(out, leaves[i]);
	}
	buf_append_u64(out, tree->size);
	buf_append(out, bytes_of(tree->hashes, range_len));
	mac_compute(mac, header_mac, buf_bytes(out), mac_key);
	buf_append(out, bytes_of(mac, sizeof(mac)));
	buf_append_u32(out, (uint32_t)len);
	buf_append(out, RECORD_MAGIC);
}

/* The leaves' part, whatever is in the leaves. */
static struct bytes
leaves_take(struct reader *reader, uint32_t count)
{
	struct bytes from = reader->rest;

	for (uint32_t i = 0; i < count && reader->ok; i++)
		(void)reader_bytes(reader, reader_u16(reader));
	return bytes_of(from.data, from.len - reader->rest.len);
}

static void
tree_take(struct reader *reader, struct merkle *out)
{
	out->size = reader_u64(reader);
	if (out->size >= UINT64_C(1) << MERKLE_RANGE_MAX)
		reader->ok = false;
	else
		reader_copy(
		    reader, out->hashes, (size_t)merkle_range_count(out->size) * SHA256_BYTES);
}

bool
record_parse(struct bytes whole, const uint8_t header_mac[static RECORD_MAC_BYTES],
    const struct secret *mac_key, struct record *out)
{
	struct reader reader = reader_of(whole);
	uint8_t mac[RECORD_MAC_BYTES];
	struct bytes magic = reader_bytes(&reader, RECORD_MAGIC_BYTES), given_mac, trailer;
	uint32_t len = reader_u32(&reader);
	size_t covered;

	memset(out, 0, sizeof(*out));
	out->first_seq = reader_u64(&reader);
	out->count = reader_u32(&reader);
	if (!reader.ok || !bytes_equal(magic, RECORD_MAGIC) || len != whole.len ||
	    out->count == 0 || out->count > JOURNAL_APPEND_MAX)
		return false;
	out->leaves = leaves_take(&reader, out->count);
	tree_take(&reader, &out->tree);
	covered = whole.len - reader.rest.len;
	given_mac = reader_bytes(&reader, RECORD_MAC_BYTES);
	trailer = reader_bytes(&reader, RECORD_TRAILER_BYTES);
	if (!reader_done(&reader) || record_trailer_len(trailer) != whole.len ||
	    out->tree.size < out->count || out->tree.size - out->count != out->first_seq)
		return false;
	mac_compute(mac, header_mac, bytes_of(whole.data, covered), mac_key);
	return secret_equal(bytes_of(mac, sizeof(mac)), given_mac);
}

size_t
record_lead_len(struct bytes lead)
{
	struct reader reader = reader_of(lead);
	struct bytes magic = reader_bytes(&reader, RECORD_MAGIC_BYTES);
	uint32_t len = reader_u32(&reader);

	if (!reader.ok || !bytes_equal(magic, RECORD_MAGIC) || len < RECORD_MIN || len > RECORD_MAX)
		return 0;
	return len;
}

size_t
record_trailer_len(struct bytes trailer)
{
	struct reader reader = reader_of(trailer);
	uint32_t len = reader_u32(&reader);
	struct bytes magic = reader_bytes(&reader, RECORD_MAGIC_BYTES);

	if (!reader_done(&reader) || !bytes_equal(magic, RECORD_MAGIC) || len < RECORD_MIN ||
	    len > RECORD_MAX)
		return 0;
	return len;
}

bool
record_is_cut(struct bytes tail)
{
	size_t magic_len = tail.len < RECORD_MAGIC_BYTES ? tail.len : RECORD_MAGIC_BYTES;

	if (memcmp(tail.data, RECORD_MAGIC.data, magic_len) != 0)
		return false;
	if (tail.len < RECORD_MAGIC_BYTES + 4)
		return true;
	return record_lead_len(tail) > tail.len;
}
