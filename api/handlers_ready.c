/* Readiness: each component by its own look, and warnings of what will lapse. */
#include <stdio.h>

#include "api/handlers.h"
#include "api/shapes.h"
#include "audit/inspection.h"
#include "base/mem.h"
#include "ca/certificate_store.h"
#include "provisioning/revoke_later.h"

#define CRL_AGE_MAX_S (2 * 3600) /* rebuilt every hour */
#define CHECKPOINT_AGE_MAX_S 180 /* a heartbeat every 60 s */

static void
put_component(json_t *components, const char *name, bool *all, bool ready, const char *detail)
{
	*all = *all && ready;
	(void)json_object_set_new(components, name,
	    json_pack("{s:b, s:s*}", "ready", ready, "detail",
		detail != NULL && detail[0] != '\0' ? detail : NULL));
}

static void
look_at_keeper(const struct app *app, json_t *components, bool *all)
{
	bool alive = false;

	(void)keeper_client_generation(app->keeper, &alive);
	put_component(components, "keeper", all, alive, alive ? NULL : "it does not answer");
}

static void
look_at_database(const struct app *app, json_t *components, bool *all)
{
	struct error err = {0};
	int months = -1;
	const bool up = certificate_months_ahead(app->db, clock_now_s(app->clock), &months, &err);

	put_component(components, "database", all, up, up ? NULL : err.detail);
	put_component(components, "partitions", all, up && months >= 1,
	    up && months >= 1 ? NULL : "less than a month ahead");
}

static void
look_at_log(const struct app *app, json_t *components, bool *all)
{
	const int64_t age_s = audit_checkpoint_age_s(app->audit);
	struct ledger_status status;

	ledger_status(app->ledger, &status);
	put_component(components, "ledger", all, status.ready, status.why_not);
	put_component(components, "checkpoint", all, age_s >= 0 && age_s <= CHECKPOINT_AGE_MAX_S,
	    age_s < 0                      ? "none yet"
	    : age_s > CHECKPOINT_AGE_MAX_S ? "stale"
					   : NULL);
}

/* Without a quorum the line goes on: what its absence holds back is the checkpoint, which is looked
 * at above. */
static void
look_at_witnesses(const struct app *app, json_t *components, bool *all)
{
	DEFER(mem_free) struct cosign_health *health = xcalloc(1, sizeof *health);
	char detail[256];
	int len;

	if (!audit_witnesses(app->audit, health))
		return;
	len = snprintf(detail, sizeof detail, "%s",
	    health->contradicted  ? "contradicted"
	    : !health->has_quorum ? "no quorum"
				  : "");
	for (size_t i = 0; i < health->count; i++)
		if (!health->witnesses[i].cosigned && len >= 0 && (size_t)len < sizeof detail)
			len += snprintf(detail + len, sizeof detail - (size_t)len, "%s%.32s: %.60s",
			    len > 0 ? "; " : "", health->witnesses[i].name,
			    health->witnesses[i].why);
	put_component(components, "witnesses", all, true, detail);
}

/* The one whose last build failed, if there is any. */
static bool
find_failing(const struct app *app, struct crl_state *out)
{
	for (size_t i = 0; crl_at(app->crls, i, out); i++)
		if (out->failing != E_NONE)
			return true;
	return false;
}

/* A failed build is told at once; the service is unready when its lists are old. */
static void
look_at_crls(const struct app *app, json_t *components, bool *all)
{
	const int64_t oldest_s = crl_oldest_update_s(app->crls);
	const bool fresh = oldest_s > 0 && clock_now_s(app->clock) - oldest_s <= CRL_AGE_MAX_S;
	struct crl_state failing;
	char detail[128] = "";

	if (find_failing(app, &failing))
		(void)snprintf(detail, sizeof detail, "building %s/%04d fails: %s",
		    failing.issuer->id_text, failing.shard, error_info(failing.failing)->name);
	else if (!fresh)
		(void)snprintf(
		    detail, sizeof detail, oldest_s == 0 ? "one is missing" : "one is stale");
	put_component(components, "crl", all, fresh, detail);
}

/* It answers all the same: this says that what it answers by is old. */
static void
look_at_statuses(const struct app *app, json_t *components, bool *all)
{
	struct status_index_health health;
	char detail[64] = "";
	bool current;

	status_index_health(app->statuses, &health);
	current = health.age_ms <= STATUS_INDEX_LATE_MS;
	if (!current)
		(void)snprintf(
		    detail, sizeof detail, "%lld s old", (long long)(health.age_ms / 1000));
	put_component(components, "status", all, current, detail);
}

/* Those that the audit log's watch alone looks at. */
static void
look_at_watched(const struct app *app, json_t *components, bool *all)
{
	static const struct watched {
		enum component_id id;
		const char *detail;
	} WATCHED[] = {
	    {COMPONENT_DISK, "no room"},
	    {COMPONENT_CLOCK, "behind what it was"},
	    {COMPONENT_PUBLISHER, "what is signed is not published"},
	};
	int64_t down_s;

	for (size_t i = 0; i < COUNT(WATCHED); i++)
		if (audit_component(app->audit, WATCHED[i].id, &down_s))
			put_component(components, component_name(WATCHED[i].id), all, down_s == 0,
			    down_s == 0 ? NULL : WATCHED[i].detail);
}

/* A receiver that is away makes nobody else wait. */
static void
look_at_forwarding(const struct app *app, json_t *components, bool *all)
{
	struct forward_health health;
	char detail[64] = "";

	if (!audit_forwarding(app->audit, &health))
		return;
	if (health.failing)
		(void)snprintf(detail, sizeof detail, "it fails: %llu leaves behind",
		    (unsigned long long)health.lag);
	put_component(components, "forwarder", all, true, detail);
}

/* What was changed behind its back does not stop the service: the log names it. */
static void
look_at_inspection(const struct app *app, json_t *components, bool *all)
{
	struct inspection_health health;
	char detail[96] = "";

	if (!inspection_health(app->inspection, &health))
		return;
	if (health.faults > 0)
		(void)snprintf(detail, sizeof detail,
		    "%lld stored things are not what the log commits to: see data.fault",
		    (long long)health.faults);
	else if (health.failing != E_NONE)
		(void)snprintf(
		    detail, sizeof detail, "it fails: %s", error_info(health.failing)->name);
	put_component(components, "inspection", all, true, detail);
}

/* What waits holds all the same. A spool that is damaged may not say all that was accepted. */
static void
look_at_spool(const struct app *app, json_t *components, bool *all)
{
	struct revoke_later_health health;
	char detail[64] = "";

	revoke_later_health(app->revocation.later, &health);
	if (health.count > 0)
		(void)snprintf(
		    detail, sizeof detail, "%zu revocations wait for their record", health.count);
	put_component(
	    components, "spool", all, !health.damaged, health.damaged ? "damaged" : detail);
}

/* What is not copied is lost with the database, if that is ever restored from a backup. */
static void
look_at_copy(const struct app *app, json_t *components, bool *all)
{
	struct status_copy_health health;
	char detail[64] = "";

	status_copy_health(app->copy, &health);
	if (health.behind > 0)
		(void)snprintf(detail, sizeof detail, "%zu changes are not copied", health.behind);
	put_component(components, "copy", all, !health.damaged && health.behind == 0,
	    health.damaged ? "damaged" : detail);
}

static void
look_at_ocsp(const struct app *app, json_t *components, bool *all)
{
	struct ocsp_signers_health health;

	ocsp_health(app->ocsp, &health);
	put_component(components, "ocsp", all, health.missing == 0,
	    health.missing == 0 ? NULL : "an authority has no responder");
}

/* What lapses is told ahead, and makes the service unready only when it has lapsed. */
static json_t *
look_at_expiries(const struct app *app, json_t *components, bool *all)
{
	DEFER(mem_free) struct expiry *list = xcalloc(EXPIRY_MAX, sizeof *list);
	const int64_t now_s = clock_now_s(app->clock);
	json_t *warnings = json_array();
	struct error err = {0};
	const char *lapsed = NULL;
	size_t count = 0;

	if (!expiry_watch_list(app->expiries, list, &count, &err))
		lapsed = err.detail;
	for (size_t i = 0; i < count; i++) {
		const struct expiry *expiry = &list[i];
		const enum expiry_state state = expiry_state(expiry, now_s);

		if (state == EXPIRY_FAR)
			continue;
		if (state == EXPIRY_PAST && expiry->vital)
			lapsed = expiry_remedy(expiry->what);
		(void)json_array_append_new(warnings, shape_expiry(expiry));
	}
	put_component(components, "expiry", all, lapsed == NULL, lapsed);
	return warnings;
}

/* The rest is not there yet. */
static void
look_at_standby(const struct app *app, json_t *components, bool *all)
{
	put_component(components, "database", all, false, "away since the start: waiting for it");
	look_at_keeper(app, components, all);
	look_at_crls(app, components, all);
	look_at_spool(app, components, all);
}

static json_t *
look_at_everything(const struct app *app, json_t *components, bool *all)
{
	look_at_database(app, components, all);
	look_at_keeper(app, components, all);
	look_at_log(app, components, all);
	look_at_witnesses(app, components, all);
	look_at_watched(app, components, all);
	look_at_forwarding(app, components, all);
	look_at_inspection(app, components, all);
	look_at_crls(app, components, all);
	look_at_statuses(app, components, all);
	look_at_spool(app, components, all);
	look_at_copy(app, components, all);
	look_at_ocsp(app, components, all);
	return look_at_expiries(app, components, all);
}

bool
get_ready(const struct app *app, const struct http_request *request, struct http_response *response,
    struct error *err)
{
	json_t *components = json_object();
	json_t *warnings = NULL;
	bool all = true;

	(void)err;
	put_component(
	    components, "service", &all, !request->draining, request->draining ? "draining" : NULL);
	if (app->standby)
		look_at_standby(app, components, &all);
	else
		warnings = look_at_everything(app, components, &all);
	(void)http_ok(response, json_pack("{s:b, s:o, s:o}", "ready", all, "components", components,
				    "warnings", warnings != NULL ? warnings : json_array()));
	response->status = all ? 200 : 503;
	return true;
}
