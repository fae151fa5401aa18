/* signals: those that the service takes: SIGTERM and SIGINT to stop, SIGHUP to reload. */
#ifndef CMD_SIGNALS_H
#define CMD_SIGNALS_H

#include "base/error.h"

/* Before any thread starts. Blocks them; they are read from *out, a signalfd. What would end the
 * process for a write that fails is ignored. E_INTERNAL */
MUST_CHECK bool signals_block(int *out, struct error *err);
/* One that stops waits to be read. */
bool signals_stop_pending(void);

#endif
