/*
 * tag: hardware tags, RFC 9497 ristretto255-SHA512 mode 0: tag = k * H2G(message).
 *
 * Blind, the keeper sees a point that says nothing of the message (RFC 9497 section 3.3.1): the
 * client sends r * H2G(message), gets k * r * H2G(message), and takes r away. The hash at the end
 * of the RFC's protocol is left out: a tag has to stay a point, so that it can be moved to another
 * key.
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
/*
 * scalar * point: with a key, what a blinded point is evaluated to; with a ratio, a tag moved to
 * another key without its hardware id.
 * E_TAG_INVALID   the point is no canonical encoding, or it or the product is the identity
 */
MUST_CHECK bool tag_multiply(uint8_t out[static TAG_BYTES],
    const uint8_t scalar[static TAG_KEY_BYTES], const uint8_t point[static TAG_BYTES],
    struct error *err);
/* to / from: a secret, as both keys are. E_TAG_INVALID   a key is zero */
MUST_CHECK bool tag_ratio(uint8_t out[static TAG_KEY_BYTES],
    const uint8_t from[static TAG_KEY_BYTES], const uint8_t to[static TAG_KEY_BYTES],
    struct error *err);

/* The client's side. Draws a blind, which is a secret; out_point says nothing of the message. */
MUST_CHECK bool tag_blind(uint8_t out_point[static TAG_BYTES],
    uint8_t out_blind[static TAG_KEY_BYTES], struct bytes message, struct error *err);
MUST_CHECK bool tag_unblind(uint8_t out[static TAG_BYTES],
    const uint8_t blind[static TAG_KEY_BYTES], const uint8_t evaluated[static TAG_BYTES],
    struct error *err);

/* While keys are changed a keeper has two, and each message a tag under both. */
#define TAG_KEYS_MAX 2
struct tag_kids {
	size_t count;               /* 1 to TAG_KEYS_MAX */
	uint8_t kids[TAG_KEYS_MAX]; /* the newest first */
};
struct tag_set {
	uint8_t under[TAG_KEYS_MAX][TAG_BYTES]; /* in the order of the kids */
};

#endif
