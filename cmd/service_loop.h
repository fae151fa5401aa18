/* service_loop: what a service does beside answering: what is due, reloads, until it is told to
 * end.
 */
#ifndef CMD_SERVICE_LOOP_H
#define CMD_SERVICE_LOOP_H

#include "cmd/service_core.h"

/* Until SIGTERM or SIGINT. */
void service_run_until_stopped(struct service *service);

/* At the start, too: */
/* What a node that is gone for ever recorded and did not sign. */
void service_adopt(struct service *service);
/* Authorities that have come, and responders that are due. */
void service_look_at_ocsp(struct service *service);
/* Of its own TLS certificate. */
struct tls_identity_options service_tls_options(const struct service *service);
void service_tell_tls(struct service *service, bool failing);

#endif
