#include "base/text.h"

void
hex_encode(char *out, struct bytes data)
{
	static const char DIGITS[] = "0123456789abcdef";

	for (size_t i = 0; i < data.len; i++) {
		out[2 * i] = DIGITS[data.data[i] >> 4];
		out[2 * i + 1] = DIGITS[data.data[i] & 15];
	}
	out[2 * data.len] = '\0';
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
hex_decode(struct bytes text, uint8_t *out, size_t out_len)
{
	if (text.len != 2 * out_len)
		return false;
	for (size_t i = 0; i < out_len; i++) {
		const int high = hex_digit(text.data[2 * i]);
		const int low = hex_digit(text.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static const char BASE32[] = "abcdefghijklmnopqrstuvwxyz234567";

void
handle_encode(char out[static HANDLE_TEXT_LEN + 1], const uint8_t octets[static HANDLE_BYTES])
{
	/* Five octets are eight characters, twice. */
	for (int half = 0; half < 2; half++) {
		uint64_t bits = 0;

		for (int i = 0; i < 5; i++)
			bits = bits << 8 | octets[half * 5 + i];
		for (int i = 7; i >= 0; i--, bits >>= 5)
			out[half * 8 + i] = BASE32[bits & 31];
	}
	out[HANDLE_TEXT_LEN] = '\0';
}

bool
handle_valid(struct bytes text)
{
	if (text.len != HANDLE_TEXT_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\0' || strchr(BASE32, text.data[i]) == NULL)
			return false;
	return true;
}

static bool
uuid_dash_before(int octet)
{
	return octet == 4 || octet == 6 || octet == 8 || octet == 10;
}

void
uuid_encode(char out[static UUID_TEXT_LEN + 1], const uint8_t uuid[static UUID_BYTES])
{
	static const size_t GROUPS[] = {4, 2, 2, 2, 6}; /* octets */
	char *at = out;

	for (size_t i = 0; i < COUNT(GROUPS); i++) {
		if (i > 0)
			*at++ = '-';
		hex_encode(at, bytes_of(uuid, GROUPS[i]));
		at += 2 * GROUPS[i];
		uuid += GROUPS[i];
	}
}

bool
uuid_decode(struct bytes text, uint8_t out[static UUID_BYTES])
{
	const uint8_t *at = text.data;

	if (text.len != UUID_TEXT_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] >= 'A' && text.data[i] <= 'F')
			return false; /* one spelling per value */
	for (int i = 0; i < UUID_BYTES; i++, at += 2) {
		if (uuid_dash_before(i) && *at++ != '-')
			return false;
		if (!hex_decode(bytes_of(at, 2), &out[i], 1))
			return false;
	}
	return true;
}

void
uuid_stamp(uint8_t uuid[static UUID_BYTES])
{
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}
