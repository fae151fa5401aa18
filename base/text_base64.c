/* Base64, RFC 4648: its two alphabets, read in one spelling only. */
#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "base/text.h"

/* ---- reading what is published, by a table ---- */

/* The six bits of a character; marked where only the plain alphabet has it, only URL's, or neither.
 */
enum { P = 0x40, U = 0x80, N = P | U };
/* clang-format off */
static const uint8_t DIGITS[128] = {
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, 62 | P, N, 62 | U, N, 63 | P,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, N, N, N, N, N, N,
	N,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, N, N, N, N, 63 | U,
	N, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, N, N, N, N, N,
};
/* clang-format on */

static uint8_t
digit(uint8_t c)
{
	return c < sizeof DIGITS ? DIGITS[c] : N;
}

/* Without padding; bits behind the last octet have to be zero, and no digit has one of the marks.
 */
static bool
decode(struct bytes text, uint8_t marks, uint8_t *out, size_t out_len)
{
	const size_t rest = out_len % 3;
	uint8_t seen = 0;
	uint32_t bits = 0;
	size_t i = 0;

	if (text.len != out_len / 3 * 4 + (rest > 0 ? rest + 1 : 0))
		return false;
	for (; i + 4 <= text.len; i += 4, out += 3) {
		const uint8_t a = digit(text.data[i]), b = digit(text.data[i + 1]),
			      c = digit(text.data[i + 2]), d = digit(text.data[i + 3]);

		seen |= (uint8_t)(a | b | c | d);
		out[0] = (uint8_t)(a << 2 | (b & 63) >> 4);
		out[1] = (uint8_t)(b << 4 | (c & 63) >> 2);
		out[2] = (uint8_t)(c << 6 | (d & 63));
	}
	for (; i < text.len; i++) {
		seen |= digit(text.data[i]);
		bits = bits << 6 | (digit(text.data[i]) & 63);
	}
	bits <<= rest == 1 ? 4 : 6; /* to 16 or 24 bits: what is behind the octets is the last 8 */
	for (size_t at = 0; at < rest; at++)
		out[at] = (uint8_t)(bits >> 8 * (rest - at));
	return (seen & marks) == 0 && (bits & 0xff) == 0;
}

bool
base64_decode_exact(struct bytes text, uint8_t *out, size_t out_len)
{
	static const char PADDING[] = "==";
	const size_t padding = (3 - out_len % 3) % 3;

	if (text.len != BASE64_TEXT_LEN(out_len))
		return false;
	return text.len == 0 ||
	       (memcmp(text.data + text.len - padding, PADDING, padding) == 0 &&
		   decode(bytes_of(text.data, text.len - padding), U, out, out_len));
}

bool
base64url_decode_exact(struct bytes text, uint8_t *out, size_t out_len)
{
	return decode(text, P, out, out_len);
}

void
base64_encode(struct buf *out, struct bytes data)
{
	const size_t start = out->len;
	const size_t room = (data.len + 2) / 3 * 4 + 1; /* and a NUL */
	uint8_t *at = buf_extend(out, room);

	assert(data.len <= INT_MAX);
	(void)EVP_EncodeBlock(at, data.data, (int)data.len);
	buf_truncate(out, start + room - 1);
}

bool
base64_decode(struct bytes text, struct buf *out)
{
	const size_t start = out->len;
	size_t len = text.len / 4 * 3;

	if (text.len == 0)
		return true;
	if (text.len % 4 != 0)
		return false;
	for (size_t i = 1; i <= 2 && text.data[text.len - i] == '='; i++)
		len--;
	if (base64_decode_exact(text, buf_extend(out, len), len))
		return true;
	buf_truncate(out, start);
	return false;
}

/* ---- base64url: tokens, in a time that does not depend on them ---- */

void
base64url_encode(struct buf *out, struct bytes data)
{
	const size_t room =
	    sodium_base64_encoded_len(data.len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	const size_t start = out->len;
	char *at = (char *)buf_extend(out, room);

	(void)sodium_bin2base64(
	    at, room, data.data, data.len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	buf_truncate(out, start + strlen(at));
}

/* libsodium 1.0.18 computes with signed characters and takes some octets from 0x80 on as digits. */
static bool
is_ascii(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] > 0x7f)
			return false;
	return true;
}

bool
base64url_decode(struct bytes text, struct buf *out)
{
	const char *const from = (const char *)text.data;
	const size_t start = out->len;
	const size_t room = text.len / 4 * 3 + 3;
	const char *end = NULL;
	size_t len = 0;
	uint8_t *at;

	if (text.len == 0)
		return true;
	if (!is_ascii(text))
		return false;
	at = buf_extend(out, room);
	/* Refuses trailing bits that are not zero, and stops at what is not in the alphabet. */
	if (sodium_base642bin(at, room, from, text.len, NULL, &len, &end,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    end != from + text.len) {
		buf_truncate(out, start);
		return false;
	}
	buf_truncate(out, start + len);
	return true;
}
