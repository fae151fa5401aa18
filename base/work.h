/* work: a small pool of threads for pieces of CPU work that one caller waits for. */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include <stddef.h>

#include "base/defer.h"

struct work_pool;
struct work_pool *work_pool_new(int thread_count);
void work_pool_free(struct work_pool *pool);
DEFER_DECLARE(struct work_pool, work_pool_free)

/* Calls do_item(context, i) for every i < count, on the pool's threads and the caller's; returns
 * when all are done. */
void work_pool_run(
    struct work_pool *pool, size_t count, void (*do_item)(void *context, size_t i), void *context);

#endif
