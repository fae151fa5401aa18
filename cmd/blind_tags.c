#include "cmd/blind_tags.h"

#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/mem.h"
#include "base/text.h"
#include "cmd/cli.h"

#define PATH "/v1/hardware-tags/evaluate"
#define TRIES_MAX 60 /* a second apart */

bool
blind_tags_parse(const char *text, struct hwid *out, struct error *err)
{
	const char *value = strchr(text, '=');

	if (value == NULL)
		return error_set(err, E_HARDWARE_ID_INVALID, "write a hardware id as TYPE=VALUE");
	return hwid_parse(
	    bytes_of(text, (size_t)(value - text)), bytes_of_text(value + 1), out, err);
}

struct blinding {
	uint8_t blinds[BLIND_TAGS_MAX][TAG_KEY_BYTES];
};

static void
blinding_clear(struct blinding *blinding)
{
	sodium_memzero(blinding, sizeof *blinding);
}
DEFER_DECLARE_CLEAR(struct blinding, blinding_clear)

static bool
blind(const struct hwid *ids, size_t count, struct blinding *out, json_t **out_body,
    struct error *err)
{
	DEFER(json_release) json_t *points = json_array();

	for (size_t i = 0; i < count; i++) {
		uint8_t point[TAG_BYTES];
		char hex[2 * TAG_BYTES + 1];

		if (!tag_blind(point, out->blinds[i], bytes_of(ids[i].message, ids[i].len), err))
			return false;
		hex_encode(hex, bytes_of(point, sizeof point));
		(void)json_array_append_new(points, json_string(hex));
	}
	*out_body = json_pack("{s:o}", "points", TAKE(points));
	return true;
}

static bool
unblind(const json_t *answer, const struct blinding *blinding, size_t count,
    uint8_t (*out_tags)[TAG_BYTES], int *out_kid, struct error *err)
{
	const json_t *points = json_object_get(answer, "points");

	if (json_array_size(points) != count)
		return error_set(err, E_INTERNAL, "the service's answer is not of its protocol");
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(points, i));
		uint8_t point[TAG_BYTES];

		if (text == NULL || !hex_decode(bytes_of_text(text), point, sizeof point))
			return error_set(
			    err, E_INTERNAL, "the service's answer is not of its protocol");
		if (!tag_unblind(out_tags[i], blinding->blinds[i], point, err))
			return false;
	}
	*out_kid = (int)json_integer_value(json_object_get(answer, "kid"));
	return true;
}

/* A second is what a caller waits for 20 more points. */
static bool
call(struct http_client *client, const json_t *body, json_t **out, struct error *err)
{
	for (int try = 1;; try++) {
		struct error failed = {0};
		enum error_kind kind;

		if (cli_call(client, "POST", PATH, json_deep_copy(body), out, &failed))
			return true;
		kind = error_info(failed.code)->kind;
		if (try == TRIES_MAX ||
		    (kind != ERROR_KIND_UNAVAILABLE && kind != ERROR_KIND_RATE_LIMITED)) {
			*err = failed;
			return false;
		}
		(void)sleep(1);
	}
}

bool
blind_tags_make(struct http_client *client, const struct hwid *ids, size_t count,
    uint8_t (*out_tags)[TAG_BYTES], int *out_kid, struct error *err)
{
	DEFER(blinding_clear) struct blinding blinding;
	DEFER(json_release) json_t *body = NULL;
	DEFER(json_release) json_t *answer = NULL;

	return blind(ids, count, &blinding, &body, err) && call(client, body, &answer, err) &&
	       unblind(answer, &blinding, count, out_tags, out_kid, err);
}
