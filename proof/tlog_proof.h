/*
 * tlog_proof: that one leaf is in a log, as a text that stands on its own (C2SP tlog-proof): the
 * leaf itself as `extra`, its index, the hashes to the root, and the signed checkpoint.
 */
#ifndef PROOF_TLOG_PROOF_H
#define PROOF_TLOG_PROOF_H

#include "proof/checkpoint.h"
#include "proof/leaf.h"
#include "proof/note.h"

#define TLOG_PROOF_HEAD "c2sp.org/tlog-proof@v1\n"
#define TLOG_PROOF_MAX 32768 /* octets */
#define TLOG_PROOF_HASHES_MAX 63

struct tlog_proof {
	uint64_t index;
	struct buf extra;  /* the leaf; empty: not there */
	struct buf hashes; /* 32 octets each */
	struct bytes note; /* the signed checkpoint; borrowed */
};
void tlog_proof_clear(struct tlog_proof *proof);
DEFER_DECLARE_CLEAR(struct tlog_proof, tlog_proof_clear)

void tlog_proof_encode(const struct tlog_proof *proof, struct buf *out);
/* Borrows `text`. E_BAD_SYNTAX */
MUST_CHECK bool tlog_proof_parse(struct bytes text, struct tlog_proof *out, struct error *err);

/* Hashes as lines of base64, and back: every line ended, at most TLOG_PROOF_HASHES_MAX. */
void tlog_hashes_encode(struct bytes hashes, struct buf *out);
MUST_CHECK bool tlog_hashes_parse(struct bytes lines, struct buf *out, struct error *err);

/*
 * That the proof's leaf (`extra`) is in the log of this key. *out is the checkpoint it leads to.
 * E_BAD_SYNTAX   there is no leaf in it, it is none, or the note is no checkpoint
 * E_BAD_PROOF    not signed by the key, another origin, or the hashes lead elsewhere
 */
MUST_CHECK bool tlog_proof_verify(const struct tlog_proof *proof, const struct note_key *key,
    struct checkpoint *out, struct error *err);

/* The checkpoint that a note holds, signed by the key that its origin names. The same errors. */
MUST_CHECK bool tlog_open(
    struct bytes note, const struct note_key *key, struct checkpoint *out, struct error *err);

#endif
