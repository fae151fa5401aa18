/*
 * tiles: the folder of one log, written: tiles, entry bundles and the checkpoint that they prove.
 *
 * Nothing is written that does not lead to the signed root. Every file is written beside
 * (".new/"), synced, renamed; the folders are synced; the checkpoint comes last. So whatever a
 * crash leaves, the checkpoint there is proven by the tiles there, and a tile that is full is
 * whole. What was left half done is done again from the committed leaves, octet for octet.
 */
#ifndef AUDIT_TILES_H
#define AUDIT_TILES_H

#include "base/defer.h"
#include "base/error.h"
#include "proof/checkpoint.h"
#include "proof/note.h"

/* Where the committed leaves are read. */
typedef bool (*tiles_take)(void *taker, uint64_t seq, struct bytes leaf, struct error *err);
struct tiles_source {
	void *context;
	/* The verifier key of the log with this origin. */
	bool (*key)(void *context, const char *origin, struct note_key *out, struct error *err);
	/* Calls `take` for the leaves from `from` on, below `to`, in order. */
	bool (*read)(void *context, uint64_t from, uint64_t to, tiles_take take, void *taker,
	    struct error *err);
};

struct tiles;

/*
 * Takes the folder up where its checkpoint stands; makes it if there is none. A folder that does
 * not verify is begun anew, from the first leaf.
 * E_FILE_FAILED   it cannot be made or read; or what `source` says
 */
MUST_CHECK bool tiles_open(const char *folder, const char *origin,
    const struct tiles_source *source, struct tiles **out, struct error *err);
void tiles_free(struct tiles *tiles);
DEFER_DECLARE(struct tiles, tiles_free)

/* The checkpoint on disk; its size is 0 and the note empty before the first. Borrowed. */
uint64_t tiles_size(const struct tiles *tiles);
struct bytes tiles_note(const struct tiles *tiles);

/*
 * Publishes a signed checkpoint: reads the leaves up to its size and writes them, then the note.
 * E_BAD_PROOF      the committed leaves do not lead to the signed root, or some are missing, or it
 *                  is smaller than what is published: `detail` says from which leaf on. Nothing
 *                  was changed
 * E_BAD_SYNTAX     the note is no checkpoint of this log
 * E_FILE_FAILED    the disk; what is there still verifies. Or what `source` says
 */
MUST_CHECK bool tiles_publish(struct tiles *tiles, struct bytes note, struct error *err);
/* The same but for the checkpoint itself: what proves it is there. Others may sign it, then. */
MUST_CHECK bool tiles_write(struct tiles *tiles, struct bytes note, struct error *err);

/* A full tile whose contents had changed was put right since the last look. */
bool tiles_repaired(struct tiles *tiles);

#endif
