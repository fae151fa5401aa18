/* escrow_parts: what a running service has of escrow: the seats in force, and the shred keys. */
#ifndef CMD_ESCROW_PARTS_H
#define CMD_ESCROW_PARTS_H

#include "cmd/settings.h"
#include "provisioning/disclosure.h"
#include "provisioning/seats.h"
#include "provisioning/shred.h"

struct escrow_parts {
	struct seats *seats;
	struct shred *shred;
};
/* A seat set that is wrong is logged: the service serves, but for batches with escrow. */
MUST_CHECK bool escrow_parts_open(struct escrow_parts *parts, const struct settings *settings,
    struct db *db, const struct issuers *issuers, const struct clock *clock, const struct rng *rng,
    struct error *err);
void escrow_parts_close(struct escrow_parts *parts);

void escrow_parts_look(const struct escrow_parts *parts); /* for a newer seat set */
/* Keys that belong to no record, and disclosures that have expired. */
void escrow_parts_sweep(
    const struct escrow_parts *parts, const struct disclosure_service *disclosures);

#endif
