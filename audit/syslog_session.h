/*
 * syslog_session: a TLS connection to a syslog receiver (RFC 5425). What was sent counts when the
 * session was ended in order: the receiver read all of it, and said so with its own close_notify.
 */
#ifndef AUDIT_SYSLOG_SESSION_H
#define AUDIT_SYSLOG_SESSION_H

#include "base/bytes.h"
#include "base/defer.h"
#include "base/error.h"

#define SYSLOG_SESSION_WAIT_S 10 /* for each step of it */

struct syslog_target {
	const char *host, *port;
	const char *name;             /* that its certificate has to have */
	const char *ca_file;          /* its trust anchors, PEM; NULL: the system's */
	const char *certificate_file; /* our own, PEM chain; NULL: none */
	const char *key_file;
};

struct syslog_session;
/* E_FILE_FAILED (a file of ours), E_RECORD_UNAVAILABLE (the receiver) */
MUST_CHECK bool syslog_session_open(
    const struct syslog_target *target, struct syslog_session **out, struct error *err);
void syslog_session_free(struct syslog_session *session);
DEFER_DECLARE(struct syslog_session, syslog_session_free)
/* E_RECORD_UNAVAILABLE here and below */
MUST_CHECK bool syslog_session_send(
    struct syslog_session *session, struct bytes octets, struct error *err);
/* Ends it. True: the receiver read all that was sent. */
MUST_CHECK bool syslog_session_end(struct syslog_session *session, struct error *err);

#endif
