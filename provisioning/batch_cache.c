#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "provisioning/batch.h"
#include "provisioning/batch_store.h"

#define ENTRIES_MAX 256

/* Facts never change, so an entry leaves only to make room for another. */
struct entry {
	char name[BATCH_NAME_MAX + 1]; /* "": looked up by id */
	struct batch_facts facts;
};

struct batch_cache {
	struct db *db;
	pthread_mutex_t lock;
	struct entry entries[ENTRIES_MAX];
	size_t count;
	size_t oldest;
};

struct batch_cache *
batch_cache_new(struct db *db)
{
	struct batch_cache *cache = xcalloc(1, sizeof *cache);

	cache->db = db;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void
batch_cache_free(struct batch_cache *cache)
{
	if (cache == NULL)
		return;
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static bool
is_wanted(const struct entry *entry, const char *name, int64_t id)
{
	return name != NULL ? strcmp(entry->name, name) == 0 : entry->facts.id == id;
}

static bool
find(struct batch_cache *cache, const char *name, int64_t id, struct batch_facts *out)
{
	bool found = false;

	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < cache->count && !found; i++) {
		found = is_wanted(&cache->entries[i], name, id);
		if (found)
			*out = cache->entries[i].facts;
	}
	pthread_mutex_unlock(&cache->lock);
	return found;
}

static void
keep(struct batch_cache *cache, const char *name, const struct batch_facts *facts)
{
	struct entry entry = {.facts = *facts};

	if (name != NULL)
		memcpy(entry.name, name, strlen(name));
	pthread_mutex_lock(&cache->lock);
	cache->entries[cache->oldest] = entry;
	cache->oldest = (cache->oldest + 1) % ENTRIES_MAX;
	if (cache->count < ENTRIES_MAX)
		cache->count++;
	pthread_mutex_unlock(&cache->lock);
}

bool
batch_cache_get(struct batch_cache *cache, const char *name, int64_t id, struct batch_facts *out,
    struct error *err)
{
	struct batch_facts facts;
	bool found = false;

	if (find(cache, name, id, out))
		return true;
	/* The schema knows no empty or longer name: nothing of the kind is asked or kept. */
	if ((name == NULL ||
		(name[0] != '\0' && strnlen(name, BATCH_NAME_MAX + 1) <= BATCH_NAME_MAX)) &&
	    !batch_store_find_facts(cache->db, name, id, &facts, &found, err))
		return false;
	if (!found)
		return error_set_field(err, E_UNKNOWN_BATCH, "/batch",
		    "there is no batch of this name: an admin opens it first");
	keep(cache, name, &facts);
	*out = facts;
	return true;
}
