#include "base/text.h"

#include <openssl/evp.h>

#define LINE_OCTETS 48
#define LINE_CHARACTERS 64

/* OpenSSL's encoder works by table; libsodium's takes the same time whatever it encodes, which
 * what is published does not need. */
void
pem_encode(struct buf *out, const char *label, struct bytes der)
{
	buf_append_format(out, "-----BEGIN %s-----\n", label);
	for (size_t at = 0; at < der.len; at += LINE_OCTETS) {
		const size_t left = der.len - at;
		const int octets = (int)(left < LINE_OCTETS ? left : LINE_OCTETS);
		uint8_t line[LINE_CHARACTERS + 1]; /* and a NUL */
		const int len = EVP_EncodeBlock(line, der.data + at, octets);

		line[len] = '\n';
		buf_append(out, bytes_of(line, (size_t)len + 1));
	}
	buf_append_format(out, "-----END %s-----\n", label);
}

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes
trim(struct bytes text)
{
	while (text.len > 0 && is_space(text.data[0]))
		text = bytes_of(text.data + 1, text.len - 1);
	while (text.len > 0 && is_space(text.data[text.len - 1]))
		text.len--;
	return text;
}

/* Cuts `edge` off the front or the back. */
static bool
cut(struct bytes *text, struct bytes edge, bool from_front)
{
	if (text->len < edge.len ||
	    !bytes_equal(
		bytes_of(from_front ? text->data : text->data + text->len - edge.len, edge.len),
		edge))
		return false;
	if (from_front)
		text->data += edge.len;
	text->len -= edge.len;
	return true;
}

bool
pem_decode(struct bytes text, const char *label, struct buf *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf begin = {0};
	DEFER(buf_clear_public) struct buf end = {0};
	DEFER(buf_clear) struct buf inner = {0};
	struct bytes body = trim(text);

	buf_append_format(&begin, "-----BEGIN %s-----", label);
	buf_append_format(&end, "-----END %s-----", label);
	if (!cut(&body, buf_bytes(&begin), true) || !cut(&body, buf_bytes(&end), false))
		return error_set(err, E_BAD_SYNTAX, "not one PEM block labeled %s", label);
	for (size_t i = 0; i < body.len; i++)
		if (body.data[i] != '\r' && body.data[i] != '\n')
			buf_append_u8(&inner, body.data[i]);
	if (inner.len == 0 || !base64_decode(buf_bytes(&inner), out))
		return error_set(err, E_BAD_SYNTAX, "the PEM block's base64 is not canonical");
	return true;
}
