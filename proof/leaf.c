#include "proof/leaf.h"

#include <assert.h>

#include "base/text.h"
#include "proof/leaf_rules.h"
#include "proof/scan.h"

static const struct bytes EVENTS[LEAF_EVENT_COUNT] = {
    [LEAF_EVENT_NONE] = BYTES_LITERAL(""),
#define EVENT(name, text) [LEAF_##name] = BYTES_LITERAL(text),
#include "proof/event.def"
#undef EVENT
};

const char *
leaf_event_name(enum leaf_event event)
{
	return (const char *)EVENTS[event].data; /* literals, which end in NUL */
}

enum leaf_event
leaf_event_of(struct bytes name)
{
	for (int event = LEAF_EVENT_NONE + 1; event < LEAF_EVENT_COUNT; event++)
		if (bytes_equal(name, EVENTS[event]))
			return (enum leaf_event)event;
	return LEAF_EVENT_NONE;
}

/* The classes of each character. */
enum {
	V = LEAF_IS_VALUE,
	C = LEAF_IS_VALUE | LEAF_IS_CODE,
	K = LEAF_IS_VALUE | LEAF_IS_KEY,
	A = LEAF_IS_VALUE | LEAF_IS_CODE | LEAF_IS_KEY,
};
/* clang-format off */
static const uint8_t CLASSES[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, V, 0, V, V, V,
	C, C, C, C, C, C, C, C, C, C, V, 0, 0, V, 0, 0,
	V, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C,
	C, C, C, C, C, C, C, C, C, C, C, 0, 0, 0, 0, A,
	0, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
	K, K, K, K, K, K, K, K, K, K, K, 0, 0, 0, 0, 0,
};
/* clang-format on */

size_t
leaf_run(struct bytes text, enum leaf_class class)
{
	size_t len = 0;

	while (len < text.len && (CLASSES[text.data[len]] & class) != 0)
		len++;
	return len;
}

static bool
text_valid(const char *text, enum leaf_class class, size_t len_max)
{
	const size_t len = strnlen(text, len_max + 1);

	return len <= len_max && leaf_run(bytes_of(text, len), class) == len;
}

static bool
time_valid(int64_t at_s)
{
	return at_s >= 0 && at_s <= LEAF_TIME_MAX_S;
}

static size_t
detail_count(const struct leaf *leaf)
{
	size_t count = 0;

	while (count < LEAF_DETAIL_MAX && leaf->details[count].key != NULL)
		count++;
	return count;
}

static bool
detail_valid(const struct leaf_detail *details, size_t i)
{
	const struct leaf_detail *detail = &details[i];

	for (size_t before = 0; before < i; before++)
		if (strcmp(details[before].key, detail->key) == 0)
			return false;
	if (detail->key[0] == '\0' || !text_valid(detail->key, LEAF_IS_KEY, LEAF_KEY_MAX))
		return false;
	/* Of INT64_MIN the reader could not hold the digits. */
	return detail->text != NULL ? text_valid(detail->text, LEAF_IS_VALUE, LEAF_VALUE_MAX)
				    : detail->number > INT64_MIN;
}

static bool
leaf_valid(const struct leaf *leaf)
{
	for (size_t i = 0; i < detail_count(leaf); i++)
		if (!detail_valid(leaf->details, i))
			return false;
	return leaf->event > LEAF_EVENT_NONE && leaf->event < LEAF_EVENT_COUNT && leaf->seq >= 0 &&
	       time_valid(leaf->sequenced_at_s) && time_valid(leaf->at_s) && leaf->severity >= 1 &&
	       leaf->severity <= LEAF_SEVERITY_MAX && leaf->count >= 0 && leaf->window_s >= 0 &&
	       text_valid(leaf->code, LEAF_IS_CODE, LEAF_CODE_MAX) &&
	       text_valid(leaf->actor, LEAF_IS_VALUE, LEAF_VALUE_MAX) &&
	       text_valid(leaf->subject, LEAF_IS_VALUE, LEAF_VALUE_MAX);
}

static void
put_required(const struct leaf *leaf, struct buf *out)
{
	char sequenced_at[TIME_TEXT_LEN + 1];
	char at[TIME_TEXT_LEN + 1];

	time_encode(sequenced_at, leaf->sequenced_at_s);
	time_encode(at, leaf->at_s);
	buf_append_format(out, "\"seq\":%lld,\"st\":\"%s\",\"v\":1,\"ev\":\"%s\",\"rc\":\"%s\"",
	    (long long)leaf->seq, sequenced_at, leaf_event_name(leaf->event),
	    leaf->code[0] != '\0' ? leaf->code : "OK");
	buf_append_format(out, ",\"sev\":%d,\"out\":\"%s\",\"t\":\"%s\",\"n\":\"", leaf->severity,
	    leaf->failure ? "failure" : "success", at);
	base64url_encode(out, bytes_of(leaf->nonce, LEAF_NONCE_BYTES));
	buf_append_u8(out, '"');
}

static void
put_text(struct buf *out, const char *key, const char *value)
{
	if (value[0] != '\0')
		buf_append_format(out, ",\"%s\":\"%s\"", key, value);
}

static void
put_commitment(struct buf *out, const char *key, bool has, const uint8_t *commitment)
{
	if (!has)
		return;
	buf_append_format(out, ",\"%s\":\"", key);
	base64_encode(out, bytes_of(commitment, SHA256_BYTES));
	buf_append_u8(out, '"');
}

static void
put_number(struct buf *out, const char *key, int64_t value)
{
	if (value != 0)
		buf_append_format(out, ",\"%s\":%lld", key, (long long)value);
}

static void
put_details(struct buf *out, const struct leaf *leaf)
{
	const size_t count = detail_count(leaf);

	for (size_t i = 0; i < count; i++) {
		const struct leaf_detail *detail = &leaf->details[i];

		buf_append_format(out, "%s\"%s\":", i == 0 ? ",\"d\":{" : ",", detail->key);
		if (detail->text != NULL)
			buf_append_format(out, "\"%s\"", detail->text);
		else
			buf_append_format(out, "%lld", (long long)detail->number);
	}
	if (count > 0)
		buf_append_u8(out, '}');
}

bool
leaf_encode(const struct leaf *leaf, struct buf *out, struct error *err)
{
	const size_t start = out->len;

	if (!leaf_valid(leaf))
		return error_set(err, E_INTERNAL, "a value does not fit into an audit leaf");
	buf_append_u8(out, '{');
	put_required(leaf, out);
	put_text(out, "act", leaf->actor);
	put_text(out, "sub", leaf->subject);
	put_commitment(out, "c", leaf->has_commitment, leaf->commitment);
	put_commitment(out, "e", leaf->has_second_commitment, leaf->second_commitment);
	put_number(out, "cnt", leaf->count);
	put_number(out, "win", leaf->window_s);
	put_details(out, leaf);
	buf_append_u8(out, '}');
	assert(out->len - start <= LEAF_MAX); /* follows from the bounds of the values */
	return true;
}

void
leaf_hash(struct bytes text, uint8_t out[static SHA256_BYTES])
{
	static const uint8_t LEAF_PREFIX[] = {0x00};
	struct sha256 ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, bytes_of(LEAF_PREFIX, sizeof(LEAF_PREFIX)));
	sha256_update(&ctx, text);
	sha256_final(&ctx, out);
}

void
leaf_commit(uint8_t out[static SHA256_BYTES], const uint8_t nonce[static COMMITMENT_NONCE_BYTES],
    struct bytes body)
{
	struct sha256 ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, bytes_of(nonce, COMMITMENT_NONCE_BYTES));
	sha256_update(&ctx, body);
	sha256_final(&ctx, out);
}
