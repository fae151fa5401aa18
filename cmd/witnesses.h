/* witnesses: who has to cosign the log's checkpoints, as [audit] says. */
#ifndef CMD_WITNESSES_H
#define CMD_WITNESSES_H

#include "audit/publish.h"
#include "cmd/settings.h"

/*
 * *policy becomes that of the file, or empty where none is named; *out borrows it and the settings.
 * E_FILE_FAILED, E_BAD_SYNTAX; E_CONFIG_INVALID: without_quorum is no word for it
 */
MUST_CHECK bool witnesses_read(const struct settings *settings, struct tlog_policy *policy,
    struct publisher_witnesses *out, struct error *err);

#endif
