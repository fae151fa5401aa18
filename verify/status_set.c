#include "verify/status_set.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/defer_openssl.h"
#include "verify/armor.h"

enum {
	NOTE_MAX = 16384,
	NAME_MAX_LEN = 128,
	KEY_HASH_BYTES = 4,
	SIGNATURE_BYTES = 64,
	MARK_BYTES = KEY_HASH_BYTES + SIGNATURE_BYTES,
	MARK_TEXT_LEN = 92, /* in base64 */
	HASH_TEXT_LEN = 44,
	FRESH_MAX_S = 31 * 86400,
	RECORD_BYTES = 26,
	RECORD_KEY_BYTES = 1 + STATUS_SERIAL_BYTES,
	STATE_AT = RECORD_KEY_BYTES,
	SINCE_AT = STATE_AT + 1,
	STATE_HELD = 0x80,
	REASON_HOLD = 6
};

/* RFC 5280 section 5.3.1; NULL: no reason to revoke for. */
static const char *const REASONS[] = {"unspecified", "keyCompromise", "cACompromise",
    "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", NULL, NULL,
    "privilegeWithdrawn", "aACompromise"};

static bool
malformed(struct why *why, const char *what)
{
	return mv_fail(why, MONIKER_LOAD_MALFORMED, "status set: %s", what);
}

/* ---- lines ---- */

static bool
take_line(struct bytes *rest, struct bytes *out)
{
	const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);

	if (end == NULL)
		return false;
	*out = bytes_of(rest->data, (size_t)(end - rest->data));
	*rest = bytes_of(end + 1, rest->len - out->len - 1);
	return true;
}

/* What stands after "name " in the next line; it is not taken if it has another name. */
static bool
take_value(struct bytes *rest, const char *name, struct bytes *out)
{
	const size_t len = strlen(name);
	struct bytes after = *rest;
	struct bytes line;

	if (!take_line(&after, &line) || line.len <= len + 1 || memcmp(line.data, name, len) != 0 ||
	    line.data[len] != ' ')
		return false;
	*out = bytes_of(line.data + len + 1, line.len - len - 1);
	*rest = after;
	return true;
}

/* Decimal, below 2^63, without leading zeros. */
static bool
take_number(struct bytes *rest, const char *name, int64_t *out)
{
	struct bytes value;
	uint64_t number = 0;

	if (!take_value(rest, name, &value) || value.len > 19 ||
	    (value.data[0] == '0' && value.len > 1))
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(value.data[i] - '0'); /* 19 digits fit */
	}
	*out = (int64_t)number;
	return number <= INT64_MAX;
}

static bool
take_hash(struct bytes *rest, const char *name, uint8_t out[static SHA256_DIGEST_LENGTH])
{
	struct bytes value;

	return take_value(rest, name, &value) && value.len == HASH_TEXT_LEN &&
	       mv_base64_exact(value, out, SHA256_DIGEST_LENGTH);
}

static int
hex_of(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_issuer(struct bytes hex, uint8_t out[static STATUS_ISSUER_BYTES])
{
	if (hex.len != (size_t)2 * STATUS_ISSUER_BYTES)
		return false;
	for (size_t i = 0; i < STATUS_ISSUER_BYTES; i++) {
		const int high = hex_of(hex.data[2 * i]), low = hex_of(hex.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Ascending and different, so that each certificate has one place in the records. */
static bool
take_issuers(struct bytes *rest, struct status_set *set)
{
	struct bytes value;

	while (take_value(rest, "issuer", &value)) {
		uint8_t(*at)[STATUS_ISSUER_BYTES] = &set->issuers[set->issuer_count];

		if (set->issuer_count == STATUS_ISSUERS_MAX || !read_issuer(value, *at) ||
		    (set->issuer_count > 0 && memcmp(at[-1], *at, STATUS_ISSUER_BYTES) >= 0))
			return false;
		set->issuer_count++;
	}
	return true;
}

static bool
take_cursor(struct bytes *rest, char out[static STATUS_CURSOR_LEN + 1])
{
	struct bytes value;

	if (!take_value(rest, "cursor", &value) || value.len != STATUS_CURSOR_LEN)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		const uint8_t c = value.data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '_'))
			return false;
	}
	memcpy(out, value.data, value.len);
	out[value.len] = '\0';
	return true;
}

/* ---- the signed note ---- */

struct note {
	struct bytes text; /* what is signed, with its last newline */
	struct bytes name;
	uint8_t mark[MARK_BYTES]; /* hash of the key, signature */
};

/* The text ends before the first empty line; exactly one signature line follows. */
static bool
take_note(struct bytes *rest, struct note *out)
{
	static const struct bytes DASH = BYTES_LITERAL("\xe2\x80\x94 ");
	const struct bytes all = *rest;
	struct bytes line = {0};
	const uint8_t *space;

	do {
		if (!take_line(rest, &line) || (size_t)(rest->data - all.data) > NOTE_MAX)
			return false;
	} while (line.len > 0);
	out->text = bytes_of(all.data, (size_t)(line.data - all.data));
	if (!take_line(rest, &line) || (size_t)(rest->data - all.data) > NOTE_MAX ||
	    line.len <= DASH.len || memcmp(line.data, DASH.data, DASH.len) != 0)
		return false;
	line = bytes_of(line.data + DASH.len, line.len - DASH.len);
	space = memchr(line.data, ' ', line.len);
	if (space == NULL || space == line.data || space - line.data > NAME_MAX_LEN)
		return false;
	out->name = bytes_of(line.data, (size_t)(space - line.data));
	line = bytes_of(space + 1, line.len - out->name.len - 1);
	return line.len == MARK_TEXT_LEN && mv_base64_exact(line, out->mark, MARK_BYTES);
}

static bool
is_key_of(const struct note *note, const uint8_t key[static STATUS_KEY_BYTES])
{
	uint8_t hashed[NAME_MAX_LEN + 2 + STATUS_KEY_BYTES];
	uint8_t hash[SHA256_DIGEST_LENGTH];
	size_t len = note->name.len;

	memcpy(hashed, note->name.data, len);
	hashed[len++] = '\n';
	hashed[len++] = 1; /* Ed25519 */
	memcpy(hashed + len, key, STATUS_KEY_BYTES);
	return SHA256(hashed, len + STATUS_KEY_BYTES, hash) != NULL &&
	       memcmp(hash, note->mark, KEY_HASH_BYTES) == 0;
}

static bool
is_signed_by(const struct note *note, const uint8_t key[static STATUS_KEY_BYTES])
{
	DEFER(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	DEFER(EVP_PKEY_free)
	EVP_PKEY *public =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, STATUS_KEY_BYTES);

	return ctx != NULL && public != NULL &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, public) == 1 &&
	       EVP_DigestVerify(ctx, note->mark + KEY_HASH_BYTES, SIGNATURE_BYTES, note->text.data,
		   note->text.len) == 1;
}

static bool
check_signature(const struct note *note, const uint8_t (*keys)[STATUS_KEY_BYTES], size_t key_count,
    struct why *why)
{
	for (size_t i = 0; i < key_count; i++)
		if (is_key_of(note, keys[i]) && is_signed_by(note, keys[i]))
			return true;
	return mv_fail(
	    why, MONIKER_LOAD_UNTRUSTED, "status set: no status signer of the bundle signed it");
}

/* ---- the header ---- */

static bool
read_header(const struct note *note, struct status_set *set, int64_t *out_count,
    uint8_t out_sha256[static SHA256_DIGEST_LENGTH])
{
	uint8_t chain[SHA256_DIGEST_LENGTH];
	struct bytes rest = note->text;
	struct bytes origin, version;

	return take_line(&rest, &origin) && bytes_equal(origin, note->name) &&
	       take_value(&rest, "set", &version) && bytes_equal(version, bytes_of_text("1")) &&
	       take_number(&rest, "seq", &set->seq) && take_hash(&rest, "hash", chain) &&
	       take_cursor(&rest, set->cursor) && take_number(&rest, "issued", &set->issued_s) &&
	       take_number(&rest, "fresh_until", &set->fresh_until_s) && take_issuers(&rest, set) &&
	       take_number(&rest, "count", out_count) && take_hash(&rest, "sha256", out_sha256) &&
	       rest.len == 0;
}

static bool
check_times(const struct status_set *set, int64_t now_s, struct why *why)
{
	if (set->fresh_until_s < set->issued_s || set->fresh_until_s - set->issued_s > FRESH_MAX_S)
		return malformed(why, "fresh_until does not fit issued");
	if (set->issued_s > now_s && set->issued_s - now_s > MONIKER_CLOCK_SKEW_S)
		return mv_fail(why, MONIKER_LOAD_UNTRUSTED,
		    "status set: issued %lld s after the clock: is the clock right?",
		    (long long)(set->issued_s - now_s));
	return true;
}

/* ---- records ---- */

static const char *
reason_of(uint8_t state)
{
	const uint8_t number = state & (uint8_t)~STATE_HELD;

	if (number >= COUNT(REASONS) || ((state & STATE_HELD) != 0) != (number == REASON_HOLD))
		return NULL;
	return REASONS[number];
}

static const char *
check_records(const struct status_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const uint8_t *at = set->records + i * RECORD_BYTES;

		if (at[0] >= set->issuer_count)
			return "a record of an issuer that it does not name";
		if (reason_of(at[STATE_AT]) == NULL)
			return "a record without a state";
		if (i > 0 && memcmp(at - RECORD_BYTES, at, RECORD_KEY_BYTES) >= 0)
			return "records that do not ascend";
	}
	return NULL;
}

static bool
take_records(struct bytes rest, int64_t count, const uint8_t sha256[static SHA256_DIGEST_LENGTH],
    struct status_set *set, struct why *why)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	const char *wrong;

	if (rest.len % RECORD_BYTES != 0 || (uint64_t)count != rest.len / RECORD_BYTES)
		return malformed(why, "not as many records as it says");
	if (SHA256(rest.data, rest.len, hash) == NULL || memcmp(hash, sha256, sizeof hash) != 0)
		return malformed(why, "records of another SHA-256");
	set->records = rest.data;
	set->count = (size_t)count;
	wrong = check_records(set);
	return wrong == NULL || malformed(why, wrong);
}

bool
mv_status_set_parse(struct bytes octets, const uint8_t (*keys)[STATUS_KEY_BYTES], size_t key_count,
    int64_t now_s, struct status_set *out, struct why *why)
{
	struct note note;
	uint8_t sha256[SHA256_DIGEST_LENGTH];
	int64_t count;

	*out = (struct status_set){0};
	if (!take_note(&octets, &note))
		return malformed(why, "not a signed note");
	if (!check_signature(&note, keys, key_count, why))
		return false;
	if (!read_header(&note, out, &count, sha256))
		return malformed(why, "not the header of a set of version 1");
	return check_times(out, now_s, why) && take_records(octets, count, sha256, out, why);
}

bool
mv_status_set_find(const struct status_set *set, const uint8_t issuer[static STATUS_ISSUER_BYTES],
    const uint8_t serial[static STATUS_SERIAL_BYTES], struct status_found *out)
{
	uint8_t key[RECORD_KEY_BYTES];
	size_t low = 0, high = set->count, number = 0;

	while (number < set->issuer_count &&
	       memcmp(set->issuers[number], issuer, STATUS_ISSUER_BYTES) != 0)
		number++;
	if (number == set->issuer_count)
		return false;
	key[0] = (uint8_t)number;
	memcpy(key + 1, serial, STATUS_SERIAL_BYTES);
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const uint8_t *at = set->records + middle * RECORD_BYTES;
		const int order = memcmp(at, key, sizeof key);

		if (order == 0) {
			*out = (struct status_found){(at[STATE_AT] & STATE_HELD) != 0,
			    reason_of(at[STATE_AT]),
			    (int64_t)at[SINCE_AT] << 24 | at[SINCE_AT + 1] << 16 |
				at[SINCE_AT + 2] << 8 | at[SINCE_AT + 3]};
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
