/* token_text: an enrollment token as its holder has it: "mk1." and base64url of head and MAC. */
#ifndef PROVISIONING_TOKEN_TEXT_H
#define PROVISIONING_TOKEN_TEXT_H

#include "base/buf.h"
#include "keeper/client.h"

#define TOKEN_TEXT_MAX 96 /* characters */
#define TOKEN_BYTES (TOKEN_HEAD_BYTES + TOKEN_MAC_BYTES)

/* Whether `text` is one; it may still be anybody's. `out` is a secret then. */
MUST_CHECK bool token_text_parse(const char *text, uint8_t out[static TOKEN_BYTES]);
void token_text_encode(const uint8_t token[static TOKEN_BYTES], struct buf *out);

#endif
