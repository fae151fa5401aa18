#include "cmd/escrow_parts.h"

#include "base/log.h"
#include "db/migrate.h"

bool
escrow_parts_check(const struct settings *settings, struct error *err)
{
	DEFER(db_free) struct db *db = NULL;

	if (settings->shred_url[0] == '\0')
		return true;
	db = db_new(&(struct db_options){.url = settings->shred_url,
	    .application = "monikerd",
	    .connections_max = 1,
	    .wait_ms = 5000});
	if (migrate_check_shred(db, err) && db_check_durable(db, err))
		return true;
	if (err->code != E_DATABASE_UNAVAILABLE)
		return false;
	log_error(LOG_LEVEL_WARNING, "service.shred", NULL, err);
	*err = (struct error){0};
	return true;
}

bool
escrow_parts_open(struct escrow_parts *parts, const struct settings *settings, struct db *db,
    const struct issuers *issuers, const struct clock *clock, const struct rng *rng,
    struct error *err)
{
	const bool apart = settings->shred_url[0] != '\0';

	if (!escrow_parts_check(settings, err))
		return false;
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
escrow_parts_serve(const struct escrow_parts *parts, struct app *app)
{
	app->disclosures = (struct disclosure_service){
	    app->db, app->ledger, app->issuers, app->audit, parts->shred, app->clock, app->rng};
	app->erasures =
	    (struct erasure_service){app->db, app->ledger, parts->shred, app->clock, app->rng};
	app->handovers =
	    (struct handover_service){app->db, app->ledger, parts->seats, parts->shred, app->clock};
}

void
escrow_parts_close(struct escrow_parts *parts)
{
	shred_free(parts->shred);
	seats_free(parts->seats);
}

/* Each once: the set stays as it is until another one is published. */
static void
tell_lost(struct escrow_parts *parts)
{
	struct seat_set set;
	uint32_t lost;

	if (!seats_look(parts->seats, &set, &lost))
		return;
	if (set.number != parts->told_set)
		parts->told = 0;
	for (size_t i = 0; i < set.count; i++)
		if ((lost & ~parts->told) >> i & 1)
			log_warning("service.seats",
			    "the key of seat %s %d of set %u is lost: publish a set without it",
			    seat_role_name(set.seats[i].role), set.seats[i].number,
			    (unsigned)set.number);
	parts->told_set = set.number;
	parts->told = lost;
}

void
escrow_parts_look(struct escrow_parts *parts)
{
	struct error err = {0};

	if (!seats_reload(parts->seats, &err))
		log_error(LOG_LEVEL_ERROR, "service.seats", NULL, &err);
	tell_lost(parts);
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

void
escrow_parts_erase(struct escrow_parts *parts, const struct erasure_service *erasures)
{
	struct error err = {0};
	size_t done, back;

	if (erasure_sweep(erasures, !parts->erased_again, &done, &back, &err))
		parts->erased_again = true;
	else
		log_error(LOG_LEVEL_WARNING, "service.erasures", NULL, &err);
	if (back > 0)
		log_warning("service.erasures",
		    "%zu keys that had been erased were there again, and are deleted", back);
	if (done > 0)
		log_info("service.erasures", "carried out %zu that were recorded before", done);
}
