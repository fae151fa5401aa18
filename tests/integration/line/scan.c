/*
 * scan NEEDLES FILE...: whether any of the needles is in any of the files. A line of NEEDLES is the
 * octets in hexadecimal, a tab, and a name. Prints "FILE<tab>NAME" of each that is found, once, and
 * exits with 1 if there is one. All files are read once, whatever the number of needles.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 6 /* of each needle, by which it is looked up: the shortest has so many */
#define SLOT_BITS 24
#define LINE_MAX_LEN 8192

struct needle {
	uint8_t *octets;
	size_t len;
	char *name;
	struct needle *next; /* of the same slot */
	const char *found_in;
};

static struct needle **slots;

static uint32_t
slot_of(const uint8_t *octets)
{
	uint64_t head = 0;

	memcpy(&head, octets, HEAD_BYTES);
	return (uint32_t)(head * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SLOT_BITS));
}

static void
die(const char *what)
{
	(void)fprintf(stderr, "scan: %s\n", what);
	exit(3);
}

static void
add_needle(char *line)
{
	struct needle *needle = calloc(1, sizeof *needle);
	char *tab = strchr(line, '\t');
	uint32_t slot;

	if (needle == NULL || tab == NULL || (tab - line) % 2 != 0)
		die("a needle is malformed");
	needle->len = (size_t)(tab - line) / 2;
	needle->octets = malloc(needle->len + 1);
	needle->name = strdup(tab + 1);
	if (needle->len < HEAD_BYTES || needle->octets == NULL || needle->name == NULL)
		die("a needle is too short");
	for (size_t i = 0; i < needle->len; i++)
		if (sscanf(line + 2 * i, "%2hhx", &needle->octets[i]) != 1)
			die("a needle is not in hexadecimal");
	slot = slot_of(needle->octets);
	needle->next = slots[slot];
	slots[slot] = needle;
}

static size_t
read_needles(const char *path)
{
	static char line[LINE_MAX_LEN];
	FILE *in = fopen(path, "r");
	size_t count = 0;

	slots = calloc((size_t)1 << SLOT_BITS, sizeof *slots);
	if (in == NULL || slots == NULL)
		die("the needles cannot be read");
	for (; fgets(line, sizeof line, in) != NULL; count++) {
		line[strcspn(line, "\n")] = '\0';
		add_needle(line);
	}
	(void)fclose(in);
	return count;
}

static bool
scan_octets(const char *path, const uint8_t *data, size_t len)
{
	bool found = false;

	for (size_t i = 0; i + HEAD_BYTES <= len; i++)
		for (struct needle *needle = slots[slot_of(data + i)]; needle != NULL;
		     needle = needle->next) {
			if (needle->found_in == path || needle->len > len - i ||
			    memcmp(data + i, needle->octets, needle->len) != 0)
				continue;
			needle->found_in = path;
			found = true;
			(void)printf("%s\t%s\n", path, needle->name);
		}
	return found;
}

static bool
scan_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *data;
	bool found;

	if (fd < 0 || fstat(fd, &status) != 0)
		die(path);
	if (status.st_size == 0) {
		(void)close(fd);
		return false;
	}
	data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		die(path);
	found = scan_octets(path, data, (size_t)status.st_size);
	(void)munmap(data, (size_t)status.st_size);
	(void)close(fd);
	return found;
}

int
main(int argc, char **argv)
{
	bool found = false;

	if (argc < 3 || read_needles(argv[1]) == 0)
		die("usage: scan NEEDLES FILE...");
	for (int i = 2; i < argc; i++)
		found = scan_file(argv[i]) || found;
	return found ? 1 : 0;
}
