/* tar: the regular files of a POSIX ustar archive in memory, one after another. */
#ifndef PROOF_TAR_H
#define PROOF_TAR_H

#include "base/bytes.h"
#include "base/error.h"

#define TAR_BLOCK 512    /* octets */
#define TAR_NAME_MAX 256 /* characters: prefix, slash and name */

struct tar_entry {
	char name[TAR_NAME_MAX + 1];
	struct bytes contents; /* borrowed */
};

/*
 * Takes the next regular file off the front; folders and extension headers are passed over.
 * *out_end: there is none. Looks at no name: what it means is the caller's.
 * E_BAD_SYNTAX   not a header where one has to be, or the archive is cut
 */
MUST_CHECK bool tar_take(
    struct bytes *rest, struct tar_entry *out, bool *out_end, struct error *err);

#endif
