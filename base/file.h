/* file: whole small files, read bounded and written crash-safely. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/*
 * Appends the contents to `out`, which otherwise keeps what it had.
 * E_FILE_FAILED   cannot be read, not a regular file, or longer than len_max octets
 */
MUST_CHECK bool file_read(const char *path, size_t len_max, struct buf *out, struct error *err);

/*
 * Temporary file beside it, fsync, rename, fsync of the folder. Readers see the old or the
 * new contents, never a part. The mode is exactly `mode`, whatever the umask. Written by root, a
 * file that is replaced keeps its owner.
 * E_FILE_FAILED   the old contents stand, unless only the folder could not be synced
 */
MUST_CHECK bool file_write(const char *path, struct bytes contents, mode_t mode, struct error *err);

/*
 * The steps of file_write() apart, for many files at once: writes `path` anew and syncs it; the
 * caller renames it, and syncs the folder that it went to. What a crash leaves at `path` may be a
 * part.
 * E_FILE_FAILED
 */
MUST_CHECK bool file_stage(const char *path, struct bytes contents, mode_t mode, struct error *err);
MUST_CHECK bool file_sync_dir(const char *path, struct error *err);

/* Octets that are free for others than root on the disk of `path`. False: it cannot be told. */
bool file_room(const char *path, int64_t *out_bytes);
/* Makes the folder with `mode`, and its parents with 0755, where missing. E_FILE_FAILED */
MUST_CHECK bool file_make_dir(const char *path, mode_t mode, struct error *err);

#endif
