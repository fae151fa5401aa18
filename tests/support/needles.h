/*
 * needles: many strings of octets, looked for at once in streams of any length.
 *
 * A stream costs a look at a bit for each octet, whatever the number of needles: the bits say which
 * windows of NEEDLE_HEAD_BYTES begin a needle. Memory is that of the needles, 4 MiB for the bits,
 * and one window for each stream.
 */
#ifndef TESTS_SUPPORT_NEEDLES_H
#define TESTS_SUPPORT_NEEDLES_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/mem.h"

#define NEEDLE_HEAD_BYTES 6 /* the shortest needle */
#define NEEDLE_MAX_BYTES 1024

struct needles;

struct needles *needles_new(void);
void needles_free(struct needles *set);
DEFER_DECLARE(struct needles, needles_free)

/*
 * Adds a line as needles.py writes it: octets in hexadecimal, a tab, a name. False: it is not one,
 * or too short or too long. Not after a stream has begun.
 */
MUST_CHECK bool needles_add(struct needles *set, const char *line);
size_t needles_count(const struct needles *set);
/* The name of the needle with this number, borrowed from the set. */
const char *needles_name(const struct needles *set, size_t number);

/* Told of each place where a needle begins. */
typedef void (*needles_found_fn)(void *context, size_t number);

/* What is read of one stream; borrows the set. */
struct needles_stream;
struct needles_stream *needles_stream_new(
    const struct needles *set, needles_found_fn found, void *context);
void needles_stream_free(struct needles_stream *stream);
DEFER_DECLARE(struct needles_stream, needles_stream_free)

void needles_feed(struct needles_stream *stream, struct bytes octets);
/* The stream ends here; what is fed from now on is another one. */
void needles_end(struct needles_stream *stream);

#endif
