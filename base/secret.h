/*
 * secret: octets that must not leak: guarded pages, locked, read-only once filled, wiped.
 *
 * There is no way to print, log, encode or store one but keeper/keyring.h.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"

struct secret;

/* Copies `octets` into guarded memory and wipes nothing else: the caller wipes its copy. */
struct secret *secret_new(struct bytes octets);
/* `fill` writes exactly `len` octets straight into the guarded memory. */
struct secret *secret_random(size_t len);
struct bytes secret_bytes(const struct secret *secret); /* borrowed */
bool secret_equal(struct bytes a, struct bytes b);      /* constant time for equal lengths */
void secret_free(struct secret *secret);                /* NULL is fine */
DEFER_DECLARE(struct secret, secret_free)

#define SECRET_FILE_MAX 4096 /* octets */
/*
 * Reads a secret from a file (a passphrase: one trailing newline is cut off).
 * E_FILE_FAILED   not there, not a regular file, open to its group or to others, empty,
 *                 or longer than SECRET_FILE_MAX
 */
MUST_CHECK bool secret_read_file(const char *path, struct secret **out, struct error *err);
/* The same from an open descriptor, to its end. */
MUST_CHECK bool secret_read_fd(int fd, struct secret **out, struct error *err);

/*
 * Not dumpable, no core files. Call first in main(). Locks no memory but that of each secret, and
 * that only as far as RLIMIT_MEMLOCK allows: a process without threads may mlockall() itself.
 */
void secret_process_init(void);

#endif
