#include "tests/bench/processes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/bench/report.h"

struct stat_line {
	char name[32];
	long parent, rss_pages;
	long user, system, ended_user, ended_system; /* clock ticks */
};

/* False: it ended meanwhile. */
static bool
read_stat(long pid, struct stat_line *out)
{
	char path[64], text[1024];
	char *name, *rest;
	FILE *file;
	size_t len;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	len = fread(text, 1, sizeof text - 1, file);
	text[len] = '\0';
	(void)fclose(file);
	name = strchr(text, '(');
	rest = strrchr(text, ')');
	if (name == NULL || rest == NULL)
		return false;
	*rest = '\0';
	(void)snprintf(out->name, sizeof out->name, "%s", name + 1);
	return sscanf(rest + 2,
		   "%*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld"
		   " %*d %*d %*d %*d %*u %*u %ld",
		   &out->parent, &out->user, &out->system, &out->ended_user, &out->ended_system,
		   &out->rss_pages) == 6;
}

static void
add_process(long pid, const struct processes *processes, struct usage *out)
{
	const int64_t tick_us = 1000000 / sysconf(_SC_CLK_TCK);
	const int64_t kb_a_page = sysconf(_SC_PAGESIZE) / 1024;
	const bool is_root = pid == processes->supervisor || pid == processes->postmaster;
	struct stat_line line;
	enum part part = SERVICE;

	if (!read_stat(pid, &line))
		return;
	if (!is_root && line.parent != processes->supervisor &&
	    line.parent != processes->postmaster)
		return;
	if (pid == processes->postmaster || line.parent == processes->postmaster)
		part = DATABASE;
	else if (strcmp(line.name, "moniker-keeper") == 0)
		part = KEEPER;
	out->cpu_us[part] += (line.user + line.system) * tick_us;
	if (is_root)
		out->cpu_us[part] += (line.ended_user + line.ended_system) * tick_us;
	out->rss_kb[part] += line.rss_pages * kb_a_page;
	if (pid == processes->supervisor)
		out->supervisor_kb = line.rss_pages * kb_a_page;
}

void
processes_usage(const struct processes *processes, struct usage *out)
{
	DIR *dir = opendir("/proc");
	const struct dirent *entry;

	*out = (struct usage){0};
	if (dir == NULL)
		die("/proc cannot be read");
	while ((entry = readdir(dir)) != NULL) {
		const long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0)
			add_process(pid, processes, out);
	}
	(void)closedir(dir);
}
