/* passphrase: from a file, a systemd credential or the terminal; never from argv or the
 * environment. */
#ifndef CMD_PASSPHRASE_H
#define CMD_PASSPHRASE_H

#include "base/secret.h"

/*
 * `path` when not empty; else $CREDENTIALS_DIRECTORY/passphrase; else asks on the terminal.
 * E_FILE_FAILED   none of these is there
 */
MUST_CHECK bool passphrase_read(
    const char *path, const char *prompt, struct secret **out, struct error *err);

#endif
