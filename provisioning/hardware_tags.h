/* hardware_tags: tags from the keeper, and those that a caller made blind, as decide.h has them. */
#ifndef PROVISIONING_HARDWARE_TAGS_H
#define PROVISIONING_HARDWARE_TAGS_H

#include "keeper/client.h"
#include "provisioning/decide.h"

/* What the keeper says of `count` hardware ids, each under one key or two. */
void hardware_tags_set(
    struct decide_tag *out, const struct tag_set *tags, const struct tag_kids *kids, size_t count);

/*
 * Tags of key `kid` that come from outside, under each key that the keeper has.
 * E_TAG_INVALID       one is no point of the group, or the identity
 * E_TAG_KEY_CHANGED   the keeper has no such key (any more): they have to be made again
 */
MUST_CHECK bool hardware_tags_take(struct keeper_client *keeper, uint8_t kid,
    const uint8_t (*tags)[TAG_BYTES], size_t count, struct decide_tag *out, struct error *err);

#endif
