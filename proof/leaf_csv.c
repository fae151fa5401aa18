#include "proof/leaf_csv.h"

#include <string.h>

#include "base/text.h"

static void
put_text(struct buf *out, struct bytes text)
{
	buf_append_u8(out, ',');
	if (text.len > 0 && strchr("=+-@", text.data[0]) != NULL)
		buf_append_u8(out, '\'');
	buf_append(out, text);
}

static void
put_time(struct buf *out, int64_t at_s)
{
	char text[TIME_TEXT_LEN + 1];

	time_encode(text, at_s);
	put_text(out, bytes_of_text(text));
}

static void
put_commitment(struct buf *out, bool has, const uint8_t commitment[static SHA256_BYTES])
{
	DEFER(buf_clear_public) struct buf text = {0};

	if (has)
		base64_encode(&text, bytes_of(commitment, SHA256_BYTES));
	put_text(out, buf_bytes(&text));
}

/* 0 is left out of a leaf, too. */
static void
put_count(struct buf *out, int64_t count)
{
	buf_append_u8(out, ',');
	if (count > 0)
		buf_append_format(out, "%lld", (long long)count);
}

/* The only text with quotes and commas in it. */
static void
put_details(struct buf *out, struct bytes details)
{
	buf_append_u8(out, ',');
	if (details.len == 0)
		return;
	buf_append_u8(out, '"');
	for (size_t i = 0; i < details.len; i++) {
		if (details.data[i] == '"')
			buf_append_u8(out, '"');
		buf_append_u8(out, details.data[i]);
	}
	buf_append_u8(out, '"');
}

void
leaf_csv_append(int64_t seq, struct bytes text, struct buf *out)
{
	struct error unreadable = {0};
	struct leaf_view leaf;

	buf_append_format(out, "%lld", (long long)seq);
	if (!leaf_parse(text, &leaf, &unreadable)) {
		buf_append_text(out, ",,,,,,,,,,,,,\r\n");
		return;
	}
	put_time(out, leaf.sequenced_at_s);
	put_text(out, leaf.event_name);
	put_text(out, leaf.code);
	buf_append_format(out, ",%d", (int)leaf.severity);
	put_text(out, bytes_of_text(leaf.failure ? "failure" : "success"));
	put_time(out, leaf.at_s);
	put_text(out, leaf.actor);
	put_text(out, leaf.subject);
	put_commitment(out, leaf.has_commitment, leaf.commitment);
	put_commitment(out, leaf.has_second_commitment, leaf.second_commitment);
	put_count(out, leaf.count);
	put_count(out, leaf.window_s);
	put_details(out, leaf.details);
	buf_append_text(out, "\r\n");
}
