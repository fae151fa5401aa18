/* serving: the HTTP server, as the settings say. */
#ifndef CMD_SERVING_H
#define CMD_SERVING_H

#include "api/server.h"
#include "cmd/settings.h"
#include "cmd/tls_identity.h"

/* As server_new(). */
MUST_CHECK bool serving_new(const struct app *app, const struct settings *settings,
    struct tls_identity *tls, struct server **out, struct error *err);

#endif
