/*
 * buf: owned, growing octets. Zero-initialised is empty and valid.
 *
 * buf_clear() wipes before it frees; only buf_clear_public() does not, so the
 * dangerous call is the one with the longer name. Running out of memory ends
 * the process (base/mem.h), so callers bound what they append.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"
#include "base/defer.h"

struct buf {
	uint8_t *data;
	size_t len;      /* octets in use */
	size_t capacity; /* octets allocated */
};

/* What is appended never lies in the buffer itself: growing moves it. */
void buf_append(struct buf *buf, struct bytes more);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_format(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_append_u8(struct buf *buf, uint8_t value);
void buf_append_u16(struct buf *buf, uint16_t value); /* big endian, as all integers on our wires */
void buf_append_u32(struct buf *buf, uint32_t value);
void buf_append_u64(struct buf *buf, uint64_t value);

/* Makes room for `len` more octets and returns where they go; buf->len already counts them. */
uint8_t *buf_extend(struct buf *buf, size_t len);
void buf_truncate(struct buf *buf, size_t len); /* len <= buf->len */

/* Room for `len` octets in all, so that it need not grow on the way there. */
void buf_reserve(struct buf *buf, size_t len);

/* The contents as a NUL-terminated string; the NUL is not counted in buf->len. Borrowed. */
const char *buf_text(struct buf *buf);

static inline struct bytes
buf_bytes(const struct buf *buf)
{
	return (struct bytes){.data = buf->data, .len = buf->len};
}

/* Whether `more` lies in the storage of `buf`, which moves when it grows. */
static inline bool
buf_holds(const struct buf *buf, struct bytes more)
{
	const uintptr_t from = (uintptr_t)more.data;
	const uintptr_t own = (uintptr_t)buf->data;

	return more.len > 0 && from < own + buf->capacity && from + more.len > own;
}

void buf_clear(struct buf *buf);        /* wipes, frees, empties */
void buf_clear_public(struct buf *buf); /* frees, empties; for octets that anybody may see */
DEFER_DECLARE_CLEAR(struct buf, buf_clear)
DEFER_DECLARE_CLEAR(struct buf, buf_clear_public)

#endif
