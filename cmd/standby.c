#include "cmd/standby.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/http_metrics.h"
#include "api/limits.h"
#include "api/remembered.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/channels.h"
#include "cmd/serving.h"
#include "db/migrate.h"
#include "keeper/control.h"
#include "provisioning/revoke_later.h"
#include "provisioning/verify_cache.h"

#define LOOK_EVERY_MS 1000

/* ---- remembering ---- */

static char *
memory_path(const struct settings *settings)
{
	return settings_path(settings->state_dir, "remembered.json");
}

bool
standby_remember(struct standby_memory *memory, const struct settings *settings,
    const struct issuers *issuers, struct caller_cache *callers, struct error *err)
{
	DEFER(mem_free) char *path = memory_path(settings);
	DEFER(mem_free) struct operator_caller *known = NULL;
	DEFER(buf_clear_public) struct buf text = {0};
	struct standby_memory now = {.written = true, .issuers_version = issuers_version(issuers)};
	size_t count;

	caller_cache_known(callers, &known, &count, &now.callers_of);
	if (now.callers_of < 0 ||
	    (memory->written && now.issuers_version == memory->issuers_version &&
		now.callers_of == memory->callers_of))
		return true;
	remembered_encode(issuers, known, count, &text);
	if (!file_write(path, buf_bytes(&text), 0600, err))
		return false;
	*memory = now;
	return true;
}

/* ---- building; torn down in the reverse order ---- */

struct standby {
	const struct standby_options *options;
	struct remembered remembered;
	struct db *none; /* whoever asks it is told that it is away */
	struct status_index *statuses;
	struct revoke_later *later;
	struct crl_publisher *crls;
	struct caller_cache *callers;
	struct verify_cache *verified;
	struct work_pool *work;
	struct limiter *limiter;
	struct metrics *metrics;
	struct tls_identity tls;
	struct app app;
	struct server *server;
};

static void
standby_close(struct standby *standby)
{
	if (standby->server != NULL)
		server_drain_and_free(
		    standby->server, (int)standby->options->settings->drain_s * 1000);
	tls_identity_clear(&standby->tls);
	caller_cache_free(standby->callers);
	verify_cache_free(standby->verified);
	work_pool_free(standby->work);
	limiter_free(standby->limiter);
	metrics_free(standby->metrics);
	crl_publisher_free(standby->crls);
	revoke_later_free(standby->later);
	status_index_free(standby->statuses);
	db_free(standby->none);
	remembered_clear(&standby->remembered);
}
DEFER_DECLARE_CLEAR(struct standby, standby_close)

static bool
recall(struct standby *standby, struct error *err)
{
	const struct settings *settings = standby->options->settings;
	DEFER(mem_free) char *path = memory_path(settings);
	DEFER(buf_clear_public) struct buf text = {0};

	return file_read(path, REMEMBERED_MAX, &text, err) &&
	       remembered_parse(
		   buf_bytes(&text), settings->public_http_url, &standby->remembered, err);
}

static bool
open_revocation(struct standby *standby, struct error *err)
{
	const struct standby_options *options = standby->options;
	const struct settings *settings = options->settings;
	DEFER(mem_free) char *spool = settings_path(settings->state_dir, "spool");
	DEFER(mem_free) char *copy = settings_path(settings->state_dir, "revocations");

	standby->none = db_new(&(struct db_options){
	    .application = "monikerd standby", .connections_max = 1, .wait_ms = 1});
	return status_index_new(&(struct status_index_options){.clock = options->clock},
		   &standby->statuses, err) &&
	       status_copy_force(copy, standby->statuses, err) &&
	       revoke_later_new(&(struct revoke_later_options){.path = spool,
				    .issuers = standby->remembered.issuers,
				    .statuses = standby->statuses,
				    .clock = options->clock},
		   &standby->later, err);
}

static bool
open_crls(struct standby *standby, struct error *err)
{
	return crl_publisher_new(&(struct crl_options){.issuers = standby->remembered.issuers,
				     .clock = standby->options->clock,
				     .node = standby->options->settings->node,
				     .dir = standby->options->settings->state_dir},
	    &standby->crls, err);
}

static void
build_app(struct standby *standby)
{
	const struct standby_options *options = standby->options;
	struct issuers *issuers = standby->remembered.issuers;

	standby->metrics = http_metrics_new();
	standby->work = work_pool_new(1);
	standby->verified = verify_cache_new();
	standby->limiter = limiter_new(&options->settings->limits, options->rng);
	standby->callers =
	    caller_cache_new(standby->none, issuers, standby->statuses, options->clock);
	caller_cache_know(
	    standby->callers, &standby->remembered.callers, standby->remembered.caller_count);
	standby->app = (struct app){.clock = options->clock,
	    .rng = options->rng,
	    .db = standby->none,
	    .keeper = options->keeper,
	    .issuers = issuers,
	    .crls = standby->crls,
	    .statuses = standby->statuses,
	    .work = standby->work,
	    .callers = standby->callers,
	    .limiter = standby->limiter,
	    .metrics = standby->metrics,
	    .standby = true,
	    .version = MONIKER_VERSION,
	    .started_at_s = clock_now_s(options->clock)};
	standby->app.revocation = (struct revoke_service){.db = standby->none,
	    .statuses = standby->statuses,
	    .clock = options->clock,
	    .rng = options->rng,
	    .later = standby->later};
	standby->app.verification = (struct verify_service){standby->none, issuers,
	    standby->statuses, standby->verified, standby->work, options->clock};
}

static bool
start_serving(struct standby *standby, struct error *err)
{
	const struct settings *settings = standby->options->settings;
	const struct tls_identity_options tls = {.state_dir = settings->state_dir,
	    .server_names = settings->server_names,
	    .node = settings->node,
	    .issuers = standby->remembered.issuers,
	    .clock = standby->options->clock,
	    .rng = standby->options->rng};

	return tls_identity_get(&tls, &standby->tls, err) &&
	       serving_new(&standby->app, settings, &standby->tls, &standby->server, err);
}

/* ---- waiting ---- */

/* Any other answer than that it is away is one: the start finds out what it means. */
static bool
database_answers(struct db *db)
{
	struct error err = {0};

	return migrate_check(db, &err) || err.code != E_DATABASE_UNAVAILABLE;
}

/* False: it is to stop. */
static bool
wait_for_database(const struct standby_options *options, struct db *db)
{
	for (;;) {
		struct pollfd fd = {.fd = options->signals, .events = POLLIN};
		struct signalfd_siginfo info;

		if (poll(&fd, 1, LOOK_EVERY_MS) > 0 &&
		    read(options->signals, &info, sizeof info) == (ssize_t)sizeof info &&
		    (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT))
			return false; /* what a reload would change, the start reads */
		if (database_answers(db))
			return true;
	}
}

static bool
serve(const struct standby_options *options, struct db *db, bool *out_stopped, struct error *err)
{
	DEFER(standby_close) struct standby standby = {.options = options};

	if (!recall(&standby, err) || !open_revocation(&standby, err) || !open_crls(&standby, err))
		return false;
	build_app(&standby);
	if (!start_serving(&standby, err) || !control_send(CONTROL_FD, CONTROL_READY, err))
		return false;
	log_warning("service.standby",
	    "the database is away: revocations and CRLs only, on port %d (TLS) and %d (HTTP)",
	    server_tls_port(standby.server), server_http_port(standby.server));
	*out_stopped = !wait_for_database(options, db);
	log_info("service.standby",
	    *out_stopped ? "draining" : "the database answers: the whole service starts");
	return true;
}

bool
standby_reach_database(const struct standby_options *options, struct database *out,
    bool *out_stopped, struct error *err)
{
	struct error failed = {0};

	*out_stopped = false;
	while (!database_open(options->settings, options->clock, out, &failed)) {
		if (failed.code != E_DATABASE_UNAVAILABLE) {
			*err = failed;
			return false;
		}
		log_error(LOG_LEVEL_WARNING, "service.database", NULL, &failed);
		if (!serve(options, out->db, out_stopped, err))
			return false;
		if (*out_stopped)
			return true;
		database_clear(out);
		failed = (struct error){0};
	}
	return true;
}
