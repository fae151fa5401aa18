/* Keys that were in the main database, moved to one of their own: by `moniker migrate`. */
#include <sodium.h>

#include "base/mem.h"
#include "provisioning/shred.h"
#include "provisioning/shred_move_store.h"
#include "provisioning/shred_store.h"

static struct db *
open_one(const char *url)
{
	return db_new(&(struct db_options){
	    .url = url, .application = "moniker migrate", .connections_max = 1, .wait_ms = 5000});
}

/* First there, then not here any more: cut short in between, it is done again. */
static bool
move_page(struct db *from, struct db *to, struct shred_page *page, struct error *err)
{
	size_t deleted;

	return shred_move_store_read(from, page, err) &&
	       (page->count == 0 ||
		   (shred_move_store_insert(to, page, err) &&
		       shred_store_delete(from, (const uint8_t(*)[SHRED_ID_BYTES])page->ids,
			   page->count, &deleted, err)));
}

static bool
move_all(
    struct db *from, struct db *to, struct shred_page *page, size_t *out_count, struct error *err)
{
	bool flushed;

	do {
		if (!move_page(from, to, page, err))
			return false;
		*out_count += page->count;
	} while (page->count > 0);
	return *out_count == 0 ||
	       (shred_store_rewrite(from, err) && shred_store_flush(from, &flushed, err));
}

bool
shred_move(const char *from_url, const char *to_url, size_t *out_count, struct error *err)
{
	DEFER(db_free) struct db *from = open_one(from_url);
	DEFER(db_free) struct db *to = open_one(to_url);
	DEFER(mem_free) struct shred_page *page = xcalloc(1, sizeof *page);
	bool is_main, done;

	*out_count = 0;
	if (!shred_move_store_is_main(to, &is_main, err))
		return false;
	done = is_main || move_all(from, to, page, out_count, err);
	sodium_memzero(page, sizeof *page);
	return done;
}
