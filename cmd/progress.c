#include "cmd/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define EVERY_MS 1000
#define ERASE_LINE "\r\033[K"

struct progress
progress_begin(void)
{
	return (struct progress){
	    .shows = isatty(STDERR_FILENO) == 1, .told_at_ms = clock_monotonic_ms()};
}

void
progress_tell(struct progress *progress, const char *what, uint64_t done, uint64_t of)
{
	const int64_t now_ms = clock_monotonic_ms();

	if (!progress->shows || now_ms - progress->told_at_ms < EVERY_MS)
		return;
	progress->told = true;
	progress->told_at_ms = now_ms;
	(void)fprintf(stderr, ERASE_LINE "%llu ", (unsigned long long)done);
	if (of > 0)
		(void)fprintf(stderr, "of %llu ", (unsigned long long)of);
	(void)fprintf(stderr, "%s", what);
	(void)fflush(stderr);
}

void
progress_end(struct progress *progress)
{
	if (progress->told)
		(void)fputc('\n', stderr);
	progress->told = false;
}
