/* forwarding: where the log is forwarded to, from the configuration. */
#ifndef CMD_FORWARDING_H
#define CMD_FORWARDING_H

#include "audit/syslog_session.h"
#include "cmd/settings.h"

struct forwarding {
	const struct syslog_target *target; /* NULL: nowhere */
	struct syslog_target storage;
	char port[8];
	char *cursor; /* file: how far it is */
};
/* Borrows from `settings`. */
void forwarding_read(const struct settings *settings, struct forwarding *out);
void forwarding_clear(struct forwarding *forwarding);

#endif
