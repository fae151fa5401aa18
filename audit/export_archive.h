/* export_archive: the archive of an export (ustar) from its parts; the tiles come from the log. */
#ifndef AUDIT_EXPORT_ARCHIVE_H
#define AUDIT_EXPORT_ARCHIVE_H

#include "audit/export_write.h"
#include "proof/tar.h"

struct export_archive_parts { /* all borrowed */
	const struct tile_files *files;
	struct bytes note;
	const struct note_key *key;
	const struct checkpoint *checkpoint;
	const struct export_scope *scope;
	int64_t count, first, last;
	int64_t modified_at_s; /* of every file */
	const char *name;      /* of the folder in the archive */
	int leaves_fd, csv_fd, tiles_fd;
	uint64_t leaves_len, csv_len, tiles_len;
};

/*
 * Appends to `fd`. What is kept open is the length that a part had when it began.
 * E_TOO_LARGE   more than a tar archive takes
 * E_BAD_PROOF, E_RECORD_UNAVAILABLE   a tile is not what it should be, or not there
 * E_FILE_FAILED
 */
MUST_CHECK bool export_archive_write(
    const struct export_archive_parts *parts, int fd, struct export_result *out, struct error *err);

MUST_CHECK bool export_write_all(int fd, struct bytes data, struct error *err);

#endif
