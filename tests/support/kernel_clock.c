/*
 * libkernel_clock.so: what the kernel says of its clock, for one program (LD_PRELOAD). With
 * KERNEL_CLOCK=lost nothing keeps it right, as on a machine without a time daemon; else something
 * does.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

int
adjtimex(struct timex *state)
{
	const char *said = getenv("KERNEL_CLOCK");
	const int lost = said != NULL && strcmp(said, "lost") == 0;

	state->status = lost ? STA_UNSYNC : 0;
	return lost ? TIME_ERROR : TIME_OK;
}
