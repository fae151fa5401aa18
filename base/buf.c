#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/mem.h"

#define CAPACITY_MIN 256

/* Grows by copying, not realloc(), so that no unwiped copy of the old octets stays behind. What is
 * beyond `len` is nobody's to read: to clear a megabyte first would be a tenth of reading it. */
static void
set_capacity(struct buf *buf, size_t capacity)
{
	uint8_t *data = xmalloc(capacity);

	if (buf->data != NULL) {
		memcpy(data, buf->data, buf->len);
		sodium_memzero(buf->data, buf->capacity);
		free(buf->data);
	}
	buf->data = data;
	buf->capacity = capacity;
}

void
buf_reserve(struct buf *buf, size_t len)
{
	assert(len <= SIZE_MAX / 4);
	if (buf->data == NULL || len > buf->capacity)
		set_capacity(buf, len < CAPACITY_MIN ? CAPACITY_MIN : len);
}

static void
reserve(struct buf *buf, size_t more)
{
	size_t capacity = buf->capacity < CAPACITY_MIN ? CAPACITY_MIN : buf->capacity;

	assert(more <= SIZE_MAX / 4 - buf->len);
	if (buf->data != NULL && buf->len + more <= buf->capacity)
		return;
	while (capacity < buf->len + more)
		capacity *= 2;
	set_capacity(buf, capacity);
}

uint8_t *
buf_extend(struct buf *buf, size_t len)
{
	uint8_t *at;

	reserve(buf, len);
	at = buf->data + buf->len;
	buf->len += len;
	return at;
}

void
buf_append(struct buf *buf, struct bytes more)
{
	assert(!buf_holds(buf, more));
	if (more.len == 0)
		return;
	memcpy(buf_extend(buf, more.len), more.data, more.len);
}

void
buf_append_text(struct buf *buf, const char *text)
{
	buf_append(buf, bytes_of_text(text));
}

void
buf_append_format(struct buf *buf, const char *format, ...)
{
	va_list ap;
	va_list again;
	int len;

	va_start(ap, format);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	assert(len >= 0);
	reserve(buf, (size_t)len + 1);
	(void)vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, again);
	va_end(again);
	buf->len += (size_t)len;
}

static void
append_integer(struct buf *buf, uint64_t value, size_t len)
{
	uint8_t *at = buf_extend(buf, len);

	for (size_t i = len; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

void
buf_append_u8(struct buf *buf, uint8_t value)
{
	append_integer(buf, value, 1);
}

void
buf_append_u16(struct buf *buf, uint16_t value)
{
	append_integer(buf, value, 2);
}

void
buf_append_u32(struct buf *buf, uint32_t value)
{
	append_integer(buf, value, 4);
}

void
buf_append_u64(struct buf *buf, uint64_t value)
{
	append_integer(buf, value, 8);
}

void
buf_truncate(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	buf->len = len;
}

const char *
buf_text(struct buf *buf)
{
	reserve(buf, 1);
	buf->data[buf->len] = '\0';
	return (const char *)buf->data;
}

void
buf_clear(struct buf *buf)
{
	if (buf->data != NULL)
		sodium_memzero(buf->data, buf->capacity);
	buf_clear_public(buf);
}

void
buf_clear_public(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}
