/*
 * seat_file: an officer's seat on disk: the key, wrapped under the officer's passphrase as a
 * keyring with the one entry "seat:<role>:<number>", and beside it the public line for the admin.
 */
#ifndef CMD_SEAT_FILE_H
#define CMD_SEAT_FILE_H

#include "keeper/keyring.h"
#include "provisioning/escrow_open.h"

/* A new key; `path` must not be there yet. Writes `path` (0600) and `path`.pub. E_STATE_CONFLICT */
MUST_CHECK bool seat_file_make(const char *path, enum seat_role role, int number,
    const struct secret *passphrase, struct keyring_cost cost, struct seat *out, struct error *err);
/* E_PASSPHRASE_WRONG, E_BAD_SYNTAX */
MUST_CHECK bool seat_file_open(
    const char *path, const struct secret *passphrase, struct seat_key *out, struct error *err);
/* E_BAD_SYNTAX */
MUST_CHECK bool seat_file_read_public(const char *path, struct seat *out, struct error *err);

#endif
