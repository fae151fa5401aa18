/*
 * syslog: one leaf as an RFC 5424 message in an RFC 5425 frame. Pure.
 *
 *   LEN <PRI>1 ST NODE moniker - EVENT [moniker@32473 origin="..." seq="..."] LEAF
 *
 * Facility 13 (log audit); the leaf is the message, octet for octet, so that whoever keeps it can
 * hash it. Origin and seq say which leaf of which log it is: a copy that came twice is known by
 * them. 32473 is the enterprise number for examples (RFC 5612).
 */
#ifndef AUDIT_SYSLOG_H
#define AUDIT_SYSLOG_H

#include "base/buf.h"
#include "base/error.h"
#include "proof/leaf.h"

#define SYSLOG_FRAME_MAX (LEAF_MAX + 1024) /* octets */

/* Appends the frame. `node` is HOSTNAME. E_BAD_SYNTAX: not a leaf */
MUST_CHECK bool syslog_frame(const char *origin, const char *node, uint64_t seq, struct bytes leaf,
    struct buf *out, struct error *err);
/* Of OCSF's severity, 1 to 6: 6 (informational) to 1 (alert). */
int syslog_severity(int64_t severity);

#endif
