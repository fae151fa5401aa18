#include "tests/support/needles.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define FILTER_BITS 25 /* 4 MiB of them: they stay in the processor's cache */
#define SLOT_BITS 20
#define NONE UINT32_MAX
#define WINDOW_BYTES 65536

struct needle {
	size_t at; /* in `octets` */
	size_t len;
	size_t name;   /* in `names` */
	uint32_t next; /* of the same slot, or NONE */
};

struct needles {
	struct buf octets, names;
	struct needle *items;
	size_t count, size;
	size_t longest;
	uint32_t *slots; /* the first of each, or NONE */
	uint8_t *filter;
};

struct needles_stream {
	const struct needles *set;
	needles_found_fn found;
	void *context;
	size_t held;
	uint8_t window[WINDOW_BYTES];
};

static uint64_t
hash_head(const uint8_t *octets)
{
	uint64_t head = 0;

	memcpy(&head, octets, NEEDLE_HEAD_BYTES);
	return head * UINT64_C(0x9e3779b97f4a7c15);
}

static size_t
slot_of(uint64_t hash)
{
	return (size_t)(hash >> (64 - SLOT_BITS));
}

static size_t
bit_of(uint64_t hash)
{
	return (size_t)(hash >> (64 - FILTER_BITS));
}

struct needles *
needles_new(void)
{
	struct needles *set = xcalloc(1, sizeof *set);

	set->slots = xcalloc((size_t)1 << SLOT_BITS, sizeof *set->slots);
	memset(set->slots, 0xff, sizeof *set->slots << SLOT_BITS);
	set->filter = xcalloc((size_t)1 << (FILTER_BITS - 3), 1);
	return set;
}

void
needles_free(struct needles *set)
{
	if (set == NULL)
		return;
	buf_clear_public(&set->octets);
	buf_clear_public(&set->names);
	free(set->items);
	free(set->slots);
	free(set->filter);
	free(set);
}

static struct needle *
next_item(struct needles *set)
{
	if (set->count == set->size) {
		set->size = set->size == 0 ? 1024 : set->size * 2;
		set->items = xrealloc(set->items, set->size * sizeof *set->items);
	}
	return &set->items[set->count++];
}

bool
needles_add(struct needles *set, const char *line)
{
	const char *tab = strchr(line, '\t');
	const size_t digits = tab == NULL ? 0 : (size_t)(tab - line);
	uint8_t octets[NEEDLE_MAX_BYTES];
	struct needle *needle;
	uint64_t hash;

	if (digits < 2 * NEEDLE_HEAD_BYTES || digits > 2 * NEEDLE_MAX_BYTES || digits % 2 != 0 ||
	    !hex_decode(bytes_of(line, digits), octets, digits / 2))
		return false;
	hash = hash_head(octets);
	needle = next_item(set);
	*needle = (struct needle){.at = set->octets.len,
	    .len = digits / 2,
	    .name = set->names.len,
	    .next = set->slots[slot_of(hash)]};
	buf_append(&set->octets, bytes_of(octets, needle->len));
	buf_append(&set->names, bytes_of(tab + 1, strlen(tab + 1) + 1));
	set->slots[slot_of(hash)] = (uint32_t)(set->count - 1);
	set->filter[bit_of(hash) / 8] |= (uint8_t)(1u << bit_of(hash) % 8);
	set->longest = needle->len > set->longest ? needle->len : set->longest;
	return true;
}

size_t
needles_count(const struct needles *set)
{
	return set->count;
}

const char *
needles_name(const struct needles *set, size_t number)
{
	return (const char *)set->names.data + set->items[number].name;
}

struct needles_stream *
needles_stream_new(const struct needles *set, needles_found_fn found, void *context)
{
	struct needles_stream *stream = xcalloc(1, sizeof *stream);

	stream->set = set;
	stream->found = found;
	stream->context = context;
	return stream;
}

void
needles_stream_free(struct needles_stream *stream)
{
	free(stream);
}

/* The needles that begin with the window at `here`, of which `len` octets are there. */
static void
look_closely(const struct needles_stream *stream, uint64_t hash, const uint8_t *here, size_t len)
{
	const struct needles *set = stream->set;

	for (uint32_t i = set->slots[slot_of(hash)]; i != NONE; i = set->items[i].next) {
		const struct needle *needle = &set->items[i];

		if (needle->len <= len &&
		    memcmp(here, set->octets.data + needle->at, needle->len) == 0)
			stream->found(stream->context, i);
	}
}

/* What begins in the first `starts` octets of the window. */
static void
look(const struct needles_stream *stream, size_t starts)
{
	const uint8_t *filter = stream->set->filter;

	for (size_t i = 0; i < starts && i + NEEDLE_HEAD_BYTES <= stream->held; i++) {
		const uint64_t hash = hash_head(stream->window + i);

		if ((filter[bit_of(hash) / 8] >> bit_of(hash) % 8 & 1) != 0)
			look_closely(stream, hash, stream->window + i, stream->held - i);
	}
}

/* The window is full: all that may not go on behind it is looked at, and the rest kept. */
static void
slide(struct needles_stream *stream)
{
	const size_t kept = stream->set->longest == 0 ? 0 : stream->set->longest - 1;
	const size_t starts = stream->held - kept;

	look(stream, starts);
	memmove(stream->window, stream->window + starts, kept);
	stream->held = kept;
}

void
needles_feed(struct needles_stream *stream, struct bytes octets)
{
	while (octets.len > 0) {
		const size_t room = WINDOW_BYTES - stream->held;
		const size_t len = octets.len < room ? octets.len : room;

		memcpy(stream->window + stream->held, octets.data, len);
		stream->held += len;
		octets = bytes_of(octets.data + len, octets.len - len);
		if (stream->held == WINDOW_BYTES)
			slide(stream);
	}
}

void
needles_end(struct needles_stream *stream)
{
	look(stream, stream->held);
	stream->held = 0;
}
