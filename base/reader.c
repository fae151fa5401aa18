#include "base/reader.h"

struct bytes
reader_bytes(struct reader *reader, size_t len)
{
	const struct bytes rest = reader->rest;

	if (!reader->ok || len > rest.len) {
		reader->ok = false;
		return (struct bytes){0};
	}
	if (len > 0)
		reader->rest = bytes_of(rest.data + len, rest.len - len);
	return bytes_of(rest.data, len);
}

static uint64_t
take_integer(struct reader *reader, size_t len)
{
	const struct bytes octets = reader_bytes(reader, len);
	uint64_t value = 0;

	for (size_t i = 0; i < octets.len; i++)
		value = value << 8 | octets.data[i];
	return value;
}

uint8_t
reader_u8(struct reader *reader)
{
	return (uint8_t)take_integer(reader, 1);
}

uint16_t
reader_u16(struct reader *reader)
{
	return (uint16_t)take_integer(reader, 2);
}

uint32_t
reader_u32(struct reader *reader)
{
	return (uint32_t)take_integer(reader, 4);
}

uint64_t
reader_u64(struct reader *reader)
{
	return take_integer(reader, 8);
}

void
reader_copy(struct reader *reader, void *out, size_t len)
{
	const struct bytes octets = reader_bytes(reader, len);

	if (octets.len == len && len > 0)
		memcpy(out, octets.data, len);
	else if (len > 0)
		memset(out, 0, len);
}

bool
reader_done(const struct reader *reader)
{
	return reader->ok && reader->rest.len == 0;
}
