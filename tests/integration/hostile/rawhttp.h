/*
 * rawhttp: a client that sends exactly the octets it is given, when it is told to, over TLS or
 * TCP, and says what came back and how the connection ended. It corrects and adds nothing.
 *
 * One thread uses a connection at a time; connections are independent of each other.
 */
#ifndef TESTS_HOSTILE_RAWHTTP_H
#define TESTS_HOSTILE_RAWHTTP_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/defer.h"

#define RAW_PATIENCE_MS 20000 /* of one read, where nothing else is said */

enum raw_end {
	RAW_OPEN,    /* as far as we know */
	RAW_CLOSED,  /* in order */
	RAW_RESET,   /* thrown away */
	RAW_ALERT,   /* TLS said why */
	RAW_TIMEOUT, /* nothing came in time: our patience ended, not the connection */
};
const char *raw_end_name(enum raw_end end);

struct raw {
	int fd;
	SSL *session; /* NULL: plain */
	enum raw_end end;
	struct buf got; /* everything that arrived */
	size_t read;    /* of it, in answers that were taken */
};

/* An answer as it came; borrowed from the connection until its next call. */
struct raw_answer {
	int status; /* 0: none */
	struct bytes head, body;
};

/* To 127.0.0.1. `receive_buffer` octets, or 0 for what the system gives. False: refused. */
bool raw_connect(struct raw *raw, int port, int receive_buffer);
/* The handshake on a connection; false: there is none, and raw->end says how it went. */
bool raw_handshake(struct raw *raw, SSL_CTX *context);
void raw_clear(struct raw *raw);
DEFER_DECLARE_CLEAR(struct raw, raw_clear)

/* False: the other side does not take it any more. */
bool raw_send(struct raw *raw, struct bytes octets);
bool raw_readable(struct raw *raw, int patience_ms); /* octets, or the end */
/* Some more octets into raw->got; false: raw->end says why there are none. */
bool raw_receive(struct raw *raw, int patience_ms);
/* The next answer; of a HEAD, without a body. False: there is no whole one. */
bool raw_answer(struct raw *raw, bool to_head, struct raw_answer *out);
/* Reads on until the connection ends; what came is in raw->got. */
enum raw_end raw_drain(struct raw *raw, int patience_ms);

/* The value of a header of the answer, or "" when it has none. */
void raw_header(const struct raw_answer *answer, const char *name, char *out, size_t out_len);

#endif
