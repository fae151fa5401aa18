/* log_roll: moniker log roll and use: which log this node writes to. */
#ifndef CMD_LOG_ROLL_H
#define CMD_LOG_ROLL_H

#include <stdbool.h>

/* Both print what is to be done next, or the error; exit codes of the command. */
int log_roll(const char *config, const char *database_url, bool json);
int log_use(const char *config, const char *name, bool json);

#endif
