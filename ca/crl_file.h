/*
 * crl_file: the octets of a finished list, in a file without a name.
 *
 * A list of a million entries is 50 MB. It is written through a small buffer, and read piece by
 * piece: it lies in the kernel's page cache, which many readers share and the kernel may write out
 * and drop, and not in the memory of the process. It is never mapped: a disk that fails is an error
 * of one read then, and not a signal. A short list is kept in memory, without a descriptor. When
 * its last holder is done, it is gone.
 */
#ifndef CA_CRL_FILE_H
#define CA_CRL_FILE_H

#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"

struct crl_file;

/* In the folder `dir`; begins with `gap` octets that crl_file_begin() may fill. E_FILE_FAILED */
MUST_CHECK bool crl_file_new(const char *dir, size_t gap, struct crl_file **out, struct error *err);
/* One more holder, and one less; any thread. NULL is fine. */
struct crl_file *crl_file_hold(struct crl_file *file);
void crl_file_free(struct crl_file *file);
DEFER_DECLARE(struct crl_file, crl_file_free)

/* While it has one holder and is not sealed. E_FILE_FAILED */
MUST_CHECK bool crl_file_append(struct crl_file *file, struct bytes octets, struct error *err);
size_t crl_file_len(const struct crl_file *file); /* the gap counts */
/* Reads `len` octets back that were appended. */
MUST_CHECK bool crl_file_read(
    struct crl_file *file, size_t from, uint8_t *out, size_t len, struct error *err);
/* Puts the octets right before what begins now, into the gap. */
MUST_CHECK bool crl_file_begin(struct crl_file *file, struct bytes octets, struct error *err);

/* No more is written. E_FILE_FAILED */
MUST_CHECK bool crl_file_seal(struct crl_file *file, struct error *err);

/* ---- sealed, any thread: all of it but the gap that is left ---- */

size_t crl_file_size(const struct crl_file *file); /* octets */
/* E_FILE_FAILED: the disk, or somebody who cut it short; it is damaged from here on */
MUST_CHECK bool crl_file_copy(
    struct crl_file *file, size_t from, uint8_t *out, size_t len, struct error *err);
bool crl_file_damaged(const struct crl_file *file); /* NULL is not */

/*
 * A sealed one with the same, as gzip (RFC 1952). *out NULL: it would not be shorter. Any thread;
 * takes 300 KB meanwhile. E_FILE_FAILED, E_INTERNAL
 */
MUST_CHECK bool crl_file_gzip(
    struct crl_file *file, const char *dir, struct crl_file **out, struct error *err);

#endif
