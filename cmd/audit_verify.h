/* audit_verify, and the other actions of `moniker audit`; argv[0] is the action. */
#ifndef CMD_AUDIT_VERIFY_H
#define CMD_AUDIT_VERIFY_H

#include <jansson.h>

#include "cmd/log_source.h"
#include "proof/verify.h"

int audit_verify(int argc, char **argv);
int audit_proof(int argc, char **argv);
int audit_export(int argc, char **argv);
int audit_hold(int argc, char **argv);

/* As `verify` does it: prints what it finds, and its exit status is the value. `about` (taken over;
 * or NULL): members of the JSON answer. */
int audit_verify_export(const char *path, const struct log_keys *keys, bool json, json_t *about);

const char *verify_kind_name(enum verify_kind kind); /* "tampered" */

#endif
