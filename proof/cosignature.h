/*
 * cosignature: a witness's word on a checkpoint (C2SP tlog-cosignature, cosignature/v1): a line of
 * the note, Ed25519 over a head, the time and the note's text. It says that at that time this was
 * the largest tree of the log that the witness knew, and that it continues every one before.
 */
#ifndef PROOF_COSIGNATURE_H
#define PROOF_COSIGNATURE_H

#include "proof/note.h"

#define COSIGNATURE_BYTES (8 + NOTE_SIGNATURE_BYTES) /* time, signature; after the key hash */

/* Appends the line. `key` is a cosigner's and `seed` its own; the time is not negative. */
void cosignature_sign(const struct note_key *key, const uint8_t seed[static NOTE_SEED_BYTES],
    struct bytes text, int64_t at_s, struct buf *out);

/*
 * Looks for cosignatures of this key under a note. *out_at_s is the time of the newest good one.
 * E_BAD_SYNTAX   not a signed note
 * E_NOT_FOUND    there is none by this key
 * E_BAD_PROOF    one that names this key is wrong
 */
MUST_CHECK bool cosignature_verify(
    struct bytes note, const struct note_key *key, int64_t *out_at_s, struct error *err);

/*
 * What a witness answered: appends the first line by this key, leaves others out. `text` is that of
 * the note that was sent.
 * E_BAD_SYNTAX   not signature lines
 * E_BAD_PROOF    none by this key, or a wrong one
 */
MUST_CHECK bool cosignature_take(struct bytes answer, struct bytes text, const struct note_key *key,
    struct buf *out, struct error *err);

#endif
