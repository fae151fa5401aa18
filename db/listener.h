/*
 * listener: waits for NOTIFY on one channel, on a connection of its own; and for this process.
 *
 * A notification is a hint: what came while there was no connection is never told. So its owner
 * looks at the tables by time, too. One thread waits; any may wake it.
 */
#ifndef DB_LISTENER_H
#define DB_LISTENER_H

#include "base/defer.h"
#include "base/error.h"

#define LISTENER_CHANNEL_MAX 32

struct listener;
/* `channel`: a lower-case word. Connects when it first waits. */
MUST_CHECK bool listener_new(const char *url, const char *application, const char *channel,
    struct listener **out, struct error *err);
void listener_free(struct listener *listener);
DEFER_DECLARE(struct listener, listener_free)

/*
 * Returns after a notification, listener_wake(), the loss of the connection, or `wait_ms`. Without
 * a connection it tries to open one first, at most once a second, which may take 5 s; if that
 * works, it returns at once.
 */
void listener_wait(struct listener *listener, int wait_ms);
void listener_wake(struct listener *listener);            /* any thread; never blocks */
bool listener_connected(const struct listener *listener); /* of the thread that waits */

#endif
