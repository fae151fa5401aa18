/* host_files: what is made on a host, as root, for the two users of a node. */
#ifndef CMD_HOST_FILES_H
#define CMD_HOST_FILES_H

#include <sys/types.h>

#include "base/secret.h"
#include "cmd/settings.h"

/* Under root, the file or folder belongs to the user that will use it. */
MUST_CHECK bool host_give(const char *path, const char *user, struct error *err);
MUST_CHECK bool host_make_dir(const char *path, mode_t mode, const char *user, struct error *err);

/* "<node>-<year>", which is what a node's log is called. */
void host_log_name(
    const struct settings *settings, int64_t now_s, char out[static LOG_NAME_MAX + 1]);
/* Which of its logs the next start of this node writes to. */
MUST_CHECK bool host_use_log(const struct settings *settings, const char *name, struct error *err);
bool host_has_journal(const struct settings *settings, const char *name);
/* Where that is; the caller frees. */
char *host_journal_path(const struct settings *settings, const char *name);
/* An empty journal and, last, its name, where supervisor and keeper look for them. */
MUST_CHECK bool host_open_journal(const struct settings *settings, const char *name,
    const char *origin, const struct secret *mac_key, struct error *err);

#endif
