/* GET /metrics: what was counted, and what is looked up when asked. */
#include <stdio.h>

#include "api/handlers.h"
#include "api/http_metrics.h"
#include "audit/export.h"
#include "audit/inspection.h"
#include "base/mem.h"
#include "base/process.h"
#include "provisioning/revoke_later.h"
#include "provisioning/shred_retention.h"

#define LABELS_MAX 160 /* of a CRL: issuer and shard */

enum looked_up {
	BUILD_INFO,
	LEDGER_READY,
	LEDGER_QUEUED,
	LEDGER_UNKEPT,
	LOG_SIZE,
	COMPONENT_UP,
	SYSLOG_LAG,
	SYSLOG_SENT,
	INSPECTION_LEAVES,
	INSPECTION_NEXT,
	INSPECTION_SIZE,
	INSPECTION_DONE,
	INSPECTION_FAULTS, /* the last of them */
	CHECKPOINT_AGE,
	REFUSALS_WINDOWED,
	WITNESS_QUORUM,
	WITNESS_CONTRADICTED,
	WITNESS_COSIGNED,
	WITNESS_COSIGNATURES,
	WITNESS_FAILURES, /* the last of them */
	EXPORTS,
	EXPORTS_RUNNING,
	EXPORTS_BYTES,
	KEEPER_UP,
	KEEPER_ATTACHED,
	STATUS_SEQ,
	STATUS_AGE,
	STATUS_ENTRIES,
	STATUS_BYTES,
	STATUS_LISTENING,
	STATUS_RELOADS,
	SPOOLED,
	ERASURES_WAITING,
	CRL_NUMBER,
	CRL_THIS_UPDATE,
	CRL_NEXT_UPDATE,
	CRL_SIZE,
	CRL_DELTA_NUMBER,
	CRL_DELTA_THIS_UPDATE,
	CRL_DELTA_SIZE,
	CRL_FAILURES,
	CRL_FAILING, /* the last of them */
	EXPIRY_AT,
	EXPIRY_WARN,
	PROCESS_CPU,
	PROCESS_RESIDENT,
	PROCESS_VIRTUAL,
	PROCESS_FDS,
	PROCESS_FDS_MAX,
	PROCESS_THREADS,
	PROCESS_START,
};

/* clang-format off */
static const struct metric TABLE[] = {
	/*                    name                                  type            per                       help */
	[BUILD_INFO]       = {"moniker_build_info",                  METRIC_GAUGE,   1, NULL, NULL,            "Always 1; the version that runs is its label."},
	[LEDGER_READY]     = {"moniker_ledger_ready",                METRIC_GAUGE,   1, NULL, NULL,            "1 while the audit log can be written, else 0."},
	[LEDGER_QUEUED]    = {"moniker_ledger_queued_proposals",     METRIC_GAUGE,   1, NULL, NULL,            "Proposals that wait for a transaction."},
	[LEDGER_UNKEPT]    = {"moniker_ledger_unkept_signatures",    METRIC_GAUGE,   1, NULL, NULL,            "Signatures that are not in the database yet."},
	[LOG_SIZE]         = {"moniker_log_size_leaves",             METRIC_GAUGE,   1, NULL, NULL,            "Leaves in this node's audit log."},
	[SYSLOG_LAG]       = {"moniker_syslog_lag_leaves",           METRIC_GAUGE,   1, NULL, NULL,            "Published leaves that the syslog receiver has not read yet."},
	[SYSLOG_SENT]      = {"moniker_syslog_sent_total",           METRIC_COUNTER, 1, NULL, NULL,            "Leaves sent to the syslog receiver, repeats too."},
	[INSPECTION_LEAVES] = {"moniker_inspection_leaves_total",    METRIC_COUNTER, 1, NULL, NULL,            "Leaves that were held against stored rows and published files."},
	[INSPECTION_NEXT]  = {"moniker_inspection_next_leaf",        METRIC_GAUGE,   1, NULL, NULL,            "How far the pass over this node's log is; 0: none is under way."},
	[INSPECTION_SIZE]  = {"moniker_inspection_size_leaves",      METRIC_GAUGE,   1, NULL, NULL,            "Leaves of the log when that pass began."},
	[INSPECTION_DONE]  = {"moniker_inspection_done_timestamp_seconds", METRIC_GAUGE, 1, NULL, NULL,        "When the last pass over this node's log ended; 0: none has."},
	[INSPECTION_FAULTS] = {"moniker_inspection_faults",          METRIC_GAUGE,   1, NULL, NULL,            "Stored rows and published files that are not what the log commits to."},
	[COMPONENT_UP]     = {"moniker_component_up",                METRIC_GAUGE,   1, NULL, NULL,            "0 while a part of the service does not operate, else 1."},
	[CHECKPOINT_AGE]   = {"moniker_log_checkpoint_age_seconds",  METRIC_GAUGE,   1, NULL, NULL,            "Age of the published checkpoint; -1: none yet."},
	[REFUSALS_WINDOWED] = {"moniker_refusals_windowed_total",    METRIC_COUNTER, 1, NULL, NULL,            "Refusals that the audit log has as a count of their minute instead of a leaf each."},
	[WITNESS_QUORUM]   = {"moniker_witness_quorum",              METRIC_GAUGE,   1, NULL, NULL,            "1 while the newest checkpoint has a quorum of witnesses, else 0."},
	[WITNESS_CONTRADICTED] = {"moniker_witness_contradicted",    METRIC_GAUGE,   1, NULL, NULL,            "1 while a witness says that it holds another history of this log, else 0."},
	[WITNESS_COSIGNED] = {"moniker_witness_cosigned",            METRIC_GAUGE,   1, NULL, NULL,            "1 while a witness is under the newest checkpoint, else 0."},
	[WITNESS_COSIGNATURES] = {"moniker_witness_cosignatures_total", METRIC_COUNTER, 1, NULL, NULL,         "Checkpoints that a witness has cosigned."},
	[WITNESS_FAILURES] = {"moniker_witness_failures_total",      METRIC_COUNTER, 1, NULL, NULL,            "Checkpoints that a witness was asked to cosign in vain."},
	[EXPORTS]          = {"moniker_audit_exports_total",         METRIC_COUNTER, 1, NULL, NULL,            "Exports of the audit log that this node finished."},
	[EXPORTS_RUNNING]  = {"moniker_audit_exports_running",       METRIC_GAUGE,   1, NULL, NULL,            "1 while this node makes an export."},
	[EXPORTS_BYTES]    = {"moniker_audit_exports_bytes",         METRIC_GAUGE,   1, NULL, NULL,            "Octets of the exports that this node keeps."},
	[KEEPER_UP]        = {"moniker_keeper_up",                   METRIC_GAUGE,   1, NULL, NULL,            "1 while the key keeper answers, else 0."},
	[KEEPER_ATTACHED]  = {"moniker_keeper_attached_total",       METRIC_COUNTER, 1, NULL, NULL,            "Keepers that this service was connected to; more than 1: the keeper was started again."},
	[STATUS_SEQ]       = {"moniker_status_seq",                  METRIC_GAUGE,   1, NULL, NULL,            "Place in the order of status changes that this service answers by."},
	[STATUS_AGE]       = {"moniker_status_age_seconds",          METRIC_GAUGE,   1000, NULL, NULL,         "Since the last successful look at the order of status changes."},
	[STATUS_ENTRIES]   = {"moniker_status_entries",              METRIC_GAUGE,   1, NULL, NULL,            "Certificates that are held or revoked."},
	[STATUS_BYTES]     = {"moniker_status_index_bytes",          METRIC_GAUGE,   1, NULL, NULL,            "Memory of the index of them."},
	[STATUS_LISTENING] = {"moniker_status_listening",            METRIC_GAUGE,   1, NULL, NULL,            "1 while other nodes' changes are told at once; 0: within a second."},
	[STATUS_RELOADS]   = {"moniker_status_reloads_total",        METRIC_COUNTER, 1, NULL, NULL,            "Times the index was read anew because the order had a gap."},
	[SPOOLED]          = {"moniker_revocations_spooled",         METRIC_GAUGE,   1, NULL, NULL,            "Revocations in force here that wait to be recorded."},
	[ERASURES_WAITING] = {"moniker_erasures_waiting",            METRIC_GAUGE,   1, NULL, NULL,            "Erasures on record whose keys are not deleted yet."},
	[CRL_NUMBER]       = {"moniker_crl_number",                  METRIC_GAUGE,   1, NULL, NULL,            "Number of the CRL in force; 0: none yet."},
	[CRL_THIS_UPDATE]  = {"moniker_crl_this_update_timestamp_seconds", METRIC_GAUGE, 1, NULL, NULL,        "When the CRL in force was made."},
	[CRL_NEXT_UPDATE]  = {"moniker_crl_next_update_timestamp_seconds", METRIC_GAUGE, 1, NULL, NULL,        "Until when the CRL in force holds."},
	[CRL_SIZE]         = {"moniker_crl_size_bytes",              METRIC_GAUGE,   1, NULL, NULL,            "Octets of the CRL in force."},
	[CRL_DELTA_NUMBER] = {"moniker_crl_delta_number",            METRIC_GAUGE,   1, NULL, NULL,            "Number of the delta CRL in force; 0: none."},
	[CRL_DELTA_THIS_UPDATE] = {"moniker_crl_delta_this_update_timestamp_seconds", METRIC_GAUGE, 1, NULL, NULL, "When the delta CRL in force was made."},
	[CRL_DELTA_SIZE]   = {"moniker_crl_delta_size_bytes",        METRIC_GAUGE,   1, NULL, NULL,            "Octets of the delta CRL in force."},
	[CRL_FAILURES]     = {"moniker_crl_build_failures_total",    METRIC_COUNTER, 1, NULL, NULL,            "Builds of CRLs that failed."},
	[CRL_FAILING]      = {"moniker_crl_build_failing",           METRIC_GAUGE,   1, NULL, NULL,            "1 while the last build failed."},
	[EXPIRY_AT]        = {"moniker_expiry_timestamp_seconds",    METRIC_GAUGE,   1, NULL, NULL,            "When something lapses: a root, a root's CRL, an issuing CA, the service's certificate, the first of the operators'."},
	[EXPIRY_WARN]      = {"moniker_expiry_warn_timestamp_seconds", METRIC_GAUGE, 1, NULL, NULL,            "From when on it should be renewed."},
	[PROCESS_CPU]      = {"process_cpu_seconds_total",           METRIC_COUNTER, METRIC_US_PER_S, NULL, NULL, "User and system CPU time of the service's process."},
	[PROCESS_RESIDENT] = {"process_resident_memory_bytes",       METRIC_GAUGE,   1, NULL, NULL,            "Resident memory."},
	[PROCESS_VIRTUAL]  = {"process_virtual_memory_bytes",        METRIC_GAUGE,   1, NULL, NULL,            "Virtual memory."},
	[PROCESS_FDS]      = {"process_open_fds",                    METRIC_GAUGE,   1, NULL, NULL,            "Open file descriptors."},
	[PROCESS_FDS_MAX]  = {"process_max_fds",                     METRIC_GAUGE,   1, NULL, NULL,            "File descriptors that may be open."},
	[PROCESS_THREADS]  = {"process_threads",                     METRIC_GAUGE,   1, NULL, NULL,            "Threads."},
	[PROCESS_START]    = {"process_start_time_seconds",          METRIC_GAUGE,   1, NULL, NULL,            "When the service's process started."},
};
/* clang-format on */

static void
put(struct buf *out, enum looked_up which, const char *labels, int64_t value)
{
	metrics_write_head(out, &TABLE[which]);
	metrics_write_sample(out, &TABLE[which], labels, value);
}

static void
put_log(const struct app *app, struct buf *out)
{
	struct ledger_status status;

	ledger_status(app->ledger, &status);
	put(out, LEDGER_READY, NULL, status.ready ? 1 : 0);
	put(out, LEDGER_QUEUED, NULL, (int64_t)status.queued);
	put(out, LEDGER_UNKEPT, NULL, (int64_t)status.unkept);
	put(out, LOG_SIZE, NULL, status.size);
	put(out, CHECKPOINT_AGE, NULL, audit_checkpoint_age_s(app->audit));
	put(out, REFUSALS_WINDOWED, NULL, audit_refusals_windowed(app->audit));
}

/* Names come from the operator's file; what would break a label does not get into one. */
static void
witness_label(const struct cosign_witness *witness, char out[static LABELS_MAX])
{
	(void)snprintf(out, LABELS_MAX, "witness=\"%.128s\"", witness->name);
	for (char *c = out + sizeof "witness=\"" - 1; *c != '\0' && c[1] != '\0'; c++)
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '_';
}

static void
put_witnesses(const struct app *app, struct buf *out)
{
	DEFER(mem_free) struct cosign_health *health = xcalloc(1, sizeof *health);
	const bool known = audit_witnesses(app->audit, health);

	for (enum looked_up which = WITNESS_QUORUM; which <= WITNESS_FAILURES; which++) {
		metrics_write_head(out, &TABLE[which]);
		if (known && which == WITNESS_QUORUM)
			metrics_write_sample(out, &TABLE[which], NULL, health->has_quorum);
		if (known && which == WITNESS_CONTRADICTED)
			metrics_write_sample(out, &TABLE[which], NULL, health->contradicted);
		for (size_t i = 0; i < health->count && which >= WITNESS_COSIGNED; i++) {
			const struct cosign_witness *witness = &health->witnesses[i];
			const uint64_t values[] = {[0] = witness->cosigned,
			    [WITNESS_COSIGNATURES - WITNESS_COSIGNED] = witness->cosignatures,
			    [WITNESS_FAILURES - WITNESS_COSIGNED] = witness->failures};
			char labels[LABELS_MAX];

			witness_label(witness, labels);
			metrics_write_sample(
			    out, &TABLE[which], labels, (int64_t)values[which - WITNESS_COSIGNED]);
		}
	}
}

static void
put_forwarding(const struct app *app, struct buf *out)
{
	struct forward_health health;
	const bool known = audit_forwarding(app->audit, &health);

	metrics_write_head(out, &TABLE[SYSLOG_LAG]);
	if (known)
		metrics_write_sample(out, &TABLE[SYSLOG_LAG], NULL, (int64_t)health.lag);
	metrics_write_head(out, &TABLE[SYSLOG_SENT]);
	if (known)
		metrics_write_sample(out, &TABLE[SYSLOG_SENT], NULL, (int64_t)health.sent);
}

static void
put_inspection(const struct app *app, struct buf *out)
{
	struct inspection_health health = {0};
	const bool known = inspection_health(app->inspection, &health);
	const int64_t values[] = {(int64_t)health.leaves, (int64_t)health.next,
	    (int64_t)health.size, health.done_at_s, health.faults};

	for (enum looked_up which = INSPECTION_LEAVES; which <= INSPECTION_FAULTS; which++) {
		metrics_write_head(out, &TABLE[which]);
		if (known)
			metrics_write_sample(
			    out, &TABLE[which], NULL, values[which - INSPECTION_LEAVES]);
	}
}

static void
put_components(const struct app *app, struct buf *out)
{
	metrics_write_head(out, &TABLE[COMPONENT_UP]);
	for (enum component_id id = 0; id < COMPONENT_COUNT; id++) {
		char labels[LABELS_MAX];
		int64_t down_s;

		if (!audit_component(app->audit, id, &down_s))
			continue;
		(void)snprintf(labels, sizeof labels, "component=\"%s\"", component_name(id));
		metrics_write_sample(out, &TABLE[COMPONENT_UP], labels, down_s == 0 ? 1 : 0);
	}
}

static void
put_exports(const struct app *app, struct buf *out)
{
	struct exports_health health;

	exports_health(app->exports, &health);
	put(out, EXPORTS, "outcome=\"done\"", health.done);
	metrics_write_sample(out, &TABLE[EXPORTS], "outcome=\"failed\"", health.failed);
	put(out, EXPORTS_RUNNING, NULL, health.running);
	put(out, EXPORTS_BYTES, NULL, health.bytes);
}

static void
put_keeper(const struct app *app, struct buf *out)
{
	bool alive = false;
	const uint64_t generation = keeper_client_generation(app->keeper, &alive);

	put(out, KEEPER_UP, NULL, alive ? 1 : 0);
	put(out, KEEPER_ATTACHED, NULL, (int64_t)generation);
}

static void
put_statuses(const struct app *app, struct buf *out)
{
	struct status_index_health health;
	struct revoke_later_health later;

	status_index_health(app->statuses, &health);
	revoke_later_health(app->revocation.later, &later);
	put(out, STATUS_SEQ, NULL, health.seq);
	put(out, STATUS_AGE, NULL, health.age_ms);
	put(out, STATUS_ENTRIES, "state=\"held\"", (int64_t)health.held_count);
	metrics_write_sample(
	    out, &TABLE[STATUS_ENTRIES], "state=\"revoked\"", (int64_t)health.revoked_count);
	put(out, STATUS_BYTES, NULL, (int64_t)health.bytes);
	put(out, STATUS_LISTENING, NULL, health.listening ? 1 : 0);
	put(out, STATUS_RELOADS, NULL, (int64_t)health.reloads);
	put(out, SPOOLED, NULL, (int64_t)later.count);
}

/* One metric of all CRLs: a metric's series stand together. */
static void
put_crls(const struct app *app, struct buf *out, enum looked_up which)
{
	struct crl_state crl;

	metrics_write_head(out, &TABLE[which]);
	for (size_t i = 0; crl_at(app->crls, i, &crl); i++) {
		const struct crl_info *full = &crl.lists[CRL_FULL], *delta = &crl.lists[CRL_DELTA];
		const int64_t values[] = {[0] = (int64_t)full->number,
		    [CRL_THIS_UPDATE - CRL_NUMBER] = full->this_update_s,
		    [CRL_NEXT_UPDATE - CRL_NUMBER] = full->next_update_s,
		    [CRL_SIZE - CRL_NUMBER] = (int64_t)full->der_len,
		    [CRL_DELTA_NUMBER - CRL_NUMBER] = (int64_t)delta->number,
		    [CRL_DELTA_THIS_UPDATE - CRL_NUMBER] = delta->this_update_s,
		    [CRL_DELTA_SIZE - CRL_NUMBER] = (int64_t)delta->der_len,
		    [CRL_FAILURES - CRL_NUMBER] = crl.failures,
		    [CRL_FAILING - CRL_NUMBER] = crl.failing != E_NONE};
		char labels[LABELS_MAX];

		(void)snprintf(labels, sizeof labels, "issuer=\"%s\",shard=\"%04d\"",
		    crl.issuer->id_text, crl.shard);
		metrics_write_sample(out, &TABLE[which], labels, values[which - CRL_NUMBER]);
	}
}

static void
put_expiries(struct buf *out, enum looked_up which, const struct expiry *list, size_t count)
{
	metrics_write_head(out, &TABLE[which]);
	for (size_t i = 0; i < count; i++) {
		char labels[LABELS_MAX + EXPIRY_ID_MAX];

		(void)snprintf(labels, sizeof labels, "what=\"%s\",id=\"%s\"",
		    expiry_name(list[i].what), list[i].id);
		metrics_write_sample(out, &TABLE[which], labels,
		    which == EXPIRY_AT ? list[i].not_after_s : list[i].warn_from_s);
	}
}

/* Without the database there are none: what can be told is told all the same. */
static void
put_all_expiries(const struct app *app, struct buf *out)
{
	struct expiry list[EXPIRY_MAX];
	struct error unknown = {0};
	size_t count = 0;

	if (!expiry_watch_list(app->expiries, list, &count, &unknown))
		count = 0;
	put_expiries(out, EXPIRY_AT, list, count);
	put_expiries(out, EXPIRY_WARN, list, count);
}

/* As above. */
static void
put_erasures(const struct app *app, struct buf *out)
{
	struct erasures_waiting waiting;
	struct error unknown = {0};

	if (app->erasures.db != NULL && erasures_waiting_read(app->erasures.db, &waiting, &unknown))
		put(out, ERASURES_WAITING, NULL, waiting.count);
}

static void
put_process(const struct app *app, struct buf *out)
{
	struct process_use use;

	process_look(&use);
	put(out, PROCESS_CPU, NULL, use.cpu_us);
	put(out, PROCESS_RESIDENT, NULL, use.resident_bytes);
	put(out, PROCESS_VIRTUAL, NULL, use.virtual_bytes);
	put(out, PROCESS_FDS, NULL, use.fds);
	put(out, PROCESS_FDS_MAX, NULL, use.fds_max);
	put(out, PROCESS_THREADS, NULL, use.threads);
	put(out, PROCESS_START, NULL, app->started_at_s);
}

static void
put_build(const struct app *app, struct buf *out)
{
	char labels[LABELS_MAX];

	(void)snprintf(labels, sizeof labels, "version=\"%s\"", app->version);
	put(out, BUILD_INFO, labels, 1);
}

bool
get_metrics(const struct app *app, const struct http_request *request,
    struct http_response *response, struct error *err)
{
	struct buf *out = &response->body;

	(void)request;
	(void)err;
	put_build(app, out);
	metrics_write(app->metrics, out);
	metrics_write(app->db_metrics, out);
	metrics_write(ocsp_metrics(app->ocsp), out);
	put_log(app, out);
	put_witnesses(app, out);
	put_components(app, out);
	put_forwarding(app, out);
	put_inspection(app, out);
	put_exports(app, out);
	put_keeper(app, out);
	put_statuses(app, out);
	for (enum looked_up which = CRL_NUMBER; which <= CRL_FAILING; which++)
		put_crls(app, out, which);
	put_all_expiries(app, out);
	put_erasures(app, out);
	put_process(app, out);
	response->content_type = "text/plain; version=0.0.4; charset=utf-8";
	http_header(response, "Cache-Control", "no-store");
	response->status = 200;
	return true;
}
