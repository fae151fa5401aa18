/*
 * fuzz: what every target shares. A target is fed by libFuzzer (preset `fuzz`) or, in all other
 * presets, by replay_main.c with its corpus.
 *
 * Targets hold a parser to its contract: true with an object that keeps its promises, or false with
 * an error that says why.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"

/* Its result is always 0: every input is worth keeping. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program: libFuzzer writes the input beside it, replay_main.c has named it. */
#define MUST(condition)                                                                       \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                              \
		}                                                                             \
	} while (0)

/* A fallible function's value and its error belong together; the value is passed on. */
static inline bool
fuzz_verdict(bool good, const struct error *err)
{
	MUST(good == (err->code == E_NONE));
	MUST(good || (err->site != NULL && err->detail[0] != '\0'));
	for (const char *c = err->detail; *c != '\0'; c++)
		MUST(*c >= ' ' && *c <= '~');
	return good;
}

/* Takes one octet off the front, for a target that has to choose; 0 where there is none. */
static inline uint8_t
fuzz_take(struct bytes *in)
{
	uint8_t first = 0;

	if (in->len == 0)
		return first;
	first = in->data[0];
	*in = bytes_of(in->data + 1, in->len - 1);
	return first;
}

/* A run of octets whose length stands before it, in two octets; what is there, if there is less. */
static inline struct bytes
fuzz_take_run(struct bytes *in)
{
	size_t len = fuzz_take(in);
	struct bytes run;

	len = len << 8 | fuzz_take(in);
	run = bytes_of(in->data, len < in->len ? len : in->len);
	*in = bytes_of(in->data + run.len, in->len - run.len);
	return run;
}

static inline bool
fuzz_inside(struct bytes part, struct bytes whole)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

#endif
