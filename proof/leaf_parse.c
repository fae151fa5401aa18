/* The strict reader of leaves: one legal spelling, so that no two readers can differ. */
#include "base/text.h"
#include "proof/leaf.h"
#include "proof/leaf_rules.h"
#include "proof/scan.h"

#define NONCE_TEXT_LEN 22 /* base64url of 16 octets */

/* A string of such characters with its quotes. */
static bool
take_text(struct scan *in, enum leaf_class class, size_t len_max, struct bytes *out)
{
	if (!scan_literal(in, "\""))
		return false;
	*out = bytes_of(in->rest.data, leaf_run(in->rest, class));
	in->rest = bytes_of(in->rest.data + out->len, in->rest.len - out->len);
	return out->len <= len_max && scan_literal(in, "\"");
}

/* A key without a value is left out: an empty string is not the one legal spelling. */
static bool
take_given_text(struct scan *in, enum leaf_class class, size_t len_max, struct bytes *out)
{
	return take_text(in, class, len_max, out) && out->len > 0;
}

/* A string of exactly so many characters, whatever they are: who asks decodes them strictly. */
static bool
take_coded(struct scan *in, size_t len, struct bytes *out)
{
	if (!scan_literal(in, "\"") || in->rest.len < len)
		return false;
	*out = bytes_of(in->rest.data, len);
	in->rest = bytes_of(in->rest.data + len, in->rest.len - len);
	return scan_literal(in, "\"");
}

static bool
take_event(struct scan *in, struct leaf_view *out)
{
	if (!take_text(in, LEAF_IS_VALUE, LEAF_VALUE_MAX, &out->event_name))
		return false;
	out->event = leaf_event_of(out->event_name);
	return out->event != LEAF_EVENT_NONE;
}

static bool
take_severity(struct scan *in, int64_t *out)
{
	return scan_number(in, out) && *out >= 1 && *out <= LEAF_SEVERITY_MAX;
}

static bool
take_outcome(struct scan *in, bool *out_failure)
{
	*out_failure = scan_literal(in, "\"failure\"");
	return *out_failure || scan_literal(in, "\"success\"");
}

static bool
take_time(struct scan *in, int64_t *out_at_s)
{
	struct bytes text;

	return take_coded(in, TIME_TEXT_LEN, &text) && time_decode(text, out_at_s);
}

/* Most events are sequenced in their own second: `st` with its quotes again is not read again. */
static bool
take_event_time(struct scan *in, const uint8_t *st, int64_t st_s, int64_t *out_at_s)
{
	const struct bytes again = bytes_of(st, TIME_TEXT_LEN + 2);

	if (in->rest.len < again.len || memcmp(in->rest.data, st, again.len) != 0)
		return take_time(in, out_at_s);
	in->rest = bytes_of(in->rest.data + again.len, in->rest.len - again.len);
	*out_at_s = st_s;
	return true;
}

/* The nonce blinds the leaf and says nothing: it only has to be one. */
static bool
take_nonce(struct scan *in)
{
	uint8_t nonce[LEAF_NONCE_BYTES];
	struct bytes text;

	return take_coded(in, NONCE_TEXT_LEN, &text) &&
	       base64url_decode_exact(text, nonce, sizeof(nonce));
}

static bool
take_commitment(struct scan *in, bool *out_has, uint8_t out[static SHA256_BYTES])
{
	struct bytes text;

	*out_has = take_coded(in, BASE64_TEXT_LEN(SHA256_BYTES), &text) &&
		   base64_decode_exact(text, out, SHA256_BYTES);
	return *out_has;
}

static bool
take_positive(struct scan *in, int64_t *out)
{
	return scan_number(in, out) && *out > 0;
}

static bool
take_detail_value(struct scan *in)
{
	struct bytes text;
	int64_t number;

	if (scan_literal(in, "-"))
		return take_positive(in, &number);
	return scan_number(in, &number) || take_text(in, LEAF_IS_VALUE, LEAF_VALUE_MAX, &text);
}

static bool
take_detail_key(struct scan *in, struct bytes *keys, size_t count)
{
	if (!take_given_text(in, LEAF_IS_KEY, LEAF_KEY_MAX, &keys[count]))
		return false;
	for (size_t i = 0; i < count; i++)
		if (bytes_equal(keys[i], keys[count]))
			return false;
	return true;
}

static bool
take_details(struct scan *in, struct bytes *out)
{
	const uint8_t *begin = in->rest.data;
	struct bytes keys[LEAF_DETAIL_MAX];
	size_t count = 0;

	if (!scan_literal(in, "{"))
		return false;
	do {
		if (count == LEAF_DETAIL_MAX || !take_detail_key(in, keys, count) ||
		    !scan_literal(in, ":") || !take_detail_value(in))
			return false;
		count++;
	} while (scan_literal(in, ","));
	if (!scan_literal(in, "}"))
		return false;
	*out = bytes_of(begin, (size_t)(in->rest.data - begin));
	return true;
}

static bool
take_required(struct scan *in, struct leaf_view *out)
{
	const uint8_t *sequenced_at;

	if (!scan_literal(in, "\"seq\":") || !scan_number(in, &out->seq) ||
	    !scan_literal(in, ",\"st\":"))
		return false;
	sequenced_at = in->rest.data;
	return take_time(in, &out->sequenced_at_s) && scan_literal(in, ",\"v\":1,\"ev\":") &&
	       take_event(in, out) && scan_literal(in, ",\"rc\":") &&
	       take_given_text(in, LEAF_IS_CODE, LEAF_CODE_MAX, &out->code) &&
	       scan_literal(in, ",\"sev\":") && take_severity(in, &out->severity) &&
	       scan_literal(in, ",\"out\":") && take_outcome(in, &out->failure) &&
	       scan_literal(in, ",\"t\":") &&
	       take_event_time(in, sequenced_at, out->sequenced_at_s, &out->at_s) &&
	       scan_literal(in, ",\"n\":") && take_nonce(in);
}

static bool
take_optional(struct scan *in, struct leaf_view *out)
{
	return (!scan_literal(in, ",\"act\":") ||
		   take_given_text(in, LEAF_IS_VALUE, LEAF_VALUE_MAX, &out->actor)) &&
	       (!scan_literal(in, ",\"sub\":") ||
		   take_given_text(in, LEAF_IS_VALUE, LEAF_VALUE_MAX, &out->subject)) &&
	       (!scan_literal(in, ",\"c\":") ||
		   take_commitment(in, &out->has_commitment, out->commitment)) &&
	       (!scan_literal(in, ",\"e\":") ||
		   take_commitment(in, &out->has_second_commitment, out->second_commitment)) &&
	       (!scan_literal(in, ",\"cnt\":") || take_positive(in, &out->count)) &&
	       (!scan_literal(in, ",\"win\":") || take_positive(in, &out->window_s)) &&
	       (!scan_literal(in, ",\"d\":") || take_details(in, &out->details));
}

bool
leaf_parse(struct bytes text, struct leaf_view *out, struct error *err)
{
	struct scan in = {text};
	struct leaf_view view = {0};

	if (text.len > LEAF_MAX)
		return error_set(err, E_BAD_SYNTAX, "a leaf is longer than %d octets", LEAF_MAX);
	if (!scan_literal(&in, "{") || !take_required(&in, &view) || !take_optional(&in, &view) ||
	    !scan_literal(&in, "}") || in.rest.len != 0)
		return error_set(err, E_BAD_SYNTAX, "not a leaf in its one legal spelling");
	*out = view;
	return true;
}

bool
leaf_detail_number(const struct leaf_view *leaf, const char *key, int64_t *out)
{
	struct scan in = {leaf->details};
	struct bytes keys[1];

	while (scan_literal(&in, "{") || scan_literal(&in, ",")) {
		if (!take_detail_key(&in, keys, 0) || !scan_literal(&in, ":"))
			return false;
		if (bytes_equal(keys[0], bytes_of_text(key)))
			return scan_number(&in, out);
		if (!take_detail_value(&in))
			return false;
	}
	return false;
}
