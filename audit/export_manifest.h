/*
 * export_manifest: what an export of the audit log says about itself: which log, which leaves,
 * what that proves, and the hash of each file. One spelling, so that whoever reads it writes it
 * again and compares.
 */
#ifndef AUDIT_EXPORT_MANIFEST_H
#define AUDIT_EXPORT_MANIFEST_H

#include "audit/events.h"
#include "base/hash.h"
#include "proof/checkpoint.h"
#include "proof/note.h"
#include "proof/tile.h"

/* The files of an export, beside its tiles. */
#define EXPORT_MANIFEST "manifest.json"
#define EXPORT_CHECKPOINT "checkpoint"
#define EXPORT_POLICY "policy"
#define EXPORT_LEAVES "leaves.ndjson"
#define EXPORT_CSV "leaves.csv"
#define EXPORT_INSTRUCTIONS "VERIFY.txt"
#define EXPORT_MANIFEST_LEN_MAX (64u << 20) /* octets */

/* Which leaves are asked for; -1 or "": not asked. */
struct export_scope {
	int64_t after;        /* leaves with seq > after */
	int64_t limit;        /* the first so many */
	int64_t from_s, to_s; /* of `st`: from <= st < to */
	char event[LEAF_VALUE_MAX + 1];
	char code[32];
	char actor[LEAF_VALUE_MAX + 1];
};
/* The same as a query, which borrows the texts. */
struct events_query export_scope_query(const struct export_scope *scope);
/* E_BAD_SYNTAX   as events_check() says, or a number or text out of range */
MUST_CHECK bool export_scope_check(const struct export_scope *scope, struct error *err);
/*
 * Consecutive leaves, so that the tiles prove that none between the first and the last is missing.
 * Otherwise each leaf is proven to be in the log, and nothing more.
 */
bool export_scope_is_complete(const struct export_scope *scope);

struct export_file {
	char name[TILE_PATH_MAX + 1]; /* [A-Za-z0-9._/], below the folder */
	uint64_t len;
	uint8_t sha256[SHA256_BYTES];
};
struct export_manifest {
	struct checkpoint checkpoint;
	struct export_scope scope;
	int64_t count;       /* leaves */
	int64_t first, last; /* their `seq`; -1: there is none */
	struct export_file *files;
	size_t file_count, file_capacity;
};
void export_manifest_clear(struct export_manifest *manifest);
DEFER_DECLARE_CLEAR(struct export_manifest, export_manifest_clear)

struct export_file *export_manifest_add(struct export_manifest *manifest, const char *name);
void export_manifest_encode(const struct export_manifest *manifest, struct buf *out);
/* E_BAD_SYNTAX   not in its one spelling */
MUST_CHECK bool export_manifest_parse(
    struct bytes text, struct export_manifest *out, struct error *err);

/* How to verify it, for people; made from what the manifest says. */
void export_instructions(
    const struct export_manifest *manifest, const struct note_key *key, struct buf *out);
/* The line of a policy that trusts this key: "log KEY". */
void export_policy_line(const struct note_key *key, struct buf *out);

#endif
