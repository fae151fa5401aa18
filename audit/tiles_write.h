/* tiles_write: puts a log's files into its folder, many at a time, so that a crash leaves whole
 * files only. For audit/tiles.c, which says what they hold. */
#ifndef AUDIT_TILES_WRITE_H
#define AUDIT_TILES_WRITE_H

#include "proof/tile.h"

struct tiles_writer;

/* Makes the folder, and empties what a crash left in its ".new". E_FILE_FAILED */
MUST_CHECK bool tiles_writer_new(const char *folder, struct tiles_writer **out, struct error *err);
void tiles_writer_free(struct tiles_writer *writer);
DEFER_DECLARE(struct tiles_writer, tiles_writer_free)

/* Remembers a tile for the next flush; the octets are copied. Forgets all that are remembered. */
void tiles_writer_put(struct tiles_writer *writer, const struct tile *tile, struct bytes octets);
void tiles_writer_forget(struct tiles_writer *writer);

/* Writes what is remembered, durably; then removes the partial tiles of those that are full. */
MUST_CHECK bool tiles_writer_flush(struct tiles_writer *writer, struct error *err);

/* Everything that it counts has been flushed. */
MUST_CHECK bool tiles_writer_checkpoint(
    struct tiles_writer *writer, struct bytes note, struct error *err);

/* Whether a full tile had other contents and was replaced, since the last call. */
bool tiles_writer_repaired(struct tiles_writer *writer);

#endif
