/* audit_verify, audit_proof: the two other actions of `moniker audit`; argv[0] is the action. */
#ifndef CMD_AUDIT_VERIFY_H
#define CMD_AUDIT_VERIFY_H

#include "proof/verify.h"

int audit_verify(int argc, char **argv);
int audit_proof(int argc, char **argv);

const char *verify_kind_name(enum verify_kind kind); /* "tampered" */

#endif
