#include "provisioning/hardware_tags.h"

#include <assert.h>

void
hardware_tags_set(
    struct decide_tag *out, const struct tag_set *tags, const struct tag_kids *kids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct decide_tag *tag = &out[i];

		tag->kid = kids->kids[0];
		memcpy(tag->tag, tags[i].under[0], TAG_BYTES);
		tag->has_other = kids->count > 1;
		if (!tag->has_other)
			continue;
		tag->other_kid = kids->kids[1];
		memcpy(tag->other, tags[i].under[1], TAG_BYTES);
	}
}

bool
hardware_tags_take(struct keeper_client *keeper, uint8_t kid, const uint8_t (*tags)[TAG_BYTES],
    size_t count, struct decide_tag *out, struct error *err)
{
	struct tag_set sets[KEEPER_POINTS_MAX];
	struct tag_kids kids;
	struct error failed = {0};

	assert(count <= COUNT(sets));
	if (keeper_retag(keeper, kid, tags, count, sets, &kids, &failed)) {
		hardware_tags_set(out, sets, &kids, count);
		return true;
	}
	if (failed.code == E_NOT_FOUND) {
		err->retry_after_s = 1;
		return error_set_field(err, E_TAG_KEY_CHANGED, "/kid",
		    "not the key that tags are made with now: evaluate again");
	}
	if (failed.code == E_TAG_INVALID)
		return error_set_field(err, E_TAG_INVALID, "/tags",
		    "one is not a point of ristretto255 but the identity");
	*err = failed;
	return false;
}
