/*
 * der_text: DER written by hand: hex, where what stands in parentheses after a tag gets its length.
 * "30(0201(05) 0500)" is a SEQUENCE of ... whatever its octets say: nothing is checked.
 */
#ifndef TESTS_SUPPORT_DER_TEXT_H
#define TESTS_SUPPORT_DER_TEXT_H

#include <stdlib.h>

#include "base/buf.h"
#include "base/text.h"

static inline void
der_text_wrap(struct buf *out, uint8_t tag, struct bytes contents)
{
	buf_append_u8(out, tag);
	if (contents.len > 0xff) {
		buf_append_u8(out, 0x82);
		buf_append_u8(out, (uint8_t)(contents.len >> 8));
	} else if (contents.len > 0x7f) {
		buf_append_u8(out, 0x81);
	}
	buf_append_u8(out, (uint8_t)contents.len);
	buf_append(out, contents);
}

/* Appends up to a closing parenthesis or the end; returns where that is. */
static inline const char *
der_text_part(const char *at, struct buf *out)
{
	while (*at != '\0' && *at != ')') {
		uint8_t octet;

		if (*at == ' ') {
			at++;
			continue;
		}
		if (!hex_decode(bytes_of(at, 2), &octet, 1))
			abort();
		at += 2;
		if (*at == '(') {
			DEFER(buf_clear_public) struct buf inner = {0};

			at = der_text_part(at + 1, &inner);
			if (*at++ != ')')
				abort();
			der_text_wrap(out, octet, buf_bytes(&inner));
		} else {
			buf_append_u8(out, octet);
		}
	}
	return at;
}

static inline void
der_text(const char *text, struct buf *out)
{
	if (*der_text_part(text, out) != '\0')
		abort();
}

#endif
