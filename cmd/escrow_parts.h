/* escrow_parts: what a running service has of escrow: the seats in force, and the shred keys. */
#ifndef CMD_ESCROW_PARTS_H
#define CMD_ESCROW_PARTS_H

#include "api/app.h"
#include "cmd/settings.h"
#include "provisioning/seats.h"
#include "provisioning/shred.h"

struct escrow_parts {
	struct seats *seats;
	struct shred *shred;
	bool erased_again; /* all that was ever erased, since this process began */
	uint32_t told_set; /* whose lost seats are in the log: */
	uint32_t told;
};
/*
 * A cluster of shred keys that is not there now is logged, and no reason not to serve; one of
 * another schema, or that may lose what it committed, is. E_CONFIG_INVALID
 */
MUST_CHECK bool escrow_parts_check(const struct settings *settings, struct error *err);
/* A seat set that is wrong is logged: the service serves, but for batches with escrow. */
MUST_CHECK bool escrow_parts_open(struct escrow_parts *parts, const struct settings *settings,
    struct db *db, const struct issuers *issuers, const struct clock *clock, const struct rng *rng,
    struct error *err);
/* What the API does with them. The rest of `app` is there. */
void escrow_parts_serve(const struct escrow_parts *parts, struct app *app);
void escrow_parts_close(struct escrow_parts *parts);

void escrow_parts_look(struct escrow_parts *parts); /* for a newer seat set, and lost seats */
/* Keys that belong to no record, and disclosures that have expired. */
void escrow_parts_sweep(
    const struct escrow_parts *parts, const struct disclosure_service *disclosures);
/* What is to be erased and is not yet; the first time also what a restored backup brought back. */
void escrow_parts_erase(struct escrow_parts *parts, const struct erasure_service *erasures);

#endif
