/*
 * crl_slot: one shard that a service answers for: the lists in force, and what is known of them.
 *
 * The publisher's thread alone changes it; any thread may ask.
 */
#ifndef CA_CRL_SLOT_H
#define CA_CRL_SLOT_H

#include <pthread.h>

#include "ca/crl.h"
#include "ca/crl_make.h"

struct crl_slot {
	const struct issuer *issuer;
	int shard;
	const char *dir; /* where lists lie and are kept */

	/* Behind the lock: */
	pthread_rwlock_t lock;
	struct crl_view served[CRL_KIND_COUNT];
	int64_t failures;
	enum error_code failing;

	/* Of the thread alone: */
	int64_t status_seq[CRL_KIND_COUNT]; /* that `served` includes */
	int64_t wanted_seq;                 /* of the last change that it should include */
	int64_t next_try_ms, next_full_ms;
	int64_t backoff_ms;
	uint64_t tried; /* the last number taken for lists without the database */
	bool ahead;     /* `served` is newer than the table: made without it */
	bool spooled;   /* `served` includes what is not on record */
	uint64_t turn;  /* of the status index, when that was looked at */
	struct crl_unrecorded *unrecorded; /* made without the database, not in the log yet */
	size_t unrecorded_count;
};

/* `issuer` and `dir` are borrowed. */
struct crl_slot *crl_slot_new(const struct issuer *issuer, int shard, const char *dir);
void crl_slot_free(struct crl_slot *slot);

/* ---- the thread's ---- */

/* Serves and keeps it, then compresses it. Takes *file over; `ours` NULL: another node's. */
void crl_slot_serve(struct crl_slot *slot, enum crl_kind kind, const struct crl_list *list,
    const struct crl_ours *ours, struct crl_file **file);
/* What was made by crl_make() or crl_spooled_make(). */
void crl_slot_serve_made(struct crl_slot *slot, struct crl_made *made);
/* What the last run has kept. */
void crl_slot_load_kept(struct crl_slot *slot);
/* The result of a build; E_NONE: it is made, or another node makes it. */
void crl_slot_note(struct crl_slot *slot, enum error_code failing);
/* `served` was made without the database, and its leaf waits. */
void crl_slot_wait_for_record(struct crl_slot *slot, const struct crl_unrecorded *list);

/* ---- any thread's ---- */

/* Holds the files; number 0: there is none. */
void crl_slot_get(struct crl_slot *slot, enum crl_kind kind, struct crl_view *out);
void crl_slot_state(struct crl_slot *slot, struct crl_state *out);

#endif
