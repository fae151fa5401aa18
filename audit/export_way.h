/* export_way: the hashes of leaves as the signed root has them, from the tiles of an export. */
#ifndef AUDIT_EXPORT_WAY_H
#define AUDIT_EXPORT_WAY_H

#include "audit/export_verify.h"

struct export_way;

/*
 * Reads the tree's right edge and holds it against the root. `files` are borrowed.
 * E_NOT_FOUND             a tile is not there
 * E_BAD_SYNTAX, E_BAD_PROOF   one is no tile; they lead to another root
 */
MUST_CHECK bool export_way_open(const struct export_files *files,
    const struct checkpoint *checkpoint, struct export_way **out, struct error *err);
void export_way_free(struct export_way *way);
DEFER_DECLARE(struct export_way, export_way_free)

enum export_way_state { EXPORT_WAY_GOOD, EXPORT_WAY_MISSING, EXPORT_WAY_BROKEN };
/*
 * The hash of leaf `seq`, which the log has. Otherwise `out_path` says which tile is not there, or
 * is not what the one above it has. Leaves in a row read each tile once.
 */
enum export_way_state export_way_hash(struct export_way *way, uint64_t seq,
    uint8_t out[static SHA256_BYTES], char out_path[static TILE_PATH_MAX + 1]);

#endif
