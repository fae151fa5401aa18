#include "base/der.h"

#include <assert.h>

#include "base/text.h"

#define YEAR_2050_AT_S INT64_C(2524608000)

void
der_writer_init(struct der_writer *w, size_t capacity)
{
	*w = (struct der_writer){0};
	(void)buf_extend(&w->buf, capacity);
	w->start = capacity;
}

void
der_writer_clear(struct der_writer *w)
{
	buf_clear(&w->buf);
	w->start = 0;
}

/* Room for `len` octets before all that is written; returns where they go. */
static uint8_t *
make_room(struct der_writer *w, size_t len)
{
	if (len > w->start) {
		const size_t written = w->buf.len - w->start;
		struct buf larger = {0};

		(void)buf_extend(&larger, 2 * w->buf.len + len);
		memcpy(larger.data + larger.len - written, w->buf.data + w->start, written);
		buf_clear(&w->buf);
		w->buf = larger;
		w->start = larger.len - written;
	}
	w->start -= len;
	return w->buf.data + w->start;
}

size_t
der_mark(const struct der_writer *w)
{
	return w->buf.len - w->start;
}

struct bytes
der_written(const struct der_writer *w)
{
	return bytes_of(w->buf.data + w->start, w->buf.len - w->start);
}

void
der_put(struct der_writer *w, struct bytes raw)
{
	uint8_t *at;

	assert(!buf_holds(&w->buf, raw));
	at = make_room(w, raw.len);

	if (raw.len > 0)
		memcpy(at, raw.data, raw.len);
}

void
der_wrap(struct der_writer *w, int tag, size_t mark)
{
	size_t len = der_mark(w) - mark;
	size_t length_octets = 0;

	if (len < 0x80) {
		*make_room(w, 1) = (uint8_t)len;
	} else {
		for (; len > 0; len >>= 8, length_octets++)
			*make_room(w, 1) = (uint8_t)len;
		*make_room(w, 1) = (uint8_t)(0x80 | length_octets);
	}
	*make_room(w, 1) = (uint8_t)tag;
}

void
der_put_element(struct der_writer *w, int tag, struct bytes contents)
{
	const size_t mark = der_mark(w);

	der_put(w, contents);
	der_wrap(w, tag, mark);
}

void
der_put_unsigned(struct der_writer *w, struct bytes magnitude)
{
	const size_t mark = der_mark(w);

	while (magnitude.len > 1 && magnitude.data[0] == 0)
		magnitude = bytes_of(magnitude.data + 1, magnitude.len - 1);
	der_put(w, magnitude);
	if (magnitude.len == 0 || (magnitude.data[0] & 0x80) != 0)
		*make_room(w, 1) = 0;
	der_wrap(w, DER_INTEGER, mark);
}

void
der_put_int(struct der_writer *w, uint64_t value)
{
	uint8_t octets[8];

	for (int i = 7; i >= 0; i--, value >>= 8)
		octets[i] = (uint8_t)value;
	der_put_unsigned(w, bytes_of(octets, sizeof octets));
}

void
der_put_bool(struct der_writer *w, bool value)
{
	const uint8_t octet = value ? 0xff : 0;

	der_put_element(w, DER_BOOLEAN, bytes_of(&octet, 1));
}

void
der_put_bits(struct der_writer *w, struct bytes octets)
{
	const size_t mark = der_mark(w);

	der_put(w, octets);
	*make_room(w, 1) = 0;
	der_wrap(w, DER_BIT_STRING, mark);
}

void
der_put_named_bits(struct der_writer *w, unsigned bits)
{
	uint8_t contents[3] = {0};
	size_t len = 1;
	int last = -1;

	assert(bits >> 16 == 0);
	for (int bit = 0; bit < 16; bit++)
		if ((bits & 1U << bit) != 0) {
			contents[1 + bit / 8] |= (uint8_t)(0x80 >> bit % 8);
			last = bit;
		}
	if (last >= 0) {
		/* X.690 section 11.2.2: trailing zero bits are left out. */
		contents[0] = (uint8_t)(7 - last % 8);
		len = 2 + (size_t)last / 8;
	}
	der_put_element(w, DER_BIT_STRING, bytes_of(contents, len));
}

/* "20260101000000Z", without its NUL. */
enum { COMPACT_TIME_LEN = 15 };

static void
compact_time(char out[static COMPACT_TIME_LEN], int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];
	size_t len = 0;

	time_encode(text, at_s);
	for (const char *c = text; *c != '\0'; c++)
		if (*c >= '0' && *c <= '9')
			out[len++] = *c;
	out[len] = 'Z';
}

void
der_put_generalized_time(struct der_writer *w, int64_t at_s)
{
	char compact[COMPACT_TIME_LEN];

	compact_time(compact, at_s);
	der_put_element(w, DER_GENERALIZED_TIME, bytes_of(compact, sizeof compact));
}

void
der_put_time(struct der_writer *w, int64_t at_s)
{
	char compact[COMPACT_TIME_LEN];

	if (at_s >= YEAR_2050_AT_S) {
		der_put_generalized_time(w, at_s);
		return;
	}
	compact_time(compact, at_s);
	der_put_element(w, DER_UTC_TIME, bytes_of(compact + 2, sizeof compact - 2));
}
