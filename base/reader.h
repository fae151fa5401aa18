/*
 * reader: takes big-endian integers and octets off the front of borrowed bytes.
 *
 * Every take checks the rest; after one failed, `ok` is false and all later
 * takes give zeros, so that a decoder may read a whole record and test once.
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include "base/bytes.h"

struct reader {
	struct bytes rest;
	bool ok;
};

static inline struct reader
reader_of(struct bytes input)
{
	return (struct reader){.rest = input, .ok = true};
}

uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
struct bytes reader_bytes(struct reader *reader, size_t len); /* borrowed from the input */
void reader_copy(struct reader *reader, void *out, size_t len);
bool reader_done(const struct reader *reader); /* all taken, nothing failed */

#endif
