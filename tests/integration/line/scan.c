/*
 * scan NEEDLES FILE...          whether any of the needles is in any of the files.
 * scan NEEDLES --memory PID...  the same of processes' memory: all that can be read of it.
 *
 * NEEDLES has a needle in each line (tests/support/needles.h). Prints "FILE<tab>NAME" of each that
 * is found, once for each file, and exits with 1 if there is one; with 3 if a file cannot be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/needles.h"

#define LINE_BYTES (2 * NEEDLE_MAX_BYTES + 256)
#define BLOCK_BYTES 65536

_Static_assert(sizeof(off_t) == 8, "addresses are offsets into a process's memory");

struct scan {
	const char *path; /* of what is read now */
	struct needles *set;
	uint32_t *found_in; /* of each needle, the number of the file where it was found last */
	uint32_t file;
	bool found;
	uint64_t octets; /* that were read of this file */
	struct needles_stream *stream;
};

static void
die(const char *what)
{
	(void)fprintf(stderr, "scan: %s: %s\n", what, strerror(errno));
	exit(3);
}

static void
found(void *context, size_t number)
{
	struct scan *scan = context;

	scan->found = true;
	if (scan->found_in[number] == scan->file)
		return;
	scan->found_in[number] = scan->file;
	(void)printf("%s\t%s\n", scan->path, needles_name(scan->set, number));
}

static void
read_needles(struct needles *set, const char *path)
{
	char line[LINE_BYTES];
	FILE *in = fopen(path, "re");

	if (in == NULL)
		die(path);
	while (fgets(line, sizeof line, in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (!needles_add(set, line))
			die(line);
	}
	(void)fclose(in);
	if (needles_count(set) == 0)
		die("no needles");
}

/* `len` octets at `at`; false: they cannot be read to the end. */
static bool
read_range(struct scan *scan, int fd, uint64_t at, uint64_t len)
{
	uint8_t block[BLOCK_BYTES];

	while (len > 0) {
		const size_t want = len < sizeof block ? (size_t)len : sizeof block;
		const ssize_t got = pread(fd, block, want, (off_t)at);

		if (got <= 0)
			return got == 0;
		needles_feed(scan->stream, bytes_of(block, (size_t)got));
		scan->octets += (uint64_t)got;
		at += (uint64_t)got;
		len -= (uint64_t)got;
	}
	return true;
}

static void
begin(struct scan *scan, const char *path)
{
	scan->path = path;
	scan->file++;
	scan->octets = 0;
}

static void
scan_file(struct scan *scan, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	begin(scan, path);
	if (fd < 0 || !read_range(scan, fd, 0, INT64_MAX))
		die(path);
	needles_end(scan->stream);
	(void)close(fd);
}

struct process {
	int memory, pages; /* /proc/PID/mem and pagemap */
	uint64_t page_bytes;
	uint64_t last; /* where what was read last ends: what follows at once belongs to it */
};

/* What the kernel keeps for itself ([vvar] and the like) cannot be read, and is left out. */
static void
scan_pages(struct scan *scan, struct process *process, uint64_t from, uint64_t to)
{
	if (from != process->last)
		needles_end(scan->stream);
	process->last = read_range(scan, process->memory, from, to - from) ? to : 0;
}

/* The pages that the process has: what it only reserved would be read as zeros, gigabytes of them.
 */
static void
scan_mapping(struct scan *scan, struct process *process, uint64_t from, uint64_t to)
{
	uint64_t entries[4096];
	const uint64_t page = process->page_bytes;

	for (uint64_t at = from; at < to; at += COUNT(entries) * page) {
		const uint64_t left = (to - at) / page;
		const size_t count = left < COUNT(entries) ? (size_t)left : COUNT(entries);
		const ssize_t want = (ssize_t)(count * sizeof *entries);

		if (pread(process->pages, entries, (size_t)want, (off_t)(at / page * 8)) != want)
			return;
		for (size_t i = 0; i < count; i++)
			if (entries[i] >> 62 != 0) /* in memory, or swapped out */
				scan_pages(scan, process, at + i * page, at + (i + 1) * page);
	}
}

static FILE *
open_process(struct process *process, const char *pid)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%.20s/mem", pid);
	process->memory = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(path, sizeof path, "/proc/%.20s/pagemap", pid);
	process->pages = open(path, O_RDONLY | O_CLOEXEC);
	process->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	(void)snprintf(path, sizeof path, "/proc/%.20s/maps", pid);
	return process->memory < 0 || process->pages < 0 ? NULL : fopen(path, "re");
}

/* "FROM-TO ...", in hexadecimal. */
static bool
read_mapping(const char *line, uint64_t *out_from, uint64_t *out_to)
{
	char *end = NULL;

	*out_from = strtoull(line, &end, 16);
	if (end == line || *end != '-')
		return false;
	line = end + 1;
	*out_to = strtoull(line, &end, 16);
	return end != line && *end == ' ';
}

static void
scan_memory(struct scan *scan, const char *pid)
{
	struct process process = {0};
	FILE *maps = open_process(&process, pid);
	char line[4096], name[64];
	uint64_t from, to;

	if (maps == NULL)
		die(pid);
	(void)snprintf(name, sizeof name, "process %.20s", pid);
	begin(scan, name);
	while (fgets(line, sizeof line, maps) != NULL) {
		if (!read_mapping(line, &from, &to))
			die(line);
		if (strstr(line, "[vsyscall]") == NULL)
			scan_mapping(scan, &process, from, to);
	}
	needles_end(scan->stream);
	(void)fclose(maps);
	(void)close(process.memory);
	(void)close(process.pages);
	(void)fprintf(stderr, "%s: %" PRIu64 " KiB\n", name, scan->octets / 1024);
	if (scan->octets == 0)
		die(pid);
}

int
main(int argc, char **argv)
{
	DEFER(needles_free) struct needles *set = needles_new();
	DEFER(needles_stream_free) struct needles_stream *stream = NULL;
	DEFER(mem_free) void *found_in = NULL;
	struct scan scan = {.set = set};
	const bool memory = argc > 2 && strcmp(argv[2], "--memory") == 0;

	if (argc < (memory ? 4 : 3))
		die("usage: scan NEEDLES FILE... | NEEDLES --memory PID...");
	read_needles(set, argv[1]);
	found_in = xcalloc(needles_count(set), sizeof *scan.found_in);
	scan.found_in = found_in;
	stream = needles_stream_new(set, found, &scan);
	scan.stream = stream;
	for (int i = memory ? 3 : 2; i < argc; i++)
		(memory ? scan_memory : scan_file)(&scan, argv[i]);
	return scan.found ? 1 : 0;
}
