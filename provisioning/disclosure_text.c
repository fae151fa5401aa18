#include "provisioning/disclosure_text.h"

#include <stdio.h>
#include <string.h>

#include "proof/scan.h"
#include "provisioning/disclosure_draw.h"

#define HEAD "moniker-disclosure/1\n"
#define CASE_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@+=-"

static const char *const BASES[BASIS_COUNT] = {
    [BASIS_COURT_ORDER] = "COURT_ORDER",
    [BASIS_STATUTE] = "STATUTE",
    [BASIS_VITAL_INTEREST] = "VITAL_INTEREST",
    [BASIS_RECALL] = "RECALL",
    [BASIS_SUBJECT_ACCESS] = "SUBJECT_ACCESS",
    [BASIS_INCIDENT] = "INCIDENT",
    [BASIS_ESCROW_AUDIT] = "ESCROW_AUDIT",
};

const char *
disclosure_basis_name(enum disclosure_basis basis)
{
	return BASES[basis];
}

bool
disclosure_basis_of(struct bytes name, enum disclosure_basis *out)
{
	for (int i = 0; i < BASIS_COUNT; i++)
		if (bytes_equal(name, bytes_of_text(BASES[i]))) {
			*out = (enum disclosure_basis)i;
			return true;
		}
	return false;
}

bool
disclosure_case_valid(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\0' || strchr(CASE_CHARACTERS, text.data[i]) == NULL)
			return false;
	return text.len > 0 && text.len <= DISCLOSURE_CASE_MAX;
}

void
disclosure_encode(const struct disclosure_text *text, struct buf *out)
{
	char order[2 * SHA256_BYTES + 1], device[UUID_TEXT_LEN + 1];
	char requested[TIME_TEXT_LEN + 1], expires[TIME_TEXT_LEN + 1];

	hex_encode(order, bytes_of(text->order_sha256, SHA256_BYTES));
	time_encode(requested, text->requested_at_s);
	time_encode(expires, text->expires_at_s);
	buf_append_format(out,
	    HEAD "id %s\nrequester %s\nbasis %s\ncase %s\norder %s\nrequested %s\nexpires %s\n",
	    text->id, text->requester, BASES[text->basis], text->case_number, order, requested,
	    expires);
	if (text->sample_count > 0)
		buf_append_format(out, "sample %u %s %lld\n", (unsigned)text->sample_count,
		    text->sample_origin, (long long)text->sample_size);
	for (size_t i = 0; i < text->device_count; i++) {
		uuid_encode(device, text->devices[i]);
		buf_append_format(out, "device %s\n", device);
	}
}

/* ---- parse: line by line, then held against what would be written ---- */

static bool
take_line(struct bytes *rest, const char *name, struct bytes *out)
{
	const size_t name_len = strlen(name);
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
	size_t len;

	if (end == NULL)
		return false;
	len = (size_t)(end - rest->data);
	if (len <= name_len || memcmp(rest->data, name, name_len) != 0 ||
	    rest->data[name_len] != ' ')
		return false;
	*out = bytes_of(rest->data + name_len + 1, len - name_len - 1);
	*rest = bytes_of(end + 1, rest->len - len - 1);
	return true;
}

static bool
take_word(struct bytes *rest, const char *name, char *out, size_t max)
{
	struct bytes value;

	if (!take_line(rest, name, &value) || value.len > max ||
	    (value.len > 0 && memchr(value.data, '\0', value.len) != NULL))
		return false;
	memcpy(out, value.data, value.len);
	out[value.len] = '\0';
	return true;
}

static bool
take_head(struct bytes *rest, struct disclosure_text *out)
{
	struct bytes basis, order, requested, expires;

	return take_word(rest, "id", out->id, HANDLE_TEXT_LEN) &&
	       handle_valid(bytes_of_text(out->id)) &&
	       take_word(rest, "requester", out->requester, DISCLOSURE_ACTOR_MAX) &&
	       take_line(rest, "basis", &basis) && disclosure_basis_of(basis, &out->basis) &&
	       take_word(rest, "case", out->case_number, DISCLOSURE_CASE_MAX) &&
	       disclosure_case_valid(bytes_of_text(out->case_number)) &&
	       take_line(rest, "order", &order) &&
	       hex_decode(order, out->order_sha256, SHA256_BYTES) &&
	       take_line(rest, "requested", &requested) &&
	       time_decode(requested, &out->requested_at_s) &&
	       take_line(rest, "expires", &expires) && time_decode(expires, &out->expires_at_s);
}

static bool
take_devices(struct bytes *rest, struct disclosure_text *out)
{
	struct bytes device;

	for (out->device_count = 0; rest->len > 0; out->device_count++) {
		const size_t i = out->device_count;

		if (i == DISCLOSURE_DEVICES_MAX || !take_line(rest, "device", &device) ||
		    !uuid_decode(device, out->devices[i]) ||
		    (i > 0 && memcmp(out->devices[i - 1], out->devices[i], UUID_BYTES) >= 0))
			return false;
	}
	return out->device_count > 0;
}

static bool
is_visible(uint8_t c)
{
	return c > ' ' && c < 0x7f;
}

/* "10 example.com/node1-2026 4711" */
static bool
take_sample(struct bytes *rest, struct disclosure_text *out)
{
	struct scan in = {0};
	struct bytes origin;
	int64_t count = 0;

	if (!take_line(rest, "sample", &in.rest) || !scan_number(&in, &count) || count < 1 ||
	    count > DISCLOSURE_SAMPLE_MAX || !scan_literal(&in, " "))
		return false;
	origin = scan_while(&in, is_visible);
	if (origin.len == 0 || origin.len > CHECKPOINT_ORIGIN_MAX)
		return false;
	memcpy(out->sample_origin, origin.data, origin.len);
	out->sample_count = (uint32_t)count;
	return scan_literal(&in, " ") && scan_number(&in, &out->sample_size) &&
	       out->sample_size > 0 && in.rest.len == 0 && rest->len == 0;
}

/* An audit opens what was drawn, and nothing else does. */
static bool
take_what(struct bytes *rest, struct disclosure_text *out)
{
	return out->basis == BASIS_ESCROW_AUDIT ? take_sample(rest, out) : take_devices(rest, out);
}

bool
disclosure_parse(struct bytes text, struct disclosure_text *out, struct error *err)
{
	static const struct bytes head = BYTES_LITERAL(HEAD);
	DEFER(buf_clear_public) struct buf again = {0};
	struct bytes rest = {0};
	bool good = text.len <= DISCLOSURE_TEXT_MAX && text.len > head.len &&
		    memcmp(text.data, head.data, head.len) == 0;

	*out = (struct disclosure_text){0};
	if (good)
		rest = bytes_of(text.data + head.len, text.len - head.len);
	good = good && take_head(&rest, out) && take_what(&rest, out);
	if (good)
		disclosure_encode(out, &again);
	return (good && bytes_equal(text, buf_bytes(&again))) ||
	       error_set(err, E_BAD_SYNTAX, "not a request for disclosure");
}

void
disclosure_approval_encode(
    struct bytes request, enum seat_role role, const char *person, struct buf *out)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	sha256(request, digest);
	hex_encode(hex, bytes_of(digest, sizeof digest));
	buf_append_format(out, "moniker-disclosure-approval/1\nrequest %s\nrole %s\nperson %s\n",
	    hex, seat_role_name(role), person);
}
