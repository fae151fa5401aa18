/* mem: allocation that cannot fail. Out of memory ends the process; its supervisor restarts it. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/defer.h"

void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull)); /* for who fills it first */
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull)); /* ordinary octets only */
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));

/* free() for DEFER(mem_free) on any pointer type's variable declared as char * or void *. */
void mem_free(void *ptr);
__attribute__((unused)) static inline void
mem_free_p(void *slot) /* NOLINT: the address of any pointer variable */
{
	mem_free(*(void **)slot);
}

#endif
