/*
 * armor: PEM blocks (RFC 7468) to the letter: nothing between them, lines of 64 characters, one
 * newline each, canonical base64. Pure.
 */
#ifndef VERIFY_ARMOR_H
#define VERIFY_ARMOR_H

#include <stdbool.h>

#include "base/bytes.h"

/* Takes the block of this label off the front of *rest, and gives its base64 lines. False: it does
 * not begin with one; *rest is as it was. */
bool mv_armor_take(struct bytes *rest, const char *label, struct bytes *out_lines);
/* Of those lines, at most. */
size_t mv_armor_room(struct bytes lines);
/* To `out`, which has the room. False: not the base64 of anything, to the letter. */
bool mv_armor_decode(struct bytes lines, uint8_t *out, size_t *out_len);

/* Standard base64 of exactly `len` octets, padded. */
bool mv_base64_exact(struct bytes text, uint8_t *out, size_t len);

#endif
