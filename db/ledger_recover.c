/*
 * Taking the log over: at start, after a lost connection (COMMIT's outcome is unknown then: the
 * log's size says what was committed), and with a new keeper.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "db/ledger_core.h"

#define FEED_MAX 1000   /* leaves of one append while the keeper catches up */
#define UNSIGNED_MAX 64 /* TBSs of one round */

static bool
connect(struct ledger *ledger, struct error *err)
{
	if (ledger->conn != NULL && !conn_failed(ledger->conn))
		return true;
	conn_close(ledger->conn);
	ledger->conn = NULL;
	return conn_open(ledger->url, "monikerd ledger", &ledger->conn, err) &&
	       conn_run_text(ledger->conn, "LISTEN audit_outbox", err);
}

static bool
take_log(struct ledger *ledger, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	struct ledger_taken taken;

	tx_begin_on(ledger->conn, &tx);
	if (!ledger_take_over(tx, ledger->origin, &taken, err) ||
	    !ledger_ensure_partition(tx, taken.log, taken.size, err) || !tx_commit(&tx, err))
		return false;
	ledger->log = taken.log;
	ledger->owner = taken.owner;
	(void)pthread_mutex_lock(&ledger->mutex);
	ledger->size = taken.size;
	(void)pthread_mutex_unlock(&ledger->mutex);
	ledger->last_st_s = taken.last_st_s;
	ledger->partition_until = 0;
	ledger->drain = true;
	return true;
}

/* What was in flight to a keeper that is gone has been finished by the receiver. */
static void
wait_for_no_flight(struct ledger *ledger)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	while (ledger->flights != NULL)
		(void)pthread_cond_wait(&ledger->flight_changed, &ledger->mutex);
	(void)pthread_mutex_unlock(&ledger->mutex);
}

static bool
meet_keeper(struct ledger *ledger, struct keeper_state *out, struct error *err)
{
	bool alive = false;

	ledger->keeper_generation = keeper_client_generation(ledger->options.keeper, &alive);
	if (!alive) {
		(void)error_set(err, E_KEEPER_UNAVAILABLE, "the keeper is not there");
		err->retry_after_s = 1;
		return false;
	}
	if (!keeper_hello(ledger->options.keeper, out, err))
		return false;
	if (strcmp(out->checkpoint.origin, ledger->origin) != 0)
		return error_set(err, E_RECORD_UNAVAILABLE, "the keeper's log is another one");
	return out->checkpoint.size <= (uint64_t)ledger->size ||
	       error_set(err, E_RECORD_UNAVAILABLE,
		   "the keeper's journal is ahead of the database: open a new log");
}

/* Sends leaves from `seq` on that the journal lacks; returns how many through *out_count. */
static bool
feed_some(struct ledger *ledger, uint64_t seq, size_t *out_count, struct error *err)
{
	DEFER(tx_free) struct tx *tx = NULL;
	DEFER(rows_free) struct rows *rows = NULL;
	DEFER(buf_clear_public) struct buf note = {0};
	struct keeper_entry *entries;
	struct keeper_signed *results;
	bool done;

	tx_begin_on(ledger->conn, &tx);
	if (!ledger_read_leaves(tx, ledger->log, (int64_t)seq, FEED_MAX, &rows, err))
		return false;
	*out_count = rows_count(rows);
	if (*out_count == 0)
		return error_set(err, E_RECORD_UNAVAILABLE, "leaves are missing in the database");
	entries = xcalloc(*out_count, sizeof *entries);
	results = xcalloc(*out_count, sizeof *results);
	for (size_t i = 0; i < *out_count; i++)
		entries[i].leaf = rows_bytes(rows, i, 1);
	done = keeper_append_send(ledger->options.keeper, seq, entries, *out_count, err) &&
	       keeper_append_receive(ledger->options.keeper, results, *out_count, &note, err);
	free(entries);
	free(results);
	return done;
}

static bool
feed_missing(struct ledger *ledger, uint64_t have, struct error *err)
{
	while (have < (uint64_t)ledger->size) {
		size_t count = 0;

		if (!feed_some(ledger, have, &count, err))
			return false;
		have += count;
		log_info("ledger.catch_up", "the keeper has %llu of %lld leaves",
		    (unsigned long long)have, (long long)ledger->size);
	}
	return true;
}

/* One round: true with *out_count 0 when nothing is left, or nothing more can be signed. */
static bool
sign_some(struct ledger *ledger, struct ledger_unsigned *todo, size_t *out_count, struct error *err)
{
	const struct ledger_hooks *hooks = &ledger->options.hooks;
	DEFER(tx_free) struct tx *tx = NULL;
	struct ledger_signature kept[UNSIGNED_MAX];
	size_t kept_count = 0;
	size_t found = 0;

	tx_begin_on(ledger->conn, &tx);
	if (!hooks->read_unsigned(
		hooks->certificates, tx, ledger->log, todo, UNSIGNED_MAX, &found, err))
		return false;
	for (size_t i = 0; i < found; i++) {
		struct keeper_entry entry = {
		    .tbs = buf_bytes(&todo[i].tbs), .nonce = todo[i].nonce};
		struct keeper_signed result = {0};

		memcpy(entry.issuer, todo[i].issuer, ISSUER_ID_BYTES);
		if (!keeper_sign_recorded(
			ledger->options.keeper, (uint64_t)todo[i].seq, &entry, &result, err))
			return false;
		if (result.signature_len == 0) {
			log_write(LOG_LEVEL_ERROR, "ledger.resign", "seq %lld: %s",
			    (long long)todo[i].seq, result.why);
			continue;
		}
		memcpy(kept[kept_count].ref, todo[i].ref, CERTIFICATE_REF_BYTES);
		memcpy(kept[kept_count].signature, result.signature, result.signature_len);
		kept[kept_count++].signature_len = result.signature_len;
	}
	*out_count = kept_count;
	return (kept_count == 0 ||
		   hooks->keep_signatures(hooks->certificates, tx, kept, kept_count, err)) &&
	       tx_commit(&tx, err);
}

static bool
sign_unsigned(struct ledger *ledger, struct error *err)
{
	struct ledger_unsigned *todo;
	size_t count = 1;
	bool done = true;

	if (ledger->options.hooks.read_unsigned == NULL)
		return true;
	todo = xcalloc(UNSIGNED_MAX, sizeof *todo);
	while (done && count > 0) {
		done = sign_some(ledger, todo, &count, err);
		for (size_t i = 0; i < UNSIGNED_MAX; i++)
			buf_clear_public(&todo[i].tbs);
	}
	free(todo);
	return done;
}

/* Signatures that were in memory only are found again, unsigned, in the database. */
static void
forget_unkept(struct ledger *ledger)
{
	(void)pthread_mutex_lock(&ledger->mutex);
	ledger->unkept_count = 0;
	(void)pthread_mutex_unlock(&ledger->mutex);
}

static bool
publish(struct ledger *ledger, struct error *err)
{
	DEFER(buf_clear_public) struct buf note = {0};

	if (!keeper_checkpoint(ledger->options.keeper, &note, err))
		return false;
	if (ledger->options.hooks.published != NULL)
		ledger->options.hooks.published(ledger->options.hooks.audit, buf_bytes(&note));
	return true;
}

bool
ledger_recover(struct ledger *ledger, struct error *err)
{
	struct keeper_state state;

	ledger_not_ready(ledger, "the log is being taken over");
	wait_for_no_flight(ledger);
	if (!connect(ledger, err) || !take_log(ledger, err) || !meet_keeper(ledger, &state, err) ||
	    !feed_missing(ledger, state.checkpoint.size, err) || !sign_unsigned(ledger, err) ||
	    !publish(ledger, err)) {
		ledger_not_ready(ledger, err->detail);
		return false;
	}
	forget_unkept(ledger);
	(void)pthread_mutex_lock(&ledger->mutex);
	ledger->ready = true;
	ledger->keeper_lost = false;
	ledger->why_not[0] = '\0';
	(void)pthread_cond_broadcast(&ledger->ready_changed);
	(void)pthread_mutex_unlock(&ledger->mutex);
	return true;
}
