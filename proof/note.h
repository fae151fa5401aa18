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
#include "base/defer.h"
#include "base/error.h"

#define NOTE_MAX 16384    /* octets, signatures included */
#define NOTE_NAME_MAX 128 /* octets */
#define NOTE_PUBLIC_BYTES 32
#define NOTE_SEED_BYTES 32
#define NOTE_SIGNATURE_BYTES 64

enum note_algorithm {
	NOTE_ED25519 = 1,    /* of logs */
	NOTE_COSIGNATURE = 4 /* of witnesses: Ed25519 with a time (proof/cosignature.h) */
};
struct note_key { /* a verifier key */
	char name[NOTE_NAME_MAX + 1];
	enum note_algorithm algorithm;
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
/* The same of a witness's key. */
MUST_CHECK bool note_cosigner_init(struct note_key *out, const char *name,
    const uint8_t public_key[static NOTE_PUBLIC_BYTES], struct error *err);
MUST_CHECK bool note_cosigner_parse(struct bytes vkey, struct note_key *out, struct error *err);

/*
 * Appends text, empty line and one signature line. The text ends with a newline; `seed` is the
 * Ed25519 seed (RFC 8032) of the key.
 */
void note_sign(const struct note_key *key, const uint8_t seed[static NOTE_SEED_BYTES],
    struct bytes text, struct buf *out);

/* The text of a note whoever signed it; borrowed. E_BAD_SYNTAX   not a signed note */
MUST_CHECK bool note_text(struct bytes note, struct bytes *out_text, struct error *err);

/*
 * Signature lines one by one, at most NOTE_LINES_MAX: `lines` is what note_split() leaves.
 * out_signature has the key hash (4) and what the algorithm calls a signature. False: not a line.
 */
#define NOTE_LINES_MAX 100 /* as other implementations have it */
struct note_line {
	struct bytes text, name; /* borrowed; the text without its newline */
	struct buf signature;
};
void note_line_clear(struct note_line *line);
DEFER_DECLARE_CLEAR(struct note_line, note_line_clear)
MUST_CHECK bool note_split(
    struct bytes note, struct bytes *out_text, struct bytes *out_lines, struct error *err);
MUST_CHECK bool note_take_line(struct bytes *inout_lines, struct note_line *out, struct error *err);
/* That a line says it is by this key; whether it is, its signature tells. */
bool note_line_names(const struct note_line *line, const struct note_key *key);

/*
 * Checks that `note` carries a good signature by `key`, and no wrong one; signatures by other
 * keys are skipped. *out_text is borrowed.
 * E_BAD_SYNTAX   not a signed note, or longer than NOTE_MAX
 * E_BAD_PROOF    no signature by this key, or a wrong one
 */
MUST_CHECK bool note_verify(
    struct bytes note, const struct note_key *key, struct bytes *out_text, struct error *err);

#endif
