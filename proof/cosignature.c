#include "proof/cosignature.h"

#include <assert.h>

#include <sodium.h>

#include "base/text.h"

#define HEAD "cosignature/v1\n"
#define DASH "\xe2\x80\x94 " /* an em dash and a space */
#define KEY_HASH_BYTES sizeof(((struct note_key *)0)->key_hash)

/* What is signed: it tells a cosignature from everything else that an Ed25519 key may sign. */
static void
put_message(struct buf *out, struct bytes text, uint64_t at_s)
{
	buf_append_format(out, HEAD "time %llu\n", (unsigned long long)at_s);
	buf_append(out, text);
}

void
cosignature_sign(const struct note_key *key, const uint8_t seed[static NOTE_SEED_BYTES],
    struct bytes text, int64_t at_s, struct buf *out)
{
	uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
	uint8_t line[KEY_HASH_BYTES + COSIGNATURE_BYTES];
	DEFER(buf_clear_public) struct buf message = {0};

	assert(key->algorithm == NOTE_COSIGNATURE && at_s >= 0);
	(void)crypto_sign_seed_keypair(public_key, secret_key, seed);
	assert(memcmp(public_key, key->public_key, sizeof(public_key)) == 0);
	put_message(&message, text, (uint64_t)at_s);
	memcpy(line, key->key_hash, KEY_HASH_BYTES);
	for (int i = 0; i < 8; i++)
		line[KEY_HASH_BYTES + (size_t)i] = (uint8_t)((uint64_t)at_s >> (56 - 8 * i));
	(void)crypto_sign_detached(
	    line + KEY_HASH_BYTES + 8, NULL, message.data, message.len, secret_key);
	sodium_memzero(secret_key, sizeof(secret_key));
	buf_append_format(out, DASH "%s ", key->name);
	base64_encode(out, bytes_of(line, sizeof(line)));
	buf_append_u8(out, '\n');
}

/* Key hash (4), time (8), signature (64). */
static bool
is_good(
    const struct buf *signature, struct bytes text, const struct note_key *key, int64_t *out_at_s)
{
	DEFER(buf_clear_public) struct buf message = {0};
	uint64_t at_s = 0;

	if (signature->len != KEY_HASH_BYTES + COSIGNATURE_BYTES)
		return false;
	for (size_t i = 0; i < 8; i++)
		at_s = at_s << 8 | signature->data[KEY_HASH_BYTES + i];
	if (at_s > INT64_MAX)
		return false;
	put_message(&message, text, at_s);
	*out_at_s = (int64_t)at_s;
	return crypto_sign_verify_detached(signature->data + KEY_HASH_BYTES + 8, message.data,
		   message.len, key->public_key) == 0;
}

/* The first good line by the key is appended to `out`, unless that is NULL; the newest time. */
static bool
look_through(struct bytes lines, struct bytes text, const struct note_key *key, int64_t *out_at_s,
    struct buf *out, struct error *err)
{
	DEFER(note_line_clear) struct note_line line = {0};
	bool found = false;

	for (int count = 0; lines.len > 0; count++) {
		int64_t at_s = 0;

		if (count == NOTE_LINES_MAX)
			return error_set(
			    err, E_BAD_SYNTAX, "more than %d signature lines", NOTE_LINES_MAX);
		if (!note_take_line(&lines, &line, err))
			return false;
		if (!note_line_names(&line, key))
			continue;
		if (!is_good(&line.signature, text, key, &at_s))
			return error_set(
			    err, E_BAD_PROOF, "the cosignature by %s is wrong", key->name);
		if (!found || at_s > *out_at_s)
			*out_at_s = at_s;
		if (out != NULL && !found) {
			buf_append(out, line.text);
			buf_append_u8(out, '\n');
		}
		found = true;
	}
	return found || error_set(err, E_NOT_FOUND, "there is no cosignature by %s", key->name);
}

bool
cosignature_verify(
    struct bytes note, const struct note_key *key, int64_t *out_at_s, struct error *err)
{
	struct bytes text = {0}, lines = {0};

	return note_split(note, &text, &lines, err) &&
	       look_through(lines, text, key, out_at_s, NULL, err);
}

bool
cosignature_take(struct bytes answer, struct bytes text, const struct note_key *key,
    struct buf *out, struct error *err)
{
	DEFER(buf_clear_public) struct buf good = {0};
	int64_t at_s = 0;

	if (!look_through(answer, text, key, &at_s, &good, err)) {
		if (err->code == E_NOT_FOUND)
			err->code = E_BAD_PROOF;
		return false;
	}
	buf_append(out, buf_bytes(&good));
	return true;
}
