#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
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
	long long pages = 0, resident = 0;

	if (file == NULL)
		return;
	if (fscanf(file, "%lld %lld", &pages, &resident) == 2) {
		out->virtual_bytes = pages * page_bytes;
		out->resident_bytes = resident * page_bytes;
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
