/*
 * ledger_keeper: committed leaves go to the keeper, signatures come back. Internal to db/ledger*.c.
 */
#ifndef DB_LEDGER_KEEPER_H
#define DB_LEDGER_KEEPER_H

#include "db/ledger_core.h"

/* An append on its way to the keeper and back. */
struct flight {
	struct entry **entries; /* that wait for it */
	size_t entry_count;
	struct record *
	    *records; /* by leaf; NULL: nothing is signed for it, its owner may be gone */
	size_t count;
	int64_t first_seq, sent_at_us;
	bool apart; /* as its kind says */
	struct flight *next;
};

/* Finishes what waits for no signature; the rest when the keeper has answered. */
void keeper_hand_over(struct ledger *ledger, struct batch *batch);
void *keeper_receiver(void *ledger);
/* Waits until at most `max` appends are in flight. */
void keeper_wait_for_flights(struct ledger *ledger, size_t max);
/* The signature of `record`; `apart`: it goes with no proposals. */
void keeper_remember(struct ledger *ledger, const struct record *record, bool apart);
void keeper_give_up(struct ledger *ledger, const uint8_t *ref, const char *subject);
void keeper_note(
    struct ledger *ledger, enum leaf_event event, enum error_code code, const char *subject);

#endif
