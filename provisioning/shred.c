#include "provisioning/shred.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "provisioning/escrow_store.h"
#include "provisioning/shred_store.h"

#define SWEEP_PAGE 1024

struct waiting { /* one call of shred_keep() */
	struct escrow_sealed *const *sealed;
	size_t count;
	bool done;
	struct error err;
	struct waiting *next;
};

struct shred {
	struct db *db, *records;
	const struct clock *clock;
	pthread_t writer;
	bool runs;
	int64_t swept_until_s; /* the sweeping thread's own; 0: nothing yet */

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t queued, finished;
	struct waiting *head, **tail;
	bool stopping;
	uint8_t ids[SHRED_ID_BYTES / 2]; /* the first half of all ids of this process */
	uint64_t count;
};

/* ---- the writer ---- */

/* Calls whose keys are one commit; a call is never split. With the mutex held. */
static struct waiting *
take_some(struct shred *shred, size_t *out_count)
{
	struct waiting *first = shred->head;
	struct waiting *last = first;

	*out_count = first->count;
	while (last->next != NULL && *out_count + last->next->count <= SHRED_COMMIT_MAX) {
		last = last->next;
		*out_count += last->count;
	}
	shred->head = last->next;
	if (shred->head == NULL)
		shred->tail = &shred->head;
	last->next = NULL;
	return first;
}

static void
write_some(struct shred *shred, struct waiting *first, size_t count)
{
	DEFER(mem_free)
	const struct escrow_sealed **all = xcalloc(count, sizeof(struct escrow_sealed *));
	struct error err = {0};
	size_t filled = 0;

	for (struct waiting *call = first; call != NULL; call = call->next)
		for (size_t i = 0; i < call->count; i++)
			all[filled++] = call->sealed[i];
	if (!shred_store_insert(shred->db, all, count, clock_now_s(shred->clock), &err)) {
		log_error(LOG_LEVEL_ERROR, "shred.write", NULL, &err);
		err.code = E_DATABASE_UNAVAILABLE; /* the retry draws new keys */
		err.retry_after_s = 2;
	}
	pthread_mutex_lock(&shred->mutex);
	for (struct waiting *call = first, *next; call != NULL; call = next) {
		next = call->next;
		call->err = err;
		call->done = true;
	}
	pthread_cond_broadcast(&shred->finished);
	pthread_mutex_unlock(&shred->mutex);
}

static void *
writer_main(void *context)
{
	struct shred *shred = context;

	for (;;) {
		struct waiting *first = NULL;
		size_t count = 0;

		pthread_mutex_lock(&shred->mutex);
		while (shred->head == NULL && !shred->stopping)
			pthread_cond_wait(&shred->queued, &shred->mutex);
		if (shred->head != NULL)
			first = take_some(shred, &count);
		pthread_mutex_unlock(&shred->mutex);
		if (first == NULL)
			return NULL;
		write_some(shred, first, count);
	}
}

/* ---- the callers ---- */

bool
shred_new(const struct shred_options *options, struct shred **out, struct error *err)
{
	struct shred *shred = xcalloc(1, sizeof *shred);

	shred->db = db_new(&(struct db_options){.url = options->url,
	    .application = "monikerd shred",
	    .connections_max = 4,
	    .wait_ms = 5000});
	shred->records = options->records;
	shred->clock = options->clock;
	shred->tail = &shred->head;
	rng_fill(options->rng, shred->ids, sizeof shred->ids);
	pthread_mutex_init(&shred->mutex, NULL);
	pthread_cond_init(&shred->queued, NULL);
	pthread_cond_init(&shred->finished, NULL);
	shred->runs = pthread_create(&shred->writer, NULL, writer_main, shred) == 0;
	if (!shred->runs) {
		shred_free(shred);
		return error_set(err, E_INTERNAL, "cannot start a thread");
	}
	*out = shred;
	return true;
}

void
shred_free(struct shred *shred)
{
	if (shred == NULL)
		return;
	pthread_mutex_lock(&shred->mutex);
	shred->stopping = true;
	pthread_cond_signal(&shred->queued);
	pthread_mutex_unlock(&shred->mutex);
	if (shred->runs)
		(void)pthread_join(shred->writer, NULL);
	pthread_cond_destroy(&shred->finished);
	pthread_cond_destroy(&shred->queued);
	pthread_mutex_destroy(&shred->mutex);
	db_free(shred->db);
	free(shred);
}

struct db *
shred_db(struct shred *shred)
{
	return shred->db;
}

/* With the mutex held. */
static void
give_id(struct shred *shred, struct escrow_sealed *sealed)
{
	const uint64_t count = shred->count++;

	memcpy(sealed->shred_id, shred->ids, sizeof shred->ids);
	for (size_t i = 0; i < 8; i++)
		sealed->shred_id[sizeof shred->ids + i] = (uint8_t)(count >> (56 - 8 * i));
}

bool
shred_keep(
    struct shred *shred, struct escrow_sealed *const *sealed, size_t count, struct error *err)
{
	DEFER(mem_free) struct waiting *call = xcalloc(1, sizeof *call);

	call->sealed = sealed;
	call->count = count;
	pthread_mutex_lock(&shred->mutex);
	for (size_t i = 0; i < count; i++)
		give_id(shred, sealed[i]);
	*shred->tail = call;
	shred->tail = &call->next;
	pthread_cond_signal(&shred->queued);
	while (!call->done)
		pthread_cond_wait(&shred->finished, &shred->mutex);
	pthread_mutex_unlock(&shred->mutex);
	if (call->err.code != E_NONE)
		*err = call->err;
	return call->err.code == E_NONE;
}

/* ---- the sweep ---- */

static bool
sweep_page(struct shred *shred, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count,
    size_t *inout_count, struct error *err)
{
	DEFER(mem_free) uint8_t(*orphans)[SHRED_ID_BYTES] = xcalloc(count, SHRED_ID_BYTES);
	size_t orphan_count = 0, deleted = 0;

	if (!escrow_store_orphans(shred->records, ids, count, orphans, &orphan_count, err))
		return false;
	if (orphan_count > 0 &&
	    !shred_store_delete(
		shred->db, (const uint8_t(*)[SHRED_ID_BYTES])orphans, orphan_count, &deleted, err))
		return false;
	*inout_count += deleted;
	return true;
}

/* Of records that went with their part of the log: deleted here before they are forgotten there. */
static bool
sweep_pruned(struct shred *shred, size_t *inout_count, struct error *err)
{
	DEFER(mem_free) uint8_t(*page)[SHRED_ID_BYTES] = xcalloc(SWEEP_PAGE, SHRED_ID_BYTES);
	uint8_t after[SHRED_ID_BYTES] = {0};
	size_t count = SWEEP_PAGE, deleted;

	while (count == SWEEP_PAGE) {
		const uint8_t(*ids)[SHRED_ID_BYTES] = (const uint8_t(*)[SHRED_ID_BYTES])page;

		if (!escrow_store_pruned(shred->records, after, SWEEP_PAGE, page, &count, err))
			return false;
		if (count == 0)
			return true;
		if (!shred_store_delete(shred->db, ids, count, &deleted, err) ||
		    !escrow_store_pruned_done(shred->records, ids, count, err))
			return false;
		memcpy(after, page[count - 1], sizeof after);
		*inout_count += deleted;
	}
	return true;
}

bool
shred_sweep(struct shred *shred, size_t *out_count, struct error *err)
{
	DEFER(mem_free) uint8_t(*page)[SHRED_ID_BYTES] = xcalloc(SWEEP_PAGE, SHRED_ID_BYTES);
	const int64_t until_s = clock_now_s(shred->clock) - SHRED_ORPHAN_AGE_S;
	const int64_t from_s =
	    shred->swept_until_s != 0 ? shred->swept_until_s : until_s - SHRED_SWEEP_BACK_S;
	uint8_t after[SHRED_ID_BYTES] = {0};
	size_t count = SWEEP_PAGE;

	*out_count = 0;
	if (!sweep_pruned(shred, out_count, err))
		return false;
	while (count == SWEEP_PAGE) {
		if (!shred_store_list(
			shred->db, from_s, until_s, after, SWEEP_PAGE, page, &count, err) ||
		    (count > 0 && !sweep_page(shred, (const uint8_t(*)[SHRED_ID_BYTES])page, count,
				      out_count, err)))
			return false;
		if (count > 0)
			memcpy(after, page[count - 1], sizeof after);
	}
	shred->swept_until_s = until_s;
	return true;
}

/* ---- erasure ---- */

bool
shred_delete(struct shred *shred, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count,
    size_t *out_count, struct error *err)
{
	return shred_store_delete(shred->db, ids, count, out_count, err);
}

bool
shred_erase(struct shred *shred, const uint8_t (*ids)[SHRED_ID_BYTES], size_t count,
    size_t *out_count, bool *out_flushed, struct error *err)
{
	return shred_store_delete(shred->db, ids, count, out_count, err) &&
	       shred_store_rewrite(shred->db, err) &&
	       shred_store_flush(shred->db, out_flushed, err);
}
