/*
 * commits: one commit per enrollment, the limit that group commit is held against.
 *
 * It is the ledger's own transaction (db/ledger_core.h: batch_try) with batches of one proposal:
 * the same reads, locks, decision, writes, leaves, fence, and the signatures of the one before;
 * but any number of connections beside each other, each with a log of its own, since one log has
 * one writer. The CSR is parsed and the TBS made as the service does; tag and signature are made
 * in this process. No HTTP, no keeper. In a database of its own on the measured server.
 */
#ifndef TESTS_BENCH_COMMITS_H
#define TESTS_BENCH_COMMITS_H

#include <stdbool.h>
#include <stddef.h>

#define COMMITS_CONNECTIONS_MAX 128

struct commits;
struct commits *commits_new(void);
void commits_free(struct commits *commits);

/*
 * Enrollments a second over so many connections, `each` on each. With `one_batch` all enroll into
 * one batch, whose row each locks until its COMMIT; otherwise into a batch for each connection,
 * which is the faster and so the stricter limit. Dies unless each enrollment is recorded.
 */
double commits_run(struct commits *commits, size_t connections, size_t each, bool one_batch);

#endif
