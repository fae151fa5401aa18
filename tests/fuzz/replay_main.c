/* Replays every file of a corpus through the target, once: the program of all presets but `fuzz`.
 */
#include <dirent.h>
#include <errno.h>

#include "base/file.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20) /* octets */

static int
fail(const char *path, const char *why)
{
	(void)fprintf(stderr, "%s: %s\n", path, why);
	return 1;
}

static int
replay(const char *path)
{
	DEFER(buf_clear_public) struct buf input = {0};
	DEFER(mem_free) uint8_t *exact = NULL;
	struct error err = {0};

	if (!file_read(path, INPUT_MAX, &input, &err))
		return fail(path, err.detail);
	/* In memory of its own length, so that a sanitizer sees a read past the end. */
	exact = xcalloc(1, input.len + (input.len == 0));
	if (input.len > 0)
		memcpy(exact, input.data, input.len);
	(void)printf("%s\n", path);
	(void)fflush(stdout); /* the last line names the input that ended the program */
	return LLVMFuzzerTestOneInput(exact, input.len);
}

int
main(int argc, char **argv)
{
	struct dirent **entries = NULL;
	int found = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
	int count = 0, failed = 0;

	if (argc != 2)
		return fail(argv[0], "one argument: the corpus");
	if (found < 0)
		return fail(argv[1], strerror(errno));
	for (int i = 0; i < found; i++) {
		DEFER(buf_clear_public) struct buf path = {0};

		if (entries[i]->d_name[0] != '.') {
			buf_append_format(&path, "%s/%s", argv[1], entries[i]->d_name);
			failed |= replay(buf_text(&path));
			count++;
		}
		free(entries[i]);
	}
	free(entries);
	return count == 0 ? fail(argv[1], "the corpus is empty") : failed;
}
