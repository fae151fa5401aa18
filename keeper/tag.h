/*
 * tag: hardware tags, RFC 9497 ristretto255-SHA512 mode 0 without blinding: tag = k * H2G(message).
 */
#ifndef KEEPER_TAG_H
#define KEEPER_TAG_H

#include "base/bytes.h"
#include "base/error.h"

#define TAG_BYTES 32
#define TAG_KEY_BYTES 32
#define TAG_MESSAGE_MAX 64 /* octets of a canonical hardware id message (provisioning/hwid.h) */

/* H2G: expand_message_xmd (RFC 9380 section 5.3.1, SHA-512) and the one-way map. */
void tag_hash_to_group(uint8_t out[static TAG_BYTES], struct bytes message);

/* E_TAG_INVALID   the product is the identity: key or point is degenerate */
MUST_CHECK bool tag_compute(uint8_t out[static TAG_BYTES], const uint8_t key[static TAG_KEY_BYTES],
    struct bytes message, struct error *err);
/* tag' = ratio * tag: moves a tag to another key without its hardware id. E_TAG_INVALID */
MUST_CHECK bool tag_rotate(uint8_t out[static TAG_BYTES], const uint8_t ratio[static TAG_KEY_BYTES],
    const uint8_t tag[static TAG_BYTES], struct error *err);

#endif
