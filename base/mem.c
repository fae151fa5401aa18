#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void *
xcalloc(size_t count, size_t size)
{
	void *mem = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (mem == NULL)
		abort();
	return mem;
}

void *
xmalloc(size_t size)
{
	void *mem = malloc(size > 0 ? size : 1);

	if (mem == NULL)
		abort();
	return mem;
}

void *
xrealloc(void *old, size_t size)
{
	void *mem = realloc(old, size > 0 ? size : 1);

	if (mem == NULL)
		abort();
	return mem;
}

char *
xstrdup(const char *text)
{
	const size_t len = strlen(text);
	char *copy = xcalloc(len + 1, 1);

	memcpy(copy, text, len);
	return copy;
}

void
mem_free(void *ptr)
{
	free(ptr);
}
