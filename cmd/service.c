#include "cmd/service.h"

#include <pthread.h>
#include <unistd.h>

#include "api/caller.h"
#include "api/http_metrics.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "ca/certificate_store.h"
#include "ca/expiry.h"
#include "ca/status_notes.h"
#include "cmd/channels.h"
#include "cmd/log_parts.h"
#include "cmd/service_loop.h"
#include "cmd/serving.h"
#include "cmd/signals.h"
#include "cmd/witnesses.h"
#include "keeper/control.h"
#include "provisioning/abort.h"
#include "provisioning/revoke_later.h"
#include "provisioning/verify_cache.h"

#define READY_WAIT_MS 120000 /* for the keeper and the log at start */
#define READY_LOOK_MS 500    /* meanwhile, for a stop */
#define READY_TELL_MS 5000   /* and what it still waits for is logged */

/* ---- building ---- */

static bool
open_statuses(struct service *service, struct error *err)
{
	const struct settings *settings = service->settings;
	DEFER(mem_free) char *spool = settings_path(settings->state_dir, "spool");
	DEFER(mem_free) char *copy = settings_path(settings->state_dir, "revocations");
	DEFER(status_copy_lost_clear) struct status_copy_lost lost = {0};

	return status_index_new(&(struct status_index_options){.db = service->database.db,
				    .url = settings->database_url,
				    .clock = &service->clock},
		   &service->statuses, err) &&
	       file_make_dir(settings->state_dir, 0755, err) &&
	       status_copy_new(copy, service->statuses, &service->copy, &lost, err) &&
	       revoke_later_new(&(struct revoke_later_options){.path = spool,
				    .issuers = service->database.issuers,
				    .statuses = service->statuses,
				    .clock = &service->clock,
				    .lost = lost.entries,
				    .lost_count = lost.count,
				    .copy = service->copy,
				    .node = settings->node},
		   &service->later, err);
}

static void
status_changed(void *statuses)
{
	status_index_wake(statuses);
}

/* A keeper that never comes must not keep a service that is to stop. */
static bool
wait_for_ledger(const struct service *service, struct error *err)
{
	const int64_t began_ms = clock_monotonic_ms();
	int64_t tell_at_ms = began_ms + READY_TELL_MS;

	while (!ledger_wait_ready(service->ledger, READY_LOOK_MS, err)) {
		const int64_t now_ms = clock_monotonic_ms();

		if (signals_stop_pending() || now_ms >= began_ms + READY_WAIT_MS)
			return false;
		if (now_ms >= tell_at_ms) {
			log_warning("service.waiting", "%s; for %lld of %d s", err->detail,
			    (long long)(now_ms - began_ms) / 1000, READY_WAIT_MS / 1000);
			tell_at_ms = now_ms + READY_TELL_MS;
		}
		*err = (struct error){0};
	}
	return true;
}

static bool
open_ledger(struct service *service, const char *log_name, struct error *err)
{
	DEFER(mem_free) char *origin = settings_path(service->settings->audit_name, log_name);
	struct ledger_options options = {.url = service->settings->database_url,
	    .origin = origin,
	    .keeper = service->keeper,
	    .clock = &service->clock,
	    .rng = &service->rng,
	    .metrics = service->database.metrics,
	    .hooks = {.keep_signatures = certificate_keep_signatures,
		.read_unsigned = certificate_read_unsigned,
		.abort = abort_write,
		.statuses = service->statuses,
		.status_changed = status_changed}};

	struct publisher_witnesses witnesses;

	forwarding_read(service->settings, &service->forwarding);
	service->disks[0] = service->settings->audit_dir;
	service->disks[1] = service->settings->state_dir;
	if (!witnesses_read(service->settings, &service->policy, &witnesses, err) ||
	    !audit_new(&(struct audit_options){.db = service->database.db,
			   .clock = &service->clock,
			   .dir = service->settings->audit_dir,
			   .origin = origin,
			   .node = service->settings->node,
			   .witnesses = witnesses,
			   .syslog = service->forwarding.target,
			   .syslog_cursor = service->forwarding.cursor,
			   .keeper = service->keeper,
			   .disks = service->disks,
			   .room_min_bytes = service->settings->disk_min_mib << 20},
		&service->audit, err) ||
	    !audit_prepare(service->audit, err))
		return false;
	service->expiries =
	    expiry_watch_new(&(struct expiry_watch_options){.db = service->database.db,
		.issuers = service->database.issuers,
		.clock = &service->clock,
		.log_origin = origin});
	audit_hooks(service->audit, &options.hooks);
	return ledger_new(&options, &service->ledger, err) && wait_for_ledger(service, err);
}

static bool
open_crls(struct service *service, struct error *err)
{
	return crl_publisher_new(&(struct crl_options){.db = service->database.db,
				     .issuers = service->database.issuers,
				     .keeper = service->keeper,
				     .statuses = service->statuses,
				     .ledger = service->ledger,
				     .clock = &service->clock,
				     .node = service->settings->node,
				     .dir = service->settings->state_dir},
	    &service->crls, err);
}

/* Its responders get their certificates before anybody can ask. */
static void
open_ocsp(struct service *service)
{
	service->ocsp = ocsp_new(&(struct ocsp_options){.db = service->database.db,
	    .statuses = service->statuses,
	    .signers = {.issuers = service->database.issuers,
		.ledger = service->ledger,
		.clock = &service->clock,
		.rng = &service->rng,
		.node = service->settings->node,
		.validity_s = service->settings->ocsp_validity_min * 60}});
	service_look_at_ocsp(service);
}

/* Of the unlinkable mode. */
static void
build_pseudonyms(struct service *service)
{
	struct app *app = &service->app;

	service->pseudonym_kind = pseudonym_kind_new();
	app->pseudonyms = (struct pseudonym_service){app->db, app->ledger, app->keeper,
	    app->issuers, service->pseudonym_kind, app->clock, app->rng};
	service->pseudonyms = (struct pseudonym_revoker){app->db, app->ledger, app->keeper,
	    app->crls, app->statuses, service->settings->pseudonym_tick_s, app->clock, app->rng};
}

static void
build_kinds(struct service *service)
{
	service->enroll_kind = enroll_kind_new();
	service->renew_kind = renew_kind_new();
	service->revoke_kind = revoke_kind_new();
}

static void
build_app(struct service *service)
{
	struct app *app = &service->app;

	open_ocsp(service);
	service->metrics = http_metrics_new();
	service->work = work_pool_new((int)sysconf(_SC_NPROCESSORS_ONLN));
	service->batches = batch_cache_new(service->database.db);
	build_kinds(service);
	service->verified = verify_cache_new();
	service->notes = status_notes_new(&(struct status_notes_options){.db = service->database.db,
	    .issuers = service->database.issuers,
	    .statuses = service->statuses,
	    .keeper = service->keeper,
	    .clock = &service->clock,
	    .name = service->settings->audit_name,
	    .fresh_s = service->settings->status_fresh_min * 60});
	service->limiter = limiter_new(&service->settings->limits, &service->rng);
	service->callers = caller_cache_new(
	    service->database.db, service->database.issuers, service->statuses, &service->clock);
	*app = (struct app){.clock = &service->clock,
	    .rng = &service->rng,
	    .db = service->database.db,
	    .keeper = service->keeper,
	    .ledger = service->ledger,
	    .audit = service->audit,
	    .issuers = service->database.issuers,
	    .crls = service->crls,
	    .statuses = service->statuses,
	    .copy = service->copy,
	    .notes = service->notes,
	    .ocsp = service->ocsp,
	    .expiries = service->expiries,
	    .work = service->work,
	    .callers = service->callers,
	    .limiter = service->limiter,
	    .metrics = service->metrics,
	    .db_metrics = service->database.metrics,
	    .version = MONIKER_VERSION,
	    .started_at_s = clock_now_s(&service->clock)};
	escrow_parts_serve(&service->escrow, app);
	app->holds = (struct holds_service){app->db, app->ledger};
	app->batches = (struct batch_service){app->db, app->ledger, app->clock, app->rng,
	    service->escrow.seats, !service->settings->pseudonyms_allowed};
	app->tokens =
	    (struct token_service){app->db, app->ledger, app->keeper, app->clock, app->rng};
	app->operators =
	    (struct operator_service){app->db, app->ledger, app->issuers, app->clock, app->rng};
	app->enrollment = (struct enroll_service){app->db, app->ledger, app->keeper, app->issuers,
	    service->batches, service->enroll_kind, service->statuses, app->clock, app->rng,
	    service->escrow.seats, service->escrow.shred};
	app->renewal = (struct renew_service){
	    app->db, app->ledger, app->issuers, service->renew_kind, app->clock, app->rng};
	build_pseudonyms(service);
	app->revocation = (struct revoke_service){app->db, app->ledger, service->revoke_kind,
	    app->crls, app->statuses, &service->pseudonyms, app->clock, app->rng, service->later};
	app->verification = (struct verify_service){
	    app->db, app->issuers, app->statuses, service->verified, app->work, app->clock};
}

static bool
start_serving(struct service *service, struct error *err)
{
	const struct settings *settings = service->settings;
	const struct tls_identity_options tls = service_tls_options(service);

	return tls_identity_get(&tls, &service->tls, err) &&
	       pseudonym_ticks_new(&service->pseudonyms, &service->ticks, err) &&
	       serving_new(&service->app, settings, &service->tls, &service->server, err);
}

static void
service_close(struct service *service)
{
	if (service->server != NULL)
		server_drain_and_free(service->server, (int)service->settings->drain_s * 1000);
	revoke_later_end(service->later);
	pseudonym_ticks_free(service->ticks);
	log_parts_close(&service->app);
	crl_publisher_free(service->crls);
	ocsp_free(service->ocsp);
	if (service->audit != NULL)
		audit_end(service->audit);
	ledger_free(service->ledger);
	revoke_later_free(service->later);
	status_copy_free(service->copy);
	status_index_free(service->statuses);
	audit_free(service->audit);
	forwarding_clear(&service->forwarding);
	caller_cache_free(service->callers);
	verify_cache_free(service->verified);
	status_notes_free(service->notes);
	limiter_free(service->limiter);
	expiry_watch_free(service->expiries);
	enroll_kind_free(service->enroll_kind);
	renew_kind_free(service->renew_kind);
	revoke_kind_free(service->revoke_kind);
	pseudonym_kind_free(service->pseudonym_kind);
	batch_cache_free(service->batches);
	escrow_parts_close(&service->escrow);
	work_pool_free(service->work);
	database_clear(&service->database);
	metrics_free(service->metrics);
	tls_identity_clear(&service->tls);
	settings_clear(&service->current);
	if (service->control_runs) {
		(void)pthread_cancel(service->control);
		(void)pthread_join(service->control, NULL);
	}
	keeper_client_free(service->keeper);
}
DEFER_DECLARE_CLEAR(struct service, service_close)

static bool
start_control(struct service *service, struct error *err)
{
	service->keeper = keeper_client_new();
	service->control_runs =
	    pthread_create(&service->control, NULL, channels_main, service->keeper) == 0;
	return service->control_runs || error_set(err, E_INTERNAL, "cannot start a thread");
}

bool
service_run(const char *config_path, const struct settings *settings, const char *log_name,
    struct error *err)
{
	DEFER(service_close)
	struct service service = {.config_path = config_path,
	    .settings = settings,
	    .clock = clock_system(),
	    .rng = rng_system(),
	    .signals = -1};
	bool stopped = false;

	if (!settings_read(config_path, &service.current, err) ||
	    !signals_block(&service.signals, err) || !start_control(&service, err) ||
	    !standby_reach_database(&(struct standby_options){.settings = settings,
					.clock = &service.clock,
					.rng = &service.rng,
					.keeper = service.keeper,
					.signals = service.signals},
		&service.database, &stopped, err))
		return false;
	if (stopped)
		return true;
	if (!open_statuses(&service, err) || !open_ledger(&service, log_name, err) ||
	    !open_crls(&service, err))
		return false;
	service_adopt(&service);
	if (!escrow_parts_open(&service.escrow, settings, service.database.db,
		service.database.issuers, &service.clock, &service.rng, err))
		return false;
	build_app(&service);
	if (!caller_cache_remember(service.callers, err) ||
	    !log_parts_open(&service.app, settings, err) ||
	    !revoke_later_begin(service.later, &service.app.revocation, err) ||
	    !start_serving(&service, err) || !audit_begin(service.audit, service.ledger, err) ||
	    !control_send(CONTROL_FD, CONTROL_READY, err))
		return false;
	service_tell_tls(&service, false);
	log_info("service.start", "serving on port %d (TLS) and %d (HTTP)",
	    server_tls_port(service.server), server_http_port(service.server));
	if (server_est_legacy_port(service.server) != 0)
		log_info("service.start", "serving EST with TLS 1.2 on port %d",
		    server_est_legacy_port(service.server));
	service_run_until_stopped(&service);
	log_info("service.stop", "draining");
	return true;
}

bool
service_check(const struct settings *settings, struct error *err)
{
	DEFER(service_close)
	struct service service = {
	    .settings = settings, .clock = clock_system(), .rng = rng_system(), .signals = -1};
	struct publisher_witnesses witnesses;
	char log_name[LOG_NAME_MAX + 1];

	return settings_log_name(settings, log_name, err) &&
	       witnesses_read(settings, &service.policy, &witnesses, err) &&
	       database_open(settings, &service.clock, &service.database, err) &&
	       escrow_parts_check(settings, err);
}
