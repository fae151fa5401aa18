/*
 * verify: a whole log, from its files and its key alone: what an auditor holds against it.
 *
 * Signature, tiles and root are computed anew; leaves are read strictly, their numbers and times
 * followed. It goes on after the first thing that is wrong, and says of which leaf each is.
 */
#ifndef PROOF_VERIFY_H
#define PROOF_VERIFY_H

#include "proof/checkpoint.h"
#include "proof/leaf.h"
#include "proof/note.h"
#include "proof/tile.h"

#define VERIFY_SILENCE_MAX_S 180 /* between two leaves: a heartbeat every 60 s */
#define VERIFY_FINDINGS_MAX 100  /* told; the rest is counted */
#define VERIFY_BLOB_MAX 65536    /* octets of what a leaf commits to, its nonce before it */

enum verify_kind {
	VERIFY_TAMPERED,   /* something was changed, removed or signed that must not be */
	VERIFY_INCOMPLETE, /* something is not there, so that it cannot be said */
	VERIFY_NOTICE,     /* the log is in order, and tells of something: no service */
};
struct verify_finding {
	enum verify_kind kind;
	int64_t seq; /* the leaf, or the first of them; -1: of no leaf */
	const char *text;
};

struct verify_options {
	const struct tile_files *files;
	const struct note_key *key;
	struct bytes earlier; /* a checkpoint that was kept: the log has to continue it; or empty */
	struct bytes leaves;  /* that somebody has, as proof/held.h takes them; or empty */
	bool has_blobs;       /* "blobs/<seq>": nonce (32) and what `c` of that leaf commits to */
	void *context;
	void (*report)(void *context, const struct verify_finding *finding);
	/* Or NULL: of each leaf "log.open" that was read, which is borrowed (proof/log_chain.h). */
	void (*opened)(void *context, const struct leaf_view *leaf, struct bytes text);
	void (*progress)(void *context, uint64_t done, uint64_t size); /* or NULL; now and then */
};

struct verify_result {
	bool tampered, incomplete;
	struct checkpoint checkpoint; /* size 0 where there is none that is signed */
	uint64_t findings, notices;
	int64_t first_at_s, last_at_s; /* `st` of the first and the last leaf */
	uint64_t blobs;                /* that fit their leaves */
};

void verify_log(const struct verify_options *options, struct verify_result *out);

#endif
