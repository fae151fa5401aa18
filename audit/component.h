/*
 * component: one part of what the service needs, and the intervals in which it did not operate.
 * Pure: looks and times come in, what the log has to say comes out.
 *
 * A part that was bad at every look for COMPONENT_DOWN_MS is down. The log is owed svc.degraded
 * then, and at its end svc.down with the interval; svc.restored, if svc.degraded was written. What
 * is owed stays owed until it is written: while the log itself is what is down, intervals that end
 * are one from the first's beginning to the last's end, and their number.
 */
#ifndef AUDIT_COMPONENT_H
#define AUDIT_COMPONENT_H

#include "proof/leaf.h"

#define COMPONENT_DOWN_MS 5000

enum component_id {
	COMPONENT_DATABASE,  /* it answers a query */
	COMPONENT_KEEPER,    /* its channels work */
	COMPONENT_DISK,      /* there is room where the service writes */
	COMPONENT_CLOCK,     /* it is not behind what it was */
	COMPONENT_PUBLISHER, /* what is signed is published */
	COMPONENT_WITNESS,   /* the newest checkpoint has a quorum */
	COMPONENT_FORWARDER, /* the receiver takes what it is sent */
	COMPONENT_COUNT
};
const char *component_name(enum component_id id); /* "database": `sub` of its leaves */

struct component { /* zero-initialized: well */
	bool bad, down;
	int64_t bad_since_ms; /* monotonic */
	int64_t bad_since_s;
	bool owes_degraded, told_degraded;
	int64_t ended_count; /* intervals that svc.down is owed for; 0: none */
	int64_t first_from_s, window_s;
	bool owes_restored;
};

/* A look. True: something is owed that was not before. */
bool component_look(struct component *component, bool well, int64_t now_ms, int64_t now_s);

/* The first leaf that is owed, all but `act`. False: none. */
bool component_owes(
    const struct component *component, enum component_id id, int64_t now_s, struct leaf *out);
/* It is written. */
void component_paid(struct component *component);

#endif
