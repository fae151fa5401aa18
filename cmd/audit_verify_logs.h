/* audit_verify_logs: a folder with several logs of one deployment, and what they say of each other.
 */
#ifndef CMD_AUDIT_VERIFY_LOGS_H
#define CMD_AUDIT_VERIFY_LOGS_H

#include "cmd/log_source.h"

/* Whether `path` is a folder that is no log, and has logs in it. */
bool has_logs(const char *path);

/*
 * Verifies each log of the folder, and that all but the oldest are announced by another and begin
 * where the one that they continue ended. Prints what it finds and the verdict; the exit code of
 * `moniker audit verify`.
 */
int verify_logs(const struct log_keys *keys, const char *path, bool json);

#endif
