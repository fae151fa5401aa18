#include "cmd/service_loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/caller.h"
#include "base/log.h"
#include "ca/adoption.h"
#include "ca/certificate_store.h"
#include "ca/expiry.h"
#include "ca/status_copy.h"
#include "cmd/reload.h"

#define HOUSEKEEPING_S 3600
#define LOOK_EVERY_MS 60000 /* at what is due */
#define OCSP_LOOK_MS 1000   /* an authority that was rolled in needs a responder at once */

struct tls_identity_options
service_tls_options(const struct service *service)
{
	return (struct tls_identity_options){.state_dir = service->settings->state_dir,
	    .server_names = service->current.server_names,
	    .node = service->settings->node,
	    .validity_s = service->settings->tls_validity_min * 60,
	    .issuers = service->database.issuers,
	    .ledger = service->ledger,
	    .clock = &service->clock,
	    .rng = &service->rng};
}

void
service_look_at_ocsp(struct service *service)
{
	struct ocsp_signers_health health;

	ocsp_look(service->ocsp);
	ocsp_health(service->ocsp, &health);
	expiry_watch_ocsp(
	    service->expiries, &(struct expiry_renewed){.not_after_s = health.not_after_s,
				   .renew_at_s = health.renew_at_s,
				   .failing = health.missing > 0});
}

void
service_adopt(struct service *service)
{
	const struct adoption_options options = {.db = service->database.db,
	    .ledger = service->ledger,
	    .rng = &service->rng,
	    .node = service->settings->node};
	struct error err = {0};
	size_t adopted = 0;

	if (!adoption_run(&options, &adopted, &err))
		log_error(LOG_LEVEL_WARNING, "service.adopt", NULL, &err);
	if (adopted > 0)
		log_info("service.adopt", "adopted %zu certificates of retired logs", adopted);
}

void
service_tell_tls(struct service *service, bool failing)
{
	const struct expiry_renewed tls = {.not_after_s = service->tls.not_after_s,
	    .renew_at_s = service->tls.renew_at_s,
	    .failing = failing};

	expiry_watch_tls(service->expiries, &tls);
}

/* Connections that are open keep the certificate they began with. */
static void
renew_tls(struct service *service)
{
	const struct tls_identity_options options = service_tls_options(service);
	DEFER(tls_identity_clear) struct tls_identity fresh = {0};
	struct error err = {0};
	const bool renewed = tls_identity_get(&options, &fresh, &err) &&
			     server_set_certificate(service->server,
				 buf_text(&fresh.certificate_pem), buf_text(&fresh.key_pem), &err);

	if (renewed) {
		tls_identity_replace(&service->tls, &fresh);
		log_info("service.tls", "the service's TLS certificate is renewed");
	} else {
		log_error(LOG_LEVEL_ERROR, "service.tls", NULL, &err);
	}
	service_tell_tls(service, !renewed);
}

static void
reload(struct service *service)
{
	struct reload what = {.config_path = service->config_path,
	    .started = service->settings,
	    .current = &service->current,
	    .db = service->database.db,
	    .issuers = service->database.issuers,
	    .limiter = service->limiter,
	    .server = service->server,
	    .tls = &service->tls,
	    .tls_options = service_tls_options(service)};
	struct error err = {0};

	if (reload_run(&what, &err))
		service_tell_tls(service, false);
	else
		log_error(LOG_LEVEL_ERROR, "service.reload_refused", NULL, &err);
}

static void
housekeep(struct service *service)
{
	const int64_t now_s = clock_now_s(&service->clock);
	struct error err = {0};

	if (!certificate_ensure_partitions(service->database.db, now_s, &err))
		log_error(LOG_LEVEL_ERROR, "service.partitions", NULL, &err);
	err = (struct error){0};
	if (!certificate_advance_signed(service->database.db, &err))
		log_error(LOG_LEVEL_ERROR, "service.signed", NULL, &err);
	escrow_parts_sweep(&service->escrow, &service->app.disclosures);
}

/* Every minute, and so is a renewal that failed tried again. */
static void
look_at_what_is_due(struct service *service)
{
	struct error err = {0};

	service_adopt(service);
	if (!issuers_reload(service->database.issuers, service->database.db, &err))
		log_error(LOG_LEVEL_WARNING, "service.issuers", NULL, &err);
	escrow_parts_look(&service->escrow);
	escrow_parts_erase(&service->escrow, &service->app.erasures);
	if (clock_now_s(&service->clock) >= service->tls.renew_at_s ||
	    service->tls.issuer != issuers_active(service->database.issuers, ISSUER_SERVICE_CA))
		renew_tls(service);
	expiry_watch_log(service->expiries);
}

/* Within a second: who was removed must not be let in by a standby. */
static void
remember(struct service *service)
{
	struct error err = {0}, away = {0};

	(void)!caller_cache_remember(service->callers, &away); /* what is known stays */
	if (!standby_remember(&service->remembered, service->settings, service->database.issuers,
		service->callers, &err))
		log_error(LOG_LEVEL_WARNING, "service.remember", NULL, &err);
}

/* Monotonic: at the next look, or the end of a short certificate's time. */
static int64_t
next_look_ms(const struct service *service)
{
	const int64_t left_s = service->tls.renew_at_s - clock_now_s(&service->clock);

	return clock_monotonic_ms() +
	       (left_s > 0 && left_s * 1000 < LOOK_EVERY_MS ? left_s * 1000 : LOOK_EVERY_MS);
}

void
service_run_until_stopped(struct service *service)
{
	int64_t housekeeping_at_ms = clock_monotonic_ms() + HOUSEKEEPING_S * 1000;
	int64_t look_at_ms = 0;

	for (;;) {
		struct pollfd fd = {.fd = service->signals, .events = POLLIN};
		struct signalfd_siginfo info;

		if (clock_monotonic_ms() >= look_at_ms) {
			look_at_what_is_due(service);
			look_at_ms = next_look_ms(service);
		}
		service_look_at_ocsp(service);
		remember(service);
		status_copy_look(service->copy);
		if (poll(&fd, 1, OCSP_LOOK_MS) > 0 &&
		    read(service->signals, &info, sizeof info) == (ssize_t)sizeof info) {
			if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
				return;
			reload(service); /* SIGHUP */
			housekeeping_at_ms = look_at_ms = 0;
		}
		if (clock_monotonic_ms() < housekeeping_at_ms)
			continue;
		housekeep(service);
		housekeeping_at_ms = clock_monotonic_ms() + HOUSEKEEPING_S * 1000;
	}
}
