#include "cmd/database.h"

#include "ca/certificate_store.h"
#include "db/db_metrics.h"
#include "db/migrate.h"

bool
database_open(const struct settings *settings, const struct clock *clock, struct database *out,
    struct error *err)
{
	out->metrics = db_metrics_new();
	out->db = db_new(&(struct db_options){.url = settings->database_url,
	    .application = "monikerd",
	    .connections_max = (int)settings->database_connections,
	    .wait_ms = 5000,
	    .metrics = out->metrics});
	return migrate_check(out->db, err) && db_check_durable(out->db, err) &&
	       issuers_load(out->db, settings->public_http_url, &out->issuers, err) &&
	       certificate_ensure_partitions(out->db, clock_now_s(clock), err);
}

void
database_clear(struct database *database)
{
	issuers_free(database->issuers);
	db_free(database->db);
	metrics_free(database->metrics);
	*database = (struct database){0};
}
