/*
 * journal: the keeper's own copy of its audit log, append-only, one record an append.
 *
 * A record is magic(8) length(4) first_seq(8) count(4), count leaves each as length(2) bytes,
 * then size(8) of the tree after it, its compact range, MAC(32) (BLAKE2b-256 keyed with
 * the ring's "journal" secret over the header's MAC and all before in the record), and
 * length(4) magic(8) again, so that the last whole record is found from the end of the file.
 * The first record, of a header form, is magic(8) length(4) origin_len(2) origin MAC(32)
 * length(4) magic(8).
 *
 * A torn tail is cut off at open: the file ends with the beginning of a record that is shorter
 * than it announces. An append is answered only after fdatasync, so such a record was never
 * answered. Anything else after the last whole record is damage, and is not touched.
 *
 * One process has the file open (flock). Appends come from one thread; journal_get() and
 * journal_verify() may run beside them.
 */
#ifndef KEEPER_JOURNAL_H
#define KEEPER_JOURNAL_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"
#include "base/secret.h"
#include "proof/checkpoint.h"
#include "proof/leaf.h"
#include "proof/merkle.h"

#define JOURNAL_APPEND_MAX 4096 /* leaves in one record */
/* Octets of one record, hence of the memory that reading one takes: a little over 8 MiB. */
#define JOURNAL_RECORD_MAX \
	(24 + JOURNAL_APPEND_MAX * (2 + LEAF_MAX) + 8 + MERKLE_RANGE_MAX * SHA256_BYTES + 32 + 12)

struct journal;

/* Makes the file of a new, empty log; it must not exist. E_FILE_FAILED */
MUST_CHECK bool journal_create(
    const char *path, const char *origin, const struct secret *mac_key, struct error *err);

/*
 * Opens the log and takes up its tree from the last whole record.
 * E_FILE_FAILED   the file cannot be opened
 * E_BAD_SYNTAX    its header or last record is not authentic
 */
MUST_CHECK bool journal_open(
    const char *path, const struct secret *mac_key, struct journal **out, struct error *err);
void journal_free(struct journal *journal);
DEFER_DECLARE(struct journal, journal_free)

const char *journal_origin(const struct journal *journal);
const struct merkle *journal_tree(const struct journal *journal);
/* True after a write whose effect on the file is unknown: only opening it again tells. */
bool journal_in_doubt(const struct journal *journal);

/*
 * Appends leaves (1 to JOURNAL_APPEND_MAX of at most LEAF_MAX octets: asserted) whose first has
 * seq = size of the tree, and makes them durable (fdatasync).
 * On failure the tree is as before, and the journal refuses further appends until reopened
 * when the file's state is in doubt.
 * E_FILE_FAILED
 */
MUST_CHECK bool journal_append(
    struct journal *journal, const struct bytes *leaves, size_t count, struct error *err);

/* Reads the leaf with this seq back into `out`. E_NOT_FOUND, E_FILE_FAILED, E_BAD_SYNTAX (MAC) */
MUST_CHECK bool journal_get(
    const struct journal *journal, uint64_t seq, struct buf *out, struct error *err);

/*
 * Reads the whole file again: every MAC, every leaf's seq, every tree.
 * E_BAD_SYNTAX         damaged; the detail names the seq
 * E_FILE_FAILED
 * E_KEEPER_UNAVAILABLE journal_interrupt() was called: nothing is known
 */
MUST_CHECK bool journal_verify(const struct journal *journal, struct error *err);
/* Ends a journal_verify() that another thread runs, at the next record. */
void journal_interrupt(struct journal *journal);

#endif
