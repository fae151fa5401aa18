/* process: what this process takes of the machine, as the kernel counts it. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdint.h>

struct process_use {
	int64_t cpu_us; /* of all threads, user and system, since its start */
	int64_t resident_bytes, virtual_bytes;
	int64_t fds, fds_max; /* open file descriptors, and how many may be */
	int64_t threads;
};
/* What cannot be read is 0. */
void process_look(struct process_use *out);

#endif
