#include "proof/note.h"

#include <assert.h>

#include <sodium.h>

#include "base/text.h"
#include "proof/scan.h"

#define DASH "\xe2\x80\x94 " /* an em dash and a space */

void
note_sign(const struct note_key *key, const uint8_t seed[static NOTE_SEED_BYTES], struct bytes text,
    struct buf *out)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
	uint8_t signature[sizeof(key->key_hash) + NOTE_SIGNATURE_BYTES];

	assert(text.len > 0 && text.data[text.len - 1] == '\n');
	(void)crypto_sign_seed_keypair(public_key, secret_key, seed);
	assert(memcmp(public_key, key->public_key, sizeof(public_key)) == 0);
	memcpy(signature, key->key_hash, sizeof(key->key_hash));
	(void)crypto_sign_detached(
	    signature + sizeof(key->key_hash), NULL, text.data, text.len, secret_key);
	sodium_memzero(secret_key, sizeof(secret_key));
	buf_append(out, text);
	buf_append_format(out, "\n" DASH "%s ", key->name);
	base64_encode(out, bytes_of(signature, sizeof(signature)));
	buf_append_u8(out, '\n');
}

/* Octets of the UTF-8 sequence (RFC 3629) at the front of `text`, 0 where there is none. */
static size_t
utf8_sequence_len(struct bytes text)
{
	static const struct {
		uint8_t first_min, first_max, second_min, second_max, len;
	} FORMS[] = {
	    {0xc2, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	const uint8_t *c = text.data;

	if (c[0] < 0x80)
		return 1;
	for (size_t i = 0; i < COUNT(FORMS); i++) {
		if (c[0] < FORMS[i].first_min || c[0] > FORMS[i].first_max)
			continue;
		if (text.len < FORMS[i].len || c[1] < FORMS[i].second_min ||
		    c[1] > FORMS[i].second_max)
			return 0;
		for (size_t at = 2; at < FORMS[i].len; at++)
			if (c[at] < 0x80 || c[at] > 0xbf)
				return 0;
		return FORMS[i].len;
	}
	return 0;
}

/* UTF-8 without control characters but the newline. */
static bool
text_valid(struct bytes text)
{
	while (text.len > 0) {
		const size_t len = utf8_sequence_len(text);

		if (len == 0 || (text.data[0] < 0x20 && text.data[0] != '\n'))
			return false;
		text = bytes_of(text.data + len, text.len - len);
	}
	return true;
}

/* The text ends with a newline; the last empty line follows, then signatures to the end. */
static bool
split(struct bytes note, struct bytes *out_text, struct bytes *out_signatures)
{
	if (note.len > NOTE_MAX || !text_valid(note))
		return false;
	for (size_t i = note.len; i-- > 1;)
		if (note.data[i] == '\n' && note.data[i - 1] == '\n') {
			*out_text = bytes_of(note.data, i);
			*out_signatures = bytes_of(note.data + i + 1, note.len - i - 1);
			return out_signatures->len > 0;
		}
	return false;
}

static bool
is_name(uint8_t c)
{
	return c > 0x20 && c != '+';
}

/* One signature line: the name, and the key hash with the signature. */
static bool
parse_line(struct bytes text, struct note_line *out)
{
	struct scan in = {text};

	buf_truncate(&out->signature, 0);
	if (!scan_literal(&in, DASH))
		return false;
	out->text = text;
	out->name = scan_while(&in, is_name);
	return out->name.len > 0 && scan_literal(&in, " ") &&
	       base64_decode(in.rest, &out->signature) &&
	       out->signature.len > sizeof(((struct note_key *)0)->key_hash);
}

void
note_line_clear(struct note_line *line)
{
	buf_clear_public(&line->signature);
}

bool
note_take_line(struct bytes *inout_lines, struct note_line *out, struct error *err)
{
	struct scan in = {*inout_lines};
	struct bytes text = {0};

	if (!scan_line(&in, &text) || !parse_line(text, out))
		return error_set(err, E_BAD_SYNTAX, "not a signature line");
	*inout_lines = in.rest;
	return true;
}

bool
note_line_names(const struct note_line *line, const struct note_key *key)
{
	return bytes_equal(line->name, bytes_of_text(key->name)) &&
	       memcmp(line->signature.data, key->key_hash, sizeof(key->key_hash)) == 0;
}

static bool
signature_good(const struct note_key *key, struct bytes text, const struct buf *signature)
{
	const size_t hash_len = sizeof(key->key_hash);

	return signature->len == hash_len + NOTE_SIGNATURE_BYTES &&
	       crypto_sign_verify_detached(
		   signature->data + hash_len, text.data, text.len, key->public_key) == 0;
}

bool
note_split(struct bytes note, struct bytes *out_text, struct bytes *out_lines, struct error *err)
{
	return split(note, out_text, out_lines) ||
	       error_set(err, E_BAD_SYNTAX, "not a signed note");
}

bool
note_text(struct bytes note, struct bytes *out_text, struct error *err)
{
	struct bytes signatures;

	return split(note, out_text, &signatures) ||
	       error_set(err, E_BAD_SYNTAX, "not a signed note");
}

bool
note_verify(
    struct bytes note, const struct note_key *key, struct bytes *out_text, struct error *err)
{
	DEFER(note_line_clear) struct note_line line = {0};
	struct bytes text = {0}, lines = {0};
	bool good = false;

	if (!note_split(note, &text, &lines, err))
		return false;
	for (int count = 0; lines.len > 0; count++) {
		if (count == NOTE_LINES_MAX)
			return error_set(
			    err, E_BAD_SYNTAX, "more than %d signature lines", NOTE_LINES_MAX);
		if (!note_take_line(&lines, &line, err))
			return false;
		if (!note_line_names(&line, key))
			continue; /* somebody else's, such as a witness's */
		if (!signature_good(key, text, &line.signature))
			return error_set(
			    err, E_BAD_PROOF, "the signature by %s is wrong", key->name);
		good = true;
	}
	if (!good)
		return error_set(err, E_BAD_PROOF, "there is no signature by %s", key->name);
	*out_text = text;
	return true;
}
