#include "cmd/forwarding.h"

#include <stdio.h>

#include "base/mem.h"

static const char *
or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

void
forwarding_read(const struct settings *settings, struct forwarding *out)
{
	const char *host = settings->syslog_host, *name = settings->syslog_name;

	*out = (struct forwarding){0};
	if (host[0] == '\0')
		return;
	(void)snprintf(out->port, sizeof out->port, "%d", (int)settings->syslog_port);
	out->cursor = settings_path(settings->state_dir, "syslog.cursor");
	out->storage = (struct syslog_target){.host = host,
	    .port = out->port,
	    .name = name[0] == '\0' ? host : name,
	    .ca_file = or_null(settings->syslog_ca_file),
	    .certificate_file = or_null(settings->syslog_certificate_file),
	    .key_file = or_null(settings->syslog_key_file)};
	out->target = &out->storage;
}

void
forwarding_clear(struct forwarding *forwarding)
{
	mem_free(forwarding->cursor);
}
