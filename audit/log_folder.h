/* log_folder: the files of one log in a folder, read: for proofs, and for who verifies a copy. */
#ifndef AUDIT_LOG_FOLDER_H
#define AUDIT_LOG_FOLDER_H

#include "proof/tile.h"

/* `folder` has to live as long as the files are read. */
struct tile_files log_folder_files(const char *folder);

/* The name of a log, one part of a path: [A-Za-z0-9._-]{1,128}, and no dot in front. */
bool log_folder_name_valid(const char *name);

#endif
