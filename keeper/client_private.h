/* client_private: what the client's ordered and stateless halves share. */
#ifndef KEEPER_CLIENT_PRIVATE_H
#define KEEPER_CLIENT_PRIVATE_H

#include <pthread.h>

#include "keeper/client.h"
#include "keeper/wire.h"

/*
 * One attached set of channels. It lives while somebody uses it, so that no descriptor is
 * closed, and its number given away, under a thread that is about to read from it.
 */
struct channels;

/* Takes a reference to the set attached. E_KEEPER_UNAVAILABLE: none, or it no longer works */
MUST_CHECK bool channels_acquire(
    struct keeper_client *client, struct channels **out, struct error *err);
void channels_release(struct channels *channels);
DEFER_DECLARE(struct channels, channels_release)

int channels_ordered_fd(const struct channels *channels);
struct buf *channels_ordered_in(struct channels *channels); /* of the thread that receives */
uint64_t channels_generation(const struct channels *channels);

/* Ends the whole set: after a lost message nothing on it has a known order any more. */
void channels_fail(struct channels *channels);

/* The appends in flight, oldest first: which generation they went to, and how many entries. */
bool flight_push(struct keeper_client *client, uint64_t generation, size_t count);
bool flight_pop(struct keeper_client *client, uint64_t *out_generation, size_t *out_count);

/* One stateless channel of a set, for one thread. */
struct stateless {
	struct channels *channels; /* referenced */
	size_t index;
	int fd;
	struct buf *in;
};
/* Waits for a free one. E_KEEPER_UNAVAILABLE */
MUST_CHECK bool stateless_acquire(
    struct keeper_client *client, struct stateless *out, struct error *err);
void stateless_release(struct stateless *stateless);
DEFER_DECLARE_CLEAR(struct stateless, stateless_release)

/* One message there, one back. */
MUST_CHECK bool stateless_ask(const struct stateless *lane, enum wire_type type, struct bytes body,
    enum wire_type answer, struct bytes *out_body, struct error *err);

/* Calls for tags that wait for others to come back: they go together. */
struct tag_queue {
	pthread_mutex_t lock;
	struct tag_call *head, **tail;
	int leaders; /* threads that have a message on its way */
};
struct tag_queue *client_tag_queue(struct keeper_client *client);

/* Sends one message. E_KEEPER_UNAVAILABLE */
MUST_CHECK bool channel_send(
    struct channels *channels, int fd, enum wire_type type, struct bytes body, struct error *err);
/*
 * Waits for the answer, of one type or a refusal, which is raised. *out_body is borrowed from `in`.
 * E_KEEPER_UNAVAILABLE, E_KEEPER_REFUSED, E_TAG_INVALID, E_NOT_FOUND
 */
MUST_CHECK bool channel_receive(struct channels *channels, int fd, struct buf *in,
    enum wire_type type, struct bytes *out_body, struct error *err);
/* An answer of the right type and the wrong form. */
bool channel_malformed(struct channels *channels, struct error *err);

#endif
