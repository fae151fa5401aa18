/*
 * note: a signed text in the C2SP signed-note format, Ed25519 only.
 *
 * The text is UTF-8 lines, each ended by a newline; after an empty line come the
 * signatures: "— <name> base64(key hash (4), signature (64))".
 */
#ifndef PROOF_NOTE_H
#define PROOF_NOTE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

#define NOTE_MAX 16384    /* octets, signatures included */
#define NOTE_NAME_MAX 128 /* octets */
#define NOTE_PUBLIC_BYTES 32
#define NOTE_SEED_BYTES 32
#define NOTE_SIGNATURE_BYTES 64

struct note_key { /* a verifier key */
	char name[NOTE_NAME_MAX + 1];
	uint8_t key_hash[4];
	uint8_t public_key[NOTE_PUBLIC_BYTES];
};

/*
 * The verifier key of a name and an Ed25519 public key. The name is printable
 * ASCII without space and '+'.
 * E_BAD_SYNTAX   the name is not one
 */
MUST_CHECK bool note_key_init(struct note_key *out, const char *name,
    const uint8_t public_key[static NOTE_PUBLIC_BYTES], struct error *err);
/* "name+hex8+base64" and back. E_BAD_SYNTAX */
void note_key_encode(const struct note_key *key, struct buf *out);
MUST_CHECK bool note_key_parse(struct bytes vkey, struct note_key *out, struct error *err);

/*
 * Appends text, empty line and one signature line. The text ends with a newline; `seed` is the
 * Ed25519 seed (RFC 8032) of the key.
 */
void note_sign(const struct note_key *key, const uint8_t seed[static NOTE_SEED_BYTES],
    struct bytes text, struct buf *out);

/* The text of a note whoever signed it; borrowed. E_BAD_SYNTAX   not a signed note */
MUST_CHECK bool note_text(struct bytes note, struct bytes *out_text, struct error *err);

/*
 * Checks that `note` carries a good signature by `key`, and no wrong one; signatures by other
 * keys are skipped. *out_text is borrowed.
 * E_BAD_SYNTAX   not a signed note, or longer than NOTE_MAX
 * E_BAD_PROOF    no signature by this key, or a wrong one
 */
MUST_CHECK bool note_verify(
    struct bytes note, const struct note_key *key, struct bytes *out_text, struct error *err);

#endif
