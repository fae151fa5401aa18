/*
 * handover: a seat changes hands. What was sealed to those who held it before is sealed again,
 * offline, to who holds it now, by any seat of the same role that opens it.
 *
 * The service hands out one role's shares, never a ciphertext, and keeps what comes back, one share
 * for each holder of the seat, never written over. It cannot see what is in a share: one that is
 * wrong is found when it does not open, and all others stay as they are.
 */
#ifndef PROVISIONING_HANDOVER_H
#define PROVISIONING_HANDOVER_H

#include "base/clock.h"
#include "db/ledger.h"
#include "provisioning/escrow.h"
#include "provisioning/seats.h"
#include "provisioning/shred.h"

#define HANDOVER_PAGE_MAX 100 /* shares of one call, either way */
#define HANDOVER_ORIGIN_MAX 128

struct handover_service {
	struct db *db;
	struct ledger *ledger;
	struct seats *seats;
	struct shred *shred;
	const struct clock *clock;
};

struct handover_place { /* in the set in force; `actor`, who has its role, asks */
	enum seat_role role;
	int seat;
	const char *actor;
};

struct handover_cursor { /* a record's place; -1, -1: before all */
	int64_t log, seq;
};
struct handover_item { /* one role's part of a record */
	char origin[HANDOVER_ORIGIN_MAX + 1];
	int64_t seq;
	struct buf header, group;
	struct buf
	    shares; /* sealed again before, of any seat of the role: key(32) sealed(112) each */
};
struct handover_page {
	struct seat_set set; /* in force */
	struct buf signature;
	struct handover_item *items;
	size_t count;
	bool more; /* after: */
	struct handover_cursor next;
};
void handover_page_clear(struct handover_page *page);
DEFER_DECLARE_CLEAR(struct handover_page, handover_page_clear)

/*
 * Records whose share waits for who holds the seat, at most HANDOVER_PAGE_MAX, or none before the
 * last page; if there are any, the leaf seat.export before they go out. Those that are erased, or
 * damaged, are passed over.
 * E_NOT_FOUND        the set in force has no such seat
 * E_STATE_CONFLICT   no set is in force, the key that the seat has in it is lost, or nobody else
 *                    ever held the seat
 */
MUST_CHECK bool handover_fetch(const struct handover_service *service,
    const struct handover_place *place, struct handover_cursor after, struct handover_page *out,
    struct error *err);

struct handover_share {
	struct bytes origin;
	int64_t seq;
	uint8_t sealed[ESCROW_SEALED_SHARE_BYTES];
};
/*
 * Keeps them, with a leaf seat.reseal that commits to all of them. *out_kept: how many were new;
 * the same again is fine. E_NOT_FOUND        as above E_STATE_CONFLICT   as above; another set is
 * in force than `number`; one is there twice, or names no record of a former holder, or this holder
 * has another share of its record
 */
MUST_CHECK bool handover_keep(const struct handover_service *service,
    const struct handover_place *place, uint32_t number, const struct handover_share *shares,
    size_t count, size_t *out_kept, struct error *err);

const struct stmt *const *handover_statements(void);

#endif
