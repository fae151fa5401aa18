/*
 * chain_file: lines that are on the disk when they are taken, and do not change unseen.
 *
 * Each line is "<hash> <text>": the hash is SHA-256 of the previous line's hash (hex; 64 zeros
 * before the first) and the text. The file is opened O_APPEND | O_DSYNC. A line that a crash cut is
 * no line, for nobody was told that it was taken, and is cut off. Otherwise a line that does not
 * fit its hash makes the file damaged, and whatever can be read counts all the same.
 *
 * Not thread-safe.
 */
#ifndef BASE_CHAIN_FILE_H
#define BASE_CHAIN_FILE_H

#include "base/buf.h"
#include "base/defer.h"
#include "base/error.h"
#include "base/hash.h"

#define CHAIN_LINE_MAX 512 /* octets, with its hash and end */

/* Told of each line's text, in order. False: it is none that counts, and the file is damaged. */
typedef bool (*chain_take)(void *context, struct bytes text);

/* ---- the lines, pure ---- */

struct chain {
	char hash[2 * SHA256_BYTES + 1]; /* of the last line */
	uint64_t count;                  /* of lines */
	bool damaged;
};
void chain_init(struct chain *chain);
/* Takes the whole lines at the front of `octets`; how many octets they have. */
size_t chain_read(struct chain *chain, struct bytes octets, chain_take take, void *context);
/* Appends the next line, with its end. */
void chain_write(struct chain *chain, struct bytes text, struct buf *out);

/* ---- the file ---- */

struct chain_file;
/* Reads what is there; makes the file (mode 0600). E_FILE_FAILED */
MUST_CHECK bool chain_file_open(
    const char *path, chain_take take, void *context, struct chain_file **out, struct error *err);
void chain_file_close(struct chain_file *file);
DEFER_DECLARE(struct chain_file, chain_file_close)

/*
 * On true they survive whatever comes: texts of printable ASCII that make no line longer than
 * CHAIN_LINE_MAX.
 * E_RECORD_UNAVAILABLE   it cannot be written: then it is as it was
 */
MUST_CHECK bool chain_file_append(
    struct chain_file *file, const struct bytes *texts, size_t count, struct error *err);
bool chain_file_damaged(const struct chain_file *file);
uint64_t chain_file_count(const struct chain_file *file); /* of lines */
/* An empty file, which is not damaged. E_FILE_FAILED */
MUST_CHECK bool chain_file_empty(struct chain_file *file, struct error *err);

#endif
