/* Verifier keys of signed notes: a name, and an Ed25519 public key. */
#include <stdio.h>

#include "base/hash.h"
#include "base/text.h"
#include "proof/note.h"
#include "proof/scan.h"

static bool
is_name(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '+';
}

/* SHA-256(name, newline, algorithm, public key), cut to four octets. */
static void
key_hash(const struct note_key *key, uint8_t out[static 4])
{
	const uint8_t separator[] = {'\n', (uint8_t)key->algorithm};
	uint8_t digest[SHA256_BYTES];
	struct sha256 ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, bytes_of_text(key->name));
	sha256_update(&ctx, bytes_of(separator, sizeof(separator)));
	sha256_update(&ctx, bytes_of(key->public_key, NOTE_PUBLIC_BYTES));
	sha256_final(&ctx, digest);
	memcpy(out, digest, sizeof(key->key_hash));
}

static bool
init(struct note_key *out, enum note_algorithm algorithm, const char *name,
    const uint8_t public_key[static NOTE_PUBLIC_BYTES], struct error *err)
{
	struct scan in = {bytes_of_text(name)};
	const struct bytes valid = scan_while(&in, is_name);

	if (valid.len == 0 || valid.len > NOTE_NAME_MAX || in.rest.len != 0)
		return error_set(err, E_BAD_SYNTAX, "not a key name");
	*out = (struct note_key){.algorithm = algorithm};
	memcpy(out->name, valid.data, valid.len);
	memcpy(out->public_key, public_key, NOTE_PUBLIC_BYTES);
	key_hash(out, out->key_hash);
	return true;
}

bool
note_key_init(struct note_key *out, const char *name,
    const uint8_t public_key[static NOTE_PUBLIC_BYTES], struct error *err)
{
	return init(out, NOTE_ED25519, name, public_key, err);
}

bool
note_cosigner_init(struct note_key *out, const char *name,
    const uint8_t public_key[static NOTE_PUBLIC_BYTES], struct error *err)
{
	return init(out, NOTE_COSIGNATURE, name, public_key, err);
}

void
note_key_encode(const struct note_key *key, struct buf *out)
{
	uint8_t typed[1 + NOTE_PUBLIC_BYTES] = {(uint8_t)key->algorithm};
	char hash[2 * sizeof(key->key_hash) + 1];

	memcpy(typed + 1, key->public_key, NOTE_PUBLIC_BYTES);
	hex_encode(hash, bytes_of(key->key_hash, sizeof(key->key_hash)));
	buf_append_format(out, "%s+%s+", key->name, hash);
	base64_encode(out, bytes_of(typed, sizeof(typed)));
}

/* The name and the typed public key; the hash between them is not looked at. */
static bool
take_parts(struct scan *in, char name[static NOTE_NAME_MAX + 1], struct buf *out_typed)
{
	const struct bytes text = scan_while(in, is_name);

	if (text.len > NOTE_NAME_MAX || !scan_literal(in, "+"))
		return false;
	if (text.len > 0)
		memcpy(name, text.data, text.len);
	name[text.len] = '\0';
	(void)scan_while(in, is_name);
	return scan_literal(in, "+") && in->rest.len == BASE64_TEXT_LEN(1 + NOTE_PUBLIC_BYTES) &&
	       base64_decode(in->rest, out_typed) && out_typed->len == 1 + NOTE_PUBLIC_BYTES;
}

static bool
parse(struct bytes vkey, enum note_algorithm algorithm, struct note_key *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf typed = {0};
	DEFER(buf_clear_public) struct buf again = {0};
	struct scan in = {vkey};
	char name[NOTE_NAME_MAX + 1];
	struct note_key key;

	if (!take_parts(&in, name, &typed))
		return error_set(err, E_BAD_SYNTAX, "not a verifier key");
	if (!init(&key, algorithm, name, typed.data + 1, err))
		return false;
	/* The one spelling of this key: finds a foreign hash and another algorithm. */
	note_key_encode(&key, &again);
	if (!bytes_equal(buf_bytes(&again), vkey))
		return error_set(
		    err, E_BAD_SYNTAX, "not an Ed25519 verifier key with its own hash");
	*out = key;
	return true;
}

bool
note_key_parse(struct bytes vkey, struct note_key *out, struct error *err)
{
	return parse(vkey, NOTE_ED25519, out, err);
}

bool
note_cosigner_parse(struct bytes vkey, struct note_key *out, struct error *err)
{
	return parse(vkey, NOTE_COSIGNATURE, out, err);
}
