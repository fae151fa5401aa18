/* tar: the regular files of a POSIX ustar archive: read in memory, one after another; written. */
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

#define TAR_FILE_MAX 077777777777 /* octets of one file */
/*
 * The header of a regular file, mode 0644, of nobody: the same for the same arguments, anywhere.
 * After it come the contents, filled up to blocks with zeros; after the last file two blocks of
 * zeros.
 * E_TOO_LARGE   the name does not fit name and prefix, the file not its field
 */
MUST_CHECK bool tar_header(const char *name, uint64_t len, int64_t modified_at_s,
    uint8_t out[static TAR_BLOCK], struct error *err);
/* Zeros after contents of this length. */
size_t tar_padding(uint64_t len);

#endif
