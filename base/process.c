#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MICROSECONDS 1000000

/* Entries of a folder of /proc, "." and ".." left out. */
static int64_t
count_entries(const char *path)
{
	DIR *folder = opendir(path);
	int64_t count = -2;

	if (folder == NULL)
		return 0;
	while (readdir(folder) != NULL)
		count++;
	(void)closedir(folder);
	return count;
}

static void
read_memory(struct process_use *out)
{
	FILE *file = fopen("/proc/self/statm", "re");
	const int64_t page_bytes = sysconf(_SC_PAGESIZE);
	char line[128], *rest;

	if (file == NULL)
		return;
	if (fgets(line, sizeof line, file) != NULL) {
		out->virtual_bytes = strtoll(line, &rest, 10) * page_bytes;
		out->resident_bytes = strtoll(rest, NULL, 10) * page_bytes;
	}
	(void)fclose(file);
}

void
process_look(struct process_use *out)
{
	struct rlimit fds = {0};
	struct timespec cpu = {0};

	*out = (struct process_use){0};
	read_memory(out);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	(void)getrlimit(RLIMIT_NOFILE, &fds);
	out->cpu_us = (int64_t)cpu.tv_sec * MICROSECONDS + cpu.tv_nsec / 1000;
	out->fds = count_entries("/proc/self/fd") - 1; /* without the one that looks */
	out->fds_max = (int64_t)fds.rlim_cur;
	out->threads = count_entries("/proc/self/task");
}
