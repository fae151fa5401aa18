/*
 * server: the keeper's side: one ordered lane (append to the journal, then sign), and threads
 * for stateless requests (tags, token MACs, CRL signatures), so that tags never delay signatures.
 */
#ifndef KEEPER_SERVER_H
#define KEEPER_SERVER_H

#include "base/clock.h"
#include "base/error.h"
#include "keeper/control.h"

struct keeper_paths {        /* all in the keeper's folder, which belongs to its uid, mode 0700 */
	const char *keyring; /* keeper.ring */
	const char *policy;  /* policy.json */
	const char *journal; /* journal/<log>.journal of the open log */
	const char *crl_numbers; /* crl-numbers: last number signed per issuer and shard */
};

struct keeper;

/*
 * Opens everything, before the sandbox closes.
 * E_PASSPHRASE_WRONG, E_FILE_FAILED, E_BAD_SYNTAX, E_CONFIG_INVALID (a key without policy or the
 * reverse)
 */
MUST_CHECK bool keeper_open(const struct keeper_paths *paths, const struct secret *passphrase,
    const struct clock *clock, struct keeper **out, struct error *err);
void keeper_free(struct keeper *keeper);
DEFER_DECLARE(struct keeper, keeper_free)

/*
 * Starts threads that serve this set of channels until they are closed; takes the descriptors
 * over. The set before is closed first, once what it is answering is answered. E_INTERNAL
 */
MUST_CHECK bool keeper_serve(
    struct keeper *keeper, const int channels[static CONTROL_CHANNELS], struct error *err);
/* Re-verifies the journal in the background; a mismatch stops signing. */
MUST_CHECK bool keeper_verify_begin(struct keeper *keeper, struct error *err);
/* Readable once the process has to end and be started again: the journal's state is in doubt. */
int keeper_failure_fd(const struct keeper *keeper);
/* Waits until the append under way is answered, then refuses all. */
void keeper_stop(struct keeper *keeper);

/* No network, no new files, no exec, no other processes; what the threads need. E_INTERNAL */
MUST_CHECK bool sandbox_enter(struct error *err); /* keeper/sandbox.c */

#endif
