#include "verify/armor.h"

#include <stdio.h>

#define LINE_LEN 64
#define LABEL_MAX 32

static bool
take_text(struct bytes *rest, const char *text)
{
	const struct bytes want = bytes_of_text(text);

	if (rest->len < want.len || memcmp(rest->data, want.data, want.len) != 0)
		return false;
	*rest = bytes_of(rest->data + want.len, rest->len - want.len);
	return true;
}

bool
mv_armor_take(struct bytes *rest, const char *label, struct bytes *out_lines)
{
	struct bytes in = *rest;
	char line[LABEL_MAX + 20];
	const uint8_t *end;

	(void)snprintf(line, sizeof line, "-----BEGIN %.*s-----\n", LABEL_MAX, label);
	if (!take_text(&in, line))
		return false;
	end = in.len == 0 ? NULL : memchr(in.data, '-', in.len); /* no character of base64 */
	if (end == NULL)
		return false;
	*out_lines = bytes_of(in.data, (size_t)(end - in.data));
	in = bytes_of(end, in.len - out_lines->len);
	(void)snprintf(line, sizeof line, "-----END %.*s-----\n", LABEL_MAX, label);
	if (!take_text(&in, line))
		return false;
	*rest = in;
	return true;
}

size_t
mv_armor_room(struct bytes lines)
{
	return lines.len / 4 * 3 + 3;
}

static int
value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to three octets; with padding, whose bits are zero, to fewer. */
static bool
decode_four(const uint8_t *in, uint8_t *out, size_t *io_len)
{
	const size_t pads = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
	uint32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		const int value = i < 4 - pads ? value_of(in[i]) : 0;

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
	}
	if ((bits & ((1U << 8 * pads) - 1)) != 0)
		return false;
	for (size_t i = 0; i < 3 - pads; i++)
		out[(*io_len)++] = (uint8_t)(bits >> (16 - 8 * i));
	return true;
}

/* `text` without newlines. Only the last four may be padded, and only of the last line. */
static bool
decode_line(struct bytes text, bool last, uint8_t *out, size_t *io_len)
{
	if (text.len == 0 || text.len % 4 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 4) {
		const bool may_pad = last && i + 4 == text.len;

		if ((!may_pad && text.data[i + 3] == '=') ||
		    !decode_four(text.data + i, out, io_len))
			return false;
	}
	return true;
}

bool
mv_armor_decode(struct bytes lines, uint8_t *out, size_t *out_len)
{
	size_t len = 0;

	while (lines.len > 0) {
		const bool last = lines.len <= LINE_LEN + 1;
		const size_t line = last ? lines.len - 1 : LINE_LEN;

		if (lines.data[line] != '\n' ||
		    !decode_line(bytes_of(lines.data, line), last, out, &len))
			return false;
		lines = bytes_of(lines.data + line + 1, lines.len - line - 1);
	}
	*out_len = len;
	return len > 0;
}

bool
mv_base64_exact(struct bytes text, uint8_t *out, size_t len)
{
	size_t written = 0;

	if (text.len != (len + 2) / 3 * 4 || text.len % 4 != 0)
		return false;
	/* The length says how many pads there are: no octet too many is written. */
	for (size_t i = 1; i <= (3 - len % 3) % 3; i++)
		if (text.data[text.len - i] != '=')
			return false;
	return decode_line(text, true, out, &written) && written == len;
}
