#include "provisioning/disclosure_draw.h"

#include "proof/merkle.h"
#include "proof/note.h"

#define CONTEXT "moniker-escrow-sample/1"

bool
disclosure_draw_begin(
    const struct tlog_proof *request, uint64_t size, struct disclosure_draw *out, struct error *err)
{
	struct checkpoint checkpoint;
	struct bytes text = {0};
	uint8_t hash[SHA256_BYTES];

	*out = (struct disclosure_draw){.size = size};
	if (!note_text(request->note, &text, err) || !checkpoint_parse(text, &checkpoint, err))
		return false;
	leaf_hash(buf_bytes(&request->extra), hash);
	return merkle_root_then(request->index, (uint64_t)checkpoint.size, hash,
	    buf_bytes(&request->hashes), out->root, err);
}

static uint64_t
draw_at(const struct disclosure_draw *draw, uint64_t i)
{
	static const size_t context_len = sizeof CONTEXT - 1;
	uint8_t message[sizeof CONTEXT - 1 + SHA256_BYTES + 8], digest[SHA256_BYTES];
	uint64_t value = 0;

	memcpy(message, CONTEXT, context_len);
	memcpy(message + context_len, draw->root, SHA256_BYTES);
	for (size_t at = 0; at < 8; at++)
		message[context_len + SHA256_BYTES + at] = (uint8_t)(i >> (56 - 8 * at));
	sha256(bytes_of(message, sizeof message), digest);
	for (size_t at = 0; at < 8; at++)
		value = value << 8 | digest[at];
	return value % draw->size;
}

static bool
was_drawn(const struct disclosure_draw *draw, uint64_t index)
{
	for (size_t i = 0; i < draw->count; i++)
		if (draw->drawn[i] == index)
			return true;
	return false;
}

bool
disclosure_draw_next(struct disclosure_draw *draw, uint64_t *out)
{
	while (draw->size > 0 && draw->next < DISCLOSURE_DRAWS_MAX) {
		*out = draw_at(draw, draw->next++);
		if (was_drawn(draw, *out))
			continue;
		draw->drawn[draw->count++] = *out;
		return true;
	}
	return false;
}

bool
disclosure_draw_wants(const struct leaf_view *leaf)
{
	return (leaf->event == LEAF_ENROLL_OK || leaf->event == LEAF_ENROLL_REPLACE) &&
	       leaf->has_second_commitment;
}
