/* progress: how far long work is, on one line of a terminal, once a second at most. */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shows; /* standard error is a terminal */
	bool told;
	int64_t told_at_ms;
};
struct progress progress_begin(void);
/* "12 of 40 rows"; `of` 0: how many there are is not known. */
void progress_tell(struct progress *progress, const char *what, uint64_t done, uint64_t of);
/* Ends the line, where there is one. */
void progress_end(struct progress *progress);

#endif
