/*
 * process_lock: one supervisor for a keeper's folder, and how a tool finds it.
 *
 * A POSIX record lock on "<keeper_dir>/lock": the kernel names its holder, so that there is no
 * process id in a file that could be an old one's.
 */
#ifndef CMD_PROCESS_LOCK_H
#define CMD_PROCESS_LOCK_H

#include <sys/types.h>

#include "base/error.h"

/* Held until the process ends. E_STATE_CONFLICT: another has it; E_FILE_FAILED */
MUST_CHECK bool process_lock_take(const char *keeper_dir, struct error *err);
/* Who holds it, or 0: nobody, or nobody whom we could signal. */
pid_t process_lock_holder(const char *keeper_dir);

#endif
