#include "cmd/escrow_parts.h"

bool
escrow_parts_open(struct escrow_parts *parts, const struct settings *settings, struct db *db,
    const struct issuers *issuers, const struct clock *clock, const struct rng *rng,
    struct error *err)
{
	const bool apart = settings->shred_url[0] != '\0';

	parts->seats = seats_new(db, issuers);
	escrow_parts_look(parts);
	return shred_new(
	    &(struct shred_options){.url = apart ? settings->shred_url : settings->database_url,
		.records = db,
		.clock = clock,
		.rng = rng},
	    &parts->shred, err);
}

void
escrow_parts_close(struct escrow_parts *parts)
{
	shred_free(parts->shred);
	seats_free(parts->seats);
}

void
escrow_parts_look(const struct escrow_parts *parts)
{
	struct error err = {0};

	if (!seats_reload(parts->seats, &err))
		log_error(LOG_LEVEL_ERROR, "service.seats", NULL, &err);
}

void
escrow_parts_sweep(const struct escrow_parts *parts, const struct disclosure_service *disclosures)
{
	struct error err = {0};
	size_t count = 0;

	if (!shred_sweep(parts->shred, &count, &err))
		log_error(LOG_LEVEL_WARNING, "service.shred", NULL, &err);
	if (count > 0)
		log_info("service.shred", "swept %zu keys that belong to no record", count);
	err = (struct error){0};
	if (!disclosure_sweep(disclosures, &count, &err))
		log_error(LOG_LEVEL_WARNING, "service.disclosures", NULL, &err);
}
