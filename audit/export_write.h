/*
 * export_write: one export of a published log, made from its files in steps that can be taken up
 * again: first the leaves, appended to parts on disk; then the archive of them, written beside and
 * renamed. The same log, size and scope give the same octets.
 *
 * What a step has done counts when the caller has kept export_progress; what a crash leaves beyond
 * it is cut off. Memory: one bundle of leaves, and a line of the manifest for each tile.
 */
#ifndef AUDIT_EXPORT_WRITE_H
#define AUDIT_EXPORT_WRITE_H

#include "audit/export_manifest.h"

struct export_plan {
	const struct tile_files *files; /* of the log; lives as long as the writer */
	struct bytes note;              /* its signed checkpoint: what the export is pinned to */
	const struct note_key *key;     /* of the log */
	const struct export_scope *scope;
	const char *folder; /* the export's own; made if it is not there */
	const char *name;   /* of the folder in the archive */
	uint64_t len_max;   /* octets of the archive, and of the parts beside it */
};

struct export_progress { /* zero-initialised: nothing is done */
	uint64_t next;   /* the first leaf that was not looked at */
	int64_t count;   /* leaves taken */
	int64_t first, last;
	int64_t last_st_s; /* of the last leaf taken */
	uint64_t leaves_len, csv_len, tiles_len;
};

struct export_writer;

/*
 * Takes the parts up where `progress` stands; from the first leaf if they are shorter than that.
 * E_BAD_SYNTAX    the note is no checkpoint
 * E_FILE_FAILED
 */
MUST_CHECK bool export_writer_open(const struct export_plan *plan,
    const struct export_progress *progress, struct export_writer **out, struct error *err);
void export_writer_free(struct export_writer *writer);
DEFER_DECLARE(struct export_writer, export_writer_free)

uint64_t export_writer_size(const struct export_writer *writer); /* leaves of the log */
const struct export_progress *export_writer_progress(const struct export_writer *writer);

/*
 * Looks at the leaves of so many bundles and syncs the parts. *out_done: there are no more.
 * E_TOO_LARGE     the export would be larger than len_max
 * E_BAD_PROOF     a leaf is not what its tile has; `detail` says which
 * E_RECORD_UNAVAILABLE  a file of the log is not there
 * E_FILE_FAILED
 */
MUST_CHECK bool export_writer_step(
    struct export_writer *writer, int bundles, bool *out_done, struct error *err);

struct export_result {
	uint64_t len;
	uint8_t sha256[SHA256_BYTES];
};
#define EXPORT_ARCHIVE "export.tar" /* in the folder, when it is whole */
/* Writes the archive and removes the parts. The same errors. */
MUST_CHECK bool export_writer_finish(
    struct export_writer *writer, struct export_result *out, struct error *err);

#endif
