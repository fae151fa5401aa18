/* handover_store: which records wait for a seat's holder, and the shares that come back. */
#ifndef PROVISIONING_HANDOVER_STORE_H
#define PROVISIONING_HANDOVER_STORE_H

#include "provisioning/handover.h"

struct handover_seat {
	struct seat holder; /* in the set in force */
	bool lost;          /* its key */
	int64_t *old;       /* numbers of the sets before, in which another key has the place */
	size_t old_count;
};
void handover_seat_clear(struct handover_seat *seat);
DEFER_DECLARE_CLEAR(struct handover_seat, handover_seat_clear)
/* Fills in all but the holder. E_INTERNAL: a set in the database is none */
MUST_CHECK bool handover_store_old(
    struct db *db, uint32_t number, struct handover_seat *seat, struct error *err);

#define HANDOVER_LOOK_MAX 20000 /* records that one request looks at */
struct handover_row {
	char origin[HANDOVER_ORIGIN_MAX + 1];
	struct handover_cursor at;
	struct buf wrapped, shares;
	uint8_t shred_id[SHRED_ID_BYTES];
};
struct handover_rows {
	struct handover_row at[HANDOVER_PAGE_MAX];
	size_t count;
	bool more; /* may be there, after: */
	struct handover_cursor next;
};
void handover_rows_free(struct handover_rows *rows);
DEFER_DECLARE(struct handover_rows, handover_rows_free)
/* A part of those that wait; the caller frees *out. */
MUST_CHECK bool handover_store_waiting(struct db *db, const struct handover_seat *seat,
    struct handover_cursor after, struct handover_rows **out, struct error *err);

struct handover_state { /* of shares that were sent */
	int64_t known;  /* records that they name, each once */
	int64_t there;  /* that have a share of this holder */
	int64_t same;   /* the very same one */
};
MUST_CHECK bool handover_store_state(struct tx *tx, const struct handover_seat *seat,
    const struct handover_share *shares, size_t count, struct handover_state *out,
    struct error *err);
/* Those that are not there yet. */
MUST_CHECK bool handover_store_insert(struct tx *tx, const struct handover_seat *seat,
    const struct handover_share *shares, size_t count, int64_t now_s, int64_t *out_count,
    struct error *err);

#endif
