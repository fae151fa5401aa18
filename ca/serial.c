#include "ca/serial.h"

#include <assert.h>

#include "base/text.h"

#define SHARDS_MOVED_MAX 128

enum { FIRST = 0x40, FIRST_MASK = 0x3f }; /* positive, and never shorter than 20 octets */

void
serial_make(uint8_t out[static SERIAL_BYTES], uint16_t month, const struct rng *rng)
{
	rng_fill(rng, out, SERIAL_BYTES);
	out[0] = (uint8_t)(FIRST | (out[0] & FIRST_MASK));
	out[1] = (uint8_t)(month >> 8);
	out[2] = (uint8_t)(month & 0xff);
}

bool
serial_month(const uint8_t serial[static SERIAL_BYTES], uint16_t *out_month)
{
	uint16_t month = (uint16_t)(serial[1] << 8 | serial[2]);

	/* The database's column is a signed 16-bit integer. */
	if ((serial[0] & ~FIRST_MASK) != FIRST || month > INT16_MAX)
		return false;
	*out_month = month;
	return true;
}

bool
serial_parse(struct bytes text, uint8_t out[static SERIAL_BYTES], struct error *err)
{
	uint8_t serial[SERIAL_BYTES];
	uint16_t month;

	if (text.len != SERIAL_TEXT_LEN || !hex_decode(text, serial, sizeof serial) ||
	    !serial_month(serial, &month))
		return error_set(err, E_UNKNOWN_CERTIFICATE, "not a serial number of this service");
	memcpy(out, serial, sizeof serial);
	return true;
}

void
serial_ref(uint8_t out[static CERTIFICATE_REF_BYTES], const uint8_t serial[static SERIAL_BYTES])
{
	memcpy(out, serial + 1, 2);
	memcpy(out + 2, serial, SERIAL_BYTES);
}

int
serial_shard(const uint8_t serial[static SERIAL_BYTES], int shard_count)
{
	int rest = 0;

	if (shard_count == 1) /* mostly, and a list may be of a million */
		return 0;
	for (size_t i = 0; i < SERIAL_BYTES; i++)
		rest = (rest << 8 | serial[i]) % shard_count;
	return rest;
}

void
serial_move(uint8_t serial[static SERIAL_BYTES], int shard, int shard_count)
{
	const int present = serial_shard(serial, shard_count);
	const int ahead = (shard - present + shard_count) % shard_count;
	const int last = serial[SERIAL_BYTES - 1];

	assert(shard >= 0 && shard < shard_count && shard_count <= SHARDS_MOVED_MAX);
	serial[SERIAL_BYTES - 1] =
	    (uint8_t)(last + ahead > UINT8_MAX ? last + ahead - shard_count : last + ahead);
}
