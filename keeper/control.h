/*
 * control: what the supervisor hands to its two children over a SOCK_SEQPACKET socket each:
 * the passphrase (keeper only, once), and the channels between them (descriptors, again
 * after every restart of either, and when the service says that its channels failed).
 */
#ifndef KEEPER_CONTROL_H
#define KEEPER_CONTROL_H

#include "base/error.h"
#include "base/secret.h"

#define CONTROL_FD 3        /* where a child finds its control socket after exec */
#define CONTROL_STATELESS 4 /* channels for stateless requests; one more for the ordered lane */
#define CONTROL_CHANNELS (1 + CONTROL_STATELESS) /* [0] is the ordered lane */

enum control_message {
	CONTROL_PASSPHRASE = 'P',
	CONTROL_CHANNEL_SET = 'C',
	CONTROL_READY = 'R', /* child to supervisor: serving */
	CONTROL_LOST = 'L',  /* service to supervisor: its channels failed, both need new ones */
	CONTROL_STOP = 'S',  /* supervisor to child: finish what is in flight and exit 0 */
};

/* Socket pairs for all channels: near[] for one child, far[] for the other. E_INTERNAL */
MUST_CHECK bool control_make_channels(
    int near[static CONTROL_CHANNELS], int far[static CONTROL_CHANNELS], struct error *err);

MUST_CHECK bool control_send(int fd, enum control_message type, struct error *err);
MUST_CHECK bool control_send_secret(int fd, const struct secret *passphrase, struct error *err);
MUST_CHECK bool control_send_channels(
    int fd, const int channels[static CONTROL_CHANNELS], struct error *err);

struct control_received {
	enum control_message type;
	struct secret *passphrase;      /* CONTROL_PASSPHRASE: the caller owns it */
	int channels[CONTROL_CHANNELS]; /* CONTROL_CHANNEL_SET: the caller closes them */
};
/* Waits for one message; true with *out_closed when the other side is gone. */
MUST_CHECK bool control_receive(
    int fd, struct control_received *out, bool *out_closed, struct error *err);

#endif
