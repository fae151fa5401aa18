#include "ca/status_notes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "ca/status_notes_store.h"
#include "proof/note.h"

#define PAGES_KEPT 32
#define HELD_BIT 0x80
#define SET_LABEL "MONIKER STATUS SET"

struct kept_page {
	struct status_cursor from;
	int64_t to, issued_s;
	uint8_t after[SHA256_BYTES];
	struct buf note; /* empty: nothing is kept here */
};

struct status_file {
	atomic_int users;
	struct buf octets;
	int64_t seq, issued_s;
	int64_t trust; /* a bundle's: of the authorities and signers that are in it */
	uint64_t turn; /* of what is in force and not on record yet */
	char cursor[STATUS_CURSOR_LEN + 1];
};

struct status_notes {
	struct status_notes_options options;
	char origin[NOTE_NAME_MAX + 1];

	pthread_mutex_t paging; /* held while a page is made: the others wait for it */
	struct kept_page pages[PAGES_KEPT];
	size_t next_page;

	pthread_mutex_t filing;
	struct status_file *set, *bundle; /* NULL: none yet */
};

struct status_notes *
status_notes_new(const struct status_notes_options *options)
{
	struct status_notes *notes = xcalloc(1, sizeof *notes);

	notes->options = *options;
	(void)snprintf(notes->origin, sizeof notes->origin, "%s/status", options->name);
	(void)pthread_mutex_init(&notes->paging, NULL);
	(void)pthread_mutex_init(&notes->filing, NULL);
	return notes;
}

void
status_notes_free(struct status_notes *notes)
{
	if (notes == NULL)
		return;
	for (size_t i = 0; i < PAGES_KEPT; i++)
		buf_clear_public(&notes->pages[i].note);
	status_file_free(notes->set);
	status_file_free(notes->bundle);
	(void)pthread_mutex_destroy(&notes->filing);
	(void)pthread_mutex_destroy(&notes->paging);
	free(notes);
}

void
status_notes_page_clear(struct status_notes_page *page)
{
	buf_clear_public(&page->note);
}

/* ---- pages ---- */

static bool
sign(const struct status_notes *notes, struct bytes text, struct buf *out, struct error *err)
{
	uint8_t public_key[NOTE_PUBLIC_BYTES];

	return keeper_sign_status(notes->options.keeper, text, public_key, out, err);
}

/* One that is as new as what this node knows, or full. */
static struct kept_page *
find_kept(struct status_notes *notes, const struct status_cursor *from, int64_t reached)
{
	const int64_t now_s = clock_now_s(notes->options.clock);

	for (size_t i = 0; i < PAGES_KEPT; i++) {
		struct kept_page *page = &notes->pages[i];

		if (page->note.len > 0 && page->from.seq == from->seq &&
		    memcmp(page->from.mark, from->mark, sizeof from->mark) == 0 &&
		    page->issued_s + STATUS_NOTES_SHARED_S > now_s && page->issued_s <= now_s &&
		    (page->to >= reached || page->to - from->seq == STATUS_LINES_MAX))
			return page;
	}
	return NULL;
}

static bool
make_page(struct status_notes *notes, const struct status_cursor *from, struct kept_page **out,
    struct error *err)
{
	DEFER(buf_clear_public) struct buf lines = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	DEFER(buf_clear_public) struct buf note = {0};
	struct kept_page *kept = &notes->pages[notes->next_page];
	struct status_page page;

	if (!status_notes_read_page(notes->options.db, from, &page, &lines, err))
		return false;
	page.issued_s = clock_now_s(notes->options.clock);
	page.fresh_until_s = page.issued_s + notes->options.fresh_s;
	status_page_encode(&page, notes->origin, &text);
	if (!sign(notes, buf_bytes(&text), &note, err))
		return false;
	notes->next_page = (notes->next_page + 1) % PAGES_KEPT;
	buf_clear_public(&kept->note);
	*kept = (struct kept_page){
	    .from = *from, .to = page.to, .issued_s = page.issued_s, .note = note};
	memcpy(kept->after, page.after, sizeof kept->after);
	note = (struct buf){0};
	*out = kept;
	return true;
}

bool
status_notes_page(struct status_notes *notes, const char *cursor, struct status_notes_page *out,
    struct error *err)
{
	struct status_cursor from = {0};
	struct status_index_place place;
	struct kept_page *page;
	int64_t as_of_s;
	bool made = true;

	if (cursor != NULL && !status_cursor_parse(bytes_of_text(cursor), &from, err)) {
		err->pointer = "/after";
		return false;
	}
	status_index_place(notes->options.statuses, &place, &as_of_s);
	if (place.seq - from.seq > STATUS_NOTES_BEHIND_MAX)
		return error_set(
		    err, E_CURSOR_GONE, "more than %d changes behind", STATUS_NOTES_BEHIND_MAX);
	(void)pthread_mutex_lock(&notes->paging);
	page = find_kept(notes, &from, place.seq);
	if (page == NULL)
		made = make_page(notes, &from, &page, err);
	if (made) {
		buf_append(&out->note, buf_bytes(&page->note));
		out->to = page->to;
		out->empty = page->to == from.seq;
		status_cursor_encode(out->cursor, page->to, page->after);
	}
	(void)pthread_mutex_unlock(&notes->paging);
	return made;
}

/* ---- files ---- */

struct bytes
status_file_bytes(const struct status_file *file)
{
	return buf_bytes(&file->octets);
}

const char *
status_file_cursor(const struct status_file *file)
{
	return file->cursor;
}

void
status_file_free(struct status_file *file)
{
	if (file == NULL || atomic_fetch_sub(&file->users, 1) > 1)
		return;
	buf_clear_public(&file->octets);
	free(file);
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, STATUS_ISSUER_BYTES);
}

static int
compare_entries(const void *a, const void *b)
{
	const struct status_entry *one = a, *other = b;
	const int order = memcmp(one->issuer, other->issuer, ISSUER_ID_BYTES);

	return order != 0 ? order : memcmp(one->serial, other->serial, SERIAL_BYTES);
}

static bool
number_issuers(
    const struct status_index_snapshot *snapshot, struct status_head *head, struct error *err)
{
	for (size_t i = 0; i < snapshot->count; i++) {
		const uint8_t *id = snapshot->entries[i].issuer;

		if (i > 0 && memcmp(snapshot->entries[i - 1].issuer, id, ISSUER_ID_BYTES) == 0)
			continue;
		if (bsearch(id, head->issuers, head->issuer_count, STATUS_ISSUER_BYTES,
			compare_ids) != NULL)
			continue;
		if (head->issuer_count == STATUS_ISSUERS_MAX)
			return error_set(err, E_INTERNAL, "too many issuers for a status set");
		memcpy(head->issuers[head->issuer_count++], id, STATUS_ISSUER_BYTES);
	}
	return true;
}

/* The entries are sorted, and so are the issuers then. */
static void
put_records(const struct status_index_snapshot *snapshot, struct buf *out)
{
	uint8_t number = 0;

	buf_reserve(out, snapshot->count * STATUS_RECORD_BYTES);
	for (size_t i = 0; i < snapshot->count; i++) {
		const struct status_entry *entry = &snapshot->entries[i];
		const unsigned held = entry->state == CERTIFICATE_HELD ? HELD_BIT : 0;

		if (i > 0 &&
		    memcmp(snapshot->entries[i - 1].issuer, entry->issuer, ISSUER_ID_BYTES) != 0)
			number++;
		buf_append_u8(out, number);
		buf_append(out, bytes_of(entry->serial, SERIAL_BYTES));
		buf_append_u8(out, (uint8_t)(held | (unsigned)entry->reason));
		buf_append_u32(out, (uint32_t)entry->at_s);
	}
}

/* As fresh as what it rests on: while the database is away, that stands still. */
static bool
make_set(struct status_notes *notes, struct status_file *out, struct error *err)
{
	DEFER(status_index_snapshot_clear) struct status_index_snapshot snapshot = {0};
	DEFER(buf_clear_public) struct buf records = {0};
	DEFER(buf_clear_public) struct buf text = {0};
	struct status_head head = {0};

	status_index_snapshot(notes->options.statuses, &snapshot);
	qsort(snapshot.entries, snapshot.count, sizeof *snapshot.entries, compare_entries);
	if (!number_issuers(&snapshot, &head, err))
		return false;
	put_records(&snapshot, &records);
	head.seq = snapshot.place.seq;
	memcpy(head.hash, snapshot.place.hash, sizeof head.hash);
	head.issued_s = clock_now_s(notes->options.clock);
	head.fresh_until_s = snapshot.as_of_s + notes->options.fresh_s;
	head.count = (int64_t)snapshot.count;
	sha256(buf_bytes(&records), head.sha256);
	if (head.fresh_until_s < head.issued_s)
		return error_set(err, E_DATABASE_UNAVAILABLE, "the status is too old to be told");
	status_head_encode(&head, notes->origin, &text);
	if (!sign(notes, buf_bytes(&text), &out->octets, err))
		return false;
	buf_append(&out->octets, buf_bytes(&records));
	out->seq = head.seq;
	out->turn = snapshot.turn;
	out->issued_s = head.issued_s;
	status_cursor_encode(out->cursor, head.seq, head.hash);
	return true;
}

static void
put_certificates(const struct issuers *issuers, enum issuer_kind kind, struct buf *out)
{
	for (size_t i = 0; i < issuers_count(issuers); i++) {
		const struct issuer *issuer = issuers_at(issuers, i);

		if (issuer->kind == kind && issuer_state(issuer) != ISSUER_RETIRED)
			pem_encode(out, "CERTIFICATE", buf_bytes(&issuer->der));
	}
}

static bool
make_bundle(struct status_notes *notes, const struct status_file *set, struct status_file *out,
    struct error *err)
{
	out->trust = issuers_version(notes->options.issuers); /* before: at worst made once more */
	put_certificates(notes->options.issuers, ISSUER_DEVICE_ROOT, &out->octets);
	put_certificates(notes->options.issuers, ISSUER_DEVICE_CA, &out->octets);
	put_certificates(notes->options.issuers, ISSUER_PSEUDONYM_CA, &out->octets);
	if (!status_notes_read_signers(notes->options.db, &out->octets, err))
		return false;
	pem_encode(&out->octets, SET_LABEL, buf_bytes(&set->octets));
	out->seq = set->seq;
	out->turn = set->turn;
	out->issued_s = set->issued_s;
	memcpy(out->cursor, set->cursor, sizeof out->cursor);
	return true;
}

static struct status_file *
file_new(void)
{
	struct status_file *file = xcalloc(1, sizeof *file);

	atomic_init(&file->users, 1);
	return file;
}

static bool
is_current(const struct status_notes *notes, const struct status_file *file)
{
	const int64_t now_s = clock_now_s(notes->options.clock);
	struct status_index_place place;
	int64_t as_of_s;

	status_index_place(notes->options.statuses, &place, &as_of_s);
	return file != NULL && file->seq == place.seq &&
	       file->turn == status_index_turn(notes->options.statuses) &&
	       file->issued_s <= now_s && file->issued_s + STATUS_NOTES_SHARED_S > now_s;
}

static bool
refresh_set_locked(struct status_notes *notes, struct error *err)
{
	DEFER(status_file_free) struct status_file *made = NULL;

	if (is_current(notes, notes->set))
		return true;
	made = file_new();
	if (!make_set(notes, made, err))
		return false;
	status_file_free(notes->set);
	notes->set = TAKE(made);
	return true;
}

static bool
refresh_bundle_locked(struct status_notes *notes, struct error *err)
{
	DEFER(status_file_free) struct status_file *made = NULL;

	if (is_current(notes, notes->bundle) &&
	    notes->bundle->trust == issuers_version(notes->options.issuers))
		return true;
	made = file_new();
	if (!refresh_set_locked(notes, err) || !make_bundle(notes, notes->set, made, err))
		return false;
	status_file_free(notes->bundle);
	notes->bundle = TAKE(made);
	return true;
}

bool
status_notes_set(struct status_notes *notes, struct status_file **out, struct error *err)
{
	bool there;

	(void)pthread_mutex_lock(&notes->filing);
	there = refresh_set_locked(notes, err);
	if (there) {
		(void)atomic_fetch_add(&notes->set->users, 1);
		*out = notes->set;
	}
	(void)pthread_mutex_unlock(&notes->filing);
	return there;
}

bool
status_notes_bundle(struct status_notes *notes, struct status_file **out, struct error *err)
{
	bool there;

	(void)pthread_mutex_lock(&notes->filing);
	there = refresh_bundle_locked(notes, err);
	if (there) {
		(void)atomic_fetch_add(&notes->bundle->users, 1);
		*out = notes->bundle;
	}
	(void)pthread_mutex_unlock(&notes->filing);
	return there;
}
