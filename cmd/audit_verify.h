/* audit_verify, audit_proof: the two other actions of `moniker audit`; argv[0] is the action. */
#ifndef CMD_AUDIT_VERIFY_H
#define CMD_AUDIT_VERIFY_H

int audit_verify(int argc, char **argv);
int audit_proof(int argc, char **argv);

#endif
